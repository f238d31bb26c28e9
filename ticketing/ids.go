package ticketing

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Millis is a moment in whole milliseconds UTC since the Unix epoch; 0 means "none".
type Millis int64

// MillisOf cuts t to whole milliseconds.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time is the same moment as a time.Time in UTC; the zero time for 0.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// Add moves the moment by d, cut to whole milliseconds.
func (m Millis) Add(d time.Duration) Millis { return m + Millis(d.Milliseconds()) }

// KRW is an amount of Korean won, which has no smaller unit.
type KRW int64

// UserID names a customer or admin without saying who that is; events carry nothing else about people.
type UserID int64

// RoundID names a round (회차): one showing, the unit that is sold.
type RoundID int64

// Stream names one machine's events: "round:42".
type Stream string

const roundPrefix = "round:"

// RoundStream is the stream of a round.
func RoundStream(id RoundID) Stream {
	var space [len(roundPrefix) + 20]byte // on the stack
	return Stream(strconv.AppendInt(append(space[:0], roundPrefix...), int64(id), 10))
}

// Round is the round this stream belongs to; false when it is some other machine's stream.
func (s Stream) Round() (RoundID, bool) {
	digits, found := strings.CutPrefix(string(s), roundPrefix)
	if !found {
		return 0, false
	}
	id, ok := parseNumber(digits, 63)
	return RoundID(id), ok
}

// CampaignID names a campaign: first-come coupons.
type CampaignID int64

const campaignPrefix = "campaign:"

// CampaignStream is the stream of a campaign.
func CampaignStream(id CampaignID) Stream {
	return Stream(campaignPrefix + strconv.FormatInt(int64(id), 10))
}

// Campaign is the campaign this stream belongs to; false when it is some other machine's stream.
func (s Stream) Campaign() (CampaignID, bool) {
	digits, found := strings.CutPrefix(string(s), campaignPrefix)
	if !found {
		return 0, false
	}
	return ParseCampaignID(digits)
}

// ParseCampaignID reads a campaign's number in its one canonical form.
func ParseCampaignID(s string) (CampaignID, bool) {
	n, ok := parseNumber(s, 63)
	return CampaignID(n), ok
}

// CouponID is "<campaign>-<n>": n counts the campaign's coupons from 1 and is the number that is shown. It is
// guessable and harmless, like a ReservationID.
type CouponID struct {
	Campaign CampaignID
	Number   uint32
}

func (id CouponID) String() string {
	return ReservationID{RoundID(id.Campaign), id.Number}.String()
}

// ParseCouponID reads "<campaign>-<n>" in its one canonical form.
func ParseCouponID(s string) (CouponID, bool) {
	id, ok := ParseReservationID(s)
	return CouponID{CampaignID(id.Round), id.Number}, ok
}

// ReservationID is "<round>-<n>": the round routes the request to the owner, n counts reservations from 1. It is
// guessable and harmless, because every use of it checks whose reservation it is.
type ReservationID struct {
	Round  RoundID
	Number uint32
}

func (id ReservationID) String() string {
	return strconv.FormatInt(int64(id.Round), 10) + "-" + strconv.FormatUint(uint64(id.Number), 10)
}

// ParseReservationID reads "<round>-<n>" in its one canonical form; no signs, spaces or leading zeros.
func ParseReservationID(s string) (ReservationID, bool) {
	round, number, found := strings.Cut(s, "-")
	if !found {
		return ReservationID{}, false
	}
	r, okRound := parseNumber(round, 63)
	n, okNumber := parseNumber(number, 32)
	return ReservationID{Round: RoundID(r), Number: uint32(n)}, okRound && okNumber
}

// ParseRoundID reads a round's number in its one canonical form.
func ParseRoundID(s string) (RoundID, bool) {
	n, ok := parseNumber(s, 63)
	return RoundID(n), ok
}

func parseNumber(s string, bits int) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, bits)
	canonical := err == nil && n > 0 && s[0] != '0' // digits are all that ParseUint takes
	return n, canonical
}

// OrderID is "<reservation>-<attempt>": one attempt to pay a reservation.
type OrderID struct {
	Reservation ReservationID
	Attempt     uint32
}

// ParseOrderID reads "<round>-<n>-<attempt>" in its one canonical form.
func ParseOrderID(s string) (OrderID, bool) {
	cut := strings.LastIndexByte(s, '-')
	if cut < 0 {
		return OrderID{}, false
	}
	reservation, okReservation := ParseReservationID(s[:cut])
	attempt, okAttempt := parseNumber(s[cut+1:], 32)
	return OrderID{reservation, uint32(attempt)}, okReservation && okAttempt
}

func (id OrderID) String() string {
	return id.Reservation.String() + "-" + strconv.FormatUint(uint64(id.Attempt), 10)
}

// Digest is the first 16 bytes of a SHA-256: enough that two different requests of one customer never share it.
type Digest [16]byte

// DigestOf hashes fields so that no two different lists of fields are written alike.
func DigestOf(fields ...string) Digest {
	var space [256]byte // on the stack: most requests fit
	b := space[:0]
	for _, f := range fields {
		b = strconv.AppendInt(b, int64(len(f)), 10)
		b = append(append(b, ':'), f...)
	}
	sum := sha256.Sum256(b)
	return Digest(sum[:len(Digest{})])
}

// Hash is a SHA-256, of a plan or of a machine's state.
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// MarshalText writes hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

// ParseHash reads 64 hexadecimal digits.
func ParseHash(s string) (Hash, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(Hash{}) || hex.EncodeToString(b) != s {
		return Hash{}, false
	}
	return Hash(b), true
}

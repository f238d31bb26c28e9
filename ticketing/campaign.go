package ticketing

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Limits of a campaign.
const (
	MaxCoupons    = 5_000_000 // of one campaign, also of one without a stock of its own
	MaxCouponLife = 3650      // days from issue to expiry
	MaxWaiting    = 1000      // coupons in one answer to ReadWaiting

	// AskAfter is how long after an order's time is over its round is asked what became of the coupon. Until the
	// round has said so the coupon stays reserved: the round decides, never the clock.
	AskAfter = 5 * time.Minute
)

// CampaignTerms are the rules of one campaign, fixed when it is planned. An unlimited life is not among them.
type CampaignTerms struct {
	Stock      int      `json:"stock"`     // coupons to give away; 0: as many as are asked for, up to MaxCoupons
	Claimable  bool     `json:"claimable"` // customers take them; else only the house gives them
	Discount   Discount `json:"discount"`
	OpensAt    Millis   `json:"opens_at"`
	ClosesAt   Millis   `json:"closes_at"`   // of the giving away; coupons may be used until they expire
	ExpiresAt  Millis   `json:"expires_at"`  // of all coupons alike; 0: LifeMillis after issue
	LifeMillis Millis   `json:"life_millis"` // 0: ExpiresAt
}

// Validate checks the terms; an *Invalid names the field.
func (t CampaignTerms) Validate() error {
	switch {
	case t.Stock < 0 || t.Stock > MaxCoupons:
		return invalid("stock", "between 0 (no limit) and %d", MaxCoupons)
	case t.OpensAt <= 0:
		return invalid("opens_at", "a time")
	case t.ClosesAt <= t.OpensAt:
		return invalid("closes_at", "after opens_at")
	case t.ExpiresAt != 0 && t.LifeMillis != 0:
		return invalid("expires_at", "left out when life_days is given")
	case t.ExpiresAt == 0 && (t.LifeMillis < 1000 || t.LifeMillis > MaxCouponLife*dayOfCoupons):
		return invalid("life_days", "between 1 and %d, or else expires_at given", MaxCouponLife)
	case t.ExpiresAt != 0 && t.ExpiresAt < t.ClosesAt:
		return invalid("expires_at", "at closes_at or later")
	}
	return t.Discount.validate()
}

const dayOfCoupons = Millis(24 * time.Hour / time.Millisecond)

// expiry is when a coupon that is issued now expires. It never goes back from one coupon to the next.
func (t CampaignTerms) expiry(now Millis) Millis {
	if t.ExpiresAt != 0 {
		return t.ExpiresAt
	}
	return now + t.LifeMillis
}

// Limit is how many coupons there are to give away.
func (t CampaignTerms) Limit() int {
	if t.Stock == 0 {
		return MaxCoupons
	}
	return t.Stock
}

// Campaign gives a stock of coupons away, first come first served and one to a customer, and knows for each what
// became of it: issued, reserved for one order, redeemed, or given back and issued again, or expired. It is owned by
// one actor; nothing in it is safe for concurrent use. State changes in Apply only.
//
// Nothing of a campaign is ever forgotten: who has had a coupon never gets another. A million coupons take some
// hundred megabytes, and nothing in them points anywhere, so the garbage collector does not look at them.
type Campaign struct {
	id          CampaignID
	terms       CampaignTerms
	seq         uint64
	lastAt      Millis
	phase       Phase
	activations uint64

	coupons  []coupon          // number n is coupons[n-1]
	of       map[UserID]uint32 // number of the customer's coupon
	reserved map[uint32]bool   // numbers of coupons that wait for their order
	redeemed int
	expired  uint32 // the life of coupons up to this number is over
}

// coupon is 96 bytes. One that is not reserved or redeemed remembers the order it came back from.
type coupon struct {
	user      UserID
	issuedAt  Millis
	expiresAt Millis
	order     OrderID
	until     Millis // of the order: when it can no longer be paid
	discount  KRW    // what it takes off that order
	key, body Digest // zero when it was given, not claimed
	status    CouponStatus
	settled   bool // its order was paid and canceled: nothing more comes of it
}

// NewCampaign is a campaign of which nothing has happened yet; its first event must be CampaignPlanned.
func NewCampaign(id CampaignID) *Campaign {
	return &Campaign{id: id, of: map[UserID]uint32{}, reserved: map[uint32]bool{}}
}

// Seq counts the events applied.
func (c *Campaign) Seq() uint64 { return c.seq }

// LastAt is the time of the last event.
func (c *Campaign) LastAt() Millis { return c.lastAt }

// find is a coupon by its number; nil when there is none.
func (c *Campaign) find(number uint32) *coupon {
	if number == 0 || int(number) > len(c.coupons) {
		return nil
	}
	return &c.coupons[number-1]
}

// state is the coupon's status with its age taken into account: a reserved coupon never expires.
func (c *Campaign) state(number uint32) CouponStatus {
	if s := c.find(number).status; s != IssuedCoupon || number > c.expired {
		return s
	}
	return ExpiredCoupon
}

func (c *Campaign) view(number uint32) *Coupon {
	k := c.find(number)
	out := &Coupon{
		ID: CouponID{c.id, number}, User: k.user, Status: c.state(number), Of: c.terms.Stock,
		Discount: c.terms.Discount, IssuedAt: k.issuedAt, ExpiresAt: k.expiresAt,
	}
	if out.Status == ReservedCoupon || out.Status == RedeemedCoupon {
		out.Order, out.Taken = k.order, k.discount
	}
	if out.Status == ReservedCoupon {
		out.ReservedUntil = k.until
	}
	return out
}

func (c *Campaign) status() *CampaignStatus {
	return &CampaignStatus{
		Phase: c.phase, Terms: c.terms, Issued: len(c.coupons), Left: c.terms.Limit() - len(c.coupons),
		Reserved: len(c.reserved), Redeemed: c.redeemed,
	}
}

// NextDeadline is when Due will next have something to say; 0 when never.
func (c *Campaign) NextDeadline() Millis {
	var next Millis
	switch c.phase {
	case Scheduled:
		next = c.terms.OpensAt
	case Open, Paused:
		next = c.terms.ClosesAt
	}
	if k := c.find(c.expired + 1); k != nil {
		next = earliest(next, k.expiresAt)
	}
	return next
}

// Due is what time alone has brought about by now: coupons expire, the campaign opens and closes.
func (c *Campaign) Due(now Millis) []Event {
	if next := c.NextDeadline(); next == 0 || next > now {
		return nil
	}
	var events []Event
	if through := c.overAt(now); through > c.expired {
		events = append(events, Event{now, CouponsExpired{through}})
	}
	switch {
	case c.phase != Closed && now >= c.terms.ClosesAt:
		events = append(events, Event{now, CampaignClosed{}})
	case c.phase == Scheduled && now >= c.terms.OpensAt:
		events = append(events, Event{now, CampaignOpened{}})
	}
	return events
}

// overAt is the last coupon whose life is over at a moment: they were issued, and so expire, in the order of their
// numbers.
func (c *Campaign) overAt(now Millis) uint32 {
	over, _ := slices.BinarySearchFunc(c.coupons[c.expired:], now+1, func(k coupon, at Millis) int {
		return cmp.Compare(k.expiresAt, at)
	})
	return c.expired + uint32(over)
}

// checkCounts holds the campaign against its own promises. A difference is a bug of ours: better to stop than to
// give away what is not there.
func (c *Campaign) checkCounts() {
	if len(c.coupons) > c.terms.Limit() || len(c.of) != len(c.coupons) || int(c.expired) > len(c.coupons) ||
		c.redeemed < 0 || c.redeemed+len(c.reserved) > len(c.coupons) {
		panic(fmt.Sprintf("ticketing: campaign %d of %d has %d coupons of %d customers, %d reserved, %d redeemed, %d expired",
			c.id, c.terms.Limit(), len(c.coupons), len(c.of), len(c.reserved), c.redeemed, c.expired))
	}
}

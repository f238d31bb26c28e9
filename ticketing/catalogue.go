package ticketing

import (
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What the catalogue's things have in common: their streams, their refusals, calendar days.

// Noun is a kind of thing in the catalogue.
type Noun string

// Nouns, as the names of streams have them.
const (
	NounHall        Noun = "hall"
	NounPerformer   Noun = "performer"
	NounPerformance Noun = "performance"
	NounRound       Noun = "round"
	NounReview      Noun = "review"
)

const cataloguePrefix = "catalogue:"

// CatalogueStream is the stream of a thing in the catalogue: "catalogue:hall:7". Its events say that the thing was
// saved or deleted; what it is like now stands in its row. No machine owns it.
func CatalogueStream(noun Noun, id int64) Stream {
	return Stream(cataloguePrefix + string(noun) + ":" + strconv.FormatInt(id, 10))
}

// Catalogue is the thing this stream is about; false when it is another kind of stream.
func (s Stream) Catalogue() (noun Noun, id int64, ok bool) {
	rest, found := strings.CutPrefix(string(s), cataloguePrefix)
	name, digits, complete := strings.Cut(rest, ":")
	number, canonical := parseNumber(digits, 63)
	switch noun = Noun(name); noun {
	case NounHall, NounPerformer, NounPerformance, NounRound, NounReview:
		return noun, int64(number), found && complete && canonical
	}
	return "", 0, false
}

// Refusals of the catalogue.
const (
	CodeChangedMeanwhile Code = "changed_meanwhile" // the version named is not the newest
	CodeInUse            Code = "in_use"            // other things rest on it
	CodeHasSales         Code = "has_sales"         // customers have seats, or had
	CodeRoundClash       Code = "round_clash"       // the hall is taken then
	CodeAlreadyLinked    Code = "already_linked"    // the performer is in it
	CodeTicketRequired   Code = "ticket_required"   // no confirmed reservation
	CodeShowNotOver      Code = "show_not_over"     // Refusal.RetryAt: when it will be
	CodeAlreadyReviewed  Code = "already_reviewed"  // one each
)

// Refusal is the catalogue's no to something that is well formed. Nothing has changed.
type Refusal struct {
	Code    Code
	Detail  string // a sentence for the caller
	RetryAt Millis // when asking again may help; 0 when unknown
}

func (r *Refusal) Error() string {
	return strings.TrimSuffix(string(r.Code)+": "+r.Detail, ": ")
}

// AnyVersion stands for whichever version of a thing there is.
const AnyVersion int64 = 0

// Day is a calendar day in Seoul, as "2026-12-24"; "" is none. Days compare as strings do.
type Day string

// seoul has had no summer time since 1988.
var seoul = time.FixedZone("Asia/Seoul", 9*60*60)

const (
	firstDay Day = "1900-01-01"
	lastDay  Day = "2999-12-31"
)

// DayOf is the day in Seoul at a moment.
func DayOf(m Millis) Day { return Day(m.Time().In(seoul).Format(time.DateOnly)) }

// ParseDay reads "2026-12-24", from 1900 to 2999.
func ParseDay(text string) (Day, bool) {
	_, err := time.Parse(time.DateOnly, text)
	d := Day(text)
	return d, err == nil && d >= firstDay && d <= lastDay
}

// Start is the first moment of the day; 0 of a text that is no day.
func (d Day) Start() Millis {
	t, err := time.ParseInLocation(time.DateOnly, string(d), seoul)
	if err != nil {
		return 0
	}
	return MillisOf(t)
}

// AddYears is the same day years later; of 29 February it may be 1 March.
func (d Day) AddYears(years int) Day {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return min(Day(t.AddDate(years, 0, 0).Format(time.DateOnly)), lastDay)
}

// Limits of the catalogue's texts, in characters.
const (
	MaxHallName    = 100
	MaxAddress     = 255
	MaxTitle       = 200
	MaxDescription = 4000
	MaxPersonName  = 50
	MaxNation      = 50
	MaxReviewText  = 1000
)

// MaxPrice is the highest price of one seat, in KRW.
const MaxPrice KRW = 100_000_000

// MinCharge is the least that a provider charges, in KRW: what is not free costs so much or more.
const MinCharge KRW = 100

// MaxDuration is the longest a performance may last, in minutes.
const MaxDuration = 1440

// Changeover is how long a hall needs between two showings.
const Changeover = 60 * time.Minute

// Categories of performances.
var Categories = []string{"concert", "musical", "sports"}

// Performer is somebody who is seen in performances.
type Performer struct {
	ID      int64
	Name    string
	Nation  string
	Birth   Day // "" when unknown
	Version int64
}

// Validate checks the performer; an *Invalid names the field.
func (p Performer) Validate(today Day) error {
	return cmp.Or(
		checkLine("name", p.Name, MaxPersonName),
		checkLineOrNone("nation", p.Nation, MaxNation),
		p.checkBirth(today))
}

func (p Performer) checkBirth(today Day) error {
	if _, ok := ParseDay(string(p.Birth)); p.Birth != "" && (!ok || p.Birth > today) {
		return invalid("birth", "a day such as 1980-03-28, from %s to today, or left out", firstDay)
	}
	return nil
}

// Validate checks the hall; an *Invalid names the field. Its seats are the plan's matter.
func (h Hall) Validate() error {
	return cmp.Or(checkLine("name", h.Name, MaxHallName), checkLineOrNone("address", h.Address, MaxAddress))
}

// Review is what a customer thinks of a performance he has seen.
type Review struct {
	ID            int64
	PerformanceID int64
	User          UserID
	Rate          int // 0..5
	Text          string
	Reservation   ReservationID // that entitles him
	CreatedAt     Millis
	EditedAt      Millis // 0: never
	Version       int64
}

// MaxRate is the best a review can give; the worst is 0.
const MaxRate = 5

// Validate checks the review; an *Invalid names the field.
func (r Review) Validate() error {
	if r.Rate < 0 || r.Rate > MaxRate {
		return invalid("rate", "from 0 to %d", MaxRate)
	}
	return checkText("text", r.Text, MaxReviewText)
}

// checkLine wants a text that something may be called.
func checkLine(field, text string, limit int) error {
	if !IsLine(text) {
		return invalid(field, WantLine)
	}
	return checkLength(field, text, limit)
}

// checkLineOrNone wants the same, or nothing.
func checkLineOrNone(field, text string, limit int) error {
	if text == "" {
		return nil
	}
	if !IsLine(text) {
		return invalid(field, WantLine+"; or left out")
	}
	return checkLength(field, text, limit)
}

// checkText wants a text, perhaps empty, that may have several lines.
func checkText(field, text string, limit int) error {
	if hasUnseen(strings.ReplaceAll(text, "\r\n", "\n"), "\n\t") {
		return invalid(field, "text without control, direction and invisible characters")
	}
	return checkLength(field, text, limit)
}

func checkLength(field, text string, limit int) error {
	if utf8.RuneCountInString(text) > limit {
		return invalid(field, "at most %d characters", limit)
	}
	return nil
}

// Choice is what a filter by a yes or no lets through; the zero Choice lets both through.
type Choice int8

// What is let through.
const (
	Either Choice = iota // whatever it is
	Yes                  // only what is so
	No                   // only what is not
)

// ChoiceOf lets through only what is so.
func ChoiceOf(so bool) Choice {
	if so {
		return Yes
	}
	return No
}

// PerformanceFilter says which performances a list has. Zero fields leave nothing out.
type PerformanceFilter struct {
	Category string
	OnSale   Choice // whether a sale of one of its rounds is open
	From     Day    // shown on this day or later
	To       Day    // shown on this day or earlier
}

// PerformanceCursor is a place in a list of performances, which is ordered by the last day; zero is before the first.
type PerformanceCursor struct {
	To Day
	ID int64
}

// PerformerFilter says which performers a list has: those whose names begin with a text, or have it anywhere.
type PerformerFilter struct {
	Prefix   string
	Contains string
}

// PerformerCursor is a place in a list of performers, which is ordered by name; zero is before the first.
type PerformerCursor struct {
	Name string
	ID   int64
}

// Cursor is the performance's own place: a list goes on after it.
func (p Performance) Cursor() PerformanceCursor { return PerformanceCursor{p.To, p.ID} }

// Cursor is the performer's own place: a list goes on after it.
func (p Performer) Cursor() PerformerCursor { return PerformerCursor{p.Name, p.ID} }

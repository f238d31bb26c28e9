package ticketing

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Records of the catalogue, as rooms hand them to each other.

// ErrNotFound: there is no such thing, or it is not the caller's to see.
var ErrNotFound = errors.New("not found")

// ErrFrozen: an auditor found the stream wrong; a person must look before it is served again.
var ErrFrozen = errors.New("the stream is frozen")

// ErrUnavailable: what would answer is away; asking later may help.
var ErrUnavailable = errors.New("not available now")

// Invalid is bad input: which field, and what would be right.
type Invalid struct {
	Field string
	Want  string
}

func (e *Invalid) Error() string { return e.Field + " must be " + e.Want }

func invalid(field, format string, args ...any) error {
	return &Invalid{Field: field, Want: fmt.Sprintf(format, args...)}
}

// Hall is a place with seats; its plan is the newest version of its layout.
type Hall struct {
	ID          int64
	Name        string
	Address     string
	PlanHash    Hash
	Seats       int
	PlanVersion int // counts layouts from 1; rounds keep the plan they were planned with
	Version     int64
}

// Performance is what is shown; it is sold round by round.
type Performance struct {
	ID              int64
	Title           string
	Category        string
	HallID          int64
	HallName        string
	DurationMinutes int
	Prices          map[string]KRW // by grade name of the hall's plan
	Description     string
	From            Day // first day it is shown
	To              Day // last day
	RatingSum       int64
	Ratings         int64   // reviews
	Poster          *Poster // nil: it has none
	Version         int64
}

// WithDays gives a performance without days those that are meant: from today, for a year.
func (p Performance) WithDays(today Day) Performance {
	p.From = cmp.Or(p.From, today)
	p.To = cmp.Or(p.To, p.From.AddYears(1))
	return p
}

// Validate checks the performance but for its prices; an *Invalid names the field.
func (p Performance) Validate() error {
	return cmp.Or(
		checkLine("title", p.Title, MaxTitle),
		p.checkKind(),
		checkText("description", p.Description, MaxDescription),
		p.checkDays())
}

func (p Performance) checkKind() error {
	if !slices.Contains(Categories, p.Category) {
		return invalid("category", "one of %s", strings.Join(Categories, ", "))
	}
	if p.DurationMinutes < 1 || p.DurationMinutes > MaxDuration {
		return invalid("duration_minutes", "from 1 to %d", MaxDuration)
	}
	return nil
}

func (p Performance) checkDays() error {
	if _, ok := ParseDay(string(p.From)); !ok {
		return invalid("from", "a day such as 2026-12-24")
	}
	if _, ok := ParseDay(string(p.To)); !ok || p.To < p.From {
		return invalid("to", "a day such as 2026-12-24, and not before from")
	}
	return nil
}

// CheckPrices wants one price for each of some different grades and no other; an *Invalid names the field.
func (p Performance) CheckPrices(grades []string) error {
	for _, grade := range grades {
		price, found := p.Prices[grade]
		if !found {
			return invalid("prices."+grade, "present")
		}
		if price != 0 && (price < MinCharge || price > MaxPrice) {
			return invalid("prices."+grade, "0, or %d to %d", MinCharge, MaxPrice)
		}
	}
	if len(p.Prices) != len(grades) {
		return invalid("prices", "of these grades only: %s", strings.Join(grades, ", "))
	}
	return nil
}

// Ends is when a showing that starts at a moment is over.
func (p Performance) Ends(startsAt Millis) Millis {
	return startsAt.Add(time.Duration(p.DurationMinutes) * time.Minute)
}

// RoundInfo is the catalogue row of a round. Seats and status live in its machine.
type RoundInfo struct {
	ID            RoundID
	PerformanceID int64
	PlanHash      Hash
	StartsAt      Millis
	Terms         Terms
	Version       int64
	Phase         Phase // as the read tables know it; 0 while they do not
	Canceled      bool  // the same
}

// ReservationSummary is a reservation with what its customer wants to see beside it in a list.
type ReservationSummary struct {
	Reservation
	PerformanceID int64
	Title         string
	HallName      string
	StartsAt      Millis
}

// ReservationCursor is a place in a customer's list of reservations, which is ordered newest first; the zero cursor
// is before the first. HeldAt never changes, so a place stays where it is.
type ReservationCursor struct {
	HeldAt Millis
	ID     ReservationID
}

// Cursor is the reservation's own place: a list goes on after it.
func (r ReservationSummary) Cursor() ReservationCursor { return ReservationCursor{r.HeldAt, r.ID} }

// CampaignInfo is the catalogue row of a campaign. Stock left and status live in its machine.
type CampaignInfo struct {
	ID      CampaignID
	Name    string
	Welcome bool // while it is the newest such, every new customer is given a coupon of it
	Terms   CampaignTerms
}

// MaxCampaignName is the longest name of a campaign, in characters.
const MaxCampaignName = 200

// Validate checks name and terms; an *Invalid names the field.
func (c CampaignInfo) Validate() error {
	if err := c.CheckName(); err != nil {
		return err
	}
	return c.Terms.Validate()
}

// CheckName checks the name alone.
func (c CampaignInfo) CheckName() error { return checkLine("name", c.Name, MaxCampaignName) }

// CampaignSummary is a campaign with its status, as the read tables know it.
type CampaignSummary struct {
	CampaignInfo
	Status  CampaignStatus
	Deleted bool // in no list any more
}

// CouponSummary is a coupon with what its customer wants to see beside it in a list.
type CouponSummary struct {
	Coupon
	Name string // of the campaign
}

// CouponCursor is a place in a customer's list of coupons, which is ordered newest first; the zero cursor is before
// the first.
type CouponCursor struct {
	IssuedAt Millis
	ID       CouponID
}

// Cursor is the coupon's own place: a list goes on after it.
func (c CouponSummary) Cursor() CouponCursor { return CouponCursor{c.IssuedAt, c.ID} }

// CouponFilter says which of a customer's coupons are wanted; the zero filter wants all.
type CouponFilter struct {
	UsableAt Millis // those that could be used at this moment; 0: whatever became of them
	Amount   KRW    // with UsableAt: for an order of this amount; 0: of any
	Unusable bool   // with UsableAt: instead those that could not
}

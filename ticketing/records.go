package ticketing

import (
	"errors"
	"fmt"
	"time"
)

// Records of the catalogue and of accounts, as rooms hand them to each other.

// ErrNotFound: there is no such thing, or it is not the caller's to see.
var ErrNotFound = errors.New("not found")

// ErrFrozen: an auditor found the stream wrong; a person must look before it is served again.
var ErrFrozen = errors.New("the stream is frozen")

// ErrEmailTaken: an account with this e-mail exists.
var ErrEmailTaken = errors.New("e-mail is taken")

// Invalid is bad input: which field, and what would be right.
type Invalid struct {
	Field string
	Want  string
}

func (e *Invalid) Error() string { return e.Field + " must be " + e.Want }

func invalid(field, format string, args ...any) error {
	return &Invalid{Field: field, Want: fmt.Sprintf(format, args...)}
}

// Role is what an account may do.
type Role string

// Roles. Only a command on the machine makes the first admin.
const (
	Customer Role = "customer"
	Admin    Role = "admin"
)

// User is an account. The password is only ever kept as an argon2id hash in PHC form.
type User struct {
	ID           UserID
	Email        string // lower case
	Name         string
	PasswordHash string
	Role         Role
	CreatedAt    time.Time
}

// Hall is a place with seats; its plan is the newest version of its layout.
type Hall struct {
	ID       int64
	Name     string
	PlanHash Hash
	Seats    int
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
}

// RoundInfo is the catalogue row of a round. Seats and status live in its machine.
type RoundInfo struct {
	ID            RoundID
	PerformanceID int64
	PlanHash      Hash
	StartsAt      Millis
	Terms         Terms
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
	ID    CampaignID
	Name  string
	Terms CampaignTerms
}

// CampaignSummary is a campaign with its status, as the read tables know it.
type CampaignSummary struct {
	CampaignInfo
	Status CampaignStatus
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
}

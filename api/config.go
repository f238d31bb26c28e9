package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/api/auth"
	"ticketblue/api/auth/fakekakao"
	"ticketblue/ticketing"
)

// Limits of one request. The document shows them.
const (
	MaxBodyBytes     = 64 << 10
	MaxLayoutBytes   = 16 << 20 // of an admin's hall with its layout: 100,000 seats in the wordiest format
	MaxHeaderBytes   = 16 << 10
	MaxKeyBytes      = 255 // of an Idempotency-Key
	MaxSeatLabel     = 40  // characters: two names of 16, a number of 6, two dashes
	MaxPageSize      = 100
	readTimeout      = 5 * time.Second
	writeTimeout     = 10 * time.Second
	idleTimeout      = 60 * time.Second
	closeGrace       = time.Second // for the last answers to reach slow callers at shutdown
	requestDeadline  = 5 * time.Second
	hotDeadline      = 3 * time.Second
	withdrawDeadline = 8 * time.Second        // a password, and the read tables to get as far as the journal in a rush
	positionWait     = 500 * time.Millisecond // for the read tables to get as far as the caller has seen
	unavailableDelay = time.Second            // what Retry-After says when nobody knows better
	retrySpread      = 3                      // seconds over which those come back that were refused together
)

// Sales asks the owner of a stream. The answer is durable when it arrives.
type Sales interface {
	Do(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result
	// Refuse is Do's answer where that is a refusal which can be known without asking; false: ask. It never waits. A
	// command whose Key is zero has not been given its digests yet.
	Refuse(s ticketing.Stream, cmd ticketing.Command) (ticketing.Result, bool)
	// Durable is the stream's last durable event, as far as it is known without asking: everything that anybody has
	// been answered rests on events up to it. Not known: ask.
	Durable(s ticketing.Stream) (seq uint64, known bool)
}

// Reservations lists what customers have, as far as it is projected.
type Reservations interface {
	// ReservationsOf lists at most limit of a user's reservations, newest first, those after the given place.
	ReservationsOf(ctx context.Context, user ticketing.UserID, after ticketing.ReservationCursor, limit int) ([]ticketing.ReservationSummary, error)
	// Reservation is one of a user's; ticketing.ErrNotFound when there is none, or it is somebody else's.
	Reservation(ctx context.Context, user ticketing.UserID, id ticketing.ReservationID) (ticketing.ReservationSummary, error)
}

// Campaigns keeps coupon campaigns, and lists what is projected of them.
type Campaigns interface {
	// CreateCampaign stores the row and the first event of its stream together.
	CreateCampaign(ctx context.Context, c ticketing.CampaignInfo) (ticketing.CampaignInfo, error)
	// SetCampaignName gives one another name; ticketing.ErrNotFound when there is none.
	SetCampaignName(ctx context.Context, id ticketing.CampaignID, name string) error
	// DeleteCampaign takes one out of the lists, if drop has no error; ticketing.ErrNotFound when there is none.
	DeleteCampaign(ctx context.Context, id ticketing.CampaignID, drop func() error) error
	// Campaign is one of them, a deleted one too; ticketing.ErrNotFound when there is none.
	Campaign(ctx context.Context, id ticketing.CampaignID) (ticketing.CampaignSummary, error)
	// Campaigns lists at most limit of them, newest first, those before the given one, or from the newest on for 0;
	// for the public only those that can be claimed from.
	Campaigns(ctx context.Context, public bool, before ticketing.CampaignID, limit int) ([]ticketing.CampaignSummary, error)
	// CouponsOf lists at most limit of a user's coupons, newest first, those after the given place.
	CouponsOf(ctx context.Context, user ticketing.UserID, f ticketing.CouponFilter, after ticketing.CouponCursor, limit int) ([]ticketing.CouponSummary, error)
}

// Projections tells how far the read tables are.
type Projections interface {
	// AwaitProjected waits until the read tables hold the stream's event seq. The error is the context's when it
	// ends first, and ticketing.ErrNotFound for an unknown stream.
	AwaitProjected(ctx context.Context, s ticketing.Stream, seq uint64) error
	// AwaitCommitted waits until they hold all that had been committed when it was called. The error is the context's when
	// it ends first.
	AwaitCommitted(ctx context.Context) error
}

// Config is what the api is made of.
type Config struct {
	Sales        Sales
	Accounts     Accounts
	Catalogue    Catalogue
	Reservations Reservations
	Campaigns    Campaigns
	Inbox        Inbox
	Payments     Payments
	PaymentBooks PaymentBooks
	Projections  Projections
	Found        ReservationSearch
	FoundByIndex ReservationSearch // nil: no index keeps reservations
	Runs         Runs
	Timetable    []Scheduled // of the jobs that Runs knows
	Search       Search      // what was copied into an index
	SearchSQL    Search      // the catalogue itself, to compare with
	Posters      Posters
	Blobs        Blobs
	Live         Live // nil: live maps are not available
	Tokens       *auth.Tokens
	Passwords    *auth.Passwords
	Kakao        *auth.Kakao           // nil: nobody logs in by Kakao
	FakeKakao    *fakekakao.Kakao      // nil: none is shown
	Checkout     Checkout              // zero: nobody takes money here
	PublicURL    string                // where browsers find this server: https://tickets.example.com; "": as they say, and cookies go over plain HTTP
	Clock        func() time.Time      // for what the api itself says; decisions use the owner's clock
	Random       func(n int) int       // one of the n numbers from 0; nil: math/rand/v2.IntN
	Log          *slog.Logger          // nil: slog.Default()
	Metrics      prometheus.Registerer // nil: measured, but shown nowhere
	Limits       Limits                // zero fields: DefaultLimits
	Refused      func(Refusal)         // told of refusals about seats, money and coupons; it must not block. nil: nobody is
	Bench        bool                  // adds POST /bench/noop
}

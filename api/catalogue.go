package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"ticketblue/ticketing"
)

// Catalogue keeps what is shown, where, when and by whom. Things that do not exist are ticketing.ErrNotFound, bad
// input is a *ticketing.Invalid, and what must not be is a *ticketing.Refusal. The Version of a record handed over is
// the one expected; ticketing.AnyVersion expects nothing.
type Catalogue interface {
	Halls
	Performers
	Performances
	Rounds
	Reviews
}

// Halls keeps places with seats.
type Halls interface {
	CreateHall(ctx context.Context, h ticketing.Hall, plan *ticketing.Plan) (ticketing.Hall, error)
	// UpdateHall replaces name and address, and the layout unless it is nil.
	UpdateHall(ctx context.Context, h ticketing.Hall, plan *ticketing.Plan) (ticketing.Hall, error)
	DeleteHall(ctx context.Context, id, version int64) error
	Hall(ctx context.Context, id int64) (ticketing.Hall, error)
	// Halls lists at most limit of them in the order of their ids, those after the given one.
	Halls(ctx context.Context, after int64, limit int) ([]ticketing.Hall, error)
	Plan(ctx context.Context, hash ticketing.Hash) (*ticketing.Plan, error)
}

// Performers keeps who is seen in performances.
type Performers interface {
	CreatePerformer(ctx context.Context, p ticketing.Performer) (ticketing.Performer, error)
	UpdatePerformer(ctx context.Context, p ticketing.Performer) (ticketing.Performer, error)
	DeletePerformer(ctx context.Context, id, version int64) error
	Performer(ctx context.Context, id int64) (ticketing.Performer, error)
	// Performers lists at most limit of them by name, those after the given place that the filter lets through.
	Performers(ctx context.Context, f ticketing.PerformerFilter, after ticketing.PerformerCursor, limit int) ([]ticketing.Performer, error)
	// PerformersOf lists at most limit of a performance's in the order of their ids, those after the given one.
	PerformersOf(ctx context.Context, performance, after int64, limit int) ([]ticketing.Performer, error)
	LinkPerformer(ctx context.Context, performance, performer int64) error
	UnlinkPerformer(ctx context.Context, performance, performer int64) error
}

// Performances keeps what is shown.
type Performances interface {
	CreatePerformance(ctx context.Context, p ticketing.Performance) (ticketing.Performance, error)
	// UpdatePerformance asks reprice for every round when prices change, and changes nothing when that fails.
	UpdatePerformance(ctx context.Context, p ticketing.Performance, reprice func(ticketing.RoundInfo) error) (ticketing.Performance, error)
	// DeletePerformance asks drop to end the sale of its rounds, and changes nothing when that fails.
	DeletePerformance(ctx context.Context, id, version int64, drop func([]ticketing.RoundInfo) error) error
	Performance(ctx context.Context, id int64) (ticketing.Performance, error)
	// Performances lists at most limit of them by their last day, those after the given place that the filter lets
	// through.
	Performances(ctx context.Context, f ticketing.PerformanceFilter, after ticketing.PerformanceCursor, limit int) ([]ticketing.Performance, error)
}

// Rounds keeps when it is shown.
type Rounds interface {
	// CreateRound stores the row and the first event of its stream together.
	CreateRound(ctx context.Context, r ticketing.RoundInfo) (ticketing.RoundInfo, error)
	// DeleteRound asks drop to end its sale, and changes nothing when that fails.
	DeleteRound(ctx context.Context, id ticketing.RoundID, version int64, drop func() error) error
	// RescheduleRound asks move to tell its machine of the new times, and changes nothing when that fails.
	RescheduleRound(ctx context.Context, r ticketing.RoundInfo, move func() error) (ticketing.RoundInfo, error)
	Round(ctx context.Context, id ticketing.RoundID) (ticketing.RoundInfo, error)
	RoundsOf(ctx context.Context, performanceID int64) ([]ticketing.RoundInfo, error)
}

// Reviews keeps what customers think of performances.
type Reviews interface {
	// CreateReview refuses who has no confirmed reservation of a showing that was over by now, and who has reviewed the
	// performance before.
	CreateReview(ctx context.Context, r ticketing.Review, now ticketing.Millis) (ticketing.Review, error)
	// UpdateReview and DeleteReview return ticketing.ErrNotFound for another's.
	UpdateReview(ctx context.Context, r ticketing.Review, now ticketing.Millis) (ticketing.Review, error)
	// DeleteReview deletes anybody's for user 0.
	DeleteReview(ctx context.Context, id int64, user ticketing.UserID, version int64) error
	Review(ctx context.Context, id int64) (ticketing.Review, error)
	// ReviewBy is a customer's of a performance; ticketing.ErrNotFound while he has written none.
	ReviewBy(ctx context.Context, performance int64, user ticketing.UserID) (ticketing.Review, error)
	// ReviewsOf lists at most limit of a performance's, newest first, those before the given id; 0 for all.
	ReviewsOf(ctx context.Context, performance, before int64, limit int) ([]ticketing.Review, error)
}

// Conditional is part of every input whose answer the caller may have already.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000" doc:"The ETag you have; 304 when nothing has changed since"`
}

// Expecting is part of every input that changes or deletes what somebody else may have changed.
type Expecting struct {
	IfMatch string `header:"If-Match" maxLength:"100" doc:"The ETag that you were given for it, once and in its quotes: 412 \"changed_meanwhile\" when it was changed since. Only the number before the hyphen is compared, the version. Without the header, or with *, it is changed whatever its version is" example:"\"3-0123456789abcdef\""`
}

const wantETag = "one ETag of an answer you had, in its quotes"

// version is the one that the caller has seen.
func (e Expecting) version() (int64, error) {
	if e.IfMatch == "" || e.IfMatch == "*" {
		return ticketing.AnyVersion, nil
	}
	digits, _, found := strings.Cut(strings.TrimPrefix(e.IfMatch, `"`), "-")
	version, err := strconv.ParseInt(digits, 10, 64)
	switch ours := err == nil && version > 0 && found; {
	case strings.Count(e.IfMatch, `"`) != 2 || !strings.HasPrefix(e.IfMatch, `"`) || !strings.HasSuffix(e.IfMatch, `"`):
		return 0, invalid("If-Match", wantETag)
	case !ours:
		return 0, problem(ticketing.CodeChangedMeanwhile, "No version of it had this ETag.")
	}
	return version, nil
}

// tagged is an answer with an ETag.
type tagged[B any] struct {
	Status       int
	ETag         string `header:"ETag" example:"\"3-0123456789abcdef\""`
	CacheControl string `header:"Cache-Control" example:"no-cache"`
	Body         B
}

// tag names a body by its version, if it has one, and its content: a list, or a thing that shows another's name,
// changes without a version of its own. It is left out when the caller has it.
func tag[B any](status int, version int64, body B, known string) (*tagged[B], error) {
	w, err := wireOf(version, body)
	if err != nil {
		return nil, err
	}
	out := &tagged[B]{Status: status, ETag: w.etag, CacheControl: mustAsk, Body: body}
	if known != "" && matches(known, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

const mustAsk = "no-cache" // may be kept, must be asked about

func wireOf(version int64, body any) (wire, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return wire{}, fmt.Errorf("encoding an answer: %w", err)
	}
	sum := sha256.Sum256(text)
	name := hex.EncodeToString(sum[:8])
	if version != 0 {
		name = strconv.FormatInt(version, 10) + "-" + name
	}
	return wire{`"` + name + `"`, text}, nil
}

// today is the calendar day in Seoul.
func (s *Server) today() ticketing.Day { return ticketing.DayOf(ticketing.MillisOf(s.Clock())) }

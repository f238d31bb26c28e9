package search

import (
	"context"

	"ticketblue/ticketing"
)

// ReservationQuery asks an index for reservations.
type ReservationQuery struct {
	Filter ticketing.ReservationFilter
	User   ticketing.UserID // whose e-mail Filter.User is; 0: nobody's
	Order  ticketing.ReservationOrder
	After  ticketing.ReservationPlace
	Limit  int
}

// ErrNotBuilt says that an index is not there: it has never been built, or is lost. That is another thing than an empty one.
// Who follows tries again later, and is no failure; who asks is refused, which is no news for the log.
var ErrNotBuilt error = notBuilt{}

type notBuilt struct{}

func (notBuilt) Error() string { return "search: this index is not there; a running server makes it" }
func (notBuilt) Later() bool   { return true }
func (notBuilt) Unwrap() error {
	return &ticketing.Refusal{Code: ticketing.CodeUnavailable, Detail: "The search index is being made."}
}

// ReservationIndex keeps of reservations what admins look for. It may be a little behind, and let through what only
// looks alike: who asks compares again.
type ReservationIndex interface {
	// FindReservations says where those are that the filter lets through, at most q.Limit (and never none while there is
	// one), in order.
	FindReservations(ctx context.Context, q ReservationQuery) ([]ticketing.ReservationPlace, error)
	// CountReservations is how many there are, wherever the page.
	CountReservations(ctx context.Context, q ReservationQuery) (int, error)
}

// ReservationTables are what is true of reservations.
type ReservationTables interface {
	// ReservationsAmong returns those of ids that the filter lets through, in order.
	ReservationsAmong(ctx context.Context, ids []ticketing.ReservationID, f ticketing.ReservationFilter, o ticketing.ReservationOrder) ([]ticketing.FoundReservation, error)
	// AccountByEmail is whose e-mail a text is; 0 when it is nobody's.
	AccountByEmail(ctx context.Context, text string) (ticketing.UserID, error)
}

// Reservations finds reservations by an index. What it shows it reads from the tables, which also have the last word on
// what is found: an index that is behind may lack something for a moment, and never shows what is no more.
type Reservations struct {
	index  ReservationIndex
	tables ReservationTables
}

// NewReservations makes the finder.
func NewReservations(index ReservationIndex, tables ReservationTables) *Reservations {
	return &Reservations{index, tables}
}

// reservationPage is how many are asked for at once.
const reservationPage = 200

// SearchReservations lists at most limit of those that the filter lets through, in order, those after the given place.
func (r *Reservations) SearchReservations(ctx context.Context, f ticketing.ReservationFilter, o ticketing.ReservationOrder,
	after ticketing.ReservationPlace, limit int) (list []ticketing.FoundReservation, err error) {
	q := ReservationQuery{Filter: f, Order: o, After: after, Limit: min(limit, reservationPage)}
	if err := r.whose(ctx, &q); err != nil {
		return nil, err
	}
	for len(list) < limit {
		places, err := r.index.FindReservations(ctx, q)
		if err != nil {
			return nil, away(err)
		}
		if len(places) == 0 {
			return list, nil
		}
		ids := make([]ticketing.ReservationID, len(places))
		for i, p := range places {
			ids[i], q.After = p.ID, p
		}
		found, err := r.tables.ReservationsAmong(ctx, ids, f, o)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list[:limit], nil
}

// CountReservations counts what the index has of them, and stops at most.
func (r *Reservations) CountReservations(ctx context.Context, f ticketing.ReservationFilter, most int) (int, error) {
	q := ReservationQuery{Filter: f}
	if err := r.whose(ctx, &q); err != nil {
		return 0, err
	}
	n, err := r.index.CountReservations(ctx, q)
	if err != nil {
		return 0, away(err)
	}
	return min(n, most), nil
}

// whose looks up the one e-mail that may be meant: the index has none.
func (r *Reservations) whose(ctx context.Context, q *ReservationQuery) (err error) {
	if q.Filter.User != "" {
		q.User, err = r.tables.AccountByEmail(ctx, q.Filter.User)
	}
	return err
}

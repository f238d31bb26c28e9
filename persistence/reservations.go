package persistence

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// selectSummary reads reservations with their newest order and what they are for.
const selectSummary = `
SELECT r.round, r.number, r.user_id, r.status, r.amount, r.held_at, r.expires_at, r.ended_at, r.attempt, r.refund_due,
       coalesce(o.amount, 0), o.amount IS NOT NULL, r.status = 'paying' AND o.state = 'confirming',
       r.seats,
       p.id, p.title, h.name, n.starts_at, n.plan_hash
  FROM reservations r
  JOIN rounds n ON n.id = r.round
  JOIN performances p ON p.id = n.performance_id
  JOIN halls h ON h.id = p.hall_id
  LEFT JOIN orders o ON o.round = r.round AND o.number = r.number AND o.attempt = r.attempt `

// storedSummary is a summary whose seats have no labels yet.
type storedSummary struct {
	ticketing.ReservationSummary
	plan  ticketing.Hash
	seats []ticketing.SeatIndex
}

func scanSummary(row pgx.CollectableRow) (storedSummary, error) {
	var s storedSummary
	var status string
	var heldAt, startsAt time.Time
	var expiresAt, endedAt *time.Time
	var confirming *bool // NULL without an order
	var hash []byte
	r := &s.Reservation
	err := row.Scan(&r.ID.Round, &r.ID.Number, &r.User, &status, &r.Amount, &heldAt, &expiresAt, &endedAt, &r.Attempt, &r.RefundDue,
		&r.Due, &r.Priced, &confirming, &s.seats, &s.PerformanceID, &s.Title, &s.HallName, &startsAt, &hash)
	r.Status, r.HeldAt, r.ExpiresAt, r.EndedAt = statuses[status], ticketing.MillisOf(heldAt), millis(expiresAt), millis(endedAt)
	r.Confirming = confirming != nil && *confirming
	s.StartsAt = ticketing.MillisOf(startsAt)
	copy(s.plan[:], hash)
	return s, err
}

// label names the seats by their plan.
func (db *DB) label(ctx context.Context, s *storedSummary) error {
	plan, err := db.Plan(ctx, s.plan)
	if err != nil {
		return err
	}
	s.Seats = make([]string, len(s.seats))
	for i, seat := range s.seats {
		if int(seat) >= len(plan.Seats) {
			return fmt.Errorf("reservation %s has seat %d of %d", s.ID, seat, len(plan.Seats))
		}
		s.Seats[i] = plan.Label(seat)
	}
	return nil
}

// ReservationsOf lists up to limit of a user's reservations after a place, newest first: those that have ended too.
// The list is as the read tables know it; see Projector.AwaitProjected.
func (db *DB) ReservationsOf(ctx context.Context, user ticketing.UserID, after ticketing.ReservationCursor, limit int) ([]ticketing.ReservationSummary, error) {
	if after == (ticketing.ReservationCursor{}) {
		after = ticketing.ReservationCursor{HeldAt: farFuture, ID: ticketing.ReservationID{Round: math.MaxInt64, Number: math.MaxUint32}}
	}
	stored, err := many(ctx, db, scanSummary, selectSummary+`
		WHERE r.user_id = $1 AND (r.held_at, r.round, r.number) < ($2, $3, $4)
		ORDER BY r.held_at DESC, r.round DESC, r.number DESC LIMIT $5`,
		int64(user), after.HeldAt.Time(), int64(after.ID.Round), int64(after.ID.Number), pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("reservations of user %d: %w", user, err)
	}
	list := make([]ticketing.ReservationSummary, len(stored))
	for i := range stored {
		if err := db.label(ctx, &stored[i]); err != nil {
			return nil, fmt.Errorf("reservations of user %d: %w", user, err)
		}
		list[i] = stored[i].ReservationSummary
	}
	return list, nil
}

// farFuture is after every reservation and within what Postgres can write down: the year 9999.
const farFuture ticketing.Millis = 253_370_764_800_000

// Reservation is the user's reservation as the read tables know it, for rounds whose machine is not asked any more
// (see SaleClosedAt). It returns ticketing.ErrNotFound when there is none, or it is somebody else's.
func (db *DB) Reservation(ctx context.Context, user ticketing.UserID, id ticketing.ReservationID) (ticketing.ReservationSummary, error) {
	stored, err := one(ctx, db, scanSummary, selectSummary+`WHERE r.round = $1 AND r.number = $2 AND r.user_id = $3`,
		int64(id.Round), int64(id.Number), int64(user))
	if err == nil {
		err = db.label(ctx, &stored)
	}
	if err != nil {
		return ticketing.ReservationSummary{}, fmt.Errorf("reservation %s of user %d: %w", id, user, err)
	}
	return stored.ReservationSummary, nil
}

// SaleClosedAt is when the round's sale ended for good, as the read tables know it; 0 when it has not. It returns
// ticketing.ErrNotFound when they do not know the round.
func (db *DB) SaleClosedAt(ctx context.Context, id ticketing.RoundID) (ticketing.Millis, error) {
	at, err := one(ctx, db, pgx.RowTo[*time.Time], `SELECT closed_at FROM round_states WHERE round = $1`, int64(id))
	if err != nil {
		return 0, fmt.Errorf("when the sale of round %d closed: %w", id, err)
	}
	return millis(at), nil
}

// ReadTables is what the read tables say of a round's stream: its live reservations by number, and the event up to
// which that holds. Both are of one moment. Seats that no live reservation has are listed under a number without a
// status. It returns ticketing.ErrNotFound for an unknown stream; other streams
// than rounds' have no reservations.
func (db *DB) ReadTables(ctx context.Context, s ticketing.Stream) (live []ticketing.LiveReservation, projected uint64, err error) {
	round, _ := s.Round()
	rows, err := db.pool.Query(ctx, `
		SELECT m.projected_seq, coalesce(r.number, t.number), coalesce(r.user_id, 0), coalesce(r.status, ''), t.seats
		  FROM streams m
		  LEFT JOIN ((SELECT number, user_id, status FROM reservations WHERE round = $2 AND status IN ('held', 'paying', 'confirmed')) r
		       FULL JOIN (SELECT number, array_agg(seat ORDER BY seat) AS seats FROM reservation_seats WHERE round = $2 GROUP BY number) t
		            ON t.number = r.number) ON true
		 WHERE m.stream = $1 ORDER BY 2`, string(s), int64(round))
	if err != nil {
		return nil, 0, fmt.Errorf("reading the tables of %s: %w", s, err)
	}
	known := false
	for rows.Next() {
		var number *uint32
		var user *ticketing.UserID
		var status *string
		var seats []ticketing.SeatIndex
		if err := rows.Scan(&projected, &number, &user, &status, &seats); err != nil {
			rows.Close()
			return nil, 0, fmt.Errorf("reading the tables of %s: %w", s, err)
		}
		known = true
		if number != nil {
			live = append(live, ticketing.LiveReservation{Number: *number, User: *user, Status: statuses[*status], Seats: seats})
		}
	}
	if err = rows.Err(); err == nil && !known {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the tables of %s: %w", s, err)
	}
	return live, projected, nil
}

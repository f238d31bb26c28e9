package persistence

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/ticketing"
)

// The locks of projectors are advisory ones: the rows of streams must stay free for the waker's and the relay's own
// marks while a pass is at work. All share one, which a rebuild takes alone; each stream has another.
const (
	lockAllSQL    = `SELECT pg_advisory_xact_lock($1)`
	lockSharedSQL = `SELECT pg_advisory_xact_lock_shared($1)`
	lockEachSQL   = `SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) k`
	marksSQL      = `SELECT stream, projected_seq, effects_seq FROM streams WHERE stream = ANY ($1) AND frozen_at IS NULL ORDER BY stream`

	projectorLock = 0x7469636b65740004
)

// lockKeys are the locks of streams, in the order in which every projector takes them. Two streams with the same
// key only wait for each other.
func lockKeys(streams []ticketing.Stream) []int64 {
	keys := make([]int64, len(streams))
	for i, s := range streams {
		h := fnv.New64a()
		h.Write([]byte("projector "))
		h.Write([]byte(s))
		keys[i] = int64(h.Sum64())
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

const loadStatesSQL = `
SELECT round, plan_hash, phase, canceled, prices, opens_at, closes_at, closed_at FROM round_states WHERE round = ANY ($1)`

// loadNumbersSQL finds the reservations that have seats which change hands, and all live ones of canceled rounds.
const loadNumbersSQL = `
SELECT s.round, s.number FROM unnest($1::bigint[], $2::integer[]) w (round, seat)
  JOIN reservation_seats s ON s.round = w.round AND s.seat = w.seat AND s.live
UNION
SELECT round, number FROM reservations WHERE round = ANY ($3) AND status IN ('held', 'paying', 'confirmed')`

const loadReservationsSQL = `
SELECT r.round, r.number, r.user_id, r.status, r.held_at, r.expires_at, r.ended_at, r.seq
  FROM unnest($1::bigint[], $2::bigint[]) w (round, number) JOIN reservations r ON r.round = w.round AND r.number = w.number`

const loadSeatsSQL = `
SELECT s.round, s.number, s.seat, s.price
  FROM unnest($1::bigint[], $2::bigint[]) w (round, number) JOIN reservation_seats s ON s.round = w.round AND s.number = w.number
 ORDER BY s.round, s.number, s.seat`

const loadOrdersSQL = `
SELECT o.round, o.number, o.attempt, o.state, o.coupon, o.amount, o.refund, o.payment_key, o.pay_by, o.seq
  FROM unnest($1::bigint[], $2::bigint[]) w (round, number) JOIN orders o ON o.round = w.round AND o.number = w.number
 ORDER BY o.round, o.number, o.attempt`

// folds are the rounds of a pass.
type folds map[ticketing.RoundID]*roundFold

// loadStates reads what rounds were like before the batch.
func (fs folds) loadStates(ctx context.Context, tx pgx.Tx) error {
	rounds := make(pgtype.FlatArray[int64], 0, len(fs))
	for id := range fs {
		rounds = append(rounds, int64(id))
	}
	rows, err := tx.Query(ctx, loadStatesSQL, rounds)
	if err != nil {
		return err
	}
	var id ticketing.RoundID
	var hash []byte
	var phase string
	var canceled bool
	var prices []ticketing.KRW
	var opensAt, closesAt time.Time
	var closedAt *time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &hash, &phase, &canceled, &prices, &opensAt, &closesAt, &closedAt}, func() error {
		fs[id].state = roundState{
			planHash: ticketing.Hash(hash), phase: phases[phase], canceled: canceled, prices: prices,
			opensAt: ticketing.MillisOf(opensAt), closesAt: ticketing.MillisOf(closesAt), closedAt: millis(closedAt),
		}
		prices = nil
		return nil
	})
	return err
}

// wanted is what must be loaded before the events can be folded.
type wanted struct {
	rounds, numbers pgtype.FlatArray[int64] // reservations that facts speak of
	seatRounds      pgtype.FlatArray[int64]
	seats           pgtype.FlatArray[int32] // that change hands
	canceled        pgtype.FlatArray[int64] // rounds of which all live reservations end
	known           map[ticketing.ReservationID]bool
	created         map[ticketing.ReservationID]bool
}

func newWanted() *wanted {
	return &wanted{known: map[ticketing.ReservationID]bool{}, created: map[ticketing.ReservationID]bool{}}
}

// want adds what a round's events speak of. What the batch itself makes cannot be in the tables.
func (w *wanted) want(id ticketing.RoundID, events []ticketing.Event) {
	for _, e := range events {
		switch fact := e.Fact.(type) {
		case ticketing.SeatsHeld:
			w.created[ticketing.ReservationID{Round: id, Number: fact.Number}] = true
			for _, s := range fact.Seats {
				w.seatRounds = append(w.seatRounds, int64(id))
				w.seats = append(w.seats, int32(s))
			}
		case ticketing.RoundCanceled:
			w.canceled = append(w.canceled, int64(id))
		default:
			if number := numberOf(fact); number != 0 {
				w.reservation(ticketing.ReservationID{Round: id, Number: number})
			}
		}
	}
}

func (w *wanted) reservation(id ticketing.ReservationID) {
	if !w.known[id] && !w.created[id] {
		w.known[id] = true
		w.rounds = append(w.rounds, int64(id.Round))
		w.numbers = append(w.numbers, int64(id.Number))
	}
}

// numberOf is the reservation that a fact speaks of; 0 for none.
func numberOf(fact ticketing.Fact) uint32 {
	switch f := fact.(type) {
	case ticketing.HoldReleased:
		return f.Number
	case ticketing.HoldLapsed:
		return f.Number
	case ticketing.PaymentStarted:
		return f.Number
	case ticketing.PaymentPriced:
		return f.Number
	case ticketing.PaymentConfirming:
		return f.Number
	case ticketing.PaymentDeclined:
		return f.Number
	case ticketing.ReservationConfirmed:
		return f.Number
	case ticketing.ReservationCanceled:
		return f.Number
	case ticketing.RefundDue:
		return f.Number
	case ticketing.Refunded:
		return f.Number
	}
	return 0
}

// loadRows brings the stored rows that the events touch into the folds.
func (fs folds) loadRows(ctx context.Context, tx pgx.Tx, w *wanted) error {
	if len(w.seats)+len(w.canceled) > 0 {
		rows, err := tx.Query(ctx, loadNumbersSQL, w.seatRounds, w.seats, w.canceled)
		if err != nil {
			return err
		}
		var id ticketing.ReservationID
		if _, err := pgx.ForEachRow(rows, []any{&id.Round, &id.Number}, func() error { w.reservation(id); return nil }); err != nil {
			return err
		}
	}
	if len(w.numbers) == 0 {
		return nil
	}
	var batch pgx.Batch
	found := map[ticketing.ReservationID]*reservationRow{}
	batch.Queue(loadReservationsSQL, w.rounds, w.numbers).Query(func(rows pgx.Rows) error { return scanReservations(rows, found) })
	batch.Queue(loadSeatsSQL, w.rounds, w.numbers).Query(func(rows pgx.Rows) error { return scanSeats(rows, found) })
	batch.Queue(loadOrdersSQL, w.rounds, w.numbers).Query(func(rows pgx.Rows) error { return scanOrders(rows, found) })
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	for id, r := range found {
		fs[id.Round].add(r)
	}
	return nil
}

func scanReservations(rows pgx.Rows, found map[ticketing.ReservationID]*reservationRow) error {
	for rows.Next() {
		var id ticketing.ReservationID
		var status string
		var heldAt time.Time
		var expiresAt, endedAt *time.Time
		r := &reservationRow{}
		if err := rows.Scan(&id.Round, &id.Number, &r.user, &status, &heldAt, &expiresAt, &endedAt, &r.seq); err != nil {
			return err
		}
		r.number, r.status, r.heldAt = id.Number, statuses[status], ticketing.MillisOf(heldAt)
		r.expiresAt, r.endedAt = millis(expiresAt), millis(endedAt)
		found[id] = r
	}
	return rows.Err()
}

func scanSeats(rows pgx.Rows, found map[ticketing.ReservationID]*reservationRow) error {
	var id ticketing.ReservationID
	var s seatRow
	_, err := pgx.ForEachRow(rows, []any{&id.Round, &id.Number, &s.seat, &s.price}, func() error {
		r := found[id]
		if r == nil {
			return contradicts("reservation %s has seats and no row", id)
		}
		r.seats = append(r.seats, s)
		return nil
	})
	return err
}

func scanOrders(rows pgx.Rows, found map[ticketing.ReservationID]*reservationRow) error {
	for rows.Next() {
		var id ticketing.ReservationID
		var amount *ticketing.KRW
		var payBy time.Time
		o := &orderRow{}
		if err := rows.Scan(&id.Round, &id.Number, &o.attempt, &o.state, &o.coupon, &amount, &o.refund, &o.paymentKey, &payBy, &o.seq); err != nil {
			return err
		}
		if amount != nil {
			o.amount, o.priced = *amount, true
		}
		o.payBy = ticketing.MillisOf(payBy)
		r := found[id]
		if r == nil {
			return contradicts("reservation %s has orders and no row", id)
		}
		r.orders = append(r.orders, o)
	}
	return rows.Err()
}

// statuses and phases find the value of a stored name.
var (
	statuses = named(ticketing.Held, ticketing.Paying, ticketing.Confirmed, ticketing.Released, ticketing.Expired, ticketing.Canceled)
	phases   = named(ticketing.Scheduled, ticketing.Open, ticketing.Paused, ticketing.Closed)
)

func named[T fmt.Stringer](values ...T) map[string]T {
	byName := make(map[string]T, len(values))
	for _, v := range values {
		byName[v.String()] = v
	}
	return byName
}

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

// loadReservationsSQL reads all live reservations of some rounds, and single ones besides.
const loadReservationsSQL = reservationColumnsSQL + `
  FROM reservations r WHERE r.round = ANY ($3) AND r.status IN ('held', 'paying', 'confirmed')
UNION ALL ` + reservationColumnsSQL + `
  FROM unnest($1::bigint[], $2::bigint[]) w (round, number) JOIN reservations r ON r.round = w.round AND r.number = w.number
 WHERE NOT (r.round = ANY ($3) AND r.status IN ('held', 'paying', 'confirmed'))`

const reservationColumnsSQL = `
SELECT r.round, r.number, r.user_id, r.status, r.held_at, r.expires_at, r.ended_at, r.seq, r.seats, r.prices`

const loadOrdersSQL = orderColumnsSQL + `
  FROM orders o WHERE o.round = ANY ($3)
UNION ALL ` + orderColumnsSQL + `
  FROM unnest($1::bigint[], $2::bigint[]) w (round, number) JOIN orders o ON o.round = w.round AND o.number = w.number
 WHERE NOT o.round = ANY ($3)
 ORDER BY round, number, attempt`

const orderColumnsSQL = `
SELECT o.round, o.number, o.attempt, o.state, o.coupon, o.amount, o.refund, o.payment_key, o.pay_by, o.seq`

// folds are the rounds of a pass.
type folds map[ticketing.RoundID]*roundFold

// loadStates reads what rounds were like before the batch.
func (fs folds) loadStates(ctx context.Context, tx pgx.Tx, rounds pgtype.FlatArray[int64]) error {
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
	whole           pgtype.FlatArray[int64] // rounds whose live reservations are not known
	rounds, numbers pgtype.FlatArray[int64] // reservations that facts speak of, and that are not live or not known
	seen            map[ticketing.ReservationID]bool
}

func newWanted() *wanted {
	none := pgtype.FlatArray[int64]{} // not nil, which would be NULL, and nothing is in NULL or not in it
	return &wanted{whole: none, rounds: none, numbers: none, seen: map[ticketing.ReservationID]bool{}}
}

// want adds what a round's events speak of. What the batch itself makes cannot be in the tables.
func (w *wanted) want(f *roundFold, events []ticketing.Event) {
	for _, e := range events {
		if held, ok := e.Fact.(ticketing.SeatsHeld); ok {
			w.seen[ticketing.ReservationID{Round: f.id, Number: held.Number}] = true
			continue
		}
		number := numberOf(e.Fact)
		id := ticketing.ReservationID{Round: f.id, Number: number}
		if number != 0 && f.rows[number] == nil && !w.seen[id] {
			w.seen[id] = true
			w.rounds, w.numbers = append(w.rounds, int64(f.id)), append(w.numbers, int64(number))
		}
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

// loadRows brings the stored rows that are wanted into the folds.
func (fs folds) loadRows(ctx context.Context, tx pgx.Tx, w *wanted) error {
	if len(w.numbers)+len(w.whole) == 0 {
		return nil
	}
	var batch pgx.Batch
	found := map[ticketing.ReservationID]*reservationRow{}
	batch.Queue(loadReservationsSQL, w.rounds, w.numbers, w.whole).Query(func(rows pgx.Rows) error { return scanReservations(rows, found) })
	batch.Queue(loadOrdersSQL, w.rounds, w.numbers, w.whole).Query(func(rows pgx.Rows) error { return scanOrders(rows, found) })
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
		var seats []ticketing.SeatIndex
		var prices []ticketing.KRW
		r := &reservationRow{}
		if err := rows.Scan(&id.Round, &id.Number, &r.user, &status, &heldAt, &expiresAt, &endedAt, &r.seq, &seats, &prices); err != nil {
			return err
		}
		if len(seats) != len(prices) {
			return contradicts("reservation %s has %d seats and %d prices", id, len(seats), len(prices))
		}
		for i := range seats {
			r.seats = append(r.seats, seatRow{seats[i], prices[i]})
		}
		r.number, r.status, r.heldAt = id.Number, statuses[status], ticketing.MillisOf(heldAt)
		r.expiresAt, r.endedAt = millis(expiresAt), millis(endedAt)
		found[id] = r
	}
	return rows.Err()
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
		if r := found[id]; r != nil { // else it has ended, and nobody speaks of it
			r.orders = append(r.orders, o)
		}
	}
	return rows.Err()
}

// statuses and phases find the value of a stored name.
var (
	statuses    = named(ticketing.Held, ticketing.Paying, ticketing.Confirmed, ticketing.Released, ticketing.Expired, ticketing.Canceled)
	orderStates = named(ticketing.OrderOpen, ticketing.OrderConfirming, ticketing.OrderDeclined, ticketing.OrderPaid,
		ticketing.OrderRefundDue, ticketing.OrderRefunded)
	phases = named(ticketing.Scheduled, ticketing.Open, ticketing.Paused, ticketing.Closed)
)

func named[T fmt.Stringer](values ...T) map[string]T {
	byName := make(map[string]T, len(values))
	for _, v := range values {
		byName[v.String()] = v
	}
	return byName
}

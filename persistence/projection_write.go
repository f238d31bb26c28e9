package persistence

import (
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/ticketing"
)

// The writes of a pass, in this order: seats are given back before they are given away, else the auditor would see
// them twice.
const (
	deleteSeatsSQL = `
DELETE FROM reservation_seats s USING unnest($1::bigint[], $2::integer[], $3::bigint[]) w (round, seat, number)
 WHERE s.round = w.round AND s.seat = w.seat AND s.number = w.number`

	updateReservationsSQL = `
UPDATE reservations r SET status = w.status, amount = w.amount, expires_at = w.expires_at, ended_at = w.ended_at,
       attempt = w.attempt, refund_due = w.refund_due, seq = w.seq, seats = w.seats::integer[], prices = w.prices::bigint[]
  FROM ` + reservationArrays + `
 WHERE r.round = w.round AND r.number = w.number`

	insertReservationsSQL = `
INSERT INTO reservations (round, number, user_id, status, amount, held_at, expires_at, ended_at, attempt, refund_due, seq, seats, prices)
SELECT round, number, user_id, status, amount, held_at, expires_at, ended_at, attempt, refund_due, seq, seats::integer[], prices::bigint[]
  FROM ` + reservationArrays

	// Lists of lists of different lengths are no arrays: the inner ones go as text.
	reservationArrays = `unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::timestamptz[],
       $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[])
       w (round, number, user_id, status, amount, held_at, expires_at, ended_at, attempt, refund_due, seq, seats, prices)`

	insertSeatsSQL = `
INSERT INTO reservation_seats (round, seat, number) SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bigint[])`

	upsertOrdersSQL = `
INSERT INTO orders (round, number, attempt, state, coupon, amount, refund, payment_key, pay_by, seq)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                     $8::text[], $9::timestamptz[], $10::bigint[])
ON CONFLICT (round, number, attempt) DO UPDATE
   SET state = excluded.state, amount = excluded.amount, refund = excluded.refund, payment_key = excluded.payment_key,
       seq = excluded.seq`

	upsertStateSQL = `
INSERT INTO round_states (round, plan_hash, phase, canceled, prices, opens_at, closes_at, closed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (round) DO UPDATE
   SET phase = excluded.phase, canceled = excluded.canceled, prices = excluded.prices,
       opens_at = excluded.opens_at, closes_at = excluded.closes_at, closed_at = excluded.closed_at`
)

// changes are the rows of a pass, in columns.
type changes struct {
	updated, inserted reservationColumns
	deleted, added    seatColumns // live seats
	orders            orderColumns
}

type reservationColumns struct {
	round, number, user, amount, attempt, refundDue, seq pgtype.FlatArray[int64]
	status, seats, prices                                pgtype.FlatArray[string]
	heldAt, expiresAt, endedAt                           pgtype.FlatArray[pgtype.Timestamptz]
}

type seatColumns struct {
	round, number pgtype.FlatArray[int64]
	seat          pgtype.FlatArray[int32]
}

type orderColumns struct {
	round, number, attempt, refund, seq pgtype.FlatArray[int64]
	amount                              pgtype.FlatArray[pgtype.Int8]
	state, coupon, paymentKey           pgtype.FlatArray[string]
	payBy                               pgtype.FlatArray[pgtype.Timestamptz]
}

// queue adds the statements that bring the tables to where the folds are.
func (fs folds) queue(batch *pgx.Batch) {
	var c changes
	for _, id := range slices.Sorted(maps.Keys(fs)) {
		f := fs[id]
		slices.Sort(f.touched)
		for _, number := range f.touched {
			c.add(int64(id), f.rows[number])
		}
		if s := &f.state; s.changed {
			batch.Queue(upsertStateSQL, int64(id), s.planHash[:], s.phase.String(), s.canceled, s.prices,
				s.opensAt.Time(), s.closesAt.Time(), moment(s.closedAt))
		}
	}
	if d := c.deleted; len(d.round) > 0 {
		batch.Queue(deleteSeatsSQL, d.round, d.seat, d.number)
	}
	if len(c.updated.round) > 0 {
		batch.Queue(updateReservationsSQL, c.updated.args()...)
	}
	if len(c.inserted.round) > 0 {
		batch.Queue(insertReservationsSQL, c.inserted.args()...)
	}
	if a := c.added; len(a.round) > 0 {
		batch.Queue(insertSeatsSQL, a.round, a.seat, a.number)
	}
	if o := c.orders; len(o.round) > 0 {
		batch.Queue(upsertOrdersSQL, o.round, o.number, o.attempt, o.state, o.coupon, o.amount, o.refund, o.paymentKey, o.payBy, o.seq)
	}
}

// add sorts a changed reservation's rows into the statements.
func (c *changes) add(round int64, r *reservationRow) {
	number, live := int64(r.number), r.status.Live()
	if r.stored {
		c.updated.add(round, r)
		for _, seat := range r.gone {
			c.deleted.add(round, seat, number)
		}
	} else {
		c.inserted.add(round, r)
	}
	for _, s := range r.seats {
		switch {
		case r.wasLive && !live:
			c.deleted.add(round, s.seat, number)
		case !r.stored && live:
			c.added.add(round, s.seat, number)
		}
	}
	for _, o := range r.orders {
		if o.changed {
			c.orders.add(round, number, o)
		}
	}
}

func (c *reservationColumns) add(round int64, r *reservationRow) {
	c.round, c.number = append(c.round, round), append(c.number, int64(r.number))
	c.user, c.status = append(c.user, int64(r.user)), append(c.status, r.status.String())
	c.amount, c.refundDue = append(c.amount, int64(r.amount())), append(c.refundDue, int64(r.refundDue()))
	c.heldAt, c.expiresAt = append(c.heldAt, stamp(r.heldAt)), append(c.expiresAt, stamp(r.expiresAt))
	c.endedAt, c.attempt = append(c.endedAt, stamp(r.endedAt)), append(c.attempt, int64(len(r.orders)))
	c.seq = append(c.seq, int64(r.seq))
	seats, prices := make([]byte, 0, 8+8*len(r.seats)), make([]byte, 0, 8+8*len(r.seats))
	for i, s := range r.seats {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		seats = strconv.AppendInt(append(seats, separator), int64(s.seat), 10)
		prices = strconv.AppendInt(append(prices, separator), int64(s.price), 10)
	}
	if len(r.seats) == 0 {
		seats, prices = append(seats, '{'), append(prices, '{')
	}
	c.seats, c.prices = append(c.seats, string(append(seats, '}'))), append(c.prices, string(append(prices, '}')))
}

func (c *reservationColumns) args() []any {
	return []any{c.round, c.number, c.user, c.status, c.amount, c.heldAt, c.expiresAt, c.endedAt, c.attempt, c.refundDue, c.seq, c.seats, c.prices}
}

func (c *seatColumns) add(round int64, seat ticketing.SeatIndex, number int64) {
	c.round, c.seat, c.number = append(c.round, round), append(c.seat, int32(seat)), append(c.number, number)
}

func (c *orderColumns) add(round, number int64, o *orderRow) {
	c.round, c.number, c.attempt = append(c.round, round), append(c.number, number), append(c.attempt, int64(o.attempt))
	c.state, c.coupon = append(c.state, o.state), append(c.coupon, o.coupon)
	c.amount = append(c.amount, pgtype.Int8{Int64: int64(o.amount), Valid: o.priced})
	c.refund, c.paymentKey = append(c.refund, int64(o.refund)), append(c.paymentKey, o.paymentKey)
	c.payBy, c.seq = append(c.payBy, stamp(o.payBy)), append(c.seq, int64(o.seq))
}

// stamp is a timestamptz of an array; NULL for 0.
func stamp(m ticketing.Millis) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: m.Time(), Valid: m != 0}
}

// moveMarksSQL ends a pass. It is the fence: a stream that another projector had moved meanwhile would not be met.
// A stream wakes at the earliest of its reservations' deadlines, or its next coupon's expiry, and its phase's own.
const moveMarksSQL = `
UPDATE streams s
   SET projected_seq = w.until, effects_seq = greatest(s.effects_seq, w.until),
       wake_at = CASE WHEN w.round <> 0 THEN w.wake_at
          WHEN w.campaign <> 0 THEN least(w.wake_at,
          (SELECT c.expires_at FROM coupons c WHERE c.campaign = w.campaign AND c.number = w.coupon))
          ELSE s.wake_at END
  FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::bigint[])
       w (stream, after, until, round, wake_at, campaign, coupon)
 WHERE s.stream = w.stream AND s.projected_seq = w.after`

func moveMarksArgs(work []*streamWork) []any {
	n := len(work)
	streams, wakeAt := make(pgtype.FlatArray[string], n), make(pgtype.FlatArray[pgtype.Timestamptz], n)
	after, until, rounds := make(pgtype.FlatArray[int64], n), make(pgtype.FlatArray[int64], n), make(pgtype.FlatArray[int64], n)
	campaigns, coupons := make(pgtype.FlatArray[int64], n), make(pgtype.FlatArray[int64], n) // the one that expires next
	for i, w := range work {
		streams[i], after[i], until[i] = string(w.stream), int64(w.after), int64(w.until)
		if w.fold != nil {
			rounds[i], wakeAt[i] = int64(w.fold.id), stamp(w.fold.wakeAt())
		}
		if f := w.coupons; f != nil {
			campaigns[i], coupons[i] = int64(f.id), int64(f.state.expired)+1
			wakeAt[i] = stamp(phaseEnds(f.state.phase, f.state.opensAt, f.state.closesAt))
		}
	}
	return []any{streams, after, until, rounds, wakeAt, campaigns, coupons}
}

// wakeAt is the earliest of the phase's end and the live reservations' deadlines; 0 when nothing is due by time alone.
func (f *roundFold) wakeAt() ticketing.Millis {
	next := phaseEnds(f.state.phase, f.state.opensAt, f.state.closesAt)
	for _, r := range f.rows {
		if r.expiresAt != 0 && (next == 0 || r.expiresAt < next) {
			next = r.expiresAt
		}
	}
	return next
}

// phaseEnds is when something opens or closes by itself; 0 when it does neither.
func phaseEnds(phase ticketing.Phase, opensAt, closesAt ticketing.Millis) ticketing.Millis {
	switch phase {
	case ticketing.Scheduled:
		return opensAt
	case ticketing.Open, ticketing.Paused:
		return closesAt
	}
	return 0
}

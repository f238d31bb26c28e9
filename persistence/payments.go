package persistence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// MaxPaymentHints is how many messages about one payment are kept; more are not looked at.
const MaxPaymentHints = 32

// KeepCall keeps the evidence of one call of a payment provider.
func (db *DB) KeepCall(ctx context.Context, c ticketing.ProviderCall) error {
	_, err := db.pool.Exec(ctx, `
		INSERT INTO provider_log (round, number, attempt, did, payment_key, amount, said, code, status, total, balance, is_foreign,
		                          transaction, asked_at, took_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		int64(c.Order.Reservation.Round), int64(c.Order.Reservation.Number), int64(c.Order.Attempt), c.Did, c.Key, int64(c.Amount), c.Said,
		c.Code, c.Status, int64(c.Total), int64(c.Balance), c.Foreign, c.Transaction, c.Asked.Time(), int32(c.Took.Milliseconds()))
	if err != nil {
		return fmt.Errorf("keeping a call of the provider for order %s: %w", c.Order, err)
	}
	return nil
}

func scanCall(row pgx.CollectableRow) (ticketing.ProviderCall, error) {
	var c ticketing.ProviderCall
	var asked time.Time
	var took int64
	err := row.Scan(&c.Order.Reservation.Round, &c.Order.Reservation.Number, &c.Order.Attempt, &c.Did, &c.Key, &c.Amount, &c.Said,
		&c.Code, &c.Status, &c.Total, &c.Balance, &c.Foreign, &c.Transaction, &asked, &took)
	c.Asked, c.Took = ticketing.MillisOf(asked), time.Duration(took)*time.Millisecond
	return c, err
}

// CallsOf lists the calls that were made for a round's orders, by order and in each as they ended.
func (db *DB) CallsOf(ctx context.Context, round ticketing.RoundID) ([]ticketing.ProviderCall, error) {
	list, err := many(ctx, db, scanCall, `
		SELECT round, number, attempt, did, payment_key, amount, said, code, status, total, balance, is_foreign, transaction, asked_at, took_ms
		  FROM provider_log WHERE round = $1 ORDER BY number, attempt, id`, int64(round))
	if err != nil {
		return nil, fmt.Errorf("calls of the provider for round %d: %w", round, err)
	}
	return list, nil
}

// RoundsWithOrders lists the rounds that somebody has begun to pay in, or for whose orders a provider was called. With a
// moment it lists those with calls since then, or with orders that are not settled.
func (db *DB) RoundsWithOrders(ctx context.Context, since time.Time) ([]ticketing.RoundID, error) {
	const all = `SELECT round FROM orders UNION SELECT round FROM provider_log ORDER BY round`
	const lately = `SELECT round FROM orders WHERE state IN ('confirming', 'refund_due') UNION SELECT round FROM provider_log WHERE asked_at >= $1 ORDER BY round`
	sql, args := all, []any{}
	if !since.IsZero() {
		sql, args = lately, []any{since}
	}
	list, err := many(ctx, db, pgx.RowTo[ticketing.RoundID], sql, args...)
	if err != nil {
		return nil, fmt.Errorf("rounds with orders: %w", err)
	}
	return list, nil
}

// KeepHint keeps a message about a payment that the orders know, once, and enqueues the job about its order in the same
// transaction. It is false when the message is about no payment of ours, was kept before, or the payment has had
// MaxPaymentHints.
func (db *DB) KeepHint(ctx context.Context, h ticketing.PaymentHint, job func(ticketing.OrderID, ticketing.Millis) ticketing.Job) (kept bool, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var id ticketing.OrderID
		var at time.Time
		err := tx.QueryRow(ctx, `
			WITH known AS (
			    SELECT round, number, attempt FROM orders WHERE payment_key = $1 AND payment_key <> ''
			     ORDER BY round, number, attempt LIMIT 1),
			kept AS (
			    INSERT INTO provider_hints (payment_key, status, transaction)
			    SELECT $1, $2, $3 FROM known WHERE (SELECT count(*) FROM provider_hints WHERE payment_key = $1) < $4
			    ON CONFLICT DO NOTHING RETURNING received_at)
			SELECT round, number, attempt, received_at FROM known, kept`, h.Key, h.Status, h.Transaction, MaxPaymentHints).
			Scan(&id.Reservation.Round, &id.Reservation.Number, &id.Attempt, &at)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		kept = true
		return db.enqueue(ctx, tx, []ticketing.Job{job(id, ticketing.MillisOf(at))})
	})
	if err != nil {
		return false, fmt.Errorf("keeping a provider's message: %w", err)
	}
	return kept, nil
}

// KeepReason keeps why a customer has canceled; the first reason stays.
func (db *DB) KeepReason(ctx context.Context, user ticketing.UserID, id ticketing.ReservationID, reason string) error {
	_, err := db.pool.Exec(ctx, `INSERT INTO cancel_reasons (round, number, user_id, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		int64(id.Round), int64(id.Number), int64(user), reason)
	if err != nil {
		return fmt.Errorf("keeping why %s was canceled: %w", id, err)
	}
	return nil
}

// EnqueueAll enqueues jobs; those whose key is known are passed over.
func (db *DB) EnqueueAll(ctx context.Context, jobs []ticketing.Job) error {
	return pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error { return db.enqueue(ctx, tx, jobs) })
}

// OrdersOwing lists at most limit orders of a round whose refund is due, after the given one.
func (db *DB) OrdersOwing(ctx context.Context, round ticketing.RoundID, after ticketing.OrderID, limit int) ([]ticketing.OrderID, error) {
	return db.ordersWhere(ctx, `state = 'refund_due'`, round, after, limit)
}

// OrdersWithCoupon lists at most limit orders of a round that name a coupon, after the given one.
func (db *DB) OrdersWithCoupon(ctx context.Context, round ticketing.RoundID, after ticketing.OrderID, limit int) ([]ticketing.OrderID, error) {
	return db.ordersWhere(ctx, `coupon <> ''`, round, after, limit)
}

func (db *DB) ordersWhere(ctx context.Context, which string, round ticketing.RoundID, after ticketing.OrderID, limit int) ([]ticketing.OrderID, error) {
	list, err := many(ctx, db, func(row pgx.CollectableRow) (ticketing.OrderID, error) {
		id := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: round}}
		err := row.Scan(&id.Reservation.Number, &id.Attempt)
		return id, err
	}, `SELECT number, attempt FROM orders WHERE round = $1 AND (number, attempt) > ($2, $3) AND `+which+` ORDER BY number, attempt LIMIT $4`,
		int64(round), int64(after.Reservation.Number), int64(after.Attempt), limit)
	if err != nil {
		return nil, fmt.Errorf("orders of round %d: %w", round, err)
	}
	return list, nil
}

// OrdersUnsettled lists at most limit orders of any round that are being confirmed or owe a refund, and whose time was
// over before a moment, after the given one.
func (db *DB) OrdersUnsettled(ctx context.Context, before ticketing.Millis, after ticketing.OrderID, limit int) ([]ticketing.OrderID, error) {
	list, err := many(ctx, db, func(row pgx.CollectableRow) (ticketing.OrderID, error) {
		var id ticketing.OrderID
		err := row.Scan(&id.Reservation.Round, &id.Reservation.Number, &id.Attempt)
		return id, err
	}, `SELECT round, number, attempt FROM orders WHERE state IN ('confirming', 'refund_due') AND (round, number, attempt) > ($1, $2, $3)
	       AND pay_by < $5 ORDER BY round, number, attempt LIMIT $4`,
		int64(after.Reservation.Round), int64(after.Reservation.Number), int64(after.Attempt), limit, before.Time())
	if err != nil {
		return nil, fmt.Errorf("orders that are not settled: %w", err)
	}
	return list, nil
}

// PaymentOf is the newest order of a user's reservation, as the read tables know it. It returns ticketing.ErrNotFound
// when there is none, or the reservation is somebody else's.
func (db *DB) PaymentOf(ctx context.Context, user ticketing.UserID, id ticketing.ReservationID) (ticketing.PaymentView, error) {
	p, err := one(ctx, db, scanPayment, `
		SELECT o.attempt, o.state, r.status, o.coupon, r.amount, coalesce(o.amount, 0), o.amount IS NOT NULL, o.refund, r.expires_at
		  FROM orders o JOIN reservations r ON r.round = o.round AND r.number = o.number AND r.attempt = o.attempt
		 WHERE o.round = $1 AND o.number = $2 AND r.user_id = $3`, int64(id.Round), int64(id.Number), int64(user))
	if err != nil {
		return p, fmt.Errorf("the order of reservation %s: %w", id, err)
	}
	p.ID.Reservation = id
	return p, nil
}

// OrderOf is an order as the read tables know it, for what its round has forgotten; its key is not among what they tell.
// It returns ticketing.ErrNotFound when they do not know it.
func (db *DB) OrderOf(ctx context.Context, id ticketing.OrderID) (ticketing.Order, error) {
	o, err := one(ctx, db, func(row pgx.CollectableRow) (ticketing.Order, error) {
		o := ticketing.Order{ID: id}
		var state, status string
		err := row.Scan(&o.User, &state, &status, &o.Coupon, &o.Price, &o.Amount, &o.Priced, &o.Refund)
		o.State, o.Reservation = orderStates[state], statuses[status]
		return o, err
	}, `SELECT r.user_id, o.state, r.status, o.coupon, r.amount, coalesce(o.amount, 0), o.amount IS NOT NULL, o.refund
		  FROM orders o JOIN reservations r ON r.round = o.round AND r.number = o.number
		 WHERE o.round = $1 AND o.number = $2 AND o.attempt = $3`,
		int64(id.Reservation.Round), int64(id.Reservation.Number), int64(id.Attempt))
	if err != nil {
		return o, fmt.Errorf("order %s: %w", id, err)
	}
	return o, nil
}

func scanPayment(row pgx.CollectableRow) (ticketing.PaymentView, error) {
	var p ticketing.PaymentView
	var state, status string
	var until *time.Time
	err := row.Scan(&p.ID.Attempt, &state, &status, &p.Coupon, &p.Price, &p.Amount, &p.Priced, &p.Refund, &until)
	p.State, p.Reservation, p.Until = orderStates[state], statuses[status], millis(until)
	return p, err
}

// DeclinedFor is the code of the provider's last no to an order; "" when there is none.
func (db *DB) DeclinedFor(ctx context.Context, id ticketing.OrderID) (string, error) {
	code, err := one(ctx, db, pgx.RowTo[string], `
		SELECT code FROM provider_log WHERE round = $1 AND number = $2 AND attempt = $3 AND code <> '' ORDER BY id DESC LIMIT 1`,
		int64(id.Reservation.Round), int64(id.Reservation.Number), int64(id.Attempt))
	if errors.Is(err, ticketing.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("why order %s was declined: %w", id, err)
	}
	return code, nil
}

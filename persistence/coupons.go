package persistence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// selectCoupon reads coupons with their age taken into account.
const selectCoupon = `
	SELECT k.campaign, k.number, k.user_id, CASE WHEN k.status = 'issued' AND k.number <= s.expired THEN 'expired' ELSE k.status END,
	       k.issued_at, k.expires_at, k.round, k.reservation, k.attempt, k.until, k.discount,
	       c.name, c.stock, c.discount_kind, c.discount_value, c.discount_cap, c.minimum
	  FROM coupons k
	  JOIN campaign_states s ON s.campaign = k.campaign
	  JOIN campaigns c ON c.id = k.campaign `

func scanCoupon(row pgx.CollectableRow) (ticketing.CouponSummary, error) {
	var k ticketing.CouponSummary
	var status, kind string
	var issuedAt, expiresAt time.Time
	var until *time.Time
	var order ticketing.OrderID
	var taken ticketing.KRW
	err := row.Scan(&k.ID.Campaign, &k.ID.Number, &k.User, &status, &issuedAt, &expiresAt,
		&order.Reservation.Round, &order.Reservation.Number, &order.Attempt, &until, &taken,
		&k.Name, &k.Of, &kind, &k.Discount.Value, &k.Discount.Cap, &k.Discount.Minimum)
	k.Status, k.IssuedAt, k.ExpiresAt = couponStatuses[status], ticketing.MillisOf(issuedAt), ticketing.MillisOf(expiresAt)
	k.Discount.Kind, _ = ticketing.ParseDiscountKind(kind)
	if k.Status == ticketing.ReservedCoupon || k.Status == ticketing.RedeemedCoupon {
		k.Order, k.Taken = order, taken
	}
	if k.Status == ticketing.ReservedCoupon {
		k.ReservedUntil = millis(until)
	}
	return k, err
}

// CouponsOf lists up to limit of a user's coupons after a place, newest first. The list is as the read tables know
// it; see Projector.AwaitProjected.
func (db *DB) CouponsOf(ctx context.Context, user ticketing.UserID, f ticketing.CouponFilter, after ticketing.CouponCursor, limit int) ([]ticketing.CouponSummary, error) {
	if after == (ticketing.CouponCursor{}) {
		after = ticketing.CouponCursor{IssuedAt: farFuture, ID: ticketing.CouponID{Campaign: math.MaxInt64, Number: math.MaxUint32}}
	}
	list, err := many(ctx, db, scanCoupon, selectCoupon+`
		WHERE k.user_id = $1 AND (k.issued_at, k.campaign, k.number) < ($2, $3, $4)
		  AND ($5::timestamptz IS NULL OR (k.status = 'issued' AND k.expires_at > $5 AND k.number > s.expired AND (c.minimum <= $6 OR $6 = 0)) <> $8::bool)
		ORDER BY k.issued_at DESC, k.campaign DESC, k.number DESC LIMIT $7`,
		int64(user), after.IssuedAt.Time(), int64(after.ID.Campaign), int64(after.ID.Number), moment(f.UsableAt), int64(f.Amount), pageSize(limit), f.Unusable)
	if err != nil {
		return nil, fmt.Errorf("coupons of user %d: %w", user, err)
	}
	return list, nil
}

// WaitingCoupons lists up to limit reserved coupons of all campaigns whose order's time was over
// ticketing.AskAfter before a moment, the longest waiting first: their rounds must be asked what became of the
// orders.
func (db *DB) WaitingCoupons(ctx context.Context, at ticketing.Millis, limit int) ([]ticketing.CouponSummary, error) {
	list, err := many(ctx, db, scanCoupon, selectCoupon+`
		WHERE k.status = 'reserved' AND k.until <= $1 ORDER BY k.until, k.campaign, k.number LIMIT $2`,
		at.Add(-ticketing.AskAfter).Time(), pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("coupons that wait: %w", err)
	}
	return list, nil
}

// CouponTable is what the read tables say of a campaign's stream: its coupons by number, and the event up to which
// that holds. Both are of one moment. It returns ticketing.ErrNotFound for an unknown stream.
func (db *DB) CouponTable(ctx context.Context, s ticketing.Stream) (coupons []ticketing.CouponState, projected uint64, err error) {
	id, _ := s.Campaign()
	err = pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT projected_seq FROM streams WHERE stream = $1`, string(s)).Scan(&projected); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT k.number, k.user_id, CASE WHEN k.status = 'issued' AND k.number <= s.expired THEN 'expired' ELSE k.status END,
			       k.round, k.reservation, k.attempt, k.expires_at
			  FROM coupons k JOIN campaign_states s ON s.campaign = k.campaign WHERE k.campaign = $1 ORDER BY k.number`, int64(id))
		if err != nil {
			return err
		}
		coupons, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ticketing.CouponState, error) {
			var k ticketing.CouponState
			var status string
			var expiresAt time.Time
			err := row.Scan(&k.Number, &k.User, &status, &k.Order.Reservation.Round, &k.Order.Reservation.Number, &k.Order.Attempt, &expiresAt)
			k.Status, k.ExpiresAt = couponStatuses[status], ticketing.MillisOf(expiresAt)
			return k, err
		})
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the tables of %s: %w", s, err)
	}
	return coupons, projected, nil
}

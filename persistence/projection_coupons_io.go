package persistence

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/ticketing"
)

const (
	loadCampaignStatesSQL = `
SELECT campaign, phase, stock, issued, reserved, redeemed, expired, opens_at, closes_at FROM campaign_states WHERE campaign = ANY ($1)`

	loadCouponsSQL = `
SELECT c.campaign, c.number, c.user_id, c.status, c.issued_at, c.expires_at, c.round, c.reservation, c.attempt, c.until, c.discount, c.seq
  FROM unnest($1::bigint[], $2::bigint[]) w (campaign, number) JOIN coupons c ON c.campaign = w.campaign AND c.number = w.number`

	couponArrays = `unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::bigint[],
       $8::bigint[], $9::bigint[], $10::timestamptz[], $11::bigint[], $12::bigint[])
       w (campaign, number, user_id, status, issued_at, expires_at, round, reservation, attempt, until, discount, seq)`

	insertCouponsSQL = `
INSERT INTO coupons (campaign, number, user_id, status, issued_at, expires_at, round, reservation, attempt, until, discount, seq)
SELECT * FROM ` + couponArrays

	updateCouponsSQL = `
UPDATE coupons c SET status = w.status, round = w.round, reservation = w.reservation, attempt = w.attempt, until = w.until,
       discount = w.discount, seq = w.seq
  FROM ` + couponArrays + `
 WHERE c.campaign = w.campaign AND c.number = w.number`

	upsertCampaignStateSQL = `
INSERT INTO campaign_states (campaign, phase, stock, issued, reserved, redeemed, expired, opens_at, closes_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (campaign) DO UPDATE
   SET phase = excluded.phase, issued = excluded.issued, reserved = excluded.reserved, redeemed = excluded.redeemed,
       expired = excluded.expired`
)

// campaignFolds are the campaigns of a pass.
type campaignFolds map[ticketing.CampaignID]*campaignFold

// load reads what campaigns were like before the batch, and the coupons that facts speak of and that the batch
// itself does not make.
func (fs campaignFolds) load(ctx context.Context, tx pgx.Tx, work []*streamWork) error {
	var campaigns, of, numbers pgtype.FlatArray[int64]
	for _, w := range work {
		if w.coupons == nil {
			continue
		}
		campaigns = append(campaigns, int64(w.coupons.id))
		for _, e := range w.events {
			if n := couponOf(e.Fact); n != 0 {
				of, numbers = append(of, int64(w.coupons.id)), append(numbers, int64(n))
			}
		}
	}
	var batch pgx.Batch
	batch.Queue(loadCampaignStatesSQL, campaigns).Query(fs.scanStates)
	if len(of) > 0 {
		batch.Queue(loadCouponsSQL, of, numbers).Query(fs.scanCoupons)
	}
	return tx.SendBatch(ctx, &batch).Close()
}

func (fs campaignFolds) scanStates(rows pgx.Rows) error {
	for rows.Next() {
		var id ticketing.CampaignID
		var phase string
		var opensAt, closesAt time.Time
		var s campaignState
		if err := rows.Scan(&id, &phase, &s.stock, &s.issued, &s.reserved, &s.redeemed, &s.expired, &opensAt, &closesAt); err != nil {
			return err
		}
		s.phase, s.opensAt, s.closesAt = phases[phase], ticketing.MillisOf(opensAt), ticketing.MillisOf(closesAt)
		fs[id].state = s
	}
	return rows.Err()
}

func (fs campaignFolds) scanCoupons(rows pgx.Rows) error {
	for rows.Next() {
		var id ticketing.CampaignID
		var status string
		var issuedAt, expiresAt time.Time
		var until *time.Time
		k := &couponRow{stored: true}
		o := &k.order
		if err := rows.Scan(&id, &k.number, &k.user, &status, &issuedAt, &expiresAt,
			&o.Reservation.Round, &o.Reservation.Number, &o.Attempt, &until, &k.discount, &k.seq); err != nil {
			return err
		}
		k.status, k.issuedAt, k.expiresAt, k.until = couponStatuses[status], ticketing.MillisOf(issuedAt), ticketing.MillisOf(expiresAt), millis(until)
		fs[id].rows[k.number] = k
	}
	return rows.Err()
}

var couponStatuses = named(ticketing.IssuedCoupon, ticketing.ReservedCoupon, ticketing.RedeemedCoupon, ticketing.ExpiredCoupon)

type couponColumns struct {
	campaign, number, user, round, reservation, attempt, discount, seq pgtype.FlatArray[int64]
	status                                                             pgtype.FlatArray[string]
	issuedAt, expiresAt, until                                         pgtype.FlatArray[pgtype.Timestamptz]
}

// queue adds the statements that bring the tables to where the folds are.
func (fs campaignFolds) queue(batch *pgx.Batch) {
	var updated, inserted couponColumns
	for _, id := range slices.Sorted(maps.Keys(fs)) {
		f := fs[id]
		for _, number := range slices.Sorted(maps.Keys(f.rows)) {
			switch k := f.rows[number]; {
			case !k.changed:
			case k.stored:
				updated.add(id, k)
			default:
				inserted.add(id, k)
			}
		}
		if s := &f.state; s.changed {
			batch.Queue(upsertCampaignStateSQL, int64(id), s.phase.String(), s.stock, int64(s.issued), s.reserved, s.redeemed,
				int64(s.expired), s.opensAt.Time(), s.closesAt.Time())
		}
	}
	if len(updated.number) > 0 {
		batch.Queue(updateCouponsSQL, updated.args()...)
	}
	if len(inserted.number) > 0 {
		batch.Queue(insertCouponsSQL, inserted.args()...)
	}
}

func (c *couponColumns) add(id ticketing.CampaignID, k *couponRow) {
	c.campaign, c.number = append(c.campaign, int64(id)), append(c.number, int64(k.number))
	c.user, c.status = append(c.user, int64(k.user)), append(c.status, k.status.String())
	c.issuedAt, c.expiresAt = append(c.issuedAt, stamp(k.issuedAt)), append(c.expiresAt, stamp(k.expiresAt))
	c.round, c.reservation = append(c.round, int64(k.order.Reservation.Round)), append(c.reservation, int64(k.order.Reservation.Number))
	c.attempt, c.until = append(c.attempt, int64(k.order.Attempt)), append(c.until, stamp(k.until))
	c.discount, c.seq = append(c.discount, int64(k.discount)), append(c.seq, int64(k.seq))
}

func (c *couponColumns) args() []any {
	return []any{c.campaign, c.number, c.user, c.status, c.issuedAt, c.expiresAt, c.round, c.reservation, c.attempt, c.until, c.discount, c.seq}
}

package persistence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// CreateCampaign adds a campaign and gives birth to its stream, both or neither. firstPayload is the journal payload
// of exactly one event, which plans the campaign; writer is a fresh random id. The stream is to be woken when the
// campaign opens. It returns the campaign with its id.
func (db *DB) CreateCampaign(ctx context.Context, c ticketing.CampaignInfo, firstPayload []byte, writer ticketing.WriterID) (ticketing.CampaignInfo, error) {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		return insertCampaign(ctx, tx, &c, firstPayload, writer)
	})
	if err != nil {
		return ticketing.CampaignInfo{}, fmt.Errorf("creating a campaign: %w", err)
	}
	return c, nil
}

// CreateFirstWelcome is CreateCampaign for a database that never had a welcome campaign; in any other it does nothing.
// Of several that try at once, one does it.
func (db *DB) CreateFirstWelcome(ctx context.Context, c ticketing.CampaignInfo, firstPayload []byte, writer ticketing.WriterID) error {
	c.Welcome = true
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('ticketblue first welcome'))`); err != nil {
			return err
		}
		had := false
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM campaigns WHERE welcome)`).Scan(&had); err != nil || had {
			return err
		}
		return insertCampaign(ctx, tx, &c, firstPayload, writer)
	})
	if err != nil {
		return fmt.Errorf("creating the first welcome campaign: %w", err)
	}
	return nil
}

func insertCampaign(ctx context.Context, tx pgx.Tx, c *ticketing.CampaignInfo, firstPayload []byte, writer ticketing.WriterID) error {
	t := c.Terms
	err := tx.QueryRow(ctx, `
		INSERT INTO campaigns (name, welcome, stock, claimable, discount_kind, discount_value, discount_cap, minimum,
		                       opens_at, closes_at, expires_at, life_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`,
		c.Name, c.Welcome, t.Stock, t.Claimable, t.Discount.Kind.String(), t.Discount.Value, int64(t.Discount.Cap), int64(t.Discount.Minimum),
		t.OpensAt.Time(), t.ClosesAt.Time(), moment(t.ExpiresAt), int64(t.LifeMillis)).Scan(&c.ID)
	if err != nil {
		return err
	}
	return bear(ctx, tx, ticketing.CampaignStream(c.ID), t.OpensAt, firstPayload, writer)
}

// GiveWelcome is the kind of job that gives a new customer his coupon. Its arguments are {"campaign": id, "user": id}.
const GiveWelcome = "give_welcome"

// enqueueWelcome has the newest welcome campaign give the customer a coupon, if there is one. The campaign is settled
// here, with the account: a job that is worked twice, with another campaign planned in between, must not give two.
func (db *DB) enqueueWelcome(ctx context.Context, tx pgx.Tx, user ticketing.UserID) error {
	var campaign ticketing.CampaignID
	err := tx.QueryRow(ctx, `
		SELECT id FROM campaigns WHERE welcome AND deleted_at IS NULL ORDER BY id DESC LIMIT 1`).Scan(&campaign)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return db.enqueue(ctx, tx, []ticketing.Job{{
		Kind: GiveWelcome, Key: fmt.Sprintf("welcome:%d", user), Args: fmt.Appendf(nil, `{"campaign":%d,"user":%d}`, campaign, user),
	}})
}

// SetCampaignName gives a campaign another name; ticketing.ErrNotFound when there is none.
func (db *DB) SetCampaignName(ctx context.Context, id ticketing.CampaignID, name string) error {
	done, err := db.pool.Exec(ctx, `UPDATE campaigns SET name = $2 WHERE id = $1 AND deleted_at IS NULL`, int64(id), name)
	if err == nil && done.RowsAffected() == 0 {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("naming campaign %d: %w", id, err)
	}
	return nil
}

// DeleteCampaign takes a campaign out of the lists. drop is asked to end it: its error undoes everything. It returns
// ticketing.ErrNotFound when there is none.
func (db *DB) DeleteCampaign(ctx context.Context, id ticketing.CampaignID, drop func() error) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `UPDATE campaigns SET deleted_at = clock_timestamp() WHERE id = $1 AND deleted_at IS NULL`, int64(id))
		if err == nil && done.RowsAffected() == 0 {
			err = ticketing.ErrNotFound
		}
		if err != nil {
			return err
		}
		return drop() // last: what the machine has done cannot be undone
	})
	if err != nil {
		return fmt.Errorf("deleting campaign %d: %w", id, err)
	}
	return nil
}

// selectCampaign reads campaigns with what the read tables know of them; one that they do not know yet is as planned.
const selectCampaign = `
	SELECT c.id, c.name, c.welcome, c.stock, c.claimable, c.discount_kind, c.discount_value, c.discount_cap, c.minimum,
	       c.opens_at, c.closes_at, c.expires_at, c.life_ms,
	       coalesce(s.phase, 'scheduled'), coalesce(s.issued, 0), coalesce(s.reserved, 0), coalesce(s.redeemed, 0), c.deleted_at IS NOT NULL
	  FROM campaigns c LEFT JOIN campaign_states s ON s.campaign = c.id `

func scanCampaign(row pgx.CollectableRow) (ticketing.CampaignSummary, error) {
	var c ticketing.CampaignSummary
	var kind, phase string
	var opensAt, closesAt time.Time
	var expiresAt *time.Time
	t, s := &c.Terms, &c.Status
	err := row.Scan(&c.ID, &c.Name, &c.Welcome, &t.Stock, &t.Claimable, &kind, &t.Discount.Value, &t.Discount.Cap, &t.Discount.Minimum,
		&opensAt, &closesAt, &expiresAt, &t.LifeMillis, &phase, &s.Issued, &s.Reserved, &s.Redeemed, &c.Deleted)
	t.Discount.Kind, _ = ticketing.ParseDiscountKind(kind)
	t.OpensAt, t.ClosesAt, t.ExpiresAt = ticketing.MillisOf(opensAt), ticketing.MillisOf(closesAt), millis(expiresAt)
	s.Phase, s.Terms, s.Left = phases[phase], *t, t.Limit()-s.Issued
	return c, err
}

// Campaign returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Campaign(ctx context.Context, id ticketing.CampaignID) (ticketing.CampaignSummary, error) {
	c, err := one(ctx, db, scanCampaign, selectCampaign+`WHERE c.id = $1`, int64(id))
	if err != nil {
		return c, fmt.Errorf("campaign %d: %w", id, err)
	}
	return c, nil
}

// Campaigns lists up to limit campaigns with ids below before, newest first, before 0 being after all of them; for
// the public only those of which customers may claim.
func (db *DB) Campaigns(ctx context.Context, public bool, before ticketing.CampaignID, limit int) ([]ticketing.CampaignSummary, error) {
	list, err := many(ctx, db, scanCampaign, selectCampaign+`
		WHERE c.deleted_at IS NULL AND (c.id < $1 OR $1 = 0) AND (c.claimable OR NOT $2) ORDER BY c.id DESC LIMIT $3`, int64(before), public, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("listing campaigns: %w", err)
	}
	return list, nil
}

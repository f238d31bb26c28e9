package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// CreateRound adds a round and gives birth to its stream, both or neither. firstPayload is the journal payload of
// exactly one event, which plans the round; writer is a fresh random id. The stream is to be woken when the sale
// opens. It returns the round with its id, or ticketing.ErrNotFound when there is no such performance or plan.
func (db *DB) CreateRound(ctx context.Context, r ticketing.RoundInfo, firstPayload []byte, writer ticketing.WriterID) (ticketing.RoundInfo, error) {
	if r.Terms.StartsAt != r.StartsAt {
		return ticketing.RoundInfo{}, &ticketing.Invalid{Field: "starts_at", Want: "the same in the round and in its terms"}
	}
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if err := insertRound(ctx, tx, &r); err != nil {
			return err
		}
		return bear(ctx, tx, ticketing.RoundStream(r.ID), r.Terms.OpensAt, firstPayload, writer)
	})
	if hasCode(err, "23503") { // foreign key
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return ticketing.RoundInfo{}, fmt.Errorf("creating a round of performance %d: %w", r.PerformanceID, err)
	}
	return r, nil
}

// bear gives birth to a stream with its first event.
func bear(ctx context.Context, tx pgx.Tx, stream ticketing.Stream, wakeAt ticketing.Millis, firstPayload []byte, writer ticketing.WriterID) error {
	if _, err := tx.Exec(ctx, `INSERT INTO streams (stream, wake_at) VALUES ($1, $2)`, string(stream), moment(wakeAt)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload)
		VALUES ($1, 1, 1, 0, $2, $3, $4)`,
		string(stream), uuidOf(ticketing.WriterID{}), uuidOf(writer), firstPayload)
	return err
}

func insertRound(ctx context.Context, tx pgx.Tx, r *ticketing.RoundInfo) error {
	t := r.Terms
	return tx.QueryRow(ctx, `
		INSERT INTO rounds (performance_id, plan_hash, starts_at, opens_at, closes_at, cancel_until, cancel_fee,
		                    prices, hold_ms, pay_ms, max_per_user)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
		r.PerformanceID, r.PlanHash[:], t.StartsAt.Time(), t.OpensAt.Time(), t.ClosesAt.Time(), moment(t.CancelUntil),
		t.CancelFee, t.Prices, int64(t.HoldMillis), int64(t.PayMillis), t.MaxPerUser).Scan(&r.ID)
}

const selectRound = `
	SELECT id, performance_id, plan_hash, starts_at, opens_at, closes_at, cancel_until, cancel_fee,
	       prices, hold_ms, pay_ms, max_per_user
	  FROM rounds `

func scanRound(row pgx.CollectableRow) (ticketing.RoundInfo, error) {
	var r ticketing.RoundInfo
	var hash []byte
	var startsAt, opensAt, closesAt time.Time
	var cancelUntil *time.Time
	t := &r.Terms
	err := row.Scan(&r.ID, &r.PerformanceID, &hash, &startsAt, &opensAt, &closesAt, &cancelUntil, &t.CancelFee,
		&t.Prices, &t.HoldMillis, &t.PayMillis, &t.MaxPerUser)
	copy(r.PlanHash[:], hash)
	r.StartsAt = ticketing.MillisOf(startsAt)
	t.StartsAt, t.OpensAt, t.ClosesAt = r.StartsAt, ticketing.MillisOf(opensAt), ticketing.MillisOf(closesAt)
	t.CancelUntil = millis(cancelUntil)
	return r, err
}

// Round is the round as it was planned. It returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Round(ctx context.Context, id ticketing.RoundID) (ticketing.RoundInfo, error) {
	r, err := one(ctx, db, scanRound, selectRound+`WHERE id = $1`, int64(id))
	if err != nil {
		return r, fmt.Errorf("round %d: %w", id, err)
	}
	return r, nil
}

// RoundsOf lists a performance's rounds, earliest first. It returns ticketing.ErrNotFound when there is no such
// performance.
func (db *DB) RoundsOf(ctx context.Context, performanceID int64) ([]ticketing.RoundInfo, error) {
	rounds, err := many(ctx, db, scanRound, selectRound+`WHERE performance_id = $1 ORDER BY starts_at, id`, performanceID)
	if err == nil && len(rounds) == 0 {
		_, err = db.Performance(ctx, performanceID)
	}
	if err != nil {
		return nil, fmt.Errorf("rounds of performance %d: %w", performanceID, err)
	}
	return rounds, nil
}

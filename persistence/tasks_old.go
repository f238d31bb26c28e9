package persistence

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

const (
	// OldYears after its last day a performance is taken away.
	OldYears = 10

	purgedPerPortion = 5000 // rows of one table
)

// oldPlace is a place in the performances: those up to Performance are retired, and of that one the rows that follow
// from its sales are being purged or not.
type oldPlace struct {
	Performance int64
	Purging     bool
}

// oldPerformances takes away what was shown for the last time OldYears ago. A performance is retired first: it goes out
// of the catalogue with its rounds and its poster, and their streams are closed for good. Then follow, portion by portion,
// the rows that its sales have left in the read tables, its reviews, and the snapshots, and in the end what anybody was told
// as long ago. The journal stays: it names nobody. Nothing is touched where money is under way.
func oldPerformances(ctx context.Context, p *portion) (more bool, err error) {
	var at oldPlace
	if err := p.at(&at); err != nil {
		return false, err
	}
	if at.Purging {
		at.Purging, err = p.purge(ctx, at.Performance)
		if err != nil {
			return false, err
		}
		return true, p.moveTo(at)
	}
	lastDay := ticketing.DayOf(ticketing.MillisOf(p.asOf())).AddYears(-OldYears)
	var owed bool
	err = p.QueryRow(ctx, `
		SELECT p.id, EXISTS (SELECT FROM rounds o JOIN reservations r ON r.round = o.id
		        WHERE o.performance_id = p.id AND (r.status IN ('held', 'paying') OR r.refund_due > 0 OR o.starts_at > $3))
		  FROM performances p
		 WHERE p.id > $1 AND p.to_day <= $2::text::date
		   AND NOT EXISTS (SELECT FROM streams s WHERE s.stream = 'catalogue:performance:' || p.id AND s.retired_at IS NOT NULL)
		 ORDER BY p.id LIMIT 1 FOR UPDATE OF p`, at.Performance, string(lastDay), p.asOf()).Scan(&at.Performance, &owed)
	if errors.Is(err, pgx.ErrNoRows) {
		return p.purgeTold(ctx)
	}
	if err != nil {
		return false, err
	}
	p.run.Count.Looked++
	switch {
	case owed:
		p.run.Count.Kept++
	case p.run.DryRun:
		p.run.Count.Done++
	default:
		p.run.Count.Done++
		at.Purging = true
		if err := p.retire(ctx, at.Performance); err != nil {
			return false, err
		}
	}
	return true, p.moveTo(at)
}

// retire takes a performance, whose row the portion has, out of the catalogue, unless an admin did, and closes its streams.
func (p *portion) retire(ctx context.Context, id int64) error {
	rounds, err := p.rounds(ctx, id)
	if err != nil {
		return err
	}
	for _, r := range rounds {
		if err := p.deleteRound(ctx, r.ID); err != nil {
			return err
		}
	}
	if err := p.db.takePoster(ctx, p, id); err != nil && !errors.Is(err, ticketing.ErrNotFound) {
		return err
	}
	done, err := p.Exec(ctx, `UPDATE performances SET deleted_at = $2, version = version + 1 WHERE id = $1 AND deleted_at IS NULL`, id, p.asOf())
	if err != nil {
		return err
	}
	if done.RowsAffected() > 0 {
		if err := p.deleted(ctx, ticketing.NounPerformance, id); err != nil {
			return err
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM performance_performers WHERE performance_id = $1`, id)
	batch.Queue(`
		UPDATE streams SET retired_at = $2, wake_at = NULL WHERE retired_at IS NULL AND stream IN (
			SELECT 'catalogue:performance:' || $1::bigint
			UNION ALL SELECT 'round:' || id FROM rounds WHERE performance_id = $1
			UNION ALL SELECT 'catalogue:round:' || id FROM rounds WHERE performance_id = $1)`, id, p.asOf())
	batch.Queue(`DELETE FROM snapshots WHERE stream IN (SELECT 'round:' || id FROM rounds WHERE performance_id = $1)`, id)
	return p.SendBatch(ctx, batch).Close()
}

// purges are the rows that a retired performance leaves behind, a page of each at a time.
var purges = []string{
	`DELETE FROM orders WHERE (round, number, attempt) IN (
		SELECT d.round, d.number, d.attempt FROM rounds o JOIN orders d ON d.round = o.id WHERE o.performance_id = $1 LIMIT $2)`,
	`DELETE FROM reservation_seats WHERE (round, seat) IN (
		SELECT s.round, s.seat FROM rounds o JOIN reservation_seats s ON s.round = o.id WHERE o.performance_id = $1 LIMIT $2)`,
	`DELETE FROM round_states WHERE round IN (
		SELECT s.round FROM rounds o JOIN round_states s ON s.round = o.id WHERE o.performance_id = $1 LIMIT $2)`,
}

const purgeReservationsSQL = `
	DELETE FROM reservations WHERE (round, number) IN (
		SELECT r.round, r.number FROM rounds o JOIN reservations r ON r.round = o.id WHERE o.performance_id = $1 LIMIT $2) RETURNING round, number`

const purgeReviewsSQL = `
	WITH gone AS (DELETE FROM reviews WHERE id IN (SELECT id FROM reviews WHERE performance_id = $1 LIMIT $2) RETURNING id)
	UPDATE streams SET retired_at = $3 FROM gone WHERE stream = 'catalogue:review:' || gone.id`

// purge deletes a page of each and says whether one was full.
func (p *portion) purge(ctx context.Context, performance int64) (more bool, err error) {
	for _, sql := range purges {
		done, err := p.Exec(ctx, sql, performance, purgedPerPortion)
		if err != nil {
			return false, err
		}
		more = more || done.RowsAffected() == purgedPerPortion
	}
	full, err := p.purgeReservations(ctx, performance)
	if err != nil {
		return false, err
	}
	more = more || full
	done, err := p.Exec(ctx, purgeReviewsSQL, performance, purgedPerPortion, p.asOf())
	return more || done.RowsAffected() == purgedPerPortion, err
}

// tolds are what customers were told as long ago, a page of each at a time. Nothing is told again for want of them: no
// fact is that old any more.
var tolds = []string{
	`DELETE FROM notices WHERE (fact, channel) IN (SELECT fact, channel FROM notices WHERE created_at < $1 AND state <> 'waiting' LIMIT $2)`,
	`DELETE FROM inbox WHERE fact IN (SELECT fact FROM inbox WHERE at < $1 LIMIT $2)`,
}

// purgeTold deletes a page of each and says whether one was full. These are not counted: what the run counts are performances.
func (p *portion) purgeTold(ctx context.Context) (more bool, err error) {
	if p.run.DryRun {
		return false, nil
	}
	for _, sql := range tolds {
		done, err := p.Exec(ctx, sql, p.asOf().AddDate(-OldYears, 0, 0), purgedPerPortion)
		if err != nil {
			return false, err
		}
		more = more || done.RowsAffected() == purgedPerPortion
	}
	return more, nil
}

// purgeReservations deletes a page of them, says whether it was full, and has a search index forget them too.
func (p *portion) purgeReservations(ctx context.Context, performance int64) (full bool, err error) {
	rows, err := p.Query(ctx, purgeReservationsSQL, performance, purgedPerPortion)
	if err != nil {
		return false, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ticketing.ReservationID])
	if err != nil {
		return false, err
	}
	for part := range slices.Chunk(ids, indexedTogether) {
		if err := p.db.reindex(ctx, p, ticketing.ReservationChoice{IDs: part}); err != nil {
			return false, err
		}
	}
	return len(ids) == purgedPerPortion, nil
}

package persistence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// CreateRound adds a round and gives birth to its stream, both or neither. firstPayload is the journal payload of
// exactly one event, which plans the round; writer is a fresh random id. The stream is to be woken when the sale
// opens. It returns the round with its id, ticketing.ErrNotFound when there is no such performance or plan, a
// *ticketing.Invalid when the performance is not shown on that day, and a *ticketing.Refusal when the hall is taken.
func (db *DB) CreateRound(ctx context.Context, r ticketing.RoundInfo, firstPayload []byte, writer ticketing.WriterID) (ticketing.RoundInfo, error) {
	if r.Terms.StartsAt != r.StartsAt {
		return ticketing.RoundInfo{}, &ticketing.Invalid{Field: "starts_at", Want: "the same in the round and in its terms"}
	}
	r.Version = 1
	err := db.edit(ctx, func(e *edit) error {
		if err := e.checkShowing(ctx, r); err != nil {
			return err
		}
		if err := insertRound(ctx, e, &r); err != nil {
			return err
		}
		if err := bear(ctx, e, ticketing.RoundStream(r.ID), r.Terms.OpensAt, firstPayload, writer); err != nil {
			return err
		}
		return e.saved(ctx, ticketing.NounRound, int64(r.ID))
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

// checkShowing takes the performance and its hall, and wants the showing within the performance's days and clear of
// the hall's others: two admins who plan at once come one after the other.
func (e *edit) checkShowing(ctx context.Context, r ticketing.RoundInfo) error {
	p, err := e.performance(ctx, `WITH p AS (SELECT * FROM performances WHERE id = $1 AND deleted_at IS NULL FOR SHARE)`, r.PerformanceID)
	if err != nil {
		return err
	}
	if day := ticketing.DayOf(r.StartsAt); day < p.From || day > p.To {
		return &ticketing.Invalid{Field: "starts_at", Want: fmt.Sprintf("on a day from %s to %s, when the performance is shown", p.From, p.To)}
	}
	if err := e.lock(ctx, ticketing.NounHall, p.HallID, ticketing.AnyVersion); err != nil {
		return err
	}
	return e.checkClash(ctx, p, r)
}

// clashSQL finds a showing in hall $1, other than $2, between whose beginning and end, with the changeover, lies
// some time from $3 to $4. It reads the hall's rounds of about a day.
const clashSQL = `
SELECT n.id, n.starts_at FROM performances p
  JOIN rounds n ON n.performance_id = p.id AND n.deleted_at IS NULL
  LEFT JOIN round_states s ON s.round = n.id
 WHERE p.hall_id = $1 AND p.deleted_at IS NULL AND n.id <> $2 AND NOT coalesce(s.canceled, false)
   AND n.starts_at < $4 AND n.starts_at > $5
   AND n.starts_at + make_interval(mins => p.duration_minutes) > $3
 ORDER BY n.starts_at LIMIT 1`

// checkClash refuses a showing while another one is in the hall, or its changeover. The caller has locked the hall.
func (e *edit) checkClash(ctx context.Context, p ticketing.Performance, r ticketing.RoundInfo) error {
	from, until := r.StartsAt.Add(-ticketing.Changeover), p.Ends(r.StartsAt).Add(ticketing.Changeover)
	horizon := from.Add(-ticketing.MaxDuration * time.Minute)
	var other ticketing.RoundID
	var at time.Time
	err := e.QueryRow(ctx, clashSQL, p.HallID, int64(r.ID), from.Time(), until.Time(), horizon.Time()).Scan(&other, &at)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return &ticketing.Refusal{Code: ticketing.CodeRoundClash, Detail: fmt.Sprintf(
		"Round %d is in the hall at %s; between two showings it needs %d minutes.", other, at.UTC().Format(time.RFC3339), int(ticketing.Changeover.Minutes()))}
}

// DeleteRound takes a round out of the catalogue. drop is asked to end its sale: its error undoes everything. It
// returns ticketing.ErrNotFound, or a *ticketing.Refusal when somebody has changed the round meanwhile.
func (db *DB) DeleteRound(ctx context.Context, id ticketing.RoundID, version int64, drop func() error) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounRound, int64(id), version); err != nil {
			return err
		}
		if err := drop(); err != nil {
			return err
		}
		return e.deleteRound(ctx, id)
	})
	if err != nil {
		return fmt.Errorf("deleting round %d: %w", id, err)
	}
	return nil
}

// RescheduleRound gives a round other times, those of r.Terms. r.Version is the version expected. move is asked to
// tell its machine: its error undoes everything. It returns what CreateRound does, and a *ticketing.Refusal when
// somebody has changed the round meanwhile.
func (db *DB) RescheduleRound(ctx context.Context, r ticketing.RoundInfo, move func() error) (ticketing.RoundInfo, error) {
	var moved ticketing.RoundInfo
	err := db.edit(ctx, func(e *edit) error {
		if err := e.checkShowing(ctx, r); err != nil {
			return err
		}
		if err := e.lock(ctx, ticketing.NounRound, int64(r.ID), r.Version); err != nil {
			return err
		}
		t := r.Terms
		_, err := e.Exec(ctx, `
			UPDATE rounds SET starts_at = $2, opens_at = $3, closes_at = $4, cancel_until = $5, version = version + 1 WHERE id = $1`,
			int64(r.ID), t.StartsAt.Time(), t.OpensAt.Time(), t.ClosesAt.Time(), moment(t.CancelUntil))
		if err != nil {
			return err
		}
		rows, err := e.Query(ctx, selectRound+`AND r.id = $1`, int64(r.ID))
		if err != nil {
			return err
		}
		if moved, err = exactlyOne(rows, scanRound); err != nil {
			return err
		}
		if err := e.saved(ctx, ticketing.NounRound, int64(r.ID)); err != nil {
			return err
		}
		return move() // last: what the machine has done cannot be undone
	})
	if err != nil {
		return ticketing.RoundInfo{}, fmt.Errorf("rescheduling round %d: %w", r.ID, err)
	}
	return moved, nil
}

// deleteRound leaves the row, which the round's stream and those who look at ended sales still need.
func (e *edit) deleteRound(ctx context.Context, id ticketing.RoundID) error {
	if _, err := e.Exec(ctx, `UPDATE rounds SET deleted_at = clock_timestamp(), version = version + 1 WHERE id = $1`, int64(id)); err != nil {
		return err
	}
	return e.deleted(ctx, ticketing.NounRound, int64(id))
}

func insertRound(ctx context.Context, e *edit, r *ticketing.RoundInfo) error {
	t := r.Terms
	return e.QueryRow(ctx, `
		INSERT INTO rounds (performance_id, plan_hash, starts_at, opens_at, closes_at, cancel_until, cancel_fee,
		                    prices, hold_ms, pay_ms, max_per_user)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
		r.PerformanceID, r.PlanHash[:], t.StartsAt.Time(), t.OpensAt.Time(), t.ClosesAt.Time(), moment(t.CancelUntil),
		t.CancelFee, t.Prices, int64(t.HoldMillis), int64(t.PayMillis), t.MaxPerUser).Scan(&r.ID)
}

const selectRound = `
	SELECT r.id, r.performance_id, r.plan_hash, r.starts_at, r.opens_at, r.closes_at, r.cancel_until, r.cancel_fee,
	       r.prices, r.hold_ms, r.pay_ms, r.max_per_user, r.version, coalesce(s.phase, ''), coalesce(s.canceled, false)
	  FROM rounds r LEFT JOIN round_states s ON s.round = r.id WHERE r.deleted_at IS NULL `

func scanRound(row pgx.CollectableRow) (ticketing.RoundInfo, error) {
	var r ticketing.RoundInfo
	var hash []byte
	var startsAt, opensAt, closesAt time.Time
	var cancelUntil *time.Time
	var phase string
	t := &r.Terms
	err := row.Scan(&r.ID, &r.PerformanceID, &hash, &startsAt, &opensAt, &closesAt, &cancelUntil, &t.CancelFee,
		&t.Prices, &t.HoldMillis, &t.PayMillis, &t.MaxPerUser, &r.Version, &phase, &r.Canceled)
	copy(r.PlanHash[:], hash)
	r.StartsAt, r.Phase = ticketing.MillisOf(startsAt), phases[phase]
	t.StartsAt, t.OpensAt, t.ClosesAt = r.StartsAt, ticketing.MillisOf(opensAt), ticketing.MillisOf(closesAt)
	t.CancelUntil = millis(cancelUntil)
	return r, err
}

// Round is the round as it was planned. It returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Round(ctx context.Context, id ticketing.RoundID) (ticketing.RoundInfo, error) {
	r, err := one(ctx, db, scanRound, selectRound+`AND r.id = $1`, int64(id))
	if err != nil {
		return r, fmt.Errorf("round %d: %w", id, err)
	}
	return r, nil
}

// MaxRounds bounds how many rounds of a performance are listed.
const MaxRounds = 1000

const selectRoundsOf = selectRound + `AND r.performance_id = $1 ORDER BY r.starts_at, r.id`

// rounds are all of a performance, earliest first.
func (e *edit) rounds(ctx context.Context, performance int64) ([]ticketing.RoundInfo, error) {
	rows, err := e.Query(ctx, selectRoundsOf, performance)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRound)
}

// RoundsOf lists a performance's rounds, earliest first, MaxRounds at most. It returns ticketing.ErrNotFound when
// there is no such performance.
func (db *DB) RoundsOf(ctx context.Context, performanceID int64) ([]ticketing.RoundInfo, error) {
	rounds, err := many(ctx, db, scanRound, selectRoundsOf+` LIMIT $2`, performanceID, MaxRounds)
	if err == nil && len(rounds) == 0 {
		_, err = db.Performance(ctx, performanceID)
	}
	if err != nil {
		return nil, fmt.Errorf("rounds of performance %d: %w", performanceID, err)
	}
	return rounds, nil
}

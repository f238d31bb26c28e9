package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// Streams are all streams that are not retired, in order of their names.
func (db *DB) Streams(ctx context.Context) ([]ticketing.Stream, error) {
	found, err := db.streams(ctx, `SELECT stream FROM streams WHERE retired_at IS NULL ORDER BY stream`)
	if err != nil {
		return nil, fmt.Errorf("listing streams: %w", err)
	}
	return found, nil
}

// Park notes that the stream must be activated at a moment even if nobody asks; 0 asks for nothing. It only ever
// brings the time forward: a note that was long on its way must not undo what has been found out since. Putting it
// off is the projector's, who knows what it rests on. It returns ticketing.ErrNotFound for an unknown stream.
func (db *DB) Park(ctx context.Context, s ticketing.Stream, wakeAt ticketing.Millis) error {
	tag, err := db.pool.Exec(ctx, `UPDATE streams SET wake_at = least(wake_at, $2) WHERE stream = $1`, string(s), moment(wakeAt))
	if err == nil && tag.RowsAffected() == 0 {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("parking %s: %w", s, err)
	}
	return nil
}

// Due are the streams to be woken at or before a moment, the most overdue first, at most limit of them.
func (db *DB) Due(ctx context.Context, before ticketing.Millis, limit int) ([]ticketing.Stream, error) {
	found, err := db.streams(ctx, `
		SELECT stream FROM streams WHERE wake_at <= $1 AND retired_at IS NULL ORDER BY wake_at, stream LIMIT $2`,
		before.Time(), limit)
	if err != nil {
		return nil, fmt.Errorf("listing streams that are due: %w", err)
	}
	return found, nil
}

func (db *DB) streams(ctx context.Context, sql string, args ...any) ([]ticketing.Stream, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[ticketing.Stream])
}

// Freeze keeps that a stream contradicts itself and must not be served until a person has looked. The first reason
// stays.
func (db *DB) Freeze(ctx context.Context, s ticketing.Stream, reason string) error {
	_, err := db.pool.Exec(ctx, `
		UPDATE streams SET frozen_at = clock_timestamp(), frozen_reason = $2 WHERE stream = $1 AND frozen_at IS NULL`, string(s), reason)
	if err != nil {
		return fmt.Errorf("marking %s as frozen: %w", s, err)
	}
	return nil
}

// FrozenStream is a stream that contradicts itself and waits for a person.
type FrozenStream struct {
	Stream ticketing.Stream
	At     ticketing.Millis
	Reason string
}

// Frozen are the streams that must not be served, in order of their names. Projector.Rebuild gives them
// another chance.
func (db *DB) Frozen(ctx context.Context) ([]FrozenStream, error) {
	found, err := many(ctx, db, func(row pgx.CollectableRow) (FrozenStream, error) {
		var f FrozenStream
		var at time.Time
		err := row.Scan(&f.Stream, &at, &f.Reason)
		f.At = ticketing.MillisOf(at)
		return f, err
	}, `SELECT stream, frozen_at, frozen_reason FROM streams WHERE frozen_at IS NOT NULL ORDER BY stream`)
	if err != nil {
		return nil, fmt.Errorf("listing frozen streams: %w", err)
	}
	return found, nil
}

// moment is a timestamptz; NULL for 0, which means "none".
func moment(m ticketing.Millis) *time.Time {
	if m == 0 {
		return nil
	}
	t := m.Time()
	return &t
}

// millis is the way back.
func millis(t *time.Time) ticketing.Millis {
	if t == nil {
		return 0
	}
	return ticketing.MillisOf(*t)
}

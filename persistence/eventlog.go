package persistence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// EventLogged is the last seq of a stream that is in the event log; 0 when nothing is.
func (db *DB) EventLogged(ctx context.Context, s ticketing.Stream) (uint64, error) {
	seq, err := one(ctx, db, pgx.RowTo[uint64], `SELECT seq FROM event_log_marks WHERE stream = $1`, string(s))
	if errors.Is(err, ticketing.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("how far %s is in the event log: %w", s, err)
	}
	return seq, nil
}

// SetEventLogged notes it, and never takes a note back. It does not wait for the disk: a note that is lost means lines
// that are written again.
func (db *DB) SetEventLogged(ctx context.Context, s ticketing.Stream, seq uint64) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO event_log_marks (stream, seq) VALUES ($1, $2)
			ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq WHERE event_log_marks.seq < excluded.seq`, string(s), int64(seq))
		return err
	})
	if err != nil {
		return fmt.Errorf("noting how far %s is in the event log: %w", s, err)
	}
	return nil
}

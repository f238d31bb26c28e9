package persistence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

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

// SetEventLogged notes it of many streams, and never takes a note back. It does not wait for the disk: a note that is lost
// means lines that are written again.
func (db *DB) SetEventLogged(ctx context.Context, marks map[ticketing.Stream]uint64) error {
	streams := slices.Sorted(maps.Keys(marks)) // in one order, for whoever else notes the same
	seqs := make([]int64, len(streams))
	for i, s := range streams {
		seqs[i] = int64(marks[s])
	}
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO event_log_marks (stream, seq) SELECT * FROM unnest($1::text[], $2::bigint[])
			ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq WHERE event_log_marks.seq < excluded.seq`, streams, seqs)
		return err
	})
	if err != nil {
		return fmt.Errorf("noting how far %d streams are in the event log: %w", len(streams), err)
	}
	return nil
}

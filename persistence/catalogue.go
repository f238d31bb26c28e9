package persistence

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// MaxPage is the most rows a list gives at once; a larger limit is cut to it.
const MaxPage = 200

func pageSize(limit int) int { return max(0, min(limit, MaxPage)) }

// one reads a single row; ticketing.ErrNotFound when there is none.
func one[T any](ctx context.Context, db *DB, scan pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		var none T
		return none, err
	}
	return exactlyOne(rows, scan)
}

func exactlyOne[T any](rows pgx.Rows, scan pgx.RowToFunc[T]) (T, error) {
	found, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ticketing.ErrNotFound
	}
	return found, err
}

func many[T any](ctx context.Context, db *DB, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

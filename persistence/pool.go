package persistence

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// OpenPool opens up to maxConns connections under a name of their own, set up like all others: for a room whose load must
// not keep the others waiting for a connection. It fails when the server does not answer.
func OpenPool(ctx context.Context, dsn, name string, maxConns int32, log *slog.Logger) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("reading the database address: %w", err)
	}
	prepareSession(cfg.ConnConfig, name)
	cfg.MaxConns = maxConns
	cfg.MaxConnLifetime = connLifetime
	cfg.MaxConnLifetimeJitter = connLifetime / 10
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return becomeApp(ctx, conn, log) }
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return pool, nil
}

package persistence

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed grants.sql
var grants string

// migrateLock keeps two processes from granting at the same time; migrating has a lock of goose's own.
const migrateLock = 0x7469636b65740001

// Migrate brings the database's tables up to what this program needs and grants the role ticketblue_app what the
// program does. Several processes may call it at the same time; a database that is up to date is left as it is.
// A database user who may not create roles gets a warning in the default log, and the program runs without one.
func Migrate(ctx context.Context, dsn string) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("reading the database address: %w", err)
	}
	cfg.RuntimeParams["application_name"] = "ticketblue-migrate"
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			slog.Warn("migrating the database", "postgres", n.Message)
		}
	}
	if err := applyMigrations(ctx, cfg); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	if err := applyGrants(ctx, cfg); err != nil {
		return fmt.Errorf("granting rights in the database: %w", err)
	}
	return nil
}

func applyMigrations(ctx context.Context, cfg *pgx.ConnConfig) (err error) {
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60)) // ask every second, a minute long
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker),
		goose.WithAllowOutofOrder(true)) // numbers are given out before the files are finished
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func applyGrants(ctx context.Context, cfg *pgx.ConnConfig) (err error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	for range grantTrials {
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrateLock)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, grants)
			return err
		})
		if !hasCode(err, codeInternal) {
			return err
		}
		pause(ctx, grantPause, nil)
	}
	return err
}

// A table that is emptied, vacuumed or given an index in the same moment changes the row that a grant changes, and
// Postgres says so by an internal error ("tuple concurrently updated").
const (
	codeInternal = "XX000"
	grantTrials  = 20
	grantPause   = 100 * time.Millisecond
)

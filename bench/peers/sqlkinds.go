package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// direct is a kind whose answers are in the database when they are given.
type direct struct{}

func (direct) unwritten() int64 { return 0 }

// unfilled is a kind whose seats have no rows until they are sold.
type unfilled struct{ direct }

func (unfilled) open(context.Context, int64, int) error { return nil }

// filled is a kind whose seats are rows.
type filled struct {
	direct
	db *pgxpool.Pool
}

func (f filled) open(ctx context.Context, round int64, seats int) error {
	_, err := f.db.Exec(ctx, fillSeats, round, seats)
	return err
}

// again is how often something is tried whose transaction lost against another.
const again = 10

// lost tells whether a transaction lost against another and may be tried again.
func lost(err error) bool {
	var p *pgconn.PgError
	return errors.As(err, &p) && (p.Code == "40P01" || p.Code == "40001")
}

func taken(err error) bool {
	var p *pgconn.PgError
	return errors.As(err, &p) && p.Code == "23505"
}

// values are the columns of a reservation but its seats.
func (o order) values() []any { return []any{o.round, o.user, o.key, o.seats, o.at, o.at.Add(hold)} }

// unique: a unique key over (round, seat) decides, in one statement. What is plainly taken costs a look only.
type unique struct {
	unfilled
	db *pgxpool.Pool
}

const insertUnique = `WITH r AS (
		INSERT INTO reservations (round, customer, key, seats, held_at, expires_at)
		SELECT $1, $2, $3, $4, $5, $6
		WHERE NOT EXISTS (SELECT FROM sales WHERE round = $1 AND seat = ANY($4::int[]))
		RETURNING id
	), s AS (
		INSERT INTO sales (round, seat, reservation) SELECT $1, seat, r.id FROM r, unnest($4::int[]) seat
	)
	SELECT id FROM r`

func (k *unique) reserve(ctx context.Context, o order) (sold, error) {
	s := sold{seats: o.seats}
	err := k.db.QueryRow(ctx, insertUnique, o.values()...).Scan(&s.id)
	if errors.Is(err, pgx.ErrNoRows) || taken(err) {
		return sold{}, errTaken
	}
	return s, err
}

// rowLock: SELECT ... FOR UPDATE of the seats in order, then the sale, in a transaction of two trips.
type rowLock struct{ filled }

const (
	lockSeats = `SELECT reservation IS NOT NULL FROM seats WHERE round = $1 AND seat = ANY($2::int[]) ORDER BY seat FOR UPDATE`
	sellSeats = `WITH r AS (
			INSERT INTO reservations (round, customer, key, seats, held_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
		), s AS (
			UPDATE seats SET reservation = r.id FROM r WHERE round = $1 AND seat = ANY($4::int[])
		)
		SELECT id FROM r`
)

func (k *rowLock) reserve(ctx context.Context, o order) (sold, error) {
	conn, err := k.db.Acquire(ctx)
	if err != nil {
		return sold{}, err
	}
	defer conn.Release()
	var isTaken bool
	locked := 0
	first := &pgx.Batch{}
	first.Queue("BEGIN")
	first.Queue(lockSeats, o.round, o.seats).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var gone bool
			if err := rows.Scan(&gone); err != nil {
				return err
			}
			isTaken = isTaken || gone
			locked++
		}
		return rows.Err()
	})
	if err := conn.SendBatch(ctx, first).Close(); err != nil {
		return sold{}, errors.Join(err, rollback(conn))
	}
	if isTaken || locked < len(o.seats) {
		return sold{}, errors.Join(errTaken, rollback(conn))
	}
	return commitSale(ctx, conn, o, sellSeats)
}

// commitSale ends a transaction with the statement that sells.
func commitSale(ctx context.Context, conn *pgxpool.Conn, o order, statement string) (sold, error) {
	s := sold{seats: o.seats}
	last := &pgx.Batch{}
	last.Queue(statement, o.values()...).QueryRow(func(row pgx.Row) error { return row.Scan(&s.id) })
	last.Queue("COMMIT")
	if err := conn.SendBatch(ctx, last).Close(); err != nil {
		return sold{}, errors.Join(err, rollback(conn))
	}
	return s, nil
}

const rollbackWithin = 5 * time.Second

// rollback ends a transaction even when its request has ended.
func rollback(conn *pgxpool.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackWithin)
	defer cancel()
	_, err := conn.Exec(ctx, "ROLLBACK")
	return err
}

// skipLocked: the best that are free and that nobody else has a hand on, in one statement. It takes no wishes for
// certain seats.
type skipLocked struct{ filled }

const pickSeats = `WITH pick AS MATERIALIZED (
		SELECT seat FROM seats WHERE round = $1 AND reservation IS NULL ORDER BY seat LIMIT $6 FOR UPDATE SKIP LOCKED
	), r AS (
		INSERT INTO reservations (round, customer, key, seats, held_at, expires_at)
		SELECT $1, $2, $3, array_agg(seat), $4, $5 FROM pick HAVING count(*) = $6
		RETURNING id, seats
	), s AS (
		UPDATE seats SET reservation = r.id FROM r WHERE round = $1 AND seat = ANY(r.seats)
	)
	SELECT id, seats FROM r`

func (k *skipLocked) reserve(ctx context.Context, o order) (sold, error) {
	var s sold
	err := k.db.QueryRow(ctx, pickSeats, o.round, o.user, o.key, o.at, o.at.Add(hold), max(o.any, len(o.seats))).Scan(&s.id, &s.seats)
	if errors.Is(err, pgx.ErrNoRows) {
		return sold{}, errTaken
	}
	return s, err
}

// optimistic: look without a lock, then change only what is still of the version seen; who lost looks again.
type optimistic struct{ filled }

const (
	lookSeats   = `SELECT seat, version, reservation IS NOT NULL FROM seats WHERE round = $1 AND seat = ANY($2::int[]) ORDER BY seat`
	changeSeats = `WITH r AS (
			INSERT INTO reservations (round, customer, key, seats, held_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
		), s AS (
			UPDATE seats SET reservation = r.id, version = seats.version + 1 FROM r, unnest($4::int[], $7::int[]) seen (seat, version)
			WHERE seats.round = $1 AND seats.seat = seen.seat AND seats.version = seen.version
			RETURNING 1
		)
		SELECT id, (SELECT count(*) FROM s) FROM r`
)

func (k *optimistic) reserve(ctx context.Context, o order) (sold, error) {
	for range again {
		s, err := k.once(ctx, o)
		if err == nil || errors.Is(err, errTaken) || !errors.Is(err, errBusy) && !lost(err) {
			return s, err
		}
	}
	return sold{}, errBusy
}

func (k *optimistic) once(ctx context.Context, o order) (sold, error) {
	rows, err := k.db.Query(ctx, lookSeats, o.round, o.seats)
	if err != nil {
		return sold{}, err
	}
	defer rows.Close()
	var versions []int32
	for rows.Next() {
		var seat, version int32
		var gone bool
		if err := rows.Scan(&seat, &version, &gone); err != nil {
			return sold{}, err
		}
		if gone {
			return sold{}, errTaken
		}
		versions = append(versions, version)
	}
	if err := rows.Err(); err != nil {
		return sold{}, err
	}
	if len(versions) < len(o.seats) {
		return sold{}, errTaken
	}
	conn, err := k.db.Acquire(ctx)
	if err != nil {
		return sold{}, err
	}
	defer conn.Release()
	s, changed := sold{seats: o.seats}, 0
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(changeSeats, append(o.values(), versions)...).QueryRow(func(row pgx.Row) error { return row.Scan(&s.id, &changed) })
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return sold{}, errors.Join(err, rollback(conn))
	}
	if changed < len(o.seats) {
		return sold{}, errors.Join(errBusy, rollback(conn))
	}
	_, err = conn.Exec(ctx, "COMMIT")
	return s, err
}

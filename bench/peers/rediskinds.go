package main

import (
	"context"
	cryptorand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// redisLock: one lock per round in Redis, asked for again and again until it is free, then an SQL transaction that looks
// and sells. It waits and leases as long as the service that Ticket Blue grew from.
type redisLock struct {
	unfilled
	db    *pgxpool.Pool
	redis *redis
}

const (
	lockWait  = 5 * time.Second
	lockLease = 10 * time.Second
	lockPause = 5 * time.Millisecond // at most, and random
)

const unlock = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`

const (
	lookSales = `SELECT count(*) FROM sales WHERE round = $1 AND seat = ANY($2::int[])`
	addSale   = `WITH r AS (
			INSERT INTO reservations (round, customer, key, seats, held_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
		), s AS (
			INSERT INTO sales (round, seat, reservation) SELECT $1, seat, r.id FROM r, unnest($4::int[]) seat
		)
		SELECT id FROM r`
)

func (k *redisLock) reserve(ctx context.Context, o order) (s sold, err error) {
	lock, token := "lock:"+strconv.FormatInt(o.round, 10), cryptorand.Text()
	lease := strconv.FormatInt(lockLease.Milliseconds(), 10)
	for began := time.Now(); ; {
		got, err := k.redis.do("SET", lock, token, "NX", "PX", lease)
		if err != nil {
			return sold{}, err
		}
		if got != nil {
			break
		}
		if time.Since(began) > lockWait || ctx.Err() != nil {
			return sold{}, errBusy
		}
		time.Sleep(rand.N(lockPause))
	}
	defer func() {
		if _, failed := k.redis.do("EVAL", unlock, "1", lock, token); err == nil {
			err = failed
		}
	}()
	conn, err := k.db.Acquire(ctx)
	if err != nil {
		return sold{}, err
	}
	defer conn.Release()
	gone := 0
	first := &pgx.Batch{}
	first.Queue("BEGIN")
	first.Queue(lookSales, o.round, o.seats).QueryRow(func(row pgx.Row) error { return row.Scan(&gone) })
	if err := conn.SendBatch(ctx, first).Close(); err != nil {
		return sold{}, err
	}
	if gone > 0 {
		_, err := conn.Exec(ctx, "ROLLBACK")
		if err == nil {
			err = errTaken
		}
		return sold{}, err
	}
	return commitSale(ctx, conn, o, addSale)
}

// redisLua: a script decides in Redis, and what it has sold is written to the database afterwards. NOT DURABLE: what a
// customer was promised is lost when Redis or this program dies before it is written.
type redisLua struct {
	db      *pgxpool.Pool
	redis   *redis
	script  string // its hash
	sales   chan sale
	pending atomic.Int64
}

type sale struct {
	order
	id int64
}

const (
	maxUnwritten = 100_000 // orders sold and not written; a customer waits beyond
	writeBatch   = 1_000
)

const luaReserve = `local seats = redis.call('HMGET', KEYS[1], unpack(ARGV))
for i = 1, #ARGV do if seats[i] then return 0 end end
local id = redis.call('INCR', 'reservation')
local set = {}
for i = 1, #ARGV do set[2*i-1] = ARGV[i]; set[2*i] = id end
redis.call('HSET', KEYS[1], unpack(set))
return id`

func newRedisLua(db *pgxpool.Pool, r *redis) (*redisLua, error) {
	hash, err := r.do("SCRIPT", "LOAD", luaReserve)
	if err != nil {
		return nil, err
	}
	text, ok := hash.([]byte)
	if !ok {
		return nil, fmt.Errorf("SCRIPT LOAD answered %v", hash)
	}
	k := &redisLua{db: db, redis: r, script: string(text), sales: make(chan sale, maxUnwritten)}
	go k.write()
	return k, nil
}

func (k *redisLua) open(context.Context, int64, int) error { return nil }

func (k *redisLua) unwritten() int64 { return k.pending.Load() }

func (k *redisLua) reserve(ctx context.Context, o order) (sold, error) {
	args := []string{"EVALSHA", k.script, "1", "round:" + strconv.FormatInt(o.round, 10)}
	for _, seat := range o.seats {
		args = append(args, strconv.Itoa(int(seat)))
	}
	answer, err := k.redis.do(args...)
	if err != nil {
		return sold{}, err
	}
	id, ok := answer.(int64)
	switch {
	case !ok:
		return sold{}, fmt.Errorf("the script answered %v", answer)
	case id == 0:
		return sold{}, errTaken
	}
	k.pending.Add(1)
	select {
	case k.sales <- sale{o, id}:
	case <-ctx.Done():
		return sold{}, ctx.Err()
	}
	return sold{id: id, seats: o.seats}, nil
}

// write takes what has been sold into the database, many orders at a time.
func (k *redisLua) write() {
	for first := range k.sales {
		batch := []sale{first}
		for len(batch) < writeBatch && len(k.sales) > 0 {
			batch = append(batch, <-k.sales)
		}
		if err := k.writeAll(batch); err != nil {
			fmt.Fprintln(os.Stderr, "written behind:", err)
			os.Exit(1) // promises are lost: nothing measured after this means anything
		}
		k.pending.Add(-int64(len(batch)))
	}
}

func (k *redisLua) writeAll(batch []sale) error {
	ctx := context.Background()
	tx, err := k.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // nothing after a commit
	reservations := make([][]any, len(batch))
	var seats [][]any
	for i, s := range batch {
		reservations[i] = append([]any{s.id}, s.values()...)
		for _, seat := range s.seats {
			seats = append(seats, []any{s.round, seat, s.id})
		}
	}
	columns := []string{"id", "round", "customer", "key", "seats", "held_at", "expires_at"}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"reservations"}, columns, pgx.CopyFromRows(reservations)); err != nil {
		return err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"sales"}, []string{"round", "seat", "reservation"}, pgx.CopyFromRows(seats)); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

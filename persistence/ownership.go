package persistence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Times of ownership. The wait is longer than the validity, by a margin for clocks that do not tick alike: a
// successor speaks only when its predecessor has fallen silent by its own clock.
const (
	HeartbeatEvery = 500 * time.Millisecond
	OwnershipValid = 2 * time.Second // from sending a heartbeat that was answered
	SuccessorWaits = 3 * time.Second // from getting the lock

	ownershipLock = 0x7469636b65740002 // key of the advisory lock
)

// OwnershipOptions of Acquire.
type OwnershipOptions struct {
	DSN  string
	Node string // names this process, not this machine: new for every start
	Sure bool   // something else proves that no earlier process lives (the data directory's flock): do not wait
	Log  *slog.Logger

	// OnChange is told of every change of Valid as it is noticed, by one goroutine, which waits for it. Optional.
	// What must not be wrong asks Valid.
	OnChange func(valid bool)

	// Tests have their own.
	now     func() time.Duration // a monotonic clock, always above 0
	connect func(context.Context, OwnershipOptions) (*pgx.Conn, error)
}

// Ownership is the right to speak for the streams of a database. One process has it at a time.
//
// The right is an advisory lock on a connection kept for it, but the lock alone is no lease: Postgres gives it to
// a rival the moment it thinks the connection dead, and the old holder learns of that later. Hence the heartbeats
// on that same connection, and the wait of the successor.
type Ownership struct {
	opts       OwnershipOptions
	validUntil atomic.Int64 // on the clock of opts.now, in ns; 0: not valid

	// Of the keeper's goroutine only, until done is closed.
	conn      *pgx.Conn
	held      bool          // conn has the lock, for all we know
	serveFrom time.Duration // not valid before; survives the loss of the lock; 0: never had it
	wasValid  bool
	untold    bool // has been valid since the last report, perhaps too shortly to be seen by it

	cancel context.CancelFunc
	done   chan struct{}
}

// Acquire connects and starts to strive for ownership, for as long as it takes: whether it is had says Valid. It
// fails only when the database does not answer now.
func Acquire(ctx context.Context, o OwnershipOptions) (*Ownership, error) {
	if o.Node == "" {
		return nil, errors.New("ownership: the node has no name")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.OnChange == nil {
		o.OnChange = func(bool) {}
	}
	if o.now == nil {
		start := time.Now()
		o.now = func() time.Duration { return time.Since(start) + 1 }
	}
	if o.connect == nil {
		o.connect = ownershipConn
	}
	conn, err := o.connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("ownership: %w", err)
	}
	own := &Ownership{opts: o, conn: conn, done: make(chan struct{})}
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	own.cancel = cancel
	go own.keep(keeping)
	return own, nil
}

func ownershipConn(ctx context.Context, o OwnershipOptions) (*pgx.Conn, error) {
	return dedicated(ctx, o.DSN, "ticketblue-owner", map[string]string{
		"statement_timeout": milliseconds(OwnershipValid),
		// Postgres should notice within seconds that the holder's machine is gone. No meaning on a Unix socket.
		"tcp_keepalives_idle":     "2",
		"tcp_keepalives_interval": "1",
		"tcp_keepalives_count":    "3",
	}, o.Log)
}

// Valid tells whether this process may speak now. It takes no lock and asks nobody; check it after the work is
// done and just before the answer leaves.
func (o *Ownership) Valid() bool { return int64(o.opts.now()) < o.validUntil.Load() }

// Release falls silent, notes that it left in good order so that the successor need not wait, and gives the lock
// back. When that cannot be noted the successor waits.
func (o *Ownership) Release(ctx context.Context) error {
	o.cancel()
	<-o.done
	if o.conn == nil {
		return nil
	}
	err := errors.Join(o.leave(ctx), o.conn.Close(ctx))
	o.conn, o.held = nil, false
	if err != nil {
		return fmt.Errorf("releasing ownership: %w", err)
	}
	return nil
}

func (o *Ownership) leave(ctx context.Context) error {
	if !o.held {
		return nil
	}
	// One that never waited out its predecessor must not tell its successor that there is none.
	if o.opts.now() >= o.serveFrom {
		_, err := o.conn.Exec(ctx, `UPDATE node_owner SET released_at = clock_timestamp() WHERE node = $1`, o.opts.Node)
		if err != nil {
			return err
		}
	}
	_, err := o.conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, int64(ownershipLock))
	return err
}

// keep strives for the lock, and holds it, until ctx ends; it ends with the connection open if it has one.
func (o *Ownership) keep(ctx context.Context) {
	defer close(o.done)
	defer o.silence()
	tick := time.NewTicker(HeartbeatEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := o.advance(ctx); err != nil {
			o.lose(err)
		}
		o.report()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// advance does what is next: connect, try the lock, beat.
func (o *Ownership) advance(ctx context.Context) error {
	// An answer that comes later than this has nothing left to say. Not cancelled by ctx, so that Release finds
	// the connection in order.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), OwnershipValid)
	defer cancel()
	if o.conn == nil {
		conn, err := o.opts.connect(limit, o.opts)
		if err != nil {
			return err
		}
		o.conn = conn
	}
	if !o.held {
		if err := o.try(limit); err != nil || !o.held {
			return err
		}
	}
	sent := o.opts.now()
	if err := o.conn.Ping(limit); err != nil {
		return err
	}
	if sent >= o.serveFrom {
		o.untold = true
		o.validUntil.Store(int64(sent + OwnershipValid))
	}
	return nil
}

// try asks for the lock and, having it, finds out from when on this process may speak.
func (o *Ownership) try(ctx context.Context) error {
	var got bool
	if err := o.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(ownershipLock)).Scan(&got); err != nil || !got {
		return err
	}
	now := o.opts.now()
	var last string
	var clean bool
	err := o.conn.QueryRow(ctx, `SELECT node, released_at IS NOT NULL FROM node_owner`).Scan(&last, &clean)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	switch {
	case o.opts.Sure, last == "", clean:
		o.serveFrom = now
	case last == o.opts.Node && o.serveFrom > 0: // nobody was in between: whatever was to be waited for still is
	default:
		o.serveFrom = now + SuccessorWaits
	}
	_, err = o.conn.Exec(ctx, `
		INSERT INTO node_owner (node, acquired_at) VALUES ($1, clock_timestamp())
		ON CONFLICT (singleton) DO UPDATE SET node = excluded.node, acquired_at = excluded.acquired_at, released_at = NULL`,
		o.opts.Node)
	if err != nil {
		return err
	}
	o.opts.Log.Info("ownership: have the lock", "node", o.opts.Node, "last_owner", last, "left_in_order", clean,
		"speaks_in", max(0, o.serveFrom-now))
	o.held = true
	return nil
}

// lose gives up the connection, and the lock with it.
func (o *Ownership) lose(err error) {
	o.opts.Log.Error("ownership: the lock's connection failed", "node", o.opts.Node, "err", err)
	o.wasValid = o.wasValid || o.untold
	o.held = false
	o.silence() // before anything that takes time
	if o.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	if err := o.conn.Close(ctx); err != nil {
		o.opts.Log.Debug("ownership: closing the connection", "err", err)
	}
	o.conn = nil
}

func (o *Ownership) silence() {
	o.validUntil.Store(0)
	o.report()
}

func (o *Ownership) report() {
	o.untold = false
	if valid := o.Valid(); valid != o.wasValid {
		o.wasValid = valid
		o.opts.OnChange(valid)
	}
}

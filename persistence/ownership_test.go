package persistence

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// fakeClock stands still unless moved.
type fakeClock struct{ at atomic.Int64 }

func newClock() *fakeClock {
	c := &fakeClock{}
	c.at.Store(int64(time.Hour))
	return c
}

func (c *fakeClock) now() time.Duration      { return time.Duration(c.at.Load()) }
func (c *fakeClock) advance(d time.Duration) { c.at.Add(int64(d)) }

func acquire(t *testing.T, o OwnershipOptions) *Ownership {
	t.Helper()
	o.Log = quiet
	own, err := Acquire(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Release(context.Background()); err != nil {
			t.Log("releasing:", err)
		}
	})
	return own
}

func release(t *testing.T, o *Ownership) {
	t.Helper()
	if err := o.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o.Valid() {
		t.Fatal("valid after its release")
	}
}

func owner(t *testing.T, conn *pgx.Conn) (node string, released bool) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `SELECT node, released_at IS NOT NULL FROM node_owner`).Scan(&node, &released)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return node, released
}

// hasLock tells whether the node has entered itself as the owner; every test's earlier owners did so at the epoch.
func hasLock(t *testing.T, conn *pgx.Conn, node string) bool {
	t.Helper()
	return queryString(t, conn, `
		SELECT EXISTS (SELECT FROM node_owner WHERE node = $1 AND released_at IS NULL AND acquired_at > 'epoch')::text`, node) == "true"
}

// Who must wait for a predecessor that may still speak, and who need not.
func TestSuccessorWaits(t *testing.T) {
	t.Parallel()
	const leftBehind = `INSERT INTO node_owner (node, acquired_at, released_at) VALUES ('old', 'epoch', %s)`
	for name, c := range map[string]struct {
		before string // what the predecessor left
		sure   bool
		waits  bool
	}{
		"no predecessor":                {"", false, false},
		"predecessor left in order":     {fmt.Sprintf(leftBehind, "now()"), false, false},
		"predecessor died":              {fmt.Sprintf(leftBehind, "NULL"), false, true},
		"predecessor's death is proven": {fmt.Sprintf(leftBehind, "NULL"), true, false},
		"a namesake died":               {`INSERT INTO node_owner (node, acquired_at) VALUES ('new', 'epoch')`, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := freshDSN(t)
			conn, clock := superuser(t, dsn), newClock()
			if c.before != "" {
				exec(t, conn, c.before)
			}
			changes := make(chan bool, 10)
			own := acquire(t, OwnershipOptions{DSN: dsn, Node: "new", Sure: c.sure, now: clock.now, OnChange: func(v bool) { changes <- v }})
			eventually(t, "the lock is had", func() bool { return hasLock(t, conn, "new") })
			if c.waits {
				clock.advance(SuccessorWaits - 1)
				beats(t, conn)
				if own.Valid() {
					t.Error("speaks while its predecessor may")
				}
				clock.advance(1)
			}
			eventually(t, "the owner speaks", own.Valid)
			if !<-changes {
				t.Error("told of a loss first")
			}
			clock.advance(OwnershipValid)
			eventually(t, "heartbeats go on", own.Valid)
			release(t, own)
			if _, released := owner(t, conn); !released {
				t.Error("left in order, but did not note it")
			}
		})
	}
}

// beats waits until the owner's connection has carried a heartbeat sent after the call.
func beats(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	since := queryString(t, conn, `SELECT clock_timestamp()::text`)
	for range 2 { // the first one seen may have been under way
		eventually(t, "a heartbeat", func() bool {
			return queryString(t, conn, `
				SELECT coalesce(max(query_start) > $1::timestamptz, false)::text FROM pg_stat_activity
				 WHERE application_name = 'ticketblue-owner' AND datname = current_database()`, since) == "true"
		})
		since = queryString(t, conn, `SELECT clock_timestamp()::text`)
	}
}

func queryString(t *testing.T, conn *pgx.Conn, sql string, args ...any) (s string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// One that leaves while it still waits for its predecessor must not vouch for it.
func TestReleaseWhileWaitingVouchesForNobody(t *testing.T) {
	t.Parallel()
	dsn := freshDSN(t)
	conn, clock := superuser(t, dsn), newClock()
	exec(t, conn, `INSERT INTO node_owner (node, acquired_at) VALUES ('died', 'epoch')`)
	second := acquire(t, OwnershipOptions{DSN: dsn, Node: "second", now: clock.now})
	eventually(t, "the lock is had", func() bool { return hasLock(t, conn, "second") })
	release(t, second)
	if _, released := owner(t, conn); released {
		t.Fatal("vouched for a predecessor it had not waited out")
	}
	third := acquire(t, OwnershipOptions{DSN: dsn, Node: "third", now: clock.now})
	eventually(t, "the lock is had", func() bool { return hasLock(t, conn, "third") })
	beats(t, conn)
	if third.Valid() {
		t.Error("speaks while the first may")
	}
}

// The lock's session is terminated. With nobody else about, the owner has it again without waiting for itself;
// but what it had to wait for before, it still has to.
func TestOwnerComesBack(t *testing.T) {
	t.Parallel()
	dsn := freshDSN(t)
	conn, clock := superuser(t, dsn), newClock()
	exec(t, conn, `INSERT INTO node_owner (node, acquired_at) VALUES ('died', 'epoch')`)
	changes := make(chan bool, 10)
	own := acquire(t, OwnershipOptions{DSN: dsn, Node: "node", now: clock.now, OnChange: func(v bool) { changes <- v }})
	eventually(t, "the lock is had", func() bool { return hasLock(t, conn, "node") })

	terminateOwner(t, conn)
	beats(t, conn) // on a new connection
	if own.Valid() {
		t.Fatal("forgot whom it was waiting for")
	}
	clock.advance(SuccessorWaits)
	eventually(t, "the owner speaks", own.Valid)
	terminateOwner(t, conn)
	for _, want := range []bool{true, false, true} { // the clock stands still: nothing was waited for
		select {
		case got := <-changes:
			if got != want {
				t.Fatalf("told %t, want %t", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("not told of %t", want)
		}
	}
}

func terminateOwner(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	exec(t, conn, `
		SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
		 WHERE locktype = 'advisory' AND datname = current_database()`)
}

// The owner's network goes deaf and Postgres gives its session up, so that a rival has the lock while the owner
// still may speak. The owner falls silent by its own clock before the rival speaks.
func TestOldOwnerFallsSilentBeforeSuccessorSpeaks(t *testing.T) {
	t.Parallel()
	dsn := freshDSN(t)
	conn, clock := superuser(t, dsn), newClock()
	network := &deafNetwork{}
	old := acquire(t, OwnershipOptions{DSN: dsn, Node: "old", now: clock.now, connect: overNetwork(network.wrap)})
	t.Cleanup(network.end)
	eventually(t, "the first owner speaks", old.Valid)
	successor := acquire(t, OwnershipOptions{DSN: dsn, Node: "successor", now: clock.now})
	beats(t, conn)
	if successor.Valid() {
		t.Fatal("two owners")
	}

	network.deaf.Store(true)
	terminateOwner(t, conn)
	eventually(t, "the successor has the lock", func() bool { return hasLock(t, conn, "successor") })
	if !old.Valid() {
		t.Fatal("the old owner was silent before the successor had the lock: nothing is proven")
	}
	const step = 100 * time.Millisecond
	for at := step; at <= SuccessorWaits; at += step {
		clock.advance(step)
		if old.Valid() != (at < OwnershipValid) {
			t.Errorf("after %s the old owner speaks: %t", at, old.Valid())
		}
		if at == OwnershipValid || at == SuccessorWaits-step {
			beats(t, conn)
		}
		if at < SuccessorWaits && successor.Valid() {
			t.Errorf("after %s the successor speaks", at)
		}
	}
	eventually(t, "the successor speaks", successor.Valid)
	if old.Valid() {
		t.Error("the old owner speaks again")
	}
}

// overNetwork opens the owner's connection over a network that wrap makes.
func overNetwork(wrap func(net.Conn) (net.Conn, error)) func(context.Context, OwnershipOptions) (*pgx.Conn, error) {
	return func(ctx context.Context, o OwnershipOptions) (*pgx.Conn, error) {
		cfg, err := pgx.ParseConfig(o.DSN)
		if err != nil {
			return nil, err
		}
		prepareSession(cfg, "ticketblue-owner")
		dial := cfg.DialFunc
		cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return wrap(c)
		}
		return connect(ctx, cfg, quiet)
	}
}

// What counts is when a heartbeat was sent: an answer that took as long as it is good for is good for nothing.
func TestSlowAnswersDoNotCount(t *testing.T) {
	t.Parallel()
	dsn := freshDSN(t)
	conn, clock := superuser(t, dsn), newClock()
	var slow atomic.Bool
	own := acquire(t, OwnershipOptions{DSN: dsn, Node: "slow", now: clock.now, connect: overNetwork(func(c net.Conn) (net.Conn, error) {
		return readHook{c, func() {
			if slow.Load() {
				clock.advance(OwnershipValid)
			}
		}}, nil
	})})
	eventually(t, "the owner speaks", own.Valid)
	slow.Store(true)
	beats(t, conn)
	beats(t, conn)
	if own.Valid() {
		t.Error("valid by an old heartbeat")
	}
	slow.Store(false)
	eventually(t, "the owner speaks again", own.Valid)
}

type readHook struct {
	net.Conn
	before func()
}

func (c readHook) Read(p []byte) (int, error) {
	c.before()
	return c.Conn.Read(p)
}

// deafNetwork carries nothing once deaf, in either direction, and does not say so: not even by a time that is up.
type deafNetwork struct {
	deaf  atomic.Bool
	mu    sync.Mutex
	conns []*deafConn
}

func (n *deafNetwork) wrap(c net.Conn) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deaf.Load() {
		return nil, net.ErrClosed
	}
	conn := &deafConn{Conn: c, deaf: &n.deaf, closed: make(chan struct{})}
	n.conns = append(n.conns, conn)
	return conn, nil
}

// end lets whoever still listens go.
func (n *deafNetwork) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close() // the other side has closed it
	}
}

type deafConn struct {
	net.Conn
	deaf   *atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func (c *deafConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.deaf.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *deafConn) Write(p []byte) (int, error) {
	if c.deaf.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *deafConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func TestSkew(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	eventually(t, "the clocks of one machine agree", func() bool { // an answer that was long under way says little
		skew, err := db.Skew(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return skew.Abs() <= MaxSkew
	})
}

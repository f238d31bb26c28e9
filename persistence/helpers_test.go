package persistence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// patience is how long a test waits for what must come.
const patience = time.Minute

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// shared is one migrated database for all tests that only need streams of their own.
var shared struct {
	once sync.Once
	dsn  string
	err  error
}

func sharedDSN(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		shared.dsn = pgtest.DSN(t)
		shared.err = Migrate(t.Context(), shared.dsn)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.dsn
}

// freshDSN is a migrated database for this test alone.
func freshDSN(t testing.TB) string {
	t.Helper()
	dsn := pgtest.DSN(t)
	if err := Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	return dsn
}

func openDB(t testing.TB, dsn string) *DB {
	t.Helper()
	db, err := Open(t.Context(), Options{DSN: dsn, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// superuser is a connection that may do everything, to break things with.
func superuser(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

type execer interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}

func exec(t testing.TB, conn execer, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// rollback ends a transaction that may have ended, or lost its connection.
func rollback(t testing.TB, tx pgx.Tx) {
	if err := tx.Rollback(context.Background()); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		t.Log("rolling back:", err)
	}
}

// newJournal makes a journal that has the patience of the test where the test does not say otherwise: an outcome that is
// unknown because the machine stalls is no news of the program.
func newJournal(db *DB, o JournalOptions) *Journal {
	if o.FlushDeadline == 0 {
		o.FlushDeadline = patience
	}
	j := NewJournal(db, o)
	inner := j.connect
	j.connect = func(ctx context.Context, sql string) (*pgx.Conn, error) {
		conn, err := inner(ctx, sql)
		if err == nil {
			_, err = conn.Exec(ctx, "SET lock_timeout = 0; SET statement_timeout = 0")
		}
		return conn, err
	}
	return j
}

// startJournal starts a journal that is closed with the test. change may replace parts of it before.
func startJournal(t testing.TB, db *DB, o JournalOptions, change func(*Journal)) *Journal {
	t.Helper()
	j := newJournal(db, o)
	if change != nil {
		change(j)
	}
	j.Start()
	t.Cleanup(func() { closeJournal(t, j) })
	return j
}

func closeJournal(t testing.TB, j *Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := j.Close(ctx); err != nil {
		t.Error(err)
	}
}

var streamCount atomic.Int64

func newStream(name string) ticketing.Stream {
	return ticketing.Stream(fmt.Sprintf("test:%s-%d", name, streamCount.Add(1)))
}

func newWriter() (w ticketing.WriterID) {
	rand.Read(w[:]) // never fails
	return w
}

// listener collects what the journal tells an activation.
type listener struct {
	t       testing.TB
	commits chan ticketing.Commit
}

func begin(t testing.TB, j *Journal, s ticketing.Stream, w ticketing.WriterID, head ticketing.Head) listener {
	l := listener{t, make(chan ticketing.Commit, 10_000)}
	j.Begin(s, w, head, func(c ticketing.Commit) { l.commits <- c })
	return l
}

func (l listener) next() ticketing.Commit {
	l.t.Helper()
	select {
	case c := <-l.commits:
		return c
	case <-time.After(patience):
		l.t.Fatal("the journal says nothing")
		return ticketing.Commit{}
	}
}

// committed waits for a commit up to seq and returns the head.
func (l listener) committed(seq uint64) ticketing.Head {
	l.t.Helper()
	for {
		c := l.next()
		if c.Outcome != ticketing.Committed {
			l.t.Fatalf("outcome %d, want committed up to %d", c.Outcome, seq)
		}
		if c.Head.To >= seq {
			return c.Head
		}
	}
}

func (l listener) expect(want ticketing.Outcome) {
	l.t.Helper()
	if c := l.next(); c.Outcome != want {
		l.t.Fatalf("outcome %d at %d..%d, want %d", c.Outcome, c.Head.From, c.Head.To, want)
	}
}

func (l listener) silent() {
	l.t.Helper()
	select {
	case c := <-l.commits:
		l.t.Fatalf("told %+v, want nothing more", c)
	default:
	}
}

// eventually polls until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// history loads a stream whole, checking that nothing is missing.
func history(t testing.TB, db *DB, s ticketing.Stream) ticketing.History {
	t.Helper()
	h, err := db.LoadAll(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

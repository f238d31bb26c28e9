package persistence

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// What Postgres will never take fails its own stream only.
func TestOneBadStreamAmongGoodOnes(t *testing.T) {
	noise := make([]byte, 9000) // cannot be compressed to what an index row holds
	for i := range noise {
		noise[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"[rand.N(64)]
	}
	for name, bad := range map[string]ticketing.Stream{
		"a character that is none (22)": "bad:\x00",
		"a broken check (23)":           "",
		"too large for the index (54)":  ticketing.Stream(noise),
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, sharedDSN(t))
			j := newJournal(db, JournalOptions{})
			var good []listener
			var badOne listener
			for i := range 5 {
				w := newWriter()
				if i == 2 {
					badOne = begin(t, j, bad, w, ticketing.Head{})
				} else {
					good = append(good, begin(t, j, newStream("good"), w, ticketing.Head{}))
				}
				j.Append(w, 1, []byte("x"))
			}
			j.Start()
			defer closeJournal(t, j)
			for _, l := range good {
				l.committed(1)
			}
			badOne.expect(ticketing.Unknown)
			if s := j.Stats(); s.Split != 1 || s.Lost != 0 || s.Unknown != 1 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// A deadlock is nobody's fault: the flush is repeated, if need be stream by stream, and nobody learns of it.
func TestDeadlockIsRepeated(t *testing.T) {
	dsn := freshDSN(t)
	db, rival, watcher := openDB(t, dsn), superuser(t, dsn), superuser(t, dsn)
	const insert = `INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload) VALUES ($1, 1, 1, 0, $2, $2, 'r')`
	// The journal is to be the victim: it looks for a deadlock once, and by then the rival must wait as well.
	exec(t, rival, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''4s''', current_database()); END $$`)
	tx, err := rival.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "SET LOCAL deadlock_timeout = '10min'")
	exec(t, tx, insert, "b", uuidOf(newWriter()))

	j := newJournal(db, JournalOptions{})
	var listeners []listener
	for _, s := range []ticketing.Stream{"a", "b"} {
		w := newWriter()
		listeners = append(listeners, begin(t, j, s, w, ticketing.Head{}))
		j.Append(w, 1, []byte("x"))
	}
	j.Start()
	defer closeJournal(t, j)
	eventually(t, "the flush has a and waits for b", func() bool { return flushWaits(t, watcher) })
	exec(t, tx, insert+" ON CONFLICT DO NOTHING", "a", uuidOf(newWriter())) // waits for a: deadlock
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, l := range listeners {
		l.committed(1)
	}
	if s := j.Stats(); s.Deadlocks != 1 || s.Unknown != 0 || s.Fenced != 0 || s.Lost != 0 {
		t.Errorf("stats %+v", s)
	}
}

// The journal's session is terminated again and again under load. Everybody is answered, what was told is there,
// and the journal comes back by itself.
func TestTerminatedSession(t *testing.T) {
	dsn := freshDSN(t)
	db, killer := openDB(t, dsn), superuser(t, dsn)
	j := startJournal(t, db, JournalOptions{}, nil)
	const owners, kills = 8, 5
	var unknown, done atomic.Int64
	var stop atomic.Bool
	var all sync.WaitGroup
	for range owners {
		all.Go(func() { steadyOwner(t, db, j, newStream("killed"), &unknown, &done, &stop) })
	}
	for range kills {
		// Some work between the kills, so that each falls into a flush or close to one.
		until := done.Load() + 200
		eventually(t, "commits go on", func() bool { return done.Load() >= until })
		exec(t, killer, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ticketblue-journal' AND datname = current_database()`)
		lost := j.Stats().Lost
		eventually(t, "the loss is noticed", func() bool { return j.Stats().Lost > lost || done.Load() > until+100 })
	}
	until := done.Load() + 200
	eventually(t, "commits go on", func() bool { return done.Load() >= until })
	stop.Store(true)
	all.Wait()
	if unknown.Load() == 0 {
		t.Error("nobody's outcome was unknown")
	}
	if s := j.Stats(); s.Lost < kills {
		t.Errorf("%d connections lost, want %d", s.Lost, kills)
	}
}

// steadyOwner appends as fast as it is answered, reloads when it must, and at the end compares what it was told
// with the journal.
func steadyOwner(t *testing.T, db *DB, j *Journal, s ticketing.Stream, unknown, done *atomic.Int64, stop *atomic.Bool) {
	var told []ticketing.Head
	for !stop.Load() {
		var head ticketing.Head
		if h, err := db.LoadAll(context.Background(), s); err == nil {
			head = h.Head
		}
		w := newWriter()
		l := begin(t, j, s, w, head)
		for alive := true; alive && !stop.Load(); {
			j.Append(w, 2, []byte("xx"))
			switch c := <-l.commits; c.Outcome {
			case ticketing.Committed:
				told = append(told, c.Head)
				done.Add(1)
			case ticketing.Unknown:
				unknown.Add(1)
				alive = false
			default:
				t.Errorf("fenced without a rival")
				alive = false
			}
		}
	}
	h, err := db.LoadAll(context.Background(), s)
	if err != nil {
		t.Error(err)
	}
	written := map[ticketing.Head]bool{}
	for _, c := range h.Tail {
		written[ticketing.Head{From: c.From, To: c.To, Writer: c.Writer}] = true
	}
	for _, head := range told {
		if !written[head] {
			t.Errorf("told %+v, which is not in the journal", head)
		}
	}
}

// The commit lands and its answer is lost: Unknown, and whoever reloads finds the events.
func TestLostAnswer(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	s, w := newStream("lost"), newWriter()
	var armed atomic.Bool
	landed := func() bool {
		_, err := db.LoadAll(context.Background(), s)
		return err == nil
	}
	j := startJournal(t, db, JournalOptions{}, func(j *Journal) {
		j.connect = func(ctx context.Context, sql string) (*pgx.Conn, error) {
			cfg, err := pgx.ParseConfig(db.dsn)
			if err != nil {
				return nil, err
			}
			prepareSession(cfg, "ticketblue-journal")
			dial := cfg.DialFunc
			cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return &lossyConn{Conn: conn, armed: &armed, lose: func() { eventually(t, "the commit lands", landed) }}, err
			}
			conn, err := connect(ctx, cfg, quiet)
			if err == nil {
				_, err = conn.Prepare(ctx, flushStatement, sql)
			}
			return conn, err
		}
	})
	warm := newWriter()
	l := begin(t, j, newStream("warm"), warm, ticketing.Head{})
	j.Append(warm, 1, []byte("x"))
	l.committed(1)

	armed.Store(true)
	l = begin(t, j, s, w, ticketing.Head{})
	j.Append(w, 3, []byte("xyz"))
	l.expect(ticketing.Unknown)
	head := history(t, db, s).Head
	if want := (ticketing.Head{From: 1, To: 3, Writer: w}); head != want {
		t.Fatalf("head %+v, want %+v", head, want)
	}
	next := newWriter()
	l = begin(t, j, s, next, head)
	j.Append(next, 1, []byte("z"))
	l.committed(4)
}

// lossyConn loses the first answer after it has been armed, once what was asked has happened.
type lossyConn struct {
	net.Conn
	armed *atomic.Bool
	lose  func()
}

func (c *lossyConn) Read(p []byte) (int, error) {
	if c.armed.CompareAndSwap(true, false) {
		c.lose()
		c.Conn.Close()
		return 0, io.EOF
	}
	return c.Conn.Read(p)
}

// A flush that Postgres does not answer in time ends as Unknown, and the journal goes on.
func TestFlushDeadline(t *testing.T) {
	dsn := freshDSN(t)
	db, blocker := openDB(t, dsn), superuser(t, dsn)
	j := startJournal(t, db, JournalOptions{FlushDeadline: 100 * time.Millisecond}, nil)
	s, w := newStream("late"), newWriter()
	writeStream(t, db, s, 1)
	var l listener
	kept := func(writer ticketing.WriterID) bool { // the deadline is short: a machine that stalls is late as well
		l = begin(t, j, s, writer, history(t, db, s).Head)
		j.Append(writer, 1, []byte("x"))
		return l.next().Outcome == ticketing.Committed
	}
	eventually(t, "it writes", func() bool { w = newWriter(); return kept(w) })
	tx, err := blocker.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "LOCK TABLE journal IN SHARE MODE")
	j.Append(w, 1, []byte("y"))
	l.expect(ticketing.Unknown)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the journal goes on", func() bool { return kept(newWriter()) }) // fenced before, perhaps: the late flush may have landed
}

// Nobody serves on a database that is not there; an answer comes all the same.
func TestUnreachableDatabase(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	var reachable atomic.Bool
	j := startJournal(t, db, JournalOptions{}, func(j *Journal) {
		inner := j.connect
		j.connect = func(ctx context.Context, sql string) (*pgx.Conn, error) {
			if !reachable.Load() {
				sql = strings.Replace(sql, "journal", "nowhere", 1)
			}
			return inner(ctx, sql)
		}
	})
	s, w := newStream("unreachable"), newWriter()
	l := begin(t, j, s, w, ticketing.Head{})
	j.Append(w, 1, []byte("x"))
	l.expect(ticketing.Unknown)
	reachable.Store(true)
	w = newWriter()
	l = begin(t, j, s, w, ticketing.Head{})
	j.Append(w, 1, []byte("x"))
	if c := l.next(); c.Outcome != ticketing.Committed { // an attempt to connect may have been under way
		w = newWriter()
		l = begin(t, j, s, w, ticketing.Head{})
		j.Append(w, 1, []byte("x"))
		l.committed(1)
	}
}

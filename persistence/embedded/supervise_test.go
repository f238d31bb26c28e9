package embedded

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// writer inserts numbers one by one, on a new connection whenever the old one breaks, and keeps those the server
// acknowledged.
type writer struct {
	dsn   string
	acked []int
	tick  chan struct{} // one signal per acknowledged row, when somebody listens
}

func (w *writer) run(ctx context.Context, first, step int) {
	var conn *pgx.Conn
	for n := first; ctx.Err() == nil; n += step {
		if conn == nil || conn.IsClosed() {
			var err error
			if conn, err = pgx.Connect(ctx, w.dsn); err != nil {
				conn = nil
				_ = pause(ctx, pollEvery)
				continue
			}
		}
		if _, err := conn.Exec(ctx, "insert into acks values ($1)", n); err == nil {
			w.acked = append(w.acked, n)
			select {
			case w.tick <- struct{}{}:
			default:
			}
		} else if !conn.IsClosed() {
			_ = conn.Close(context.Background())
		}
	}
	if conn != nil {
		_ = conn.Close(context.Background())
	}
}

// crowd runs several writers until stop is called, which returns all acknowledged numbers.
func crowd(dsn string, tick chan struct{}) (stop func() []int) {
	const writers = 4
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	all := make([]*writer, writers)
	for i := range all {
		all[i] = &writer{dsn: dsn, tick: tick}
		wg.Go(func() { all[i].run(ctx, i, writers) })
	}
	return func() []int {
		cancel()
		wg.Wait()
		var acked []int
		for _, w := range all {
			acked = append(acked, w.acked...)
		}
		return acked
	}
}

// awaitAcks waits for n more acknowledged rows.
func awaitAcks(t *testing.T, tick chan struct{}, n int) {
	t.Helper()
	ctx := limited(t)
	for range n {
		select {
		case <-tick:
		case <-ctx.Done():
			t.Fatal("the writers do not get on")
		}
	}
}

// lost returns how many acknowledged numbers the table lacks.
func lost(t *testing.T, dsn string, acked []int) (n int) {
	t.Helper()
	check(t, connect(t, dsn).QueryRow(limited(t),
		"select count(*) from unnest($1::int[]) a where not exists (select from acks where n = a)", acked).Scan(&n))
	return n
}

func TestKilledPostmasterComesBackWithEveryCommittedRow(t *testing.T) {
	s := start(t, Options{Dir: cluster(t)})
	dsn := s.DSN()
	exec1(t, dsn, "create table acks (n int primary key)")
	tick := make(chan struct{})
	finish := crowd(dsn, tick)
	const kills = 4
	for i := 1; i <= kills; i++ {
		awaitAcks(t, tick, 50*i)
		old, began := s.PID(), time.Now()
		check(t, syscall.Kill(old, syscall.SIGKILL))
		check(t, s.AwaitRestart(limited(t), i))
		t.Logf("back after %v", time.Since(began))
		if s.PID() == old || s.DSN() != dsn {
			t.Errorf("pid %d -> %d, DSN %s -> %s", old, s.PID(), dsn, s.DSN())
		}
	}
	awaitAcks(t, tick, 10) // The writers found it again.
	acked := finish()
	if n := lost(t, dsn, acked); n != 0 {
		t.Errorf("%d of %d acknowledged rows are lost", n, len(acked))
	}
	if n := s.Restarts(); n != kills {
		t.Errorf("%d restarts, want %d", n, kills)
	}
}

func TestPostmasterThatEndsInGoodOrderComesBackToo(t *testing.T) {
	s := start(t, Options{Dir: cluster(t)})
	check(t, syscall.Kill(s.PID(), syscall.SIGTERM)) // An operator's mistake, or the end of a terminal.
	check(t, s.AwaitRestart(limited(t), 1))
	if n := count(t, s.DSN(), "select 1"); n != 1 {
		t.Fatal("no answer")
	}
}

func TestRestartWaitsForABusyOrphan(t *testing.T) {
	s := start(t, Options{Dir: cluster(t)})
	busy := connect(t, s.DSN())
	orphan := int(busy.PgConn().PID())
	go func() { // A query that never looks up to see that its server is gone.
		_, _ = busy.Exec(context.Background(), "select count(*) from generate_series(1, 1000000000000) where random() > 2")
	}()
	eventually(t, "the query to run", func() bool {
		return count(t, s.DSN(), "select count(*) from pg_stat_activity where state = 'active' and query like '%generate_series%' and pid <> pg_backend_pid()") == 1
	})
	check(t, syscall.Kill(s.PID(), syscall.SIGKILL))
	check(t, s.AwaitRestart(limited(t), 1))
	if occupies(orphan, s.paths.pgdata) {
		t.Errorf("backend %d of the dead server still runs beside the new one", orphan)
	}
}

func TestStopWhileRestarting(t *testing.T) {
	for _, after := range []int{0, 1} { // Before and after a restart has been seen.
		s, err := Start(limited(t), Options{Dir: cluster(t)})
		check(t, err)
		check(t, syscall.Kill(s.PID(), syscall.SIGKILL))
		check(t, s.AwaitRestart(limited(t), after))
		began := time.Now()
		if err := s.Stop(limited(t)); err != nil && after == 1 { // Before a restart it rightly reports the crash.
			t.Error(err)
		}
		if took := time.Since(began); took > stopGrace/2 {
			t.Errorf("stopping took %v", took)
		}
		left, err := occupants(s.paths.pgdata)
		check(t, err)
		if len(left) != 0 {
			t.Errorf("processes %v are left", left)
		}
	}
}

func TestKilledOwnerLosesNothing(t *testing.T) {
	dir := cluster(t)
	for name, killBoth := range map[string]bool{"owner": false, "owner and postmaster": true} {
		t.Run(name, func(t *testing.T) {
			h := startHelper(t, self(t), dir, nil)
			dsn := h.ready(t)
			exec1(t, dsn, "create table if not exists acks (n int primary key)")
			exec1(t, dsn, "truncate acks")
			tick := make(chan struct{})
			finish := crowd(dsn, tick)
			awaitAcks(t, tick, 100)
			postmaster := firstNumber(dir + "/pgdata/postmaster.pid")
			h.kill()
			if killBoth {
				_ = syscall.Kill(postmaster, syscall.SIGKILL) // It may have gone in good order already.
			}
			began := time.Now()
			s := start(t, Options{Dir: dir})
			t.Logf("next start %v", time.Since(began))
			acked := finish()
			if n := lost(t, s.DSN(), acked); n != 0 {
				t.Errorf("%d of %d acknowledged rows are lost", n, len(acked))
			}
			stop(t, s)
		})
	}
}

func TestServerStopsInGoodOrderWhenItsOwnerIsKilled(t *testing.T) {
	dir := cluster(t)
	h := startHelper(t, self(t), dir, nil)
	connect(t, h.ready(t))
	h.kill()
	pgdata := filepath.Join(dir, "pgdata")
	eventually(t, "every process of the server to end", func() bool {
		pids, err := occupants(pgdata)
		return err == nil && len(pids) == 0
	})
	if exists(filepath.Join(pgdata, "postmaster.pid")) {
		t.Error("it left its pid file, as after a crash")
	}
}

func TestRestartingSlowsDownAndEndsWithStop(t *testing.T) {
	// The programs become unusable while the server is down: attempts go on, ever more slowly, until they are mended.
	s := start(t, Options{Dir: cluster(t)})
	bin := s.bin
	broken := bin
	broken.Dir = fakeInstallation(t, bin.Version, "exit 1")
	lines := &recorder{seen: make(chan slog.Record, 64)}
	stop(t, s)

	dead := newServer(Options{Log: slog.New(lines), MaxConnections: 10}, s.paths, s.own)
	dead.bin, dead.as = broken, s.as
	revived := make(chan *child)
	go func() {
		c, _ := dead.revive(0)
		revived <- c
	}()
	ctx := limited(t)
	for _, want := range []time.Duration{firstDelay, 2 * firstDelay} {
		select {
		case line := <-lines.seen:
			line.Attrs(func(a slog.Attr) bool {
				if a.Key == "again_in" && a.Value.Duration() != want {
					t.Errorf("the next attempt comes in %v, want %v", a.Value, want)
				}
				return true
			})
		case <-ctx.Done():
			t.Fatal("no failed restart was reported")
		}
	}
	dead.endLife()
	select {
	case c := <-revived:
		if c != nil {
			t.Error("a broken installation started")
		}
	case <-ctx.Done():
		t.Fatal("restarting goes on after a stop")
	}
}

// recorder is a log that reports failed restarts.
type recorder struct{ seen chan slog.Record }

func (*recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler     { return r }
func (r *recorder) WithGroup(string) slog.Handler          { return r }
func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	if rec.Message == "PostgreSQL does not start" {
		r.seen <- rec
	}
	return nil
}

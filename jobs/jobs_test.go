package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// patience is how long a test waits for what must come.
const patience = time.Minute

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// house is a database as the program has it, and a Jobs on it.
type house struct {
	t    *testing.T
	dsn  string
	pool *pgxpool.Pool // in the program's role
	jobs *Jobs
	done chan string // arguments of the jobs worked
}

// newHouse has the role and the default rights that persistence gives.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dsn: pgtest.DSN(t), done: make(chan string, 10_000)}
	root, err := pgx.Connect(t.Context(), h.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close(context.Background())
	for _, sql := range []string{
		`DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ticketblue_app') THEN CREATE ROLE ticketblue_app NOLOGIN; END IF; END $$`,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ticketblue_app`,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO ticketblue_app`,
	} {
		if _, err := root.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := Migrate(t.Context(), h.dsn); err != nil {
		t.Fatal(err)
	}
	h.jobs = h.newJobs()
	if h.pool, err = h.jobs.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.pool.Close)
	return h
}

func (h *house) newJobs() *Jobs {
	h.t.Helper()
	j, err := New(Options{DSN: h.dsn, Log: quiet, firstRetry: time.Millisecond})
	if err != nil {
		h.t.Fatal(err)
	}
	j.Register("note", func(_ context.Context, args []byte) error {
		h.done <- string(args)
		return nil
	})
	return j
}

func (h *house) start(j *Jobs) {
	h.t.Helper()
	if err := j.Start(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { h.stop(j) })
}

func (h *house) stop(j *Jobs) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := j.Stop(ctx); err != nil {
		h.t.Error(err)
	}
}

// enqueue adds jobs in a transaction that is committed.
func (h *house) enqueue(list ...ticketing.Job) {
	h.t.Helper()
	if err := pgx.BeginFunc(h.t.Context(), h.pool, func(tx pgx.Tx) error { return h.jobs.Enqueue(h.t.Context(), tx, list) }); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) next() string {
	h.t.Helper()
	select {
	case args := <-h.done:
		return args
	case <-time.After(patience):
		h.t.Fatal("no job is worked")
		return ""
	}
}

func note(n int) ticketing.Job {
	return ticketing.Job{Kind: "note", Key: fmt.Sprintf("round:1@%d", n), Args: fmt.Appendf(nil, `{"n": %d}`, n)}
}

func number(t *testing.T, args string) int {
	t.Helper()
	var v struct{ N int }
	if err := json.Unmarshal([]byte(args), &v); err != nil {
		t.Fatal(err)
	}
	return v.N
}

// Each key once, however often and from however many sides it is enqueued, by two nodes that both work.
func TestOncePerKey(t *testing.T) {
	h := newHouse(t)
	const n = 50
	for from := range n { // overlapping batches
		h.enqueue(note(from), note(from), note((from+1)%n), note((from+2)%n))
	}
	h.start(h.jobs)
	h.start(h.newJobs())
	var rivals sync.WaitGroup
	for range 4 {
		rivals.Go(func() {
			for from := range n {
				h.enqueue(note(from), note(n+from))
			}
		})
	}
	rivals.Wait()
	worked := map[int]int{}
	for range 2 * n {
		worked[number(t, h.next())]++
	}
	h.enqueue(note(0), note(1000)) // a key of a job that is done long since; a mark for the end
	if got := number(t, h.next()); got != 1000 {
		worked[got]++
	}
	if len(worked) != 2*n {
		t.Errorf("%d different jobs were worked, want %d", len(worked), 2*n)
	}
	for k, times := range worked {
		if times != 1 {
			t.Errorf("job %d was worked %d times", k, times)
		}
	}
}

// Rolled back is never worked.
func TestInTheCallersTransaction(t *testing.T) {
	h := newHouse(t)
	h.start(h.jobs)
	no := errors.New("no")
	err := pgx.BeginFunc(t.Context(), h.pool, func(tx pgx.Tx) error {
		if err := h.jobs.Enqueue(t.Context(), tx, []ticketing.Job{note(1)}); err != nil {
			return err
		}
		return no
	})
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	h.enqueue(note(2))
	if got := number(t, h.next()); got != 2 {
		t.Errorf("job %d was worked, want 2", got)
	}
	h.enqueue(note(1)) // its key is free: it was never enqueued
	if got := number(t, h.next()); got != 1 {
		t.Errorf("job %d was worked, want 1", got)
	}
}

// What cannot be worked is refused before it is enqueued.
// A job that has a moment waits for it; one whose moment has passed does not.
func TestNotBefore(t *testing.T) {
	h := newHouse(t)
	h.start(h.jobs)
	later := ticketing.MillisOf(time.Now().Add(time.Hour))
	h.enqueue(
		ticketing.Job{Kind: "note", Key: "later", Args: []byte(`"later"`), At: later},
		ticketing.Job{Kind: "note", Key: "before", Args: []byte(`"before"`), At: 1},
	)
	if got := h.next(); got != `"before"` {
		t.Errorf("worked %s first", got)
	}
	var state string
	var at time.Time
	err := h.pool.QueryRow(t.Context(), `SELECT state, scheduled_at FROM river_job WHERE args->>'key' = 'later'`).Scan(&state, &at)
	if err != nil || state != "scheduled" || ticketing.MillisOf(at) != later {
		t.Errorf("the later one is %s at %s, %v", state, at, err)
	}
}

func TestRefused(t *testing.T) {
	h := newHouse(t)
	for want, job := range map[string]ticketing.Job{
		`kind "mail"`: {Kind: "mail", Key: "round:1@1", Args: []byte(`{}`)},
		"no key":      {Kind: "note", Args: []byte(`{}`)},
		"round:1@2":   {Kind: "note", Key: "round:1@2", Args: []byte(`{`)},
		"round:1@3":   {Kind: "note", Key: "round:1@3", Args: []byte(`"` + strings.Repeat("x", MaxArgs) + `"`)},
	} {
		err := pgx.BeginFunc(t.Context(), h.pool, func(tx pgx.Tx) error {
			return h.jobs.Enqueue(t.Context(), tx, []ticketing.Job{note(1), job})
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s in it", job.Key, err, want)
		}
	}
	var count int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM river_job`).Scan(&count); err != nil || count != 0 {
		t.Errorf("%d jobs, %v", count, err)
	}
}

// Errors and panics are tried again until it works.
func TestRetries(t *testing.T) {
	h := newHouse(t)
	tries := 0
	h.jobs.Register("stubborn", func(_ context.Context, args []byte) error {
		switch tries++; tries {
		case 1:
			return errors.New("not yet")
		case 2:
			panic("not yet either")
		}
		h.done <- string(args)
		return nil
	})
	h.enqueue(ticketing.Job{Kind: "stubborn", Key: "k", Args: []byte(`{"n": 7}`)})
	h.start(h.jobs)
	if got := number(t, h.next()); got != 7 || tries != 3 {
		t.Errorf("worked %d at try %d", got, tries)
	}
}

func TestBackoff(t *testing.T) {
	b := backoff{FirstRetry}
	for failed, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second, 11: LastRetry, 299: LastRetry} {
		job := &rivertype.JobRow{Errors: make([]rivertype.AttemptError, failed-1)}
		before := time.Now()
		if got := b.NextRetry(job); got.Before(before.Add(want)) || time.Until(got) > want {
			t.Errorf("after %d failures in %s, want %s", failed, time.Until(got), want)
		}
	}
}

// Stop waits for what is under way and takes up nothing more; what is left is worked after the next start.
func TestFewLinesForManyFailures(t *testing.T) {
	var loud []int
	for attempt := 1; attempt < MaxAttempts; attempt++ {
		var out strings.Builder
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
		job := &rivertype.JobRow{ID: 1, Kind: "k", Attempt: attempt, MaxAttempts: MaxAttempts}
		if reporter := (reporter{log}); reporter.HandleError(t.Context(), job, errors.New("e")) != nil {
			t.Error("it is for River to try again")
		}
		if strings.Contains(out.String(), "level=WARN") {
			loud = append(loud, attempt)
		} else if out.Len() > 0 {
			t.Errorf("attempt %d: %s", attempt, out.String())
		}
	}
	if want := []int{5, 10, 20, 40, 80, 160}; !slices.Equal(loud, want) {
		t.Errorf("warned after %v, want %v", loud, want)
	}
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	reporter{log}.HandleError(t.Context(), &rivertype.JobRow{Attempt: MaxAttempts, MaxAttempts: MaxAttempts}, errors.New("e"))
	if !strings.Contains(out.String(), "level=ERROR") {
		t.Errorf("given up: %s", out.String())
	}
}

func TestStop(t *testing.T) {
	h := newHouse(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	slow := func(j *Jobs) {
		j.Register("slow", func(_ context.Context, args []byte) error {
			close(begun)
			<-finish
			h.done <- string(args)
			return nil
		})
	}
	slow(h.jobs)
	h.start(h.jobs)
	h.enqueue(ticketing.Job{Kind: "slow", Key: "slow", Args: []byte(`{"n": 1}`)})
	<-begun
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		h.stop(h.jobs)
	}()
	select {
	case <-stopped:
		t.Fatal("stopped with a job under way")
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	<-stopped
	if got := number(t, h.next()); got != 1 {
		t.Errorf("worked %d", got)
	}
	next := h.newJobs()
	h.jobs = next
	h.enqueue(note(2))
	select {
	case args := <-h.done:
		t.Errorf("%s was worked by nobody", args)
	default:
	}
	h.start(next)
	if got := number(t, h.next()); got != 2 {
		t.Errorf("worked %d", got)
	}
}

// Work that does not end is broken off when Stop has no more time, and tried again by the next node.
func TestStopWithoutTime(t *testing.T) {
	h := newHouse(t)
	begun := make(chan struct{})
	h.jobs.Register("endless", func(ctx context.Context, _ []byte) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	})
	if err := h.jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.enqueue(ticketing.Job{Kind: "endless", Key: "endless", Args: []byte(`{"n": 3}`)})
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.jobs.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped: %v", err)
	}
	next := h.newJobs()
	next.Register("endless", func(_ context.Context, args []byte) error {
		h.done <- string(args)
		return nil
	})
	h.start(next)
	if got := number(t, h.next()); got != 3 {
		t.Errorf("worked %d", got)
	}
}

// Several processes may migrate at once, and again.
func TestMigrateTwiceAtOnce(t *testing.T) {
	dsn := pgtest.DSN(t)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := Migrate(context.Background(), dsn); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
}

// BenchmarkEnqueue is the cost of a job in a transaction of 1,000: ours, and River's way by COPY to compare with.
func BenchmarkEnqueue(b *testing.B) {
	dsn := pgtest.DSN(b)
	if err := Migrate(b.Context(), dsn); err != nil {
		b.Fatal(err)
	}
	j, err := New(Options{DSN: dsn, Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	j.Register("note", func(context.Context, []byte) error { return nil })
	pool, err := j.open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	ways := map[string]func(tx pgx.Tx, list []ticketing.Job) error{
		"insert": func(tx pgx.Tx, list []ticketing.Job) error { return j.Enqueue(b.Context(), tx, list) },
		"copy": func(tx pgx.Tx, list []ticketing.Job) error {
			var params []river.InsertManyParams
			for _, job := range list {
				params = append(params, river.InsertManyParams{Args: envelope{Key: job.Key, Data: job.Args, kind: job.Kind},
					InsertOpts: &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ExcludeKind: true}}})
			}
			_, err := j.enqueuer.InsertManyFastTx(b.Context(), tx, params)
			return err
		},
	}
	n := 0
	for name, enqueue := range ways {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				list := make([]ticketing.Job, 1000)
				for i := range list {
					n++
					list[i] = note(n)
				}
				if err := pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error { return enqueue(tx, list) }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/job")
		})
	}
}

// A lane whose workers all wait for somebody outside holds up nobody else.
func TestLanes(t *testing.T) {
	h := newHouse(t)
	release := make(chan struct{})
	h.jobs.opts.Lanes = map[string]int{"outside": 2}
	h.jobs.Register("outside", func(ctx context.Context, args []byte) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		h.done <- string(args)
		return nil
	})
	var list []ticketing.Job
	for i := range 2 * defaultWorkers {
		list = append(list, ticketing.Job{Kind: "outside", Key: fmt.Sprintf("outside@%d", i), Args: []byte(`"outside"`)})
	}
	h.start(h.jobs)
	h.enqueue(append(list, note(1))...)
	if got := h.next(); number(t, got) != 1 {
		t.Errorf("worked %s first", got)
	}
	close(release)
	for range list {
		h.next()
	}
}

// resting is an error that asks for another time.
type resting struct{}

func (resting) Error() string        { return "resting" }
func (resting) Later() time.Duration { return time.Millisecond }

// What asks for another time has not failed: it uses up none of the attempts.
func TestLater(t *testing.T) {
	h := newHouse(t)
	tries := 0
	h.jobs.Register("waits", func(_ context.Context, args []byte) error {
		if tries++; tries < 3 {
			return fmt.Errorf("the channel: %w", resting{})
		}
		h.done <- string(args)
		return nil
	})
	h.enqueue(ticketing.Job{Kind: "waits", Key: "k", Args: []byte(`{"n": 7}`)})
	h.start(h.jobs)
	if got := number(t, h.next()); got != 7 {
		t.Errorf("worked %d", got)
	}
	h.stop(h.jobs)
	var attempt, errs int
	err := h.pool.QueryRow(t.Context(), `SELECT attempt, coalesce(array_length(errors, 1), 0) FROM river_job WHERE args->>'key' = 'k'`).Scan(&attempt, &errs)
	if err != nil || attempt != 1 || errs != 0 {
		t.Errorf("attempt %d, %d errors, %v", attempt, errs, err)
	}
}

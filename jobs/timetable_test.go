package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

func TestCalendar(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		moment, err := time.ParseInLocation("2006-01-02 15:04:05", text, seoul)
		if err != nil {
			t.Fatal(err)
		}
		return moment.UTC()
	}
	for _, c := range []struct {
		calendar        Calendar
		now, last, next string
	}{
		{Daily(10, 0), "2026-11-23 09:59:59", "2026-11-22 10:00:00", "2026-11-23 10:00:00"},
		{Daily(10, 0), "2026-11-23 10:00:00", "2026-11-23 10:00:00", "2026-11-24 10:00:00"},
		{Daily(0, 0), "2026-12-31 23:59:59", "2026-12-31 00:00:00", "2027-01-01 00:00:00"},
		{Daily(21, 0), "2028-02-29 20:00:00", "2028-02-28 21:00:00", "2028-02-29 21:00:00"},
		{Monthly(1, 4, 0), "2026-12-01 03:59:59", "2026-11-01 04:00:00", "2026-12-01 04:00:00"},
		{Monthly(1, 4, 0), "2026-12-01 04:00:00", "2026-12-01 04:00:00", "2027-01-01 04:00:00"},
		{Monthly(28, 4, 30), "2027-02-27 00:00:00", "2027-01-28 04:30:00", "2027-02-28 04:30:00"},
	} {
		if got := c.calendar.Last(at(c.now)); !got.Equal(at(c.last)) {
			t.Errorf("%s at %s: last %s, want %s", c.calendar, c.now, got, c.last)
		}
		if got := c.calendar.Next(at(c.now)); !got.Equal(at(c.next)) {
			t.Errorf("%s at %s: next %s, want %s", c.calendar, c.now, got, c.next)
		}
	}
	for want, c := range map[string]Calendar{"daily 10:00": Daily(10, 0), "monthly 1st 04:05": Monthly(1, 4, 5), "monthly 11th 04:00": Monthly(11, 4, 0), "monthly 22nd 04:00": Monthly(22, 4, 0), "monthly 20th 04:00": Monthly(20, 4, 0)} {
		if c.String() != want {
			t.Errorf("%q, want %q", c, want)
		}
	}
}

// fakeRuns keeps runs in memory, for all nodes.
type fakeRuns struct {
	mu     sync.Mutex
	h      *house
	kept   []string
	begun  map[string]int // moments
	steps  map[int64]int
	ended  map[int64]ticketing.TaskCount
	failed []string
	total  int // steps of a run
	step   func(id int64, n int) error
	done   chan int64
}

func newFakeRuns(h *house, steps int) *fakeRuns {
	return &fakeRuns{h: h, begun: map[string]int{}, steps: map[int64]int{}, ended: map[int64]ticketing.TaskCount{}, total: steps, done: make(chan int64, 100),
		step: func(int64, int) error { return nil }}
}

func (f *fakeRuns) KeepTasks(_ context.Context, names []string, _ time.Time) error {
	f.kept = names
	return nil
}

func (f *fakeRuns) BeginRun(ctx context.Context, task string, due, _ time.Time) error {
	f.mu.Lock()
	f.begun[fmt.Sprint(task, "@", due.UTC().Format(time.DateTime))]++
	id := int64(len(f.begun))
	f.mu.Unlock()
	return f.enqueue(ctx, id, "")
}

func (f *fakeRuns) enqueue(ctx context.Context, id int64, again string) error {
	return pgx.BeginFunc(ctx, f.h.pool, func(tx pgx.Tx) error {
		return f.h.jobs.Enqueue(ctx, tx, []ticketing.Job{{Kind: TaskRun, Key: fmt.Sprintf("run:%d%s", id, again), Args: fmt.Appendf(nil, `{"run":%d}`, id)}})
	})
}

func (f *fakeRuns) ResumeRuns(ctx context.Context, _ time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, n := range f.steps {
		if n < f.total {
			return f.enqueue(ctx, id, ":again")
		}
	}
	return nil
}

func (f *fakeRuns) StepRun(_ context.Context, id int64) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(id, f.steps[id]); err != nil {
		return false, err
	}
	f.steps[id]++
	if f.steps[id] == f.total {
		f.done <- id
	}
	return f.steps[id] < f.total, nil
}

func (f *fakeRuns) TaskRun(_ context.Context, id int64) (ticketing.TaskRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	run := ticketing.TaskRun{ID: id, Task: "sweep", State: ticketing.TaskRunning}
	if _, done := f.ended[id]; done || f.steps[id] >= f.total && f.total > 0 {
		run.State = ticketing.TaskDone
	}
	return run, nil
}

func (f *fakeRuns) FailRun(_ context.Context, _ int64, reason string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, reason)
	return nil
}

func (f *fakeRuns) FinishRun(_ context.Context, id int64, count ticketing.TaskCount, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended[id] = count
	f.done <- id
	return nil
}

func (f *fakeRuns) next() int64 {
	f.h.t.Helper()
	select {
	case id := <-f.done:
		return id
	case <-time.After(patience):
		f.h.t.Fatal("no run ends")
		return 0
	}
}

// at is a clock that stands still.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// A moment is run once, whichever of two nodes is elected, and again after both were stopped; one that was missed by too
// much is not.
func TestEachMomentOnce(t *testing.T) {
	h := newHouse(t)
	noon := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	runs := newFakeRuns(h, 3)
	node := func(now time.Time) *Jobs {
		j := h.newJobs()
		j.Keep([]Entry{
			{Task: "sweep", When: Daily(10, 0), Late: 12 * time.Hour},
			{Task: "missed", When: Daily(10, 0), Late: time.Hour},
		}, runs, at(now))
		return j
	}
	h.jobs = node(noon)
	first := h.jobs
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := node(noon)
	h.start(second)
	runs.next()
	h.stop(first) // and the second is elected, or has been
	h.stop(second)
	third := node(noon.Add(24 * time.Hour))
	h.start(third)
	runs.next()
	runs.mu.Lock()
	defer runs.mu.Unlock()
	if len(runs.begun) != 2 || runs.begun["sweep@2026-11-23 01:00:00"] != 1 || runs.begun["sweep@2026-11-24 01:00:00"] != 1 {
		t.Errorf("begun %v", runs.begun)
	}
	if fmt.Sprint(runs.kept) != "[sweep missed]" {
		t.Errorf("kept %v", runs.kept)
	}
}

// What broke off is said, and tried again from where it came to.
func TestRunBreaksOff(t *testing.T) {
	h := newHouse(t)
	runs := newFakeRuns(h, 3)
	broken := false
	runs.step = func(_ int64, n int) error {
		if n == 1 && !broken {
			broken = true
			return errors.New("cut off")
		}
		return nil
	}
	h.jobs.Keep([]Entry{{Task: "sweep", When: Daily(10, 0), Late: 24 * time.Hour}}, runs, at(time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)))
	h.start(h.jobs)
	id := runs.next()
	runs.mu.Lock()
	defer runs.mu.Unlock()
	if runs.steps[id] != 3 || fmt.Sprint(runs.failed) != "[cut off]" {
		t.Errorf("%d steps, failed %v", runs.steps[id], runs.failed)
	}
}

// Stop does not wait for the end of a run; the next node goes on with it at once.
func TestRunSurvivesStop(t *testing.T) {
	h := newHouse(t)
	runs := newFakeRuns(h, 1_000_000)
	begun, once := make(chan struct{}), sync.Once{}
	runs.step = func(_ int64, n int) error {
		once.Do(func() { close(begun) })
		return nil
	}
	entries, now := []Entry{{Task: "sweep", When: Daily(10, 0), Late: 24 * time.Hour}}, at(time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC))
	h.jobs.Keep(entries, runs, now)
	if err := h.jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-begun
	h.stop(h.jobs)
	runs.mu.Lock()
	n := runs.steps[1]
	runs.total = n + 5
	runs.mu.Unlock()
	if n == 0 || n == 1_000_000 {
		t.Fatalf("%d steps", n)
	}
	next := h.newJobs()
	h.jobs = next
	next.Keep(entries, runs, now)
	h.start(next)
	runs.next()
}

// A task that cannot be done in steps is done at once.
func TestTaskAtOnce(t *testing.T) {
	h := newHouse(t)
	runs := newFakeRuns(h, 0)
	tries := 0
	h.jobs.Keep([]Entry{{Task: "sweep", When: Daily(10, 0), Late: 24 * time.Hour, Do: func(_ context.Context, run ticketing.TaskRun) (ticketing.TaskCount, error) {
		if tries++; tries == 1 {
			return ticketing.TaskCount{}, errors.New("not yet")
		}
		return ticketing.TaskCount{Done: run.ID + 6}, nil
	}}}, runs, at(time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)))
	h.start(h.jobs)
	id := runs.next()
	runs.mu.Lock()
	defer runs.mu.Unlock()
	if runs.ended[id].Done != 7 || len(runs.failed) != 1 {
		t.Errorf("ended %v, failed %v", runs.ended, runs.failed)
	}
}

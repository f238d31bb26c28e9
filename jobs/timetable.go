package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"ticketblue/ticketing"
)

// Kinds of job of the timetable.
const (
	TaskDue = "task_due" // begins the run of a moment of the calendar
	TaskRun = "task_run" // goes on with a run
)

// stepReserve of an attempt's time is left for its last step; then the run goes on in another attempt.
const stepReserve = 10 * time.Second

// Entry is a line of the timetable.
type Entry struct {
	Task string
	When Calendar
	// Late is how long after its moment a run that was missed, for nobody was up, is still begun.
	Late time.Duration
	// Do does all of a run at once, for a task that cannot be done in steps; nil: Runs.StepRun does. It is called again
	// after a crash, and when it has returned an error with a method Later (see Jobs.Register): there is more to do.
	Do func(ctx context.Context, run ticketing.TaskRun) (ticketing.TaskCount, error)
}

// Runs keeps what became of each run, and knows how to go on with it.
type Runs interface {
	KeepTasks(ctx context.Context, names []string, now time.Time) error
	// BeginRun begins the run of a moment of the calendar unless it was begun before, and enqueues a job of kind TaskRun.
	BeginRun(ctx context.Context, task string, due, now time.Time) error
	// ResumeRuns enqueues such a job for each run that is not done.
	ResumeRuns(ctx context.Context, now time.Time) error
	// StepRun does a part of a run and says whether there is more.
	StepRun(ctx context.Context, id int64) (more bool, err error)
	TaskRun(ctx context.Context, id int64) (ticketing.TaskRun, error)
	// FailRun keeps why an attempt broke off.
	FailRun(ctx context.Context, id int64, reason string) error
	// FinishRun ends a run that was done at once.
	FinishRun(ctx context.Context, id int64, count ticketing.TaskCount, problem string) error
}

// timetable is what is done by the clock.
type timetable struct {
	entries []Entry
	runs    Runs
	clock   func() time.Time
	log     *slog.Logger

	stopping atomic.Bool // runs go on on another node, or after the next start
}

// Keep has tasks run by the clock from Start on: on whichever node River has elected, each moment of the calendar once.
// It comes before Start, once.
func (j *Jobs) Keep(entries []Entry, runs Runs, clock func() time.Time) {
	j.timetable = &timetable{entries: entries, runs: runs, clock: clock, log: j.opts.Log}
	j.Register(TaskDue, j.timetable.begin)
	j.Register(TaskRun, j.timetable.work)
}

// start goes on with what a crash has left.
func (t *timetable) start(ctx context.Context) error {
	names := make([]string, len(t.entries))
	for i, e := range t.entries {
		names[i] = e.Task
	}
	now := t.clock()
	return errors.Join(t.runs.KeepTasks(ctx, names, now), t.runs.ResumeRuns(ctx, now))
}

type dueArgs struct {
	Task string    `json:"task"`
	Due  time.Time `json:"due"`
}

type runArgs struct {
	Run int64 `json:"run"`
}

// periodic are the entries as River wants them. River keeps no memory of what it has enqueued: at each start of a leader
// it asks for every entry's last moment, and the key makes it one job, the run's row one run.
func (t *timetable) periodic() []*river.PeriodicJob {
	all := make([]*river.PeriodicJob, len(t.entries))
	for i, e := range t.entries {
		all[i] = river.NewPeriodicJob(e.When, func() (river.JobArgs, *river.InsertOpts) {
			now := t.clock()
			due := e.When.Last(now)
			if now.Sub(due) > e.Late {
				return nil, nil
			}
			args, err := json.Marshal(dueArgs{e.Task, due})
			if err != nil {
				t.log.Error("jobs: naming a moment", "task", e.Task, "err", err)
				return nil, nil
			}
			return envelope{Key: fmt.Sprintf("%s@%s", e.Task, due.Format(time.RFC3339)), Data: args, kind: TaskDue}, onceOnly()
		}, &river.PeriodicJobOpts{ID: e.Task, RunOnStart: true})
	}
	return all
}

// onceOnly says that a key is one job's for ever.
func onceOnly() *river.InsertOpts {
	return &river.InsertOpts{UniqueOpts: river.UniqueOpts{
		ByArgs: true, ExcludeKind: true, ByState: rivertype.JobStates(), // a job that was given up keeps its key
	}}
}

func (t *timetable) begin(ctx context.Context, args []byte) error {
	var due dueArgs
	if err := json.Unmarshal(args, &due); err != nil {
		return fmt.Errorf("reading a moment: %w", err)
	}
	return t.runs.BeginRun(ctx, due.Task, due.Due, t.clock())
}

// work goes on with a run until it is done, or the attempt's time is nearly up: then in another attempt, so that a
// job that takes longer than RescueAfter is one whose node died.
func (t *timetable) work(ctx context.Context, args []byte) error {
	var run runArgs
	if err := json.Unmarshal(args, &run); err != nil {
		return fmt.Errorf("reading a run: %w", err)
	}
	more, err := t.goOn(ctx, run.Run)
	if errors.As(err, new(later)) { // not done yet, and nothing is wrong
		return err
	}
	if err != nil {
		keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectLimit) // the attempt's own time may be up
		defer cancel()
		return errors.Join(err, t.runs.FailRun(keep, run.Run, err.Error()))
	}
	if more {
		return river.JobSnooze(0)
	}
	return nil
}

func (t *timetable) goOn(ctx context.Context, id int64) (more bool, err error) {
	run, err := t.runs.TaskRun(ctx, id)
	if err != nil || run.State == ticketing.TaskDone {
		return false, err
	}
	for _, e := range t.entries {
		if e.Task == run.Task && e.Do != nil {
			count, err := e.Do(ctx, run)
			if err != nil {
				return false, err
			}
			return false, t.runs.FinishRun(ctx, id, count, "")
		}
	}
	deadline, limited := ctx.Deadline()
	for more = true; more && !t.stopping.Load() && (!limited || time.Until(deadline) > stepReserve); {
		if more, err = t.runs.StepRun(ctx, id); err != nil {
			return false, err
		}
	}
	if !more {
		t.log.Info("task done", "task", run.Task, "run", id)
	}
	return more, nil
}

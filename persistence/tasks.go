package persistence

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// Tasks: what is done by the clock. When, says whoever keeps the calendar.
const (
	TaskDormantUsers    = "dormant-users"          // closes accounts that nobody has used for DormantYears
	TaskDormantAlert    = "dormant-alert"          // warns their owners, once
	TaskOldPerformances = "old-performances"       // takes away what was shown OldYears ago
	TaskTimedOut        = "timed-out-reservations" // proves that no unpaid reservation has outlived its time
	TaskReminder        = "upcoming-reminder"      // tells whoever has a ticket for tomorrow
	TaskReview          = "review-prompt"          // asks who has seen a performance what it was like
)

// WorkTask is the kind of job that goes on with a run. Its arguments name the run.
const WorkTask = "task_run"

// task does one portion of a run and says whether there is more. All that it does is in the portion's transaction.
type task func(ctx context.Context, p *portion) (more bool, err error)

var tasks = map[string]task{
	TaskDormantUsers:    dormantUsers,
	TaskDormantAlert:    dormantAlert,
	TaskOldPerformances: oldPerformances,
	TaskTimedOut:        timedOut,
	TaskReminder:        remind,
	TaskReview:          promptReviews,
}

// Tasks are the names of all tasks that StepRun knows, in order.
func Tasks() []string { return slices.Sorted(maps.Keys(tasks)) }

// portion is a part of a run, in one transaction with the run's place: a row that was done is never done again, however
// often the run is broken off.
type portion struct {
	*edit
	db    *DB
	run   ticketing.TaskRun
	place []byte          // where the run has come to, in the task's own JSON
	jobs  []ticketing.Job // to be enqueued with the portion
}

// asOf is the moment that all of the run is computed for.
func (p *portion) asOf() time.Time { return p.run.BeganAt }

// at reads the run's place; what is new stays as it is.
func (p *portion) at(place any) error { return json.Unmarshal(p.place, place) }

// moveTo is where the next portion begins.
func (p *portion) moveTo(place any) (err error) {
	p.place, err = json.Marshal(place)
	return err
}

// tell enqueues a notice, unless the run is dry.
func (p *portion) tell(n ticketing.Notice) {
	if !p.run.DryRun {
		n.At = ticketing.MillisOf(p.asOf())
		p.jobs = append(p.jobs, p.db.noticeJob(n))
	}
}

// StepRun does the next portion of a run and says whether there is more to do. A run that is done is left as it is. It
// returns ticketing.ErrNotFound when there is no such run, or its task is another's.
func (db *DB) StepRun(ctx context.Context, id int64) (more bool, err error) {
	err = db.edit(ctx, func(e *edit) error {
		p, err := db.takeRun(ctx, e, id)
		if err != nil || p.run.State == ticketing.TaskDone {
			return err
		}
		do, known := tasks[p.run.Task]
		if !known {
			return ticketing.ErrNotFound
		}
		p.run.Problem = ""
		if more, err = do(ctx, p); err != nil {
			return err
		}
		if len(p.jobs) > 0 {
			if err := db.enqueue(ctx, p, p.jobs); err != nil {
				return err
			}
		}
		return p.leave(ctx, more)
	})
	if err != nil {
		return false, fmt.Errorf("going on with run %d: %w", id, err)
	}
	return more, nil
}

// takeRun has the run's row until the portion is over: a rival on the same run waits, and goes on behind it.
func (db *DB) takeRun(ctx context.Context, e *edit, id int64) (*portion, error) {
	p := &portion{edit: e, db: db}
	rows, err := e.Query(ctx, selectRun+`WHERE id = $1 FOR UPDATE`, id)
	if err != nil {
		return nil, err
	}
	if p.run, err = exactlyOne(rows, scanRun); err != nil {
		return nil, err
	}
	return p, e.QueryRow(ctx, `SELECT place FROM task_runs WHERE id = $1`, id).Scan(&p.place)
}

func (p *portion) leave(ctx context.Context, more bool) error {
	state := ticketing.TaskDone
	if more {
		state = ticketing.TaskRunning
	}
	_, err := p.Exec(ctx, `
		UPDATE task_runs SET place = $2, state = $3, moved_at = clock_timestamp(), portions = portions + 1, looked = $4, done = $5, kept = $6,
		       problem = $7,
		       ended_at = CASE WHEN $3 = 'done' THEN clock_timestamp() END
		 WHERE id = $1`,
		p.run.ID, p.place, string(state), p.run.Count.Looked, p.run.Count.Done, p.run.Count.Kept, p.run.Problem)
	return err
}

const selectRun = `
	SELECT id, task, due, coalesce(by_user, 0), dry_run, state, began_at, moved_at, ended_at, portions, looked, done, kept, problem
	  FROM task_runs `

func scanRun(row pgx.CollectableRow) (ticketing.TaskRun, error) {
	var r ticketing.TaskRun
	var ended *time.Time
	err := row.Scan(&r.ID, &r.Task, &r.Due, &r.By, &r.DryRun, &r.State, &r.BeganAt, &r.MovedAt, &ended, &r.Portions,
		&r.Count.Looked, &r.Count.Done, &r.Count.Kept, &r.Problem)
	if ended != nil {
		r.EndedAt = *ended
	}
	return r, err
}

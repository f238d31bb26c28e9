package persistence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// KeepTasks says which tasks there are. Moments of the calendar before a task was first kept are nobody's.
func (db *DB) KeepTasks(ctx context.Context, names []string, now time.Time) error {
	_, err := db.pool.Exec(ctx, `INSERT INTO tasks (name, since) SELECT n, $2 FROM unnest($1::text[]) n ON CONFLICT DO NOTHING`, names, now)
	if err != nil {
		return fmt.Errorf("keeping tasks: %w", err)
	}
	return nil
}

// BeginRun begins the run of a moment of the calendar, and enqueues the work on it, unless that was done before. It
// returns ticketing.ErrTaskRunning while another run of the task is not done.
func (db *DB) BeginRun(ctx context.Context, task string, due, now time.Time) error {
	err := db.beginRun(ctx, `
		INSERT INTO task_runs (task, due, dry_run, began_at, moved_at) SELECT name, $2, false, $3, $3 FROM tasks WHERE name = $1 AND since < $2
		ON CONFLICT (task, due) WHERE by_user IS NULL DO NOTHING RETURNING id`, new(int64), task, due, now)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("beginning %s of %s: %w", task, due.Format(time.RFC3339), err)
	}
	return nil
}

// StartRun begins a run that an admin has asked for, and enqueues the work on it. It returns ticketing.ErrNotFound when
// there is no such task, and ticketing.ErrTaskRunning while a run of it is not done.
func (db *DB) StartRun(ctx context.Context, task string, by ticketing.UserID, dry bool, now time.Time) (run ticketing.TaskRun, err error) {
	err = db.beginRun(ctx, `
		INSERT INTO task_runs (task, due, by_user, dry_run, began_at, moved_at) SELECT name, $2, $3, $4, $2, $2 FROM tasks WHERE name = $1
		RETURNING id`, &run.ID, task, now, int64(by), dry)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ticketing.ErrNotFound
	}
	if err == nil {
		run, err = one(ctx, db, scanRun, selectRun+`WHERE id = $1`, run.ID)
	}
	if err != nil {
		return run, fmt.Errorf("starting %s: %w", task, err)
	}
	return run, nil
}

func (db *DB) beginRun(ctx context.Context, sql string, id *int64, args ...any) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sql, args...).Scan(id); err != nil {
			return err
		}
		return db.enqueue(ctx, tx, []ticketing.Job{workOn(*id, "")})
	})
	if hasCode(err, "23505") { // task_runs_one
		err = ticketing.ErrTaskRunning
	}
	return err
}

func workOn(run int64, again string) ticketing.Job {
	return ticketing.Job{Kind: WorkTask, Key: fmt.Sprintf("task_run:%d%s", run, again), Args: fmt.Appendf(nil, `{"run":%d}`, run)}
}

// ResumeRuns enqueues work on the runs that are not done: whoever worked on them may have died. Should he not, both go on
// by turns, each portion once. now tells one resumption from another.
func (db *DB) ResumeRuns(ctx context.Context, now time.Time) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id FROM task_runs WHERE state = 'running' ORDER BY id`)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil || len(ids) == 0 {
			return err
		}
		var jobs []ticketing.Job
		for _, id := range ids {
			jobs = append(jobs, workOn(id, fmt.Sprintf(":%d", now.UnixMilli())))
		}
		return db.enqueue(ctx, tx, jobs)
	})
	if err != nil {
		return fmt.Errorf("resuming runs: %w", err)
	}
	return nil
}

// FailRun keeps why an attempt at a run broke off; the run goes on with the next.
func (db *DB) FailRun(ctx context.Context, id int64, reason string) error {
	_, err := db.pool.Exec(ctx, `UPDATE task_runs SET problem = left($2, 500) WHERE id = $1 AND state = 'running'`, id, reason)
	if err != nil {
		return fmt.Errorf("keeping why run %d broke off: %w", id, err)
	}
	return nil
}

// FinishRun ends a run that is not done in portions, with what it counted; one that is done is left as it is.
func (db *DB) FinishRun(ctx context.Context, id int64, count ticketing.TaskCount, problem string) error {
	_, err := db.pool.Exec(ctx, `
		UPDATE task_runs SET state = 'done', moved_at = clock_timestamp(), ended_at = clock_timestamp(), portions = portions + 1,
		       looked = $2, done = $3, kept = $4, problem = left($5, 500) WHERE id = $1 AND state = 'running'`,
		id, count.Looked, count.Done, count.Kept, problem)
	if err != nil {
		return fmt.Errorf("ending run %d: %w", id, err)
	}
	return nil
}

// TaskRun returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) TaskRun(ctx context.Context, id int64) (ticketing.TaskRun, error) {
	run, err := one(ctx, db, scanRun, selectRun+`WHERE id = $1`, id)
	if err != nil {
		return run, fmt.Errorf("run %d: %w", id, err)
	}
	return run, nil
}

// TaskRuns lists up to limit runs of a task with ids below before, or all for 0, newest first. It returns
// ticketing.ErrNotFound when there is no such task.
func (db *DB) TaskRuns(ctx context.Context, task string, before int64, limit int) ([]ticketing.TaskRun, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	list, err := many(ctx, db, scanRun, selectRun+`WHERE task = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, task, before, pageSize(limit))
	if err == nil && len(list) == 0 {
		_, err = one(ctx, db, pgx.RowTo[string], `SELECT name FROM tasks WHERE name = $1`, task)
	}
	if err != nil {
		return nil, fmt.Errorf("runs of %s: %w", task, err)
	}
	return list, nil
}

// LastRuns are the newest run of each task that has had one, in order of the tasks' names.
func (db *DB) LastRuns(ctx context.Context) ([]ticketing.TaskRun, error) {
	list, err := many(ctx, db, scanRun, `SELECT r.* FROM tasks t CROSS JOIN LATERAL (`+selectRun+`WHERE task = t.name ORDER BY id DESC LIMIT 1) r ORDER BY t.name`)
	if err != nil {
		return nil, fmt.Errorf("the newest run of each task: %w", err)
	}
	return list, nil
}

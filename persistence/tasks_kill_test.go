package persistence

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// bigWorld has, for each task, more than a portion holds, and says what must have happened exactly once.
func bigWorld(t *testing.T, task string) (h *taskHouse, wanted map[string]int) {
	t.Helper()
	h, wanted = newTaskHouse(t), map[string]int{}
	const accounts, tickets = accountsPerPortion*2 + 7, reservationsPerPortion*2 + 7
	switch task {
	case TaskDormantAlert:
		h.users(1, accounts, years(2))
		for n := 1; n <= accounts; n++ {
			wanted[fmt.Sprintf("dormancy:%d@%d", n, years(2).UnixMilli())], wanted[fmt.Sprintf("warned:%d", n)] = 1, 1
		}
	case TaskDormantUsers:
		h.users(1, accounts, years(3))
		exec(t, h.root, `UPDATE users SET dormancy_warned_at = $1`, years(1))
		for n := 1; n <= accounts; n++ {
			wanted[fmt.Sprintf("closed:%d", n)] = 1
		}
		exec(t, h.root, `DELETE FROM touched`)
	case TaskReminder:
		_, first := h.show("2026-12-31", 60, tasksNow.AddDate(0, 0, 1), tasksNow.AddDate(0, 0, 1).Add(time.Hour))
		h.reserve(first, 1, tickets, "confirmed")
		h.reserve(first+1, 1, 5, "confirmed")
		for n := 1; n <= tickets; n++ {
			wanted[fmt.Sprintf("reminder:%d-%d", first, n)] = 1
		}
		for n := 1; n <= 5; n++ {
			wanted[fmt.Sprintf("reminder:%d-%d", first+1, n)] = 1
		}
	case TaskReview:
		show, first := h.show("2026-12-31", 60, tasksNow.Add(-2*time.Hour))
		h.reserve(first, 1, tickets, "confirmed")
		for n := 1; n <= tickets; n++ {
			wanted[fmt.Sprintf("review:%d/%d", show, n)] = 1
		}
	case TaskTimedOut:
		for range 3 {
			_, round := h.show("2026-12-31", 60, tasksNow.AddDate(0, 0, 1))
			h.reserve(round, 1, 10, "held")
		}
	case TaskOldPerformances:
		exec(t, h.root, `CREATE FUNCTION retired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO touched VALUES ('deleted', OLD.id); RETURN NULL; END $$;
			CREATE TRIGGER retired AFTER UPDATE OF deleted_at ON performances FOR EACH ROW EXECUTE FUNCTION retired();
			CREATE FUNCTION purged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO touched VALUES ('purged', OLD.round * 100000 + OLD.number); RETURN NULL; END $$;
			CREATE TRIGGER purged AFTER DELETE ON reservations FOR EACH ROW EXECUTE FUNCTION purged()`)
		for i := range 3 {
			show, round := h.show("2016-01-01", 60, years(11))
			n := 3
			if i == 1 {
				n = purgedPerPortion + 7
			}
			h.reserve(round, 1, n, "confirmed")
			wanted[fmt.Sprintf("deleted:%d", show)] = 1
			for r := 1; r <= n; r++ {
				wanted[fmt.Sprintf("purged:%d", round*100000+int64(r))] = 1
			}
		}
	}
	return h, wanted
}

// happened is what did happen, and how often.
func (h *taskHouse) happened() map[string]int {
	all := h.counts(sentSQL)
	maps.Copy(all, h.counts(touchedSQL))
	return all
}

// Each portion of each task breaks off once when all of its work is done and nothing committed, and once after its
// commit, before anybody was told: every row is done exactly once all the same, and counted once.
func TestBrokenOffEverywhere(t *testing.T) {
	for _, task := range Tasks() {
		t.Run(task, func(t *testing.T) {
			t.Parallel()
			h, wanted := bigWorld(t, task)
			exec(t, h.root, `
				CREATE SEQUENCE breaks;
				GRANT USAGE ON breaks TO ticketblue_app;
				CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF nextval('breaks') % 2 = 1 THEN RAISE 'killed'; END IF; RETURN NULL; END $$;
				CREATE TRIGGER break AFTER UPDATE OF place ON task_runs FOR EACH ROW EXECUTE FUNCTION break()`)
			run, err := h.db.StartRun(t.Context(), task, 9, false, tasksNow)
			if err != nil {
				t.Fatal(err)
			}
			broken := 0
			for more := true; more; {
				more, err = h.db.StepRun(t.Context(), run.ID)
				if err != nil {
					broken, more = broken+1, true
				}
			}
			run = h.work(run.ID) // once more: it is done
			if int64(broken) != run.Portions || run.Portions < 3 {
				t.Errorf("broken off %d times in %d portions", broken, run.Portions)
			}
			if got := h.happened(); !maps.Equal(got, wanted) {
				t.Errorf("happened %d things, want %d", len(got), len(wanted))
			}
			h.checkCount(task, run, wanted)
		})
	}
}

func (h *taskHouse) checkCount(task string, run ticketing.TaskRun, wanted map[string]int) {
	h.t.Helper()
	done := int64(len(wanted))
	switch task {
	case TaskDormantAlert: // told and marked
		done /= 2
	case TaskTimedOut:
		done = 30
	case TaskOldPerformances: // purged rows are no performances
		done = 3
	}
	if run.Count.Done != done {
		h.t.Errorf("counted %d, want %d", run.Count.Done, done)
	}
}

// Two workers on the same run, whose connections Postgres kills at random moments: every row exactly once.
func TestKilledConnections(t *testing.T) {
	for _, task := range []string{TaskDormantUsers, TaskDormantAlert, TaskReminder, TaskOldPerformances} {
		t.Run(task, func(t *testing.T) {
			h, wanted := bigWorld(t, task)
			run, err := h.db.StartRun(t.Context(), task, 9, false, tasksNow)
			if err != nil {
				t.Fatal(err)
			}
			hold, err := h.root.Begin(t.Context()) // nobody gets through before somebody was killed
			if err != nil {
				t.Fatal(err)
			}
			exec(t, hold, `SELECT FROM task_runs WHERE id = $1 FOR UPDATE`, run.ID)
			killer, stop := context.WithCancel(t.Context())
			var killed atomic.Int64
			kills := make(chan error)
			go func() { kills <- h.killConnections(killer, &killed) }()
			worked := make(chan struct{})
			for range 2 {
				go func() {
					defer func() { worked <- struct{}{} }()
					for more := true; more && t.Context().Err() == nil; {
						var err error
						if more, err = h.db.StepRun(t.Context(), run.ID); err != nil {
							more = true
						}
					}
				}()
			}
			eventually(t, "somebody is killed", func() bool { return killed.Load() > 0 })
			killed.Store(0) // the dozen is for the work
			rollback(t, hold)
			<-worked
			<-worked
			stop()
			if err := <-kills; err != nil {
				t.Error(err)
			}
			if got := h.happened(); !maps.Equal(got, wanted) {
				t.Errorf("happened %d things, want %d", len(got), len(wanted))
			}
			h.checkCount(task, h.work(run.ID), wanted)
		})
	}
}

// killConnections ends, every few milliseconds, a connection that has a transaction open, a dozen in all: then the work
// must get through.
func (h *taskHouse) killConnections(ctx context.Context, killed *atomic.Int64) error {
	conn, err := pgx.Connect(context.Background(), h.db.dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if killed.Load() >= 12 {
			continue
		}
		var n int64
		err := conn.QueryRow(context.Background(), `
			SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
			 WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND application_name = 'ticketblue' LIMIT 1) p`).Scan(&n)
		if err == nil {
			killed.Add(n)
		}
	}
}

// A moment of the calendar is run once, whoever notices it how often; and a task has one run at a time.
func TestBeginRun(t *testing.T) {
	h := newTaskHouse(t)
	var jobs []string
	h.db.enqueue = func(_ context.Context, _ pgx.Tx, list []ticketing.Job) error {
		for _, j := range list {
			jobs = append(jobs, j.Key+string(j.Args))
		}
		return nil
	}
	due := tasksNow
	begin := func(due time.Time) error { return h.db.BeginRun(t.Context(), TaskReminder, due, due.Add(time.Hour)) }
	for range 3 {
		if err := begin(due); err != nil {
			t.Fatal(err)
		}
	}
	if len(jobs) != 1 || jobs[0] != `task_run:1{"run":1}` {
		t.Errorf("enqueued %v", jobs)
	}
	if err := begin(due.AddDate(0, 0, 1)); err == nil {
		t.Error("two runs at a time")
	}
	if _, err := h.db.StartRun(t.Context(), TaskReminder, 9, false, due); err == nil {
		t.Error("two runs at a time, by hand")
	}
	h.work(1)
	if err := begin(due.AddDate(0, 0, 1)); err != nil || len(jobs) != 2 {
		t.Errorf("the next day: %v, %v", err, jobs)
	}
	if err := h.db.ResumeRuns(t.Context(), tasksNow); err != nil || len(jobs) != 3 {
		t.Errorf("resumed: %v, %v", err, jobs)
	}
	if err := begin(tasksNow.AddDate(-2, 0, 0)); err != nil || len(jobs) != 3 {
		t.Errorf("before the task was kept: %v, %v", err, jobs)
	}
	if _, err := h.db.StartRun(t.Context(), "no-such", 9, false, due); err == nil {
		t.Error("a task that nobody keeps was started")
	}
	runs, err := h.db.TaskRuns(t.Context(), TaskReminder, 0, 10)
	last, err2 := h.db.LastRuns(t.Context())
	if err != nil || err2 != nil || len(runs) != 2 || len(last) != 1 || last[0] != runs[0] || runs[0].State != ticketing.TaskRunning || !runs[1].Due.Equal(due) {
		t.Errorf("listed %+v, %+v, %v, %v", runs, last, err, err2)
	}
}

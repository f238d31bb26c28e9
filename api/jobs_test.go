package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// fakeRuns keeps runs; none goes on by itself.
type fakeRuns struct {
	mu   sync.Mutex
	list []ticketing.TaskRun // oldest first
}

var testTimetable = []Scheduled{
	{"dormant-users", "monthly 1st 04:00", func(now time.Time) time.Time { return now.Add(time.Hour) }},
	{"upcoming-reminder", "daily 10:00", func(now time.Time) time.Time { return now.Add(2 * time.Hour) }},
}

func (f *fakeRuns) known(task string) error {
	for _, e := range testTimetable {
		if e.Task == task {
			return nil
		}
	}
	return ticketing.ErrNotFound
}

func (f *fakeRuns) StartRun(_ context.Context, task string, by ticketing.UserID, dry bool, now time.Time) (ticketing.TaskRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.known(task); err != nil {
		return ticketing.TaskRun{}, err
	}
	for _, r := range f.list {
		if r.Task == task && r.State == ticketing.TaskRunning {
			return r, ticketing.ErrTaskRunning
		}
	}
	run := ticketing.TaskRun{ID: int64(len(f.list) + 1), Task: task, Due: now, By: by, DryRun: dry, State: ticketing.TaskRunning, BeganAt: now, MovedAt: now}
	f.list = append(f.list, run)
	return run, nil
}

func (f *fakeRuns) TaskRuns(_ context.Context, task string, before int64, limit int) (found []ticketing.TaskRun, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.list) - 1; i >= 0 && len(found) < limit; i-- {
		if r := f.list[i]; r.Task == task && (before == 0 || r.ID < before) {
			found = append(found, r)
		}
	}
	return found, f.known(task)
}

func (f *fakeRuns) LastRuns(context.Context) (found []ticketing.TaskRun, _ error) {
	for _, e := range testTimetable {
		if list, err := f.TaskRuns(context.Background(), e.Task, 0, 1); err == nil {
			found = append(found, list...)
		}
	}
	return found, nil
}

// finish ends all runs.
func (f *fakeRuns) finish(at time.Time, count ticketing.TaskCount) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		f.list[i].State, f.list[i].EndedAt, f.list[i].Count, f.list[i].Portions = ticketing.TaskDone, at, count, 3
	}
}

func TestJobs(t *testing.T) {
	h := open(t, nil)
	token := h.token(admin, ticketing.Admin)
	list := func() (body struct{ Items []jobBody }) {
		t.Helper()
		h.do(call{method: "GET", path: "/v1/admin/jobs", token: token}).wantStatus(http.StatusOK).decode(&body)
		return body
	}
	now := h.clock.Now()
	if jobs := list().Items; len(jobs) != 2 || jobs[0].Name != "dormant-users" || jobs[0].Schedule != "monthly 1st 04:00" || !jobs[1].NextDue.Equal(now.Add(2*time.Hour)) || jobs[0].Last != nil {
		t.Errorf("before any run: %+v", jobs)
	}
	const path = "/v1/admin/jobs/dormant-users/runs"
	var run jobRunBody
	h.do(call{"POST", path, token, `{"dry_run":true}`, nil}).wantStatus(http.StatusCreated).decode(&run)
	if run.ID != 1 || run.By != int64(admin) || !run.DryRun || run.State != "running" || run.EndedAt != nil || !run.BeganAt.Equal(now) {
		t.Errorf("started %+v", run)
	}
	if p := h.do(call{"POST", path, token, `{}`, nil}).wantStatus(http.StatusConflict).problem(); p.Code != "job_running" || !p.Retryable {
		t.Errorf("a second at the same time: %+v", p)
	}
	h.runs.finish(now.Add(time.Second), ticketing.TaskCount{Looked: 100, Done: 7, Kept: 2})
	h.do(call{"POST", path, token, `{}`, nil}).wantStatus(http.StatusCreated)
	var first, second page[jobRunBody]
	h.do(call{method: "GET", path: path + "?limit=1", token: token}).wantStatus(http.StatusOK).decode(&first)
	h.do(call{method: "GET", path: path + "?limit=1&after=" + first.Next, token: token}).wantStatus(http.StatusOK).decode(&second)
	if len(first.Items) != 1 || first.Items[0].ID != 2 || len(second.Items) != 1 || second.Next != "" {
		t.Fatalf("pages %+v, %+v", first, second)
	}
	if r := second.Items[0]; r.ID != 1 || r.State != "done" || r.Looked != 100 || r.Done != 7 || r.Kept != 2 || r.EndedAt == nil || r.Portions != 3 {
		t.Errorf("done: %+v", r)
	}
	if last := list().Items[0].Last; last == nil || last.ID != 2 {
		t.Errorf("the newest is %+v", last)
	}
	for _, unknown := range []string{"no-such", "Dormant", strings.Repeat("a", 41)} {
		h.do(call{method: "GET", path: "/v1/admin/jobs/" + unknown + "/runs", token: token}).wantStatus(http.StatusNotFound)
		h.do(call{"POST", "/v1/admin/jobs/" + unknown + "/runs", token, `{}`, nil}).wantStatus(http.StatusNotFound)
	}
	if p := h.do(call{"POST", path, token, `{"dry_run":"yes"}`, nil}).wantStatus(http.StatusUnprocessableEntity).problem(); p.Errors[0].Field != "dry_run" {
		t.Errorf("%+v", p)
	}
}

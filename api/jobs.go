package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"ticketblue/ticketing"
)

// Runs keeps what became of the work by the clock, and starts it. What does not exist is ticketing.ErrNotFound.
type Runs interface {
	// StartRun begins a run; ticketing.ErrTaskRunning while another of the task is not done.
	StartRun(ctx context.Context, task string, by ticketing.UserID, dry bool, now time.Time) (ticketing.TaskRun, error)
	// TaskRuns lists at most limit of a task's, newest first, those before the given id, or from the newest on for 0.
	TaskRuns(ctx context.Context, task string, before int64, limit int) ([]ticketing.TaskRun, error)
	// LastRuns are the newest of each task that has had one.
	LastRuns(ctx context.Context) ([]ticketing.TaskRun, error)
}

// Scheduled is a job as the calendar has it.
type Scheduled struct {
	Task string
	When string // "daily 10:00"
	Next func(now time.Time) time.Time
}

type jobRunBody struct {
	ID       int64      `json:"id" example:"12"`
	Job      string     `json:"job" example:"dormant-users"`
	Due      time.Time  `json:"due" doc:"The moment of the calendar it is for; started by an admin: when" example:"2027-02-28T19:00:00Z"`
	By       int64      `json:"by,omitempty" doc:"The admin who started it; absent: the clock" example:"1"`
	DryRun   bool       `json:"dry_run" doc:"Counts and changes nothing"`
	State    string     `json:"state" enum:"running,done"`
	BeganAt  time.Time  `json:"began_at" doc:"All of it is computed as of this moment" example:"2027-02-28T19:00:00Z"`
	MovedAt  time.Time  `json:"moved_at" doc:"When its newest portion was done" example:"2027-02-28T19:00:02Z"`
	EndedAt  *time.Time `json:"ended_at,omitempty" example:"2027-02-28T19:00:02Z"`
	Portions int64      `json:"portions" doc:"Done so far; a run that broke off goes on behind them" example:"21"`
	Looked   int64      `json:"looked" doc:"Accounts, performances or reservations looked at so far" example:"100000"`
	Done     int64      `json:"done" doc:"Changed, told or, by timed-out-reservations, found" example:"17"`
	Kept     int64      `json:"kept" doc:"Due, but not touched: live tickets, or money under way" example:"2"`
	Problem  string     `json:"problem,omitempty" doc:"Why its last attempt broke off, or what a person should look at" example:"3 unpaid reservations have outlived their time"`
}

type jobBody struct {
	Name     string      `json:"name" example:"dormant-users"`
	Schedule string      `json:"schedule" doc:"In Seoul" example:"monthly 1st 04:00"`
	NextDue  time.Time   `json:"next_due" example:"2027-03-31T19:00:00Z"`
	Last     *jobRunBody `json:"last,omitempty" doc:"The newest run; absent: there was none"`
}

type jobsOutput struct {
	Body struct {
		Items []jobBody `json:"items" nullable:"false"`
	}
}

type jobRunsInput struct {
	Name  string `path:"name" maxLength:"40" pattern:"^[a-z-]+$" example:"dormant-users"`
	After string `query:"after" maxLength:"80" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

type jobRunsOutput struct{ Body page[jobRunBody] }

type startJobInput struct {
	Name string `path:"name" maxLength:"40" pattern:"^[a-z-]+$" example:"dormant-users"`
	Body struct {
		DryRun bool `json:"dry_run,omitempty" doc:"Count what would be done, and change nothing" example:"true"`
	}
}

type jobRunOutput struct{ Body jobRunBody }

func (s *Server) jobRoutes() {
	register(s, operation{
		id: "list-jobs", method: http.MethodGet, path: "/v1/admin/jobs", tag: "jobs", access: Admin,
		status: http.StatusOK, summary: "List the work by the clock, and what became of its last run",
	}, s.listJobs)
	register(s, operation{
		id: "list-job-runs", method: http.MethodGet, path: "/v1/admin/jobs/{name}/runs", tag: "jobs", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity}, summary: "List the runs of a job, newest first",
		about: "The counts of one that runs grow as it goes.",
	}, s.listJobRuns)
	register(s, operation{
		id: "start-job", method: http.MethodPost, path: "/v1/admin/jobs/{name}/runs", tag: "jobs", access: Admin,
		status: http.StatusCreated, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity}, summary: "Start a job now",
		about: "`job_running` while a run of it is not done. To run a job again does nothing twice: who was told is not told again.",
	}, s.startJob)
}

func onWireRun(r ticketing.TaskRun) jobRunBody {
	body := jobRunBody{
		ID: r.ID, Job: r.Task, Due: r.Due.UTC(), By: int64(r.By), DryRun: r.DryRun, State: string(r.State), BeganAt: r.BeganAt.UTC(), MovedAt: r.MovedAt.UTC(),
		Portions: r.Portions, Looked: r.Count.Looked, Done: r.Count.Done, Kept: r.Count.Kept, Problem: r.Problem,
	}
	if !r.EndedAt.IsZero() {
		ended := r.EndedAt.UTC()
		body.EndedAt = &ended
	}
	return body
}

func (s *Server) listJobs(ctx context.Context, _ *struct{}) (*jobsOutput, error) {
	last, err := s.Runs.LastRuns(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	newest := map[string]*jobRunBody{}
	for _, r := range last {
		body := onWireRun(r)
		newest[r.Task] = &body
	}
	out := &jobsOutput{}
	out.Body.Items = []jobBody{}
	for _, j := range s.Timetable {
		out.Body.Items = append(out.Body.Items, jobBody{j.Task, j.When, j.Next(s.Clock()).UTC(), newest[j.Task]})
	}
	return out, nil
}

func (s *Server) listJobRuns(ctx context.Context, in *jobRunsInput) (*jobRunsOutput, error) {
	l := listOf("list-job-runs", in.Name)
	after, err := l.afterID(in.After)
	if err != nil {
		return nil, err
	}
	found, err := s.Runs.TaskRuns(ctx, in.Name, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &jobRunsOutput{pageOf(found, in.Limit, onWireRun, func(r ticketing.TaskRun) string { return l.cursorOfID(r.ID) })}, nil
}

func (s *Server) startJob(ctx context.Context, in *startJobInput) (*jobRunOutput, error) {
	concerns(ctx, "dry_run", in.Body.DryRun)
	run, err := s.Runs.StartRun(ctx, in.Name, callerOf(ctx).User, in.Body.DryRun, s.Clock())
	if err != nil {
		return nil, err
	}
	concerns(ctx, "run", run.ID)
	return &jobRunOutput{onWireRun(run)}, nil
}

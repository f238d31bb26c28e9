package ticketing

import (
	"errors"
	"time"
)

// ErrTaskRunning: a task has one run at a time.
var ErrTaskRunning = errors.New("the task is running")

// TaskState is what became of a run.
type TaskState string

// States of a run.
const (
	TaskRunning TaskState = "running" // or waiting for somebody to go on with it
	TaskDone    TaskState = "done"
)

// TaskCount is what a run has seen and done so far, in things of the task: accounts, performances, reservations.
type TaskCount struct {
	Looked int64 // at
	Done   int64 // changed, told or, by one that only proves, found
	Kept   int64 // due, yet not to be touched: live tickets, money under way
}

// TaskRun is one run of a task, which is work by the clock.
type TaskRun struct {
	ID       int64
	Task     string
	Due      time.Time // the moment of the calendar it is for; by hand: when it was asked for
	By       UserID    // who asked for it; 0: the clock
	DryRun   bool      // counts and changes nothing
	State    TaskState
	BeganAt  time.Time // all of a run is computed as of this moment
	MovedAt  time.Time // when its last portion was done
	EndedAt  time.Time // zero while it runs
	Portions int64
	Count    TaskCount // so far
	Problem  string    // why its last attempt broke off, or what a person should look at
}

package main

import (
	"context"
	"net/http"
	"time"

	"ticketblue/api"
	"ticketblue/jobs"
	"ticketblue/persistence"
)

const (
	monthLate = 28 * 24 * time.Hour // a monthly run that was missed is made good until the next
	dayLate   = 23 * time.Hour
)

// timetable is what is done by the clock, in Seoul. The month's are in the night and apart from each other.
var timetable = []jobs.Entry{
	{Task: persistence.TaskDormantUsers, When: jobs.Monthly(1, 4, 0), Late: monthLate},
	{Task: persistence.TaskDormantAlert, When: jobs.Monthly(1, 9, 0), Late: monthLate}, // people are told by day
	{Task: persistence.TaskOldPerformances, When: jobs.Monthly(1, 5, 0), Late: monthLate},
	{Task: persistence.TaskTimedOut, When: jobs.Daily(0, 0), Late: dayLate},
	{Task: taskReconcile, When: jobs.Daily(6, 0), Late: dayLate},
	{Task: persistence.TaskReminder, When: jobs.Daily(10, 0), Late: 10 * time.Hour}, // not in the night
	{Task: persistence.TaskReview, When: jobs.Daily(21, 0), Late: 2 * time.Hour},    // what is missed is asked the next day
}

// scheduled is the timetable as admins see it.
func scheduled() (list []api.Scheduled) {
	for _, e := range timetable {
		list = append(list, api.Scheduled{Task: e.Task, When: e.When.String(), Next: e.When.Next})
	}
	return list
}

// jobsPath is where River's pages are on the operations port.
const jobsPath = "/jobs"

// jobPages are River's pages; they end with the node.
func (n *node) jobPages() (http.Handler, error) {
	ctx, cancel := context.WithCancel(context.Background())
	n.atStop("pages of jobs", func(context.Context) error { cancel(); return nil })
	return n.store.jobs.UI(ctx, jobsPath)
}

package main

import (
	"context"
	"errors"
	"testing"

	"ticketblue/payments"
	"ticketblue/ticketing"
)

// A comparison that takes longer than a job may goes on beside the job's attempts, and ends with the node.
func TestReconciliationIsLongerThanAJob(t *testing.T) {
	release, life, began := make(chan struct{}), context.Background(), 0
	life, end := context.WithCancel(life)
	var found *payments.Reconciliation
	r := &reconciliations{
		life:  life,
		begin: func(context.Context, ticketing.TaskRun) (int64, error) { began++; return 7, nil },
		compare: func(ctx context.Context, _ ticketing.TaskRun) (*payments.Reconciliation, error) {
			select {
			case <-release:
				return &payments.Reconciliation{Orders: 5, Orphans: 2}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		found: func(report *payments.Reconciliation) { found = report },
	}
	over, cancel := context.WithCancel(t.Context()) // an attempt whose time is up
	cancel()
	run := ticketing.TaskRun{ID: 1}
	for range 3 {
		if _, err := r.task(over, run); !errors.As(err, new(underWay)) || found != nil {
			t.Fatalf("while it is under way: %v, found %v", err, found)
		}
	}
	if _, err := r.task(over, ticketing.TaskRun{ID: 2}); !errors.As(err, new(underWay)) {
		t.Errorf("another run meanwhile: %v", err)
	}
	close(release)
	count, err := r.task(t.Context(), run)
	if err != nil || count != (ticketing.TaskCount{Looked: 5, Done: 2, Kept: 7}) || found == nil || began != 1 {
		t.Errorf("%+v, %v, found %v, begun %d times", count, err, found, began)
	}
	release = make(chan struct{})
	if _, err := r.task(over, ticketing.TaskRun{ID: 3}); !errors.As(err, new(underWay)) {
		t.Errorf("the next run: %v", err)
	}
	end()
	if _, err := r.task(t.Context(), ticketing.TaskRun{ID: 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("at the node's end: %v", err)
	}
}

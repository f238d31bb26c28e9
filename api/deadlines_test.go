package api

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestDeadlinesAreSharedForAStepAndNeverLate(t *testing.T) {
	const after = 3 * time.Second
	d := &deadlines{after: after}
	start := time.Now()
	first := d.of(start)
	for age := time.Duration(0); age < 4*deadlineStep; age += time.Millisecond {
		ctx := d.of(start.Add(age))
		ends, bounded := ctx.Deadline()
		if left := ends.Sub(start.Add(age)); !bounded || left > after || left <= after-deadlineStep {
			t.Fatalf("after %v: %v left", age, left)
		}
		if shared := ctx == first; shared != (age < deadlineStep) {
			t.Fatalf("after %v: shared %v", age, shared)
		}
	}
}

func TestDeadlinesEndForAllWhoShareThem(t *testing.T) {
	d := &deadlines{after: time.Millisecond}
	now := time.Now()
	var waiting sync.WaitGroup
	for range 8 {
		waiting.Go(func() {
			ctx := d.of(now)
			<-ctx.Done()
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Error(ctx.Err())
			}
		})
	}
	waiting.Wait()
}

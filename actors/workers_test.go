package actors

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestWorkersNeverQueue: mailboxes that wait for each other all run, more of them than are kept.
func TestWorkersNeverQueue(t *testing.T) {
	const many = 2 * idleWorkers
	var w workers
	defer w.stop()
	for range 3 {
		var all, met sync.WaitGroup
		met.Add(many)
		for range many {
			all.Add(1)
			w.Schedule(func() {
				defer all.Done()
				met.Done()
				met.Wait()
			})
		}
		all.Wait()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.idle) > idleWorkers {
		t.Errorf("%d goroutines are kept, want at most %d", len(w.idle), idleWorkers)
	}
}

// TestWorkersEnd: after stop nobody stays, and what comes late is run.
func TestWorkersEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	var w workers
	release := make(chan struct{})
	var all sync.WaitGroup
	for i := range 10 {
		all.Add(1)
		w.Schedule(func() {
			if i < 5 {
				<-release
			}
			all.Done()
		})
	}
	w.stop()
	w.stop()
	close(release)
	all.Add(1)
	w.Schedule(all.Done)
	all.Wait()
	deadline := time.Now().Add(time.Minute)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}

// BenchmarkWorkers is the way from a mailbox that was empty to the goroutine that runs it.
func BenchmarkWorkers(b *testing.B) {
	var w workers
	defer w.stop()
	done := make(chan struct{}, 1)
	run := func() { done <- struct{}{} }
	for b.Loop() {
		w.Schedule(run)
		<-done
	}
}

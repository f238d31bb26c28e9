package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Arrivals is the shape of a crowd over time.
type Arrivals string

const (
	// Spike: everybody at once, evenly at a rate far above what a server can answer.
	Spike Arrivals = "spike"
	// Steady: independent people at a constant mean rate (a Poisson process).
	Steady Arrivals = "steady"
)

// Schedule is when each of n attempts is intended to start, as offsets from the opening, ascending. rate is per
// second and above zero.
func Schedule(shape Arrivals, n int, rate float64, rng *rand.Rand) []time.Duration {
	offsets := make([]time.Duration, n)
	at := 0.0 // seconds
	for i := range offsets {
		offsets[i] = time.Duration(at * float64(time.Second))
		if shape == Steady {
			at += rng.ExpFloat64() / rate
		} else {
			at = float64(i+1) / rate
		}
	}
	return offsets
}

// Each runs fn for 0..n-1 on at most workers goroutines, in order of start, until ctx ends. It returns how many
// were started; all of them have returned.
func Each(ctx context.Context, workers, n int, fn func(i int)) int {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				fn(i)
			}
		})
	}
	wg.Wait()
	return min(int(next.Load()), n)
}

// sleep waits for d unless ctx ends first, and tells whether it waited to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

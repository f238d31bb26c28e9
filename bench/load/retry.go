package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Retry is how patient a customer is with answers that ask to be asked again (503, 429, no answer at all). Every
// retry carries the same Idempotency-Key.
type Retry struct {
	Tries int           // requests per attempt, the first included
	Base  time.Duration // upper end of the first random pause; doubles with every try
	Cap   time.Duration // the largest upper end
	Ratio float64       // retries the whole crowd may send, per attempt started: keeps a sick server from being flooded
	Floor int           // retries that are always allowed
}

// DefaultRetry is what bench rush uses.
var DefaultRetry = Retry{Tries: 8, Base: 100 * time.Millisecond, Cap: 2 * time.Second, Ratio: 0.5, Floor: 1000}

// Delay is the pause before the next request: what the server asked for, and on top a random part with full jitter
// so that a crowd that was refused together does not come back together. try counts requests sent, from 1; u is
// random in [0, 1).
func (r Retry) Delay(try int, after time.Duration, u float64) time.Duration {
	top := r.Cap
	if shift := try - 1; shift < 16 {
		top = min(r.Cap, r.Base<<shift)
	}
	return after + time.Duration(u*float64(top))
}

// budget counts retries against attempts for the whole crowd.
type budget struct {
	mu      sync.Mutex
	retry   Retry
	started int
	spent   int
}

func (b *budget) start() {
	b.mu.Lock()
	b.started++
	b.mu.Unlock()
}

// spend tells whether an attempt that has sent try requests may send another.
func (b *budget) spend(try int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	allowed := b.retry.Floor + int(b.retry.Ratio*float64(b.started))
	if try >= b.retry.Tries || b.spent >= allowed {
		return false
	}
	b.spent++
	return true
}

// Insist asks each of n attempts again and again until it has a final answer or ctx ends, workers at a time, and
// returns those that have none. It is for what must be known, not for measuring.
func Insist(ctx context.Context, workers, n int, retry Retry, ask func(i int) Outcome) (unanswered []int) {
	var mu sync.Mutex
	started := Each(ctx, workers, n, func(i int) {
		rng := rand.New(rand.NewPCG(0, uint64(i))) // its own, so that every run pauses alike
		for try := 1; ; try++ {
			outcome := ask(i)
			if !outcome.Again {
				return
			}
			if !sleep(ctx, retry.Delay(try, outcome.After, rng.Float64())) {
				break
			}
		}
		mu.Lock()
		unanswered = append(unanswered, i)
		mu.Unlock()
	})
	for i := started; i < n; i++ {
		unanswered = append(unanswered, i)
	}
	return unanswered
}

package load

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Outcome is what one request led to.
type Outcome struct {
	Code  string        // empty: yes; else the code of the refusal or of the fault
	Again bool          // the answer may change: ask again with the same key
	After time.Duration // not before that, says the server
}

// LateAfter is how long after its intended time an attempt may start and still be on time.
const LateAfter = 10 * time.Millisecond

// Crowd sends attempts in an open loop: when each is intended to start was fixed beforehand and does not depend on
// how fast answers come. With all workers busy attempts start late; their latency counts from the intended time,
// so a slow server cannot hide behind a slow generator.
type Crowd struct {
	Workers int             // requests in flight at most
	Offsets []time.Duration // when attempt i is intended to start, ascending
	Retry   Retry
	Seed    uint64
	Looks   func(attempt int) bool // whether attempt looks at the map first; nil: nobody does
	Look    func(attempt int) Outcome
	Ask     func(attempt int) Outcome
	Asked   *Meter // of Ask
	Looked  *Meter // of Look
}

// Report is what became of the attempts that got no final answer.
type Report struct {
	Late    int   // started more than LateAfter after their time
	Dropped int   // never started: ctx ended first
	GaveUp  []int // attempts whose last answer was not final: asked, outcome unknown
}

type job struct {
	attempt  int
	try      int           // requests sent so far
	intended time.Duration // since the opening
	due      time.Duration
}

// Run lets the crowd in and returns when the last attempt has ended, or soon after ctx.
func (c *Crowd) Run(ctx context.Context) Report {
	r := &running{Crowd: c, opened: time.Now(), budget: budget{retry: c.Retry}}
	c.Asked.Open(r.opened)
	c.Looked.Open(r.opened)
	var wg sync.WaitGroup
	for w := range c.Workers {
		rng := rand.New(rand.NewPCG(c.Seed, uint64(w)))
		wg.Go(func() { r.work(ctx, rng) })
	}
	wg.Wait()
	return r.report
}

type running struct {
	*Crowd
	opened time.Time
	budget budget

	mu      sync.Mutex
	next    int // the first arrival nobody has taken
	retries byDue
	report  Report
}

// work takes the earliest job and waits for its time. A worker that waits keeps its job: whoever brings an earlier
// one in the meantime (only a worker that just got an answer can) takes that one itself.
func (r *running) work(ctx context.Context, rng *rand.Rand) {
	for {
		j, ok := r.take()
		if !ok {
			return
		}
		if !sleep(ctx, j.due-time.Since(r.opened)) {
			r.abandon(j)
			continue
		}
		r.do(j, rng)
	}
}

func (r *running) take() (job, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	arrivals := r.next < len(r.Offsets)
	switch {
	case len(r.retries) > 0 && (!arrivals || r.retries[0].due <= r.Offsets[r.next]):
		return heap.Pop(&r.retries).(job), true
	case arrivals:
		at := r.Offsets[r.next]
		r.next++
		return job{attempt: r.next - 1, intended: at, due: at}, true
	}
	return job{}, false
}

func (r *running) do(j job, rng *rand.Rand) {
	begin := time.Since(r.opened)
	if j.try == 0 {
		r.arrive(begin - j.due)
		if r.Looks != nil && r.Looks(j.attempt) {
			j.intended += r.look(j, begin)
		}
	}
	r.Asked.Sent()
	begin = time.Since(r.opened)
	outcome := r.Ask(j.attempt)
	end := time.Since(r.opened)
	j.try++
	again := outcome.Again && r.budget.spend(j.try)
	r.Asked.Answer(Sample{Intended: j.intended, Begin: begin, End: end, Code: outcome.Code, Again: again})
	if !outcome.Again {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if again {
		j.due = end + r.Retry.Delay(j.try, outcome.After, rng.Float64())
		heap.Push(&r.retries, j)
	} else {
		r.report.GaveUp = append(r.report.GaveUp, j.attempt)
	}
}

func (r *running) arrive(lateBy time.Duration) {
	r.budget.start()
	r.Asked.Arrive()
	if lateBy > LateAfter {
		r.mu.Lock()
		r.report.Late++
		r.mu.Unlock()
	}
}

// look returns how long the look itself took: the attempt after it is intended to start that much later, so that
// waiting for a worker counts for both and looking only for the look.
func (r *running) look(j job, begin time.Duration) time.Duration {
	r.Looked.Sent()
	outcome := r.Look(j.attempt)
	end := time.Since(r.opened)
	r.Looked.Answer(Sample{Intended: j.intended, Begin: begin, End: end, Code: outcome.Code})
	return end - begin
}

func (r *running) abandon(j job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j.try == 0 {
		r.report.Dropped++
	} else {
		r.report.GaveUp = append(r.report.GaveUp, j.attempt)
	}
}

// byDue is a heap of retries, the earliest first.
type byDue []job

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due < h[j].due }
func (h byDue) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byDue) Push(x any)        { *h = append(*h, x.(job)) }
func (h *byDue) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

package broadcast

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"ticketblue/ticketing"
)

// The relay's pace and limits.
const (
	SweepEvery    = 5 * time.Second        // the journal is asked who is behind, hints or no hints
	PassEvery     = 100 * time.Millisecond // per subject: ten messages a second
	passDeadline  = 10 * time.Second       // of one message, journal and JetStream together
	settleEvery   = time.Second            // a busy stream's mark beside the journal is at most this old
	relayWorkers  = 4
	maxLanes      = 4096 // streams in work at the same time; hints beyond are dropped
	sweepLimit    = 1024 // streams per sweep
	readBytes     = joinBytes
	rebuildTrials = 10 // per stream, against rival relays
)

// Journal is what the relay and followers read. It is implemented where the journal is kept.
type Journal interface {
	// Behind are streams with events that are not marked as relayed, at most limit of them.
	Behind(ctx context.Context, limit int) ([]ticketing.Stream, error)
	// Streams are all streams that are not retired.
	Streams(ctx context.Context) ([]ticketing.Stream, error)
	// ChunksAfter are the chunks that hold events after a seq, consecutive and in order, up to maxBytes of payload but
	// at least one when there is any. The first may begin before that seq when the seq lies inside a chunk.
	ChunksAfter(ctx context.Context, s ticketing.Stream, after uint64, maxBytes int) ([]ticketing.Chunk, error)
	// Relayed is the mark of SetRelayed; 0 when there is none.
	Relayed(ctx context.Context, s ticketing.Stream) (uint64, error)
	// SetRelayed marks events up to seq as relayed. The mark never goes back: a lower seq changes nothing.
	SetRelayed(ctx context.Context, s ticketing.Stream, seq uint64) error
}

// RelayConfig is what a relay needs; zero durations mean the constants above.
type RelayConfig struct {
	Broadcaster *Broadcaster
	Journal     Journal
	SweepEvery  time.Duration
	PassEvery   time.Duration
}

// Relay carries the journal's chunks to JetStream. Any number may run at once, in one process or in many.
type Relay struct {
	cfg     RelayConfig
	b       *Broadcaster
	ready   chan ticketing.Stream // room for every lane: sending never waits
	failing atomic.Bool           // the last pass failed: the next failure is not worth a line in the log

	passes sync.RWMutex // held for writing while a stream is rebuilt

	mu    sync.Mutex
	lanes map[ticketing.Stream]*lane
}

// lane is a stream in work. It lives until a pass finds nothing left to send, or fails: then it is forgotten, and the
// next hint or sweep begins again from what JetStream and the journal say.
type lane struct {
	hinted  time.Time // when the oldest commit not yet acknowledged was heard of
	known   bool      // cursor is, for a stream of that generation
	born    time.Time
	cursor  cursor
	settled time.Time // when the mark was last set
}

// cursor is how far a subject has come.
type cursor struct {
	to       uint64 // last event sent
	sequence uint64 // JetStream's number of the subject's last message; 0 for none
}

// NewRelay makes a relay; Run runs it. Hints may be given before.
func NewRelay(cfg RelayConfig) *Relay {
	if cfg.SweepEvery == 0 {
		cfg.SweepEvery = SweepEvery
	}
	if cfg.PassEvery == 0 {
		cfg.PassEvery = PassEvery
	}
	return &Relay{
		cfg: cfg, b: cfg.Broadcaster,
		ready: make(chan ticketing.Stream, maxLanes), lanes: map[ticketing.Stream]*lane{},
	}
}

// Hint says that the stream has new events in the journal. It never waits and may be dropped: the sweep finds what no
// hint told.
func (r *Relay) Hint(s ticketing.Stream) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.lanes[s]; l != nil {
		if l.hinted.IsZero() {
			l.hinted = now
		}
		return
	}
	if len(r.lanes) >= maxLanes {
		r.b.metrics.hintsLost.Inc()
		return
	}
	r.lanes[s] = &lane{hinted: now, settled: now}
	r.b.metrics.busy.Set(float64(len(r.lanes)))
	r.ready <- s
}

// Run relays until ctx ends.
func (r *Relay) Run(ctx context.Context) {
	if r.b.started(ctx) != nil {
		return
	}
	var running sync.WaitGroup
	for range relayWorkers {
		running.Go(func() { r.work(ctx) })
	}
	running.Go(func() { r.sweep(ctx) })
	running.Wait()
}

func (r *Relay) sweep(ctx context.Context) {
	for {
		if r.b.Healthy() == nil {
			r.sweepOnce(ctx)
		}
		if pause(ctx, r.cfg.SweepEvery) != nil {
			return
		}
	}
}

func (r *Relay) sweepOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, passDeadline)
	defer cancel()
	behind, err := r.cfg.Journal.Behind(ctx, sweepLimit)
	if err != nil {
		r.failed(ctx, "sweep", err)
		return
	}
	r.b.metrics.behind.Set(float64(len(behind)))
	for _, s := range behind {
		r.Hint(s)
	}
}

func (r *Relay) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-r.ready:
			r.workOn(ctx, s)
		}
	}
}

// workOn makes one pass over a stream and says when the next is due.
func (r *Relay) workOn(ctx context.Context, s ticketing.Stream) {
	r.mu.Lock()
	l := r.lanes[s]
	hinted := l.hinted
	l.hinted = time.Time{} // a hint from now on is for the next pass: this one may have read the journal before it
	r.mu.Unlock()

	sent, err := r.pass(ctx, s, l)
	if err != nil {
		r.failed(ctx, "pass", err, "stream", s)
	} else if sent {
		r.failing.Store(false)
		if !hinted.IsZero() {
			r.b.metrics.lag.Observe(time.Since(hinted).Seconds())
		}
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || !sent && l.known && l.hinted.IsZero() {
		delete(r.lanes, s)
		r.b.metrics.busy.Set(float64(len(r.lanes)))
		return
	}
	time.AfterFunc(r.cfg.PassEvery, func() { r.ready <- s }) // there is room: the lane is in no other queue
}

func (r *Relay) failed(ctx context.Context, what string, err error, args ...any) {
	if ctx.Err() != nil {
		return // we are stopping
	}
	r.b.metrics.failures.Inc()
	if !r.failing.Swap(true) {
		r.b.log.Warn("relay: a "+what+" failed; the next sweep tries again", append(args, "error", err)...)
	}
}

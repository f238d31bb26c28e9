package broadcast

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ticketblue/ticketing"
)

// The relay's pace and limits.
const (
	SweepEvery    = 5 * time.Second        // the journal is asked who is behind, hints or no hints
	PassEvery     = 100 * time.Millisecond // per subject: ten messages a second,
	messageShare  = 500 * time.Microsecond // or fewer while many subjects have news: two thousand a second together,
	maxPace       = 1 * time.Second        // but of each at least one: a message costs nearly the same for one event as for ten
	passesPerPace = 4                      // so that a stream's first news waits for a quarter of the others' pace at most
	passDeadline  = 10 * time.Second       // of one pass, journal and JetStream together
	settleEvery   = time.Second            // marks beside the journal are at most this old
	maxEnds       = 100_000                // subjects whose end is remembered
	maxLanes      = 16384                  // streams in work at the same time; hints beyond are dropped
	passStreams   = 256                    // read and sent together
	passBytes     = 16 << 20               // read at once, besides one chunk of each stream
	markStreams   = 1024                   // marks set together
	sweepPage     = 4096                   // streams that the journal looks at together
	sweepShare    = 4 * sweepPage          // that a sweep looks at, once all have been looked at since the start
	sweepLimit    = maxLanes / 2           // in work leave no room for what sweeps find
	readBytes     = joinBytes
	rebuildTrials = 10 // per stream, against rival relays
)

// Journal is what the relay and followers read. It is implemented where the journal is kept.
type Journal interface {
	// Behind looks at up to limit streams after the given one, in an order of their names; "" is before the first. It
	// returns those with events that are not marked as relayed, and after which to go on; "" when these were the last.
	Behind(ctx context.Context, after ticketing.Stream, limit int) (behind []ticketing.Stream, next ticketing.Stream, err error)
	// Streams are all streams that are not retired.
	Streams(ctx context.Context) ([]ticketing.Stream, error)
	// ChunksAfter are of each stream the chunks that hold events after a seq, consecutive and in order, up to maxBytes
	// of payload but at least one when there is any. The first may begin before that seq when the seq lies inside a
	// chunk.
	ChunksAfter(ctx context.Context, after map[ticketing.Stream]uint64, maxBytes int) (map[ticketing.Stream][]ticketing.Chunk, error)
	// Relayed are the streams' marks of SetRelayed; 0 where there is none.
	Relayed(ctx context.Context, streams []ticketing.Stream) (map[ticketing.Stream]uint64, error)
	// SetRelayed marks events up to a seq as relayed. A mark never goes back: a lower seq changes nothing. It may be
	// forgotten when the machine dies.
	SetRelayed(ctx context.Context, marks map[ticketing.Stream]uint64) error
}

// RelayConfig is what a relay needs; zero durations mean the constants above.
type RelayConfig struct {
	Broadcaster *Broadcaster
	Journal     Journal
	SweepEvery  time.Duration
	PassEvery   time.Duration
}

// Relay carries the journal's chunks to JetStream, all streams that have news together: asked for one by one they would
// cost Postgres more than the sale itself. Any number may run at once, in one process or in many.
type Relay struct {
	cfg     RelayConfig
	b       *Broadcaster
	hinted  chan struct{} // capacity 1: there are lanes
	failing atomic.Bool   // the last pass failed: the next failure is not worth a line in the log

	passes sync.RWMutex // held for writing while a stream is rebuilt

	// The goroutine of the passes has these to itself. All of it is about the stream made at born.
	born   time.Time
	ends   map[ticketing.Stream]cursor // where subjects end whose lanes are gone
	marks  map[ticketing.Stream]uint64 // to be set
	marked time.Time                   // when marks were last set

	swept sweepState // the sweeps' own

	mu      sync.Mutex
	lanes   map[ticketing.Stream]*lane
	aside   int       // of the lanes, those that sweeps found
	nextOne time.Time // of those may be taken then
}

// sweepState is how far the sweeps are in their round of all streams: of half a million each looks at a few thousand.
type sweepState struct {
	after ticketing.Stream // the last that was looked at
	found int              // behind, in this round
	whole bool             // a round has ended since the start: who was behind then is known
}

// lane is a stream in work. It lives until a pass finds nothing left to send, or fails: then it is forgotten, and the
// next hint or sweep begins again from what JetStream and the journal say. All but hinted is the passes' own.
type lane struct {
	stream ticketing.Stream
	hinted time.Time // when the oldest commit not yet acknowledged was heard of; under the relay's mutex
	heard  time.Time // the same, of this pass
	known  bool      // cursor is, for a stream of that generation
	born   time.Time
	cursor cursor
	due    time.Time // of its next pass
	marked uint64    // up to here its mark is set, or will be
	sent   bool      // by this pass
	all    bool      // what this pass sent was all there was
	err    error     // of this pass

	swept   bool // found by a sweep, and nobody has committed anything since: those that somebody waits for come first
	guessed bool // that nothing was ever sent, because no mark says so; once is enough
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
		cfg: cfg, b: cfg.Broadcaster, hinted: make(chan struct{}, 1), lanes: map[ticketing.Stream]*lane{},
		ends: map[ticketing.Stream]cursor{}, marks: map[ticketing.Stream]uint64{},
	}
}

// Hint says that the stream has new events in the journal. It never waits and may be dropped: the sweep finds what no
// hint told.
func (r *Relay) Hint(s ticketing.Stream) { r.hint(s, false) }

func (r *Relay) hint(s ticketing.Stream, swept bool) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.lanes[s]; l != nil {
		if l.swept && !swept {
			l.swept, l.due = false, now
			r.aside--
		}
		if l.hinted.IsZero() {
			l.hinted = now
		}
		return
	}
	if len(r.lanes) >= maxLanes {
		r.b.metrics.hintsLost.Inc()
		return
	}
	r.lanes[s] = &lane{stream: s, hinted: now, due: now.Add(r.pace() - r.cfg.PassEvery), swept: swept}
	if swept {
		r.aside++
	}
	r.b.metrics.busy.Set(float64(len(r.lanes)))
	select {
	case r.hinted <- struct{}{}:
	default:
	}
}

// Run relays until ctx ends.
func (r *Relay) Run(ctx context.Context) {
	if r.b.started(ctx) != nil {
		return
	}
	var running sync.WaitGroup
	running.Go(func() { r.work(ctx) })
	running.Go(func() { r.sweep(ctx) })
	running.Wait()
}

func (r *Relay) sweep(ctx context.Context) {
	for {
		wait := r.cfg.SweepEvery
		if r.b.Healthy() == nil && r.sweepOnce(ctx) {
			wait = r.cfg.PassEvery
		}
		if pause(ctx, wait) != nil {
			return
		}
	}
}

// sweepOnce goes on in the round of all streams, page by page: no statement reads more than a page, however many there
// are. It tells whether it only waits for room: after a mass of new streams it goes on as fast as they are sent.
func (r *Relay) sweepOnce(ctx context.Context) (crowded bool) {
	for looked := 0; ; {
		if r.foundInWork() >= sweepLimit {
			return true
		}
		behind, next, err := r.sweepNext(ctx)
		if err != nil {
			r.failed(ctx, "sweep", err)
			return false
		}
		for _, s := range behind {
			r.hint(s, true)
		}
		looked += sweepPage
		r.swept.after, r.swept.found = next, r.swept.found+len(behind)
		if next == "" {
			r.b.metrics.behind.Set(float64(r.swept.found))
			r.swept = sweepState{whole: true}
			return false
		}
		if r.swept.whole && looked >= sweepShare {
			return false
		}
	}
}

func (r *Relay) foundInWork() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.aside
}

func (r *Relay) sweepNext(ctx context.Context) (behind []ticketing.Stream, next ticketing.Stream, err error) {
	ctx, cancel := context.WithTimeout(ctx, passDeadline)
	defer cancel()
	return r.cfg.Journal.Behind(ctx, r.swept.after, sweepPage)
}

// work makes passes while there are lanes.
func (r *Relay) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hinted:
		}
		for more := true; more; {
			now := time.Now()
			for part := range slices.Chunk(r.take(now), passStreams) {
				r.pass(ctx, part)
				r.finish(ctx, part)
			}
			r.mu.Lock()
			more = len(r.lanes) > 0
			r.mu.Unlock()
			if !more || time.Since(r.marked) >= settleEvery {
				r.settle(ctx)
			}
			more = more || len(r.marks) > 0
			if pause(ctx, time.Until(now.Add(r.cfg.PassEvery/passesPerPace))) != nil {
				return
			}
		}
	}
}

// take are the lanes whose pass is due, each at the pace that a subject may have. Those that sweeps found come last and
// have a pace together, so that who has just committed something waits for one pass of them at most. A hint from now on
// is for the pass after: this one may read the journal before it.
func (r *Relay) take(now time.Time) []*lane {
	r.mu.Lock()
	defer r.mu.Unlock()
	pace, room := r.pace(), 0
	if !now.Before(r.nextOne) {
		room = passStreams
	}
	var lanes, found []*lane
	for _, l := range r.lanes {
		switch {
		case l.due.After(now):
			continue
		case !l.swept:
			lanes = append(lanes, l)
		case len(found) < room:
			found = append(found, l)
		default:
			continue
		}
		l.due = now.Add(pace)
		l.heard, l.hinted, l.sent, l.all, l.err = l.hinted, time.Time{}, false, false, nil
	}
	if len(found) > 0 {
		r.nextOne = now.Add(time.Duration(len(found)) * messageShare)
	}
	return append(lanes, found...)
}

// pace is the time between two messages of a subject that somebody commits to; r.mu is held.
func (r *Relay) pace() time.Duration {
	return max(r.cfg.PassEvery, min(time.Duration(len(r.lanes)-r.aside)*messageShare, maxPace))
}

// finish forgets the lanes that are done or failed.
func (r *Relay) finish(ctx context.Context, lanes []*lane) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range lanes {
		switch {
		case l.err != nil:
			r.failed(ctx, "pass", l.err, "stream", l.stream)
		case l.sent:
			r.failing.Store(false)
			if !l.heard.IsZero() && !l.swept {
				r.b.metrics.lag.Observe(now.Sub(l.heard).Seconds())
			}
		}
		over := l.sent && l.all && l.swept // nobody waits for more of it
		if l.err == nil && (l.sent && !over || !l.known || !l.hinted.IsZero()) {
			continue
		}
		if l.err == nil {
			r.remember(l)
		}
		delete(r.lanes, l.stream)
		if l.swept {
			r.aside--
		}
	}
	r.b.metrics.busy.Set(float64(len(r.lanes)))
}

// remember keeps where a subject ends, for the stream's next lane. Were it wrong then, JetStream would refuse.
func (r *Relay) remember(l *lane) {
	if !l.born.Equal(r.born) {
		return
	}
	if len(r.ends) >= maxEnds {
		clear(r.ends)
	}
	r.ends[l.stream] = l.cursor
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

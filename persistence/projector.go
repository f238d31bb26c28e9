package persistence

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// Limits of the projector.
const (
	PassBytes    = 256 << 10        // of journal in one transaction: some 4,000 reservations, a tenth of a second
	PassStreams  = 256              // in one transaction
	PassDeadline = 60 * time.Second // of one transaction; a canceled round of 100,000 reservations takes some seconds
	PassPause    = 20 * time.Millisecond
	SweepEvery   = 5 * time.Second
	MaxHints     = 4096   // streams remembered between passes; more are left to the sweep
	MaxWaiting   = 10_000 // callers of AwaitProjected at once

	restShare = 8 // times as long as it worked it rests, for a pass costs nearly the same for one event as for a hundred
	busyPause = 500 * time.Millisecond
	maxMarks  = 100_000 // streams whose mark is remembered

	// While a crowd buys, streams grow for a while before they are taken in, a few at a time: else a pass keeps a
	// processor from the buyers for longer than they should wait.
	crowdRate    = 1000                   // events committed a second are a crowd
	crowdWindow  = 100 * time.Millisecond // in which they are counted
	crowdLag     = 1 * time.Second        // from a stream's first new commit to its pass
	crowdBehind  = 2 * crowdLag           // the oldest may be; then passes are large again, one after the other
	crowdEvents  = 256                    // in one transaction, of several streams
	crowdBytes   = 32 << 10               // in one transaction
	crowdStreams = 64                     // in one transaction
)

// ProjectorOptions of NewProjector. Zero limits mean the constants above.
type ProjectorOptions struct {
	Log *slog.Logger // default: the database's

	// EffectsOf lists the jobs that an event demands. It is asked once per event, again only when that pass was
	// rolled back. The database's Enqueue takes them, in the pass's transaction. Optional.
	EffectsOf func(s ticketing.Stream, seq uint64, e ticketing.Event) []ticketing.Job
	// Freeze is told of a stream that contradicts itself, when that is found and again at every start until a
	// person has looked. It must not block. Optional.
	Freeze func(s ticketing.Stream, reason error)
	// Moved is told when rounds' phases, or what else their row of round_states says, have changed in the tables, before
	// whoever waits for these streams. It must not block. Optional.
	Moved func()
	// Busy says that commits of the journal take too long: the projector then rests three times as long as it
	// works. It must not block. Optional.
	Busy func() bool

	PassBytes   int
	PassStreams int
	PassPause   time.Duration // between passes when there is no backlog and nobody waits
	SweepEvery  time.Duration
}

// ProjectorStats counts since the start. Hinted and Waiting go down again.
type ProjectorStats struct {
	Passes   uint64        // transactions committed with something in them
	Events   uint64        // taken in
	Failed   uint64        // transactions rolled back, and streams that could not be read
	Frozen   uint64        // streams frozen
	LastPass time.Duration // of the last transaction
	Lag      time.Duration // from the newest event of the last pass to its commit, by this machine's clock
	Hinted   int           // streams that wait for the next pass
	Waiting  int           // callers of AwaitProjected
}

// Projector folds the journal into the read tables, enqueues the jobs its events demand, and keeps the times at
// which streams must wake. Several may run at once: each stream is moved by one at a time.
type Projector struct {
	db      *DB
	opts    ProjectorOptions
	log     *slog.Logger
	work    chan struct{} // capacity 1: there may be something to do
	hurry   chan struct{} // capacity 1: somebody waits
	started sync.Once
	stop    context.CancelFunc // begin nothing new
	abort   context.CancelFunc // roll back what is under way
	done    chan struct{}
	kept    keptFolds
	backlog bool // the pass in hand did not reach the end of a stream; this and the next: its goroutine's own

	passBytes int // of the pass in hand

	mu       sync.Mutex
	hinted   map[ticketing.Stream]hint
	heard    uint64    // events hinted at since counted
	counted  time.Time // when they were last looked at
	crowd    bool      // then they were many
	sweep    bool      // look for streams that nobody hinted at
	leftOver bool      // the last sweep found more than it took
	marks    map[ticketing.Stream]uint64
	waiters  map[ticketing.Stream][]*waiter
	failing  map[ticketing.Stream]error // streams that could not be moved when last tried
	stats    ProjectorStats
}

// hint is that a stream has something new.
type hint struct {
	since time.Time // the first one after the last pass; zero: to be taken in now
	head  uint64    // 0: not known
}

// NewProjector makes a projector with a connection of its own. It does nothing before Start.
func NewProjector(db *DB, o ProjectorOptions) *Projector {
	setDefault(&o.PassBytes, PassBytes)
	setDefault(&o.PassStreams, PassStreams)
	setDefault(&o.PassPause, PassPause)
	setDefault(&o.SweepEvery, SweepEvery)
	if o.Log == nil {
		o.Log = db.log
	}
	if o.EffectsOf == nil {
		o.EffectsOf = func(ticketing.Stream, uint64, ticketing.Event) []ticketing.Job { return nil }
	}
	if o.Freeze == nil {
		o.Freeze = func(ticketing.Stream, error) {}
	}
	if o.Moved == nil {
		o.Moved = func() {}
	}
	if o.Busy == nil {
		o.Busy = func() bool { return false }
	}
	return &Projector{
		db: db, opts: o, log: o.Log,
		work: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		stop: func() {}, abort: func() {}, done: make(chan struct{}), sweep: true,
		hinted: map[ticketing.Stream]hint{}, marks: map[ticketing.Stream]uint64{},
		waiters: map[ticketing.Stream][]*waiter{}, failing: map[ticketing.Stream]error{},
	}
}

// Start begins to project, with what was left over before. Further calls do nothing.
func (p *Projector) Start() {
	p.started.Do(func() {
		var ctx, stopping context.Context
		ctx, p.abort = context.WithCancel(context.Background())
		stopping, p.stop = context.WithCancel(ctx)
		go p.run(ctx, stopping)
	})
}

// Close stops after the pass that is under way, or in the middle of it when ctx ends: what is left is projected
// after the next start.
func (p *Projector) Close(ctx context.Context) error {
	p.started.Do(func() { close(p.done) }) // never started: there is nobody to stop
	p.stop()
	select {
	case <-p.done:
		p.abort()
		return nil
	case <-ctx.Done():
		p.abort()
		<-p.done
		return ctx.Err()
	}
}

// Hint says that the stream has something new. It never blocks; what is forgotten is found by the sweep.
func (p *Projector) Hint(s ticketing.Stream) { p.hint(s, hint{}) }

// OnCommit is a hint in the shape of JournalOptions.OnCommit. Of many at a time it may be long until they are followed.
func (p *Projector) OnCommit(s ticketing.Stream, head ticketing.Head) {
	p.hint(s, hint{since: time.Now(), head: head.To})
}

func (p *Projector) hint(s ticketing.Stream, h hint) {
	p.mu.Lock()
	before, known := p.hinted[s]
	switch {
	case known && before.since.Before(h.since):
		h.since = before.since
	case !known && len(p.hinted) >= MaxHints:
		p.sweep = true
		p.mu.Unlock()
		signal(p.work)
		return
	}
	h.head = max(h.head, before.head)
	p.heard += h.beyond(max(before.head, p.marks[s]))
	p.hinted[s] = h
	p.mu.Unlock()
	if !known {
		signal(p.work)
	}
}

// beyond is how many events there are after a seq; 1 where that is not known.
func (h hint) beyond(seq uint64) uint64 {
	if seq == 0 || h.head <= seq {
		return 1
	}
	return h.head - seq
}

// Stats is a copy of the counters.
func (p *Projector) Stats() ProjectorStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Hinted = len(p.hinted)
	return s
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has been signalled and will look at everything there is
	}
}

// run is the projector's goroutine.
func (p *Projector) run(ctx, stopping context.Context) {
	defer close(p.done)
	tick := time.NewTicker(p.opts.SweepEvery)
	defer tick.Stop()
	var conn *pgx.Conn
	var backoff time.Duration
	for p.awaitWork(stopping, tick.C) {
		var err error
		if conn == nil {
			conn, err = p.connectAndTell(ctx)
		}
		worked, more := time.Duration(0), false
		if err == nil {
			worked, more, err = p.step(ctx, conn)
		}
		if err == nil {
			backoff = 0
			p.rest(stopping, worked, more)
			continue
		}
		if ctx.Err() != nil {
			break
		}
		backoff = min(max(2*backoff, minBackoff), maxBackoff)
		p.log.Error("projector: cannot go on", "retry_in", backoff, "err", err)
		p.count(func(s *ProjectorStats) { s.Failed++ })
		p.disconnect(conn)
		conn = nil
		p.forgetMarks()
		pause(stopping, backoff, nil)
	}
	p.disconnect(conn)
}

// forgetMarks: a Postgres that crashed has lost commits that did not wait for the disk. Who asks looks into the table.
func (p *Projector) forgetMarks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.marks)
}

// awaitWork waits until there is something to do. It returns false when the projector is to stop.
func (p *Projector) awaitWork(ctx context.Context, tick <-chan time.Time) bool {
	for ctx.Err() == nil {
		select {
		case <-tick:
			p.sweepSoon()
		default:
		}
		p.mu.Lock()
		some := p.sweep || len(p.hinted) > 0
		p.mu.Unlock()
		if some {
			return true
		}
		select {
		case <-p.work:
		case <-tick:
			p.sweepSoon()
		case <-ctx.Done():
		}
	}
	return false
}

func (p *Projector) sweepSoon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep = true
}

// rest lets others have the disk, and the next batch grow.
func (p *Projector) rest(ctx context.Context, worked time.Duration, more bool) {
	p.mu.Lock()
	crowd := p.crowd
	p.mu.Unlock()
	switch {
	case p.opts.Busy():
		pause(ctx, min(max(p.opts.PassPause, 3*worked), busyPause), nil)
	case crowd && !more && worked > 0:
		pause(ctx, min(max(p.opts.PassPause/4, worked), busyPause), p.hurry)
	case !more:
		pause(ctx, min(max(p.opts.PassPause, restShare*worked), busyPause), p.hurry)
	}
}

func pause(ctx context.Context, d time.Duration, hurry <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-ctx.Done():
	}
}

func (p *Projector) connect(ctx context.Context) (*pgx.Conn, error) {
	return dedicated(ctx, p.db.dsn, "ticketblue-projector", map[string]string{
		// Every statement looks rows up by their keys. On young tables the planner would rather read them whole, and
		// its cached plans would still do so when they have grown.
		"enable_seqscan":   "off",
		"enable_hashjoin":  "off",
		"enable_mergejoin": "off",
		"jit":              "off",
		// A pass that a crash undoes is done again, with its mark and its jobs: no need to wait for the disk. No job
		// begins before that: taking it up is a commit that does wait, and waits for all before it.
		"synchronous_commit": "off",
		"statement_timeout":  milliseconds(PassDeadline),
		"lock_timeout":       milliseconds(journalLockTimeout),
	}, p.log)
}

func (p *Projector) disconnect(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	if err := conn.Close(ctx); err != nil && !errors.Is(err, context.Canceled) {
		p.log.Debug("projector: closing the connection", "err", err)
	}
}

func (p *Projector) count(f func(*ProjectorStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}

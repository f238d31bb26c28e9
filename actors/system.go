package actors

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/ticketing"
)

// Limits of a System, used where Config leaves them zero.
const (
	DefaultPerStream  = 2048             // commands in flight of one stream: throughput x bearable latency
	DefaultTotal      = 8192             // of all streams
	DefaultSagaLane   = 256              // more, for commands of payments only
	DefaultTimeout    = 10 * time.Second // of a command whose context has no deadline
	DefaultIOTimeout  = 10 * time.Second // of a load, a snapshot, a park, with its wait for a slot
	DefaultIOSlots    = 8                // of these at once
	DefaultWakeEvery  = 5 * time.Second  // between looks for streams that are due
	DefaultWakeAhead  = time.Minute      // how long before their deadline they are activated
	wakeBatch         = 10_000           // streams per look; those that are awake already count
	longestTimer      = 30 * time.Second // a wall clock set forward delays no deadline by more
	alarmLogEvery     = time.Second      // per stream; the metric counts them all
	deadLetterLogging = time.Millisecond // the library keeps a goroutine for as long; nothing is logged
)

// Journal is where events go and machines come back from.
type Journal interface {
	// Load reads a stream's history; ticketing.ErrNotFound when there is no such stream.
	Load(ctx context.Context, s ticketing.Stream) (ticketing.History, error)
	// LoadAll is Load that leaves the snapshot aside.
	LoadAll(ctx context.Context, s ticketing.Stream) (ticketing.History, error)
	// Begin opens an activation on the head it loaded. The journal tells notify of every commit, in order, and
	// stops after one that is not Committed. Notify never blocks.
	Begin(s ticketing.Stream, w ticketing.WriterID, head ticketing.Head, notify func(ticketing.Commit))
	// Append adds encoded events to the activation's open chunk. It copies records and never blocks.
	Append(w ticketing.WriterID, count int, records []byte)
	// End forgets an activation; one that is not known is no error.
	End(w ticketing.WriterID)
	// SaveSnapshot keeps the newest snapshot of a stream.
	SaveSnapshot(ctx context.Context, s ticketing.Snapshot) error
	// Park keeps that the stream must be activated at a moment, or asks for nothing by 0; it may come late, and must
	// not put off what is due earlier.
	Park(ctx context.Context, s ticketing.Stream, wakeAt ticketing.Millis) error
	// Freeze keeps that a stream must not be served until a person has looked: Load then says ticketing.ErrFrozen.
	Freeze(ctx context.Context, s ticketing.Stream, reason string) error
	// Due lists streams that have something to do before a moment, whether they are active or not, earliest first.
	Due(ctx context.Context, before ticketing.Millis, limit int) ([]ticketing.Stream, error)
}

// Ownership says whether this node owns the streams, by its own monotonic clock. Valid is asked for every reply.
// After the lock was lost it must not turn true again before System.OwnershipLost has returned: another node may
// have owned the streams in between.
type Ownership interface{ Valid() bool }

// Config sets up a System. Zero limits take the defaults above.
type Config struct {
	Journal   Journal
	Ownership Ownership
	Log       *slog.Logger
	Clock     func() time.Time // wall clock; time.Now outside of tests
	Random    io.Reader        // names writers; crypto/rand.Reader outside of tests
	Metrics   prometheus.Registerer

	Shell     Options // Owned is set by the system
	PerStream int
	Total     int
	SagaLane  int
	Timeout   time.Duration
	IOTimeout time.Duration
	WakeEvery time.Duration
	WakeAhead time.Duration
}

func (c Config) withDefaults() Config {
	orInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	orInt(&c.PerStream, DefaultPerStream)
	orInt(&c.Total, DefaultTotal)
	orInt(&c.SagaLane, DefaultSagaLane)
	orTime(&c.Timeout, DefaultTimeout)
	orTime(&c.IOTimeout, DefaultIOTimeout)
	orTime(&c.WakeEvery, DefaultWakeEvery)
	orTime(&c.WakeAhead, DefaultWakeAhead)
	return c
}

// System runs the actors of all streams of this node.
type System struct {
	Config
	actors   *actor.ActorSystem
	workers  workers
	metrics  *metrics
	requests sync.Pool

	cells     sync.Map   // ticketing.Stream -> *cell
	spawning  sync.Mutex // held while a cell is added, and to stop that
	draining  atomic.Bool
	unwritten atomic.Int64  // saves and parks that failed at a stop
	epoch     atomic.Uint64 // counts losses of ownership

	_        [64]byte // what follows changes with every command, what stands above hardly ever: not on one cache line
	inFlight atomic.Int64
	_        [64]byte
	quiet    chan struct{}  // a command in flight was the last
	live     sync.WaitGroup // cells, until they are parked
	io       sync.WaitGroup // loads, saves, parks
	slots    chan struct{}
	random   sync.Mutex
}

// New makes a system with no stream active. Nothing runs until Do or Wake is called.
func New(c Config) *System {
	s := &System{
		Config: c.withDefaults(),
		quiet:  make(chan struct{}, 1),
		slots:  make(chan struct{}, DefaultIOSlots),
	}
	s.metrics = newMetrics(c.Metrics, func() float64 { return float64(s.inFlight.Load()) })
	// The library's logger prints the contents of messages, its metrics format a type name per message.
	s.actors = actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(deadLetterLogging),
		actor.WithDeadLetterThrottleCount(1),
	)
	s.requests.New = func() any {
		r := &request{done: make(chan struct{}, 1)}
		r.Token = r
		return r
	}
	return s
}

// request is a command on its way. It goes back to the pool only when its caller has seen the answer: after a
// time-out a late answer must not reach the next user of the same request.
type request struct {
	Command
	taken  time.Time // by the actor
	result ticketing.Result
	done   chan struct{} // capacity 1: the actor never waits for the caller
}

// Do asks a stream's machine and waits for the durable answer. When ctx ends first the answer is unavailable, and
// the outcome open: the command may still be carried out.
func (s *System) Do(ctx context.Context, stream ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	if !s.Ownership.Valid() {
		return ticketing.Result{Code: ticketing.CodeUnavailable}
	}
	if _, bounded := ctx.Deadline(); !bounded {
		limited, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		ctx = limited
	}
	lane := 0
	if isSaga(cmd) {
		lane = s.SagaLane
	}
	if s.inFlight.Add(1) > int64(s.Total+lane) {
		s.leave()
		s.metrics.refused.WithLabelValues("total").Inc()
		return ticketing.Result{Code: ticketing.CodeBusy}
	}
	if result, refused := s.Refuse(stream, cmd); refused {
		s.leave()
		return result
	}
	r := s.requests.Get().(*request)
	r.Cmd = cmd
	if code := s.deliver(stream, r, s.PerStream+lane); code != ticketing.OK {
		s.requests.Put(r)
		s.leave()
		return ticketing.Result{Code: code}
	}
	if !r.answered(ctx) {
		s.metrics.timeouts.Inc()
		return ticketing.Result{Code: ticketing.CodeUnavailable}
	}
	result := r.result
	r.result, r.Cmd = ticketing.Result{}, nil
	s.requests.Put(r)
	return result
}

// InFlight is how many commands wait for their answers now.
func (s *System) InFlight() int { return int(s.inFlight.Load()) }

// answered waits for the answer; false when ctx ends first. Most refusals are there already.
func (r *request) answered(ctx context.Context) bool {
	select {
	case <-r.done:
		return true
	default:
	}
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// isSaga: a payment that is under way is finished even when the crowd fills the gate.
func isSaga(cmd ticketing.Command) bool {
	switch cmd.(type) {
	case ticketing.ConfirmPayment, ticketing.PricePayment, ticketing.ApprovePayment, ticketing.DeclinePayment,
		ticketing.SettleRefund, ticketing.ReadOrder, ticketing.ReserveCoupon, ticketing.RedeemCoupon, ticketing.ReturnCoupon:
		return true
	}
	return false
}

// leave takes one command out of flight.
func (s *System) leave() {
	if s.inFlight.Add(-1) == 0 && s.draining.Load() {
		select {
		case s.quiet <- struct{}{}:
		default:
		}
	}
}

// deliver puts a request into its stream's mailbox, starting the actor if there is none.
func (s *System) deliver(stream ticketing.Stream, r *request, limit int) ticketing.Code {
	for {
		c := s.cell(stream)
		if c == nil {
			return ticketing.CodeUnavailable
		}
		switch c.deliver(r, int64(limit)) {
		case delivered:
			return ticketing.OK
		case full:
			s.metrics.refused.WithLabelValues("stream").Inc()
			return ticketing.CodeBusy
		case closed: // it left the registry before it said so: the next look finds another
		}
	}
}

// cell finds or starts a stream's actor; nil when the system is draining.
func (s *System) cell(stream ticketing.Stream) *cell {
	if s.draining.Load() {
		return nil
	}
	if c, found := s.cells.Load(stream); found {
		return c.(*cell)
	}
	s.spawning.Lock()
	defer s.spawning.Unlock()
	if s.draining.Load() {
		return nil
	}
	if c, found := s.cells.Load(stream); found {
		return c.(*cell)
	}
	c := newCell(s, stream)
	s.live.Add(1)
	s.metrics.active.Inc()
	s.cells.Store(stream, c)
	return c
}

// Durable is the stream's last durable event, without asking its actor: whatever this node has answered of the stream
// until now rests on events up to it. It is not known while the machine is not in memory, is recovering or not ours,
// and from the moment on when time alone would change the state.
func (s *System) Durable(stream ticketing.Stream) (seq uint64, known bool) {
	found, ok := s.cells.Load(stream)
	if !ok {
		return 0, false
	}
	c := found.(*cell)
	seq = c.durable.Load()
	until := ticketing.Millis(c.until.Load())
	if seq == 0 || until != 0 && until <= s.millis() {
		return 0, false
	}
	// After the rest, as for replies: a stale owner must fall silent.
	return seq, c.epoch.Load() == s.epoch.Load() && s.Ownership.Valid()
}

// OwnershipLost makes every stream fall silent: from its return on no machine that is in memory now is asked again,
// however full its mailbox is. The system serves again as soon as ownership is valid again.
func (s *System) OwnershipLost() {
	s.spawning.Lock() // a cell is made before this, and hears the word, or after it, and knows
	s.epoch.Add(1)
	s.spawning.Unlock()
	now := s.millis()
	s.each(func(c *cell) { c.send(OwnershipLost{Now: now}) })
}

// Wake activates streams that have something to do soon with nobody asking. It returns when ctx ends.
func (s *System) Wake(ctx context.Context) {
	tick := time.NewTicker(s.WakeEvery)
	defer tick.Stop()
	for {
		if err := s.wakeDue(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("waking streams", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *System) wakeDue(ctx context.Context) error {
	if !s.Ownership.Valid() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.IOTimeout)
	defer cancel()
	due, err := s.Journal.Due(ctx, s.millis().Add(s.WakeAhead), wakeBatch)
	if err != nil {
		return err
	}
	for _, stream := range due {
		s.wake(stream)
	}
	return nil
}

// wake activates a stream. A cell that closes under our hands is left to the waker's next look.
func (s *System) wake(stream ticketing.Stream) {
	if c := s.cell(stream); c != nil {
		c.send(Wake{Now: s.millis()})
	}
}

// Freeze stops a stream that an auditor found wrong.
func (s *System) Freeze(stream ticketing.Stream, reason error) {
	if c := s.cell(stream); c != nil {
		c.send(Freeze{Reason: reason})
	}
}

// ErrNotDrained: the time for Shutdown was too short. Nothing acknowledged is lost by that.
var ErrNotDrained = errors.New("streams were still busy")

// Shutdown refuses new commands, waits for those in flight, then snapshots and parks every stream.
func (s *System) Shutdown(ctx context.Context) error {
	s.spawning.Lock()
	s.draining.Store(true)
	s.spawning.Unlock()
	for s.inFlight.Load() > 0 {
		select {
		case <-s.quiet:
		case <-ctx.Done():
			return ErrNotDrained
		}
	}
	s.each(func(c *cell) { c.send(Drain{}) })
	done := make(chan struct{})
	go func() {
		s.live.Wait()
		s.io.Wait()
		close(done)
	}()
	select {
	case <-done:
		if n := s.unwritten.Load(); n > 0 {
			s.Log.Warn("not everything was written down in the time of a stop; the next start reads events instead", "writes", n)
		}
		s.actors.Shutdown()
		s.workers.stop()
		return nil
	case <-ctx.Done():
		return ErrNotDrained
	}
}

func (s *System) each(do func(*cell)) {
	s.cells.Range(func(_, c any) bool {
		do(c.(*cell))
		return true
	})
}

func (s *System) millis() ticketing.Millis { return ticketing.MillisOf(s.Clock()) }

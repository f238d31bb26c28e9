package actors

import (
	"errors"
	"fmt"
	"time"

	"ticketblue/ticketing"
)

// Limits of a shell, used where Options leaves them zero.
const (
	DefaultQueueLimit    = 4096             // commands kept while activating or before a snapshot
	DefaultSnapshotEvery = 10_000           // events between snapshots, at least
	snapshotShare        = 4                // and at least this part of the events before: a state that grows is not written again and again
	DefaultIdleAfter     = 5 * time.Minute  // without a command, then the stream is passivated
	DefaultKeepBefore    = 10 * time.Minute // before a deadline a stream is not passivated
)

// How long a shell waits before it tries again.
const (
	retryFirst    = 50 * time.Millisecond // after the second failure in a row; the first is retried at once
	retryMax      = 5 * time.Second       // it doubles up to this
	ownershipPoll = time.Second           // looks whether the stream is ours again
	quietAfterBug = time.Second           // a machine that is due but has nothing to say is not asked again sooner

	// The journal has deadlines of its own, well below: this one is for a word that never comes.
	commitDeadline = 30 * time.Second
)

// ErrBroken: the stream's history cannot be folded.
var ErrBroken = errors.New("history cannot be folded")

// Options set up a shell.
type Options struct {
	// Owned says whether this node owns the stream now, by its own monotonic clock. It must be cheap: it is
	// asked for every reply.
	Owned         func() bool
	QueueLimit    int
	SnapshotEvery uint64
	IdleAfter     time.Duration
	KeepBefore    time.Duration
	MirrorAfter   int         // refusals within a second
	MirrorUsed    func() bool // whether the durable view has answered since this was asked last; nil: never
}

func (o Options) withDefaults() Options {
	if o.QueueLimit == 0 {
		o.QueueLimit = DefaultQueueLimit
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = DefaultSnapshotEvery
	}
	if o.IdleAfter == 0 {
		o.IdleAfter = DefaultIdleAfter
	}
	if o.KeepBefore == 0 {
		o.KeepBefore = DefaultKeepBefore
	}
	if o.MirrorAfter == 0 {
		o.MirrorAfter = DefaultMirrorAfter
	}
	if o.MirrorUsed == nil {
		o.MirrorUsed = func() bool { return false }
	}
	return o
}

// phase is where a shell is in its life. Only serving and pausing have commands decided and in flight.
type phase uint8

const (
	parted     phase = iota // nothing in memory: fresh or passivated; a command or Wake activates
	dormant                 // as parted, after a loss of ownership: looks whether the stream is ours again
	loading                 // a Load is out
	retrying                // a load failed; the timer starts the next
	activating              // the barrier is appended, not yet durable
	serving                 //
	pausing                 // commands queue until all in flight is durable and a snapshot or a copy can be taken
	frozen                  // for good
)

// waiting is an answer that rests on events up to seq.
type waiting struct {
	seq    uint64
	token  any
	result ticketing.Result
}

// Shell is the protocol of one stream. It is not safe for concurrent use.
type Shell struct {
	stream ticketing.Stream
	opt    Options
	out    output

	phase      phase
	recovering bool // this activation follows a failure: arriving commands are refused instead of queued
	draining   bool
	machine    ticketing.Machine // nil unless activating, serving or pausing
	writer     ticketing.WriterID
	head       ticketing.Head   // last durable chunk
	barrier    uint64           // seq of this activation's Activated
	snapshot   uint64           // seq of the last snapshot
	result     ticketing.Result // of the command in hand; here, for as a variable it would be allocated each time

	waiting fifo[waiting] // answers, in order of decision and so of seq
	queue   fifo[Command] // commands not decided yet

	mirror      *mirroring       // of the durable view; nil: there is none
	refusals    int              // since refusedFrom, without a view
	refusedFrom ticketing.Millis //

	attempt  uint64 // of the last Load
	asked    int    // how many of queue were there before it
	failures int    // in a row, without a command committed in between
	breaks   int    // as failures, of broken only

	stallAt ticketing.Millis // when to give up on what is in flight; 0 when nothing is
	armed   ticketing.Millis // earliest time the timer is set to; 0 when it is not
	retryAt ticketing.Millis // of retrying and dormant: when to look again
	idleAt  ticketing.Millis // when to think of passivation
	quiet   ticketing.Millis // no timer before this
	now     ticketing.Millis // last time heard of; for waiting only, never for decisions
	parting Passivate        // what the last passivation said, to say it again
}

// NewShell makes a shell with nothing in memory; the first Command or Wake activates it.
func NewShell(stream ticketing.Stream, opt Options) *Shell {
	return &Shell{stream: stream, opt: opt.withDefaults()}
}

// Step takes one input in and says what must be done about it, in order. The effects are valid until the next Step.
func (s *Shell) Step(in Input) []Effect {
	s.out.reset()
	s.waiting.compact()
	s.queue.compact()
	switch in := in.(type) {
	case *Command:
		s.heard(in.Now)
		s.receive(*in)
	case Loaded:
		s.heard(in.Now)
		s.loaded(in)
	case Commit:
		s.heard(in.Now)
		s.committed(in.Commit)
	case Timer:
		s.heard(in.Now)
		s.armed = 0
		s.timer(in.Now)
	case Wake:
		s.heard(in.Now)
		if s.phase == parted || s.phase == dormant {
			s.activate()
		}
	case OwnershipLost:
		s.heard(in.Now)
		s.fallSilent()
	case Broken:
		s.alarm("an effect failed", in.Err)
		s.brokenNow()
	case Freeze:
		s.freeze(in.Reason)
	case Drain:
		s.draining = true
	}
	s.settle()
	s.arm()
	return s.out.list
}

// InFlight counts answers that wait for durability and commands that wait to be decided.
func (s *Shell) InFlight() int { return s.waiting.len() + s.queue.len() }

// Durable is the last event up to which all is durable, and the moment from which time has something to add (0: none);
// both 0 while the shell does not serve.
func (s *Shell) Durable() (seq uint64, until ticketing.Millis) {
	if s.phase != serving && s.phase != pausing {
		return 0, 0
	}
	return s.head.To, s.machine.NextDeadline()
}

func (s *Shell) heard(now ticketing.Millis) { s.now = now }

// receive decides, queues or refuses an arriving command.
func (s *Shell) receive(c Command) {
	s.idleAt = max(s.idleAt, c.Now.Add(s.opt.IdleAfter))
	switch {
	case s.phase == frozen:
		s.refuse(c.Token, ticketing.CodeFrozen)
	case s.draining:
		s.refuse(c.Token, ticketing.CodeUnavailable)
	case s.phase == serving:
		s.carryOut(c)
	case s.phase == parted || s.phase == dormant:
		s.enqueue(c)
		s.activate()
	case s.phase == retrying, s.recovering && s.phase != pausing:
		s.refuse(c.Token, ticketing.CodeUnavailable)
	default:
		s.enqueue(c)
	}
}

func (s *Shell) enqueue(c Command) {
	if s.queue.len() >= s.opt.QueueLimit {
		s.refuse(c.Token, ticketing.CodeBusy)
		return
	}
	s.queue.push(c)
}

// carryOut decides one command and appends its events in one piece.
func (s *Shell) carryOut(c Command) {
	now := max(c.Now, s.machine.LastAt())
	due, err := s.due(now)
	if err != nil {
		s.alarm("a deadline made the machine fail", err)
		s.result = ticketing.Result{Code: ticketing.CodeInternal, Seq: s.machine.Seq()}
		s.answer(c.Token)
		return
	}
	if !s.apply(due, &c) {
		return
	}
	decided, err := s.decide(c.Cmd, now)
	if err != nil {
		s.alarm(fmt.Sprintf("command %T made the machine fail", c.Cmd), err)
		decided, s.result = nil, ticketing.Result{Code: ticketing.CodeInternal}
	}
	if !s.apply(decided, &c) || !s.complete(&c) {
		return
	}
	if len(due)+len(decided) > 0 {
		s.append(due, decided)
	}
	if s.result.Code != ticketing.OK {
		s.refused()
	}
	s.answer(c.Token)
}

// append hands events to the journal, and gives it a deadline for its word on them.
func (s *Shell) append(due, decided []ticketing.Event) *Append {
	if s.stallAt == 0 {
		s.stallAt = s.now.Add(commitDeadline)
	}
	s.mirrorAhead(due)
	s.mirrorAhead(decided)
	return s.out.append(s.writer, due, decided)
}

// tick carries out what time alone has brought about.
func (s *Shell) tick(now ticketing.Millis) {
	now = max(now, s.machine.LastAt())
	if at := s.machine.NextDeadline(); at == 0 || at > now {
		return
	}
	due, err := s.due(now)
	if err != nil {
		s.alarm("a deadline made the machine fail", err)
	}
	if len(due) == 0 {
		s.quiet = now.Add(quietAfterBug)
		return
	}
	if s.apply(due, nil) {
		s.append(nil, due)
	}
}

func (s *Shell) due(now ticketing.Millis) (events []ticketing.Event, err error) {
	defer recovered(&err)
	return s.machine.Due(now), nil
}

func (s *Shell) decide(cmd ticketing.Command, now ticketing.Millis) (events []ticketing.Event, err error) {
	defer recovered(&err)
	events, s.result = s.machine.Decide(cmd, now)
	return events, nil
}

// apply takes events into the machine; false when that broke it, and then c is answered and the shell recovers.
func (s *Shell) apply(events []ticketing.Event, c *Command) bool {
	return s.holds(s.applyAll(events), c)
}

// complete is held to the same: what it finds out is after the events.
func (s *Shell) complete(c *Command) bool {
	return s.holds(s.fillIn(), c)
}

func (s *Shell) holds(err error, c *Command) bool {
	if err == nil {
		return true
	}
	s.alarm("an event broke the machine", err)
	if c != nil {
		s.refuse(c.Token, ticketing.CodeInternal) // true: nothing of it was appended
	}
	s.brokenNow()
	return false
}

func (s *Shell) applyAll(events []ticketing.Event) (err error) {
	defer recovered(&err)
	for _, e := range events {
		s.machine.Apply(e)
	}
	return nil
}

func (s *Shell) fillIn() (err error) {
	defer recovered(&err)
	s.machine.Complete(&s.result)
	return nil
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic: %v", r)
	}
}

// answer lets the result leave as soon as what it rests on is durable.
func (s *Shell) answer(token any) {
	s.waiting.push(waiting{seq: s.machine.Seq(), token: token, result: s.result})
	s.result.SeatStates, s.result.Owners = nil, nil // a quiet round must not keep the last map it showed
	s.release()
}

// release sends the answers that have become durable.
func (s *Shell) release() {
	for s.waiting.len() > 0 && s.waiting.front().seq <= s.head.To {
		if !s.opt.Owned() {
			s.fallSilent()
			return
		}
		w := s.waiting.pop()
		s.out.reply(w.token, w.result)
	}
}

// refuse answers what says nothing about the stream's state, and so needs neither durability nor ownership.
func (s *Shell) refuse(token any, code ticketing.Code) {
	s.out.reply(token, ticketing.Result{Code: code})
}

func (s *Shell) refuseQueue() {
	for s.queue.len() > 0 {
		s.refuse(s.queue.pop().Token, ticketing.CodeUnavailable)
	}
}

func (s *Shell) alarm(text string, err error) { s.out.add(&Alarm{Text: text, Err: err}) }

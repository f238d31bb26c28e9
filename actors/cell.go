package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"ticketblue/ticketing"
)

// cell is a stream's place in the registry: its actor's mailbox and how much is on the way to it.
//
// Passivation and a new request race. A request is counted and put into the mailbox under its lock, and counted out
// by the actor before it is answered; closing takes the lock and succeeds only at zero. So a cell that closed has an
// empty mailbox, and one that could not close has a message coming that will wake it.
type cell struct {
	stream  ticketing.Stream
	system  *System
	pid     *actor.PID
	mailbox *mailbox

	closed   bool // guarded by the mailbox's lock
	inFlight atomic.Int64

	// What Durable says. The driver writes it after each step and before the replies of that step leave.
	durable atomic.Uint64
	until   atomic.Int64
	silent  atomic.Int64 // since when the journal owes a word; 0: it owes none
	view    atomic.Pointer[view]
	epoch   atomic.Uint64 // the driver's; an ownership that was lost since makes the others void
}

// newCell starts the actor. It must be published before anything is sent to it.
func newCell(s *System, stream ticketing.Stream) *cell {
	c := &cell{stream: stream, system: s, mailbox: newMailbox()}
	d := newDriver(s, c)
	c.pid = s.actors.Root.Spawn(actor.PropsFromProducer(
		func() actor.Actor { return d },
		actor.WithMailbox(func() actor.Mailbox { return c.mailbox }),
		actor.WithDispatcher(&s.workers),
	))
	return c
}

// publish makes known how far the stream is durable. Most steps change nothing of it.
func (c *cell) publish(seq uint64, until, silent ticketing.Millis) {
	if c.silent.Load() != int64(silent) {
		c.silent.Store(int64(silent))
	}
	if c.until.Load() != int64(until) {
		c.until.Store(int64(until))
	}
	if c.durable.Load() != seq {
		c.durable.Store(seq)
	}
}

type delivery int

const (
	delivered delivery = iota
	full
	closed
)

// deliver puts a request into the mailbox, and runs the mailbox if nobody else does.
func (c *cell) deliver(r *request, limit int64) delivery {
	m := c.mailbox
	m.mu.Lock()
	if c.closed {
		m.mu.Unlock()
		return closed
	}
	if c.inFlight.Add(1) > limit {
		c.inFlight.Add(-1)
		m.mu.Unlock()
		return full
	}
	m.user.push(r)
	start := m.claim()
	m.mu.Unlock()
	if start {
		m.serveHere()
	}
	return delivered
}

// send is for what needs no answer; a closed cell drops it.
func (c *cell) send(message any) { c.mailbox.PostUserMessage(message) }

// close ends the cell unless a request is on its way.
func (c *cell) close() bool {
	if !c.leave() {
		return false
	}
	c.system.actors.Root.Stop(c.pid)
	return true
}

// leave takes the cell out of the registry before any request can find it closed.
func (c *cell) leave() bool {
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	if c.closed || c.inFlight.Load() > 0 {
		return false
	}
	c.system.cells.CompareAndDelete(c.stream, c)
	c.closed = true
	return true
}

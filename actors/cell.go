package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"ticketblue/ticketing"
)

// cell is a stream's place in the registry: its actor's address and how much is on the way to it.
//
// Passivation and a new request race. A request is counted and put into the mailbox under the read lock, and
// counted out by the actor before it is answered; closing takes the write lock and succeeds only at zero. So a
// cell that closed has an empty mailbox, and one that could not close has a message coming that will wake it.
type cell struct {
	stream ticketing.Stream
	system *System
	pid    *actor.PID

	mu       sync.RWMutex
	closed   bool
	inFlight atomic.Int64
}

// newCell starts the actor. It must be published before anything is sent to it.
func newCell(s *System, stream ticketing.Stream) *cell {
	c := &cell{stream: stream, system: s}
	d := newDriver(s, c)
	c.pid = s.actors.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return d }, actor.WithDispatcher(&s.workers)))
	return c
}

type delivery int

const (
	delivered delivery = iota
	full
	closed
)

func (c *cell) deliver(r *request, limit int64) delivery {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return closed
	}
	if c.inFlight.Add(1) > limit {
		c.inFlight.Add(-1)
		return full
	}
	c.send(r)
	return delivered
}

// send is for what needs no answer; a closed cell drops it.
func (c *cell) send(message any) { c.system.actors.Root.Send(c.pid, message) }

// close ends the cell unless a request is on its way.
func (c *cell) close() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.inFlight.Load() > 0 {
		return false
	}
	c.closed = true
	c.system.cells.CompareAndDelete(c.stream, c)
	c.system.actors.Root.Stop(c.pid)
	return true
}

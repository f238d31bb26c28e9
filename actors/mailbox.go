package actors

import (
	"runtime"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	inlineMessages    = 16  // that the sender of a request takes out of the mailbox himself, at most
	mailboxThroughput = 300 // messages of one mailbox before it lets others run
)

// mailbox is an actor's queue. It is not bounded, for the gate stands before it.
//
// Whoever puts a message into an empty mailbox sees to it that it is run: by a worker, or on the spot. The library's
// own always asks for a goroutine, and two switches between goroutines cost more than deciding.
type mailbox struct {
	invoker actor.MessageInvoker
	workers actor.Dispatcher
	serve   func() // serveAll: made once, for each would be allocated

	mu        sync.Mutex
	system    fifo[any]
	user      fifo[any]
	running   bool // somebody runs it, or is about to
	suspended bool // by supervision: system messages only
}

var _ actor.Mailbox = (*mailbox)(nil)

func newMailbox() *mailbox {
	m := &mailbox{}
	m.serve = m.serveAll
	return m
}

// RegisterHandlers implements actor.Mailbox.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, workers actor.Dispatcher) {
	m.invoker, m.workers = invoker, workers
}

// Start implements actor.Mailbox.
func (m *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.user.len()
}

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(message any) { m.post(&m.system, message) }

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(message any) { m.post(&m.user, message) }

func (m *mailbox) post(queue *fifo[any], message any) {
	m.mu.Lock()
	queue.push(message)
	start := m.claim()
	m.mu.Unlock()
	if start {
		m.workers.Schedule(m.serve)
	}
}

// claim says whether the caller must have the mailbox run; m.mu is held.
func (m *mailbox) claim() bool {
	start := !m.running
	m.running = true
	return start
}

// serveHere runs a claimed mailbox on the caller's goroutine, for a few messages; what else has come goes to a worker.
func (m *mailbox) serveHere() {
	if m.run(inlineMessages) {
		m.workers.Schedule(m.serve)
	}
}

func (m *mailbox) serveAll() {
	for m.run(m.workers.Throughput()) {
		runtime.Gosched()
	}
}

// run takes messages out and carries them out, until there are none: then the mailbox is nobody's again. It returns
// true after limit of them.
func (m *mailbox) run(limit int) (more bool) {
	for range limit {
		message, system := m.next()
		if message == nil {
			return false
		}
		m.invoke(message, system)
	}
	return true
}

func (m *mailbox) next() (message any, system bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.system.len() > 0:
		return m.system.take(), true
	case m.user.len() > 0 && !m.suspended:
		return m.user.take(), false
	}
	m.running = false
	return nil, false
}

// invoke hands a message to the library. A panic goes to its supervision; ours never lets one out.
func (m *mailbox) invoke(message any, system bool) {
	defer func() {
		if r := recover(); r != nil {
			m.invoker.EscalateFailure(r, message)
		}
	}()
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	default:
		if system {
			m.invoker.InvokeSystemMessage(message)
		} else {
			m.invoker.InvokeUserMessage(message)
		}
	}
}

func (m *mailbox) suspend(so bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.suspended = so
}

package actors

import (
	"runtime"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// invoker writes down what a mailbox hands on.
type invoker struct {
	user, system []any
	failures     int
}

func (i *invoker) InvokeUserMessage(m any) {
	if m == "panic" {
		panic(m)
	}
	i.user = append(i.user, m)
}
func (i *invoker) InvokeSystemMessage(m any) { i.system = append(i.system, m) }
func (i *invoker) EscalateFailure(_, _ any)  { i.failures++ }

func newTestMailbox(d actor.Dispatcher) (*mailbox, *invoker) {
	m, i := newMailbox(), &invoker{}
	m.RegisterHandlers(i, d)
	return m, i
}

// held is a dispatcher that runs nothing until it is told.
type held struct{ runs []func() }

func (h *held) Schedule(run func()) { h.runs = append(h.runs, run) }
func (*held) Throughput() int       { return 2 }

func TestMailbox(t *testing.T) {
	h := &held{}
	m, seen := newTestMailbox(h)
	m.PostUserMessage("one")
	m.PostUserMessage("panic")
	m.PostUserMessage("two")
	m.PostSystemMessage("first")
	if len(h.runs) != 1 || m.UserMessageCount() != 3 {
		t.Fatalf("scheduled %d times with %d messages, want once with 3", len(h.runs), m.UserMessageCount())
	}
	h.runs[0]()
	if len(seen.user) != 2 || seen.user[1] != "two" || len(seen.system) != 1 || seen.failures != 1 {
		t.Errorf("saw %v and %v, %d failures", seen.user, seen.system, seen.failures)
	}

	m.PostSystemMessage(&actor.SuspendMailbox{})
	m.PostUserMessage("three")
	h.runs[1]()
	if len(seen.user) != 2 {
		t.Errorf("suspended, yet it handed on %v", seen.user[2:])
	}
	m.PostSystemMessage(&actor.ResumeMailbox{})
	h.runs[2]()
	if len(seen.user) != 3 || len(h.runs) != 3 {
		t.Errorf("resumed: saw %v after %d runs", seen.user, len(h.runs))
	}
}

// TestMailboxServeHere: a sender does a little of what others have sent, and leaves the rest to a worker.
func TestMailboxServeHere(t *testing.T) {
	h := &held{}
	m, seen := newTestMailbox(h)
	m.mu.Lock()
	for n := range inlineMessages + 3 {
		m.user.push(n)
	}
	m.claim()
	m.mu.Unlock()
	m.serveHere()
	if len(seen.user) != inlineMessages || len(h.runs) != 1 {
		t.Fatalf("handed on %d messages and asked for %d workers", len(seen.user), len(h.runs))
	}
	m.PostUserMessage("late") // somebody has it already
	h.runs[0]()
	if len(seen.user) != inlineMessages+4 || len(h.runs) != 1 {
		t.Errorf("handed on %d messages after %d runs", len(seen.user), len(h.runs))
	}
}

// TestMailboxCrowd: each message once, one at a time, those of one sender in order; by workers and on the spot.
func TestMailboxCrowd(t *testing.T) {
	const senders, each = 16, 1000
	var w workers
	defer w.stop()
	m, seen := newTestMailbox(&w)
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for n := range each {
				message := [2]int{s, n}
				if s%2 == 0 {
					m.PostUserMessage(message)
					continue
				}
				m.mu.Lock()
				m.user.push(message)
				start := m.claim()
				m.mu.Unlock()
				if start {
					m.serveHere()
				}
			}
		})
	}
	all.Wait()
	for m.busy() {
		runtime.Gosched()
	}
	var next [senders]int
	for _, message := range seen.user {
		s, n := message.([2]int)[0], message.([2]int)[1]
		if n != next[s] {
			t.Fatalf("sender %d: message %d came, %d was next", s, n, next[s])
		}
		next[s]++
	}
	if len(seen.user) != senders*each {
		t.Errorf("%d messages came of %d", len(seen.user), senders*each)
	}
}

func (m *mailbox) busy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running
}

package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

const idleWorkers = 256 // goroutines that wait for a mailbox, at most; beyond them they come and go

// workers is the dispatcher of all mailboxes. The library's own starts a goroutine whenever a mailbox has been
// empty, and each grows its stack anew on its first message: a tenth of the CPU of a rush. Here a goroutine that is
// done waits for the next mailbox, with the stack it has. None ever waits behind another mailbox: with nobody idle a
// new goroutine starts, as before.
type workers struct {
	mu      sync.Mutex
	idle    []chan func() // of capacity 1; the last one in is the next to work, for it is warm
	stopped bool
}

var _ actor.Dispatcher = (*workers)(nil)

// Throughput implements actor.Dispatcher.
func (*workers) Throughput() int { return mailboxThroughput }

// Schedule implements actor.Dispatcher.
func (w *workers) Schedule(run func()) {
	w.mu.Lock()
	last := len(w.idle) - 1
	if last < 0 {
		w.mu.Unlock()
		go w.work(run)
		return
	}
	next := w.idle[last]
	w.idle = w.idle[:last]
	w.mu.Unlock()
	next <- run
}

func (w *workers) work(run func()) {
	next := make(chan func(), 1)
	for more := true; more; run, more = <-next {
		run()
		if !w.rest(next) {
			return
		}
	}
}

// rest puts a goroutine among the idle ones, unless there are enough.
func (w *workers) rest(next chan func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || len(w.idle) >= idleWorkers {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}

// stop sends the idle ones home, the others when they are done. What is scheduled later is still run.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, next := range w.idle {
		close(next)
	}
	w.idle = nil
}

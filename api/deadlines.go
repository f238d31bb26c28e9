package api

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// deadlineStep is by how much a request's deadline may come early. It is shared with those that arrive within the
// step: a timer and a context for each request would cost as much as reading it.
const deadlineStep = 50 * time.Millisecond

// deadlines makes the contexts of one route's requests. They end by themselves, when nobody waits any more.
type deadlines struct {
	after   time.Duration
	current atomic.Pointer[deadline]
	renewal sync.Mutex
}

type deadline struct {
	ctx    context.Context
	cancel context.CancelFunc // kept unused: whoever shares the context may still be waiting
	opened time.Time
}

func (d *deadline) serves(now time.Time) bool {
	age := now.Sub(d.opened)
	return age >= 0 && age < deadlineStep
}

// of is a context that ends after the duration from now, or up to deadlineStep earlier.
func (d *deadlines) of(now time.Time) context.Context {
	if current := d.current.Load(); current != nil && current.serves(now) {
		return current.ctx
	}
	d.renewal.Lock()
	defer d.renewal.Unlock()
	if current := d.current.Load(); current != nil && current.serves(now) {
		return current.ctx
	}
	fresh := &deadline{opened: now}
	fresh.ctx, fresh.cancel = context.WithDeadline(context.Background(), now.Add(d.after))
	d.current.Store(fresh)
	return fresh.ctx
}

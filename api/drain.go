package api

import (
	"context"
	"sync/atomic"
)

// drain counts the requests in flight and waits for the last of them.
type drain struct {
	closing  *atomic.Bool
	inFlight *atomic.Int64
	idle     chan struct{}
}

func newDrain() drain {
	return drain{closing: new(atomic.Bool), inFlight: new(atomic.Int64), idle: make(chan struct{}, 1)}
}

// enter reports whether the request may be served. Every enter needs its leave.
func (d drain) enter() bool {
	d.inFlight.Add(1) // before looking, so that wait cannot miss a request that was let in
	return !d.closing.Load()
}

func (d drain) leave() {
	if d.inFlight.Add(-1) == 0 && d.closing.Load() {
		select {
		case d.idle <- struct{}{}:
		default:
		}
	}
}

// wait lets nobody in any more and returns when nobody is left.
func (d drain) wait(ctx context.Context) error {
	d.closing.Store(true)
	for d.inFlight.Load() > 0 {
		select {
		case <-d.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

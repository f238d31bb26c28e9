package api

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// settleLook is how often it is looked whether what was under way has ended.
const settleLook = 2 * time.Millisecond

// underway counts requests of one operation, so that somebody can wait for those that were let in before: two counters,
// of which newcomers use one while the other runs out.
type underway struct {
	turn   atomic.Uint32
	inside [2]atomic.Int64

	one sync.Mutex // who waits
}

// enter counts a request, before it is decided whether it may come in. Whoever enters leaves by what is returned.
func (u *underway) enter() *atomic.Int64 {
	n := &u.inside[u.turn.Load()%2]
	n.Add(1)
	return n
}

// settle waits until all who entered before have left, or ctx ends. Both counters run out once: somebody may have read the
// turn a moment before it changed, and counted a moment after.
func (u *underway) settle(ctx context.Context) error {
	u.one.Lock()
	defer u.one.Unlock()
	look := time.NewTicker(settleLook)
	defer look.Stop()
	for range 2 {
		for old := (u.turn.Add(1) - 1) % 2; u.inside[old].Load() > 0; {
			select {
			case <-look.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

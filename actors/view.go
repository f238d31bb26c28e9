package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"ticketblue/ticketing"
)

const (
	viewLag    = 256                    // events it may be behind before the actor waits for those who look at it
	viewSilent = 500 * time.Millisecond // without a word from the journal, then only the actor knows what is under way
)

// view is a stream's durable view. It answers only while it is exactly where the stream is known to be durable, so
// whoever was answered before, by the actor or by the view, rests on nothing that it does not show. Neither side waits
// for the other: who looks while it changes asks the actor, and the actor tries again with the next commit.
type view struct {
	mu      sync.RWMutex
	machine ticketing.Refuser
	used    atomic.Bool

	behind []ticketing.Event // the actor's: durable, yet not applied
}

// advance applies what has become durable.
func (v *view) advance(events []ticketing.Event) {
	v.behind = append(v.behind, events...)
	if len(v.behind) > viewLag {
		v.mu.Lock()
	} else if !v.mu.TryLock() {
		return
	}
	defer v.mu.Unlock()
	for _, e := range v.behind {
		v.machine.Apply(e)
	}
	v.machine.NextDeadline() // lets the machine tidy up what Refuse may not touch
	clear(v.behind)
	v.behind = v.behind[:0]
}

// refuse asks the machine; a panic is left for the actor to find.
func (v *view) refuse(cmd ticketing.Command, now ticketing.Millis) (result ticketing.Result, ok bool) {
	if !v.mu.TryRLock() {
		return ticketing.Result{}, false
	}
	defer func() {
		v.mu.RUnlock()
		if recover() != nil {
			ok = false
		}
	}()
	return v.machine.Refuse(cmd, now)
}

// mirror carries the effect out.
func (c *cell) mirror(e *Mirror) {
	v := c.view.Load()
	switch {
	case e.Machine != nil:
		c.view.Store(&view{machine: e.Machine})
	case len(e.Events) > 0 && v != nil:
		v.advance(e.Events)
	default:
		c.view.Store(nil)
	}
}

// viewUsed tells whether the view has answered since this was asked last.
func (c *cell) viewUsed() bool {
	v := c.view.Load()
	return v != nil && v.used.Swap(false)
}

// Refuse answers from the durable view, with what the actor would say if it had decided right after the stream's last
// durable event; false when the actor must be asked. It never waits. A command whose Key is zero has not been given its
// digests yet, which few refusals need (see ticketing.Refuser).
func (s *System) Refuse(stream ticketing.Stream, cmd ticketing.Command) (ticketing.Result, bool) {
	no := ticketing.Result{}
	found, ok := s.cells.Load(stream)
	if !ok {
		return no, false
	}
	c := found.(*cell)
	v := c.view.Load()
	if v == nil || s.draining.Load() {
		return no, false
	}
	now := s.millis()
	result, ok := v.refuse(cmd, now)
	if !ok || result.Seq != c.durable.Load() || !c.heardSince(now.Add(-viewSilent)) {
		return no, false
	}
	// After the decision, as for every reply: a stale owner must fall silent.
	if c.epoch.Load() != s.epoch.Load() || !s.Ownership.Valid() {
		return no, false
	}
	if !v.used.Load() {
		v.used.Store(true)
	}
	s.metrics.viewed.Inc()
	return result, true
}

// heardSince: the journal has owed no word since before then.
func (c *cell) heardSince(then ticketing.Millis) bool {
	since := ticketing.Millis(c.silent.Load())
	return since == 0 || since > then
}

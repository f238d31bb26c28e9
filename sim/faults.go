package sim

import (
	"encoding/binary"
	"time"

	"ticketblue/actors"
	"ticketblue/ticketing"
)

func ms2duration(d ms) time.Duration { return time.Duration(d) * time.Millisecond }

// kill ends a process at once. What it has sent may still land; the lock is free when the database notices.
func (p *process) kill() {
	if !p.alive {
		return
	}
	w := p.w
	w.tally.kills++
	w.say("node %d is killed", p.id)
	p.die(w.between(0, 3*second), false)
}

func (p *process) die(noticed ms, clean bool) {
	w := p.w
	p.alive = false
	w.after(noticed, func() {
		if w.lock.holder == p {
			w.lock.free(clean)
		}
	})
	w.after(w.between(100, 5*second), func() { w.nodes[p.id] = newProcess(w, p.id) })
}

// pause stops a process for a while; it does not notice, but its wall clock may be another when it wakes.
func (p *process) pause(d ms) {
	w := p.w
	w.tally.pauses++
	w.say("node %d pauses for %d ms", p.id, d)
	p.pausedUntil = w.now + d
	p.setClock()
}

// cut terminates the session that holds the lock, which may be another node's: the holder hears of it with its next
// heartbeat, a rival may have the lock before.
func (p *process) cut() {
	w := p.w
	w.tally.cuts++
	w.lock.free(false)
	w.say("the lock's session is terminated")
}

// drain ends a process in order: its successor need not wait.
func (p *process) drain() {
	if !p.alive || p.draining {
		return
	}
	p.w.tally.drains++
	p.w.say("node %d drains", p.id)
	p.run(func() {
		p.draining = true
		p.step(actors.Drain{})
	})
	p.after(30*second, p.kill) // as its supervisor would
}

// release is the last act of a drained process. One that has not waited out its own predecessor must not tell its
// successor that there is none (seed 21885 found that).
func (p *process) release() {
	if p.alive {
		waited := p.w.now >= p.servesFrom
		p.die(0, waited && p.session != 0 && p.w.lock.session == p.session)
	}
}

// barrierless is a bug: the machine never sees the barrier, which is not written either.
type barrierless struct{ ticketing.Machine }

func (m barrierless) Apply(e ticketing.Event) {
	if _, barrier := e.Fact.(ticketing.Activated); !barrier {
		m.Machine.Apply(e)
	}
}

// forgetful is a bug: every request is decided as if its key had never been seen.
type forgetful struct {
	ticketing.Machine
	n uint64
}

func (m *forgetful) Decide(cmd ticketing.Command, now ticketing.Millis) ([]ticketing.Event, ticketing.Result) {
	if c, claim := cmd.(ticketing.ClaimCoupon); claim {
		return m.claim(c, now)
	}
	c, reserve := cmd.(ticketing.ReserveSeats)
	if !reserve {
		return m.Machine.Decide(cmd, now)
	}
	key := c.Key
	m.n++
	binary.BigEndian.PutUint64(c.Key[:], m.n)
	events, result := m.Machine.Decide(c, now)
	for i, e := range events {
		if held, ok := e.Fact.(ticketing.SeatsHeld); ok {
			held.Key = key
			events[i].Fact = held
		}
	}
	return events, result
}

func (m *forgetful) claim(c ticketing.ClaimCoupon, now ticketing.Millis) ([]ticketing.Event, ticketing.Result) {
	key := c.Key
	m.n++
	binary.BigEndian.PutUint64(c.Key[:], m.n)
	events, result := m.Machine.Decide(c, now)
	for i, e := range events {
		if claimed, ok := e.Fact.(ticketing.CouponClaimed); ok {
			claimed.Key = key
			events[i].Fact = claimed
		}
	}
	return events, result
}

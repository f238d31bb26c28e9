package sim

import (
	"encoding/binary"
	"fmt"

	"ticketblue/actors"
	"ticketblue/ticketing"
)

// How a node knows that it owns the round: the last heartbeat it sent on the lock's connection and that was answered
// is younger than leaseValid. Who gets the lock waits longer than that before it serves.
const (
	beatEvery     = 500 * ms(1)
	leaseValid    = 2 * second
	successorWait = 3 * second
	wakeEvery     = 5 * second
	wakeAhead     = minute
)

// lock is the advisory lock in the database.
type lock struct {
	session  uint64 // that holds it; 0: free
	sessions uint64 // counts them
	holder   *process
	clean    bool // freed by a holder that had finished
}

func (l *lock) free(clean bool) { l.session, l.holder, l.clean = 0, nil, clean }

// process is one life of a node: it drives a shell as the actor does.
type process struct {
	w           *world
	id          int
	alive       bool
	draining    bool
	pausedUntil ms
	skew        ms

	shell  *actors.Shell
	view   ticketing.Refuser // the durable view; nil: none
	behind []ticketing.Event // durable, not in the view yet
	writer writer
	timer  uint64 // the newest; older ones are void
	loads  int
	told   ticketing.Head // by earlyAck

	session    uint64 // of the lock; 0: none
	lastBeat   ms     // when the newest answered heartbeat was sent
	servesFrom ms
	everOwned  bool
	relist     bool // looks at all streams when it owns
}

func newProcess(w *world, id int) *process {
	p := &process{w: w, id: id, alive: true, relist: true}
	p.setClock()
	p.writer.p = p
	p.newShell()
	p.after(w.between(0, beatEvery), p.beat)
	p.after(w.between(0, second), p.wake)
	return p
}

func (p *process) setClock() { p.skew = p.w.between(-p.w.swarm.skew, p.w.swarm.skew) }

func (p *process) newShell() {
	s := p.w.swarm
	p.timer++
	p.view, p.behind = nil, nil
	p.shell = actors.NewShell(p.w.stream, actors.Options{
		Owned: p.owned, QueueLimit: 64, SnapshotEvery: s.snapshotEvery, IdleAfter: ms2duration(s.idleAfter),
		MirrorAfter: mirrorAfter[p.w.seed%uint64(len(mirrorAfter))],
	})
}

func (p *process) wall() ticketing.Millis { return epoch + ticketing.Millis(p.w.now+p.skew) }

// after does something in this process, unless it is dead by then, and not before a pause is over.
func (p *process) after(d ms, do func()) { p.w.after(d, func() { p.run(do) }) }

func (p *process) run(do func()) {
	switch {
	case !p.alive:
	case p.w.now < p.pausedUntil:
		p.after(p.pausedUntil-p.w.now, do)
	default:
		do()
	}
}

func (p *process) owned() bool {
	if p.w.swarm.lyingLease || p.w.planted == noOwnershipTest && p.everOwned {
		return true
	}
	valid := p.session != 0 && p.w.now-p.lastBeat < leaseValid && p.w.now >= p.servesFrom
	p.everOwned = p.everOwned || valid
	return valid
}

// beat keeps the lock's session alive, or tries to get the lock.
func (p *process) beat() {
	w := p.w
	p.after(beatEvery, p.beat)
	if p.draining {
		return
	}
	way := w.between(1, 10)
	if w.chance(w.swarm.stall) {
		way = w.between(second, 6*second)
	}
	sent, session := w.now, p.session
	w.after(way, func() {
		if session == 0 && w.lock.session == 0 && p.alive {
			p.acquire(sent)
			return
		}
		mine := session != 0 && w.lock.session == session
		p.after(w.between(1, 5), func() {
			switch {
			case session == 0 || p.session != session:
			case mine:
				p.lastBeat = max(p.lastBeat, sent)
			default:
				p.lose()
			}
		})
	})
}

func (p *process) acquire(sent ms) {
	w := p.w
	w.lock.sessions++
	session, clean := w.lock.sessions, w.lock.clean
	w.lock = lock{session: session, sessions: session, holder: p}
	p.after(w.between(1, 5), func() {
		p.session, p.lastBeat, p.servesFrom = session, sent, w.now+successorWait
		if clean || w.planted == noSuccessorWait {
			p.servesFrom = w.now
		}
		w.say("node %d has the lock, serves from %d", p.id, p.servesFrom)
	})
}

// lose is when the node hears that its session is gone; it may have fallen silent before.
func (p *process) lose() {
	p.session = 0
	p.w.say("node %d lost the lock", p.id)
	if p.w.planted != noOwnershipTest {
		p.step(actors.OwnershipLost{Now: p.wall()})
	}
}

// wake is the waker.
func (p *process) wake() {
	p.after(wakeEvery, p.wake)
	if !p.owned() {
		p.relist = true
		return
	}
	due := p.w.journal.wakeAt != 0 && p.w.journal.wakeAt <= p.wall()+ticketing.Millis(wakeAhead)
	if p.relist || due {
		p.relist = false
		p.step(actors.Wake{Now: p.wall()})
	}
}

func (p *process) step(in actors.Input) {
	for _, e := range p.shell.Step(in) {
		p.perform(e)
	}
}

func (p *process) perform(e actors.Effect) {
	w := p.w
	switch e := e.(type) {
	case *actors.Load:
		p.load(e.Attempt)
	case *actors.Append:
		p.append(e)
	case *actors.Reply:
		e.Token.(*request).reply(p, e.Result)
	case *actors.End:
		p.writer.end(e.Writer)
	case *actors.Arm:
		p.arm(e.At)
	case *actors.SaveSnapshot:
		w.tally.snapshots++
		w.auditor.snapshot(e.Snapshot)
		snapshot := e.Snapshot
		if !w.chance(w.swarm.loadFails) {
			w.after(w.between(1, 500), func() { w.journal.save(snapshot) })
		}
	case *actors.Mirror:
		p.mirror(e)
	case *actors.Passivate:
		p.passivate(*e)
	case *actors.Alarm:
		w.auditor.fail("node %d: alarm: %s: %v", p.id, e.Text, e.Err)
	}
}

func (p *process) append(e *actors.Append) {
	if e.First {
		p.writer.begin(e.Writer, e.Head)
		p.told = e.Head
		if p.w.planted == noBarrier {
			p.tell(e.Writer, e.Head)
			return
		}
	}
	p.writer.append(e.Writer, e.Events)
	if p.w.planted == earlyAck {
		p.told = ticketing.Head{From: p.told.To + 1, To: p.told.To + uint64(len(e.Events)), Writer: e.Writer}
		p.tell(e.Writer, p.told)
	}
}

// tell is a bug: the shell hears of a commit that was none.
func (p *process) tell(w ticketing.WriterID, head ticketing.Head) {
	p.after(0, func() {
		p.step(actors.Commit{Commit: ticketing.Commit{Writer: w, Head: head}, Now: p.wall()})
	})
}

func (p *process) committed(c ticketing.Commit) {
	switch c.Outcome {
	case ticketing.Fenced:
		p.w.tally.fenced++
	case ticketing.Unknown:
		p.w.tally.unknown++
	}
	p.w.say("node %d: outcome %d to %d", p.id, c.Outcome, c.Head.To)
	p.step(actors.Commit{Commit: c, Now: p.wall()})
}

func (p *process) load(attempt uint64) {
	w := p.w
	p.loads++
	w.tally.activations++
	shell := p.shell
	w.after(w.between(1, 20), func() { // the moment at which the database reads
		loaded := actors.Loaded{Attempt: attempt, Err: errRefused}
		history := ticketing.History{}
		if !w.chance(w.swarm.loadFails) {
			loaded.Err, history = nil, w.journal.history(false)
		}
		p.after(w.between(1, 50), func() {
			if p.shell != shell {
				return
			}
			if loaded.Err == nil {
				p.restore(&loaded, history)
			}
			loaded.Now = p.wall()
			p.step(loaded)
		})
	})
}

func (p *process) restore(l *actors.Loaded, h ticketing.History) {
	m, err := ticketing.Restore(p.w.stream, h)
	if err != nil {
		p.w.auditor.fail("P9: history does not fold: %v", err)
		l.Err = fmt.Errorf("%w: %w", actors.ErrBroken, err)
		return
	}
	if h.Snapshot != nil {
		l.SnapshotSeq = h.Snapshot.Seq
		if p.w.rng.IntN(8) == 0 {
			p.w.auditor.sameState("snapshot and tail", m.Seq(), ticketing.StateHash(m))
		}
	}
	switch p.w.planted {
	case noBarrier:
		m = barrierless{m}
	case noIdempotency:
		m = &forgetful{Machine: m}
	}
	l.Machine, l.Head = m, h.Head
	binary.BigEndian.PutUint64(l.Writer[:], p.w.rng.Uint64())
	binary.BigEndian.PutUint64(l.Writer[8:], p.w.rng.Uint64())
}

func (p *process) arm(at ticketing.Millis) {
	if p.w.planted == timersForgotten && p.loads > 1 {
		return
	}
	p.timer++
	timer := p.timer
	p.after(ms(at-p.wall()), func() {
		if p.timer == timer {
			p.step(actors.Timer{Now: p.wall()})
		}
	})
}

// passivate forgets the shell, as the cell does; sometimes a message was on its way and it stays.
func (p *process) passivate(e actors.Passivate) {
	w := p.w
	w.tally.passivated++
	if e.Park {
		w.after(w.between(1, 50), func() { w.journal.wakeAt = e.WakeAt })
	}
	if p.draining {
		p.release()
		return
	}
	if w.rng.IntN(4) > 0 {
		p.newShell()
	}
}

package actors

import (
	"errors"
	"fmt"

	"ticketblue/ticketing"
)

// activate starts a first activation, if the stream is ours.
func (s *Shell) activate() {
	s.recovering = false
	s.load()
}

// load asks for the machine; a stream that is not ours is left alone.
func (s *Shell) load() {
	if s.draining || !s.opt.Owned() {
		s.fallSilent()
		return
	}
	s.attempt++
	s.phase, s.parting, s.asked = loading, Passivate{}, s.queue.len()
	s.out.add(&Load{Attempt: s.attempt})
}

func (s *Shell) loaded(in Loaded) {
	if s.phase != loading || in.Attempt != s.attempt {
		return
	}
	switch {
	case errors.Is(in.Err, ticketing.ErrNotFound), in.Err == nil && in.Head.To == 0:
		s.unknown()
	case errors.Is(in.Err, ticketing.ErrFrozen):
		s.freeze(in.Err)
	case errors.Is(in.Err, ErrBroken):
		s.alarm("the stream's history is broken", in.Err)
		s.brokenNow()
	case in.Err != nil:
		s.recoverNow()
	case in.Machine.Seq() != in.Head.To:
		s.alarm("the stream's history is broken",
			fmt.Errorf("%w: machine at %d, head at %d", ErrBroken, in.Machine.Seq(), in.Head.To))
		s.brokenNow()
	default:
		s.appendBarrier(in)
	}
}

// unknown says that there is no such stream, to those who asked before the journal was read: it may have been born
// between the read and the arrival of the others.
func (s *Shell) unknown() {
	for ; s.asked > 0; s.asked-- {
		s.refuse(s.queue.pop().Token, ticketing.CodeNotFound)
	}
	if s.queue.len() > 0 {
		s.load()
		return
	}
	s.passivate(Passivate{})
}

// appendBarrier writes Activated on the loaded head. Its number is its own seq: unique, rising, known to all.
func (s *Shell) appendBarrier(in Loaded) {
	s.machine, s.writer, s.head = in.Machine, in.Writer, in.Head
	s.snapshot, s.barrier = in.SnapshotSeq, in.Head.To+1
	s.phase = activating
	event := ticketing.Event{
		At:   max(in.Now, s.machine.LastAt()),
		Fact: ticketing.Activated{Number: s.barrier},
	}
	events := []ticketing.Event{event}
	if !s.apply(events, nil) {
		return
	}
	a := s.append(nil, events)
	a.First, a.Head = true, in.Head
}

func (s *Shell) committed(c ticketing.Commit) {
	if s.machine == nil || c.Writer != s.writer {
		return // of an earlier activation
	}
	if c.Outcome != ticketing.Committed {
		s.recoverNow()
		return
	}
	if c.Head.To > s.machine.Seq() {
		s.alarm("the journal committed what was never appended", nil)
		s.brokenNow()
		return
	}
	s.head, s.stallAt = c.Head, 0
	if !s.allDurable() {
		s.stallAt = s.now.Add(commitDeadline)
	}
	if s.phase == activating {
		s.phase, s.recovering = serving, false
		s.idleAt = max(s.idleAt, s.now.Add(s.opt.IdleAfter))
	}
	if s.head.To > s.barrier {
		s.failures, s.breaks = 0, 0
	}
	s.mirrorCommitted()
	s.release()
}

// forget drops the machine and everything that rested on it.
func (s *Shell) forget() {
	for s.waiting.len() > 0 {
		s.refuse(s.waiting.pop().token, ticketing.CodeUnavailable)
	}
	s.refuseQueue()
	s.endMirror()
	if s.machine != nil {
		s.out.add(&End{Writer: s.writer})
	}
	s.machine, s.writer, s.head, s.stallAt = nil, ticketing.WriterID{}, ticketing.Head{}, 0
}

// recoverNow reloads after anything but a clean commit: at once, then with back-off, so that two nodes that both
// believe in their ownership do not fence each other in a storm.
func (s *Shell) recoverNow() {
	s.forget()
	s.recovering = true
	s.failures++
	if s.failures == 1 {
		s.load()
		return
	}
	wait := min(retryMax, retryFirst<<min(s.failures-2, 10))
	s.phase, s.retryAt = retrying, s.now.Add(wait)
}

// brokenNow reloads a machine that cannot be trusted any more, once.
func (s *Shell) brokenNow() {
	if s.phase == frozen {
		return
	}
	s.breaks++
	if s.breaks == 1 {
		s.recoverNow()
		return
	}
	s.freeze(ErrBroken)
}

// freeze answers nobody any more. Only a person can tell what is right when the bookkeepings disagree.
func (s *Shell) freeze(reason error) {
	if s.phase == frozen {
		return
	}
	s.forget()
	s.phase = frozen
	s.out.add(&Alarm{Text: "the stream is frozen", Err: reason, Frozen: true})
}

// fallSilent is for a stream that is not ours, or no longer.
func (s *Shell) fallSilent() {
	s.forget()
	switch {
	case s.phase == frozen:
	case s.phase == parted:
		s.passivate(s.parting)
	case s.phase == dormant:
		s.retryAt = s.now.Add(ownershipPoll)
	default:
		s.phase, s.retryAt = dormant, s.now.Add(ownershipPoll)
		s.idleAt = max(s.idleAt, s.now.Add(s.opt.IdleAfter))
	}
}

func (s *Shell) timer(now ticketing.Millis) {
	if s.stallAt != 0 && now >= s.stallAt {
		s.alarm("the journal is silent", nil)
		s.recoverNow()
		return
	}
	switch s.phase {
	case serving:
		s.tick(now)
		if s.phase == serving && now >= s.idleAt {
			s.considerPassivation(now)
		}
	case retrying:
		if s.waited(now) {
			s.load()
		}
	case dormant:
		switch {
		case now >= s.idleAt:
			s.passivate(Passivate{})
		case s.waited(now):
			s.recovering = true
			s.load()
		}
	}
}

// waited: it is time to try again, also when a clock that was set back would make us wait for long.
func (s *Shell) waited(now ticketing.Millis) bool {
	return now >= s.retryAt || s.retryAt > now.Add(retryMax)
}

func (s *Shell) considerPassivation(now ticketing.Millis) {
	next := s.machine.NextDeadline()
	soon := next != 0 && next <= now.Add(s.opt.KeepBefore)
	if soon || !s.allDurable() || s.queue.len() > 0 || s.opt.MirrorUsed() {
		s.idleAt = now.Add(s.opt.IdleAfter)
		return
	}
	s.retire()
}

// retire passivates a serving shell with nothing in flight.
func (s *Shell) retire() {
	next := s.machine.NextDeadline()
	if s.machine.Seq() > s.snapshot {
		s.saveSnapshot()
	}
	s.forget()
	s.passivate(Passivate{Park: true, WakeAt: next})
}

func (s *Shell) passivate(p Passivate) {
	s.phase, s.parting = parted, p
	s.failures, s.breaks = 0, 0
	s.out.add(&p)
}

// allDurable: nothing is in flight.
func (s *Shell) allDurable() bool { return s.machine.Seq() == s.head.To }

// settle does what became possible by the input: snapshots, queued commands, the end of a drain.
func (s *Shell) settle() {
	for {
		if s.phase == serving && (s.snapshotDue() || s.mirrorDue()) {
			s.phase = pausing
		}
		if s.phase == pausing && s.allDurable() {
			s.pause()
			s.phase = serving
		}
		if s.draining {
			s.drain()
			return
		}
		if s.phase != serving || s.queue.len() == 0 {
			return
		}
		s.carryOut(s.queue.pop())
	}
}

// drain ends everything that has nothing in flight. What is still being activated serves nobody any more.
func (s *Shell) drain() {
	s.refuseQueue()
	switch s.phase {
	case serving:
		if s.allDurable() {
			s.retire()
		}
	case pausing: // settle ends it
	case parted:
		s.passivate(s.parting)
	default:
		s.forget()
		s.passivate(Passivate{})
	}
}

func (s *Shell) snapshotDue() bool {
	return s.machine.Seq()-s.snapshot >= max(s.opt.SnapshotEvery, s.snapshot/snapshotShare)
}

// pause does what has to be done with nothing in flight.
func (s *Shell) pause() {
	if s.snapshotDue() {
		s.saveSnapshot()
	}
	if s.mirrorDue() {
		s.beginMirror()
	}
}

func (s *Shell) saveSnapshot() {
	snapshot, err := s.takeSnapshot()
	s.snapshot = s.machine.Seq() // also after a failure: it is tried again SnapshotEvery events later
	if err != nil {
		s.alarm("the machine cannot write its state", err)
		return
	}
	s.out.add(&SaveSnapshot{Snapshot: snapshot})
}

func (s *Shell) takeSnapshot() (snapshot ticketing.Snapshot, err error) {
	defer recovered(&err)
	return ticketing.TakeSnapshot(s.stream, s.machine, s.head), nil
}

// arm sets the timer if something has to happen before it would go off. A timer that goes off early finds nothing
// to do and is set anew, so it never has to be taken back.
func (s *Shell) arm() {
	at := s.wakeAt()
	if at == 0 || s.armed != 0 && s.armed <= at {
		return
	}
	s.armed = at
	s.out.add(&Arm{At: at})
}

// wakeAt is when the shell has something to do with nobody telling it; 0 for never.
func (s *Shell) wakeAt() ticketing.Millis {
	switch s.phase {
	case serving:
		at := sooner(s.idleAt, s.stallAt)
		if next := s.machine.NextDeadline(); next != 0 {
			at = sooner(at, max(next, s.quiet))
		}
		return at
	case activating, pausing:
		return s.stallAt
	case retrying:
		return s.retryAt
	case dormant:
		return min(s.retryAt, s.idleAt)
	default:
		return 0
	}
}

// sooner is the earlier of two moments, where 0 is none.
func sooner(a, b ticketing.Millis) ticketing.Millis {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

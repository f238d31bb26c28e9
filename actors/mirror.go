package actors

import (
	"time"

	"ticketblue/ticketing"
)

// The durable view: a copy of the machine that has applied what is durable and nothing else. It refuses on the caller's
// goroutine, without the mailbox (see view.go). The shell has one made while it refuses many, and says what the copy
// must apply; it never asks it anything.
const (
	DefaultMirrorAfter = 256         // refusals within a second, then a copy is made
	mirrorWindow       = time.Second //
	mirrorUnused       = time.Minute // without an answer, then it is dropped, for it takes the memory of a second round
)

// mirroring is what a shell keeps while there is a copy.
type mirroring struct {
	seq     uint64                // the copy's
	ahead   fifo[ticketing.Event] // applied by the machine, not durable yet
	ready   []ticketing.Event     // backing of the effect
	checkAt ticketing.Millis      // when to ask whether it is used
}

// refused counts, so that a round in a rush is known.
func (s *Shell) refused() {
	if s.mirror != nil {
		return
	}
	if s.now < s.refusedFrom || s.now >= s.refusedFrom.Add(mirrorWindow) {
		s.refusedFrom, s.refusals = s.now, 0
	}
	s.refusals++
}

func (s *Shell) mirrorDue() bool {
	if s.mirror != nil || s.refusals < s.opt.MirrorAfter {
		return false
	}
	_, can := s.machine.(ticketing.Refuser)
	return can
}

// beginMirror copies the machine while all of it is durable.
func (s *Shell) beginMirror() {
	s.refusals = 0
	fresh, err := s.copyMachine()
	if err != nil {
		s.alarm("the machine cannot be copied", err)
		return
	}
	s.mirror = &mirroring{seq: s.machine.Seq(), checkAt: s.now.Add(mirrorUnused)}
	s.out.add(&Mirror{Machine: fresh})
}

func (s *Shell) copyMachine() (fresh ticketing.Refuser, err error) {
	defer recovered(&err)
	return s.machine.(ticketing.Refuser).Copy(), nil
}

// mirrorAhead keeps events until they are durable.
func (s *Shell) mirrorAhead(events []ticketing.Event) {
	if s.mirror == nil {
		return
	}
	for _, e := range events {
		s.mirror.ahead.push(e)
	}
}

// mirrorCommitted hands over what has become durable, before any answer that rests on it.
func (s *Shell) mirrorCommitted() {
	m := s.mirror
	if m == nil {
		return
	}
	if s.now >= m.checkAt {
		if !s.opt.MirrorUsed() {
			s.endMirror()
			return
		}
		m.checkAt = s.now.Add(mirrorUnused)
	}
	m.ready = m.ready[:0]
	for ; m.seq < s.head.To; m.seq++ {
		m.ready = append(m.ready, m.ahead.take())
	}
	if len(m.ready) > 0 {
		s.out.add(&Mirror{Events: m.ready})
	}
}

// endMirror lets go of the copy.
func (s *Shell) endMirror() {
	s.refusals = 0
	if s.mirror != nil {
		s.mirror = nil
		s.out.add(&Mirror{})
	}
}

// Silent is since when the journal owes a word; 0 while it owes none.
func (s *Shell) Silent() ticketing.Millis {
	if s.stallAt == 0 {
		return 0
	}
	return s.stallAt.Add(-commitDeadline)
}

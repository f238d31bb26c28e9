package sim

import (
	"fmt"
	"slices"

	"ticketblue/ticketing"
)

// timeline is a value that changes with the journal.
type timeline[T any] []struct {
	seq uint64
	v   T
}

func (t *timeline[T]) set(seq uint64, v T) {
	*t = append(*t, struct {
		seq uint64
		v   T
	}{seq, v})
}

// at is the value after the event seq; the zero value before the first.
func (t timeline[T]) at(seq uint64) T {
	for i := len(t) - 1; i >= 0; i-- {
		if t[i].seq <= seq {
			return t[i].v
		}
	}
	var none T
	return none
}

// now is the newest value.
func (t timeline[T]) now() T { return t.at(^uint64(0)) }

// claim is a reservation as the events tell it.
type claim struct {
	number uint32
	user   ticketing.UserID
	key    ticketing.Digest
	seq    uint64 // of its SeatsHeld
	seats  []ticketing.SeatIndex
	status timeline[ticketing.ReservationStatus]
	orders timeline[uint32]
	due    ticketing.Millis // when its seats go back by themselves; 0: never
	payBy  ticketing.Millis // due again after a declined payment
}

// auditor holds every event and every answer against the promises. Its fold of the journal is its own.
type auditor struct {
	w   *world
	err error

	seq    uint64
	heard  uint64 // the highest seq of an answer
	lastAt ticketing.Millis
	events []ticketing.Event
	phase  timeline[ticketing.Phase]
	owner  []timeline[uint32] // by seat: number of the live reservation, 0 for none
	claims map[uint32]*claim
	keys   map[ticketing.Digest]*claim
	told   map[ticketing.Digest]uint32 // the number each key was answered with
}

func newAuditor(w *world) *auditor {
	return &auditor{
		w: w, owner: make([]timeline[uint32], w.swarm.seats),
		claims: map[uint32]*claim{}, keys: map[ticketing.Digest]*claim{}, told: map[ticketing.Digest]uint32{},
	}
}

// fail keeps the first violation; the history ends with it.
func (a *auditor) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf("at %.3f s, seq %d: %s", float64(a.w.now)/1000, a.seq, fmt.Sprintf(format, args...))
	}
}

// landed takes an event in, at the moment at which the journal has it.
func (a *auditor) landed(seq uint64, e ticketing.Event) {
	if seq != a.seq+1 || e.At < a.lastAt {
		a.fail("P9: event %d (%s) at %d lands after event %d at %d", seq, e.Name(), e.At, a.seq, a.lastAt)
		return
	}
	a.seq, a.lastAt = seq, e.At
	a.events = append(a.events, e)
	a.w.say("  %d %s %+v", seq, e.Name(), e.Fact)
	if a.w.counter != nil {
		a.w.counter.landed(seq, e)
		return
	}
	switch f := e.Fact.(type) {
	case ticketing.RoundPlanned:
		a.phase.set(seq, ticketing.Scheduled)
	case ticketing.SaleOpened:
		a.phase.set(seq, ticketing.Open)
	case ticketing.SalePaused:
		a.phase.set(seq, ticketing.Paused)
	case ticketing.SaleClosed:
		a.phase.set(seq, ticketing.Closed)
	case ticketing.SeatsHeld:
		a.held(seq, f)
	case ticketing.HoldReleased:
		a.ends(f.Number, ticketing.Released)
	case ticketing.HoldLapsed:
		if c := a.claims[f.Number]; c != nil && (c.due == 0 || e.At < c.due) {
			a.fail("reservation %d lapses at %d and is due at %d", f.Number, e.At, c.due)
		}
		a.ends(f.Number, ticketing.Expired)
	case ticketing.PaymentStarted:
		if c := a.claims[f.Number]; c != nil {
			c.orders.set(seq, f.Attempt)
		}
		a.moves(f.Number, ticketing.Paying, f.PayBy)
	case ticketing.PaymentConfirming:
		if c := a.claims[f.Number]; c != nil {
			c.payBy = c.due
			a.moves(f.Number, ticketing.Paying, 0)
		}
	case ticketing.PaymentDeclined:
		a.declined(f.Number)
	case ticketing.ReservationConfirmed:
		a.moves(f.Number, ticketing.Confirmed, 0)
	}
}

func (a *auditor) held(seq uint64, f ticketing.SeatsHeld) {
	c := &claim{number: f.Number, user: f.User, key: f.Key, seq: seq, seats: f.Seats, due: f.ExpiresAt}
	c.status.set(seq, ticketing.Held)
	if a.claims[f.Number] != nil {
		a.fail("P3: number %d is given twice", f.Number)
	}
	if first := a.keys[f.Key]; first != nil {
		a.fail("P3: the key of reservation %d made reservation %d too", first.number, f.Number)
	}
	a.claims[f.Number], a.keys[f.Key] = c, c
	for _, i := range f.Seats {
		old := a.claims[a.owner[i].now()]
		if old != nil && (old.user != f.User || old.status.now() != ticketing.Held) {
			a.fail("P1: seat %d of reservation %d goes to reservation %d", i, old.number, f.Number)
		}
		a.owner[i].set(seq, f.Number)
		if old != nil && !a.hasSeats(old, seq) {
			old.status.set(seq, ticketing.Released)
			old.due = 0
		}
	}
	if n := a.liveSeats(f.User, seq); n > a.w.terms.MaxPerUser {
		a.fail("P2: user %d has %d seats, at most %d", f.User, n, a.w.terms.MaxPerUser)
	}
}

func (a *auditor) ends(number uint32, status ticketing.ReservationStatus) {
	c := a.moves(number, status, 0)
	if c == nil {
		return
	}
	for i := range a.owner {
		if a.owner[i].now() == number {
			a.owner[i].set(a.seq, 0)
		}
	}
}

func (a *auditor) moves(number uint32, status ticketing.ReservationStatus, due ticketing.Millis) *claim {
	c := a.claims[number]
	if c == nil || !c.status.now().Live() {
		a.fail("P1: reservation %d becomes %v and is not live", number, status)
		return nil
	}
	c.status.set(a.seq, status)
	c.due = due
	return c
}

func (a *auditor) declined(number uint32) {
	c := a.claims[number]
	if c == nil || c.status.now() != ticketing.Paying {
		return
	}
	due := c.due
	if due == 0 {
		due = c.payBy
	}
	a.moves(number, ticketing.Held, due)
}

func (a *auditor) hasSeats(c *claim, seq uint64) bool { return len(a.seatsOf(c, seq)) > 0 }

// seatsOf are the seats that a claim has at seq, ascending.
func (a *auditor) seatsOf(c *claim, seq uint64) []ticketing.SeatIndex {
	var out []ticketing.SeatIndex
	for _, i := range c.seats {
		if a.owner[i].at(seq) == c.number {
			out = append(out, i)
		}
	}
	return out
}

func (a *auditor) liveSeats(user ticketing.UserID, seq uint64) int {
	n := 0
	for i := range a.owner {
		if c := a.claims[a.owner[i].at(seq)]; c != nil && c.user == user {
			n++
		}
	}
	return n
}

// seatStates is the map as the public may see it at seq.
func (a *auditor) seatStates(seq uint64) string {
	out := make([]byte, len(a.owner))
	for i := range a.owner {
		out[i] = byte(ticketing.SeatFree)
		if c := a.claims[a.owner[i].at(seq)]; c != nil {
			out[i] = byte(ticketing.SeatHeld)
			if c.status.at(seq) == ticketing.Confirmed {
				out[i] = byte(ticketing.SeatSold)
			}
		}
	}
	return string(out)
}

// snapshot: what a shell calls its durable state is the fold of the journal up to there.
func (a *auditor) snapshot(s ticketing.Snapshot) {
	if s.Seq > a.seq {
		a.fail("P9: snapshot of %d, and only %d have landed", s.Seq, a.seq)
		return
	}
	if !slices.ContainsFunc(a.w.journal.rows, func(r row) bool {
		return r.To == s.Seq && s.Head == ticketing.Head{From: r.From, To: r.To, Writer: r.Writer}
	}) {
		a.fail("P9: snapshot names a chunk %+v that is not there", s.Head)
		return
	}
	a.sameState("snapshot", s.Seq, s.Hash)
}

// sameState holds a hash against the fold of the first events.
func (a *auditor) sameState(what string, seq uint64, got ticketing.Hash) {
	if seq > a.seq {
		a.fail("P9: %s at %d, and only %d have landed", what, seq, a.seq)
		return
	}
	m := ticketing.Machine(ticketing.NewRound(1, a.w.plan))
	if a.w.counter != nil {
		m = ticketing.NewCampaign(1)
	}
	for _, e := range a.events[:seq] {
		m.Apply(e)
	}
	if want := ticketing.StateHash(m); got != want {
		a.fail("P9: %s at %d has hash %s, the journal folds to %s", what, seq, got, want)
	}
}

// answered: the faults are over and nobody has begun anything new for a while.
func (a *auditor) answered() {
	for _, c := range a.w.clients {
		if c.op != nil {
			a.fail("P10: session %d was never answered: %T, asked %d times", c.id, c.op.cmd, c.op.asked)
		}
	}
	for _, p := range a.w.nodes {
		if n := p.shell.InFlight(); p.alive && n > 0 {
			a.fail("P10: node %d has %d commands in flight at rest", p.id, n)
		}
	}
}

// settled: nobody has asked anything for longer than any hold or payment takes.
func (a *auditor) settled() {
	for number := uint32(1); int(number) <= len(a.claims); number++ {
		c := a.claims[number]
		if c != nil && c.status.now().Live() && c.due != 0 {
			a.fail("P10: reservation %d of user %d should have lapsed %d ms ago", number, c.user, epoch+ticketing.Millis(a.w.now)-c.due)
		}
	}
	if a.w.counter != nil {
		a.w.counter.settled()
	}
	m, err := a.w.journal.fold(a.seq)
	if err != nil {
		a.fail("P9: the journal does not fold: %v", err)
		return
	}
	a.sameState("the journal's chunks", a.seq, ticketing.StateHash(m))
}

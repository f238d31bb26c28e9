package ticketing

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
)

// Every test of the rules goes through a checked round, so that scripts, random sequences and fuzzing all hold the
// machine against the same promises:
//
//   - a refusal has no events, and Decide, Complete and the questions change nothing;
//   - the fold of the journal's bytes is the live state, and so are a snapshot and the tail after it;
//   - the counters are what a recount finds;
//   - NextDeadline is honest;
//   - the same commands on another copy give the same events and answers;
//   - the auditor, who knows only events, has no objection and sees the same seats and reservations;
//   - the naive model, which knows only the rules in words, answers the same;
//   - a copy that takes in the events and nothing else refuses with the same results, or not at all, and is not
//     changed by that, nor by what becomes of the round it was copied from.

// failer is what testing.T, testing.F's T and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

const testRound RoundID = 7

type checked struct {
	t      failer
	live   *Round
	twin   *Round // carries the same commands out by itself
	folded *Round // knows only the journal's bytes
	audit  *Auditor
	naive  *naive
	view   Refuser // a copy, kept up to date from the journal's bytes
	kept   Refuser // a copy that is left alone
	was    []byte  // its state

	plan  *Plan
	tail  []Chunk   // since the snapshot, or since the beginning
	snap  *Snapshot // the newest
	bytes []byte    // of all events
}

func newChecked(t failer, plan *Plan, terms Terms, at Millis) *checked {
	t.Helper()
	if err := terms.Validate(plan); err != nil {
		t.Fatalf("terms: %v", err)
	}
	c := &checked{
		t: t, plan: plan, live: NewRound(testRound, plan), twin: NewRound(testRound, plan),
		folded: NewRound(testRound, plan), audit: NewAuditor(plan), naive: newNaive(plan, terms, at),
	}
	planned := Event{at, RoundPlanned{plan.Hash(), terms}}
	c.live.Apply(planned)
	c.twin.Apply(planned)
	c.view = NewRound(testRound, plan)
	c.journal([]Event{planned})
	c.compare()
	return c
}

// act carries a command out on all copies and compares them. A nil command only lets time pass.
func (c *checked) act(cmd Command, now Millis) ([]Event, Result) {
	c.t.Helper()
	refusal, refused := c.refuse(cmd, now)
	now = max(now, c.live.LastAt())
	events := c.live.Due(now)
	c.apply(events)
	if again := c.live.Due(now); len(again) > 0 {
		c.t.Fatalf("due twice: %s", describeAll(c.plan, again))
	}
	var result Result
	if cmd != nil {
		var decided []Event
		decided, result = c.decide(cmd, now)
		events = append(events, decided...)
		c.twinActs(cmd, now, events, result)
		if refused && !reflect.DeepEqual(refusal, result) {
			c.t.Fatalf("%+v: the view answers\n%+v, the round\n%+v", cmd, refusal, result)
		}
	} else {
		for _, e := range c.twin.Due(now) {
			c.twin.Apply(e)
		}
	}
	c.journal(events)
	c.compare()
	c.naive.agrees(c.t, c.live, cmd, now, result)
	return events, result
}

// refuse asks the view first, as the shell's driver does.
func (c *checked) refuse(cmd Command, now Millis) (Result, bool) {
	c.t.Helper()
	before := StateHash(c.view)
	refusal, refused := c.view.Refuse(cmd, now)
	if StateHash(c.view) != before {
		c.t.Fatalf("%+v: Refuse changed the state", cmd)
	}
	if refused && (refusal.Code == OK || refusal.Replayed) {
		c.t.Fatalf("%+v: the view says yes", cmd)
	}
	return refusal, refused
}

// copy makes this the moment that the view begins at, and looks at the copy before.
func (c *checked) copy() {
	c.t.Helper()
	if c.kept != nil && !bytes.Equal(c.kept.Snapshot(), c.was) {
		c.t.Fatalf("a copy has changed by itself")
	}
	c.view, c.kept = c.live.Copy(), c.live.Copy()
	c.was = c.kept.Snapshot()
}

func (c *checked) apply(events []Event) {
	for _, e := range events {
		c.live.Apply(e)
	}
}

// decide asks twice: looking must change nothing, and say the same again.
func (c *checked) decide(cmd Command, now Millis) ([]Event, Result) {
	c.t.Helper()
	before := StateHash(c.live)
	events, result := c.live.Decide(cmd, now)
	again, resultAgain := c.live.Decide(cmd, now)
	if StateHash(c.live) != before {
		c.t.Fatalf("%+v: Decide changed the state", cmd)
	}
	if !reflect.DeepEqual(events, again) || !reflect.DeepEqual(result, resultAgain) {
		c.t.Fatalf("%+v: Decide answers differently when asked again", cmd)
	}
	if result.Code != OK && len(events) > 0 {
		c.t.Fatalf("%+v: refused with %s, yet %s", cmd, result.Code, describeAll(c.plan, events))
	}
	c.apply(events)
	after := StateHash(c.live)
	c.live.Complete(&result)
	if StateHash(c.live) != after {
		c.t.Fatalf("%+v: Complete changed the state", cmd)
	}
	if result.Seq != c.live.Seq() {
		c.t.Fatalf("%+v: the answer rests on event %d of %d", cmd, result.Seq, c.live.Seq())
	}
	return events, result
}

func (c *checked) twinActs(cmd Command, now Millis, events []Event, result Result) {
	c.t.Helper()
	twinEvents, twinResult := Act(c.twin, cmd, now)
	if !reflect.DeepEqual(twinResult, result) || !bytes.Equal(EncodeEvents(nil, twinEvents), EncodeEvents(nil, events)) {
		c.t.Fatalf("%+v: the same command on the same state gave\n%+v %s\nand\n%+v %s", cmd,
			result, describeAll(c.plan, events), twinResult, describeAll(c.plan, twinEvents))
	}
}

// journal writes the events down as one chunk and folds what can be read back.
func (c *checked) journal(events []Event) {
	c.t.Helper()
	if len(events) == 0 {
		return
	}
	records := EncodeEvents(nil, events)
	c.bytes = append(c.bytes, records...)
	payload := ChunkPayload(len(events), records)
	read, err := DecodeChunk(payload)
	if err != nil {
		c.t.Fatalf("%s: %v", describeAll(c.plan, events), err)
	}
	from := c.folded.Seq() + 1
	for _, e := range read {
		c.folded.Apply(e)
		c.view.Apply(e)
		c.view.NextDeadline()
		if err := c.audit.See(e); err != nil {
			c.t.Fatalf("auditor: %v", err)
		}
	}
	c.tail = append(c.tail, Chunk{From: from, To: c.folded.Seq(), Payload: payload})
}

func (c *checked) compare() {
	c.t.Helper()
	hash := StateHash(c.live)
	if got := StateHash(c.folded); got != hash {
		c.t.Fatalf("the fold of the journal is not the live state")
	}
	if got := StateHash(c.twin); got != hash {
		c.t.Fatalf("two copies that did the same differ")
	}
	c.sameView()
	c.recount()
	c.honest()
	if c.audit.Seq() != c.live.Seq() || !slices.Equal(c.audit.Seats(), c.live.seats) {
		c.t.Fatalf("auditor at %d sees %s, the round at %d %s", c.audit.Seq(), c.audit.Seats(), c.live.Seq(), c.live.seats)
	}
	if got, want := fmt.Sprint(c.audit.Live()), fmt.Sprint(liveOf(c.live)); got != want {
		c.t.Fatalf("auditor sees live reservations\n%s, the round\n%s", got, want)
	}
}

// sameView: nothing of the round is missing in the view, and nothing of it is shared.
func (c *checked) sameView() {
	c.t.Helper()
	v, r := c.view.(*Round), c.live
	if StateHash(v) != StateHash(r) || v.NextDeadline() != r.NextDeadline() || !slices.Equal(v.counts, r.counts) ||
		!slices.Equal(v.owner, r.owner) || len(v.customers) != len(r.customers) {
		c.t.Fatalf("the view is not the round")
	}
	for user, customer := range r.customers {
		if !reflect.DeepEqual(v.customers[user], customer) {
			c.t.Fatalf("customer %d is %+v in the view, and is %+v", user, v.customers[user], customer)
		}
	}
	if v.placed != nil && r.placed != nil && !reflect.DeepEqual(v.placed, r.placed) {
		c.t.Fatalf("the view's places are not the round's")
	}
}

func liveOf(r *Round) []LiveReservation {
	var out []LiveReservation
	for n := uint32(1); n <= r.last; n++ {
		if v := r.reservations[n]; v != nil && v.status.Live() {
			out = append(out, LiveReservation{v.number, v.user, v.status, v.seats})
		}
	}
	return out
}

// recount derives counters, owners and customers from seats and reservations, in the slowest way there is.
func (c *checked) recount() {
	c.t.Helper()
	r := c.live
	counts := make([]Count, len(r.plan.Grades))
	owner := make([]uint32, len(r.seats))
	seatsOf := map[UserID]int{}
	for _, v := range liveOf(r) {
		for _, i := range v.Seats {
			if owner[i] != 0 {
				c.t.Fatalf("seat %s has two owners, %d and %d", r.plan.Label(i), owner[i], v.Number)
			}
			owner[i] = v.Number
			seatsOf[v.User]++
			if want := map[bool]SeatState{true: SeatSold, false: SeatHeld}[v.Status == Confirmed]; r.seats[i] != want {
				c.t.Fatalf("seat %s of a %s reservation is %c", r.plan.Label(i), v.Status, r.seats[i])
			}
		}
	}
	for i, s := range r.seats {
		*counts[r.plan.Seats[i].Grade].of(s)++
		if owner[i] == 0 && s != SeatFree && s != SeatOff {
			c.t.Fatalf("seat %s is %c and nobody has it", r.plan.Label(SeatIndex(i)), s)
		}
	}
	if !slices.Equal(counts, r.counts) || !slices.Equal(owner, r.owner) {
		c.t.Fatalf("counters %+v, recounted %+v; owners %v, recounted %v", r.counts, counts, r.owner, owner)
	}
	if r.placed != nil {
		fresh := Round{plan: r.plan, seats: r.seats}
		if !reflect.DeepEqual(r.placed, fresh.places()) {
			c.t.Fatalf("what is known of free and held places is not what a recount finds: seats %s", r.seats)
		}
	}
	for user, customer := range r.customers {
		if customer.seats != seatsOf[user] || len(customer.made) > MaxKeysPerUser {
			c.t.Fatalf("customer %d: %d seats, recounted %d; %d keys", user, customer.seats, seatsOf[user], len(customer.made))
		}
	}
}

// honest: nothing is due before NextDeadline, and something is at it.
func (c *checked) honest() {
	c.t.Helper()
	next := c.live.NextDeadline()
	if next == 0 {
		if due := c.live.Due(1 << 50); len(due) > 0 {
			c.t.Fatalf("nothing is due ever, yet %s", describeAll(c.plan, due))
		}
		return
	}
	if due := c.live.Due(next - 1); len(due) > 0 {
		c.t.Fatalf("before the next deadline: %s", describeAll(c.plan, due))
	}
	if len(c.live.Due(next)) == 0 {
		c.t.Fatalf("nothing is due at the next deadline %d", next)
	}
}

// snapshot makes this the moment that restore starts from.
func (c *checked) snapshot() {
	s := TakeSnapshot(RoundStream(testRound), c.live, Head{})
	c.snap, c.tail = &s, nil
}

// restore brings the round back from snapshot and tail; from now on the restored one is the live one.
func (c *checked) restore() {
	c.t.Helper()
	m, err := Restore(RoundStream(testRound), History{Plan: c.plan, Snapshot: c.snap, Tail: c.tail})
	if err != nil {
		c.t.Fatalf("restore: %v", err)
	}
	restored := m.(*Round)
	if StateHash(restored) != StateHash(c.live) {
		c.t.Fatalf("snapshot and tail are not the live state")
	}
	restored.touch() // an empty book is no difference
	c.live.touch()
	if !reflect.DeepEqual(restored.reservations, c.live.reservations) || !reflect.DeepEqual(restored.customers, c.live.customers) {
		c.t.Fatalf("the snapshot leaves something out")
	}
	if restored.NextDeadline() != c.live.NextDeadline() {
		c.t.Fatalf("restored, the next deadline is %d instead of %d", restored.NextDeadline(), c.live.NextDeadline())
	}
	c.live = restored
	c.compare()
}

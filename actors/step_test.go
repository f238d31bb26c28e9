package actors

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"ticketblue/ticketing"
)

func TestInvariant1Durable(t *testing.T) {
	r := active(t, Options{})
	r.want(r.command("a", asks), "a: yes@6") // nothing in flight: at once
	r.want(r.command("b", refuses), "b: sale_paused@6")

	r.want(r.command("c", add), "append 1")
	r.want(r.command("d", refuses)) // rests on c's event, which is not durable
	r.want(r.command("e", asks))
	r.want(r.command("f", addTwo), "append 2")
	r.want(r.command("g", asks))
	r.want(r.commit(7), "c: yes@7", "d: sale_paused@7", "e: yes@7")
	r.want(r.command("h", asks))
	r.want(r.commit(9), "f: yes@9", "g: yes@9", "h: yes@9")
	r.want(r.command("i", asks), "i: yes@9")
}

func TestInvariant1DurableInPartOfAFlush(t *testing.T) {
	r := active(t, Options{})
	r.command("a", addTwo)
	r.want(r.commit(7)) // a chunk that ends within a's events
	r.want(r.commit(8), "a: yes@8")
}

func TestInvariant2OwnedIsAskedBeforeEveryReply(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.command("b", asks)
	r.owned = false // between the decision and its commit
	r.want(r.commit(7), "a: unavailable@0", "b: unavailable@0", "end")
	r.want(r.command("c", asks), "c: unavailable@0") // silent

	r.owned = true
	r.want(r.command("d", asks), "load 2") // decides nothing before it has reloaded
	r.want(r.load(2), "begin on 5, append 1")
	r.want(r.commit(6), "d: yes@6")

	r.asked = 0
	r.command("e", asks)
	r.command("f", asks)
	if r.asked != 2 {
		t.Fatalf("Owned asked %d times for two replies", r.asked)
	}
}

func TestInvariant2OwnedReadsToo(t *testing.T) {
	r := active(t, Options{})
	r.owned = false
	r.want(r.command("a", asks), "a: unavailable@0", "end")
}

func TestInvariant2OwnershipLost(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.want(r.step(OwnershipLost{Now: r.now}), "a: unavailable@0", "end")
	r.want(r.commit(7)) // late word on a's event
	r.want(r.step(OwnershipLost{Now: r.now}))

	// It looks again by itself, for there may be deadlines.
	r.now = r.now.Add(ownershipPoll)
	r.want(r.step(Timer{Now: r.now}), "load 2")
}

func TestInvariant2NotOwnedIsNotActivated(t *testing.T) {
	r := newRig(t, Options{})
	r.owned = false
	r.want(r.command("a", asks), "a: unavailable@0", "passivate false 0")
	r.want(r.step(Wake{Now: r.now}), "passivate false 0")
}

func TestInvariant3AnythingButACleanCommitRecovers(t *testing.T) {
	for _, outcome := range []ticketing.Outcome{ticketing.Fenced, ticketing.Unknown} {
		t.Run(fmt.Sprint(outcome), func(t *testing.T) {
			r := active(t, Options{})
			r.command("a", add)
			r.command("b", asks)
			r.want(r.outcome(outcome), "a: unavailable@0", "b: unavailable@0", "end", "load 2")
			r.want(r.command("c", asks), "c: unavailable@0") // while loading
			r.want(r.load(2), "begin on 5, append 1")
			r.want(r.command("d", asks), "d: unavailable@0") // until the barrier is durable
			r.want(r.commit(6))
			r.want(r.command("e", asks), "e: yes@6")
		})
	}
}

func TestInvariant3CommitsOfEarlierActivationsAreIgnored(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	earlier := Commit{Commit: ticketing.Commit{Writer: r.writer, Head: ticketing.Head{From: 7, To: 7, Writer: r.writer}}}
	r.outcome(ticketing.Unknown)
	r.load(2)
	r.want(r.step(earlier))
	r.want(r.command("b", asks), "b: unavailable@0") // the barrier is still not durable
	earlier.Outcome = ticketing.Fenced
	r.want(r.step(earlier))
	r.want(r.commit(6))
	r.want(r.command("c", asks), "c: yes@6")
}

func TestInvariant3FailedLoadsAreTriedAgainWithBackoff(t *testing.T) {
	r := newRig(t, Options{})
	r.command("a", asks)
	down := errors.New("connection refused")
	r.want(r.step(Loaded{Attempt: 1, Err: down, Now: r.now}), "a: unavailable@0", "load 2")
	wait := retryFirst
	for attempt := uint64(2); attempt < 12; attempt++ {
		at := r.armed(Loaded{Attempt: attempt, Err: down, Now: r.now})
		if at != r.now.Add(wait) {
			t.Fatalf("attempt %d: timer at +%d, want +%v", attempt, at-r.now, wait)
		}
		r.want(r.command("b", asks), "b: unavailable@0")
		r.want(r.step(Timer{Now: at - 1})) // early
		r.now = at
		r.want(r.step(Timer{Now: at}), fmt.Sprintf("load %d", attempt+1))
		wait = min(2*wait, retryMax)
	}
	r.load(12)
	r.want(r.commit(6))
	r.want(r.command("c", asks), "c: yes@6")
}

func TestInvariant3AClockSetBackDoesNotStretchTheWait(t *testing.T) {
	r := newRig(t, Options{})
	r.command("a", asks)
	down := errors.New("connection refused")
	r.step(Loaded{Attempt: 1, Err: down, Now: r.now})
	r.step(Loaded{Attempt: 2, Err: down, Now: r.now})
	r.want(r.step(Timer{Now: r.now.Add(-time.Hour)}), "load 3")
}

func TestInvariant3RivalsDoNotFenceEachOtherInAStorm(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.outcome(ticketing.Fenced) // reloads at once
	r.load(2)
	r.commit(6)
	r.command("b", add)
	r.want(r.outcome(ticketing.Fenced), "b: unavailable@0", "end") // no command committed in between: waits
	r.now = r.now.Add(retryFirst)
	r.want(r.step(Timer{Now: r.now}), "load 3")
	r.load(3)
	r.commit(6)
	r.command("c", add)
	r.want(r.commit(7), "c: yes@7")
	r.command("d", add)
	r.want(r.outcome(ticketing.Fenced), "d: unavailable@0", "end", "load 4") // all is well again
}

func TestInvariant3ASilentJournalIsGivenUp(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.now = r.now.Add(commitDeadline)
	r.want(r.step(Timer{Now: r.now}), "alarm: the journal is silent", "a: unavailable@0", "end", "load 2")
}

func TestInvariant4EveryActivationWritesABarrier(t *testing.T) {
	r := newRig(t, Options{})
	r.want(r.command("a", asks), "load 1")
	r.want(r.command("b", add)) // queued
	r.machine = &toy{seq: 5, lastAt: r.now + 50}
	effects := r.shell.Step(Loaded{Attempt: 1, Machine: r.machine, Head: ticketing.Head{From: 3, To: 5}, Now: r.now})
	a := effects[0].(*Append)
	want := ticketing.Event{At: r.now + 50, Fact: ticketing.Activated{Number: 6}}
	if !a.First || a.Head.To != 5 || len(a.Events) != 1 || a.Events[0] != want {
		t.Fatalf("barrier: %+v", a)
	}
	r.want(r.command("c", asks))
	r.head.To = 5
	r.want(r.commit(6), "a: yes@6", "append 1") // in order; c rests on b
	r.want(r.commit(7), "b: yes@7", "c: yes@7")
}

func TestInvariant4LateLoadsAreIgnored(t *testing.T) {
	r := newRig(t, Options{})
	r.command("a", asks)
	r.step(OwnershipLost{Now: r.now})
	r.want(r.command("b", asks), "load 2")
	r.want(r.load(1)) // what was read before the loss
	r.want(r.load(2), "begin on 5, append 1")
}

func TestInvariant4QueueIsBounded(t *testing.T) {
	r := newRig(t, Options{QueueLimit: 2})
	r.command("a", asks)
	r.command("b", asks)
	r.want(r.command("c", asks), "c: busy@0")
	r.load(1)
	r.want(r.commit(6), "a: yes@6", "b: yes@6")
}

func TestInvariant4UnknownStream(t *testing.T) {
	r := newRig(t, Options{})
	r.command("a", asks)
	r.command("b", asks) // the stream may have been born since the journal was read
	r.want(r.step(Loaded{Attempt: 1, Err: ticketing.ErrNotFound, Now: r.now}), "a: not_found@0", "load 2")
	r.want(r.step(Loaded{Attempt: 2, Err: fmt.Errorf("loading: %w", ticketing.ErrNotFound), Now: r.now}),
		"b: not_found@0", "passivate false 0")
	r.want(r.command("c", asks), "load 3") // raced the passivation
}

func TestInvariant5PanicInDecide(t *testing.T) {
	r := active(t, Options{})
	r.command("a", arms(ticketing.KRW(r.now+10)))
	r.commit(7)
	r.now += 20
	before := *r.machine
	r.want(r.command("b", crashes), "alarm: command ticketing.CancelRound made the machine fail", "append 1") // what was due
	if r.machine.count != before.count || r.machine.seq != before.seq+1 {
		t.Fatalf("machine changed: %+v, was %+v", r.machine, before)
	}
	r.want(r.commit(8), "b: internal_error@8")
	r.want(r.command("c", asks), "c: yes@8")
}

func TestInvariant5PanicInDue(t *testing.T) {
	r := active(t, Options{})
	r.command("a", arms(ticketing.KRW(r.now+10)))
	r.commit(7)
	r.machine.failDue = true
	r.now += 20
	r.want(r.command("b", asks), "alarm: a deadline made the machine fail", "b: internal_error@7")
	if at := r.armed(Timer{Now: r.now}); at != r.now.Add(quietAfterBug) {
		t.Fatalf("timer at %d at %d: busy loop, or never again", at, r.now)
	}
	r.machine.failDue = false
	r.now = r.now.Add(quietAfterBug)
	r.want(r.step(Timer{Now: r.now}), "append 1")
}

func TestInvariant5PanicInApplyReloadsThenFreezes(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.want(r.command("b", breaks), "alarm: an event broke the machine", "b: internal_error@0",
		"a: unavailable@0", "end", "load 2")
	r.load(2)
	r.commit(6)
	r.want(r.command("c", breaks), "alarm: an event broke the machine", "c: internal_error@0",
		"end", "alarm: the stream is frozen")
	r.want(r.command("d", asks), "d: stream_frozen@0")
	r.want(r.step(Wake{Now: r.now}))
	r.want(r.step(OwnershipLost{Now: r.now}))
	r.want(r.step(Timer{Now: r.now.Add(time.Hour)}))
	r.want(r.command("e", asks), "e: stream_frozen@0")
}

func TestInvariant5ACommitBetweenTwoBreaksForgives(t *testing.T) {
	r := active(t, Options{})
	for attempt := uint64(2); attempt < 6; attempt++ {
		r.want(r.command("a", breaks), "alarm: an event broke the machine", "a: internal_error@0", "end",
			fmt.Sprintf("load %d", attempt))
		r.load(attempt)
		r.commit(6)
		r.command("b", add)
		r.want(r.commit(7), "b: yes@7")
	}
}

func TestInvariant5AnAuditorFreezes(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.want(r.step(Freeze{Reason: errors.New("two owners of a seat")}), "a: unavailable@0", "end", "alarm: the stream is frozen")
	r.want(r.command("b", asks), "b: stream_frozen@0")
	r.want(r.step(Freeze{Reason: errors.New("again")}))

	r = newRig(t, Options{}) // after a restart
	r.command("c", asks)
	r.want(r.step(Loaded{Attempt: 1, Err: fmt.Errorf("round:1: %w", ticketing.ErrFrozen)}),
		"c: unavailable@0", "alarm: the stream is frozen")
	r.want(r.command("d", asks), "d: stream_frozen@0")
}

func TestInvariant5BrokenHistory(t *testing.T) {
	for name, broken := range map[string]Loaded{
		"restore fails": {Attempt: 1, Err: fmt.Errorf("%w: unknown kind", ErrBroken)},
		"head differs":  {Attempt: 1, Machine: &toy{seq: 4}, Head: ticketing.Head{From: 3, To: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.command("a", asks)
			r.want(r.step(broken), "alarm: the stream's history is broken", "a: unavailable@0", "load 2")
			broken.Attempt = 2
			r.want(r.step(broken), "alarm: the stream's history is broken", "alarm: the stream is frozen")
			r.want(r.command("b", asks), "b: stream_frozen@0")
		})
	}
}

func TestInvariant6TimeNeverRunsBackwards(t *testing.T) {
	r := active(t, Options{})
	r.now += 1000
	r.command("a", add)
	r.now -= 5000 // the node's clock was set back
	effects := r.shell.Step(&Command{Cmd: add, Now: r.now, Token: "b"})
	if got := effects[0].(*Append).Events[0].At; got != testStart+1000 {
		t.Fatalf("event at %d, the one before at %d", got, testStart+1000)
	}
}

func TestInvariant6DueComesFirstAndInOnePiece(t *testing.T) {
	r := active(t, Options{})
	r.command("a", arms(ticketing.KRW(r.now+10)))
	r.now += 10
	effects := r.shell.Step(&Command{Cmd: addTwo, Now: r.now, Token: "b"})
	events := effects[0].(*Append).Events
	if len(events) != 3 || events[0].Fact != ticketing.Fact(ticketing.SaleClosed{}) {
		t.Fatalf("events %+v", events)
	}
}

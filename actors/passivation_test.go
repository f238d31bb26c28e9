package actors

import (
	"testing"
	"time"

	"ticketblue/ticketing"
)

func TestSnapshotOfDurableStateOnly(t *testing.T) {
	r := active(t, Options{SnapshotEvery: 3, QueueLimit: 2})
	r.command("a", add) // two since the snapshot at 5, with the barrier
	r.want(r.command("b", add), "append 1")
	r.want(r.command("c", add)) // intake pauses
	r.want(r.command("d", asks))
	r.want(r.command("e", asks), "e: busy@0")
	r.want(r.commit(7), "a: yes@7")
	r.want(r.commit(8), "b: yes@8", "snapshot 8 on 8..8: 2 at 8", "append 1")
	r.want(r.commit(9), "c: yes@9", "d: yes@9")
}

func TestSnapshotWithNothingInFlight(t *testing.T) {
	r := newRig(t, Options{SnapshotEvery: 3})
	r.step(Wake{Now: r.now})
	r.step(Loaded{Attempt: 1, Machine: &toy{seq: 5}, Head: ticketing.Head{From: 1, To: 5}, Writer: r.writer, Now: r.now})
	r.head.To = 5
	r.want(r.commit(6), "snapshot 6 on 6..6: 0 at 6") // a long tail was replayed
}

func TestSnapshotThatFailsIsNoHarm(t *testing.T) {
	r := active(t, Options{SnapshotEvery: 2})
	r.machine.failSnap = true
	r.command("a", add)
	r.want(r.commit(7), "a: yes@7", "alarm: the machine cannot write its state")
	r.command("b", add)
	r.want(r.commit(8), "b: yes@8")
}

func TestTimerAppliesWhatIsDue(t *testing.T) {
	r := active(t, Options{})
	deadline := r.now + 10
	if at := r.armed(&Command{Cmd: arms(ticketing.KRW(deadline)), Now: r.now, Token: "a"}); at != deadline {
		t.Fatalf("timer at %d, want %d", at, deadline)
	}
	r.want(r.step(Timer{Now: deadline - 1})) // early
	if at := r.armed(Timer{Now: deadline - 1}); at != deadline {
		t.Fatalf("timer at %d, want %d", at, deadline)
	}
	r.want(r.step(Timer{Now: deadline}), "append 1")
	r.want(r.step(Timer{Now: deadline}))
	r.want(r.commit(7), "a: yes@7")
}

func TestTimersAreArmedAgainByEveryActivation(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.outcome(ticketing.Unknown)
	m := &toy{seq: 5, deadline: r.now + 10}
	r.step(Loaded{Attempt: 2, Machine: m, Head: ticketing.Head{From: 3, To: 5}, Writer: ticketing.WriterID{9}, Now: r.now})
	at := r.armed(Commit{Commit: ticketing.Commit{Writer: ticketing.WriterID{9}, Head: ticketing.Head{From: 6, To: 6}}})
	if at != r.now+10 {
		t.Fatalf("timer at %d, want %d", at, r.now+10)
	}
}

func TestPassivation(t *testing.T) {
	const idle, keep = time.Minute, 10 * time.Minute
	r := active(t, Options{IdleAfter: idle, KeepBefore: keep})
	r.now = r.now.Add(idle)
	r.want(r.command("a", add), "append 1")
	r.want(r.step(Timer{Now: r.now}))
	r.commit(7)
	r.now = r.now.Add(idle)
	r.want(r.step(Timer{Now: r.now - 1}))
	r.want(r.step(Timer{Now: r.now}), "snapshot 7 on 7..7: 1 at 7", "end", "passivate true 0")
	r.want(r.step(Timer{Now: r.now.Add(idle)}))
	r.want(r.command("b", asks), "load 2")
}

func TestPassivationKeepsTheNextDeadline(t *testing.T) {
	const idle, keep = time.Minute, 10 * time.Minute
	r := active(t, Options{IdleAfter: idle, KeepBefore: keep})
	deadline := r.now.Add(idle + keep)
	r.command("a", arms(ticketing.KRW(deadline)))
	r.commit(7)
	r.now = r.now.Add(idle)
	r.want(r.step(Timer{Now: r.now})) // due within keep: stays
	r.now = r.now.Add(2 * idle)
	r.want(r.step(Timer{Now: r.now}))

	far := r.now.Add(24 * time.Hour)
	r.command("b", arms(ticketing.KRW(far)))
	r.commit(8)
	r.now = r.now.Add(idle)
	effects := r.step(Timer{Now: r.now})
	r.want(effects[1:], "end", describe(&Passivate{Park: true, WakeAt: far}))
}

func TestPassivationWaitsForWhatIsInFlight(t *testing.T) {
	r := active(t, Options{IdleAfter: time.Second})
	r.command("a", add)
	r.now = r.now.Add(2 * time.Second)
	r.want(r.step(Timer{Now: r.now}))
	r.want(r.commit(7), "a: yes@7")
}

func TestDrain(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.want(r.step(Drain{}))
	r.want(r.command("b", asks), "b: unavailable@0")
	r.want(r.commit(7), "a: yes@7", "snapshot 7 on 7..7: 1 at 7", "end", "passivate true 0")
	r.want(r.command("c", asks), "c: unavailable@0", "passivate true 0") // raced: the wake time is not forgotten
}

func TestDrainInOtherPhases(t *testing.T) {
	parted := newRig(t, Options{})
	parted.want(parted.step(Drain{}), "passivate false 0")

	loading := newRig(t, Options{})
	loading.command("a", asks)
	loading.want(loading.step(Drain{}), "a: unavailable@0", "passivate false 0")
	loading.want(loading.load(1), "passivate false 0")

	activating := newRig(t, Options{})
	activating.command("a", asks)
	activating.load(1)
	activating.want(activating.step(Drain{}), "a: unavailable@0", "end", "passivate false 0")

	pausing := active(t, Options{SnapshotEvery: 2})
	pausing.command("a", add)
	pausing.command("b", asks)
	pausing.want(pausing.step(Drain{}), "b: unavailable@0")
	pausing.want(pausing.commit(7), "a: yes@7", "snapshot 7 on 7..7: 1 at 7", "end", "passivate true 0")

	lost := active(t, Options{})
	lost.command("a", add)
	lost.step(Drain{})
	lost.want(lost.outcome(ticketing.Unknown), "a: unavailable@0", "end", "passivate false 0")
}

func TestDormantIsForgottenInTheEnd(t *testing.T) {
	r := active(t, Options{IdleAfter: time.Minute})
	r.owned = false
	r.command("a", asks)
	for range 70 {
		r.now = r.now.Add(ownershipPoll)
		if effects := r.step(Timer{Now: r.now}); len(effects) > 0 {
			r.want(effects, "passivate false 0")
			return
		}
	}
	t.Fatal("a stream that is not ours is never passivated")
}

func TestBrokenEffectReloads(t *testing.T) {
	r := active(t, Options{})
	r.command("a", add)
	r.want(r.step(Broken{}), "alarm: an effect failed", "a: unavailable@0", "end", "load 2")
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	r := active(t, Options{SnapshotEvery: 1 << 40})
	c := &Command{Cmd: asks, Now: r.now, Token: r}
	for range 100 {
		r.shell.Step(c)
	}
	if n := testing.AllocsPerRun(1000, func() { r.shell.Step(c) }); n != 0 {
		t.Errorf("%v allocations for a read", n)
	}
	c.Cmd = refuses
	if n := testing.AllocsPerRun(1000, func() { r.shell.Step(c) }); n != 0 {
		t.Errorf("%v allocations for a refusal", n)
	}
}

func BenchmarkStep(b *testing.B) {
	shell := NewShell("round:1", Options{Owned: func() bool { return true }, SnapshotEvery: 1 << 40})
	m := &toy{seq: 1}
	shell.Step(Wake{})
	shell.Step(Loaded{Attempt: 1, Machine: m, Head: ticketing.Head{From: 1, To: 1}})
	shell.Step(Commit{Commit: ticketing.Commit{Head: ticketing.Head{From: 2, To: 2}}})
	c := &Command{Cmd: refuses, Token: shell}
	grow := &Command{Cmd: add, Token: shell}
	const crowd = 512
	b.ReportAllocs()
	for b.Loop() { // one yes, a crowd of refusals behind it, one commit
		shell.Step(grow)
		for range crowd {
			shell.Step(c)
		}
		shell.Step(Commit{Commit: ticketing.Commit{Head: ticketing.Head{From: m.seq, To: m.seq}}})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/crowd, "ns/command")
}

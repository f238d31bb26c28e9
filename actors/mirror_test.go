package actors

import (
	"testing"

	"ticketblue/ticketing"
)

// The copy is made of what is durable, hears of what has become durable before whoever rests on it is answered, and
// is gone with the machine.
func TestMirrorShowsWhatIsDurable(t *testing.T) {
	r := active(t, Options{MirrorAfter: 2})
	r.want(r.command("a", refuses), "a: sale_paused@6")
	r.want(r.command("b", add), "append 1")
	r.want(r.command("c", refuses)) // the second: but b is not durable
	r.want(r.command("d", asks))    // waits for the copy
	r.want(r.commit(7), "b: yes@7", "c: sale_paused@7", "mirror at 7", "d: yes@7")

	r.want(r.command("e", addTwo), "append 2")
	r.want(r.commit(8), "mirror +1") // a chunk that ends within e's events
	r.want(r.command("f", add), "append 1")
	r.want(r.commit(10), "mirror +2", "e: yes@9", "f: yes@10")

	r.command("g", add)
	r.want(r.outcome(ticketing.Unknown), "g: unavailable@0", "mirror +0", "end", "load 2")
	r.load(2)
	r.want(r.commit(6))
	r.want(r.command("h", refuses), "h: sale_paused@6")
	r.want(r.command("i", refuses), "i: sale_paused@6", "mirror at 6")
}

func TestMirrorNeedsManyRefusalsWithinASecond(t *testing.T) {
	r := active(t, Options{MirrorAfter: 2})
	for range 3 {
		r.want(r.command("a", refuses), "a: sale_paused@6")
		r.now = r.now.Add(mirrorWindow)
	}
	r.command("b", refuses)
	r.want(r.command("c", refuses), "c: sale_paused@6", "mirror at 6")
}

func TestMirrorThatIsNotUsedIsDropped(t *testing.T) {
	used := true
	r := active(t, Options{MirrorAfter: 1, MirrorUsed: func() bool { return used }})
	r.command("a", refuses)
	r.command("b", add)
	r.now = r.now.Add(mirrorUnused)
	r.want(r.commit(7), "mirror +1", "b: yes@7")
	used = false
	r.command("c", add)
	r.want(r.commit(8), "mirror +1", "c: yes@8") // asked not long ago
	r.command("d", add)
	r.now = r.now.Add(mirrorUnused)
	r.want(r.commit(9), "mirror +0", "d: yes@9")
}

// A round that the view alone answers for is not idle.
func TestMirrorThatIsUsedKeepsTheMachine(t *testing.T) {
	used := true
	r := active(t, Options{MirrorAfter: 1, MirrorUsed: func() bool { return used }})
	r.command("a", refuses)
	r.now = r.now.Add(DefaultIdleAfter)
	r.want(r.step(Timer{Now: r.now}))
	used = false
	r.now = r.now.Add(DefaultIdleAfter)
	r.want(r.step(Timer{Now: r.now}), "snapshot 6 on 6..6: 0 at 6", "mirror +0", "end", "passivate true 0")
}

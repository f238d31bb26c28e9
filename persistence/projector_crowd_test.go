package persistence

import (
	"testing"
	"time"

	"ticketblue/ticketing"
)

// While a crowd buys, a pass is small, and streams grow before they are taken in: but for who waits, and not for ever.
func TestCrowdIsTakenInSlowly(t *testing.T) {
	p := NewProjector(openDB(t, sharedDSN(t)), ProjectorOptions{})
	round := func(i int) ticketing.Stream { return ticketing.RoundStream(ticketing.RoundID(i)) }
	const rounds, each = 400, 10
	now := time.Now()
	p.countCrowd(now)
	for i := range rounds {
		p.marks[round(i)] = 1
		p.OnCommit(round(i), ticketing.Head{To: 1 + each/2})
		p.OnCommit(round(i), ticketing.Head{To: 1 + each})
	}
	for s, h := range p.hinted { // whatever the time was by then
		h.since = now
		p.hinted[s] = h
	}
	if p.heard != rounds*each {
		t.Errorf("%d events heard of, want %d", p.heard, rounds*each)
	}
	take := func(after time.Duration) (int, bool) {
		streams, behind := p.take(now.Add(after))
		for _, s := range streams {
			if _, hinted := p.hinted[s]; hinted {
				t.Errorf("%s is taken and left", s)
			}
		}
		return len(streams), behind
	}
	if n, behind := take(crowdWindow); n != 0 || behind || !p.crowd {
		t.Errorf("%d at once, behind %v, a crowd %v", n, behind, p.crowd)
	}
	if _, err := p.await(round(7), 1+each); err != nil {
		t.Fatal(err)
	}
	p.Hint(round(7))
	if n, _ := take(crowdWindow); n != 1 || len(p.hinted) != rounds-1 {
		t.Errorf("%d taken although one waits", n)
	}
	old := crowdLag + crowdWindow
	p.crowd, p.counted = true, now.Add(old) // they go on buying
	if n, behind := take(old); n != (crowdEvents+each-1)/each || behind {
		t.Errorf("%d of %d events each when they are due, behind %v", n, each, behind)
	}
	if p.passBytes != crowdBytes {
		t.Errorf("a pass of %d bytes", p.passBytes)
	}
	old = crowdBehind + crowdWindow
	p.counted = now.Add(old)
	if n, behind := take(old); n != PassStreams || !behind || p.passBytes != PassBytes {
		t.Errorf("%d when they are overdue, behind %v, %d bytes", n, behind, p.passBytes)
	}
	if n, _ := take(old + 2*crowdWindow); n == 0 || p.crowd { // nobody buys any more
		t.Errorf("%d taken after the crowd, a crowd %v", n, p.crowd)
	}
}

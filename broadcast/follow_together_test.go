package broadcast

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"ticketblue/ticketing"
)

// What has gathered in many streams is told together, each event once and in order; while one stream fails, the others are
// told by themselves.
func TestFollowersToldTogether(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	var streams []ticketing.Stream
	for i := range 300 {
		streams = append(streams, ticketing.Stream(fmt.Sprintf("catalogue:hall:%d", i+1)))
	}
	commit := func() {
		for _, s := range streams {
			l.commit(s, []ticketing.Event{{At: startTime, Fact: ticketing.SalePaused{}}, {At: startTime, Fact: ticketing.SaleOpened{}}})
		}
	}
	commit()
	run(t, quickRelay(b, l))
	eventually(t, "everything relayed", l.allRelayed)
	w := newWitness()
	bad := streams[7]
	w.refuse = func(s ticketing.Stream) error {
		if s == bad {
			return errors.New("no")
		}
		return nil
	}
	var times, largest atomic.Int64
	together := func(ctx context.Context, all []News) error {
		w.mu.Lock()
		refuse := w.refuse
		w.mu.Unlock()
		for _, n := range all { // all or nothing: else what was taken in comes again
			if refuse != nil && refuse(n.Stream) != nil {
				return errors.New("not all of them")
			}
		}
		times.Add(1)
		largest.Store(max(largest.Load(), int64(len(all))))
		for _, n := range all {
			if err := w.do(ctx, n.Stream, n.From, n.Events); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Follow(ctx, Follower{Name: "many", Journal: l, Do: w.do, Together: together}) }()
	for _, s := range streams {
		if s != bad {
			w.check(t, l, s)
		}
	}
	w.mu.Lock()
	told := len(w.seqs)
	w.refuse = nil
	w.mu.Unlock()
	if told != len(streams)-1 {
		t.Errorf("%d streams were told while one fails, want %d", told, len(streams)-1)
	}
	w.check(t, l, bad)
	commit()
	w.checkAll(t, l, streams)
	eventually(t, "everything acknowledged", func() bool { return allAcknowledged(t, b, "many") })
	if n := times.Load(); n == 0 || largest.Load() < 2 || largest.Load() > maxTogether {
		t.Errorf("told together %d times, %d streams at most", n, largest.Load())
	}
	stop()
	<-done
}

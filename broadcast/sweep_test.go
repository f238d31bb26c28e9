package broadcast

import (
	"context"
	"fmt"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// throng is a journal of many streams, of which every hundredth has news.
type throng struct {
	Journal
	streams int
	looked  []int // streams of each page
}

func (c *throng) Behind(_ context.Context, after ticketing.Stream, limit int) (behind []ticketing.Stream, next ticketing.Stream, err error) {
	from := 1
	if after != "" {
		if _, err := fmt.Sscanf(string(after), "round:%d", &from); err != nil {
			return nil, "", err
		}
		from++
	}
	to := from
	for ; to < from+limit && to <= c.streams; to++ {
		if to%100 == 0 {
			behind = append(behind, ticketing.Stream(fmt.Sprintf("round:%d", to)))
		}
	}
	c.looked = append(c.looked, to-from)
	if to <= c.streams {
		next = ticketing.Stream(fmt.Sprintf("round:%d", to-1))
	}
	return behind, next, nil
}

// The first sweep looks at all streams, page by page, the later ones at a share, each from where the last one ended.
func TestSweepsTakeTurns(t *testing.T) {
	const streams = 3*sweepShare + 10
	c := &throng{streams: streams}
	r := NewRelay(RelayConfig{Broadcaster: start(t, t.TempDir()), Journal: c})
	sweep := func(want int) {
		t.Helper()
		c.looked = nil
		r.sweepOnce(t.Context())
		sum := 0
		for _, n := range c.looked {
			if sum += n; n > sweepPage {
				t.Errorf("a page of %d streams", n)
			}
		}
		if sum != want {
			t.Errorf("%d streams were looked at, want %d", sum, want)
		}
	}
	sweep(streams)
	if len(r.lanes) != streams/100 {
		t.Errorf("%d streams are in work, want %d", len(r.lanes), streams/100)
	}
	clear(r.lanes)
	r.aside = 0
	for range 3 {
		sweep(sweepShare)
	}
	sweep(10)
	if len(r.lanes) != streams/100 {
		t.Errorf("%d streams are in work after a round in turns, want %d", len(r.lanes), streams/100)
	}
	sweep(sweepShare) // and again
}

// Of streams that a sweep has found a few are taken at a time, behind those that somebody has just committed to.
func TestNewsBeforeWhatSweepsFind(t *testing.T) {
	r := NewRelay(RelayConfig{Broadcaster: start(t, t.TempDir()), Journal: &throng{}})
	const found = 3 * passStreams
	for i := range found {
		r.hint(ticketing.Stream(fmt.Sprintf("round:%d", i)), true)
	}
	r.Hint("round:1000000")
	r.Hint("round:7") // found before, and now there is news
	now := time.Now().Add(time.Second)
	lanes := r.take(now)
	if len(lanes) != passStreams+2 || lanes[0].swept || lanes[1].swept || !lanes[2].swept || r.aside != found-1 {
		t.Errorf("%d lanes are taken, %d are left aside", len(lanes), r.aside)
	}
	if again := r.take(now); len(again) != 0 {
		t.Errorf("%d lanes are taken at once", len(again))
	}
	if again := r.take(now.Add(passStreams * messageShare)); len(again) != passStreams+2 {
		t.Errorf("%d lanes are taken after a while", len(again))
	}
}

// A mass of new streams is relayed with none of them asked for in JetStream, and forgotten as it is sent.
func TestMassOfNewStreams(t *testing.T) {
	l := newLedger()
	b := startWith(t, Options{Dir: t.TempDir(), Rewind: l.rewind})
	const many = 2000
	for i := range many {
		l.commit(ticketing.Stream(fmt.Sprintf("catalogue:hall:%d", i+1)), []ticketing.Event{{At: startTime, Fact: ticketing.SalePaused{}}})
	}
	run(t, NewRelay(RelayConfig{Broadcaster: b, Journal: l}))
	eventually(t, "everything relayed", l.allRelayed)
	if n := written(b.metrics.messages); n != many {
		t.Errorf("%v messages, want %d", n, many)
	}
	checkSubject(t, b, l, "catalogue:hall:1999")
}

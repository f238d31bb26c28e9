package broadcast

import (
	"context"
	"fmt"
	"testing"

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
	for range 3 {
		sweep(sweepShare)
	}
	sweep(10)
	if len(r.lanes) != streams/100 {
		t.Errorf("%d streams are in work after a round in turns, want %d", len(r.lanes), streams/100)
	}
	sweep(sweepShare) // and again
}

package broadcast

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

func TestOwnerAway(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	h := quickHub(t, b, o, func(c *HubConfig) { c.OwnerPatience = 10 * quick })
	var refused *OwnerError
	frames := must(h.Watch(patient(t), 1, 0))(t)
	o.loseSomeMessages(l)
	o.setAway(true)
	stop := run(t, quickRelay(b, l))
	for range frames { // until it is closed: the gap cannot be filled
	}
	if _, err := h.Watch(t.Context(), 1, 0); !errors.As(err, &refused) || refused.Code != ticketing.CodeUnavailable {
		t.Errorf("an owner that is away: %v", err)
	}
	stop()
	o.setAway(false)
	run(t, quickRelay(b, l))
	var c client
	if err := c.until(t.Context(), h, 1, o.finish()); err != nil {
		t.Fatal(err)
	}
	c.check(t, o)
	eventually(t, "those who were cut are counted out", func() bool { return written(b.metrics.viewers) <= 1 })
}

// A round nobody knows is refused before JetStream has any work with it.
func TestUnknownRound(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	made := must(b.nc.SubscribeSync("$JS.API.CONSUMER.>"))(t)
	h := quickHub(t, b, newOwner(t, l, 1, 100), nil)
	if _, err := h.Watch(t.Context(), 9, 0); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("a round nobody knows: %v", err)
	}
	must(h.Watch(patient(t), 1, 0))(t)
	if msg := must(made.NextMsg(patience))(t); !strings.Contains(msg.Subject, "tb.fact.round.1") {
		t.Errorf("JetStream was first asked %s", msg.Subject)
	}
}

// What is committed and relayed between the look at JetStream's end, the owner's answer and the consumer's opening is seen.
func TestNothingIsLostWhileAMapOpens(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 500)
	relay := NewRelay(RelayConfig{Broadcaster: b, Journal: l, SweepEvery: time.Millisecond, PassEvery: time.Millisecond})
	run(t, relay)
	last := uint64(0)
	h := quickHub(t, b, o, func(c *HubConfig) {
		c.Ask = func(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
			o.rush(20)
			eventually(t, "everything relayed", l.allRelayed)
			answer := o.answer(ctx, s, cmd)
			o.rush(20)
			last = o.finish()
			eventually(t, "everything relayed", l.allRelayed)
			return answer
		}
	})
	frames := must(h.Watch(patient(t), 1, 0))(t)
	var c client
	for c.seq < last {
		if err := c.take(<-frames); err != nil {
			t.Fatal(err)
		}
	}
	c.check(t, o)
	if written(b.metrics.resyncs) != 1 {
		t.Errorf("the owner was asked %v times", written(b.metrics.resyncs))
	}
}

// An owner that is away for a while costs nobody the connection, and closing the hub does not wait for it.
func TestOwnerComesBack(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	h := quickHub(t, b, o, func(c *HubConfig) { c.OwnerPatience = time.Hour })
	frames := must(h.Watch(patient(t), 1, 0))(t)
	var c client
	for range 2 {
		o.loseSomeMessages(l)
		asked := o.setAway(true)
		stop := run(t, quickRelay(b, l))
		eventually(t, "some questions in vain", func() bool { return o.setAway(true) > asked+2 })
		late := must(h.Watch(patient(t), 1, 0))(t) // sees the map that stands still
		if f := <-late; !f.Snapshot {
			t.Error("a late viewer's first frame is no snapshot")
		}
		o.setAway(false)
		for last := o.finish(); c.seq < last; {
			f, open := <-frames
			if !open {
				t.Fatal("the viewer was cut")
			}
			if err := c.take(f); err != nil {
				t.Fatal(err)
			}
		}
		c.check(t, o)
		eventually(t, "everything relayed", l.allRelayed)
		stop()
	}
	o.loseSomeMessages(l)
	asked := o.setAway(true)
	run(t, quickRelay(b, l))
	eventually(t, "some questions in vain", func() bool { return o.setAway(true) > asked+2 })
	h.Close() // or this test does not end: patience is an hour
	for range frames {
	}
}

// loseSomeMessages has events marked as relayed that never were.
func (o *owner) loseSomeMessages(l *ledger) {
	o.rush(30)
	l.set(func() { l.relayed[o.stream] = l.head(o.stream) })
	o.rush(5)
	o.finish()
}

// setAway returns how often the owner was asked.
func (o *owner) setAway(away bool) (asked int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away = away
	return o.asked
}

// A gap is filled by asking the owner; viewers get the difference and notice nothing.
func TestGapIsFilled(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	h := quickHub(t, b, o, nil)
	frames := must(h.Watch(patient(t), 1, 0))(t)
	o.loseSomeMessages(l)
	run(t, quickRelay(b, l))
	last := o.finish()
	var c client
	for c.seq < last {
		if err := c.take(<-frames); err != nil {
			t.Fatal(err)
		}
	}
	c.check(t, o)
	if c.maps != 1 {
		t.Errorf("%d snapshots", c.maps)
	}
	if written(b.metrics.resyncs) != 2 {
		t.Errorf("the owner was asked %v times", written(b.metrics.resyncs))
	}
}

package broadcast

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"ticketblue/ticketing"
)

// killAfter runs a relay and ends its context at the n-th question somebody asks the journal from now.
func killAfter(t *testing.T, r *Relay, l *ledger, n int) {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	var mu sync.Mutex
	l.set(func() {
		l.onCall = func() {
			mu.Lock()
			defer mu.Unlock()
			if n--; n == 0 {
				kill()
			}
		}
	})
	r.Run(ctx)
	l.set(func() { l.onCall = nil })
}

// killAtMessage runs a relay and ends its context when the n-th message from now passes JetStream's door: the relay has
// no acknowledgement yet.
func killAtMessage(t *testing.T, r *Relay, n int) {
	t.Helper()
	ctx, kill := context.WithTimeout(t.Context(), 10*quick) // there may be nothing left to send
	defer kill()
	passing := must(r.b.nc.Subscribe(subjectPrefix+">", func(*nats.Msg) {
		if n--; n == 0 {
			kill()
		}
	}))(t)
	r.Run(ctx)
	if err := passing.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
}

// A message that was stored, then purged, before anybody marked it: JetStream calls the repeat a duplicate.
func TestDuplicateOfAPurgedMessage(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 200)
	o.rush(10)
	relay := quickRelay(b, l)
	var at cursor
	chunks := must(l.ChunksAfter(t.Context(), map[ticketing.Stream]uint64{o.stream: 0}, readBytes))(t)[o.stream]
	if err := relay.send(t.Context(), o.stream, &at, chunks, ""); err != nil {
		t.Fatal(err)
	}
	if err := must(b.js.Stream(t.Context(), StreamName))(t).Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, relay)
	eventually(t, "everything relayed", l.allRelayed)
	o.rush(10)
	eventually(t, "everything relayed", l.allRelayed)
	if before := checkSubject(t, b, l, o.stream); before != at.to {
		t.Errorf("the subject begins after %d, want %d", before, at.to)
	}
}

// With hints alone, and a sweep that does not come in this test's lifetime after the first.
func TestHintsAreQuickAndJoined(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	relay := NewRelay(RelayConfig{Broadcaster: b, Journal: l, SweepEvery: time.Hour})
	o := newOwner(t, l, 1, 500)
	o.hint = relay.Hint
	run(t, relay)
	begun := time.Now()
	for range 40 {
		o.rush(20)
	}
	eventually(t, "everything relayed", l.allRelayed)
	took := time.Since(begun)
	checkSubject(t, b, l, o.stream)
	_, _, messages := onSubject(t, b, o.stream)
	if most := int(took/PassEvery) + 1; messages > most {
		t.Errorf("%d messages in %v, at most %d allowed", messages, took, most)
	}
	if chunks := len(l.chunks[o.stream]); messages*2 > chunks {
		t.Errorf("%d messages for %d chunks: they are not joined", messages, chunks)
	}
	eventually(t, "idle streams forgotten", func() bool { relay.mu.Lock(); defer relay.mu.Unlock(); return len(relay.lanes) == 0 })
}

func TestHintNeverWaits(t *testing.T) {
	l := newLedger()
	relay := quickRelay(start(t, t.TempDir()), l) // nobody runs it
	for id := range 2 * maxLanes {
		relay.Hint(ticketing.RoundStream(ticketing.RoundID(id + 1)))
	}
	if len(relay.lanes) != maxLanes {
		t.Errorf("%d lanes", len(relay.lanes))
	}
}

func TestRelaySurvivesAFailingJournal(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	l.set(func() { l.fault = errors.New("away") })
	relay := quickRelay(b, l)
	run(t, relay)
	for range 5 {
		relay.Hint(o.stream)
	}
	o.rush(20)
	eventually(t, "a failure", func() bool { return written(b.metrics.failures) > 2 })
	l.set(func() { l.fault = nil })
	eventually(t, "everything relayed", l.allRelayed)
	checkSubject(t, b, l, o.stream)
}

// While one relay rebuilds, a rival goes on relaying and customers go on buying.
func TestRebuildUnderTraffic(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 500)
	o.rush(500)
	relay, rival := quickRelay(b, l), quickRelay(b, l)
	run(t, relay)
	run(t, rival)
	o.hint = rival.Hint
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() {
		for ctx.Err() == nil {
			o.rush(5)
			_ = pause(ctx, time.Millisecond)
		}
	})
	for range 5 {
		if err := relay.Rebuild(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop()
	working.Wait()
	eventually(t, "everything relayed", l.allRelayed)
	if before := checkSubject(t, b, l, o.stream); before != 0 {
		t.Errorf("the subject begins after %d", before)
	}
}

func TestJoin(t *testing.T) {
	l := newLedger()
	o := newOwner(t, l, 1, 300)
	o.rush(300)
	all := l.chunks[o.stream]
	want := l.records(t, o.stream, 0)
	for name, limit := range map[string]int{"no split": 1 << 20, "every chunk split": 40} {
		var got []byte
		after := uint64(0)
		for after < l.head(o.stream) {
			chunks := must(l.ChunksAfter(t.Context(), map[ticketing.Stream]uint64{o.stream: after}, 1000))(t)[o.stream]
			m := must(join(o.stream, after, chunks, limit))(t)
			if m.from != after+1 {
				t.Fatalf("%s: message %d-%d follows %d", name, m.from, m.to, after)
			}
			got = ticketing.EncodeEvents(got, must(m.after(0))(t))
			after = m.to
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the messages are not the journal", name)
		}
	}
	damaged := all[1]
	damaged.To += 3
	for name, chunks := range map[string][]ticketing.Chunk{
		"a gap before":        all[2:4],
		"a gap inside":        {all[0], all[2]},
		"a count that is off": {all[0], damaged},
	} {
		if m, err := join(o.stream, 0, chunks, 1<<20); err == nil {
			t.Errorf("%s became message %d-%d", name, m.from, m.to)
		}
	}
}

func TestMessagesAreCloudEvents(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 10)
	run(t, quickRelay(b, l))
	eventually(t, "everything relayed", l.allRelayed)
	raw := must(must(b.js.Stream(t.Context(), StreamName))(t).GetMsg(t.Context(), 1, jetstream.WithGetMsgSubject("tb.fact.round.1")))(t)
	for key, want := range map[string]string{
		"TB-From": "1", "TB-To": "1", "Nats-Msg-Id": "round:1:1-1", "ce-specversion": "1.0", "ce-id": "round:1:1-1",
		"ce-type": ceType, "ce-source": ceSource,
	} {
		if got := raw.Header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, raw.Header.Get("ce-time")); err != nil {
		t.Error(err)
	}
	_ = o
}

// Many subjects with news share what may be sent in a second, but none waits for longer than the longest pace.
func TestPaceOfManySubjects(t *testing.T) {
	r := NewRelay(RelayConfig{Broadcaster: start(t, t.TempDir()), Journal: newLedger()})
	began := time.Now()
	for _, c := range []struct {
		lanes int
		want  time.Duration
	}{{1, PassEvery}, {200, PassEvery}, {1000, 500 * time.Millisecond}, {10_000, maxPace}} {
		for id := len(r.lanes); id < c.lanes; id++ {
			r.Hint(ticketing.RoundStream(ticketing.RoundID(id)))
		}
		if got := r.pace(); got != c.want {
			t.Errorf("%d lanes: a message every %v, want %v", c.lanes, got, c.want)
		}
	}
	if due := r.lanes[ticketing.RoundStream(9999)].due; time.Until(due) > maxPace || due.Sub(began) < maxPace/2 {
		t.Errorf("the last one's first news goes in %v", time.Until(due))
	}
	if due := r.lanes[ticketing.RoundStream(0)].due; time.Until(due) > 0 {
		t.Error("the first one's news waits")
	}
}

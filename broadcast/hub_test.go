package broadcast

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// wholeMap is a snapshot as the tests write it.
type wholeMap struct {
	Round  ticketing.RoundID
	Seq    uint64
	States []byte
	Phase  ticketing.Phase
}

func encodeDelta(d ticketing.Delta) []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return b
}

func encodeMap(round ticketing.RoundID, seq uint64, states []byte, phase ticketing.Phase) []byte {
	b, err := json.Marshal(wholeMap{round, seq, states, phase})
	if err != nil {
		panic(err)
	}
	return b
}

func quickHub(t *testing.T, b *Broadcaster, o *owner, change func(*HubConfig)) *Hub {
	t.Helper()
	cfg := HubConfig{Broadcaster: b, Ask: o.answer, Encode: encodeDelta, EncodeSnapshot: encodeMap, FrameEvery: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	h := NewHub(cfg)
	t.Cleanup(h.Close)
	return h
}

// client is a browser: it knows only what frames told it.
type client struct {
	states []byte
	phase  ticketing.Phase
	seq    uint64
	frames int
	maps   int // snapshots among them
}

func (c *client) take(f ticketing.Frame) error {
	c.frames++
	if f.Snapshot {
		var m wholeMap
		if err := json.Unmarshal(f.Data, &m); err != nil || m.Seq != f.Seq {
			return fmt.Errorf("snapshot %d says it is of %d: %w", f.Seq, m.Seq, err)
		}
		c.states, c.phase, c.seq = m.States, m.Phase, m.Seq
		c.maps++
		return nil
	}
	var d ticketing.Delta
	if err := json.Unmarshal(f.Data, &d); err != nil || d.Seq != f.Seq || d.Seq <= c.seq || c.states == nil {
		return fmt.Errorf("delta %d after %d says it is %d: %w", f.Seq, c.seq, d.Seq, err)
	}
	for _, change := range d.Changes {
		c.states[change.Seat] = byte(change.State)
	}
	c.phase, c.seq = d.Phase, d.Seq
	return nil
}

// watch reads until the client has come to seq, n frames have come (0: any number), or the hub ended it.
func (c *client) watch(ctx context.Context, h *Hub, round ticketing.RoundID, seq uint64, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	frames, err := h.Watch(ctx, round, c.seq)
	if err != nil {
		return err
	}
	for read := 0; c.seq < seq && (n == 0 || read < n); read++ {
		f, ok := <-frames
		if !ok {
			return ctx.Err()
		}
		if err := c.take(f); err != nil {
			return err
		}
	}
	return nil
}

// until watches, coming back whenever it is cut, as browsers do.
func (c *client) until(ctx context.Context, h *Hub, round ticketing.RoundID, seq uint64) error {
	for c.seq < seq {
		if err := c.watch(ctx, h, round, seq, 0); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) check(t *testing.T, o *owner) {
	t.Helper()
	states, seq := o.states(t)
	if !bytes.Equal(c.states, states) || c.seq != seq {
		t.Fatalf("a viewer's map at %d (%d frames, %d maps) is not the owner's at %d", c.seq, c.frames, c.maps, seq)
	}
}

// finish makes an event that every map shows, and returns its seq.
func (o *owner) finish() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, status := ticketing.Act(o.round, ticketing.ReadStatus{}, o.now)
	var cmd ticketing.Command = ticketing.PauseSale{}
	if status.Status.Phase == ticketing.Paused {
		cmd = ticketing.OpenSale{}
	}
	events, _ := ticketing.Act(o.round, cmd, o.now)
	o.pending = append(o.pending, events...)
	o.flush()
	return o.round.Seq()
}

func TestThousandViewersSeeTheSame(t *testing.T) {
	const viewers = 1000
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 2000)
	h := quickHub(t, b, o, nil)
	relay := NewRelay(RelayConfig{Broadcaster: b, Journal: l, SweepEvery: time.Millisecond, PassEvery: time.Millisecond})
	run(t, relay)

	lazy := must(h.Watch(patient(t), 1, 0))(t) // never reads
	var watching, working sync.WaitGroup
	clients, failures := make([]client, viewers), make([]error, viewers)
	goal := make(chan struct{})
	var last uint64
	for i := range clients {
		watching.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(i)))
			for failures[i] == nil {
				select {
				case <-goal:
					failures[i] = clients[i].until(t.Context(), h, 1, last)
					return
				default: // a few frames, then away and back again
					ctx, stop := context.WithCancel(t.Context())
					go func() { <-goal; stop() }()
					failures[i] = clients[i].watch(ctx, h, 1, 1<<60, 1+rng.IntN(30))
					stop()
					if errors.Is(failures[i], context.Canceled) {
						failures[i] = nil
					}
				}
			}
		})
	}
	working.Go(func() {
		for range 60 {
			frames := written(b.metrics.frames)
			o.rush(20)
			o.finish()
			eventually(t, "a frame", func() bool { return written(b.metrics.frames) > frames })
		}
	})
	working.Wait()
	last = o.finish()
	close(goal)
	watching.Wait()
	maps := 0
	for i := range clients {
		if failures[i] != nil {
			t.Fatalf("viewer %d: %v", i, failures[i])
		}
		clients[i].check(t, o)
		maps += clients[i].maps
	}
	if maps != viewers {
		t.Errorf("%d snapshots for %d viewers who always came back with their last id", maps, viewers)
	}
	checkCut(t, lazy)
	if written(b.metrics.cut) == 0 {
		t.Error("nobody was cut")
	}
	if o.asked-viewers > 2+60 { // check asks once per viewer, and the test's own questions are not counted here
		t.Errorf("the owner was asked %d times", o.asked-viewers)
	}
}

// checkCut drains the channel of one who did not read: it holds few frames and is closed.
func checkCut(t *testing.T, frames <-chan ticketing.Frame) {
	t.Helper()
	for n := 0; ; n++ {
		select {
		case _, open := <-frames:
			if !open {
				return
			}
		default:
			t.Fatal("a viewer that never read was not cut")
		}
		if n > viewerFrames+1 {
			t.Fatalf("more than %d frames were kept for one who never read", n)
		}
	}
}

func TestResume(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 500)
	o.rush(50)
	h := quickHub(t, b, o, nil)
	run(t, quickRelay(b, l))
	var c client
	if err := c.until(t.Context(), h, 1, o.finish()); err != nil {
		t.Fatal(err)
	}
	for range 10 { // away while things happen, kept up to date by another viewer
		var other client
		o.rush(20)
		last := o.finish()
		if err := other.until(t.Context(), h, 1, last); err != nil {
			t.Fatal(err)
		}
		if err := c.until(t.Context(), h, 1, last); err != nil {
			t.Fatal(err)
		}
		c.check(t, o)
	}
	if c.maps != 1 {
		t.Errorf("%d snapshots", c.maps)
	}
	for name, after := range map[string]uint64{"too old": 1, "from the future": 1 << 40, "none": 0} {
		first := <-must(h.Watch(patient(t), 1, after))(t)
		if !first.Snapshot {
			t.Errorf("%s: the first frame is no snapshot", name)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	frames := must(h.Watch(ctx, 1, c.seq))(t)
	select {
	case f := <-frames:
		t.Errorf("one who has missed nothing gets frame %d", f.Seq)
	default:
	}
	stop()
	eventually(t, "the end of a watch with its context", func() bool { _, open := <-frames; return !open })
}

func TestRing(t *testing.T) {
	r := ring{base: 10}
	for seq := uint64(12); seq <= 3000; seq += 2 {
		r.push(ticketing.Frame{Seq: seq, Data: []byte("x")})
	}
	if len(r.frames) != ringFrames || r.base != 3000-2*ringFrames || r.bytes != ringFrames {
		t.Errorf("%d frames after %d, %d bytes", len(r.frames), r.base, r.bytes)
	}
	for after, want := range map[uint64]int{r.base - 1: -1, r.base: ringFrames, r.base + 1: ringFrames, 2997: 2, 2998: 1, 3000: 0} {
		got, ok := r.after(after)
		if ok != (want >= 0) || ok && len(got) != want {
			t.Errorf("after %d: %d frames, %v", after, len(got), ok)
		}
	}
	r.push(ticketing.Frame{Seq: 3001, Data: make([]byte, ringBytes)})
	if len(r.frames) != 1 || r.base != 3000 {
		t.Errorf("%d frames after %d: bytes are not limited", len(r.frames), r.base)
	}
}

// Messages that always come just after a frame are not held back by it; a flood is.
func TestPace(t *testing.T) {
	p := pace{every: 100 * time.Millisecond}
	now := time.Unix(1000, 0)
	at := func(millis int) time.Time { return now.Add(time.Duration(millis) * time.Millisecond) }
	p.count(at(0))
	for i := range 10 {
		came := at(100*i + 1)
		if wait := p.wait(came); wait > 0 {
			t.Fatalf("message %d waits %v", i, wait)
		}
		p.count(came)
	}
	p = pace{every: 100 * time.Millisecond}
	frames := 0
	for i := range 1000 {
		if came := at(i); p.wait(came) <= 0 {
			p.count(came)
			frames++
		}
	}
	if frames != 11 {
		t.Errorf("%d frames in a second", frames)
	}
}

func TestCaps(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 10)
	other := newOwner(t, l, 2, 10)
	h := quickHub(t, b, o, func(c *HubConfig) {
		c.MaxViewers, c.MaxRoundViewers = 3, 2
		c.Ask = func(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
			if s == other.stream {
				return other.answer(ctx, s, cmd)
			}
			return o.answer(ctx, s, cmd)
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	must(h.Watch(ctx, 1, 0))(t)
	must(h.Watch(patient(t), 1, 0))(t)
	if _, err := h.Watch(t.Context(), 1, 0); !errors.Is(err, ErrTooManyViewers) {
		t.Errorf("a third viewer of a round: %v", err)
	}
	must(h.Watch(patient(t), 2, 0))(t)
	if _, err := h.Watch(t.Context(), 2, 0); !errors.Is(err, ErrTooManyViewers) {
		t.Errorf("a fourth viewer in all: %v", err)
	}
	leave()
	eventually(t, "the place of one who left", func() bool { return written(b.metrics.viewers) == 2 })
	must(h.Watch(patient(t), 1, 0))(t)
}

func TestLinger(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	h := quickHub(t, b, o, func(c *HubConfig) { c.Linger = time.Hour })
	for range 3 {
		ctx, leave := context.WithCancel(t.Context())
		must(h.Watch(ctx, 1, 0))(t)
		leave()
		eventually(t, "nobody", func() bool { return written(b.metrics.viewers) == 0 })
	}
	if o.asked != 1 || written(b.metrics.rounds) != 1 {
		t.Errorf("asked %d times for a round whose viewers come back, %v rounds", o.asked, written(b.metrics.rounds))
	}
	h = quickHub(t, b, o, func(c *HubConfig) { c.Linger = time.Millisecond })
	ctx, leave := context.WithCancel(t.Context())
	must(h.Watch(ctx, 1, 0))(t)
	leave()
	eventually(t, "the round's end", func() bool { return written(b.metrics.rounds) == 1 })
}

func TestHubCloses(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	h := quickHub(t, b, o, nil)
	frames := must(h.Watch(patient(t), 1, 0))(t)
	h.Close()
	for range frames {
	}
	if _, err := h.Watch(t.Context(), 1, 0); !errors.Is(err, ErrHubClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// What a hub is given may be broken; the process that sells the seats goes on.
func TestPanicEndsOnlyTheMap(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	h := quickHub(t, b, o, func(c *HubConfig) { c.Encode = func(ticketing.Delta) []byte { panic("no") } })
	frames := must(h.Watch(patient(t), 1, 0))(t)
	run(t, quickRelay(b, l))
	o.finish()
	for range frames {
	}
}

// An external NATS goes away, and once loses all it had: maps stand still, then catch up, and nobody is cut for it.
func TestMapsCatchUpAfterNATS(t *testing.T) {
	port := freePort(t)
	b := must(Start(t.Context(), Options{URL: "nats://127.0.0.1:" + port, Log: testLog(t)}))(t)
	defer b.Close(t.Context())
	l := newLedger()
	o := newOwner(t, l, 1, 100)
	h := quickHub(t, b, o, nil)
	run(t, quickRelay(b, l))
	frames := must(h.Watch(patient(t), 1, 0))(t) // shown from the owner, though there is no NATS yet
	var c client
	dir := t.TempDir()
	for cycle := range 3 {
		o.rush(10)
		external := externalServer(t, dir, port)
		for last := o.finish(); c.seq < last; {
			f, open := <-frames
			if !open {
				t.Fatalf("cycle %d: the viewer was cut", cycle)
			}
			if err := c.take(f); err != nil {
				t.Fatal(err)
			}
		}
		c.check(t, o)
		external.kill()
		if cycle == 1 {
			dir = t.TempDir()
		}
	}
	h.Close()
}

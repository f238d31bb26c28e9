package broadcast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"ticketblue/ticketing"
)

// witness is a follower with a memory that outlives processes: each seq must come once in effect, and in order.
type witness struct {
	mu      sync.Mutex
	records map[ticketing.Stream][]byte
	seqs    map[ticketing.Stream]uint64
	wrong   error
	refuse  func(s ticketing.Stream) error
}

func newWitness() *witness {
	return &witness{records: map[ticketing.Stream][]byte{}, seqs: map[ticketing.Stream]uint64{}}
}

func (w *witness) seen(_ context.Context, s ticketing.Stream) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seqs[s], nil
}

func (w *witness) do(_ context.Context, s ticketing.Stream, from uint64, events []ticketing.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		if err := w.refuse(s); err != nil {
			return err
		}
	}
	if from != w.seqs[s]+1 {
		w.wrong = errors.Join(w.wrong, fmt.Errorf("%s: told from %d after %d", s, from, w.seqs[s]))
	}
	w.records[s] = ticketing.EncodeEvents(w.records[s], events)
	w.seqs[s] = from + uint64(len(events)) - 1
	return nil
}

func (w *witness) follow(ctx context.Context, b *Broadcaster, l *ledger, name string) (done chan error) {
	done = make(chan error, 1)
	f := Follower{Name: name, Journal: l, Seen: w.seen, Do: w.do}
	go func() { done <- b.Follow(ctx, f) }()
	return done
}

func follow(t *testing.T, b *Broadcaster, l *ledger, name string) *witness {
	t.Helper()
	w := newWitness()
	ctx, stop := context.WithCancel(t.Context())
	done := w.follow(ctx, b, l, name)
	t.Cleanup(func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return w
}

// check waits until the witness has seen as much as the journal has, and compares.
func (w *witness) check(t *testing.T, l *ledger, s ticketing.Stream) {
	t.Helper()
	want := l.records(t, s, 0)
	eventually(t, "the follower", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.records[s]) >= len(want) || w.wrong != nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong != nil {
		t.Fatal(w.wrong)
	}
	if !bytes.Equal(w.records[s], want) {
		t.Fatalf("%s: the follower has seen %d bytes of records, the journal has %d", s, len(w.records[s]), len(want))
	}
}

// written is the value of a counter or gauge.
func written(c prometheus.Metric) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		panic(err)
	}
	if m.Gauge != nil {
		return m.Gauge.GetValue()
	}
	return m.Counter.GetValue()
}

// One stream's failure holds back that stream alone, and when it is over nothing is missing.
func TestFollowerFailsForOneStream(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	bad, good := newOwner(t, l, 1, 100), newOwner(t, l, 2, 100)
	w := newWitness()
	w.refuse = func(s ticketing.Stream) error {
		if s == bad.stream {
			return errors.New("no")
		}
		return nil
	}
	ctx, stop := context.WithCancel(t.Context())
	done := w.follow(ctx, b, l, "witness")
	run(t, quickRelay(b, l))
	for range 5 {
		bad.rush(20)
		good.rush(20)
		eventually(t, "everything relayed", l.allRelayed)
	}
	w.check(t, l, good.stream)
	consumer := must(b.js.Consumer(t.Context(), StreamName, "witness"))(t)
	eventually(t, "one message that waits", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumAckPending == 1 && info.NumPending == 0
	})
	eventually(t, "failures", func() bool { return written(b.metrics.followErrs) > 1 })
	w.mu.Lock()
	w.refuse = nil
	w.mu.Unlock()
	w.check(t, l, bad.stream)
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// While a stream fails JetStream is purged and rebuilt, so the messages that wait are gone; nothing is missing all the same.
func TestFollowerFailsDuringARebuild(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	w := newWitness()
	w.refuse = func(ticketing.Stream) error { return errors.New("no") }
	ctx, stop := context.WithCancel(t.Context())
	done := w.follow(ctx, b, l, "witness")
	relay := quickRelay(b, l)
	run(t, relay)
	o.rush(20)
	eventually(t, "a failure", func() bool { return written(b.metrics.followErrs) > 0 })
	if err := relay.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.refuse = nil
	w.mu.Unlock()
	w.check(t, l, o.stream)
	consumer := must(b.js.Consumer(t.Context(), StreamName, "witness"))(t)
	eventually(t, "everything acknowledged", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumAckPending == 0 && info.NumPending == 0
	})
	stop()
	<-done
}

// A follower that starts again goes on where it was; one without a memory is told from the beginning.
func TestFollowerStartsAgain(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	run(t, quickRelay(b, l))
	kept := newWitness()
	for range 5 {
		ctx, stop := context.WithCancel(t.Context())
		done := kept.follow(ctx, b, l, "kept")
		o.rush(30)
		kept.check(t, l, o.stream)
		stop()
		<-done
	}
	for range 2 {
		fresh := newWitness()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Follow(ctx, Follower{Name: "cache", Journal: l, Do: fresh.do}) }()
		o.rush(30)
		fresh.check(t, l, o.stream)
		stop()
		<-done
	}
}

// What JetStream lost after it was marked as relayed is told with the next event.
func TestFollowerFillsAGap(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	w := follow(t, b, l, "witness")
	stop := run(t, quickRelay(b, l))
	w.check(t, l, o.stream)
	eventually(t, "everything relayed", l.allRelayed)
	stop()
	o.rush(50)
	l.set(func() { l.relayed[o.stream] = l.head(o.stream) }) // lost
	o.rush(5)
	run(t, quickRelay(b, l))
	w.check(t, l, o.stream)
	if written(b.metrics.refilled) == 0 {
		t.Error("nothing was read from the journal")
	}
}

func TestFollowerMustBeWhole(t *testing.T) {
	b := start(t, t.TempDir())
	if err := b.Follow(t.Context(), Follower{Name: "x"}); err == nil {
		t.Error("a follower that does nothing was followed")
	}
}

// What was sent to a follower that stops before it is told goes back: the next run has it at once, not after ackWait.
func TestStoppedFollowerGivesBack(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	var streams []ticketing.Stream
	for i := range 2 * (maxTogether + followBuffer) {
		s := ticketing.RoundStream(ticketing.RoundID(i + 1))
		streams = append(streams, s)
		l.commit(s, []ticketing.Event{{At: startTime, Fact: ticketing.SaleOpened{}}})
	}
	run(t, quickRelay(b, l))
	eventually(t, "everything relayed", l.allRelayed)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	stuck := func(ctx context.Context, _ ticketing.Stream, _ uint64, _ []ticketing.Event) error {
		<-ctx.Done()
		return ctx.Err()
	}
	go func() { done <- b.Follow(ctx, Follower{Name: "witness", Journal: l, Do: stuck}) }()
	eventually(t, "more sent to the follower than it reads ahead", func() bool {
		consumer, err := b.js.Consumer(t.Context(), StreamName, "witness")
		if err != nil {
			return false
		}
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumAckPending > maxTogether+followBuffer/2
	})
	stop()
	<-done
	w := follow(t, b, l, "witness")
	for _, s := range streams {
		w.check(t, l, s)
	}
}

package broadcast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"ticketblue/ticketing"
)

const (
	patience  = time.Minute // of a test for what must come
	quick     = 20 * time.Millisecond
	startTime = ticketing.Millis(1_700_000_000_000)
)

// ledger is a journal in memory.
type ledger struct {
	mu      sync.Mutex
	chunks  map[ticketing.Stream][]ticketing.Chunk
	times   map[ticketing.Stream][]time.Time // of commit, one per chunk
	relayed map[ticketing.Stream]uint64
	rewinds int
	fault   error
	onCall  func() // called at every question, before it is answered
	reads   int    // of ChunksAfter
}

func newLedger() *ledger {
	return &ledger{
		chunks: map[ticketing.Stream][]ticketing.Chunk{}, times: map[ticketing.Stream][]time.Time{},
		relayed: map[ticketing.Stream]uint64{},
	}
}

func (l *ledger) called() error {
	l.mu.Lock()
	onCall, fault := l.onCall, l.fault
	l.mu.Unlock()
	if onCall != nil {
		onCall()
	}
	return fault
}

func (l *ledger) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *ledger) head(s ticketing.Stream) uint64 {
	if own := l.chunks[s]; len(own) > 0 {
		return own[len(own)-1].To
	}
	return 0
}

func (l *ledger) commit(s ticketing.Stream, events []ticketing.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	head := l.head(s)
	l.chunks[s] = append(l.chunks[s], ticketing.Chunk{
		From: head + 1, To: head + uint64(len(events)),
		Payload: ticketing.ChunkPayload(len(events), ticketing.EncodeEvents(nil, events)),
	})
	l.times[s] = append(l.times[s], time.Now())
}

// rewind is Options.Rewind.
func (l *ledger) rewind(ctx context.Context, age time.Duration) error {
	if err := l.called(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rewinds++
	for s, at := range l.times {
		young := sort.Search(len(at), func(i int) bool { return time.Since(at[i]) <= age })
		kept := uint64(0)
		if young > 0 && age > 0 {
			kept = l.chunks[s][young-1].To
		}
		l.relayed[s] = min(l.relayed[s], kept)
	}
	return ctx.Err()
}

func (l *ledger) Behind(ctx context.Context, after ticketing.Stream, limit int) (behind []ticketing.Stream, next ticketing.Stream, err error) {
	if err := l.called(); err != nil {
		return nil, "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	looked := 0
	for _, s := range slices.Sorted(maps.Keys(l.chunks)) {
		if s <= after {
			continue
		}
		if l.relayed[s] < l.head(s) {
			behind = append(behind, s)
		}
		if looked++; looked == limit {
			return behind, s, ctx.Err()
		}
	}
	return behind, "", ctx.Err()
}

func (l *ledger) Streams(context.Context) ([]ticketing.Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []ticketing.Stream
	for s := range l.chunks {
		all = append(all, s)
	}
	return all, nil
}

func (l *ledger) ChunksAfter(ctx context.Context, after map[ticketing.Stream]uint64, maxBytes int) (map[ticketing.Stream][]ticketing.Chunk, error) {
	if err := l.called(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	found := map[ticketing.Stream][]ticketing.Chunk{}
	for s, seq := range after {
		size, all := 0, l.chunks[s]
		for _, c := range all[sort.Search(len(all), func(i int) bool { return all[i].To > seq }):] {
			if size += len(c.Payload); size > maxBytes && len(found[s]) > 0 {
				break
			}
			found[s] = append(found[s], c)
		}
	}
	return found, ctx.Err()
}

func (l *ledger) Relayed(ctx context.Context, streams []ticketing.Stream) (map[ticketing.Stream]uint64, error) {
	if err := l.called(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	marks := map[ticketing.Stream]uint64{}
	for _, s := range streams {
		marks[s] = l.relayed[s]
	}
	return marks, ctx.Err()
}

func (l *ledger) SetRelayed(ctx context.Context, marks map[ticketing.Stream]uint64) error {
	if err := l.called(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, seq := range marks {
		l.relayed[s] = max(l.relayed[s], seq)
	}
	return nil
}

// records are all events of a stream after a seq, as bytes.
func (l *ledger) records(t *testing.T, s ticketing.Stream, after uint64) []byte {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []ticketing.Event
	for _, c := range l.chunks[s] {
		all = append(all, must(ticketing.DecodeChunk(c.Payload))(t)...)
	}
	return ticketing.EncodeEvents(nil, all[after:])
}

func (l *ledger) allRelayed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.chunks {
		if l.relayed[s] < l.head(s) {
			return false
		}
	}
	return true
}

// owner plays the actor of one round: it decides, and its journal is the ledger.
type owner struct {
	mu      sync.Mutex
	id      ticketing.RoundID
	stream  ticketing.Stream
	round   *ticketing.Round
	plan    *ticketing.Plan
	ledger  *ledger
	rng     *rand.Rand
	now     ticketing.Millis
	pending []ticketing.Event
	number  uint32
	seats   int
	away    bool
	asked   int
	hint    func(ticketing.Stream)
}

func newOwner(t *testing.T, l *ledger, id ticketing.RoundID, seats int) *owner {
	t.Helper()
	plan := must(ticketing.PlainPlan(seats))(t)
	o := &owner{
		id: id, stream: ticketing.RoundStream(id), round: ticketing.NewRound(id, plan), plan: plan, ledger: l,
		rng: rand.New(rand.NewPCG(7, uint64(id))), now: startTime, seats: seats, hint: func(ticketing.Stream) {},
	}
	planned := ticketing.Event{At: startTime, Fact: ticketing.RoundPlanned{Plan: plan.Hash(), Terms: ticketing.Terms{
		Prices: []ticketing.KRW{1000}, OpensAt: startTime, ClosesAt: startTime.Add(24 * time.Hour), StartsAt: startTime.Add(48 * time.Hour),
		HoldMillis: 60_000, PayMillis: 60_000, MaxPerUser: 2,
	}}}
	o.round.Apply(planned)
	l.commit(o.stream, []ticketing.Event{planned})
	return o
}

// rush carries out n random commands, a few of them per commit.
func (o *owner) rush(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range n {
		o.now += ticketing.Millis(o.rng.IntN(500))
		var cmd ticketing.Command
		switch user := ticketing.UserID(1 + o.rng.IntN(100_000)); o.rng.IntN(10) {
		case 0:
			cmd = ticketing.PauseSale{}
		case 1, 2:
			cmd = ticketing.OpenSale{}
		case 3:
			cmd = ticketing.BlockSeats{Seats: []string{o.seat()}}
		case 4:
			cmd = ticketing.UnblockSeats{Seats: []string{o.seat()}}
		default:
			o.number++
			key := ticketing.DigestOf(fmt.Sprint(o.number))
			cmd = ticketing.ReserveSeats{User: user, Seats: []string{o.seat()}, Key: key, Body: key}
		}
		events, _ := ticketing.Act(o.round, cmd, o.now)
		o.pending = append(o.pending, events...)
		if o.rng.IntN(3) == 0 {
			o.flush()
		}
	}
	o.flush()
}

func (o *owner) seat() string { return o.plan.Label(ticketing.SeatIndex(o.rng.IntN(o.seats))) }

func (o *owner) flush() {
	if len(o.pending) > 0 {
		o.ledger.commit(o.stream, o.pending)
		o.pending = nil
		o.hint(o.stream)
	}
}

// answer is what the actors would: only of what is committed.
func (o *owner) answer(_ context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.away {
		return ticketing.Result{Code: ticketing.CodeUnavailable}
	}
	if s != o.stream {
		return ticketing.Result{Code: ticketing.CodeNotFound}
	}
	o.flush()
	events, result := ticketing.Act(o.round, cmd, o.now)
	o.pending = append(o.pending, events...)
	o.flush()
	return result
}

func (o *owner) states(t *testing.T) ([]byte, uint64) {
	t.Helper()
	r := o.answer(t.Context(), o.stream, ticketing.ReadView{})
	if r.Code != ticketing.OK {
		t.Fatalf("ReadView: %s", r.Code)
	}
	return r.SeatStates, r.Seq
}

func start(t *testing.T, dir string) *Broadcaster { return startWith(t, Options{Dir: dir}) }

func startWith(t *testing.T, opts Options) *Broadcaster {
	t.Helper()
	opts.Log = testLog(t)
	b := must(Start(t.Context(), opts))(t)
	t.Cleanup(func() { _ = b.Close(context.WithoutCancel(t.Context())) })
	return b
}

func closeNow(t *testing.T, b *Broadcaster) {
	t.Helper()
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// run starts a relay and returns what stops it and waits for its end.
func run(t *testing.T, r *Relay) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func quickRelay(b *Broadcaster, l *ledger) *Relay {
	return NewRelay(RelayConfig{Broadcaster: b, Journal: l, SweepEvery: quick, PassEvery: quick / 4})
}

// onSubject reads all messages of a stream's subject and checks that they are consecutive. It returns their records and
// the seq before the first.
func onSubject(t *testing.T, b *Broadcaster, s ticketing.Stream) (records []byte, before uint64, messages int) {
	t.Helper()
	subject := must(Subject(s))(t)
	stream := must(b.js.Stream(t.Context(), StreamName))(t)
	next, last := uint64(1), uint64(0)
	for {
		raw, err := stream.GetMsg(t.Context(), next, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return records, before, messages
		}
		if err != nil {
			t.Fatal(err)
		}
		m := must(decode(raw.Subject, raw.Header, raw.Data))(t)
		if messages == 0 {
			before = m.from - 1
		} else if m.from != last+1 {
			t.Fatalf("%s: message %d-%d follows event %d", s, m.from, m.to, last)
		}
		records = ticketing.EncodeEvents(records, must(m.after(0))(t))
		last, next, messages = m.to, raw.Sequence+1, messages+1
	}
}

// checkSubject compares a subject with the journal, from wherever the subject begins.
func checkSubject(t *testing.T, b *Broadcaster, l *ledger, s ticketing.Stream) (before uint64) {
	t.Helper()
	got, before, _ := onSubject(t, b, s)
	if want := l.records(t, s, before); !bytes.Equal(got, want) {
		t.Fatalf("%s: the subject is not the journal after %d: %d bytes of records, want %d", s, before, len(got), len(want))
	}
	return before
}

// patient ends a watch whose frames do not come: a failure is better than a test that hangs.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until a condition holds that nothing signals.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !holds() {
		if pause(ctx, time.Millisecond) != nil {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

type testWriter struct {
	mu   sync.Mutex
	t    *testing.T
	over bool
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.t.Log(string(bytes.TrimSpace(p)))
	}
	return len(p), nil
}

func testLog(t *testing.T) *slog.Logger {
	w := &testWriter{t: t}
	t.Cleanup(func() { w.mu.Lock(); defer w.mu.Unlock(); w.over = true })
	return slog.New(slog.NewTextHandler(w, nil))
}

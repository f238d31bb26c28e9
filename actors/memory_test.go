package actors

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"ticketblue/ticketing"
)

// memory is a journal in memory with the real fence, a flush loop of its own, and faults on demand.
type memory struct {
	plan *ticketing.Plan
	work chan struct{}
	stop chan struct{}
	done chan struct{}

	mu        sync.Mutex
	chunks    map[ticketing.Stream][]ticketing.Chunk
	writers   map[ticketing.WriterID]*open
	order     []ticketing.WriterID // of open chunks
	snapshots map[ticketing.Stream]ticketing.Snapshot
	parked    map[ticketing.Stream]ticketing.Millis
	frozen    map[ticketing.Stream]string
	loads     int
	stalled   chan struct{} // flushes wait for it to be closed; nil: none
	fault     func(flush int) fault
	flushes   int
	loadError error
	parkError error
}

type open struct {
	stream  ticketing.Stream
	head    ticketing.Head
	notify  func(ticketing.Commit)
	count   int
	records []byte
}

type fault int

const (
	sound       fault = iota
	refused           // as if a rival had written
	lostLanded        // the answer is lost, the commit landed
	lostMissing       // the answer is lost, the commit did not land
)

func newMemory(t testing.TB, seats int) *memory {
	plan, err := ticketing.PlainPlan(seats)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{
		plan: plan, work: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		chunks: map[ticketing.Stream][]ticketing.Chunk{}, writers: map[ticketing.WriterID]*open{},
		snapshots: map[ticketing.Stream]ticketing.Snapshot{}, parked: map[ticketing.Stream]ticketing.Millis{},
		frozen: map[ticketing.Stream]string{},
	}
	go m.run()
	return m
}

// plant gives birth to a round whose sale is open.
func (m *memory) plant(id ticketing.RoundID, terms ticketing.Terms) ticketing.Stream {
	stream := ticketing.RoundStream(id)
	planned := []ticketing.Event{{At: terms.OpensAt, Fact: ticketing.RoundPlanned{Plan: m.plan.Hash(), Terms: terms}}}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.chunks[stream] = []ticketing.Chunk{{From: 1, To: 1, Payload: ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, planned))}}
	return stream
}

func (m *memory) run() {
	defer close(m.done)
	for {
		select {
		case <-m.work:
			m.flush()
		case <-m.stop:
			return
		}
	}
}

func (m *memory) close() {
	close(m.stop)
	<-m.done
}

func (m *memory) flush() {
	m.mu.Lock()
	batch := map[ticketing.WriterID]open{}
	for _, w := range m.order {
		if o := m.writers[w]; o != nil && o.count > 0 {
			batch[w] = *o
			o.count, o.records = 0, nil
		}
	}
	order := m.order
	m.order = nil
	stalled := m.stalled
	m.flushes++
	f := sound
	if m.fault != nil {
		f = m.fault(m.flushes)
	}
	m.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
	for _, w := range order {
		if o, found := batch[w]; found {
			delete(batch, w)
			m.write(w, o, f)
		}
	}
}

func (m *memory) write(w ticketing.WriterID, o open, f fault) {
	m.mu.Lock()
	c := ticketing.Commit{Writer: w, Outcome: ticketing.Fenced}
	if fits := m.head(o.stream) == o.head; fits && f != refused {
		c.Outcome = ticketing.Committed
		c.Head = ticketing.Head{From: o.head.To + 1, To: o.head.To + uint64(o.count), Writer: w}
		if f != lostMissing {
			m.chunks[o.stream] = append(m.chunks[o.stream], ticketing.Chunk{
				From: c.Head.From, To: c.Head.To, Writer: w, Payload: ticketing.ChunkPayload(o.count, o.records),
			})
		}
		if f != sound {
			c.Outcome = ticketing.Unknown
		}
	}
	if live := m.writers[w]; live != nil && c.Outcome == ticketing.Committed {
		live.head = c.Head
	} else {
		delete(m.writers, w)
	}
	m.mu.Unlock()
	o.notify(c)
}

func (m *memory) head(s ticketing.Stream) ticketing.Head {
	chunks := m.chunks[s]
	if len(chunks) == 0 {
		return ticketing.Head{}
	}
	last := chunks[len(chunks)-1]
	return ticketing.Head{From: last.From, To: last.To, Writer: last.Writer}
}

func (m *memory) Load(_ context.Context, s ticketing.Stream) (ticketing.History, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	if m.loadError != nil {
		return ticketing.History{}, m.loadError
	}
	if len(m.chunks[s]) == 0 {
		return ticketing.History{}, ticketing.ErrNotFound
	}
	if reason, found := m.frozen[s]; found {
		return ticketing.History{}, fmt.Errorf("%w: %s", ticketing.ErrFrozen, reason)
	}
	h := ticketing.History{Plan: m.plan, Head: m.head(s), Tail: slices.Clone(m.chunks[s])}
	if snapshot, found := m.snapshots[s]; found {
		h.Snapshot = &snapshot
		h.Tail = slices.DeleteFunc(h.Tail, func(c ticketing.Chunk) bool { return c.To <= snapshot.Seq })
	}
	return h, nil
}

func (m *memory) LoadAll(_ context.Context, s ticketing.Stream) (ticketing.History, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return ticketing.History{Plan: m.plan, Head: m.head(s), Tail: slices.Clone(m.chunks[s])}, nil
}

func (m *memory) Begin(s ticketing.Stream, w ticketing.WriterID, head ticketing.Head, notify func(ticketing.Commit)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writers[w] = &open{stream: s, head: head, notify: notify}
}

func (m *memory) Append(w ticketing.WriterID, count int, records []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.writers[w]
	if o == nil {
		return
	}
	if o.count == 0 {
		m.order = append(m.order, w)
	}
	o.count += count
	o.records = append(o.records, records...)
	select {
	case m.work <- struct{}{}:
	default:
	}
}

func (m *memory) End(w ticketing.WriterID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.writers, w)
}

func (m *memory) SaveSnapshot(_ context.Context, s ticketing.Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Seq > m.snapshots[s.Stream].Seq {
		m.snapshots[s.Stream] = s
	}
	return nil
}

func (m *memory) Park(_ context.Context, s ticketing.Stream, at ticketing.Millis) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.parkError != nil {
		err := m.parkError
		m.parkError = nil
		return err
	}
	m.parked[s] = at
	return nil
}

func (m *memory) Freeze(_ context.Context, s ticketing.Stream, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frozen[s] = reason
	return nil
}

func (m *memory) Streams(context.Context) ([]ticketing.Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []ticketing.Stream
	for s := range m.chunks {
		out = append(out, s)
	}
	slices.Sort(out)
	return out, nil
}

func (m *memory) Due(_ context.Context, before ticketing.Millis, limit int) ([]ticketing.Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []ticketing.Stream
	for s, at := range m.parked {
		if at != 0 && at <= before && len(out) < limit {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out, nil
}

// stall holds back flushes until the returned function is called.
func (m *memory) stall() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gate := make(chan struct{})
	m.stalled = gate
	return func() {
		m.mu.Lock()
		m.stalled = nil
		m.mu.Unlock()
		close(gate)
	}
}

// facts are all events of a stream, folded by the machine, which panics on a seat sold twice.
func (m *memory) facts(t *testing.T, s ticketing.Stream) []ticketing.Event {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	h := ticketing.History{Plan: m.plan, Head: m.head(s), Tail: m.chunks[s]}
	machine, err := ticketing.Restore(s, h)
	if err != nil {
		t.Fatal(err)
	}
	if snapshot, found := m.snapshots[s]; found && snapshot.Seq == machine.Seq() && ticketing.StateHash(machine) != snapshot.Hash {
		t.Fatal("snapshot differs from the fold")
	}
	var events []ticketing.Event
	for _, c := range m.chunks[s] {
		decoded, err := ticketing.DecodeChunk(c.Payload)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, decoded...)
	}
	return events
}

package sim

import (
	"errors"

	"ticketblue/ticketing"
)

// journal is the table all nodes write to, with the rule of the real one: a chunk lands only if the row it names as
// its predecessor is there, by that writer, and ends right before it, and no other row begins where it begins.
type journal struct {
	w        *world
	rows     []row
	snapshot *ticketing.Snapshot
	wakeAt   ticketing.Millis
}

type row struct {
	ticketing.Chunk
	prevFrom   uint64
	prevWriter ticketing.WriterID
}

func newJournal(w *world) *journal {
	j := &journal{w: w}
	planned := []ticketing.Event{{At: epoch, Fact: ticketing.RoundPlanned{Plan: w.plan.Hash(), Terms: w.terms}}}
	if w.counter != nil {
		planned[0].Fact = ticketing.CampaignPlanned{Terms: w.counter.terms}
	}
	j.insert(row{Chunk: ticketing.Chunk{From: 1, To: 1, Payload: ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, planned))}})
	return j
}

// insert is the statement; false when the row was fenced.
func (j *journal) insert(r row) bool {
	if !j.fits(r) && j.w.planted != noFence {
		return false
	}
	events, err := ticketing.DecodeChunk(r.Payload)
	if err != nil {
		j.w.auditor.fail("a chunk that cannot be read landed: %v", err)
		return false
	}
	j.rows = append(j.rows, r)
	j.w.mark('r', r.From, r.To, uint64(r.Writer[0]))
	for i, e := range events {
		j.w.auditor.landed(r.From+uint64(i), e)
	}
	return true
}

func (j *journal) fits(r row) bool {
	predecessor := r.prevFrom == 0 && r.From == 1
	for i := len(j.rows) - 1; i >= 0 && j.rows[i].To >= r.prevFrom; i-- {
		p := &j.rows[i]
		if p.From == r.From {
			return false
		}
		if p.From == r.prevFrom && p.To == r.From-1 && p.Writer == r.prevWriter {
			predecessor = true
		}
	}
	return predecessor
}

func (j *journal) head() ticketing.Head {
	last := j.rows[len(j.rows)-1]
	return ticketing.Head{From: last.From, To: last.To, Writer: last.Writer}
}

// history is a load; full says to leave the snapshot aside.
func (j *journal) history(full bool) ticketing.History {
	h := ticketing.History{Plan: j.w.plan, Head: j.head()}
	after := uint64(0)
	if j.snapshot != nil && !full {
		h.Snapshot, after = j.snapshot, j.snapshot.Seq
	}
	for _, r := range j.rows {
		if r.From > after {
			h.Tail = append(h.Tail, r.Chunk)
		}
	}
	return h
}

// fold is the machine of the journal's first events, up to seq.
func (j *journal) fold(seq uint64) (ticketing.Machine, error) {
	h := ticketing.History{Plan: j.w.plan}
	for _, r := range j.rows {
		if r.To <= seq {
			h.Tail = append(h.Tail, r.Chunk)
		}
	}
	return ticketing.Restore(j.w.stream, h)
}

func (j *journal) save(s ticketing.Snapshot) {
	if j.snapshot == nil || s.Seq > j.snapshot.Seq {
		j.snapshot = &s
	}
}

// writer is a node's journal writer: one statement at a time, back to back. It is the node's and dies with it; what
// it has sent lands or not without it.
type writer struct {
	p      *process
	id     ticketing.WriterID
	open   bool // an activation is registered
	head   ticketing.Head
	events []byte
	count  int
	busy   bool // a statement is under way
}

const flushDeadline = 5 * second

var errRefused = errors.New("connection refused")

func (j *writer) begin(id ticketing.WriterID, head ticketing.Head) {
	j.id, j.head, j.open, j.events, j.count = id, head, true, nil, 0
}

func (j *writer) end(id ticketing.WriterID) {
	if j.id == id {
		j.open = false
	}
}

func (j *writer) append(id ticketing.WriterID, events []ticketing.Event) {
	if !j.open || j.id != id {
		return
	}
	j.events = ticketing.EncodeEvents(j.events, events)
	j.count += len(events)
	j.flush()
}

func (j *writer) flush() {
	if j.busy || !j.open || j.count == 0 {
		return
	}
	w := j.p.w
	r := row{
		Chunk: ticketing.Chunk{
			From: j.head.To + 1, To: j.head.To + uint64(j.count), Writer: j.id, Payload: ticketing.ChunkPayload(j.count, j.events),
		},
		prevFrom: j.head.From, prevWriter: j.head.Writer,
	}
	j.busy, j.events, j.count = true, nil, 0
	answered := false
	answer := func(outcome ticketing.Outcome) func() {
		return func() {
			if !answered {
				answered = true
				j.finish(r, outcome)
			}
		}
	}
	j.p.after(flushDeadline, answer(ticketing.Unknown))
	if w.chance(w.swarm.lostBefore) {
		j.p.after(w.between(1, second), answer(ticketing.Unknown))
		return
	}
	way := w.between(1, 10)
	if w.chance(w.swarm.stall) {
		way = w.between(second, 12*second)
	}
	w.after(way, func() { // whatever has become of the node
		if answered || !j.p.alive {
			w.tally.landedLate++
		}
		outcome := ticketing.Committed
		if !w.journal.insert(r) {
			outcome = ticketing.Fenced
		}
		if w.chance(w.swarm.lostAfter) {
			outcome = ticketing.Unknown
		}
		j.p.after(w.between(1, 5), answer(outcome))
	})
}

func (j *writer) finish(r row, outcome ticketing.Outcome) {
	j.busy = false
	if j.open && j.id == r.Writer {
		c := ticketing.Commit{Writer: r.Writer, Outcome: outcome}
		switch {
		case outcome == ticketing.Committed, outcome == ticketing.Unknown && j.p.w.planted == unknownIsYes:
			c.Outcome, c.Head = ticketing.Committed, ticketing.Head{From: r.From, To: r.To, Writer: r.Writer}
			j.head = c.Head
		default:
			j.open = false
		}
		j.p.committed(c)
	}
	j.flush()
}

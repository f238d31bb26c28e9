package persistence

import (
	"time"

	"ticketblue/ticketing"
)

// settle books the result of an answered statement, then tells. A fenced activation's open chunk is gone before
// the next flush is built, for that chunk rests on events that never were.
func (j *Journal) settle(batch []row) {
	j.tail.add(batch, time.Now())
	told := make([]row, 0, len(batch))
	j.mu.Lock()
	for _, r := range batch {
		a := r.a
		a.inFlight = false
		a.queued -= len(r.chunk.records)
		if r.written {
			j.stats.Chunks++
			j.stats.Events += uint64(r.chunk.count)
			j.stats.Bytes += uint64(len(r.chunk.records))
		}
		if a.gone {
			continue
		}
		told = append(told, r)
		if !r.written {
			j.stats.Fenced++
			j.forget(a)
			continue
		}
		a.head = r.head
		if len(a.waiting) > 0 {
			j.dirty = append(j.dirty, a)
		}
	}
	j.mu.Unlock()
	for _, r := range told {
		if r.written {
			r.a.notify(ticketing.Commit{Writer: r.head.Writer, Outcome: ticketing.Committed, Head: r.head})
		} else {
			r.a.notify(ticketing.Commit{Writer: r.head.Writer, Outcome: ticketing.Fenced})
		}
	}
	for _, r := range batch {
		if r.written {
			j.opts.OnCommit(r.a.stream, r.head)
		}
	}
}

// tellOverfull answers activations that appended more than the gate should ever let through.
func (j *Journal) tellOverfull() {
	j.mu.Lock()
	over := j.overfull
	j.overfull = nil
	j.stats.Unknown += uint64(len(over))
	j.mu.Unlock()
	for _, a := range over {
		j.log.Error("journal: an activation's queue is over its limit; the gate should have stopped it", "stream", a.stream, "limit_bytes", j.opts.MaxQueuedBytes)
		a.notifyUnknown()
	}
}

// drop answers one activation Unknown, unless it is gone.
func (j *Journal) drop(a *activation) {
	j.mu.Lock()
	gone := a.gone
	if !gone {
		j.forget(a)
		j.stats.Unknown++
	}
	j.mu.Unlock()
	if !gone {
		a.notifyUnknown()
	}
}

// retire lets nothing more in.
func (j *Journal) retire() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for _, a := range j.writers {
		if !a.inFlight && len(a.waiting) == 0 {
			j.forget(a)
		}
	}
}

// dropAll answers Unknown to every activation that has something in flight or waiting.
func (j *Journal) dropAll() {
	var told []*activation
	j.mu.Lock()
	for _, a := range j.writers {
		if a.inFlight || len(a.waiting) > 0 {
			j.forget(a)
			told = append(told, a)
		}
	}
	j.dirty = nil
	j.stats.Unknown += uint64(len(told))
	j.mu.Unlock()
	for _, a := range told {
		a.notifyUnknown()
	}
}

func (a *activation) notifyUnknown() {
	a.notify(ticketing.Commit{Writer: a.writer, Outcome: ticketing.Unknown})
}

func (j *Journal) count(f func(*JournalStats)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(&j.stats)
}

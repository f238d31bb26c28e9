package persistence

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"ticketblue/ticketing"
)

// BenchmarkJournal is customers in closed loop: each appends an event of 60 bytes and waits until it is durable.
// The cluster of tests may lie in memory: what is measured is the writer and Postgres, not the disk.
func BenchmarkJournal(b *testing.B) {
	for _, c := range []struct{ streams, customers int }{{1, 1}, {1, 128}, {16, 128}, {200, 128}, {200, 1024}} {
		b.Run(fmt.Sprintf("streams=%d/customers=%d", c.streams, c.customers), func(b *testing.B) {
			db := openDB(b, sharedDSN(b))
			j := startJournal(b, db, JournalOptions{}, nil)
			desks := make([]*desk, c.streams)
			for i := range desks {
				desks[i] = &desk{journal: j, writer: newWriter()}
				j.Begin(newStream("bench"), desks[i].writer, ticketing.Head{}, desks[i].told)
			}
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for i := range c.customers {
				share := b.N / c.customers
				if i < b.N%c.customers {
					share++
				}
				all.Go(func() {
					for range share {
						<-desks[i%c.streams].append(bench60)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			stats := j.Stats()
			b.ReportMetric(float64(stats.Events)/float64(max(1, stats.Flushes)), "events/flush")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

var bench60 = make([]byte, 60)

// desk is what an actor is to the journal: it numbers events and answers when they are durable.
type desk struct {
	journal *Journal
	writer  ticketing.WriterID
	mu      sync.Mutex
	seq     uint64
	waiting []chan struct{} // of the events after the last durable one
	durable uint64
}

func (d *desk) append(records []byte) chan struct{} {
	answer := make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seq++
	d.waiting = append(d.waiting, answer)
	d.journal.Append(d.writer, 1, records)
	return answer
}

func (d *desk) told(c ticketing.Commit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := int(c.Head.To - d.durable)
	for _, answer := range d.waiting[:n] {
		answer <- struct{}{}
	}
	d.waiting, d.durable = d.waiting[n:], c.Head.To
}

// BenchmarkValid is on the path of every answer.
func BenchmarkValid(b *testing.B) {
	own, err := Acquire(b.Context(), OwnershipOptions{DSN: freshDSN(b), Node: "bench", Sure: true, Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := own.Release(context.Background()); err != nil {
			b.Error(err)
		}
	})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			own.Valid()
		}
	})
}

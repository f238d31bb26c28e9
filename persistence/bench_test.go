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

// BenchmarkProjection is the cost of a reservation of one seat in the read tables: a rush of holds, and with it the
// payment of each. Reservations are in the journal already; the projector works through them as fast as it can.
func BenchmarkProjection(b *testing.B) {
	const seats = 20_000
	plan, err := ticketing.PlainPlan(seats)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		pay  bool
	}{{"holds", false}, {"holds and payments", true}} {
		b.Run(c.name, func(b *testing.B) {
			db := openDB(b, freshDSN(b))
			p := driveByHand(b.Context(), b, db, ProjectorOptions{})
			defer p.disconnect(p.conn)
			reservations, events := 0, uint64(0)
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				office := openBoxOffice(b.Context(), b, db, plan)
				office.rush(b.Context(), seats, c.pay)
				reservations += seats
				events += office.head.To
				b.StartTimer()
				p.moveAll(b.Context(), office.stream)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(reservations), "us/reservation")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(events), "us/event")
			b.ReportMetric(float64(p.stats.Events)/float64(max(1, p.stats.Passes)), "events/pass")
		})
	}
}

// rush sells seats one by one into the journal, in chunks of 50 events, without the machine, which is not measured.
func (b *boxOffice) rush(ctx context.Context, seats int, pay bool) {
	b.t.Helper()
	b.commit(ctx, 0)
	at := b.now
	var events []ticketing.Event
	add := func(f ticketing.Fact) {
		events = append(events, ticketing.Event{At: at, Fact: f})
	}
	for n := uint32(1); n <= uint32(seats); n++ {
		add(ticketing.SeatsHeld{Number: n, User: ticketing.UserID(n), Seats: []ticketing.SeatIndex{ticketing.SeatIndex(n - 1)}, ExpiresAt: at + 300_000})
	}
	for n := uint32(1); pay && n <= uint32(seats); n++ {
		add(ticketing.PaymentStarted{Number: n, Attempt: 1, PayBy: at + 600_000})
		add(ticketing.PaymentPriced{Number: n, Attempt: 1, Amount: 1000})
		add(ticketing.PaymentConfirming{Number: n, Attempt: 1, PaymentKey: "a-key-of-the-provider"})
		add(ticketing.ReservationConfirmed{Number: n, Attempt: 1})
	}
	for len(events) > 0 {
		n := min(50, len(events))
		b.write(ctx, events[:n])
		events = events[n:]
	}
}

// BenchmarkCanceledRound ends 20,000 confirmed reservations in one event, so in one transaction.
func BenchmarkCanceledRound(b *testing.B) {
	const seats = 20_000
	plan, err := ticketing.PlainPlan(seats)
	if err != nil {
		b.Fatal(err)
	}
	db := openDB(b, freshDSN(b))
	p := driveByHand(b.Context(), b, db, ProjectorOptions{})
	defer p.disconnect(p.conn)
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		office := openBoxOffice(b.Context(), b, db, plan)
		office.rush(b.Context(), seats, true)
		p.moveAll(b.Context(), office.stream)
		office.write(b.Context(), []ticketing.Event{{At: office.now, Fact: ticketing.RoundCanceled{}}})
		b.StartTimer()
		p.moveAll(b.Context(), office.stream)
	}
}

package broadcast

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// How many events and messages a second the relay carries when it is not held back by its ten a second.
func BenchmarkRelay(b *testing.B) {
	for name, perChunk := range map[string]int{"1 event a chunk": 1, "32 events a chunk": 32} {
		b.Run(name, func(b *testing.B) {
			const streams = 16
			br, err := Start(b.Context(), Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer br.Close(context.WithoutCancel(b.Context()))
			l := newLedger()
			held := make([]ticketing.Event, perChunk)
			for i := range held {
				held[i] = ticketing.Event{At: startTime, Fact: ticketing.SeatsHeld{Number: uint32(i), User: 7, Seats: []ticketing.SeatIndex{1, 2}}}
			}
			r := NewRelay(RelayConfig{Broadcaster: br, Journal: l, SweepEvery: time.Hour, PassEvery: time.Nanosecond})
			ctx, stop := context.WithCancel(b.Context())
			defer stop()
			go r.Run(ctx)
			b.ResetTimer()
			for i := range b.N {
				s := ticketing.RoundStream(ticketing.RoundID(i%streams + 1))
				l.commit(s, held)
				r.Hint(s)
			}
			for !l.allRelayed() {
				runtime.Gosched()
			}
			b.ReportMetric(float64(b.N*perChunk)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(written(br.metrics.messages)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// One delta of ten seats to 10,000 viewers who each read it in a goroutine of their own, until the last has it.
func BenchmarkFanOut(b *testing.B) {
	const viewers = 10_000
	br, err := Start(b.Context(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer br.Close(context.WithoutCancel(b.Context()))
	states, owners := make([]byte, 20_000), make([]uint32, 20_000)
	for i := range states {
		states[i] = byte(ticketing.SeatFree)
	}
	h := NewHub(HubConfig{Broadcaster: br, Encode: encodeDelta, EncodeSnapshot: encodeMap,
		Ask: func(context.Context, ticketing.Stream, ticketing.Command) ticketing.Result {
			return ticketing.Result{SeatStates: states, Owners: owners, Seq: 1}
		}})
	defer h.Close()
	before := heap()
	var watched [viewers]<-chan ticketing.Frame
	for i := range watched {
		if watched[i], err = h.Watch(b.Context(), 1, 0); err != nil {
			b.Fatal(err)
		}
	}
	perViewer := float64(heap()-before) / viewers
	var got atomic.Int64
	all := make(chan struct{})
	for _, frames := range watched {
		go func() {
			<-frames // the snapshot
			for range frames {
				if got.Add(1)%viewers == 0 {
					all <- struct{}{}
				}
			}
		}()
	}
	f := h.feeds[1]
	delta := ticketing.Delta{Changes: make([]ticketing.SeatChange, 10)}
	for b.Loop() {
		f.mu.Lock()
		delta.Seq++
		cut := f.send(delta)
		f.mu.Unlock()
		if cut > 0 {
			b.Fatalf("%d viewers cut", cut)
		}
		<-all
	}
	b.ReportMetric(float64(b.N)*viewers/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(perViewer, "B/viewer")
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// One message after the other, nothing joined: what a publish costs one worker.
func BenchmarkSend(b *testing.B) {
	br, err := Start(b.Context(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer br.Close(context.WithoutCancel(b.Context()))
	r := NewRelay(RelayConfig{Broadcaster: br, Journal: newLedger()})
	var at cursor
	record := ticketing.EncodeEvents(nil, []ticketing.Event{{At: startTime, Fact: ticketing.SaleOpened{}}})
	for b.Loop() {
		chunk := ticketing.Chunk{From: at.to + 1, To: at.to + 1, Payload: ticketing.ChunkPayload(1, record)}
		if err := r.send(b.Context(), "round:1", &at, []ticketing.Chunk{chunk}, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// From a commit to the frame that shows it, with the house's pace, in a round where something happens every 3 ms.
func BenchmarkCommitToFrame(b *testing.B) {
	br, err := Start(b.Context(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer br.Close(context.WithoutCancel(b.Context()))
	l := newLedger()
	l.commit("round:1", []ticketing.Event{{At: startTime, Fact: ticketing.SaleOpened{}}})
	h := NewHub(HubConfig{Broadcaster: br, Encode: encodeDelta, EncodeSnapshot: encodeMap,
		Ask: func(context.Context, ticketing.Stream, ticketing.Command) ticketing.Result {
			return ticketing.Result{SeatStates: []byte(".."), Owners: make([]uint32, 2), Seq: 1, Status: ticketing.Status{Phase: ticketing.Open}}
		}})
	defer h.Close()
	r := NewRelay(RelayConfig{Broadcaster: br, Journal: l})
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go r.Run(ctx)
	frames, err := h.Watch(ctx, 1, 0)
	if err != nil {
		b.Fatal(err)
	}
	<-frames
	committed := []time.Time{{}, {}}
	var took []time.Duration
	tick := time.NewTicker(3 * time.Millisecond)
	for len(took) < b.N {
		select {
		case <-tick.C:
			block := ticketing.Event{At: startTime, Fact: ticketing.SeatsBlocked{Seats: []ticketing.SeatIndex{0}}}
			if len(committed)%2 == 0 {
				block.Fact = ticketing.SeatsFreed{Seats: []ticketing.SeatIndex{0}}
			}
			committed = append(committed, time.Now())
			l.commit("round:1", []ticketing.Event{block})
			r.Hint("round:1")
		case f := <-frames:
			for ; len(took)+2 <= int(f.Seq); took = append(took, time.Since(committed[len(took)+2])) {
			}
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
}

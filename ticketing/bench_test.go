package ticketing

import (
	"fmt"
	"testing"
)

// No assertions: the numbers stand in the report. `go test ./ticketing -run '^$' -bench .`

func openRound(b *testing.B, seats int) *Round {
	b.Helper()
	plan, err := PlainPlan(seats)
	if err != nil {
		b.Fatal(err)
	}
	r := NewRound(testRound, plan)
	terms := openTerms(plan)
	if err := terms.Validate(plan); err != nil {
		b.Fatal(err)
	}
	r.Apply(Event{scriptDay, RoundPlanned{plan.Hash(), terms}})
	r.Apply(opened)
	return r
}

// reservation n, of two seats, by a customer of its own.
func nth(plan *Plan, n int) ReserveSeats {
	i := SeatIndex(2 * n)
	cmd := ReserveSeats{User: UserID(n + 1), Seats: []string{plan.Label(i), plan.Label(i + 1)}}
	cmd.Key[0], cmd.Key[1], cmd.Key[2] = byte(n), byte(n>>8), byte(n>>16)
	return cmd
}

var hallSizes = []int{20_007, MaxPlanSeats}

// BenchmarkReserve: selling a hall out, two seats at a time; sales that are over start again.
func BenchmarkReserve(b *testing.B) {
	for _, seats := range hallSizes {
		b.Run(fmt.Sprintf("granted/seats=%d", seats), func(b *testing.B) {
			fresh := openRound(b, seats)
			cmds := make([]ReserveSeats, seats/2)
			for n := range cmds {
				cmds[n] = nth(fresh.plan, n)
			}
			r, n := fresh, 0
			b.ReportAllocs()
			for b.Loop() {
				if n == len(cmds) {
					b.StopTimer()
					r, n = openRound(b, seats), 0
					b.StartTimer()
				}
				if _, res := Act(r, cmds[n], openAt); res.Code != OK {
					b.Fatal(res.Code)
				}
				n++
			}
		})
		b.Run(fmt.Sprintf("refused/seats=%d", seats), func(b *testing.B) {
			r := soldOut(b, seats)
			cmd := nth(r.plan, 17)
			cmd.User = 1 << 40
			b.ReportAllocs()
			for b.Loop() {
				if _, res := Act(r, cmd, openAt); res.Code != CodeSeatTaken {
					b.Fatal(res.Code)
				}
			}
		})
	}
}

func soldOut(b *testing.B, seats int) *Round {
	b.Helper()
	r := openRound(b, seats)
	for n := range seats / 2 {
		if _, res := Act(r, nth(r.plan, n), openAt); res.Code != OK {
			b.Fatal(res.Code)
		}
	}
	return r
}

// BenchmarkSnapshot writes a full hall down, brings it back, and copies it in memory.
func BenchmarkSnapshot(b *testing.B) {
	for _, seats := range hallSizes {
		r := soldOut(b, seats)
		s := TakeSnapshot(RoundStream(testRound), r, Head{})
		b.Run(fmt.Sprintf("take/seats=%d", seats), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(s.State)))
			for b.Loop() {
				TakeSnapshot(RoundStream(testRound), r, Head{})
			}
		})
		b.Run(fmt.Sprintf("copy/seats=%d", seats), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Copy()
			}
		})
		b.Run(fmt.Sprintf("restore/seats=%d", seats), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(s.State)))
			for b.Loop() {
				if _, err := Restore(RoundStream(testRound), History{Plan: r.plan, Snapshot: &s}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReplay1M folds a journal of a million events: holds that are given back, in chunks of 100.
func BenchmarkReplay1M(b *testing.B) {
	const events, perChunk = 1_000_000, 100
	r := openRound(b, 20_007)
	first := []Event{{scriptDay, RoundPlanned{r.plan.Hash(), openTerms(r.plan)}}, opened}
	tail := []Chunk{{From: 1, To: 2, Payload: ChunkPayload(2, EncodeEvents(nil, first))}}
	var pending []Event
	for n := 0; r.Seq() < events; n++ {
		cmd := nth(r.plan, n%10_000)
		cmd.Key[8], cmd.Key[9] = byte(n/10_000), byte(n/10_000>>8) // a new key each time round
		made, res := Act(r, cmd, openAt+Millis(n))
		pending = append(pending, made...)
		made, _ = Act(r, ReleaseReservation{cmd.User, res.Reservation.ID.Number}, openAt+Millis(n))
		pending = append(pending, made...)
		if len(pending) >= perChunk {
			tail = append(tail, Chunk{From: r.Seq() + 1 - uint64(len(pending)), To: r.Seq(), Payload: ChunkPayload(len(pending), EncodeEvents(nil, pending))})
			pending = pending[:0]
		}
	}
	total := 0
	for _, c := range tail {
		total += int(c.To - c.From + 1)
	}
	b.ResetTimer()
	for b.Loop() {
		if _, err := Restore(RoundStream(testRound), History{Plan: r.plan, Tail: tail}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkAuditor is the cost of the second bookkeeping, as `ticketblue verify` pays it.
func BenchmarkAuditor(b *testing.B) {
	r := openRound(b, 20_007)
	events := []Event{{scriptDay, RoundPlanned{r.plan.Hash(), openTerms(r.plan)}}, opened}
	for n := range 10_000 {
		made, _ := Act(r, nth(r.plan, n), openAt)
		events = append(events, made...)
	}
	b.ReportAllocs()
	for b.Loop() {
		a := NewAuditor(r.plan)
		for _, e := range events {
			if err := a.See(e); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(len(events))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

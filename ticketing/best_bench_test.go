package ticketing

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"testing"
)

// stadium is the largest hall there may be: 10 sections of 100 rows of 100 seats, four grades, nearest first.
func stadium(b *testing.B) *Plan {
	b.Helper()
	var seats []Seat
	for i := range MaxPlanSeats {
		section, row, number := i/10_000, i/100%100, i%100
		seats = append(seats, Seat{
			Section: string(rune('A' + section)), Row: fmt.Sprint(row + 1), Number: number + 1, Grade: section / 3,
			X: (section%2*104 + number) * 55, Y: 800 + (section/2*104+row)*95,
		})
	}
	plan, err := NewPlan([]string{"VIP", "R", "S", "A"}, seats)
	if err != nil {
		b.Fatal(err)
	}
	return plan
}

// BenchmarkBest: what Decide costs on 100,000 seats, by how full they are.
func BenchmarkBest(b *testing.B) {
	plan := stadium(b)
	random := rand.New(rand.NewPCG(1, 2))
	fillings := []struct {
		name string
		free func(i int) bool
	}{
		{"empty", func(int) bool { return true }},
		{"half", func(int) bool { return random.IntN(2) == 0 }},
		{"99.9%", func(int) bool { return random.IntN(1000) == 0 }},
		{"checkerboard", func(i int) bool { return i%2 == 0 }},
		{"lone_pairs", func(i int) bool { return i%4 < 2 }}, // whoever takes one leaves an orphan: every word is looked at
		{"last_row", func(i int) bool { return i >= MaxPlanSeats-100 }},
		{"sold_out", func(int) bool { return false }},
	}
	for _, f := range fillings {
		r := NewRound(testRound, plan)
		r.Apply(Event{scriptDay, RoundPlanned{plan.Hash(), openTerms(plan)}})
		r.Apply(opened)
		for i := range plan.Seats {
			if !f.free(i) {
				r.setSeat(SeatIndex(i), SeatSold)
			}
		}
		for _, cmd := range []ReserveBest{{Count: 1}, {Count: 2}, {Count: 4}, {Count: 2, Grade: "A"}, {Count: 2, Section: "J"}} {
			cmd.User = 1
			_, res := r.Decide(cmd, openAt)
			name := fmt.Sprintf("%s/n=%d,%s%s/%s", f.name, cmd.Count, cmd.Grade, cmd.Section, cmp.Or(res.Code, "yes"))
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r.Decide(cmd, openAt)
				}
			})
		}
	}
}

// BenchmarkSellOutByBest sells 100,000 seats in pairs, the best ones first: the mean of all that lies between an empty
// hall and a full one.
func BenchmarkSellOutByBest(b *testing.B) {
	plan := stadium(b)
	var r *Round
	n := 0
	for b.Loop() {
		if n%(MaxPlanSeats/2) == 0 {
			b.StopTimer()
			r = NewRound(testRound, plan)
			r.Apply(Event{scriptDay, RoundPlanned{plan.Hash(), openTerms(plan)}})
			r.Apply(opened)
			b.StartTimer()
		}
		n++
		if _, res := Act(r, ReserveBest{User: UserID(n), Count: 2, Key: Digest{byte(n)}}, openAt); res.Code != OK {
			b.Fatal(res.Code)
		}
	}
}

// BenchmarkLayout is what the search costs once per plan, and once per round in which somebody asks for the best.
func BenchmarkLayout(b *testing.B) {
	plan := stadium(b)
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newLayout(plan)
		}
	})
	for _, seats := range []int{1000, MaxPlanSeats} {
		plan, err := PlainPlan(seats)
		if err != nil {
			b.Fatal(err)
		}
		r := NewRound(testRound, plan)
		b.Run(fmt.Sprintf("round/seats=%d", seats), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.placed = nil
				r.places()
			}
		})
	}
}

// BenchmarkSetSeat is what keeping the summaries costs each seat that changes hands.
func BenchmarkSetSeat(b *testing.B) {
	for _, asked := range []bool{false, true} {
		r := NewRound(testRound, stadium(b))
		if asked {
			r.places()
		}
		b.Run(fmt.Sprintf("best_asked_for=%t", asked), func(b *testing.B) {
			states := []SeatState{SeatHeld, SeatFree}
			i := 0
			for b.Loop() {
				r.setSeat(SeatIndex(i*37%MaxPlanSeats), states[i&1])
				i++
			}
		})
	}
}

// BenchmarkNewPlan is what a plan costs in all, its layout included.
func BenchmarkNewPlan(b *testing.B) {
	plan := stadium(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewPlan(plan.Grades, plan.Seats); err != nil {
			b.Fatal(err)
		}
	}
}

package ticketing

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPlanFind: each seat is found by its own label, in rows with gaps and in any order, and by nothing else.
func TestPlanFind(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var seats []Seat
		for _, name := range []string{"A", "B", "가"} {
			for _, row := range []string{"1", "2", "R"} {
				for number := 1 + rng.IntN(3); number < 30; number += 1 + rng.IntN(20)/19 {
					seats = append(seats, Seat{Section: name, Row: row, Number: number})
				}
			}
		}
		for range rng.IntN(4) {
			i, j := rng.IntN(len(seats)), rng.IntN(len(seats))
			seats[i], seats[j] = seats[j], seats[i]
		}
		labels := map[string]bool{}
		plan, err := NewPlan([]string{"R"}, slices.Clone(seats))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range seats {
			labels[s.Label()] = true
			if at, found := plan.Find(s.Label()); !found || at != SeatIndex(i) {
				t.Fatalf("%s is found at %d (%v), want %d", s.Label(), at, found, i)
			}
		}
		for _, label := range []string{
			"", "-", "A", "A-1", "A-1-", "-1-1", "A--1", "A-1-0", "A-1-01", "A-1-+1", "A-1--1", "A-1-1 ", " A-1-1", "A-1-1x", "a-1-1", "A-1-1-1",
			"A-1-30", "A-1-31", "A-1-100001", "A-1-4294967297", "A-1-18446744073709551617", "C-1-1",
		} {
			if _, found := plan.Find(label); found && !labels[label] {
				t.Errorf("%q is found, and is no seat", label)
			}
		}
	}
}

package main

import (
	"strings"
	"testing"
)

func TestGrowthIsJudged(t *testing.T) {
	g := &Growth{Rounds: []int{1, 100}, Seats: []int{1000, 5000}, Reservations: 100, Repeat: 3, Connections: 8, Bound: 1.5, Timeout: 1}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		rounds, seats float64 // CPU of the largest, the smallest being 100
		line          string
	}{
		"flat":        {101, 99, "PASS  CPU per reservation: 100 rounds ÷ 1 1.01, 5000 seats ÷ 1000 0.99"},
		"many rounds": {160, 100, "FAIL  CPU per reservation: 100 rounds ÷ 1 1.60, 5000 seats ÷ 1000 1.00"},
		"many seats":  {100, 160, "FAIL  CPU per reservation: 100 rounds ÷ 1 1.00, 5000 seats ÷ 1000 1.60"},
	} {
		found := &growth{Cases: g.cases()}
		if len(found.Cases) != 3 {
			t.Fatalf("%d cases, want one for each size and the smallest once", len(found.Cases))
		}
		for i, cpu := range []float64{100, c.rounds, c.seats} {
			for _, noise := range []float64{0, 0, 500} { // one bad run of three
				found.Cases[i].Runs = append(found.Cases[i].Runs, growthIn{Server: cpu/2 + noise, Postgres: cpu / 2})
			}
		}
		if err := found.judge(g); err != nil || !strings.HasPrefix(found.Line, c.line) || found.Pass != strings.HasPrefix(c.line, "PASS") {
			t.Errorf("%s: %v %q", name, err, found.Line)
		}
	}
	if err := (&growth{Cases: g.cases()}).judge(g); err == nil {
		t.Error("judged without figures")
	}
	g.Seats[0] = 16
	if g.Validate() == nil {
		t.Error("two connections may want the same seats")
	}
}

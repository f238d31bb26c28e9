package judge

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// honest is a small sale without fault: four seats, one free, one blocked by nobody.
func honest() Case {
	reservations := []Reservation{
		{ID: "1-1", User: 7, Status: "held", Seats: []string{"A-1-1", "A-1-2"}},
		{ID: "1-2", User: 8, Status: "confirmed", Seats: []string{"A-1-3"}},
		{ID: "1-3", User: 9, Status: "released", Seats: []string{"A-1-1"}},
	}
	counts := Counts{Free: 1, Held: 2, Sold: 1}
	return Case{
		MaxPerUser: 2,
		Acks: []Ack{
			{Key: "k1", ID: "1-1", User: 7, Asked: []string{"A-1-2", "A-1-1"}, Seats: []string{"A-1-1", "A-1-2"}},
			{Key: "k2", ID: "1-2", User: 8, Asked: []string{"A-1-3"}, Seats: []string{"A-1-3"}},
		},
		API: API{
			Totals: counts, Grades: []Counts{{Held: 2}, {Free: 1, Sold: 1}},
			Labels: []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4"}, Map: "hhs.",
			Reservations: map[string]Reservation{"1-1": reservations[0], "1-2": reservations[1]},
		},
		Audit: Audit{OK: true, Counts: counts, Reservations: reservations},
	}
}

func TestAnHonestSalePasses(t *testing.T) {
	v := Judge(honest())
	if !v.Pass() || !strings.HasPrefix(v.Line(), "PASS  3 of 4 seats taken, 2 reservations") {
		t.Errorf("%s %v", v.Line(), v.Examples)
	}
}

func TestEachFaultIsFound(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Case)
		want  []Kind
	}{
		{"a seat in two live reservations", func(c *Case) {
			c.Audit.Reservations[1].Seats = []string{"A-1-2"}
		}, []Kind{Oversold, Lost, Leaked}},
		{"a seat promised twice", func(c *Case) {
			c.Acks[1].Seats, c.Acks[1].Asked = c.Acks[0].Seats, c.Acks[0].Seats
		}, []Kind{Oversold, Lost}},
		{"one reservation promised twice", func(c *Case) {
			c.Acks = append(c.Acks, c.Acks[0])
		}, []Kind{Oversold}},
		{"an ack verify does not know", func(c *Case) {
			c.Audit.Reservations[0].ID = "1-9"
		}, []Kind{Lost, Orphaned}},
		{"an ack that verify gives to somebody else", func(c *Case) {
			c.Audit.Reservations[0].User = 70
		}, []Kind{Lost}},
		{"an ack that ended", func(c *Case) {
			c.Audit.Reservations[0].Status = "expired"
		}, []Kind{Lost, Leaked, Miscounted}},
		{"an ack the API does not know", func(c *Case) {
			delete(c.API.Reservations, "1-2")
		}, []Kind{Lost}},
		{"an ack the API shows with other seats", func(c *Case) {
			c.API.Reservations["1-2"] = Reservation{ID: "1-2", Status: "held", Seats: []string{"A-1-4"}}
		}, []Kind{Lost}},
		{"a yes for other seats than asked", func(c *Case) {
			c.Acks[1].Asked = []string{"A-1-4"}
		}, []Kind{Lost}},
		{"a live reservation nobody was told about", func(c *Case) {
			c.Acks = c.Acks[:1]
		}, []Kind{Orphaned}},
		{"a held seat without a reservation", func(c *Case) {
			c.API.Map = "hhsh"
		}, []Kind{Leaked, Miscounted}},
		{"a reserved seat shown free", func(c *Case) {
			c.API.Map = "h.s."
		}, []Kind{Leaked, Miscounted}},
		{"a sold seat shown held", func(c *Case) {
			c.API.Map = "hhh."
		}, []Kind{Leaked, Miscounted}},
		{"a map of another size", func(c *Case) {
			c.API.Map = "hhs"
		}, []Kind{Leaked, Miscounted}},
		{"a map with another alphabet", func(c *Case) {
			c.API.Map = "hhs?"
		}, []Kind{Leaked, Miscounted}},
		{"a seat the plan does not have", func(c *Case) {
			c.API.Labels[2] = "A-1-30"
		}, []Kind{Leaked}},
		{"a customer above the limit", func(c *Case) { c.MaxPerUser = 1 }, []Kind{OverLimit}},
		{"totals that disagree", func(c *Case) { c.API.Totals.Held++ }, []Kind{Miscounted}},
		{"grades that disagree", func(c *Case) { c.API.Grades[0].Free++ }, []Kind{Miscounted}},
		{"verify's counters that disagree", func(c *Case) { c.Audit.Counts.Sold++ }, []Kind{Miscounted}},
		{"verify not content", func(c *Case) { c.Audit.Problems = []string{"round 1: hash"} }, []Kind{Audited}},
		{"verify not ok without a reason", func(c *Case) { c.Audit.OK = false }, []Kind{Audited}},
		{"seats left over", func(c *Case) { c.WantFull = true }, []Kind{Unsold}},
		{"an attempt without an answer", func(c *Case) { c.Unanswered = []string{"k9"} }, []Kind{Unanswered}},
		{"a 500", func(c *Case) { c.Unexpected = map[string]int{"internal_error": 2} }, []Kind{Unexpected}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := honest()
			test.spoil(&c)
			v := Judge(c)
			var got []Kind
			for _, k := range Kinds {
				if v.Found[k] > 0 {
					got = append(got, k)
				}
			}
			if !reflect.DeepEqual(got, test.want) || !strings.HasPrefix(v.Line(), "FAIL ") {
				t.Errorf("found %v, want %v: %s\n%v", got, test.want, v.Line(), v.Examples)
			}
		})
	}
}

func TestExamplesAreBoundedAndCountsAreNot(t *testing.T) {
	c := honest()
	for i := range 100 {
		c.Unanswered = append(c.Unanswered, fmt.Sprint(i))
	}
	v := Judge(c)
	if v.Found[Unanswered] != 100 || len(v.Examples[Unanswered]) != maxExamples {
		t.Errorf("%d found, %d kept", v.Found[Unanswered], len(v.Examples[Unanswered]))
	}
}

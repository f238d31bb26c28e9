package sim

import (
	"strings"
	"testing"

	"ticketblue/ticketing"
)

// TestAuditorBites shows the auditor one broken promise at a time; planted bugs reach some of them only by way of
// another.
func TestAuditorBites(t *testing.T) {
	held := func(number uint32, user ticketing.UserID, seats ...ticketing.SeatIndex) ticketing.Fact {
		return ticketing.SeatsHeld{
			Number: number, User: user, Seats: seats, ExpiresAt: epoch + 1000, Key: ticketing.DigestOf("key", string(rune('a'+number))),
		}
	}
	twice := held(2, 1, 1).(ticketing.SeatsHeld)
	twice.Key = held(1, 1).(ticketing.SeatsHeld).Key
	answer := func(cmd ticketing.Command, r ticketing.Result) func(*auditor) {
		return func(a *auditor) { a.judge(cmd, r) }
	}
	wants := ticketing.ReserveSeats{User: 2, Seats: []string{"A-1-2"}, Key: ticketing.DigestOf("another")}
	for name, c := range map[string]struct {
		facts []ticketing.Fact
		then  func(*auditor)
		want  string
	}{
		"a seat is sold twice":             {facts: []ticketing.Fact{held(1, 1, 0), held(2, 2, 0)}, want: "P1"},
		"a paid seat moves":                {facts: []ticketing.Fact{held(1, 1, 0), ticketing.ReservationConfirmed{Number: 1}, held(2, 1, 0)}, want: "P1"},
		"an ended reservation lives again": {facts: []ticketing.Fact{held(1, 1, 0), ticketing.HoldReleased{Number: 1}, ticketing.ReservationConfirmed{Number: 1}}, want: "P1"},
		"a customer has too many":          {facts: []ticketing.Fact{held(1, 1, 0, 1), held(2, 1, 2)}, want: "P2"},
		"one key, two reservations":        {facts: []ticketing.Fact{held(1, 1, 0), twice}, want: "P3"},
		"a hold lapses early":              {facts: []ticketing.Fact{held(1, 1, 0), ticketing.HoldLapsed{Number: 1}}, want: "is due at"},
		"a yes without a reservation": {then: answer(wants, ticketing.Result{Seq: 1,
			Reservation: ticketing.Reservation{ID: ticketing.ReservationID{Round: 1, Number: 1}, User: 2}}), want: "P6"},
		"a free seat is called taken": {then: answer(wants, ticketing.Result{Seq: 1, Code: ticketing.CodeSeatTaken, Seats: []string{"A-1-2"}}), want: "P7"},
		"his own seat is called taken": {facts: []ticketing.Fact{held(1, 2, 1)},
			then: answer(wants, ticketing.Result{Seq: 2, Code: ticketing.CodeSeatTaken, Seats: []string{"A-1-2"}}), want: "P7"},
		"told no, and owns": {facts: []ticketing.Fact{held(1, 1, 0)},
			then: answer(ticketing.ReserveSeats{User: 1, Key: twice.Key}, ticketing.Result{Seq: 2, Code: ticketing.CodeSaleNotOpen}), want: "P7"},
		"a limit that is not reached": {then: answer(wants, ticketing.Result{Seq: 1, Code: ticketing.CodeLimitExceeded}), want: "P7"},
		"a wrong seat map": {facts: []ticketing.Fact{held(1, 1, 0)},
			then: answer(ticketing.ReadSeats{}, ticketing.Result{Seq: 2, SeatStates: []byte("....")}), want: "P8"},
		"a wrong hash":           {then: answer(ticketing.ReadHash{}, ticketing.Result{Seq: 1}), want: "P9"},
		"a hold that stays":      {facts: []ticketing.Fact{held(1, 1, 0)}, then: func(a *auditor) { a.settled() }, want: "P10"},
		"nothing wrong, one way": {facts: []ticketing.Fact{held(1, 1, 0, 1), held(2, 1, 1), ticketing.HoldReleased{Number: 1}, held(3, 2, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := ticketing.PlainPlan(4)
			if err != nil {
				t.Fatal(err)
			}
			w := &world{plan: plan, swarm: swarm{seats: 4}, terms: ticketing.Terms{
				Prices: []ticketing.KRW{1}, OpensAt: epoch, ClosesAt: epoch + 9, MaxPerUser: 2,
			}}
			a := newAuditor(w)
			w.auditor = a
			a.landed(1, ticketing.Event{At: epoch, Fact: ticketing.RoundPlanned{Plan: plan.Hash(), Terms: w.terms}})
			for i, f := range c.facts {
				a.landed(uint64(i)+2, ticketing.Event{At: epoch, Fact: f})
			}
			if c.then != nil && a.err == nil {
				w.journal = &journal{w: w}
				c.then(a)
			}
			switch {
			case c.want == "" && a.err != nil:
				t.Error(a.err)
			case c.want != "" && (a.err == nil || !strings.Contains(a.err.Error(), c.want)):
				t.Errorf("%v, want %s", a.err, c.want)
			}
		})
	}
}

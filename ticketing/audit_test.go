package ticketing

import (
	"errors"
	"strings"
	"testing"
)

// The auditor agrees with the round in every script and every random conversation (checked_test.go). Here: it speaks
// up at each broken promise. A history is sound facts, then one that is not.

func auditTerms(plan *Plan) Terms {
	terms := openTerms(plan)
	terms.MaxPerUser = 2
	return terms
}

func planned(plan *Plan) Event {
	return Event{scriptDay, RoundPlanned{plan.Hash(), auditTerms(plan)}}
}

// hold is a reservation made at 20:00:00 until 20:05:00.
func hold(number uint32, user UserID, seats ...SeatIndex) Event {
	return Event{openAt, SeatsHeld{Number: number, User: user, Seats: seats, ExpiresAt: openAt + 300_000, Key: DigestOf(string(rune(number)))}}
}

func at(seconds Millis, f Fact) Event { return Event{openAt + seconds*1000, f} }

var opened = Event{openAt, SaleOpened{}}

// paying brings reservation 1, of user 1 and seat 0 (1000 won), to the provider's door.
func paying() []Event {
	return []Event{
		opened, hold(1, 1, 0), at(1, PaymentStarted{1, 1, openAt + 601_000, ""}), at(1, PaymentPriced{1, 1, 1000}),
	}
}

func asked() []Event { return append(paying(), at(2, PaymentConfirming{1, 1, "pk"})) }

func paid() []Event { return append(asked(), at(3, ReservationConfirmed{1, 1})) }

var violations = []struct {
	name    string
	history []Event
	bad     Event
	want    string // part of the objection
}{
	{"a seat with two live owners", []Event{opened, hold(1, 1, 0)}, hold(2, 2, 0), "reservation 1 (customer 1, held) has it"},
	{"a seat being paid moves", paying(), at(1, hold(2, 1, 0).Fact), "paying) has it"},
	{"a sold seat is sold again", paid(), at(3, SeatsHeld{Number: 2, User: 2, Seats: []SeatIndex{0}, ExpiresAt: openAt + 300_000}), "confirmed) has it"},
	{"a blocked seat given away", []Event{opened, at(0, SeatsBlocked{[]SeatIndex{3}})}, hold(1, 1, 3), "blocked"},
	{"a number used again", []Event{opened, hold(1, 1, 0)}, hold(1, 2, 1), "reservation 1 after 1"},
	{"a number skipped", []Event{opened, hold(1, 1, 0)}, hold(3, 2, 1), "reservation 3 after 1"},
	{"more seats than the terms allow", []Event{opened, hold(1, 1, 0, 1)}, hold(2, 1, 2), "has 3 seats, the limit is 2"},
	{"a seat beyond the plan", []Event{opened}, hold(1, 1, 99), "out of range"},
	{"a seat twice", []Event{opened}, hold(1, 1, 0, 0), "out of range or order"},
	{"a hold of nothing", []Event{opened}, hold(1, 1), "no seats"},
	{"a hold before the sale", nil, hold(1, 1, 0), "scheduled"},
	{"a hold in a pause", []Event{opened, at(0, SalePaused{})}, hold(1, 1, 0), "paused"},
	{"a hold after the sale", []Event{opened, at(0, SaleClosed{})}, hold(1, 1, 0), "closed"},
	{"a hold that has ended already", []Event{opened}, at(0, SeatsHeld{Number: 1, User: 1, Seats: []SeatIndex{0}, ExpiresAt: openAt}), "held at"},
	{"a hold for too long", []Event{opened}, at(0, SeatsHeld{Number: 1, User: 1, Seats: []SeatIndex{0}, ExpiresAt: openAt + 300_001}), "held at"},
	{"a moved seat gains time", []Event{opened, hold(1, 1, 0)}, at(1, SeatsHeld{Number: 2, User: 1, Seats: []SeatIndex{0}, ExpiresAt: openAt + 300_001}), "the hold it comes from"},
	{"two effects of one key", []Event{opened, hold(1, 1, 0)}, at(0, SeatsHeld{Number: 2, User: 1, Seats: []SeatIndex{1}, ExpiresAt: openAt + 1, Key: DigestOf("\x01")}), "key has a live reservation"},

	{"time goes backwards", []Event{opened}, at(-1, SaleClosed{}), "time goes back"},
	{"planned twice", nil, Event{openAt, RoundPlanned{}}, "planned once"},
	{"prices for other grades", nil, at(0, PricesChanged{[]KRW{1}}), "prices"},
	{"an activation again", []Event{at(0, Activated{2})}, at(0, Activated{2}), "activation 2 after 2"},
	{"opened when open", []Event{opened}, opened, "the sale is open"},
	{"paused before it was open", nil, at(0, SalePaused{}), "the sale is scheduled"},
	{"opened after the end", []Event{at(0, SaleClosed{})}, opened, "the sale is closed"},
	{"closed after the end", []Event{at(0, SaleClosed{})}, at(0, SaleClosed{}), "the sale is closed"},
	{"canceled twice", []Event{at(0, RoundCanceled{})}, at(0, RoundCanceled{}), "canceled before"},
	{"opened after the round was canceled", []Event{at(0, RoundCanceled{})}, opened, "the sale is closed"},
	{"a held seat is blocked", []Event{opened, hold(1, 1, 0)}, at(0, SeatsBlocked{[]SeatIndex{0}}), "reservation 1"},
	{"a free seat is unblocked", nil, at(0, SeatsFreed{[]SeatIndex{0}}), "blocked false"},

	{"seats freed that nobody held", []Event{opened}, at(0, HoldReleased{1}), "there is no reservation 1"},
	{"seats freed twice", []Event{opened, hold(1, 1, 0), at(0, HoldReleased{1})}, at(0, HoldReleased{1}), "is released"},
	{"expired after it was released", []Event{opened, hold(1, 1, 0), at(0, HoldReleased{1})}, at(300, HoldLapsed{1}), "is released"},
	{"released when its seats had moved away", []Event{opened, hold(1, 1, 0), hold(2, 1, 0)}, at(0, HoldReleased{1}), "is released"},
	{"expired before its time", []Event{opened, hold(1, 1, 0)}, Event{openAt + 299_999, HoldLapsed{1}}, "is held"},
	{"expired when paid", paid(), at(900, HoldLapsed{1}), "is confirmed"},
	{"expired while the provider is asked", asked(), at(900, HoldLapsed{1}), "is paying"},
	{"released while the provider is asked", asked(), at(3, HoldReleased{1}), "is paying"},

	{"a payment after expiry", []Event{opened, hold(1, 1, 0)}, at(300, PaymentStarted{1, 1, openAt + 400_000, ""}), "is held"},
	{"a payment for too long", []Event{opened, hold(1, 1, 0)}, at(1, PaymentStarted{1, 1, openAt + 601_001, ""}), "is held"},
	{"two open orders", paying(), at(1, PaymentStarted{1, 2, openAt + 600_000, ""}), "is paying"},
	{"an order's number skipped", []Event{opened, hold(1, 1, 0)}, at(1, PaymentStarted{1, 2, openAt + 600_000, ""}), "is held"},
	{"dearer than the seats", paying()[:3], at(1, PaymentPriced{1, 1, 1001}), "is paying"},
	{"priced twice", paying(), at(1, PaymentPriced{1, 1, 900}), "is paying"},
	{"confirmed without a price", paying()[:3], at(1, PaymentConfirming{1, 1, "pk"}), "is paying"},
	{"confirmed at the end of the order's time", paying(), at(601, PaymentConfirming{1, 1, "pk"}), "is paying"},
	{"an answer for an order that never was", paying(), at(2, ReservationConfirmed{1, 2}), "is paying"},
	{"a confirm after release", append(paying(), at(2, HoldReleased{1})), at(3, ReservationConfirmed{1, 1}), "is released"},
	{"a confirm after expiry", append(paying(), at(601, HoldLapsed{1})), at(602, ReservationConfirmed{1, 1}), "is expired"},
	{"a confirm after the round was canceled", append(asked(), at(3, RoundCanceled{})), at(4, ReservationConfirmed{1, 1}), "is canceled"},
	{"a confirm of fewer seats than were paid", []Event{
		opened, hold(1, 1, 0, 1), at(1, PaymentStarted{1, 1, openAt + 600_000, ""}), at(1, PaymentPriced{1, 1, 2000}),
		at(2, PaymentDeclined{1, 1}), at(3, SeatsHeld{Number: 2, User: 1, Seats: []SeatIndex{0}, ExpiresAt: openAt + 300_000}),
	}, at(4, ReservationConfirmed{1, 1}), "is held"},
	{"confirmed twice", paid(), at(4, ReservationConfirmed{1, 1}), "is confirmed"},
	{"declined when paid", paid(), at(4, PaymentDeclined{1, 1}), "is confirmed"},

	{"money back for seats he has", paid(), at(4, RefundDue{1, 1, 1000}), "is confirmed"},
	{"money back while the seats wait for it", asked(), at(4, RefundDue{1, 1, 1000}), "is paying"},
	{"more money back than came in", append(paying(), at(2, HoldReleased{1})), at(3, RefundDue{1, 1, 1001}), "is released"},
	{"canceled before it was paid", asked(), at(4, ReservationCanceled{1, 900}), "is paying"},
	{"canceled after the deadline", paid(), Event{openAt + 30*dayMillis + 1, ReservationCanceled{1, 900}}, "is confirmed"},
	{"a refund without the fee", paid(), at(4, ReservationCanceled{1, 1000}), "refund of 1000"},
	{"refunded twice", append(paid(), at(4, ReservationCanceled{1, 900}), at(5, Refunded{1, 1})), at(6, Refunded{1, 1}), "is canceled"},
	{"refunded, though nothing is owed", paid(), at(4, Refunded{1, 1}), "is confirmed"},
}

func TestAuditorObjects(t *testing.T) {
	plan := rowPlan(t, "RRSSSS")
	for _, v := range violations {
		t.Run(v.name, func(t *testing.T) {
			a := NewAuditor(plan)
			for _, e := range append([]Event{planned(plan)}, v.history...) {
				if err := a.See(e); err != nil {
					t.Fatalf("the history is not sound: %v", err)
				}
			}
			seq := a.Seq()
			err := a.See(v.bad)
			if err == nil || !strings.Contains(err.Error(), v.want) || !strings.Contains(err.Error(), v.bad.Name()) {
				t.Fatalf("got %v, want %q in it", err, v.want)
			}
			if again := a.See(at(100_000, Activated{99})); !errors.Is(again, err) || a.Seq() != seq {
				t.Errorf("after a broken promise: %v at %d", again, a.Seq())
			}
		})
	}
}

func TestAuditorWantsThePlan(t *testing.T) {
	plan, other := rowPlan(t, "RRSSSS"), rowPlan(t, "RRSSS")
	if err := NewAuditor(plan).See(planned(other)); err == nil || !strings.Contains(err.Error(), "plan") {
		t.Errorf("another plan: %v", err)
	}
	if err := NewAuditor(plan).See(opened); err == nil || !strings.Contains(err.Error(), "first") {
		t.Errorf("not planned first: %v", err)
	}
}

func TestAuditorKeepsTheBook(t *testing.T) {
	plan := rowPlan(t, "RRSSSS")
	a := NewAuditor(plan)
	events := append([]Event{planned(plan)}, paid()...)
	events = append(events, at(4, SeatsBlocked{[]SeatIndex{5}}),
		at(5, SeatsHeld{Number: 2, User: 2, Seats: []SeatIndex{1, 2}, ExpiresAt: openAt + 305_000}))
	for _, e := range events {
		if err := a.See(e); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(byteStates(a.Seats())); got != "shh..b" {
		t.Errorf("seats %s", got)
	}
	live := a.Live()
	if len(live) != 2 || live[0].Number != 1 || live[0].Status != Confirmed || live[1].User != 2 || len(live[1].Seats) != 2 {
		t.Errorf("live %+v", live)
	}
	if a.Seq() != uint64(len(events)) {
		t.Errorf("seq %d of %d", a.Seq(), len(events))
	}
}

func byteStates(states []SeatState) []byte {
	out := make([]byte, len(states))
	for i, s := range states {
		out[i] = byte(s)
	}
	return out
}

package ticketing

import (
	"reflect"
	"testing"
)

// The view is asked in every test of the rules (see checked): here, that it answers what matters, often, in random
// conversations that are played to their end.
func TestViewRefuses(t *testing.T) {
	refused, asked := map[Code]int{}, 0
	for seed := range byte(120) {
		ch := &bytewise{noise(seed, 1500)}
		c := anyRound(t, ch)
		for len(ch.left) > 0 {
			action := actions[ch.below(len(actions))]
			action.do(ch, c)
			for _, cmd := range []Command{anyReserve(ch, c), anyReserveBest(ch, c)} {
				now := anyTime(ch, c)
				if refusal, ok := c.refuse(cmd, now); ok {
					refused[refusal.Code]++
				}
				c.act(cmd, now)
				asked++
			}
		}
	}
	t.Logf("%d orders, refused %v", asked, refused)
	for _, code := range []Code{
		CodeSaleNotOpen, CodeSalePaused, CodeSaleClosed, CodeIdempotencyMismatch, CodeSeatUnknown, CodeSeatsInvalid, CodeLimitExceeded,
		CodeSeatBlocked, CodeSeatTaken, CodePaymentInProgress, CodeNoBlock, CodeAllHeld, CodeSoldOut, CodeGradeUnknown, CodeSectionUnknown,
	} {
		if refused[code] == 0 {
			t.Errorf("never refused with %s", code)
		}
	}
}

// A command without digests is refused only for customers of whom no key is remembered, and then as with them.
func TestViewNeedsNoDigestsOfStrangers(t *testing.T) {
	plan := rowPlan(t, "RRRR")
	r := NewRound(testRound, plan)
	r.Apply(Event{openAt, RoundPlanned{plan.Hash(), openTerms(plan)}})
	labels := []string{plan.Label(0)}
	Act(r, ReserveSeats{User: 1, Seats: labels, Key: key("1"), Body: key("a")}, openAt)
	view := r.Copy()
	view.(*Round).places() // looked for by an order that was granted
	for _, blank := range []Command{ReserveSeats{User: 2, Seats: labels}, ReserveBest{User: 2, Count: 4}} {
		if refusal, ok := view.Refuse(blank, openAt); !ok || refusal.Code == OK {
			t.Errorf("%+v of a stranger: %+v, %t", blank, refusal, ok)
		}
	}
	for _, blank := range []Command{ReserveSeats{User: 1, Seats: []string{"?"}}, ReserveBest{User: 1, Count: 4}} {
		if refusal, ok := view.Refuse(blank, openAt); ok {
			t.Errorf("%+v of somebody whose key is remembered: %+v", blank, refusal)
		}
	}
	with, _ := view.Refuse(ReserveSeats{User: 2, Seats: labels, Key: key("2"), Body: key("b")}, openAt)
	without, _ := view.Refuse(ReserveSeats{User: 2, Seats: labels}, openAt)
	if !reflect.DeepEqual(with, without) {
		t.Errorf("with digests %+v, without %+v", with, without)
	}
}

// What time may have changed is the owner's to say: the same order is refused up to the last millisecond of the hold.
func TestViewKnowsItsTime(t *testing.T) {
	plan := rowPlan(t, "RRRR")
	r := NewRound(testRound, plan)
	r.Apply(Event{openAt, RoundPlanned{plan.Hash(), openTerms(plan)}})
	_, held := Act(r, ReserveSeats{User: 1, Seats: []string{plan.Label(0)}, Key: key("1")}, openAt)
	view := r.Copy()
	wants := ReserveSeats{User: 2, Seats: []string{plan.Label(1), plan.Label(0)}, Key: key("2")}
	if refusal, ok := view.Refuse(wants, held.Reservation.ExpiresAt-1); !ok || refusal.Code != CodeSeatTaken {
		t.Errorf("before the hold ends: %+v, %t", refusal, ok)
	}
	if refusal, ok := view.Refuse(wants, held.Reservation.ExpiresAt); ok {
		t.Errorf("when the hold ends: %+v", refusal)
	}
	for _, cmd := range []Command{
		ReserveSeats{User: 2, Seats: []string{plan.Label(1)}, Key: key("2")}, // a yes
		ReserveSeats{User: 1, Seats: []string{plan.Label(0)}, Key: key("1")}, // a yes that was given before
		ReserveSeats{User: 1, Seats: []string{plan.Label(0)}, Key: key("3")}, // his own hold moves
		ReserveBest{User: 2, Count: 4},                                       // would be no_block, but looking for blocks makes the places
		ReleaseReservation{User: 2, Number: 1}, ReadStatus{}, OpenSale{},
	} {
		if refusal, ok := view.Refuse(cmd, openAt); ok {
			t.Errorf("%+v: %+v", cmd, refusal)
		}
	}
}

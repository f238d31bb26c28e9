package ticketing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Rules that take too many steps, or too large a round, for a script.

func rowPlan(t failer, grades string) *Plan {
	t.Helper()
	plan, _, _, err := parseRound([]string{"seats=" + grades})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return plan
}

const openAt = scriptDay + 20*60*60*1000

// openTerms open at 20:00 of day 0 and let everything be canceled until the day before the show.
func openTerms(plan *Plan) Terms {
	terms := Terms{
		OpensAt: openAt, ClosesAt: openAt + 30*dayMillis, StartsAt: openAt + 31*dayMillis, CancelUntil: openAt + 30*dayMillis,
		HoldMillis: 300_000, PayMillis: 600_000, MaxPerUser: DefaultMaxPerUser, CancelFee: 10,
	}
	for i := range plan.Grades {
		terms.Prices = append(terms.Prices, KRW(1000*(i+1)))
	}
	return terms
}

func key(s string) Digest { return DigestOf("key", s) }

// Keys of reservations that wait for their refund may not be forgotten: the 33rd is refused, after limit_exceeded and
// before seat_blocked.
func TestTooManyKeys(t *testing.T) {
	plan := rowPlan(t, "RRR")
	terms := openTerms(plan)
	terms.MaxPerUser = 2
	c := newChecked(t, plan, terms, scriptDay)
	must := func(cmd Command) Result {
		t.Helper()
		_, res := c.act(cmd, openAt)
		if res.Code != OK {
			t.Fatalf("%+v: %s", cmd, res.Code)
		}
		return res
	}
	must(BlockSeats{[]string{"A-1-2"}})
	for n := range uint32(MaxKeysPerUser) {
		id := must(ReserveSeats{User: 1, Seats: []string{"A-1-1"}, Key: key(fmt.Sprint(n))}).Reservation.ID.Number
		must(StartPayment{User: 1, Number: id})
		must(ConfirmPayment{User: 1, Number: id, Attempt: 1, Amount: 1000, PaymentKey: "pk"})
		must(ApprovePayment{Number: id, Attempt: 1})
		must(CancelReservation{User: 1, Number: id})
	}
	for _, step := range []struct {
		seats string
		want  Code
	}{
		{"A-1-1 A-1-2 A-1-3", CodeLimitExceeded},
		{"A-1-1 A-1-2", CodeTooManyKeys},
		{"A-1-1", CodeTooManyKeys},
	} {
		cmd := ReserveSeats{User: 1, Seats: strings.Fields(step.seats), Key: key("one more")}
		if _, res := c.act(cmd, openAt); res.Code != step.want {
			t.Errorf("%s: %q, want %s", step.seats, res.Code, step.want)
		}
	}
	for count, want := range map[int]Code{3: CodeLimitExceeded, 2: CodeTooManyKeys} {
		if _, res := c.act(ReserveBest{User: 1, Count: count, Key: key("one more")}, openAt); res.Code != want {
			t.Errorf("best %d: %q, want %s", count, res.Code, want)
		}
	}
	must(SettleRefund{Number: 5, Attempt: 1})
	if _, res := c.act(ReserveBest{User: 1, Count: 2, Key: key("one more")}, openAt); res.Code != CodeNoBlock {
		t.Errorf("best 2 with room for a key: %q, want %s", res.Code, CodeNoBlock)
	}
	_, res := c.act(ReserveSeats{User: 1, Seats: []string{"A-1-1", "A-1-2"}, Key: key("one more")}, openAt)
	if res.Code != CodeSeatBlocked {
		t.Errorf("with room for a key: %q, want %s", res.Code, CodeSeatBlocked)
	}
	must(ReserveSeats{User: 1, Seats: []string{"A-1-1"}, Key: key("one more")})
	if _, res := c.act(ReadReservation{User: 1, Number: 5}, openAt); res.Code != CodeNotFound {
		t.Errorf("the settled reservation gave its place to the new one, yet reading it gives %q", res.Code)
	}
	// The others' answers stay.
	if res := must(ReserveSeats{User: 1, Seats: []string{"A-1-1"}, Key: key("0")}); !res.Replayed || res.Reservation.ID.Number != 1 {
		t.Errorf("the first key gives %+v", res)
	}
}

func TestSeatsInOneRequest(t *testing.T) {
	plan := rowPlan(t, strings.Repeat("R", 25))
	terms := openTerms(plan)
	terms.MaxPerUser = MaxSeatsPerRequest
	c := newChecked(t, plan, terms, scriptDay)
	var seats []string
	for i := range plan.Seats {
		seats = append(seats, plan.Label(SeatIndex(i)))
	}
	_, res := c.act(ReserveSeats{User: 1, Seats: seats[:MaxSeatsPerRequest+1], Key: key("a")}, openAt)
	if res.Code != CodeSeatsInvalid {
		t.Errorf("%d seats: %q", MaxSeatsPerRequest+1, res.Code)
	}
	_, res = c.act(ReserveSeats{User: 1, Seats: seats[:MaxSeatsPerRequest], Key: key("a")}, openAt)
	if res.Code != OK || len(res.Reservation.Seats) != MaxSeatsPerRequest {
		t.Errorf("%d seats: %+v", MaxSeatsPerRequest, res)
	}
}

func TestPriceListsAreBounded(t *testing.T) {
	plan := rowPlan(t, "R")
	r := NewRound(testRound, plan)
	r.Apply(Event{scriptDay, RoundPlanned{plan.Hash(), openTerms(plan)}})
	for n := 1; n < MaxPriceLists; n++ {
		if _, res := Act(r, ChangePrices{[]KRW{KRW(n)}}, openAt); res.Code != OK {
			t.Fatalf("list %d: %s", n, res.Code)
		}
	}
	if _, res := Act(r, ChangePrices{[]KRW{1}}, openAt); res.Code != CodePricesInvalid {
		t.Errorf("one more: %q", res.Code)
	}
	s := TakeSnapshot(RoundStream(testRound), r, Head{})
	if _, err := Restore(RoundStream(testRound), History{Plan: plan, Snapshot: &s}); err != nil {
		t.Errorf("a round with all its price lists: %v", err)
	}
}

// foreign is a command of some other machine.
type foreign struct{}

func (foreign) command() {}

func TestForeignCommand(t *testing.T) {
	plan := rowPlan(t, "R")
	r := NewRound(testRound, plan)
	r.Apply(Event{scriptDay, RoundPlanned{plan.Hash(), openTerms(plan)}})
	events, res := Act(r, foreign{}, scriptDay)
	if res.Code != CodeCommandUnknown || len(events) > 0 {
		t.Errorf("%+v %v", res, events)
	}
}

func TestTermsAreChecked(t *testing.T) {
	plan := rowPlan(t, "RS")
	for field, spoil := range map[string]func(*Terms){
		"":                   func(*Terms) {},
		"prices":             func(x *Terms) { x.Prices = []KRW{1} },
		"opens_at":           func(x *Terms) { x.OpensAt = 0 },
		"closes_at":          func(x *Terms) { x.ClosesAt = x.OpensAt },
		"starts_at":          func(x *Terms) { x.StartsAt = x.OpensAt },
		"hold_seconds":       func(x *Terms) { x.HoldMillis = 999 },
		"pay_seconds":        func(x *Terms) { x.PayMillis = 20*60*1000 + 1 },
		"max_per_user":       func(x *Terms) { x.MaxPerUser = 21 },
		"cancel_fee_percent": func(x *Terms) { x.CancelFee = 101 },
		"cancel_until":       func(x *Terms) { x.CancelUntil = -1 },
	} {
		terms := openTerms(plan)
		spoil(&terms)
		err := terms.Validate(plan)
		if field == "" {
			if err != nil {
				t.Errorf("sound terms: %v", err)
			}
			continue
		}
		var bad *Invalid
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, prices := range [][]KRW{{-1, 1}, {1, 1_000_000_001}, nil} {
		if validPrices(prices, plan) {
			t.Errorf("prices %v pass", prices)
		}
	}
}

// A plan's own answers do not hang on the order in which a map is walked.
func TestStatesAreWrittenAlike(t *testing.T) {
	var first []byte
	for range 20 {
		plan := rowPlan(t, "RRSSRR")
		c := newChecked(t, plan, openTerms(plan), scriptDay)
		for u := range UserID(6) {
			c.act(ReserveSeats{User: u + 1, Seats: []string{plan.Label(SeatIndex(u))}, Key: key("a")}, openAt)
		}
		c.act(CancelRound{}, openAt+1)
		written := slices.Concat(c.bytes, c.live.Snapshot())
		if first == nil {
			first = written
		}
		if !slices.Equal(first, written) {
			t.Fatal("the same commands gave different bytes")
		}
	}
}

// TestReadOrder: the saga sees each attempt as it stands, with what customers do not see.
func TestReadOrder(t *testing.T) {
	plan, err := PlainPlan(2)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRound(42, plan)
	r.Apply(Event{1, RoundPlanned{plan.Hash(), Terms{
		Prices: []KRW{30_000}, OpensAt: 1, ClosesAt: 1e6, StartsAt: 1e6, HoldMillis: 60_000, PayMillis: 60_000, MaxPerUser: 2,
	}}})
	for _, cmd := range []Command{
		ReserveSeats{User: 5, Seats: []string{"A-1-1"}, Key: DigestOf("a")}, StartPayment{User: 5, Number: 1, Coupon: "3-9"},
		DeclinePayment{1, 1}, StartPayment{User: 5, Number: 1}, ConfirmPayment{5, 1, 2, 30_000, "key"},
	} {
		if _, res := Act(r, cmd, 100); res.Code != OK {
			t.Fatalf("%T: %s", cmd, res.Code)
		}
	}
	id := OrderID{ReservationID{42, 1}, 1}
	for attempt, want := range map[uint32]Order{
		1: {ID: id, User: 5, Reservation: Paying, State: OrderDeclined, Coupon: "3-9", Price: 30_000},
		2: {ID: OrderID{id.Reservation, 2}, User: 5, Reservation: Paying, State: OrderConfirming, Price: 30_000, Amount: 30_000, Priced: true, PaymentKey: "key"},
	} {
		if _, res := Act(r, ReadOrder{1, attempt}, 100); res.Order == nil || *res.Order != want {
			t.Errorf("attempt %d: %+v, want %+v", attempt, res.Order, want)
		}
	}
	for _, cmd := range []ReadOrder{{1, 0}, {1, 3}, {2, 1}, {0, 0}} {
		if _, res := Act(r, cmd, 100); res.Code != CodeNotFound || res.Order != nil {
			t.Errorf("%+v: %s", cmd, res.Code)
		}
	}
}

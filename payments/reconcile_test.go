package payments

import (
	"context"
	"errors"
	"testing"
	"time"

	"ticketblue/ticketing"
)

func TestCompare(t *testing.T) {
	order := func(state ticketing.OrderState, status ticketing.ReservationStatus) ticketing.Order {
		o := orderIn(state)
		o.Reservation = status
		return o
	}
	free := order(ticketing.OrderPaid, ticketing.Confirmed)
	free.Amount, free.PaymentKey = 0, FreeKey
	open := order(ticketing.OrderOpen, ticketing.Paying)
	open.PaymentKey = ""
	silent := Answer{Say: Nothing, Code: CodeNoAnswer}
	said := func(a Answer) []ticketing.ProviderCall {
		return []ticketing.ProviderCall{EvidenceOf(orderIn(ticketing.OrderConfirming), Look, 0, a)}
	}
	foreign := shown(Done, price, price)
	foreign.Payment.Foreign = true
	another := shown(Done, price, price)
	another.Payment.Order = anothers
	paid, confirmed := ticketing.OrderPaid, ticketing.Confirmed
	for name, c := range map[string]struct {
		order ticketing.Order
		calls []ticketing.ProviderCall
		a     Answer
		want  Verdict
	}{
		"paid":                            {order(paid, confirmed), nil, shown(Done, price, price), Agrees},
		"paid, by its kept word":          {order(paid, confirmed), said(shown(Done, price, price)), silent, Agrees},
		"paid, and nobody says":           {order(paid, confirmed), nil, silent, Unproven},
		"paid, and unknown":               {order(paid, confirmed), nil, Answer{Say: Missing}, Orphan},
		"paid, and only authenticated":    {order(paid, confirmed), nil, shown(InProgress, price, price), Orphan},
		"paid, and some of it is gone":    {order(paid, confirmed), nil, shown(PartCanceled, price, price-1), Orphan},
		"paid in dollars":                 {order(paid, confirmed), nil, foreign, Orphan},
		"paid by another's payment":       {order(paid, confirmed), nil, another, Orphan},
		"paid, for seats that are gone":   {order(paid, ticketing.Expired), nil, shown(Done, price, price), Orphan},
		"free":                            {free, nil, Answer{}, Agrees},
		"free, and the provider was used": {free, said(shown(Done, price, price)), Answer{}, Orphan},
		"open":                            {open, nil, Answer{}, Agrees},
		"declined":                        {order(ticketing.OrderDeclined, ticketing.Held), nil, shown(Aborted, price, price), Agrees},
		"declined, by its kept word":      {order(ticketing.OrderDeclined, ticketing.Held), said(Answer{Say: Refused, Code: "X"}), silent, Agrees},
		"declined, and taken":             {order(ticketing.OrderDeclined, ticketing.Expired), nil, shown(Done, price, price), Orphan},
		"confirming":                      {order(ticketing.OrderConfirming, ticketing.Paying), nil, silent, Underway},
		"confirming, and taken":           {order(ticketing.OrderConfirming, ticketing.Paying), nil, shown(Done, price, price), Underway},
		"owed":                            {order(ticketing.OrderRefundDue, ticketing.Canceled), nil, shown(Done, price, price), Underway},
		"owed, and more is gone":          {order(ticketing.OrderRefundDue, ticketing.Canceled), nil, shown(PartCanceled, price, 0), Orphan},
		"refunded":                        {order(ticketing.OrderRefunded, ticketing.Canceled), nil, shown(PartCanceled, price, price-back), Agrees},
		"refunded, and still there":       {order(ticketing.OrderRefunded, ticketing.Canceled), nil, shown(Done, price, price), Orphan},
		"refunded twice":                  {order(ticketing.OrderRefunded, ticketing.Canceled), nil, shown(PartCanceled, price, 0), Orphan},
	} {
		if line := Compare(c.order, c.calls, c.a); line.Verdict != c.want || (line.Verdict == Orphan) != (line.Why != "" && line.Verdict == Orphan) {
			t.Errorf("%s: %+v, want %s", name, line, c.want)
		}
	}
}

// shelf is a provider with payments by key, and a ledger.
type shelf struct {
	Gateway
	payments map[string]Payment
	entries  []Entry
	broken   error
}

func (s shelf) Payment(_ context.Context, key string) Answer {
	if p, found := s.payments[key]; found {
		return Answer{Say: Shown, Payment: p}
	}
	return Answer{Say: Missing}
}

func (s shelf) Ledger(context.Context, time.Time, time.Time, string) ([]Entry, error) {
	return s.entries, s.broken
}

func TestReconcile(t *testing.T) {
	paid := orderIn(ticketing.OrderPaid)
	paid.Reservation = ticketing.Confirmed
	s := shelf{payments: map[string]Payment{key: shown(Done, price, price).Payment, "second": {Status: Done, Order: orderID, Balance: 7}}}
	var calls []ticketing.ProviderCall
	looked := 0
	r := Reconciler{
		Gateway: s,
		Orders: func(context.Context, ticketing.RoundID) ([]ticketing.Order, error) {
			if looked++; looked == 1 { // it is confirmed while we compare
				early := paid
				early.State, early.Reservation = ticketing.OrderDeclined, ticketing.Held
				return []ticketing.Order{early}, nil
			}
			return []ticketing.Order{paid}, nil
		},
		Calls: func(context.Context, ticketing.RoundID) ([]ticketing.ProviderCall, error) { return calls, nil },
	}
	now := time.Now()
	find := func() *Reconciliation {
		t.Helper()
		report, err := r.Rounds(t.Context(), []ticketing.RoundID{42}, now.Add(-time.Hour), now)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if report := find(); !report.OK || report.Agree != 1 || looked != 2 {
		t.Errorf("after a second look: %+v, %d looks", report, looked)
	}
	s.entries = []Entry{{Key: key, Order: orderID}, {Key: "not ours"}, {Key: "second", Order: orderID}, {Key: "second", Order: orderID}}
	r.Gateway = s
	if report := find(); report.OK || report.Orphans != 1 || report.Lines[0].Has != 7 {
		t.Errorf("a second payment for the same order: %+v", report)
	}
	s.entries = nil
	r.Gateway = s
	calls = []ticketing.ProviderCall{{Order: anothers, Key: "x", Said: "shown", Balance: 5}}
	if report := find(); report.OK || report.Orphans != 1 || report.Lines[0].Order != anothers.String() {
		t.Errorf("a call for no order: %+v", report)
	}
	s.broken = errors.New("closed")
	r.Gateway = s
	if _, err := r.Rounds(t.Context(), nil, now.Add(-time.Hour), now); !errors.Is(err, s.broken) {
		t.Errorf("books that cannot be read: %v", err)
	}
}

// TestFold holds the fold against the round itself.
func TestFold(t *testing.T) {
	plan, err := ticketing.PlainPlan(4)
	if err != nil {
		t.Fatal(err)
	}
	round, fold := ticketing.NewRound(1, plan), NewFold(1)
	see := func(e ticketing.Event) { round.Apply(e); fold.Apply(e) }
	see(ticketing.Event{At: began, Fact: ticketing.RoundPlanned{Plan: plan.Hash(), Terms: ticketing.Terms{
		Prices: []ticketing.KRW{price}, OpensAt: began, ClosesAt: began + tick*9, StartsAt: began + tick*9, HoldMillis: 300_000,
		PayMillis: 600_000, MaxPerUser: 4, CancelUntil: began + tick, CancelFee: 10,
	}}})
	now := began
	act := func(cmd ticketing.Command) {
		t.Helper()
		now += 1000
		events, result := ticketing.Act(round, cmd, now)
		if result.Code != ticketing.OK {
			t.Fatalf("%+v: %s", cmd, result.Code)
		}
		for _, e := range events {
			fold.Apply(e)
		}
	}
	reserve := func(seat string) {
		act(ticketing.ReserveSeats{User: 1, Seats: []string{seat}, Key: ticketing.DigestOf(seat)})
	}
	pay := func(number, attempt uint32) {
		act(ticketing.StartPayment{User: 1, Number: number})
		act(ticketing.ConfirmPayment{User: 1, Number: number, Attempt: attempt, Amount: price, PaymentKey: "k"})
	}
	for _, seat := range []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4"} {
		reserve(seat)
	}
	pay(1, 1)
	act(ticketing.DeclinePayment{Number: 1, Attempt: 1})
	pay(1, 2)
	act(ticketing.ApprovePayment{Number: 1, Attempt: 2})
	act(ticketing.CancelReservation{User: 1, Number: 1})
	act(ticketing.SettleRefund{Number: 1, Attempt: 2})
	pay(2, 1)
	act(ticketing.ApprovePayment{Number: 2, Attempt: 1})
	pay(3, 1)
	act(ticketing.StartPayment{User: 1, Number: 4, Coupon: "3-1"})
	act(ticketing.CancelRound{})
	act(ticketing.ApprovePayment{Number: 3, Attempt: 1}) // it comes too late
	orders := fold.Orders()
	if len(orders) != 5 {
		t.Fatalf("%d orders", len(orders))
	}
	for _, o := range orders {
		_, r := ticketing.Act(round, ticketing.ReadOrder{Number: o.ID.Reservation.Number, Attempt: o.ID.Attempt}, now)
		want := *r.Order
		want.Price = 0 // the fold knows no plan
		if o != want {
			t.Errorf("folded %+v, the round has %+v", o, want)
		}
	}
}

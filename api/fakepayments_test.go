package api

import (
	"context"
	"sync"
	"time"

	"ticketblue/ticketing"
)

// fakePayments knows neither coupons nor providers: every order is priced in full and approved, unless a test says
// something else.
type fakePayments struct {
	sales    *fakeSales
	check    ticketing.Code                         // refuses before anything is started, if set
	price    func(ticketing.OrderID) ticketing.Code // refuses, if set
	settle   func(ticketing.OrderID) (ticketing.Command, string)
	patience time.Duration

	mu      sync.Mutex
	hints   []ticketing.PaymentHint
	broken  error
	reasons map[ticketing.ReservationID]string
	kept    map[ticketing.ReservationID]ticketing.PaymentView
}

func (f *fakePayments) order(ctx context.Context, id ticketing.OrderID) ticketing.Order {
	r := f.sales.Do(ctx, ticketing.RoundStream(id.Reservation.Round), ticketing.ReadOrder{Number: id.Reservation.Number, Attempt: id.Attempt})
	if r.Order == nil {
		return ticketing.Order{}
	}
	return *r.Order
}

func (f *fakePayments) Check(_ context.Context, _ ticketing.Reservation, _ string) (ticketing.Code, error) {
	return f.check, nil
}

func (f *fakePayments) Released(context.Context, ticketing.OrderID) error { return nil }

func (f *fakePayments) Price(ctx context.Context, id ticketing.OrderID, _ ticketing.Millis) (ticketing.Order, ticketing.Code, error) {
	if f.price != nil {
		if code := f.price(id); code != ticketing.OK {
			return ticketing.Order{}, code, nil
		}
	}
	o := f.order(ctx, id)
	if !o.Priced {
		f.sales.Do(ctx, ticketing.RoundStream(id.Reservation.Round),
			ticketing.PricePayment{Number: id.Reservation.Number, Attempt: id.Attempt, Amount: o.Price})
	}
	return f.order(ctx, id), ticketing.OK, nil
}

func (f *fakePayments) Settle(ctx context.Context, id ticketing.OrderID, _ ticketing.Millis, patience time.Duration) (ticketing.Order, string, error) {
	f.patience = patience
	var command ticketing.Command = ticketing.ApprovePayment{Number: id.Reservation.Number, Attempt: id.Attempt}
	code := ""
	if f.settle != nil {
		command, code = f.settle(id)
	}
	if f.broken != nil {
		return ticketing.Order{}, "", f.broken
	}
	if command != nil {
		f.sales.Do(ctx, ticketing.RoundStream(id.Reservation.Round), command)
	}
	return f.order(ctx, id), code, nil
}

func (f *fakePayments) Hinted(_ context.Context, h ticketing.PaymentHint) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	f.hints = append(f.hints, h)
	return nil
}

func (*fakePayments) OrderName(id ticketing.OrderID) string { return "test-order-" + id.String() }

func (f *fakePayments) PaymentOf(_ context.Context, user ticketing.UserID, id ticketing.ReservationID) (ticketing.PaymentView, error) {
	if v, found := f.kept[id]; found && user == customer {
		return v, nil
	}
	return ticketing.PaymentView{}, ticketing.ErrNotFound
}

func (f *fakePayments) DeclinedFor(context.Context, ticketing.OrderID) (string, error) {
	return "REJECT_CARD_COMPANY", nil
}

func (f *fakePayments) KeepReason(_ context.Context, _ ticketing.UserID, id ticketing.ReservationID, reason string) error {
	if f.broken != nil {
		return f.broken
	}
	if _, known := f.reasons[id]; !known {
		f.reasons[id] = reason
	}
	return nil
}

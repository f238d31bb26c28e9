package payments

import (
	"cmp"
	"slices"

	"ticketblue/ticketing"
)

// Fold reads orders from a round's facts by itself: it shares no rule with the round, and forgets nothing. It is what
// Reconcile holds against the provider's books.
type Fold struct {
	round  ticketing.RoundID
	orders map[ticketing.OrderID]*ticketing.Order
	latest map[uint32]uint32                      // attempt by reservation
	status map[uint32]ticketing.ReservationStatus // by reservation
	users  map[uint32]ticketing.UserID
}

// NewFold reads one round from its first fact on.
func NewFold(round ticketing.RoundID) *Fold {
	return &Fold{
		round: round, orders: map[ticketing.OrderID]*ticketing.Order{}, latest: map[uint32]uint32{},
		status: map[uint32]ticketing.ReservationStatus{}, users: map[uint32]ticketing.UserID{},
	}
}

// Apply takes in the next fact. One that does not fit makes an order that Reconcile finds wrong.
func (f *Fold) Apply(e ticketing.Event) {
	switch fact := e.Fact.(type) {
	case ticketing.SeatsHeld:
		f.status[fact.Number], f.users[fact.Number] = ticketing.Held, fact.User
	case ticketing.HoldReleased:
		f.status[fact.Number] = ticketing.Released
	case ticketing.HoldLapsed:
		f.status[fact.Number] = ticketing.Expired
	case ticketing.PaymentStarted:
		f.latest[fact.Number], f.status[fact.Number] = fact.Attempt, ticketing.Paying
		o := f.order(fact.Number, fact.Attempt)
		o.State, o.Coupon = ticketing.OrderOpen, fact.Coupon
	case ticketing.PaymentPriced:
		o := f.order(fact.Number, fact.Attempt)
		o.Amount, o.Priced = fact.Amount, true
	case ticketing.PaymentConfirming:
		o := f.order(fact.Number, fact.Attempt)
		o.State, o.PaymentKey = ticketing.OrderConfirming, fact.PaymentKey
	case ticketing.PaymentDeclined:
		f.order(fact.Number, fact.Attempt).State = ticketing.OrderDeclined
		if f.status[fact.Number] == ticketing.Paying {
			f.status[fact.Number] = ticketing.Held
		}
	case ticketing.ReservationConfirmed:
		f.order(fact.Number, fact.Attempt).State = ticketing.OrderPaid
		f.status[fact.Number] = ticketing.Confirmed
	case ticketing.ReservationCanceled:
		f.status[fact.Number] = ticketing.Canceled
		f.owe(fact.Number, func(ticketing.KRW) ticketing.KRW { return fact.Refund })
	case ticketing.RefundDue:
		o := f.order(fact.Number, fact.Attempt)
		o.State, o.Refund = ticketing.OrderRefundDue, fact.Amount
	case ticketing.Refunded:
		f.order(fact.Number, fact.Attempt).State = ticketing.OrderRefunded
	case ticketing.RoundCanceled:
		for number, status := range f.status {
			if status == ticketing.Confirmed {
				f.owe(number, func(paid ticketing.KRW) ticketing.KRW { return paid })
			}
			if status.Live() {
				f.status[number] = ticketing.Canceled
			}
		}
	}
}

func (f *Fold) order(number, attempt uint32) *ticketing.Order {
	id := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: f.round, Number: number}, Attempt: attempt}
	o := f.orders[id]
	if o == nil {
		o = &ticketing.Order{ID: id, User: f.users[number]}
		f.orders[id] = o
	}
	return o
}

func (f *Fold) owe(number uint32, refund func(paid ticketing.KRW) ticketing.KRW) {
	for attempt := uint32(1); attempt <= f.latest[number]; attempt++ {
		if o := f.order(number, attempt); o.State == ticketing.OrderPaid && refund(o.Amount) > 0 {
			o.State, o.Refund = ticketing.OrderRefundDue, refund(o.Amount)
		}
	}
}

// Orders are all there were, as they are now, in order of their ids.
func (f *Fold) Orders() []ticketing.Order {
	all := make([]ticketing.Order, 0, len(f.orders))
	for id, o := range f.orders {
		o.Reservation = f.status[id.Reservation.Number]
		all = append(all, *o)
	}
	slices.SortFunc(all, func(a, b ticketing.Order) int {
		return cmp.Or(cmp.Compare(a.ID.Reservation.Number, b.ID.Reservation.Number), cmp.Compare(a.ID.Attempt, b.ID.Attempt))
	})
	return all
}

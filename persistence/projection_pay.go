package persistence

import (
	"fmt"

	"ticketblue/ticketing"
)

// pay takes in a fact about a reservation's orders.
func (f *roundFold) pay(e ticketing.Event) error {
	switch fact := e.Fact.(type) {
	case ticketing.PaymentStarted:
		return f.startPayment(fact)
	case ticketing.PaymentPriced:
		return f.onOrder(fact.Number, fact.Attempt, func(_ *reservationRow, o *orderRow) { o.amount, o.priced = fact.Amount, true })
	case ticketing.PaymentConfirming:
		return f.onOrder(fact.Number, fact.Attempt, func(r *reservationRow, o *orderRow) {
			o.state, o.paymentKey, r.expiresAt = orderConfirming, fact.PaymentKey, 0
		})
	case ticketing.PaymentDeclined:
		return f.onOrder(fact.Number, fact.Attempt, decline)
	case ticketing.ReservationConfirmed:
		if _, err := f.liveRow(fact.Number); err != nil {
			return err
		}
		return f.onOrder(fact.Number, fact.Attempt, func(r *reservationRow, o *orderRow) {
			o.state, r.status, r.expiresAt = orderPaid, ticketing.Confirmed, 0
		})
	case ticketing.ReservationCanceled:
		if r := f.rows[fact.Number]; r != nil {
			f.owe(r, fact.Refund)
		}
		return f.endOf(fact.Number, ticketing.Canceled, e.At)
	case ticketing.RefundDue:
		return f.onOrder(fact.Number, fact.Attempt, func(_ *reservationRow, o *orderRow) { o.state, o.refund = orderRefundDue, fact.Amount })
	case ticketing.Refunded:
		return f.onOrder(fact.Number, fact.Attempt, func(_ *reservationRow, o *orderRow) { o.state = orderRefunded })
	}
	return fmt.Errorf("it is no fact of a round")
}

func (f *roundFold) startPayment(fact ticketing.PaymentStarted) error {
	r, err := f.liveRow(fact.Number)
	if err != nil {
		return err
	}
	if int(fact.Attempt) != len(r.orders)+1 {
		return fmt.Errorf("order %d follows %d", fact.Attempt, len(r.orders))
	}
	r.orders = append(r.orders, &orderRow{
		attempt: fact.Attempt, state: orderOpen, coupon: fact.Coupon, payBy: fact.PayBy, seq: f.seq, changed: true,
	})
	r.status, r.expiresAt = ticketing.Paying, fact.PayBy
	return nil
}

// onOrder changes an order, and the reservation it is of.
func (f *roundFold) onOrder(number, attempt uint32, change func(*reservationRow, *orderRow)) error {
	r, err := f.row(number)
	if err != nil {
		return err
	}
	if attempt == 0 || int(attempt) > len(r.orders) {
		return fmt.Errorf("reservation %d has %d orders, not %d", number, len(r.orders), attempt)
	}
	change(r, f.touch(r.orders[attempt-1]))
	return nil
}

func (f *roundFold) touch(o *orderRow) *orderRow {
	o.changed, o.seq = true, f.seq
	return o
}

// decline puts the reservation back to held until the order's time is over, unless it has ended meanwhile.
func decline(r *reservationRow, o *orderRow) {
	o.state = orderDeclined
	if r.status == ticketing.Paying {
		r.status, r.expiresAt = ticketing.Held, o.payBy
	}
}

// owe turns the paid order into one to be refunded.
func (f *roundFold) owe(r *reservationRow, refund ticketing.KRW) {
	for _, o := range r.orders {
		if o.state == orderPaid && refund > 0 {
			f.touch(o).state, o.refund = orderRefundDue, refund
		}
	}
}

func (r *reservationRow) paid() ticketing.KRW {
	for _, o := range r.orders {
		if o.state == orderPaid {
			return o.amount
		}
	}
	return 0
}

// amount is what the seats cost, by the prices at the hold.
func (r *reservationRow) amount() ticketing.KRW {
	var sum ticketing.KRW
	for _, s := range r.seats {
		sum += s.price
	}
	return sum
}

// refundDue is what is owed to the customer and not given back yet.
func (r *reservationRow) refundDue() ticketing.KRW {
	var sum ticketing.KRW
	for _, o := range r.orders {
		if o.state == orderRefundDue {
			sum += o.refund
		}
	}
	return sum
}

package ticketing

import (
	"fmt"
	"maps"
	"slices"
)

// Apply takes a fact in. The state is the fold of these calls and nothing else.
func (r *Round) Apply(e Event) {
	if e.At < r.lastAt {
		panic(fmt.Sprintf("ticketing: round %d: event %d is older than the one before", r.id, r.seq+1))
	}
	if _, first := e.Fact.(RoundPlanned); first != (r.seq == 0) {
		panic(fmt.Sprintf("ticketing: round %d: event %d is %T", r.id, r.seq+1, e.Fact))
	}
	r.looked = false
	switch f := e.Fact.(type) {
	case RoundPlanned:
		r.applyPlanned(f)
	case Activated:
		r.activations = f.Number
	case SaleOpened:
		r.phase = Open
	case SalePaused:
		r.phase = Paused
	case SaleClosed:
		r.phase = Closed
	case PricesChanged:
		r.prices = append(r.prices, slices.Clone(f.Prices))
	case SeatsBlocked:
		r.setSeats(f.Seats, SeatOff)
	case SeatsFreed:
		r.setSeats(f.Seats, SeatFree)
	case RoundRescheduled:
		r.terms = r.terms.with(f)
	case RoundCanceled:
		r.applyRoundCanceled(e.At)
	case SeatsHeld:
		r.applyHeld(f, e.At)
	case HoldReleased:
		r.end(r.must(f.Number), Released, e.At)
	case HoldLapsed:
		r.end(r.must(f.Number), Expired, e.At)
	default:
		r.applyPayment(e)
	}
	// Only now: the fact may speak of a reservation whose last day is over, such as money that came in late.
	r.forget(e.At)
	r.seq++
	r.lastAt = e.At
	r.checkCounts()
}

func (r *Round) applyPlanned(f RoundPlanned) {
	if f.Plan != r.plan.Hash() {
		panic(fmt.Sprintf("ticketing: round %d was planned with plan %s, not %s", r.id, f.Plan, r.plan.Hash()))
	}
	r.terms = f.Terms
	r.prices = [][]KRW{slices.Clone(f.Terms.Prices)}
	r.phase = Scheduled
}

func (r *Round) setSeats(seats []SeatIndex, to SeatState) {
	for _, i := range seats {
		r.setSeat(i, to)
	}
}

// must is a reservation that a fact speaks of.
func (r *Round) must(number uint32) *reservation {
	v := r.reservations[number]
	if v == nil {
		panic(fmt.Sprintf("ticketing: round %d has no reservation %d", r.id, number))
	}
	return v
}

func (r *Round) applyHeld(f SeatsHeld, at Millis) {
	if f.Number != r.last+1 {
		panic(fmt.Sprintf("ticketing: round %d: reservation %d follows %d", r.id, f.Number, r.last))
	}
	v := &reservation{
		number: f.Number, user: f.User, status: Held, seats: f.Seats, priceList: len(r.prices) - 1,
		heldAt: at, key: f.Key, body: f.Body,
	}
	r.touch()
	c := r.customers[f.User]
	if c == nil {
		c = &customer{}
		r.customers[f.User] = c
	}
	if len(c.made) >= MaxKeysPerUser {
		if old := r.forgettable(c); old != nil {
			r.drop(old)
			r.customers[f.User] = c // drop lets go of a customer without reservations
		}
	}
	r.last = f.Number
	r.reservations[f.Number] = v
	c.made = append(c.made, f.Number)
	for _, i := range f.Seats {
		r.takeSeat(v, c, i, at)
	}
	r.setDeadline(v, f.ExpiresAt)
}

// takeSeat gives a free seat, or one of the customer's older holds, to his new reservation.
func (r *Round) takeSeat(v *reservation, c *customer, i SeatIndex, at Millis) {
	old := r.reservations[r.owner[i]]
	r.owner[i] = v.number
	if old == nil {
		r.setSeat(i, SeatHeld)
		c.seats++
		return
	}
	if old.user != v.user || old.status != Held {
		panic(fmt.Sprintf("ticketing: round %d: seat %s belongs to reservation %d", r.id, r.plan.Label(i), old.number))
	}
	v.heldAt = min(v.heldAt, old.heldAt) // or paying, failing and asking again would hold seats for ever
	old.seats = slices.DeleteFunc(slices.Clone(old.seats), func(s SeatIndex) bool { return s == i })
	if len(old.seats) == 0 {
		r.end(old, Released, at)
	}
}

// end takes a live reservation's seats away and starts its last day.
func (r *Round) end(v *reservation, status ReservationStatus, at Millis) {
	if !v.status.Live() {
		panic(fmt.Sprintf("ticketing: round %d: reservation %d has ended before", r.id, v.number))
	}
	for _, i := range v.seats {
		r.setSeat(i, SeatFree)
		r.owner[i] = 0
	}
	r.customers[v.user].seats -= len(v.seats)
	v.status, v.endedAt = status, at
	r.setDeadline(v, 0)
	r.rememberUntil(v, at)
}

// applyRoundCanceled ends all that lives; what was paid is owed in full. A payment that is being decided has
// ended too: if the provider says yes, RefundDue follows.
func (r *Round) applyRoundCanceled(at Millis) {
	r.phase, r.canceled = Closed, true
	for _, n := range slices.Sorted(maps.Keys(r.reservations)) {
		v := r.reservations[n]
		if !v.status.Live() {
			continue
		}
		if v.status == Confirmed {
			v.owe(v.paid())
		}
		r.end(v, Canceled, at)
	}
}

// owe turns the paid order into one to be refunded.
func (v *reservation) owe(refund KRW) {
	for i := range v.orders {
		if v.orders[i].state == OrderPaid && refund > 0 {
			v.orders[i].state, v.orders[i].refund = OrderRefundDue, refund
		}
	}
}

func (r *Round) applyPayment(e Event) {
	switch f := e.Fact.(type) {
	case PaymentStarted:
		v := r.must(f.Number)
		v.orders = append(v.orders, order{state: OrderOpen, coupon: f.Coupon, seats: len(v.seats)})
		v.status = Paying
		r.setDeadline(v, f.PayBy)
	case PaymentPriced:
		o := r.mustOrder(f.Number, f.Attempt)
		o.amount, o.priced = f.Amount, true
	case PaymentConfirming:
		v, o := r.must(f.Number), r.mustOrder(f.Number, f.Attempt)
		o.state, o.paymentKey, o.payBy = OrderConfirming, f.PaymentKey, v.deadline
		r.setDeadline(v, 0)
	case PaymentDeclined:
		r.applyDeclined(r.must(f.Number), r.mustOrder(f.Number, f.Attempt), e.At)
	case ReservationConfirmed:
		v := r.must(f.Number)
		r.mustOrder(f.Number, f.Attempt).state = OrderPaid
		v.status = Confirmed
		r.setSeats(v.seats, SeatSold)
		r.setDeadline(v, 0)
	case ReservationCanceled:
		v := r.must(f.Number)
		v.owe(f.Refund)
		r.end(v, Canceled, e.At)
	case RefundDue:
		o := r.mustOrder(f.Number, f.Attempt)
		o.state, o.refund = OrderRefundDue, f.Amount
		r.rememberUntil(r.must(f.Number), e.At)
	case Refunded:
		r.mustOrder(f.Number, f.Attempt).state = OrderRefunded
		r.rememberUntil(r.must(f.Number), e.At)
	default:
		panic(fmt.Sprintf("ticketing: %T is no fact of a round", e.Fact))
	}
}

// applyDeclined puts the reservation back to held, until the order's time is over, unless it has ended meanwhile.
func (r *Round) applyDeclined(v *reservation, o *order, at Millis) {
	wasConfirming := o.state == OrderConfirming
	o.state = OrderDeclined
	if v.status != Paying {
		r.rememberUntil(v, at)
		return
	}
	v.status = Held
	if wasConfirming {
		r.setDeadline(v, o.payBy)
	}
}

func (r *Round) mustOrder(number, attempt uint32) *order {
	o := r.must(number).orderOf(attempt)
	if o == nil {
		panic(fmt.Sprintf("ticketing: round %d: reservation %d has no order %d", r.id, number, attempt))
	}
	return o
}

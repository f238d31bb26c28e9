package ticketing

// The naive model's rules about money.

const (
	naivePayLimit = 20 * 60 * 1000 // from the hold to the end of the last payment
)

func (n *naive) start(c StartPayment, now Millis) Result {
	v := n.own(c.User, c.Number)
	if v == nil {
		return no(CodeNotFound)
	}
	switch v.status {
	case Paying:
		if v.newest().coupon == c.Coupon {
			return v.yes()
		}
		return no(CodePaymentInProgress)
	case Confirmed:
		return no(CodeAlreadyConfirmed)
	case Expired:
		return no(CodeHoldExpired)
	case Released, Canceled:
		return no(CodeReservationEnded)
	}
	if len(v.orders) == 10 {
		return no("too_many_attempts")
	}
	payBy := min(now+n.terms.PayMillis, max(v.held+naivePayLimit, v.until)) // a hold longer than 20 minutes keeps its time
	if len(v.orders) > 0 {
		payBy = min(payBy, v.until)
	}
	o := &naiveOrder{state: "open", coupon: c.Coupon, seats: len(v.seats)}
	if c.Coupon == "" {
		o.amount, o.priced = v.amount(), true
	}
	v.orders = append(v.orders, o)
	v.status, v.until = Paying, payBy
	n.happened(now)
	return v.yes()
}

// open is the refusal for an order that is not the one the reservation is being paid by.
func (v *naiveReservation) open(o *naiveOrder) Result {
	switch {
	case v == nil || o == nil:
		return no(CodeNotFound)
	case v.status == Expired:
		return no(CodeHoldExpired)
	case v.status == Released, v.status == Canceled:
		return no(CodeReservationEnded)
	case v.status == Confirmed:
		return no(CodeAlreadyConfirmed)
	case v.status != Paying || o != v.newest():
		return no(CodeNotPayable)
	}
	return Result{}
}

func (n *naive) price(c PricePayment, now Millis) Result {
	v, o := n.order(c.Number, c.Attempt)
	if refusal := v.open(o); refusal.Code != OK {
		return refusal
	}
	if c.Amount < 0 || c.Amount > v.amount() || o.priced && c.Amount != o.amount {
		return no(CodeAmountMismatch)
	}
	if !o.priced {
		o.amount, o.priced = c.Amount, true
		n.happened(now)
	}
	return v.yes()
}

func (n *naive) confirm(c ConfirmPayment, now Millis) Result {
	v, o := n.order(c.Number, c.Attempt)
	if n.own(c.User, c.Number) == nil {
		return no(CodeNotFound)
	}
	if v.status == Confirmed && o != nil && o.state == "paid" && o.key == c.PaymentKey {
		if c.Amount != o.amount {
			return no(CodeAmountMismatch)
		}
		return v.yes()
	}
	if refusal := v.open(o); refusal.Code != OK {
		return refusal
	}
	switch {
	case o.state == "asking" && o.key != c.PaymentKey:
		return no(CodePaymentInProgress)
	case c.PaymentKey == "" || len(c.PaymentKey) > 200:
		return no(CodeNotPayable)
	case !o.priced:
		return no(CodeNotPriced)
	case o.amount != c.Amount:
		return no(CodeAmountMismatch)
	case o.state == "asking":
		return v.yes()
	}
	o.state, o.key, o.until = "asking", c.PaymentKey, v.until
	v.until = 0
	n.happened(now)
	return v.yes()
}

func (n *naive) approve(c ApprovePayment, now Millis) Result {
	v, o := n.order(c.Number, c.Attempt)
	switch {
	case v == nil || o == nil:
		return no(CodeNotFound)
	case !o.priced:
		return no(CodeNotPriced)
	case o.state == "paid" || o.state == "owed" || o.state == "returned":
		return v.yes()
	}
	stillHis := v.status == Held && len(v.seats) == o.seats || v.status == Paying && o == v.newest()
	switch {
	case stillHis:
		o.state, v.status, v.until = "paid", Confirmed, 0
	case o.amount > 0:
		o.owe(o.amount)
	case o.state == "asking": // nothing was paid for nothing
		o.state = "no"
	default:
		return v.yes()
	}
	n.happened(now)
	return v.yes()
}

func (n *naive) decline(c DeclinePayment, now Millis) Result {
	v, o := n.order(c.Number, c.Attempt)
	canceledMeanwhile := o != nil && o.state == "asking" && !v.status.Live()
	switch {
	case o != nil && o.state == "no":
		return v.yes()
	case canceledMeanwhile:
	default:
		if refusal := v.open(o); refusal.Code != OK {
			return refusal
		}
		v.status = Held
		if o.state == "asking" {
			v.until = o.until
		}
	}
	o.state = "no"
	n.happened(now)
	return v.yes()
}

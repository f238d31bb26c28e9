package ticketing

// Payment, seen from the seats: an order is started, priced, confirmed by the customer and then decided by the
// provider. From PaymentConfirming on no clock moves the seats, only the provider's final answer.

// startPayment opens an order. Without a coupon it is priced at once.
func (r *Round) startPayment(c StartPayment, now Millis) ([]Event, Result) {
	v := r.find(c.User, c.Number)
	if v == nil {
		return nil, refuse(CodeNotFound)
	}
	if v.status == Paying && v.order().coupon == c.Coupon {
		return nil, yes(v.number) // asked again: the order that is open already
	}
	if refusal := payable(v); refusal.Code != OK {
		return nil, refusal
	}
	if len(v.orders) >= MaxAttempts {
		return nil, refuse(CodeTooManyAttempts)
	}
	attempt := uint32(len(v.orders)) + 1
	payBy := min(now+r.terms.PayMillis, max(v.heldAt.Add(payLimit), v.deadline))
	if attempt > 1 {
		payBy = min(payBy, v.deadline) // a second try gets no more time than the first left
	}
	events := one(now, PaymentStarted{v.number, attempt, payBy, c.Coupon})
	if c.Coupon == "" {
		events = append(events, Event{now, PaymentPriced{v.number, attempt, r.amount(v)}})
	}
	return events, yes(v.number)
}

// payable: an order may be opened for a held reservation only.
func payable(v *reservation) Result {
	switch v.status {
	case Held:
		return Result{}
	case Paying:
		return refuse(CodePaymentInProgress)
	case Confirmed:
		return refuse(CodeAlreadyConfirmed)
	case Expired:
		return refuse(CodeHoldExpired)
	}
	return refuse(CodeReservationEnded)
}

// openOrder is the order that the reservation is being paid by, if this attempt is it.
func openOrder(v *reservation, attempt uint32) (*order, Result) {
	switch {
	case v == nil || v.orderOf(attempt) == nil:
		return nil, refuse(CodeNotFound)
	case v.status == Expired:
		return nil, refuse(CodeHoldExpired)
	case !v.status.Live():
		return nil, refuse(CodeReservationEnded)
	case v.status == Paying && v.orderOf(attempt) == v.order():
		return v.order(), Result{}
	case v.status == Confirmed:
		return nil, refuse(CodeAlreadyConfirmed)
	}
	return nil, refuse(CodeNotPayable)
}

// pricePayment fixes what the order costs; saying the same price again is harmless.
func (r *Round) pricePayment(c PricePayment, now Millis) ([]Event, Result) {
	v := r.reservations[c.Number]
	o, refusal := openOrder(v, c.Attempt)
	switch {
	case refusal.Code != OK:
		return nil, refusal
	case c.Amount < 0 || c.Amount > r.amount(v) || o.priced && o.amount != c.Amount:
		return nil, refuse(CodeAmountMismatch)
	case o.priced:
		return nil, yes(v.number)
	}
	return one(now, PaymentPriced{c.Number, c.Attempt, c.Amount}), yes(v.number)
}

// confirmPayment writes the provider's key down before the provider is asked: after a crash we know whom to ask.
func (r *Round) confirmPayment(c ConfirmPayment, now Millis) ([]Event, Result) {
	v := r.find(c.User, c.Number)
	if v != nil && v.status == Confirmed {
		if o := v.orderOf(c.Attempt); o != nil && o.state == OrderPaid && o.paymentKey == c.PaymentKey {
			if o.amount != c.Amount {
				return nil, refuse(CodeAmountMismatch)
			}
			return nil, yes(v.number) // the success page was loaded again
		}
	}
	o, refusal := openOrder(v, c.Attempt)
	switch {
	case refusal.Code != OK:
		return nil, refusal
	case o.state == OrderConfirming && o.paymentKey != c.PaymentKey:
		return nil, refuse(CodePaymentInProgress)
	case c.PaymentKey == "" || len(c.PaymentKey) > MaxPaymentKeyBytes:
		return nil, refuse(CodeNotPayable)
	case !o.priced:
		return nil, refuse(CodeNotPriced)
	case o.amount != c.Amount:
		return nil, refuse(CodeAmountMismatch)
	case o.state == OrderConfirming:
		return nil, yes(v.number)
	}
	return one(now, PaymentConfirming{c.Number, c.Attempt, c.PaymentKey}), yes(v.number)
}

// approvePayment: the money is taken. The seats are the customer's if they still are; else the money goes back.
func (r *Round) approvePayment(c ApprovePayment, now Millis) ([]Event, Result) {
	v := r.reservations[c.Number]
	if v == nil || v.orderOf(c.Attempt) == nil {
		return nil, refuse(CodeNotFound)
	}
	o := v.orderOf(c.Attempt)
	switch {
	case !o.priced:
		return nil, refuse(CodeNotPriced)
	case o.state == OrderPaid || o.state == OrderRefundDue || o.state == OrderRefunded:
		return nil, yes(v.number)
	case v.status == Held && o.seats == len(v.seats), v.status == Paying && int(c.Attempt) == len(v.orders):
		return one(now, ReservationConfirmed{c.Number, c.Attempt}), yes(v.number)
	case o.amount == 0 && o.state == OrderConfirming:
		return one(now, PaymentDeclined{c.Number, c.Attempt}), yes(v.number) // nothing was taken: nothing to give back
	case o.amount == 0:
		return nil, yes(v.number)
	}
	return one(now, RefundDue{c.Number, c.Attempt, o.amount}), yes(v.number)
}

// declinePayment: a final no. The customer may try again until the order's time is over.
func (r *Round) declinePayment(c DeclinePayment, now Millis) ([]Event, Result) {
	v := r.reservations[c.Number]
	if v != nil && v.orderOf(c.Attempt) != nil {
		switch o := v.orderOf(c.Attempt); {
		case o.state == OrderDeclined:
			return nil, yes(v.number)
		case o.state == OrderConfirming && !v.status.Live():
			return one(now, PaymentDeclined{c.Number, c.Attempt}), yes(v.number) // the round was canceled meanwhile
		}
	}
	if _, refusal := openOrder(v, c.Attempt); refusal.Code != OK {
		return nil, refusal
	}
	return one(now, PaymentDeclined{c.Number, c.Attempt}), yes(v.number)
}

func (r *Round) settleRefund(c SettleRefund, now Millis) ([]Event, Result) {
	v := r.reservations[c.Number]
	if v == nil || v.orderOf(c.Attempt) == nil {
		return nil, refuse(CodeNotFound)
	}
	switch v.orderOf(c.Attempt).state {
	case OrderRefunded:
		return nil, yes(v.number)
	case OrderRefundDue:
		return one(now, Refunded{c.Number, c.Attempt}), yes(v.number)
	}
	return nil, refuse(CodeNotPayable)
}

package ticketing

import "slices"

// reserve claims seats: all of them or none.
//
// The refusals come in the documented order (result.go). A repeat of a granted request is answered before any of
// them, with the reservation as it is now, even after the sale has closed.
func (r *Round) reserve(c ReserveSeats, now Millis) ([]Event, Result) {
	if answer, done := r.beforeSeats(c.User, c.Key, c.Body); done {
		return nil, answer
	}
	var room [MaxSeatsPerRequest]SeatIndex // on the stack: most are refused
	seats, unknown := r.locate(room[:0], c.Seats)
	names := c.Seats // which are at hand; the plan's would be fetched from memory
	if !slices.IsSorted(seats) {
		slices.Sort(seats)
		names = r.labels(seats)
	}
	if len(unknown) > 0 {
		return nil, refuse(CodeSeatUnknown, unknown...)
	}
	if seats = slices.Compact(seats); len(seats) == 0 || len(seats) != len(c.Seats) || len(seats) > MaxSeatsPerRequest {
		return nil, refuse(CodeSeatsInvalid)
	}
	if refusal := r.mayHave(c.User, seats, names); refusal.Code != OK {
		return nil, refusal
	}
	return r.hold(c.User, seats, c.Key, c.Body, now)
}

// beforeSeats is what can be answered before it matters which seats are asked for.
func (r *Round) beforeSeats(user UserID, key, body Digest) (answer Result, done bool) {
	known := r.madeWith(user, key)
	if known != nil && known.body == body {
		answer = yes(known.number)
		answer.Replayed = true
		return answer, true
	}
	if refusal := r.onSale(); refusal.Code != OK {
		return refusal, true
	}
	if known != nil {
		return refuse(CodeIdempotencyMismatch), true
	}
	return Result{}, false
}

// hold makes the next reservation.
func (r *Round) hold(user UserID, seats []SeatIndex, key, body Digest, now Millis) ([]Event, Result) {
	number := r.last + 1
	return one(now, SeatsHeld{
		Number: number, User: user, Seats: append([]SeatIndex(nil), seats...),
		ExpiresAt: r.holdEnds(user, seats, now), Key: key, Body: body,
	}), yes(number)
}

// madeWith is the reservation that the user's key made, while it is remembered.
func (r *Round) madeWith(user UserID, key Digest) *reservation {
	c := r.customers[user]
	if c == nil {
		return nil
	}
	for _, n := range c.made {
		if v := r.reservations[n]; v.key == key {
			return v
		}
	}
	return nil
}

func (r *Round) onSale() Result {
	switch r.phase {
	case Open:
		return Result{}
	case Paused:
		return refuse(CodeSalePaused)
	case Scheduled:
		return Result{Code: CodeSaleNotOpen, RetryAt: r.terms.OpensAt}
	}
	return refuse(CodeSaleClosed)
}

// mayHave checks the limit, then the seats. Seats that the user holds already count as free for him and are not
// counted twice. Names are the seats'.
func (r *Round) mayHave(user UserID, seats []SeatIndex, names []string) Result {
	var blocked, taken, paying []string
	moving := 0
	c := r.customers[user]
	for n, i := range seats {
		owner := r.owner[i]
		switch status := r.ownStatus(c, owner); {
		case r.seats[i] == SeatOff:
			blocked = append(blocked, names[n])
		case owner == 0:
		case status == Held:
			moving++
		case status == Paying:
			paying = append(paying, names[n])
		default:
			if taken == nil {
				taken = make([]string, 0, len(seats)-n)
			}
			taken = append(taken, names[n])
		}
	}
	if refusal := r.mayAdd(user, len(seats)-moving); refusal.Code != OK {
		return refusal
	}
	switch {
	case len(blocked) > 0:
		return refuse(CodeSeatBlocked, blocked...)
	case len(taken) > 0:
		return Result{Code: CodeSeatTaken, Seats: taken}
	case len(paying) > 0:
		return refuse(CodePaymentInProgress, paying...)
	}
	return Result{}
}

// ownStatus is the status of a customer's own reservation; 0 for nobody's and for that of somebody else, which is not
// even looked up: nearly every refusal is for his seats.
func (r *Round) ownStatus(c *customer, number uint32) ReservationStatus {
	if c == nil || number == 0 || !slices.Contains(c.made, number) {
		return 0
	}
	return r.reservations[number].status
}

// mayAdd checks whether the user may have so many seats more, and one more key.
func (r *Round) mayAdd(user UserID, seats int) Result {
	has, room := r.has(user)
	switch {
	case has+seats > r.terms.MaxPerUser:
		return refuse(CodeLimitExceeded)
	case !room:
		return refuse(CodeTooManyKeys)
	}
	return Result{}
}

// has is how many seats the user has, and whether one more of his keys can be remembered.
func (r *Round) has(user UserID) (seats int, room bool) {
	c := r.customers[user]
	if c == nil {
		return 0, true
	}
	return c.seats, len(c.made) < MaxKeysPerUser || r.forgettable(c) != nil
}

// forgettable is the customer's oldest reservation that has ended with no money on its way.
func (r *Round) forgettable(c *customer) *reservation {
	for _, n := range c.made {
		if v := r.reservations[n]; v.forgetAt != 0 {
			return v
		}
	}
	return nil
}

// holdEnds is the hold time from now, but never later than the holds the seats come from: nobody holds a seat for
// ever by asking for it again and again.
func (r *Round) holdEnds(user UserID, seats []SeatIndex, now Millis) Millis {
	end := now + r.terms.HoldMillis
	for _, i := range seats {
		if v := r.reservations[r.owner[i]]; v != nil && v.user == user {
			end = min(end, v.deadline)
		}
	}
	return end
}

// release gives an unpaid reservation back. Once the provider has been asked for the money it is too late for that.
func (r *Round) release(c ReleaseReservation, now Millis) ([]Event, Result) {
	v := r.find(c.User, c.Number)
	switch {
	case v == nil:
		return nil, refuse(CodeNotFound)
	case v.status == Released:
		return nil, yes(v.number)
	case v.status == Confirmed:
		return nil, refuse(CodeAlreadyConfirmed)
	case v.confirming():
		return nil, refuse(CodePaymentInProgress, r.labels(v.seats)...)
	case v.status == Expired:
		return nil, refuse(CodeHoldExpired)
	case v.status == Canceled:
		return nil, refuse(CodeReservationEnded)
	}
	return one(now, HoldReleased{v.number}), yes(v.number)
}

// cancel gives a confirmed reservation back; the refund follows the round's policy.
func (r *Round) cancel(c CancelReservation, now Millis) ([]Event, Result) {
	v := r.find(c.User, c.Number)
	switch {
	case v == nil:
		return nil, refuse(CodeNotFound)
	case v.status == Canceled:
		return nil, yes(v.number)
	case v.status != Confirmed || now > r.terms.CancelUntil:
		return nil, refuse(CodeNotCancelable)
	}
	return one(now, ReservationCanceled{v.number, r.refundOf(v)}), yes(v.number)
}

// refundOf is what a cancellation gives back: the fee is cut down to whole won, to the customer's good.
func (r *Round) refundOf(v *reservation) KRW {
	paid := v.paid()
	return paid - paid*KRW(r.terms.CancelFee)/100
}

func (v *reservation) paid() KRW {
	i := slices.IndexFunc(v.orders, func(o order) bool { return o.state == OrderPaid })
	if i < 0 {
		return 0
	}
	return v.orders[i].amount
}

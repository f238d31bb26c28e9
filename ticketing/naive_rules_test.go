package ticketing

import (
	"reflect"
	"slices"
)

// The naive model's rules, one function per command, in the words of the design.

func no(code Code, seats ...string) Result { return Result{Code: code, Seats: seats} }

func (v *naiveReservation) yes() Result { return Result{number: v.number} }

func (n *naive) act(cmd Command, now Millis) Result {
	switch c := cmd.(type) {
	case ReserveSeats:
		return n.reserve(c, now)
	case ReserveBest:
		return n.reserveBest(c, now)
	case ReadReservation:
		if v := n.own(c.User, c.Number); v != nil {
			return v.yes()
		}
		return no(CodeNotFound)
	case ReleaseReservation:
		return n.release(c, now)
	case CancelReservation:
		return n.cancel(c, now)
	case StartPayment:
		return n.start(c, now)
	case ConfirmPayment:
		return n.confirm(c, now)
	case PricePayment:
		return n.price(c, now)
	case ApprovePayment:
		return n.approve(c, now)
	case DeclinePayment:
		return n.decline(c, now)
	case SettleRefund:
		v, o := n.order(c.Number, c.Attempt)
		switch {
		case v == nil || o == nil:
			return no(CodeNotFound)
		case o.state != "owed" && o.state != "returned":
			return no(CodeNotPayable)
		case o.state == "owed":
			o.state = "returned"
			n.happened(now)
		}
		return v.yes()
	case ReadStatus, ReadSeats, ReadHash:
		return Result{}
	}
	return n.admin(cmd, now)
}

func (n *naive) any(number uint32) *naiveReservation {
	if number == 0 || int64(number) > int64(len(n.book)) || n.book[number-1].forgotten {
		return nil
	}
	return n.book[number-1]
}

func (n *naive) own(user UserID, number uint32) *naiveReservation {
	if v := n.any(number); v != nil && v.user == user {
		return v
	}
	return nil
}

func (n *naive) order(number, attempt uint32) (*naiveReservation, *naiveOrder) {
	v := n.any(number)
	if v == nil || attempt == 0 || int64(attempt) > int64(len(v.orders)) {
		return v, nil
	}
	return v, v.orders[attempt-1]
}

func (v *naiveReservation) newest() *naiveOrder { return v.orders[len(v.orders)-1] }

// beforeSeats is what does not depend on the seats: a repeat, the sale, the key.
func (n *naive) beforeSeats(user UserID, key, body Digest) (remembered int, oldestEnded *naiveReservation, answer Result, done bool) {
	var sameKey *naiveReservation
	for _, v := range n.book {
		if v.user != user || v.forgotten {
			continue
		}
		remembered++
		if v.key == key {
			sameKey = v
		}
		if oldestEnded == nil && v.quiet != 0 {
			oldestEnded = v
		}
	}
	switch {
	case sameKey != nil && sameKey.body == body:
		answer = sameKey.yes()
		answer.Replayed = true
	case n.phase == Scheduled:
		answer = Result{Code: CodeSaleNotOpen, RetryAt: n.terms.OpensAt}
	case n.phase == Paused:
		answer = no(CodeSalePaused)
	case n.phase == Closed:
		answer = no(CodeSaleClosed)
	case sameKey != nil:
		answer = no(CodeIdempotencyMismatch)
	default:
		return remembered, oldestEnded, Result{}, false
	}
	return remembered, oldestEnded, answer, true
}

func (n *naive) reserve(c ReserveSeats, now Millis) Result {
	remembered, oldestEnded, answer, done := n.beforeSeats(c.User, c.Key, c.Body)
	if done {
		return answer
	}
	full := remembered >= 32
	if unknown := n.unknown(c.Seats); len(unknown) > 0 {
		return no(CodeSeatUnknown, unknown...)
	}
	seats := n.inPlanOrder(c.Seats)
	if len(seats) == 0 || len(seats) > 20 || len(seats) != len(c.Seats) {
		return no(CodeSeatsInvalid)
	}
	if refusal := n.refuseSeats(c.User, seats, full && oldestEnded == nil); refusal.Code != OK {
		return refusal
	}
	if full {
		oldestEnded.forgotten = true
	}
	return n.hold(c, seats, now)
}

func (n *naive) unknown(labels []string) []string {
	var out []string
	for _, label := range labels {
		if !slices.Contains(n.labels(), label) {
			out = append(out, label)
		}
	}
	return out
}

func (n *naive) inPlanOrder(labels []string) []string {
	var out []string
	for _, label := range n.labels() {
		if slices.Contains(labels, label) {
			out = append(out, label)
		}
	}
	return out
}

// refuseSeats: the limit, the keys, then blocked, taken and paying seats, each with the seats that failed. Seats that
// the customer holds count as free for him.
func (n *naive) refuseSeats(user UserID, seats []string, noKeys bool) Result {
	wouldHave := len(seats)
	for _, label := range n.labels() {
		v := n.owner(label)
		moves := v != nil && v.status == Held && slices.Contains(seats, label)
		if v != nil && v.user == user && !moves {
			wouldHave++
		}
	}
	var blocked, taken, paying []string
	for _, label := range seats {
		v := n.owner(label)
		switch {
		case n.blocked[label]:
			blocked = append(blocked, label)
		case v == nil || v.user == user && v.status == Held:
		case v.user == user && v.status == Paying:
			paying = append(paying, label)
		default:
			taken = append(taken, label)
		}
	}
	switch {
	case wouldHave > n.terms.MaxPerUser:
		return no(CodeLimitExceeded)
	case noKeys:
		return no(CodeTooManyKeys)
	case len(blocked) > 0:
		return no(CodeSeatBlocked, blocked...)
	case len(taken) > 0:
		return no(CodeSeatTaken, taken...)
	case len(paying) > 0:
		return no(CodePaymentInProgress, paying...)
	}
	return Result{}
}

func (n *naive) hold(c ReserveSeats, seats []string, now Millis) Result {
	v := &naiveReservation{
		number: uint32(len(n.book) + 1), user: c.User, status: Held, seats: seats, price: n.prices,
		held: now, until: now + n.terms.HoldMillis, key: c.Key, body: c.Body,
	}
	for _, label := range seats {
		old := n.owner(label)
		if old == nil {
			continue
		}
		v.until, v.held = min(v.until, old.until), min(v.held, old.held)
		old.seats = slices.DeleteFunc(slices.Clone(old.seats), func(s string) bool { return s == label })
		if len(old.seats) == 0 {
			n.end(old, Released, now)
		}
	}
	n.book = append(n.book, v)
	n.happened(now)
	return v.yes()
}

func (n *naive) release(c ReleaseReservation, now Millis) Result {
	v := n.own(c.User, c.Number)
	if v == nil {
		return no(CodeNotFound)
	}
	switch v.status {
	case Confirmed:
		return no(CodeAlreadyConfirmed)
	case Expired:
		return no(CodeHoldExpired)
	case Canceled:
		return no(CodeReservationEnded)
	case Paying:
		if v.newest().state == "asking" {
			return no(CodePaymentInProgress, v.seats...)
		}
		n.end(v, Released, now)
	case Held:
		n.end(v, Released, now)
	}
	return v.yes()
}

func (n *naive) cancel(c CancelReservation, now Millis) Result {
	v := n.own(c.User, c.Number)
	switch {
	case v == nil:
		return no(CodeNotFound)
	case v.status == Canceled:
		return v.yes()
	case v.status != Confirmed || now > n.terms.CancelUntil:
		return no(CodeNotCancelable)
	}
	for _, o := range v.orders {
		if o.state == "paid" {
			o.owe(o.amount - o.amount*KRW(n.terms.CancelFee)/100)
		}
	}
	n.end(v, Canceled, now)
	return v.yes()
}

func (o *naiveOrder) owe(amount KRW) {
	if amount > 0 {
		o.state, o.owed = "owed", amount
	}
}

func (n *naive) admin(cmd Command, now Millis) Result {
	switch c := cmd.(type) {
	case OpenSale:
		if n.phase == Closed {
			return no(CodeSaleClosed)
		}
		n.turn(Open, now)
	case PauseSale:
		switch n.phase {
		case Scheduled:
			return Result{Code: CodeSaleNotOpen, RetryAt: n.terms.OpensAt}
		case Closed:
			return no(CodeSaleClosed)
		}
		n.turn(Paused, now)
	case CloseSale:
		n.turn(Closed, now)
	case CancelRound:
		n.cancelRound(now)
	case DropRound:
		if len(n.book) > 0 {
			return no(CodeHasSales)
		}
		n.cancelRound(now)
	case RescheduleRound:
		if n.phase != Scheduled {
			return no(CodeSaleBegun)
		}
		if c.OpensAt <= 0 || c.ClosesAt <= c.OpensAt || c.StartsAt <= c.OpensAt || c.CancelUntil < 0 {
			return no(CodeTimesInvalid)
		}
		before := n.terms
		n.terms.OpensAt, n.terms.ClosesAt, n.terms.StartsAt, n.terms.CancelUntil = c.OpensAt, c.ClosesAt, c.StartsAt, c.CancelUntil
		if !reflect.DeepEqual(n.terms, before) {
			n.happened(now)
		}
	case ChangePrices:
		bad := func(p KRW) bool { return p < 0 || p > 1_000_000_000 }
		if len(c.Prices) != len(n.plan.Grades) || slices.ContainsFunc(c.Prices, bad) || n.lists >= 1000 {
			return no(CodePricesInvalid)
		}
		n.setPrices(c.Prices)
		n.happened(now)
	case BlockSeats:
		return n.block(c.Seats, true, now)
	case UnblockSeats:
		return n.block(c.Seats, false, now)
	}
	return Result{}
}

func (n *naive) turn(phase Phase, now Millis) {
	if n.phase != phase {
		n.phase = phase
		n.happened(now)
	}
}

func (n *naive) cancelRound(now Millis) {
	if n.canceled {
		return
	}
	n.phase, n.canceled = Closed, true
	for _, v := range n.book {
		if !v.status.Live() {
			continue
		}
		for _, o := range v.orders {
			if o.state == "paid" {
				o.owe(o.amount)
			}
		}
		n.end(v, Canceled, now)
	}
	n.happened(now)
}

// block takes free seats off sale, all or none; unblocking leaves seats that are on sale as they are.
func (n *naive) block(labels []string, off bool, now Millis) Result {
	if unknown := n.unknown(labels); len(unknown) > 0 {
		return no(CodeSeatUnknown, unknown...)
	}
	var taken []string
	for _, label := range n.inPlanOrder(labels) {
		if off && n.owner(label) != nil {
			taken = append(taken, label)
		}
	}
	if len(taken) > 0 {
		return no(CodeSeatTaken, taken...)
	}
	for _, label := range labels {
		if n.blocked[label] != off {
			n.blocked[label] = off
			n.happened(now)
		}
	}
	return Result{}
}

package sim

import (
	"slices"

	"ticketblue/ticketing"
)

// replied takes an answer in, at the moment at which it leaves the node.
func (a *auditor) replied(r *request, p *process, result ticketing.Result) {
	t := &a.w.tally
	if r.served {
		a.fail("P10: one request has two answers")
	}
	r.served = true
	a.w.mark('a', uint64(p.id), result.Seq, uint64(len(result.Code)))
	a.w.say("node %d answers session %d %T: %q@%d", p.id, r.client.id, r.op.cmd, result.Code, result.Seq)
	switch result.Code {
	case ticketing.CodeUnavailable, ticketing.CodeBusy:
		t.unavailable++
		return // says nothing
	case ticketing.OK:
		t.yes++
	default:
		t.refused++
	}
	seq := result.Seq
	if seq > a.seq {
		a.fail("P4: %T is answered %q by events up to %d, and only %d have landed", r.op.cmd, result.Code, seq, a.seq)
		return
	}
	base := r.base
	if r.viewed {
		base = r.heard
		t.viewed++
	}
	if seq < base && !a.w.swarm.lyingLease {
		a.fail("P5: %T is answered %q by events up to %d, and %d was known when it was asked", r.op.cmd, result.Code, seq, base)
		return
	}
	a.heard = max(a.heard, seq)
	a.judge(r.op.cmd, result)
}

func (a *auditor) judge(cmd ticketing.Command, r ticketing.Result) {
	if a.w.counter != nil {
		a.w.counter.judge(cmd, r)
		return
	}
	switch c := cmd.(type) {
	case ticketing.ReserveSeats:
		if r.Code == ticketing.OK {
			a.granted(c, r)
		} else {
			a.refused(c, r)
		}
	case ticketing.ReleaseReservation:
		a.own(cmd, c.User, c.Number, r, ticketing.Released)
	case ticketing.ReadReservation:
		a.own(cmd, c.User, c.Number, r, 0)
	case ticketing.StartPayment:
		a.own(cmd, c.User, c.Number, r, ticketing.Paying)
	case ticketing.ConfirmPayment:
		if v := a.claims[c.Number]; r.Code == ticketing.CodeNotFound && v != nil && v.orders.at(r.Seq) < c.Attempt {
			return // a liar who has not heard of the order
		}
		a.own(cmd, c.User, c.Number, r, 0)
	case ticketing.ApprovePayment, ticketing.DeclinePayment:
		if r.Code == ticketing.OK {
			a.shown(r)
		}
	case ticketing.ReadHash:
		a.sameState("the live machine", r.Seq, r.Hash)
	case ticketing.OpenSale:
		a.saleIs(r, ticketing.Open)
	case ticketing.PauseSale:
		a.saleIs(r, ticketing.Paused)
	case ticketing.ReadSeats:
		if want := a.seatStates(r.Seq); string(r.SeatStates) != want {
			a.fail("P8: seats %s at %d are shown as %s", want, r.Seq, r.SeatStates)
		}
	case ticketing.ReadStatus:
		a.status(r)
	}
}

// shown: a reservation in an answer is as it is at the answer's seq.
func (a *auditor) shown(r ticketing.Result) *claim {
	v := r.Reservation
	c := a.claims[v.ID.Number]
	if c == nil || c.seq > r.Seq || c.user != v.User {
		a.fail("P6: reservation %d of user %d is shown at %d and is not there", v.ID.Number, v.User, r.Seq)
		return nil
	}
	if status := c.status.at(r.Seq); status != v.Status {
		a.fail("P6: reservation %d is shown as %v, and is %v at %d", v.ID.Number, v.Status, status, r.Seq)
		return nil
	}
	if v.Status.Live() && !slices.Equal(v.Seats, a.labels(a.seatsOf(c, r.Seq))) {
		a.fail("P6: reservation %d is shown with seats %v, and has %v at %d", v.ID.Number, v.Seats, a.labels(a.seatsOf(c, r.Seq)), r.Seq)
		return nil
	}
	return c
}

func (a *auditor) granted(cmd ticketing.ReserveSeats, r ticketing.Result) {
	c := a.shown(r)
	switch {
	case c == nil:
		return
	case c.user != cmd.User || c.key != cmd.Key:
		a.fail("P6: user %d is answered with reservation %d of user %d", cmd.User, c.number, c.user)
	case !slices.Equal(slices.Sorted(slices.Values(a.labels(c.seats))), slices.Sorted(slices.Values(cmd.Seats))):
		a.fail("P6: asked for %v, reservation %d has %v", cmd.Seats, c.number, a.labels(c.seats))
	case !r.Replayed && c.status.at(r.Seq) != ticketing.Held:
		a.fail("P6: new reservation %d is %v", c.number, c.status.at(r.Seq))
	}
	if first, told := a.told[cmd.Key]; told && first != c.number {
		a.fail("P6: a key was answered with reservation %d and now with %d", first, c.number)
	}
	a.told[cmd.Key] = c.number
	if r.Replayed {
		a.w.tally.replayed++
	}
}

// refused: told no, he has nothing by that key, and the reason is true.
func (a *auditor) refused(cmd ticketing.ReserveSeats, r ticketing.Result) {
	if c := a.keys[cmd.Key]; c != nil && c.seq <= r.Seq {
		a.fail("P7: user %d is told %q at %d, and his key made reservation %d at %d", cmd.User, r.Code, r.Seq, c.number, c.seq)
		return
	}
	phase := a.phase.at(r.Seq)
	ok := false
	switch r.Code {
	case ticketing.CodeSaleNotOpen:
		ok = phase == ticketing.Scheduled
	case ticketing.CodeSalePaused:
		ok = phase == ticketing.Paused
	case ticketing.CodeSaleClosed:
		ok = phase == ticketing.Closed
	case ticketing.CodeLimitExceeded:
		ok = a.liveSeats(cmd.User, r.Seq)+len(cmd.Seats)-len(a.blockers(cmd, r.Seq).moving) > a.w.terms.MaxPerUser
	case ticketing.CodeSeatTaken:
		ok = len(r.Seats) > 0 && slices.Equal(a.blockers(cmd, r.Seq).taken, r.Seats)
	case ticketing.CodePaymentInProgress:
		ok = len(r.Seats) > 0 && slices.Equal(a.blockers(cmd, r.Seq).paying, r.Seats)
	}
	if !ok {
		a.fail("P7: user %d is told %q %v of %v at %d: not so. Sale %v, he has %d seats, %+v",
			cmd.User, r.Code, r.Seats, cmd.Seats, r.Seq, phase, a.liveSeats(cmd.User, r.Seq), a.blockers(cmd, r.Seq))
	}
}

// blockers are the seats of a request that somebody has: in plan order.
type blockers struct{ moving, taken, paying []string }

func (a *auditor) blockers(cmd ticketing.ReserveSeats, seq uint64) blockers {
	var b blockers
	for i := range a.owner {
		label := a.w.plan.Label(ticketing.SeatIndex(i))
		c := a.claims[a.owner[i].at(seq)]
		switch {
		case c == nil || !slices.Contains(cmd.Seats, label):
		case c.user == cmd.User && c.status.at(seq) == ticketing.Held:
			b.moving = append(b.moving, label)
		case c.user == cmd.User && c.status.at(seq) == ticketing.Paying:
			b.paying = append(b.paying, label)
		default:
			b.taken = append(b.taken, label)
		}
	}
	return b
}

// own judges an answer about one of the caller's reservations; after a yes it has the status, unless that is 0.
func (a *auditor) own(cmd ticketing.Command, user ticketing.UserID, number uint32, r ticketing.Result, want ticketing.ReservationStatus) {
	if r.Code == ticketing.OK {
		if c := a.shown(r); c != nil && (c.number != number || c.user != user || want != 0 && c.status.at(r.Seq) != want) {
			a.fail("P6: %T of reservation %d of user %d shows %d, %v", cmd, number, user, c.number, c.status.at(r.Seq))
		}
		return
	}
	status := ticketing.ReservationStatus(0)
	if c := a.claims[number]; c != nil && c.user == user {
		status = c.status.at(r.Seq)
	}
	ok := false
	switch r.Code {
	case ticketing.CodeNotFound:
		ok = status == 0
	case ticketing.CodeAlreadyConfirmed:
		ok = status == ticketing.Confirmed
	case ticketing.CodeHoldExpired:
		ok = status == ticketing.Expired
	case ticketing.CodeReservationEnded:
		ok = status == ticketing.Released || status == ticketing.Canceled
	case ticketing.CodePaymentInProgress:
		ok = status == ticketing.Paying
	case ticketing.CodeTooManyAttempts:
		ok = status == ticketing.Held
	case ticketing.CodeNotPayable:
		ok = status == ticketing.Held || status == ticketing.Paying || status == ticketing.Confirmed
	}
	if !ok {
		a.fail("P7: %T of reservation %d of user %d is refused with %q at %d, and it is %d", cmd, number, user, r.Code, r.Seq, status)
	}
}

func (a *auditor) saleIs(r ticketing.Result, want ticketing.Phase) {
	phase := a.phase.at(r.Seq)
	ok := r.Code == ticketing.OK && phase == want && r.Status.Phase == want ||
		r.Code == ticketing.CodeSaleNotOpen && phase == ticketing.Scheduled ||
		r.Code == ticketing.CodeSaleClosed && phase == ticketing.Closed
	if !ok {
		a.fail("P8: %q, sale shown as %v, and is %v at %d", r.Code, r.Status.Phase, phase, r.Seq)
	}
}

func (a *auditor) status(r ticketing.Result) {
	var want ticketing.Count
	for _, s := range a.seatStates(r.Seq) {
		switch ticketing.SeatState(s) {
		case ticketing.SeatFree:
			want.Free++
		case ticketing.SeatHeld:
			want.Held++
		case ticketing.SeatSold:
			want.Sold++
		}
	}
	if r.Status.Total() != want || r.Status.Phase != a.phase.at(r.Seq) {
		a.fail("P8: status %v %+v is shown, and is %v %+v at %d", r.Status.Phase, r.Status.Total(), a.phase.at(r.Seq), want, r.Seq)
	}
}

func (a *auditor) labels(seats []ticketing.SeatIndex) []string {
	out := make([]string, len(seats))
	for n, i := range seats {
		out[n] = a.w.plan.Label(i)
	}
	return out
}

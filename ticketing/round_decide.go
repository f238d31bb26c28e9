package ticketing

import "slices"

// Decide answers a command as a ticket office would. Everything that time brought about must have been applied
// (see Act). It changes nothing: what it decides is in the events.
func (r *Round) Decide(cmd Command, now Millis) ([]Event, Result) {
	switch c := cmd.(type) {
	case ReserveSeats:
		return r.reserve(c, now)
	case ReserveBest:
		return r.reserveBest(c, now)
	case ReleaseReservation:
		return r.release(c, now)
	case StartPayment:
		return r.startPayment(c, now)
	case PricePayment:
		return r.pricePayment(c, now)
	case ConfirmPayment:
		return r.confirmPayment(c, now)
	case ApprovePayment:
		return r.approvePayment(c, now)
	case DeclinePayment:
		return r.declinePayment(c, now)
	case CancelReservation:
		return r.cancel(c, now)
	case SettleRefund:
		return r.settleRefund(c, now)
	case OpenSale, PauseSale, CloseSale, CancelRound, DropRound, RescheduleRound, ChangePrices, BlockSeats, UnblockSeats:
		return r.administer(cmd, now)
	}
	return nil, r.read(cmd)
}

func (r *Round) read(cmd Command) Result {
	switch c := cmd.(type) {
	case ReadReservation:
		if v := r.find(c.User, c.Number); v != nil {
			return yes(v.number)
		}
		return refuse(CodeNotFound)
	case ReadOrder:
		return r.showOrder(c.Number, c.Attempt)
	case ReadStatus:
		return yesStatus()
	case ReadSeats:
		return Result{show: showSeats}
	case ReadView:
		return Result{show: showView}
	case ReadHash:
		return Result{Hash: StateHash(r)}
	}
	return refuse(CodeCommandUnknown)
}

func (r *Round) seatStates() []byte {
	out := make([]byte, len(r.seats))
	for i, s := range r.seats {
		out[i] = byte(s)
	}
	return out
}

// find is the user's own reservation; somebody else's does not exist for him.
func (r *Round) find(user UserID, number uint32) *reservation {
	if v := r.reservations[number]; v != nil && v.user == user {
		return v
	}
	return nil
}

// Complete fills a yes in with the state as it is after the events.
func (r *Round) Complete(res *Result) {
	res.Seq = r.seq
	switch res.show {
	case showReservation:
		res.Reservation = r.view(r.reservations[res.number])
	case showSeats:
		res.Status, res.SeatStates = r.status(), r.seatStates()
	case showView:
		res.Status, res.SeatStates, res.Owners = r.status(), r.seatStates(), slices.Clone(r.owner)
	case showStatus:
		res.Status = r.status()
	}
}

func yes(number uint32) Result { return Result{show: showReservation, number: number} }

func yesStatus() Result { return Result{show: showStatus} }

func one(now Millis, fact Fact) []Event { return []Event{{now, fact}} }

// administer carries out an admin's command. Asking for what is so already is a yes that changes nothing.
func (r *Round) administer(cmd Command, now Millis) ([]Event, Result) {
	switch c := cmd.(type) {
	case OpenSale:
		switch r.phase {
		case Closed:
			return nil, refuse(CodeSaleClosed)
		case Open:
			return nil, yesStatus()
		}
		return r.adminYes(now, SaleOpened{})
	case PauseSale:
		switch r.phase {
		case Scheduled:
			return nil, Result{Code: CodeSaleNotOpen, RetryAt: r.terms.OpensAt}
		case Closed:
			return nil, refuse(CodeSaleClosed)
		case Paused:
			return nil, yesStatus()
		}
		return r.adminYes(now, SalePaused{})
	case CloseSale:
		if r.phase == Closed {
			return nil, yesStatus()
		}
		return r.adminYes(now, SaleClosed{})
	case CancelRound:
		if r.canceled {
			return nil, yesStatus()
		}
		return r.adminYes(now, RoundCanceled{})
	case DropRound:
		switch {
		case r.last > 0:
			return nil, refuse(CodeHasSales)
		case r.canceled:
			return nil, yesStatus()
		}
		return r.adminYes(now, RoundCanceled{})
	case RescheduleRound:
		return r.reschedule(c, now)
	case ChangePrices:
		if !validPrices(c.Prices, r.plan) || len(r.prices) >= MaxPriceLists {
			return nil, refuse(CodePricesInvalid)
		}
		return r.adminYes(now, PricesChanged{slices.Clone(c.Prices)})
	case BlockSeats:
		return r.block(c, now)
	case UnblockSeats:
		return r.unblock(c, now)
	}
	return nil, refuse(CodeCommandUnknown)
}

// reschedule sets other times. Before the sale has begun nobody can have relied on the old ones.
func (r *Round) reschedule(c RescheduleRound, now Millis) ([]Event, Result) {
	fact := RoundRescheduled(c)
	terms := r.terms.with(fact)
	switch {
	case r.phase != Scheduled:
		return nil, refuse(CodeSaleBegun)
	case terms.Validate(r.plan) != nil:
		return nil, refuse(CodeTimesInvalid)
	case fact == RoundRescheduled{r.terms.OpensAt, r.terms.ClosesAt, r.terms.StartsAt, r.terms.CancelUntil}:
		return nil, yesStatus()
	}
	return r.adminYes(now, fact)
}

// with is the terms with other times.
func (t Terms) with(f RoundRescheduled) Terms {
	t.OpensAt, t.ClosesAt, t.StartsAt, t.CancelUntil = f.OpensAt, f.ClosesAt, f.StartsAt, f.CancelUntil
	return t
}

func (r *Round) adminYes(now Millis, fact Fact) ([]Event, Result) {
	return one(now, fact), yesStatus()
}

// block takes free seats off sale: all of them or none.
func (r *Round) block(c BlockSeats, now Millis) ([]Event, Result) {
	seats, unknown := r.resolve(c.Seats)
	if len(unknown) > 0 {
		return nil, refuse(CodeSeatUnknown, unknown...)
	}
	if taken := r.inState(seats, SeatHeld, SeatSold); len(taken) > 0 {
		return nil, refuse(CodeSeatTaken, taken...)
	}
	seats = slices.DeleteFunc(seats, func(i SeatIndex) bool { return r.seats[i] == SeatOff })
	if len(seats) == 0 {
		return nil, yesStatus()
	}
	return r.adminYes(now, SeatsBlocked{seats})
}

// unblock puts blocked seats back on sale; seats that are on sale already stay as they are.
func (r *Round) unblock(c UnblockSeats, now Millis) ([]Event, Result) {
	seats, unknown := r.resolve(c.Seats)
	if len(unknown) > 0 {
		return nil, refuse(CodeSeatUnknown, unknown...)
	}
	seats = slices.DeleteFunc(seats, func(i SeatIndex) bool { return r.seats[i] != SeatOff })
	if len(seats) == 0 {
		return nil, yesStatus()
	}
	return r.adminYes(now, SeatsFreed{seats})
}

// resolve turns labels into seats in plan order, each once, and lists the labels that are none.
func (r *Round) resolve(labels []string) (seats []SeatIndex, unknown []string) {
	seats, unknown = r.locate(nil, labels)
	slices.Sort(seats)
	return slices.Compact(seats), unknown
}

// locate turns labels into seats, in the order of the labels, and lists the labels that are none. The seats go into the
// room given, if they fit.
func (r *Round) locate(room []SeatIndex, labels []string) (seats []SeatIndex, unknown []string) {
	seats = slices.Grow(room, len(labels))
	for _, label := range labels {
		if i, ok := r.plan.Find(label); ok {
			seats = append(seats, i)
		} else {
			unknown = append(unknown, label)
		}
	}
	return seats, unknown
}

// inState lists the labels of the seats that are in one of the states.
func (r *Round) inState(seats []SeatIndex, states ...SeatState) []string {
	var out []string
	for _, i := range seats {
		if slices.Contains(states, r.seats[i]) {
			out = append(out, r.plan.Label(i))
		}
	}
	return out
}

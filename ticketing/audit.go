package ticketing

import (
	"fmt"
	"maps"
	"slices"
)

// Auditor is a second bookkeeping of a round. It knows only events: it shares no rule and no state with [Round], so
// a mistake in one is not a mistake in both. It checks what a round promises, not how it decides: who may have a
// seat, when, for how much. [Auditor.See] takes a stream's events in order, from the first.
type Auditor struct {
	plan      *Plan
	terms     Terms
	phase     Phase
	canceled  bool
	prices    []KRW
	activated uint64
	seq       uint64
	at        Millis
	err       error // the first broken promise

	blocked []bool   // by seat
	owner   []uint32 // by seat: the live reservation that has it, 0 for none
	newest  uint32
	claims  map[uint32]*claim
	has     map[UserID]int // live seats
}

// LiveReservation is a reservation that has its seats.
type LiveReservation struct {
	Number uint32
	User   UserID
	Status ReservationStatus
	Seats  []SeatIndex // ascending
}

// NewAuditor audits a round with this plan.
func NewAuditor(plan *Plan) *Auditor {
	n := len(plan.Seats)
	return &Auditor{
		plan: plan, blocked: make([]bool, n), owner: make([]uint32, n),
		claims: map[uint32]*claim{}, has: map[UserID]int{},
	}
}

// See takes the next event in. The error names the event and the promise it breaks; it stays, for nothing after
// that can be judged.
func (a *Auditor) See(e Event) error {
	if a.err != nil {
		return a.err
	}
	if err := a.check(e); err != nil {
		a.err = fmt.Errorf("event %d, %s: %w", a.seq+1, e.Name(), err)
		return a.err
	}
	a.seq++
	a.at = e.At
	return nil
}

// Seq counts the events seen.
func (a *Auditor) Seq() uint64 { return a.seq }

// Seats is the state of every seat in plan order.
func (a *Auditor) Seats() []SeatState {
	out := make([]SeatState, len(a.owner))
	for i, n := range a.owner {
		switch {
		case a.blocked[i]:
			out[i] = SeatOff
		case n == 0:
			out[i] = SeatFree
		case a.claims[n].Status == Confirmed:
			out[i] = SeatSold
		default:
			out[i] = SeatHeld
		}
	}
	return out
}

// Live lists the reservations that have seats, by number.
func (a *Auditor) Live() []LiveReservation {
	var out []LiveReservation
	for _, n := range slices.Sorted(maps.Keys(a.claims)) {
		if c := a.claims[n]; c.Status.Live() {
			out = append(out, c.LiveReservation)
		}
	}
	return out
}

func (a *Auditor) check(e Event) error {
	_, planned := e.Fact.(RoundPlanned)
	switch {
	case e.At < a.at:
		return fmt.Errorf("time goes back from %d to %d", a.at, e.At)
	case planned != (a.seq == 0):
		return fmt.Errorf("a round is planned once, and first")
	}
	switch f := e.Fact.(type) {
	case RoundPlanned:
		if f.Plan != a.plan.Hash() {
			return fmt.Errorf("plan %s instead of %s", f.Plan, a.plan.Hash())
		}
		a.terms, a.phase = f.Terms, Scheduled
		return a.reprice(f.Terms.Prices)
	case Activated:
		if f.Number <= a.activated {
			return fmt.Errorf("activation %d after %d", f.Number, a.activated)
		}
		a.activated = f.Number
		return nil
	case SaleOpened:
		return a.turn(Open, Scheduled, Paused)
	case SalePaused:
		return a.turn(Paused, Open)
	case SaleClosed:
		return a.turn(Closed, Scheduled, Open, Paused)
	case PricesChanged:
		return a.reprice(f.Prices)
	case SeatsBlocked:
		return a.block(f.Seats, true)
	case SeatsFreed:
		return a.block(f.Seats, false)
	case RoundRescheduled:
		a.terms.OpensAt, a.terms.ClosesAt, a.terms.StartsAt, a.terms.CancelUntil = f.OpensAt, f.ClosesAt, f.StartsAt, f.CancelUntil
		return a.turn(Scheduled, Scheduled)
	case RoundCanceled:
		return a.cancelRound()
	case SeatsHeld:
		return a.hold(f, e.At)
	}
	return a.onClaim(e)
}

func (a *Auditor) turn(to Phase, from ...Phase) error {
	if !slices.Contains(from, a.phase) {
		return fmt.Errorf("the sale is %s", a.phase)
	}
	a.phase = to
	return nil
}

func (a *Auditor) reprice(prices []KRW) error {
	if len(prices) != len(a.plan.Grades) || slices.Min(prices) < 0 {
		return fmt.Errorf("prices %v for grades %v", prices, a.plan.Grades)
	}
	a.prices = prices
	return nil
}

// block takes free seats off sale, or puts blocked ones back.
func (a *Auditor) block(seats []SeatIndex, blocked bool) error {
	if err := a.soundSeats(seats); err != nil {
		return err
	}
	for _, i := range seats {
		if a.blocked[i] == blocked || a.owner[i] != 0 {
			return fmt.Errorf("seat %s: blocked %t, reservation %d", a.plan.Label(i), a.blocked[i], a.owner[i])
		}
		a.blocked[i] = blocked
	}
	return nil
}

// soundSeats: some seats of the plan, each once, ascending.
func (a *Auditor) soundSeats(seats []SeatIndex) error {
	for k, i := range seats {
		if int(i) >= len(a.owner) || k > 0 && i <= seats[k-1] {
			return fmt.Errorf("seats %v of %d are out of range or order", seats, len(a.owner))
		}
	}
	if len(seats) == 0 {
		return fmt.Errorf("no seats")
	}
	return nil
}

func (a *Auditor) hold(f SeatsHeld, at Millis) error {
	if err := a.soundSeats(f.Seats); err != nil {
		return err
	}
	switch {
	case a.phase != Open:
		return fmt.Errorf("the sale is %s", a.phase)
	case f.Number != a.newest+1:
		return fmt.Errorf("reservation %d after %d", f.Number, a.newest)
	case f.ExpiresAt <= at || f.ExpiresAt > at+a.terms.HoldMillis:
		return fmt.Errorf("held at %d until %d", at, f.ExpiresAt)
	case a.keyLives(f):
		return fmt.Errorf("customer %d's key has a live reservation already", f.User)
	}
	c := &claim{LiveReservation: LiveReservation{f.Number, f.User, Held, f.Seats}, key: f.Key, prices: a.prices, until: f.ExpiresAt}
	for _, i := range f.Seats {
		if err := a.take(c, i, at); err != nil {
			return fmt.Errorf("seat %s: %w", a.plan.Label(i), err)
		}
	}
	if a.has[f.User] > a.terms.MaxPerUser {
		return fmt.Errorf("customer %d has %d seats, the limit is %d", f.User, a.has[f.User], a.terms.MaxPerUser)
	}
	a.newest, a.claims[f.Number] = f.Number, c
	return nil
}

// keyLives looks at the seats only: a reservation lives as long as it has one.
func (a *Auditor) keyLives(f SeatsHeld) bool {
	if a.has[f.User] == 0 {
		return false
	}
	return slices.ContainsFunc(a.owner, func(n uint32) bool {
		return n != 0 && a.claims[n].User == f.User && a.claims[n].key == f.Key
	})
}

// take gives a seat to a new claim: a free one, or one of an older hold of the same customer.
func (a *Auditor) take(c *claim, i SeatIndex, at Millis) error {
	if a.blocked[i] {
		return fmt.Errorf("it is blocked")
	}
	if old := a.claims[a.owner[i]]; old != nil {
		switch {
		case old.User != c.User || old.Status != Held:
			return fmt.Errorf("reservation %d (customer %d, %s) has it", old.Number, old.User, old.Status)
		case old.until <= at || old.until < c.until:
			return fmt.Errorf("the hold it comes from ended at %d", old.until)
		}
		old.Seats = slices.DeleteFunc(slices.Clone(old.Seats), func(s SeatIndex) bool { return s == i })
		if len(old.Seats) == 0 {
			old.Status = Released
		}
		a.has[c.User]--
	}
	a.owner[i] = c.Number
	a.has[c.User]++
	return nil
}

// end gives a claim's seats back.
func (a *Auditor) end(c *claim, status ReservationStatus) {
	for _, i := range c.Seats {
		a.owner[i] = 0
	}
	a.has[c.User] -= len(c.Seats)
	c.Status = status
}

// cancelRound ends every claim; all that was paid is owed.
func (a *Auditor) cancelRound() error {
	if a.canceled {
		return fmt.Errorf("it was canceled before")
	}
	for _, c := range a.claims {
		if !c.Status.Live() {
			continue
		}
		if p := c.paid(); p != nil && p.due > 0 {
			p.state = billOwed
		}
		a.end(c, Canceled)
	}
	a.phase, a.canceled = Closed, true
	return nil
}

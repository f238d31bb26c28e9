package persistence

import (
	"fmt"
	"slices"

	"ticketblue/ticketing"
)

// roundFold is a round's read tables with every live reservation, and what a batch of events makes of them. It takes over
// what the machine has decided and knows none of its rules.
type roundFold struct {
	id      ticketing.RoundID
	plan    *ticketing.Plan
	state   roundState
	rows    map[uint32]*reservationRow     // all live ones, and ended ones that the batch speaks of
	owner   map[ticketing.SeatIndex]uint32 // live seats of rows
	touched []uint32                       // rows changed by the batch
	ended   []uint32                       // rows that were not live before the batch
	seq     uint64                         // of the event being taken in
}

// roundState is a row of round_states.
type roundState struct {
	planHash ticketing.Hash
	phase    ticketing.Phase // 0: the round is not planned yet
	canceled bool
	prices   []ticketing.KRW
	opensAt  ticketing.Millis
	closesAt ticketing.Millis
	closedAt ticketing.Millis // 0: not closed yet
	changed  bool
}

// reservationRow is a row of reservations with its seats and orders.
type reservationRow struct {
	number    uint32
	user      ticketing.UserID
	status    ticketing.ReservationStatus
	heldAt    ticketing.Millis
	expiresAt ticketing.Millis
	endedAt   ticketing.Millis
	seq       uint64
	seats     []seatRow   // ascending
	orders    []*orderRow // attempt n is orders[n-1]

	stored  bool                  // it is in the table
	changed bool                  // it is among the touched ones
	gone    []ticketing.SeatIndex // stored seats that moved to another reservation
	wasLive bool                  // stored as live
}

type seatRow struct {
	seat  ticketing.SeatIndex
	price ticketing.KRW
}

// orderRow is a row of orders.
type orderRow struct {
	attempt    uint32
	state      string
	coupon     string
	amount     ticketing.KRW
	priced     bool
	refund     ticketing.KRW
	paymentKey string
	payBy      ticketing.Millis
	seq        uint64
	changed    bool
}

// States of an order, as the table names them.
const (
	orderOpen       = "open"
	orderConfirming = "confirming"
	orderDeclined   = "declined"
	orderPaid       = "paid"
	orderRefundDue  = "refund_due"
	orderRefunded   = "refunded"
)

// contradiction: the journal says what cannot be. Trying again will not help; a person must look.
type contradiction struct{ error }

func contradicts(format string, args ...any) error { return contradiction{fmt.Errorf(format, args...)} }

func newRoundFold(id ticketing.RoundID) *roundFold {
	return &roundFold{id: id, rows: map[uint32]*reservationRow{}, owner: map[ticketing.SeatIndex]uint32{}}
}

// add takes in a row as it is stored.
func (f *roundFold) add(r *reservationRow) {
	r.stored, r.wasLive = true, r.status.Live()
	f.rows[r.number] = r
	if r.wasLive {
		for _, s := range r.seats {
			f.owner[s.seat] = r.number
		}
	} else {
		f.ended = append(f.ended, r.number)
	}
}

// settle makes what the batch has left the stored state, for the next batch. Ended reservations are forgotten.
func (f *roundFold) settle() {
	for _, number := range f.touched {
		r := f.rows[number]
		r.stored, r.changed, r.gone, r.wasLive = true, false, nil, r.status.Live()
		for _, o := range r.orders {
			o.changed = false
		}
		if !r.wasLive {
			delete(f.rows, number)
		}
	}
	for _, number := range f.ended {
		delete(f.rows, number)
	}
	f.touched, f.ended, f.state.changed = f.touched[:0], f.ended[:0], false
}

// apply takes the events in; the first has seq from.
func (f *roundFold) apply(from uint64, events []ticketing.Event) error {
	for i, e := range events {
		f.seq = from + uint64(i)
		if err := f.see(e); err != nil {
			return contradicts("event %d, %s: %w", f.seq, e.Name(), err)
		}
	}
	return nil
}

func (f *roundFold) see(e ticketing.Event) error {
	if _, planned := e.Fact.(ticketing.RoundPlanned); planned == (f.state.phase != 0) {
		return fmt.Errorf("a round is planned once, and first")
	}
	switch fact := e.Fact.(type) {
	case ticketing.Activated, ticketing.SeatsBlocked, ticketing.SeatsFreed:
		return nil // nobody's reservation
	case ticketing.RoundPlanned:
		f.state = roundState{
			planHash: fact.Plan, phase: ticketing.Scheduled, prices: fact.Terms.Prices,
			opensAt: fact.Terms.OpensAt, closesAt: fact.Terms.ClosesAt, changed: true,
		}
		return nil
	case ticketing.SaleOpened:
		return f.turn(ticketing.Open, e.At)
	case ticketing.SalePaused:
		return f.turn(ticketing.Paused, e.At)
	case ticketing.SaleClosed:
		return f.turn(ticketing.Closed, e.At)
	case ticketing.PricesChanged:
		f.state.prices, f.state.changed = fact.Prices, true
		return nil
	case ticketing.RoundRescheduled:
		f.state.opensAt, f.state.closesAt, f.state.changed = fact.OpensAt, fact.ClosesAt, true
		return nil
	case ticketing.RoundCanceled:
		return f.cancelRound(e.At)
	case ticketing.SeatsHeld:
		return f.hold(fact, e.At)
	case ticketing.HoldReleased:
		return f.endOf(fact.Number, ticketing.Released, e.At)
	case ticketing.HoldLapsed:
		return f.endOf(fact.Number, ticketing.Expired, e.At)
	}
	return f.pay(e)
}

func (f *roundFold) turn(to ticketing.Phase, at ticketing.Millis) error {
	if to == ticketing.Closed && f.state.phase != ticketing.Closed {
		f.state.closedAt = at
	}
	f.state.phase, f.state.changed = to, true
	return nil
}

// row is the reservation that a fact speaks of, about to be changed.
func (f *roundFold) row(number uint32) (*reservationRow, error) {
	r := f.rows[number]
	if r == nil {
		return nil, fmt.Errorf("there is no reservation %d", number)
	}
	if !r.changed {
		r.changed, f.touched = true, append(f.touched, number)
	}
	r.seq = f.seq
	return r, nil
}

func (f *roundFold) hold(fact ticketing.SeatsHeld, at ticketing.Millis) error {
	if f.rows[fact.Number] != nil {
		return fmt.Errorf("reservation %d is there already", fact.Number)
	}
	r := &reservationRow{
		number: fact.Number, user: fact.User, status: ticketing.Held,
		heldAt: at, expiresAt: fact.ExpiresAt, seats: make([]seatRow, 0, len(fact.Seats)),
	}
	f.rows[r.number] = r
	if _, err := f.row(r.number); err != nil {
		return err
	}
	for _, i := range fact.Seats {
		if err := f.take(r, i, at); err != nil {
			return err
		}
	}
	return nil
}

// take gives a seat to a new reservation. One that the same customer holds moves over; any other must be free.
func (f *roundFold) take(r *reservationRow, i ticketing.SeatIndex, at ticketing.Millis) error {
	if int(i) >= len(f.plan.Seats) || f.plan.Seats[i].Grade >= len(f.state.prices) {
		return fmt.Errorf("seat %d of %d, %d prices", i, len(f.plan.Seats), len(f.state.prices))
	}
	if number, taken := f.owner[i]; taken {
		old, err := f.row(number)
		if err != nil {
			return err
		}
		if old.user != r.user || old.status != ticketing.Held || old == r {
			return fmt.Errorf("seat %s is given to reservation %d while %d (%s) has it", f.plan.Label(i), r.number, number, old.status)
		}
		r.heldAt = min(r.heldAt, old.heldAt) // the time to pay runs from the first hold
		old.lose(i)
		if len(old.seats) == 0 {
			f.end(old, ticketing.Released, at)
		}
	}
	f.owner[i] = r.number
	r.seats = append(r.seats, seatRow{i, f.state.prices[f.plan.Seats[i].Grade]})
	return nil
}

func (r *reservationRow) lose(i ticketing.SeatIndex) {
	r.seats = slices.DeleteFunc(r.seats, func(s seatRow) bool { return s.seat == i })
	if r.stored {
		r.gone = append(r.gone, i)
	}
}

// liveRow is a reservation that must have its seats for the fact to make sense.
func (f *roundFold) liveRow(number uint32) (*reservationRow, error) {
	r, err := f.row(number)
	if err == nil && !r.status.Live() {
		err = fmt.Errorf("reservation %d is %s", number, r.status)
	}
	return r, err
}

func (f *roundFold) endOf(number uint32, status ticketing.ReservationStatus, at ticketing.Millis) error {
	r, err := f.liveRow(number)
	if err != nil {
		return err
	}
	f.end(r, status, at)
	return nil
}

func (f *roundFold) end(r *reservationRow, status ticketing.ReservationStatus, at ticketing.Millis) {
	for _, s := range r.seats {
		delete(f.owner, s.seat)
	}
	r.status, r.expiresAt, r.endedAt = status, 0, at
}

// cancelRound ends all that lives; rows holds every live reservation then.
func (f *roundFold) cancelRound(at ticketing.Millis) error {
	for number, r := range f.rows {
		if !r.status.Live() {
			continue
		}
		f.owe(r, r.paid())
		if err := f.endOf(number, ticketing.Canceled, at); err != nil {
			return err
		}
	}
	f.state.canceled = true
	return f.turn(ticketing.Closed, at)
}

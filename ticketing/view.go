package ticketing

import (
	"fmt"
	"maps"
	"slices"
)

// View is what the public may see of a round, kept up to date from its events: the state of every seat, and never
// whose it is. It starts from an owner's answer to ReadView and takes the events after it.
type View struct {
	states []SeatState
	owner  []uint32               // by seat: number of the live reservation that has it, 0 for none
	seats  map[uint32][]SeatIndex // the same, the other way round
	status Status
	seq    uint64
}

// SeatChange is a seat's new public state.
type SeatChange struct {
	Seat  SeatIndex
	State SeatState
}

// NewView starts from an owner's yes to ReadView.
func NewView(r Result) (*View, error) {
	if len(r.SeatStates) == 0 || len(r.Owners) != len(r.SeatStates) {
		return nil, fmt.Errorf("a view needs an answer to ReadView, not %d states with %d owners", len(r.SeatStates), len(r.Owners))
	}
	v := &View{owner: slices.Clone(r.Owners), seats: map[uint32][]SeatIndex{}, status: r.Status, seq: r.Seq}
	for i, s := range r.SeatStates {
		v.states = append(v.states, SeatState(s))
		if n := v.owner[i]; n != 0 {
			v.seats[n] = append(v.seats[n], SeatIndex(i))
		}
	}
	return v, nil
}

// Seq is the last event taken in.
func (v *View) Seq() uint64 { return v.seq }

// States is one character per seat in plan order.
func (v *View) States() []byte {
	out := make([]byte, len(v.states))
	for i, s := range v.states {
		out[i] = byte(s)
	}
	return out
}

// Phase is the sale's status.
func (v *View) Phase() Phase { return v.status.Phase }

// See takes the event with this seq in and returns the seats whose state it changed, ascending. An event that was
// seen before changes nothing; one that leaves a gap is an error, and the view must start again.
func (v *View) See(seq uint64, e Event) ([]SeatChange, error) {
	if seq <= v.seq {
		return nil, nil
	}
	if seq != v.seq+1 {
		return nil, fmt.Errorf("event %d follows %d", seq, v.seq)
	}
	v.seq = seq
	switch f := e.Fact.(type) {
	case SaleOpened:
		v.status.Phase = Open
	case SalePaused:
		v.status.Phase = Paused
	case SaleClosed:
		v.status.Phase = Closed
	case SeatsBlocked:
		return v.set(f.Seats, SeatOff), nil
	case SeatsFreed:
		return v.set(f.Seats, SeatFree), nil
	case SeatsHeld:
		return v.hold(f), nil
	case ReservationConfirmed:
		return v.set(v.seats[f.Number], SeatSold), nil
	case HoldReleased:
		return v.free(f.Number), nil
	case HoldLapsed:
		return v.free(f.Number), nil
	case ReservationCanceled:
		return v.free(f.Number), nil
	case RoundCanceled:
		v.status.Phase, v.status.Canceled = Closed, true
		return v.free(slices.Sorted(maps.Keys(v.seats))...), nil
	}
	return nil, nil
}

func (v *View) set(seats []SeatIndex, to SeatState) (changes []SeatChange) {
	for _, i := range seats {
		if v.states[i] != to {
			v.states[i] = to
			changes = append(changes, SeatChange{i, to})
		}
	}
	return changes
}

func (v *View) hold(f SeatsHeld) []SeatChange {
	for _, i := range f.Seats {
		if old := v.owner[i]; old != 0 {
			v.seats[old] = slices.DeleteFunc(v.seats[old], func(s SeatIndex) bool { return s == i })
			if len(v.seats[old]) == 0 {
				delete(v.seats, old)
			}
		}
		v.owner[i] = f.Number
	}
	v.seats[f.Number] = slices.Clone(f.Seats)
	return v.set(f.Seats, SeatHeld)
}

func (v *View) free(numbers ...uint32) []SeatChange {
	var seats []SeatIndex
	for _, n := range numbers {
		for _, i := range v.seats[n] {
			v.owner[i] = 0
			seats = append(seats, i)
		}
		delete(v.seats, n)
	}
	slices.Sort(seats)
	return v.set(seats, SeatFree)
}

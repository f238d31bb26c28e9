package ticketing

import (
	"maps"
	"slices"
)

// Refuser is a machine of which a copy can refuse commands on many processors at once. A copy that is kept up to date
// with what is durable is the durable view.
type Refuser interface {
	Machine
	// Copy is a machine in the same state. The two share nothing that changes.
	Copy() Refuser
	// Refuse answers a command that this state refuses, with the whole result that Act would give. It is false when
	// the answer would be a yes, when time alone might have changed the state by now, and whenever finding the answer
	// out would change anything, be it a cache: the owner must be asked then. So it is after an event until NextDeadline
	// has been asked. A command whose Key is zero has not been given its digests yet: where they matter it is false too.
	// Any number of goroutines may call it at once while nobody calls another method.
	Refuse(cmd Command, now Millis) (Result, bool)
}

var _ Refuser = (*Round)(nil)

// Copy implements Refuser. Its cost is that of the reservations the round remembers.
func (r *Round) Copy() Refuser {
	c := *r
	c.prices = slices.Clone(r.prices)
	c.counts = slices.Clone(r.counts)
	c.deadlines = slices.Clone(r.deadlines)
	c.endings = slices.Clone(r.endings)
	if !r.untouched {
		c.seats, c.owner = slices.Clone(r.seats), slices.Clone(r.owner)
		c.copyBooks(r)
	}
	if r.placed != nil {
		c.placed = nil
		c.places()
	}
	c.NextDeadline()
	return &c
}

func (r *Round) copyBooks(from *Round) {
	r.reservations = maps.Clone(from.reservations)
	for n, v := range r.reservations {
		own := *v // its seats are shared: Apply replaces them and never writes into them
		own.orders = slices.Clone(v.orders)
		r.reservations[n] = &own
	}
	r.customers = maps.Clone(from.customers)
	for user, c := range r.customers {
		r.customers[user] = &customer{seats: c.seats, made: slices.Clone(c.made)}
	}
}

// Refuse implements Refuser, for orders of seats.
func (r *Round) Refuse(cmd Command, now Millis) (Result, bool) {
	now = max(now, r.lastAt)
	if !r.looked {
		return Result{}, false // looking for the deadline would drop stale ones
	}
	if next := r.NextDeadline(); next != 0 && next <= now {
		return Result{}, false
	}
	var result Result
	switch c := cmd.(type) {
	case ReserveSeats:
		if c.Key == (Digest{}) && r.remembers(c.User) {
			return Result{}, false
		}
		_, result = r.reserve(c, now)
	case ReserveBest:
		if r.placed == nil || c.Key == (Digest{}) && r.remembers(c.User) {
			return Result{}, false // looking for a block would make the places
		}
		_, result = r.reserveBest(c, now)
	default:
		return Result{}, false
	}
	if result.Code == OK {
		return Result{}, false
	}
	r.Complete(&result)
	return result, true
}

// remembers tells whether any key of the customer's is remembered.
func (r *Round) remembers(user UserID) bool {
	c := r.customers[user]
	return c != nil && len(c.made) > 0
}

package ticketing

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// SnapshotVersion is raised with every change of what Snapshot writes. An older snapshot is ignored.
const SnapshotVersion = 1

// StateHash names a machine's state by its content.
func StateHash(m Machine) Hash { return sha256.Sum256(m.Snapshot()) }

// TakeSnapshot writes a machine down; head is the chunk that ends at its last event.
func TakeSnapshot(s Stream, m Machine, head Head) Snapshot {
	state := m.Snapshot()
	return Snapshot{
		Stream: s, Seq: m.Seq(), Head: head, Version: SnapshotVersion,
		Hash: sha256.Sum256(state), State: state,
	}
}

// Snapshot writes the whole state in one canonical form: what can be derived (counters, owners, heaps, customers)
// is left out, and lists are in a fixed order.
func (r *Round) Snapshot() []byte {
	w := &writer{make([]byte, 0, 256+24*len(r.reservations))}
	w.hash(r.plan.Hash())
	w.terms(r.terms)
	w.number(r.seq)
	w.time(r.lastAt)
	w.number(uint64(r.phase))
	w.flag(r.canceled)
	w.number(r.activations)
	w.number(uint64(len(r.prices)))
	for _, p := range r.prices {
		w.prices(p)
	}
	w.seats(r.blockedSeats())
	w.uint32(r.last)
	w.number(uint64(len(r.reservations)))
	for _, n := range slices.Sorted(maps.Keys(r.reservations)) {
		w.reservation(r.reservations[n])
	}
	return w.buf
}

func (r *Round) blockedSeats() []SeatIndex {
	var out []SeatIndex
	for i, s := range r.seats {
		if s == SeatOff {
			out = append(out, SeatIndex(i))
		}
	}
	return out
}

func (w *writer) reservation(v *reservation) {
	w.uint32(v.number)
	w.number(uint64(v.user))
	w.number(uint64(v.status))
	w.seats(v.seats)
	w.number(uint64(v.priceList))
	w.time(v.heldAt)
	w.time(v.deadline)
	w.time(v.endedAt)
	w.time(v.forgetAt)
	w.buf = append(w.buf, v.key[:]...)
	w.buf = append(w.buf, v.body[:]...)
	w.number(uint64(len(v.orders)))
	for _, o := range v.orders {
		w.number(uint64(o.state))
		w.text(o.coupon)
		w.krw(o.amount)
		w.flag(o.priced)
		w.krw(o.refund)
		w.text(o.paymentKey)
		w.time(o.payBy)
		w.number(uint64(o.seats))
	}
}

func (r *reader) reservation() *reservation {
	v := &reservation{
		number: r.uint32(), user: UserID(r.int63()), status: ReservationStatus(r.upTo(uint64(Canceled))), seats: r.seats(),
		priceList: int(r.upTo(MaxPriceLists)), heldAt: r.time(), deadline: r.time(), endedAt: r.time(), forgetAt: r.time(),
		key: r.digest(), body: r.digest(),
	}
	for range r.count() {
		v.orders = append(v.orders, order{
			state: OrderState(r.upTo(uint64(OrderRefunded))), coupon: r.text(), amount: r.krw(), priced: r.flag(),
			refund: r.krw(), paymentKey: r.text(), payBy: r.time(), seats: int(r.upTo(MaxSeatsPerRequest)),
		})
	}
	return v
}

// restoreRound reads a snapshot and derives the rest. The result must be what it claims: same seq, same hash.
func restoreRound(id RoundID, plan *Plan, s *Snapshot) (*Round, error) {
	if s.Version != SnapshotVersion {
		return nil, fmt.Errorf("version %d, this program reads %d", s.Version, SnapshotVersion)
	}
	r := NewRound(id, plan)
	in := &reader{buf: s.State}
	if in.hash() != plan.Hash() {
		return nil, errors.New("it is of another plan")
	}
	r.terms = in.terms()
	r.seq, r.lastAt = in.number(), in.time()
	r.phase, r.canceled, r.activations = Phase(in.upTo(uint64(Closed))), in.flag(), in.number()
	for range in.count() {
		r.prices = append(r.prices, in.prices())
	}
	r.setSeats(in.seats(), SeatOff)
	r.last = in.uint32()
	for range in.count() {
		v := in.reservation()
		if in.err != nil {
			return nil, in.err
		}
		r.adopt(v)
	}
	if err := in.finish(); err != nil {
		return nil, err
	}
	r.derive()
	if r.seq != s.Seq || StateHash(r) != s.Hash {
		return nil, errors.New("it is not the state it claims to be")
	}
	return r, nil
}

// adopt takes a reservation over from a snapshot, numbers ascending.
func (r *Round) adopt(v *reservation) {
	r.touch()
	r.reservations[v.number] = v
	c := r.customers[v.user]
	if c == nil {
		c = &customer{}
		r.customers[v.user] = c
	}
	c.made = append(c.made, v.number)
	if !v.status.Live() {
		return
	}
	state := SeatHeld
	if v.status == Confirmed {
		state = SeatSold
	}
	r.setSeats(v.seats, state)
	for _, i := range v.seats {
		r.owner[i] = v.number
	}
	c.seats += len(v.seats)
}

// derive rebuilds what time will ask for.
func (r *Round) derive() {
	for _, n := range slices.Sorted(maps.Keys(r.reservations)) {
		v := r.reservations[n]
		if v.deadline != 0 {
			r.deadlines = append(r.deadlines, deadline{v.deadline, n})
		}
		if v.forgetAt != 0 {
			r.endings = append(r.endings, ending{v.forgetAt, n})
		}
	}
	heap.Init(&r.deadlines)
	slices.SortStableFunc(r.endings, func(a, b ending) int { return cmp.Compare(a.at, b.at) })
}

package ticketing

import (
	"reflect"
	"slices"
)

// naive is the ticket office in the simplest possible way, written from the rules in words: it keeps a list of all
// reservations there ever were and looks through it for every question. No heap, no counters, no indexes, no events.
type naive struct {
	plan     *Plan
	terms    Terms
	last     Millis // time of the last thing that happened
	phase    Phase
	canceled bool
	lists    int   // price lists there were
	current  []KRW // by grade
	prices   map[string]KRW
	blocked  map[string]bool
	book     []*naiveReservation // number n is book[n-1]
}

type naiveReservation struct {
	number    uint32
	user      UserID
	status    ReservationStatus
	seats     []string // in plan order
	price     map[string]KRW
	held      Millis
	until     Millis
	ended     Millis
	quiet     Millis // since when it has ended and no money is on its way
	forgotten bool
	key, body Digest
	orders    []*naiveOrder
}

type naiveOrder struct {
	state  string // open, asking, no, paid, owed, returned
	coupon string
	amount KRW
	priced bool
	owed   KRW
	key    string
	until  Millis
	seats  int
}

func newNaive(plan *Plan, terms Terms, at Millis) *naive {
	n := &naive{plan: plan, terms: terms, last: at, phase: Scheduled, blocked: map[string]bool{}}
	n.setPrices(terms.Prices)
	return n
}

func (n *naive) setPrices(prices []KRW) {
	n.lists++
	n.current = prices
	n.prices = map[string]KRW{}
	for i := range n.plan.Seats {
		n.prices[n.plan.Label(SeatIndex(i))] = prices[n.plan.Seats[i].Grade]
	}
}

// agrees carries the command out and compares answer and state with the round's.
func (n *naive) agrees(t failer, live *Round, cmd Command, now Millis, got Result) {
	t.Helper()
	now = max(now, n.last)
	n.tick(now)
	if cmd != nil {
		want := n.act(cmd, now)
		if want.Code == OK {
			n.complete(cmd, &want)
		}
		got.Seq, got.Hash, got.show, got.number = 0, Hash{}, 0, 0
		want.number = 0
		if !same(got, want) {
			t.Fatalf("%T %+v at %d: the round answers\n%+v\nthe naive model\n%+v", cmd, cmd, now, got, want)
		}
	}
	if got, want := live.status(), n.status(); !same(got, want) {
		t.Fatalf("after %T %+v at %d: the round's status is\n%+v\nthe naive model's\n%+v", cmd, cmd, now, got, want)
	}
	if got, want := string(live.seatStates()), string(n.seatStates()); got != want {
		t.Fatalf("after %T %+v at %d: seats %s, naive model %s", cmd, cmd, now, got, want)
	}
	for _, v := range n.book {
		r := live.reservations[v.number]
		if (r == nil) != v.forgotten {
			t.Fatalf("after %T %+v at %d: reservation %d: forgotten by the naive model %t, by the round %t", cmd, cmd, now, v.number, v.forgotten, r == nil)
		}
		if r != nil && !same(live.view(r), n.view(v)) {
			t.Fatalf("after %T %+v at %d: the round shows\n%+v\nthe naive model\n%+v", cmd, cmd, now, live.view(r), n.view(v))
		}
	}
}

// same takes nil and empty lists for equal.
func same[T any](a, b T) bool {
	return reflect.DeepEqual(emptied(a), emptied(b))
}

func emptied(x any) any {
	switch x := x.(type) {
	case Result:
		if len(x.Seats) == 0 {
			x.Seats = nil
		}
		x.Reservation = emptied(x.Reservation).(Reservation)
		return x
	case Reservation:
		if len(x.Seats) == 0 {
			x.Seats = nil
		}
		return x
	}
	return x
}

// happened: something did, so time has moved on, and what ended a day ago is forgotten.
func (n *naive) happened(now Millis) {
	n.last = now
	for _, v := range n.book {
		moneyMoves := slices.ContainsFunc(v.orders, func(o *naiveOrder) bool { return o.state == "asking" || o.state == "owed" })
		switch {
		case v.status.Live() || moneyMoves:
			v.quiet = 0
		case v.quiet == 0:
			v.quiet = now
		case v.quiet+24*60*60*1000 <= now:
			v.forgotten = true
		}
	}
}

// tick does what time alone brings about.
func (n *naive) tick(now Millis) {
	for _, v := range n.book {
		if v.status.Live() && v.until != 0 && v.until <= now {
			n.end(v, Expired, now)
		}
	}
	switch {
	case n.phase == Closed:
	case now >= n.terms.ClosesAt:
		n.phase = Closed
		n.happened(now)
	case n.phase == Scheduled && now >= n.terms.OpensAt:
		n.phase = Open
		n.happened(now)
	}
}

func (n *naive) end(v *naiveReservation, status ReservationStatus, now Millis) {
	v.status, v.ended, v.until = status, now, 0
	n.happened(now)
}

func (n *naive) labels() []string {
	var out []string
	for i := range n.plan.Seats {
		out = append(out, n.plan.Label(SeatIndex(i)))
	}
	return out
}

// owner is the live reservation that has the seat.
func (n *naive) owner(label string) *naiveReservation {
	for _, v := range n.book {
		if v.status.Live() && slices.Contains(v.seats, label) {
			return v
		}
	}
	return nil
}

func (n *naive) seatState(label string) SeatState {
	v := n.owner(label)
	switch {
	case n.blocked[label]:
		return SeatOff
	case v == nil:
		return SeatFree
	case v.status == Confirmed:
		return SeatSold
	}
	return SeatHeld
}

func (n *naive) seatStates() []byte {
	var out []byte
	for _, label := range n.labels() {
		out = append(out, byte(n.seatState(label)))
	}
	return out
}

func (n *naive) status() Status {
	s := Status{
		Phase: n.phase, Canceled: n.canceled, PlanHash: n.plan.Hash(), Grades: n.plan.Grades,
		OpensAt: n.terms.OpensAt, ClosesAt: n.terms.ClosesAt, StartsAt: n.terms.StartsAt,
	}
	for g := range n.plan.Grades {
		var c Count
		for i, label := range n.labels() {
			if n.plan.Seats[i].Grade != g {
				continue
			}
			switch n.seatState(label) {
			case SeatFree:
				c.Free++
			case SeatHeld:
				c.Held++
			case SeatSold:
				c.Sold++
			case SeatOff:
				c.Blocked++
			}
		}
		s.Counts, s.Prices = append(s.Counts, c), append(s.Prices, n.current[g])
	}
	for _, v := range n.book {
		if v.status.Live() && v.until != 0 && (s.NextExpiry == 0 || v.until < s.NextExpiry) {
			s.NextExpiry = v.until
		}
	}
	total := s.Total()
	s.SoldOut = total.Free+total.Held == 0
	s.AllHeld = total.Free == 0 && total.Held > 0
	return s
}

func (v *naiveReservation) amount() KRW {
	var sum KRW
	for _, label := range v.seats {
		sum += v.price[label]
	}
	return sum
}

func (n *naive) view(v *naiveReservation) Reservation {
	out := Reservation{
		ID: ReservationID{testRound, v.number}, User: v.user, Status: v.status, Seats: v.seats, Amount: v.amount(),
		HeldAt: v.held, ExpiresAt: v.until, EndedAt: v.ended, Attempt: uint32(len(v.orders)),
	}
	for _, o := range v.orders { // the newest last
		out.Due, out.Priced = o.amount, o.priced
		out.Confirming = v.status == Paying && o.state == "asking"
		if o.state == "owed" {
			out.RefundDue += o.owed
		}
	}
	return out
}

// complete fills a yes in as the api will show it.
func (n *naive) complete(cmd Command, res *Result) {
	switch cmd.(type) {
	case ReadHash:
	case ReadSeats:
		res.Status, res.SeatStates = n.status(), n.seatStates()
	case ReadStatus, OpenSale, PauseSale, CloseSale, CancelRound, DropRound, RescheduleRound, ChangePrices, BlockSeats, UnblockSeats:
		res.Status = n.status()
	default:
		res.Reservation = n.view(n.book[res.number-1])
	}
}

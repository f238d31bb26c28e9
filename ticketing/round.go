package ticketing

import (
	"fmt"
	"slices"
	"time"
)

// Limits and defaults of a round.
const (
	MaxSeatsPerRequest = 20 // seats in one reservation, and the largest Terms.MaxPerUser
	MaxKeysPerUser     = 32 // idempotency keys remembered per customer and round
	MaxPriceLists      = 1000
	MaxPaymentKeyBytes = 200
	MaxAttempts        = 10 // orders for one reservation, each after the one before was declined

	DefaultMaxPerUser = 4
	DefaultHold       = 5 * time.Minute
	DefaultPay        = 10 * time.Minute

	payLimit    = 20 * time.Minute // from the hold to the end of the last payment
	rememberFor = 24 * time.Hour   // an ended reservation and its key, in event time
)

// Round is the ticket office of one showing: every seat, every reservation, the rules between them. It is owned by
// one actor; nothing in it is safe for concurrent use. State changes in Apply only.
type Round struct {
	id          RoundID
	plan        *Plan
	terms       Terms
	seq         uint64
	lastAt      Millis
	phase       Phase
	canceled    bool
	activations uint64

	prices       [][]KRW // every price list there was; a reservation keeps the one it was made under
	seats        []SeatState
	owner        []uint32 // by seat: the live reservation that has it, 0 for none
	untouched    bool     // seats and owner are the plan's, not to be written to, and the maps nil: see touch
	counts       []Count  // by grade
	reservations map[uint32]*reservation
	customers    map[UserID]*customer
	last         uint32 // number of the newest reservation

	placed    *places   // of the layout's places: only once somebody has asked for the best
	deadlines deadlines // when live reservations run out
	soonest   Millis    // NextDeadline, once it has been asked since the last event: several times a command
	looked    bool      // it has
	endings   []ending  // when ended reservations are forgotten, in that order
}

type reservation struct {
	number    uint32
	user      UserID
	status    ReservationStatus
	seats     []SeatIndex // ascending
	priceList int         // index into Round.prices
	heldAt    Millis
	deadline  Millis // seats go back at this moment; 0: only by a command
	endedAt   Millis
	forgetAt  Millis // 0 while live, or while money is on its way
	key       Digest
	body      Digest
	orders    []order // attempt n is orders[n-1]
}

// order is one attempt to pay.
type order struct {
	state      OrderState
	coupon     string
	amount     KRW // what is asked; valid when priced
	priced     bool
	refund     KRW // owed or given back, by state
	paymentKey string
	payBy      Millis // while confirming: when the seats go back if the answer is no
	seats      int    // that are paid for; the reservation may have fewer after a no, for its seats may move on
}

// customer is what a round knows about one of its customers.
type customer struct {
	seats int      // held, paying and confirmed
	made  []uint32 // his reservations that are remembered, oldest first
}

// NewRound is a round of which nothing has happened yet; its first event must be RoundPlanned with this plan.
func NewRound(id RoundID, plan *Plan) *Round {
	r := &Round{
		id:        id,
		plan:      plan,
		seats:     plan.free,
		owner:     plan.nobody,
		untouched: true,
		counts:    make([]Count, len(plan.Grades)),
	}
	for g, n := range plan.totals {
		r.counts[g].Free = n
	}
	return r
}

// Seq counts the events applied.
func (r *Round) Seq() uint64 { return r.seq }

// LastAt is the time of the last event.
func (r *Round) LastAt() Millis { return r.lastAt }

// Validate checks the terms against the plan they are for; an *Invalid names the field.
func (t Terms) Validate(plan *Plan) error {
	switch {
	case !validPrices(t.Prices, plan):
		return invalid("prices", "one price from 0 for each grade: %v", plan.Grades)
	case t.OpensAt <= 0:
		return invalid("opens_at", "a time")
	case t.ClosesAt <= t.OpensAt:
		return invalid("closes_at", "after opens_at")
	case t.StartsAt <= t.OpensAt:
		return invalid("starts_at", "after opens_at")
	case t.HoldMillis < 1000 || t.HoldMillis > Millis(rememberFor.Milliseconds()):
		return invalid("hold_seconds", "between 1 and %d", int(rememberFor.Seconds()))
	case t.PayMillis < 1000 || t.PayMillis > Millis(payLimit.Milliseconds()):
		return invalid("pay_seconds", "between 1 and %d", int(payLimit.Seconds()))
	case t.MaxPerUser < 1 || t.MaxPerUser > MaxSeatsPerRequest:
		return invalid("max_per_user", "between 1 and %d", MaxSeatsPerRequest)
	case t.CancelFee < 0 || t.CancelFee > 100:
		return invalid("cancel_fee_percent", "between 0 and 100")
	case t.CancelUntil < 0:
		return invalid("cancel_until", "a time")
	}
	return nil
}

func validPrices(prices []KRW, plan *Plan) bool {
	const tooMuch = 1_000_000_000 // KRW a seat; keeps every sum far from overflow
	return len(prices) == len(plan.Grades) &&
		!slices.ContainsFunc(prices, func(p KRW) bool { return p < 0 || p > tooMuch })
}

// touch gives the round seats and books of its own. Until something happens to a seat it shares the plan's: most rounds
// on sale are quiet, and should cost next to nothing.
func (r *Round) touch() {
	if !r.untouched {
		return
	}
	r.seats, r.owner, r.untouched = slices.Clone(r.seats), slices.Clone(r.owner), false
	r.reservations, r.customers = map[uint32]*reservation{}, map[UserID]*customer{}
}

// setSeat moves a seat from one state to another and keeps the counters.
func (r *Round) setSeat(i SeatIndex, to SeatState) {
	r.touch()
	c := &r.counts[r.plan.Seats[i].Grade]
	*c.of(r.seats[i])--
	*c.of(to)++
	r.seats[i] = to
	if r.placed != nil {
		r.placed.set(r.plan.layout.place[i], to)
	}
}

func (c *Count) of(s SeatState) *int {
	switch s {
	case SeatFree:
		return &c.Free
	case SeatHeld:
		return &c.Held
	case SeatSold:
		return &c.Sold
	case SeatOff:
		return &c.Blocked
	}
	panic(fmt.Sprintf("ticketing: no seat is %q", s))
}

// checkCounts holds the counters against the plan. A difference is a bug of ours: better to stop than to sell.
func (r *Round) checkCounts() {
	for g, c := range r.counts {
		if c.Free < 0 || c.Held < 0 || c.Sold < 0 || c.Blocked < 0 || c.Free+c.Held+c.Sold+c.Blocked != r.plan.totals[g] {
			panic(fmt.Sprintf("ticketing: round %d counts %+v of %d seats of grade %d", r.id, c, r.plan.totals[g], g))
		}
	}
}

// amount is what the reservation's seats cost, by the prices when it was made.
func (r *Round) amount(v *reservation) KRW {
	var sum KRW
	for _, i := range v.seats {
		sum += r.prices[v.priceList][r.plan.Seats[i].Grade]
	}
	return sum
}

func (v *reservation) order() *order {
	if len(v.orders) == 0 {
		return nil
	}
	return &v.orders[len(v.orders)-1]
}

func (v *reservation) orderOf(attempt uint32) *order {
	if attempt == 0 || int(attempt) > len(v.orders) {
		return nil
	}
	return &v.orders[attempt-1]
}

// confirming: the provider is being asked for money; only its answer may move the seats.
func (v *reservation) confirming() bool {
	return v.status == Paying && v.order().state == OrderConfirming
}

func (v *reservation) refundDue() KRW {
	var sum KRW
	for _, o := range v.orders {
		if o.state == OrderRefundDue {
			sum += o.refund
		}
	}
	return sum
}

// owing: the provider has not answered yet, or money is to be given back.
func (v *reservation) owing() bool {
	return slices.ContainsFunc(v.orders, func(o order) bool {
		return o.state == OrderConfirming || o.state == OrderRefundDue
	})
}

func (r *Round) labels(seats []SeatIndex) []string {
	out := make([]string, len(seats))
	for i, s := range seats {
		out[i] = r.plan.Label(s)
	}
	return out
}

// showOrder is one order as the house sees it; refused when there is none, or none any more.
func (r *Round) showOrder(number, attempt uint32) Result {
	v := r.reservations[number]
	if v == nil || v.orderOf(attempt) == nil {
		return refuse(CodeNotFound)
	}
	o := v.orderOf(attempt)
	return Result{Order: &Order{
		ID: OrderID{ReservationID{r.id, number}, attempt}, User: v.user, State: o.state, Reservation: v.status, Coupon: o.coupon,
		Price: r.amount(v), Amount: o.amount, Priced: o.priced, Refund: o.refund, PaymentKey: o.paymentKey,
	}}
}

// view is the reservation as its customer may see it.
func (r *Round) view(v *reservation) Reservation {
	out := Reservation{
		ID:         ReservationID{Round: r.id, Number: v.number},
		User:       v.user,
		Status:     v.status,
		Seats:      r.labels(v.seats),
		Amount:     r.amount(v),
		HeldAt:     v.heldAt,
		ExpiresAt:  v.deadline,
		EndedAt:    v.endedAt,
		Attempt:    uint32(len(v.orders)),
		Confirming: v.confirming(),
		RefundDue:  v.refundDue(),
	}
	if o := v.order(); o != nil {
		out.Due, out.Priced = o.amount, o.priced
	}
	return out
}

// status is the public state of the sale.
func (r *Round) status() Status {
	s := Status{
		Phase: r.phase, Canceled: r.canceled, NextExpiry: r.deadlines.next(r),
		PlanHash: r.plan.Hash(), Grades: r.plan.Grades, Counts: slices.Clone(r.counts), Prices: slices.Clone(r.currentPrices()),
		OpensAt: r.terms.OpensAt, ClosesAt: r.terms.ClosesAt, StartsAt: r.terms.StartsAt,
	}
	total := s.Total()
	s.SoldOut = total.Free == 0 && total.Held == 0
	s.AllHeld = total.Free == 0 && total.Held > 0
	return s
}

func (r *Round) currentPrices() []KRW { return r.prices[len(r.prices)-1] }

package sim

import (
	"fmt"
	"strings"
	"time"

	"ticketblue/payments"
	"ticketblue/ticketing"
)

// Every order in which the clock, the customer, the provider, its messages and the workers may come, for one seat:
// the real round, the real campaign and the real saga, a bank that keeps its own books. In the end money, tickets and
// coupons agree. What is played stands in money_moves_test.go.

const (
	seatCost = ticketing.KRW(10_000)
	fee      = 10        // percent
	soon     = time.Hour // every hold's time is over by then, and nothing is forgotten yet
)

type saga func(ticketing.Order, payments.Answer, ticketing.Millis, ticketing.Millis) payments.Step

// variant is what holds for a whole enumeration.
type variant struct {
	lossy       bool          // the first answer to everything that has an effect is lost
	cancelRound bool          // cancel is the house's, of the whole round
	off         ticketing.KRW // by the coupon that every order names; 0: none does
	hasty       bool          // a bug: who tells the campaign does not read the order again
}

// deposit is what the bank has of one attempt.
type deposit struct {
	status  payments.Status
	total   ticketing.KRW
	balance ticketing.KRW
	by      ticketing.Millis // when an authentication is worth nothing any more
	repeats string           // names of what has gone back
}

type till struct {
	variant
	next  saga
	round *ticketing.Round
	now   ticketing.Millis
	yes   bool // the bank's mood
	bank  map[uint32]deposit
	since map[uint32]ticketing.Millis
	held  map[[2]uint32]payments.Answer // worker and attempt: an answer that has not been acted upon
	sold  int                           // times the seat is sold now
	err   error
	desk
}

func newTill(v variant, next saga, plan *ticketing.Plan) *till {
	t := &till{
		variant: v, next: next, round: ticketing.NewRound(1, plan), now: epoch, yes: true,
		bank: map[uint32]deposit{}, since: map[uint32]ticketing.Millis{}, held: map[[2]uint32]payments.Answer{},
	}
	t.round.Apply(ticketing.Event{At: epoch, Fact: ticketing.RoundPlanned{Plan: plan.Hash(), Terms: ticketing.Terms{
		Prices: []ticketing.KRW{seatCost}, OpensAt: epoch, ClosesAt: epoch + 1e9, StartsAt: epoch + 1e9,
		HoldMillis: 300_000, PayMillis: 600_000, MaxPerUser: 1, CancelUntil: epoch + 1e9, CancelFee: fee,
	}}})
	t.act(ticketing.ReserveSeats{User: 1, Seats: []string{"A-1-1"}, Key: ticketing.DigestOf("1")})
	if v.off > 0 {
		t.openDesk()
		t.pay() // the coupon's way is long enough
	}
	return t
}

func (t *till) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf(format, args...)
	}
}

// act puts a command to the round and looks at the facts that follow.
func (t *till) act(cmd ticketing.Command) ticketing.Result {
	events, result := ticketing.Act(t.round, cmd, t.now)
	for _, e := range events {
		switch f := e.Fact.(type) {
		case ticketing.PaymentConfirming:
			t.since[f.Attempt] = e.At
		case ticketing.RefundDue:
			t.since[f.Attempt] = e.At
		case ticketing.PaymentDeclined:
			if d := t.bank[f.Attempt]; d.balance > 0 || d.status == payments.InProgress && t.now < d.by {
				t.fail("attempt %d is declined, and the bank has it %v with %d", f.Attempt, d.status, d.balance)
			}
		case ticketing.ReservationConfirmed:
			if t.sold++; t.sold > 1 {
				t.fail("two winners")
			}
			if d := t.bank[f.Attempt]; f.Number == 1 && d.balance != t.order(f.Attempt).Amount {
				t.fail("attempt %d is confirmed without its money", f.Attempt)
			}
		case ticketing.ReservationCanceled, ticketing.RoundCanceled:
			t.sold = 0
		}
	}
	return result
}

// order is an attempt as the round has it; nil when there is none.
func (t *till) order(attempt uint32) *ticketing.Order {
	_, r := ticketing.Act(t.round, ticketing.ReadOrder{Number: 1, Attempt: attempt}, t.now)
	return r.Order
}

func (t *till) mine() ticketing.Reservation {
	return t.act(ticketing.ReadReservation{User: 1, Number: 1}).Reservation
}

func (t *till) move(name string) {
	switch name {
	case "expire":
		t.now = t.now.Add(payments.ConfirmWindow) + 1
		if next := t.round.NextDeadline(); next > t.now && next < t.now.Add(soon) {
			t.now = next + 1
		}
		t.act(ticketing.ReserveSeats{User: 2, Seats: []string{"A-1-1"}, Key: ticketing.DigestOf(fmt.Sprint(t.now))}) // a rival
	case "pay":
		t.pay()
	case "approve", "decline":
		t.yes = name == "approve"
		t.work(0, false)
	case "webhook":
		t.work(1, true)
	case "refund":
		t.work(2, false)
	case "reserve", "price", "settle", "rival":
		t.atDesk(name)
	case "cancel":
		switch {
		case t.cancelRound:
			t.act(ticketing.CancelRound{})
		case t.mine().Status == ticketing.Confirmed:
			t.act(ticketing.CancelReservation{User: 1, Number: 1})
		default:
			t.act(ticketing.ReleaseReservation{User: 1, Number: 1})
		}
	}
}

// pay is the customer's next step: to start, to authenticate and confirm, or to load the page again.
func (t *till) pay() {
	v := t.mine()
	if v.Status != ticketing.Paying {
		t.act(ticketing.StartPayment{User: 1, Number: 1, Coupon: t.coupon()})
		return
	}
	key := keyOf(v.Attempt)
	switch {
	case v.Priced && v.Due == 0:
		key = payments.FreeKey
	case v.Priced && t.bank[v.Attempt].total == 0:
		t.bank[v.Attempt] = deposit{status: payments.InProgress, total: v.Due, by: t.now.Add(payments.ConfirmWindow)}
	}
	t.act(ticketing.ConfirmPayment{User: 1, Number: 1, Attempt: v.Attempt, Amount: v.Due, PaymentKey: key})
}

func keyOf(attempt uint32) string { return fmt.Sprint("key", attempt) }

// work is one half of a worker's step, for every order: to ask, or to act upon what it was answered some time ago.
// A webhook's looks first, as Settler.Review does. It says whether there was anything to do.
func (t *till) work(worker uint32, look bool) bool {
	busy := false
	for attempt := uint32(1); ; attempt++ {
		r := t.act(ticketing.ReadOrder{Number: 1, Attempt: attempt})
		if r.Order == nil {
			return busy
		}
		at := [2]uint32{worker, attempt}
		step := t.next(*r.Order, t.held[at], t.since[attempt], t.now)
		if look && t.held[at].Say == payments.NotAsked && r.Order.PaymentKey != "" {
			step = payments.Step{Do: payments.Look}
		}
		delete(t.held, at)
		switch {
		case step.Command != nil:
			t.act(step.Command)
			busy = true
		case step.Do != payments.Stop && t.bank[attempt].total != 0:
			t.held[at] = t.ask(r.Order.ID, step)
			busy = true
		}
	}
}

// ask is the bank's part. It knows repeats as Toss does.
func (t *till) ask(id ticketing.OrderID, step payments.Step) payments.Answer {
	d := t.bank[id.Attempt]
	if d.status == payments.InProgress && t.now >= d.by {
		d.status = payments.Lapsed
	}
	before := d
	name := fmt.Sprint(step.Do, step.Gone, step.Amount, ";")
	refused := false
	switch {
	case step.Do == payments.Take && d.status == payments.InProgress && t.yes:
		d.status, d.balance = payments.Done, d.total
	case step.Do == payments.Take && d.status == payments.InProgress:
		d.status, refused = payments.Aborted, true
	case step.Do == payments.Return && !strings.Contains(d.repeats, name) && d.balance >= step.Amount:
		d.repeats += name
		d.status, d.balance = payments.PartCanceled, d.balance-step.Amount
	}
	t.bank[id.Attempt] = d
	switch {
	case t.lossy && (before.status != d.status || before.balance != d.balance):
		return payments.Answer{Say: payments.Nothing, Code: payments.CodeNoAnswer, Asked: t.now}
	case refused:
		return payments.Answer{Say: payments.Refused, Code: "REJECT_CARD_COMPANY", Asked: t.now}
	}
	return payments.Answer{Say: payments.Shown, Asked: t.now, Payment: payments.Payment{
		Key: keyOf(id.Attempt), Order: id, Status: d.status, Total: d.total, Balance: d.balance,
	}}
}

// end lets everything come to rest, and compares the books.
func (t *till) end() {
	for n := 0; ; n++ {
		busy := t.work(0, false)
		busy = t.work(1, false) || busy
		busy = t.work(2, false) || busy
		busy = t.settle() || busy
		if !busy {
			break
		}
		if t.now += 20_000; n > 100 {
			t.fail("it never ends")
			return
		}
	}
	for t.round.NextDeadline() != 0 && t.round.NextDeadline() < t.now.Add(soon) {
		t.now = t.round.NextDeadline()
		t.act(ticketing.ReadStatus{})
	}
	for t.settle() { // what the clock has ended
	}
	kept, v := 0, t.mine()
	for attempt := uint32(1); attempt <= v.Attempt; attempt++ {
		o, has, want := t.order(attempt), t.bank[attempt].balance, ticketing.KRW(0)
		switch {
		case o.State == ticketing.OrderPaid && v.Status == ticketing.Confirmed:
			want, kept = o.Amount, kept+1
		case o.State == ticketing.OrderRefunded:
			want = o.Amount - o.Refund
		case o.State == ticketing.OrderPaid && o.Amount == 0 && v.Status == ticketing.Canceled: // nothing to give back
		case o.State == ticketing.OrderConfirming || o.State == ticketing.OrderRefundDue || o.State == ticketing.OrderPaid:
			t.fail("attempt %d rests as %v of a reservation that is %v", attempt, o.State, v.Status)
		}
		if has != want {
			t.fail("attempt %d is %v, its reservation %v, and the bank has %d instead of %d", attempt, o.State, v.Status, has, want)
		}
	}
	if won := v.Status == ticketing.Confirmed; won != (kept == 1) || kept > 1 || won != (t.sold == 1) {
		t.fail("the reservation is %v, %d orders are paid, the seat is sold %d times", v.Status, kept, t.sold)
	}
	t.countCoupons()
}

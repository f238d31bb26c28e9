package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketblue/payments"
	"ticketblue/ticketing"
)

// Every order in which the clock, the customer, the provider, its messages and the workers may come, for one seat:
// the real round and the real saga, a bank that keeps its own books. In the end money and tickets agree.

var moves = []string{"expire", "pay", "approve", "decline", "webhook", "cancel", "refund"}

const (
	seatCost = ticketing.KRW(10_000)
	fee      = 10 // percent
)

type saga func(ticketing.Order, payments.Answer, ticketing.Millis, ticketing.Millis) payments.Step

// variant is what holds for a whole enumeration.
type variant struct {
	lossy       bool // the first answer to everything that has an effect is lost
	cancelRound bool // cancel is the house's, of the whole round
}

// deposit is what the bank has of one attempt.
type deposit struct {
	status  payments.Status
	balance ticketing.KRW
	by      ticketing.Millis // when an authentication is worth nothing any more
	repeats map[string]bool
}

type till struct {
	variant
	next  saga
	round *ticketing.Round
	now   ticketing.Millis
	yes   bool // the bank's mood
	bank  map[uint32]*deposit
	since map[uint32]ticketing.Millis
	held  map[[2]uint32]payments.Answer // worker and attempt: an answer that has not been acted upon
	sold  int                           // times the seat is sold now
	err   error
}

func newTill(v variant, next saga, plan *ticketing.Plan) *till {
	t := &till{
		variant: v, next: next, round: ticketing.NewRound(1, plan), now: epoch, yes: true,
		bank: map[uint32]*deposit{}, since: map[uint32]ticketing.Millis{}, held: map[[2]uint32]payments.Answer{},
	}
	t.round.Apply(ticketing.Event{At: epoch, Fact: ticketing.RoundPlanned{Plan: plan.Hash(), Terms: ticketing.Terms{
		Prices: []ticketing.KRW{seatCost}, OpensAt: epoch, ClosesAt: epoch + 1e9, StartsAt: epoch + 1e9,
		HoldMillis: 300_000, PayMillis: 600_000, MaxPerUser: 1, CancelUntil: epoch + 1e9, CancelFee: fee,
	}}})
	t.act(ticketing.ReserveSeats{User: 1, Seats: []string{"A-1-1"}, Key: ticketing.DigestOf("1")})
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
			if d := t.bank[f.Attempt]; d != nil && (d.balance > 0 || d.status == payments.InProgress && t.now < d.by) {
				t.fail("attempt %d is declined, and the bank has it %v with %d", f.Attempt, d.status, d.balance)
			}
		case ticketing.ReservationConfirmed:
			if t.sold++; t.sold > 1 {
				t.fail("two winners")
			}
			if d := t.bank[f.Attempt]; f.Number == 1 && (d == nil || d.balance != seatCost) {
				t.fail("attempt %d is confirmed without its money", f.Attempt)
			}
		case ticketing.ReservationCanceled, ticketing.RoundCanceled:
			t.sold = 0
		}
	}
	return result
}

func (t *till) mine() ticketing.Reservation {
	return t.act(ticketing.ReadReservation{User: 1, Number: 1}).Reservation
}

func (t *till) move(name string) {
	switch name {
	case "expire":
		t.now = max(t.now+ticketing.Millis(payments.ConfirmWindow.Milliseconds()), t.round.NextDeadline()) + 1
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
		t.act(ticketing.StartPayment{User: 1, Number: 1})
		return
	}
	if t.bank[v.Attempt] == nil {
		t.bank[v.Attempt] = &deposit{
			status: payments.InProgress, by: t.now.Add(payments.ConfirmWindow), repeats: map[string]bool{},
		}
	}
	t.act(ticketing.ConfirmPayment{User: 1, Number: 1, Attempt: v.Attempt, Amount: seatCost, PaymentKey: keyOf(v.Attempt)})
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
		case step.Do != payments.Stop && t.bank[attempt] != nil:
			t.held[at] = t.ask(r.Order.ID, t.bank[attempt], step)
			busy = true
		}
	}
}

// ask is the bank's part. It knows repeats as Toss does.
func (t *till) ask(id ticketing.OrderID, d *deposit, step payments.Step) payments.Answer {
	if d.status == payments.InProgress && t.now >= d.by {
		d.status = payments.Lapsed
	}
	before := *d
	name := fmt.Sprint(step.Do, step.Gone, step.Amount)
	refused := false
	switch {
	case step.Do == payments.Take && d.status == payments.InProgress && t.yes:
		d.status, d.balance = payments.Done, seatCost
	case step.Do == payments.Take && d.status == payments.InProgress:
		d.status, refused = payments.Aborted, true
	case step.Do == payments.Return && !d.repeats[name] && d.balance >= step.Amount:
		d.repeats[name] = true
		d.status, d.balance = payments.PartCanceled, d.balance-step.Amount
	}
	switch {
	case t.lossy && (before.status != d.status || before.balance != d.balance):
		return payments.Answer{Say: payments.Nothing, Code: payments.CodeNoAnswer, Asked: t.now}
	case refused:
		return payments.Answer{Say: payments.Refused, Code: "REJECT_CARD_COMPANY", Asked: t.now}
	}
	return payments.Answer{Say: payments.Shown, Asked: t.now, Payment: payments.Payment{
		Key: keyOf(id.Attempt), Order: id, Status: d.status, Total: seatCost, Balance: d.balance,
	}}
}

// end lets everything come to rest, and compares the books.
func (t *till) end() {
	for n := 0; ; n++ {
		busy := t.work(0, false)
		busy = t.work(1, false) || busy
		busy = t.work(2, false) || busy
		if !busy {
			break
		}
		if t.now += 20_000; n > 100 {
			t.fail("it never ends")
			return
		}
	}
	for t.round.NextDeadline() != 0 && t.round.NextDeadline() < epoch+1e9 {
		t.now = t.round.NextDeadline()
		t.act(ticketing.ReadStatus{})
	}
	kept, v := 0, t.mine()
	for attempt := uint32(1); attempt <= v.Attempt; attempt++ {
		o := t.act(ticketing.ReadOrder{Number: 1, Attempt: attempt}).Order
		var has, want ticketing.KRW
		if d := t.bank[attempt]; d != nil {
			has = d.balance
		}
		switch {
		case o.State == ticketing.OrderPaid && v.Status == ticketing.Confirmed:
			want, kept = o.Amount, kept+1
		case o.State == ticketing.OrderRefunded:
			want = o.Amount - o.Refund
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
}

// interleave plays every sequence of up to n moves until one fails.
func interleave(v variant, n int, next saga, plan *ticketing.Plan) (played int, err error) {
	path := make([]int, 0, n)
	for {
		t := newTill(v, next, plan)
		for _, m := range path {
			t.move(moves[m])
		}
		t.end()
		if played++; t.err != nil {
			var names []string
			for _, m := range path {
				names = append(names, moves[m])
			}
			return played, fmt.Errorf("%+v, %s: %w", v, strings.Join(names, " "), t.err)
		}
		if len(path) < n {
			path = append(path, 0)
			continue
		}
		for len(path) > 0 && path[len(path)-1] == len(moves)-1 {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return played, nil
		}
		path[len(path)-1]++
	}
}

var variants = []variant{{false, false}, {true, false}, {false, true}, {true, true}}

func oneSeat(t *testing.T) *ticketing.Plan {
	plan, err := ticketing.PlainPlan(1)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestMoneyInterleavings(t *testing.T) {
	for _, v := range variants {
		t.Run(fmt.Sprintf("%+v", v), func(t *testing.T) {
			t.Parallel()
			began, all := time.Now(), 0
			for n, some := 0, 1; n <= longest; n, some = n+1, some*len(moves) {
				all += some // of n moves
			}
			played, err := interleave(v, longest, payments.Next, oneSeat(t))
			if err != nil {
				t.Error(err)
			}
			if t.Logf("%d sequences in %v", played, time.Since(began)); err == nil && played != all {
				t.Errorf("%d sequences of %d", played, all)
			}
		})
	}
}

// TestMoneyBugsAreFound changes one cell of the saga at a time.
func TestMoneyBugsAreFound(t *testing.T) {
	decline := func(o ticketing.Order) payments.Step {
		return payments.Step{Command: ticketing.DeclinePayment{Number: 1, Attempt: o.ID.Attempt}}
	}
	approve := func(o ticketing.Order) payments.Step {
		return payments.Step{Command: ticketing.ApprovePayment{Number: 1, Attempt: o.ID.Attempt}}
	}
	settle := func(o ticketing.Order) payments.Step {
		return payments.Step{Command: ticketing.SettleRefund{Number: 1, Attempt: o.ID.Attempt}}
	}
	for name, c := range map[string]struct {
		state ticketing.OrderState
		found []payments.Finding
		step  func(ticketing.Order) payments.Step
	}{
		"silence is a no":             {ticketing.OrderConfirming, []payments.Finding{payments.Unknown}, decline},
		"silence is a yes":            {ticketing.OrderConfirming, []payments.Finding{payments.Unknown}, approve},
		"authenticated is paid":       {ticketing.OrderConfirming, []payments.Finding{payments.Untaken}, approve},
		"authenticated is refused":    {ticketing.OrderConfirming, []payments.Finding{payments.Untaken}, decline},
		"a refusal is a yes":          {ticketing.OrderConfirming, []payments.Finding{payments.No}, approve},
		"a yes is forgotten":          {ticketing.OrderConfirming, []payments.Finding{payments.Taken}, func(ticketing.Order) payments.Step { return payments.Step{} }},
		"a refund is settled unasked": {ticketing.OrderRefundDue, []payments.Finding{payments.Unasked}, settle},
		"not yet returned is settled": {ticketing.OrderRefundDue, []payments.Finding{payments.Taken}, settle},
		"a refund is forgotten":       {ticketing.OrderRefundDue, []payments.Finding{payments.Unasked, payments.Taken}, func(ticketing.Order) payments.Step { return payments.Step{} }},
		"all is returned, fee and all": {ticketing.OrderRefundDue, []payments.Finding{payments.Unasked},
			func(o ticketing.Order) payments.Step {
				return payments.Step{Do: payments.Return, Amount: o.Amount}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			planted := func(o ticketing.Order, a payments.Answer, since, now ticketing.Millis) payments.Step {
				if f, _ := payments.Judge(o, a); o.State == c.state && slices.Contains(c.found, f) {
					return c.step(o)
				}
				return payments.Next(o, a, since, now)
			}
			for _, v := range variants {
				if _, err := interleave(v, 6, planted, oneSeat(t)); err != nil {
					t.Log(err)
					return
				}
			}
			t.Error("not found")
		})
	}
}

package sim

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"ticketblue/payments"
	"ticketblue/ticketing"
)

// families of sequences: the longest that are all played. In the second the order has been started already, and names a
// coupon.
var families = []struct {
	name     string
	longest  int
	moves    []string
	variants []variant
}{
	{"money", 8, []string{"expire", "pay", "approve", "decline", "webhook", "cancel", "refund"},
		[]variant{{}, {lossy: true}, {cancelRound: true}, {lossy: true, cancelRound: true}}},
	{"coupon", 7, []string{"expire", "pay", "approve", "decline", "webhook", "cancel", "refund", "reserve", "price", "settle", "rival"},
		[]variant{{off: 3_000}, {off: seatCost}, {off: 3_000, lossy: true}, {off: 3_000, cancelRound: true}}},
}

// place is a state that sequences of moves have led to: so many, and one of them.
type place struct {
	till *till
	path string
	ways int
}

// playAll plays every sequence of up to n moves until one fails. Sequences that have led to the very same state go on as
// one: what follows is the same for all of them. Played counts all of them, states what they have come to.
func playAll(v variant, moves []string, n int, next saga, plan *ticketing.Plan) (played, states int, err error) {
	layer := []*place{{till: newTill(v, next, plan), ways: 1}}
	for depth := 0; ; depth++ {
		for _, p := range layer {
			played, states = played+p.ways, states+1
			rest := p.till.clone()
			if rest.end(); rest.err != nil {
				return played, states, fmt.Errorf("%+v,%s: %w", v, p.path, rest.err)
			}
		}
		if depth == n {
			return played, states, nil
		}
		layer = onward(layer, moves)
	}
}

// onward is where every move leads from every place.
func onward(layer []*place, moves []string) (next []*place) {
	known := map[string]*place{}
	for _, p := range layer {
		for _, move := range moves {
			t := p.till.clone()
			t.move(move)
			name := t.name()
			if known[name] == nil {
				known[name] = &place{till: t, path: p.path + " " + move}
				next = append(next, known[name])
			}
			known[name].ways += p.ways
		}
	}
	return next
}

func (t *till) clone() *till {
	c := *t
	c.round = t.round.Copy().(*ticketing.Round)
	c.bank, c.since, c.held = maps.Clone(t.bank), maps.Clone(t.since), maps.Clone(t.held)
	c.desk = t.desk.clone()
	return &c
}

// name tells states apart: all that anything may follow from.
func (t *till) name() string {
	return fmt.Sprintf("%s|%d %t %d %v|%#v|%v|%#v|%s", t.round.Snapshot(), t.now, t.yes, t.sold, t.err, t.bank, t.since, t.held, t.desk.name())
}

func oneSeat(t *testing.T) *ticketing.Plan {
	plan, err := ticketing.PlainPlan(1)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestMoneyInterleavings(t *testing.T) {
	for _, f := range families {
		for _, v := range f.variants {
			t.Run(fmt.Sprintf("%s %+v", f.name, v), func(t *testing.T) {
				t.Parallel()
				began, all := time.Now(), 0
				for n, some := 0, 1; n <= f.longest; n, some = n+1, some*len(f.moves) {
					all += some // of n moves
				}
				played, states, err := playAll(v, f.moves, f.longest, payments.Next, oneSeat(t))
				if err != nil {
					t.Error(err)
				}
				if t.Logf("%d sequences, %d states, in %v", played, states, time.Since(began)); err == nil && played != all {
					t.Errorf("%d sequences of %d", played, all)
				}
			})
		}
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
			for _, f := range families {
				for _, v := range f.variants {
					if _, _, err := playAll(v, f.moves, 6, planted, oneSeat(t)); err != nil {
						t.Log(err)
						return
					}
				}
			}
			t.Error("not found")
		})
	}
}

// Whoever told the campaign what he had read a while ago, and left it at that, cost customers their coupons.
func TestHastyWorkerIsFound(t *testing.T) {
	_, _, err := playAll(variant{off: seatCost, hasty: true}, families[1].moves, families[1].longest, payments.Next, oneSeat(t))
	if t.Log(err); err == nil {
		t.Error("not found")
	}
}

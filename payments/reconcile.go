package payments

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ticketblue/ticketing"
)

// Verdict is what comes of holding an order against the provider's books.
type Verdict string

// Verdicts.
const (
	Agrees   Verdict = "agrees"
	Underway Verdict = "underway" // the saga is still at it
	Orphan   Verdict = "orphan"   // money without a ticket, a ticket without its money, or money that nobody gives back
	Unproven Verdict = "unproven" // the provider did not say, and has not said before
)

// Line is one order beside what the provider has of it.
type Line struct {
	Order       string        `json:"order"`
	Reservation string        `json:"reservation"` // its status; "" for an order that the journal does not know
	State       string        `json:"state"`
	Amount      ticketing.KRW `json:"amount"`           // asked for
	Refund      ticketing.KRW `json:"refund,omitempty"` // owed or given back
	Has         ticketing.KRW `json:"has"`              // that the provider has taken and not given back
	Verdict     Verdict       `json:"verdict"`
	Why         string        `json:"why,omitempty"`
}

// Compare holds an order of the journal against the provider: its answer now, and where that says nothing the newest
// of the calls that were kept.
func Compare(o ticketing.Order, calls []ticketing.ProviderCall, a Answer) Line {
	line := Line{
		Order: o.ID.String(), Reservation: o.Reservation.String(), State: o.State.String(), Amount: o.Amount, Refund: o.Refund,
	}
	has, known, why := moneyOf(o, calls, a)
	line.Has = has
	if why == "" && known {
		why = contradictionOf(o, has)
	}
	switch {
	case why != "":
		line.Verdict, line.Why = Orphan, why
	case o.State == ticketing.OrderConfirming || o.State == ticketing.OrderRefundDue:
		line.Verdict = Underway
	case !known:
		line.Verdict, line.Why = Unproven, "the provider does not say"
	default:
		line.Verdict = Agrees
	}
	return line
}

// moneyOf is what the provider has of an order; known, when it or its kept word says so.
func moneyOf(o ticketing.Order, calls []ticketing.ProviderCall, a Answer) (has ticketing.KRW, known bool, why string) {
	if o.PaymentKey == "" || o.Amount == 0 {
		if len(calls) > 0 {
			return 0, true, "the provider was called for an order without a payment"
		}
		return 0, true, ""
	}
	switch a.Say {
	case Shown:
		p := a.Payment
		if p.Order != o.ID {
			return 0, true, "" // the payment is another order's: nothing of it is this one's
		}
		return shownMoney(o, p.Status.String(), p.Total, p.Balance, p.Foreign)
	case Missing:
		return 0, true, ""
	}
	for _, c := range slices.Backward(calls) {
		if c.Key == o.PaymentKey && c.Said == Shown.String() {
			return shownMoney(o, c.Status, c.Total, c.Balance, c.Foreign)
		}
		if c.Key == o.PaymentKey && c.Said == Refused.String() {
			return 0, true, ""
		}
	}
	return 0, false, ""
}

func shownMoney(o ticketing.Order, status string, total, balance ticketing.KRW, foreign bool) (ticketing.KRW, bool, string) {
	switch status {
	case Done.String(), PartCanceled.String():
	default:
		return 0, true, ""
	}
	if foreign || total != o.Amount {
		return balance, true, fmt.Sprintf("the provider took %d of another amount or currency", total)
	}
	return balance, true, ""
}

// contradictionOf is what is wrong when the provider has so much of an order; "" when nothing is.
func contradictionOf(o ticketing.Order, has ticketing.KRW) string {
	switch o.State {
	case ticketing.OrderPaid:
		if o.Reservation != ticketing.Confirmed && o.Reservation != ticketing.Canceled {
			return "it is paid, and its reservation is " + o.Reservation.String()
		}
		if has != o.Amount {
			return "a ticket without its money"
		}
	case ticketing.OrderRefunded:
		if has != o.Amount-o.Refund {
			return "what was to go back is still there, or more has gone"
		}
	case ticketing.OrderRefundDue:
		if has > o.Amount || has < o.Amount-o.Refund {
			return "more has gone back than was owed"
		}
	case ticketing.OrderConfirming:
		if has != 0 && has != o.Amount {
			return "a part of the money is gone"
		}
	default:
		if has != 0 {
			return "money without a ticket"
		}
	}
	return ""
}

// Reconciler holds the orders of the journal against the provider's books.
type Reconciler struct {
	Gateway Gateway // nil: the calls that were kept are all the evidence
	// Orders are all orders of a round, by the journal.
	Orders func(ctx context.Context, round ticketing.RoundID) ([]ticketing.Order, error)
	// Calls are all calls that were kept of a round's orders, by order and in each as they were made.
	Calls func(ctx context.Context, round ticketing.RoundID) ([]ticketing.ProviderCall, error)
}

const (
	askers       = 8 // questions to the provider at once
	maxLedgerRun = 1000
)

// Reconciliation is what Rounds found.
type Reconciliation struct {
	OK       bool   `json:"ok"` // no orphan, and nothing unproven
	Orders   int    `json:"orders"`
	Agree    int    `json:"agree"`
	Underway int    `json:"underway"`
	Orphans  int    `json:"orphans"`
	Unproven int    `json:"unproven"`
	Lines    []Line `json:"lines"` // of those that do not agree
}

func (r *Reconciliation) add(l Line) {
	r.Orders++
	switch l.Verdict {
	case Agrees:
		r.Agree++
		return
	case Underway:
		r.Underway++
	case Unproven:
		r.Unproven++
	default:
		r.Orphans++
	}
	r.Lines = append(r.Lines, l)
}

// Rounds compares every order of these rounds, and every entry in the provider's ledger between the two moments, where
// the provider has one. What seems wrong is looked at twice: an order may move while it is being compared.
func (r Reconciler) Rounds(ctx context.Context, rounds []ticketing.RoundID, from, to time.Time) (*Reconciliation, error) {
	report := &Reconciliation{Lines: []Line{}}
	keys := map[string]bool{}
	for _, round := range rounds {
		lines, err := r.round(ctx, round, keys)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(lines, func(l Line) bool { return l.Verdict == Orphan }) {
			if lines, err = r.round(ctx, round, keys); err != nil {
				return nil, err
			}
		}
		for _, l := range lines {
			report.add(l)
		}
	}
	strays, err := r.strays(ctx, keys, from, to)
	if err != nil {
		return nil, err
	}
	for _, l := range strays {
		report.add(l)
	}
	report.OK = report.Orphans == 0 && report.Unproven == 0
	return report, nil
}

// round compares one round's orders, and remembers their payments' keys.
func (r Reconciler) round(ctx context.Context, round ticketing.RoundID, keys map[string]bool) ([]Line, error) {
	orders, err := r.Orders(ctx, round)
	if err != nil {
		return nil, err
	}
	calls, err := r.Calls(ctx, round)
	if err != nil {
		return nil, err
	}
	of := map[ticketing.OrderID][]ticketing.ProviderCall{}
	for _, c := range calls {
		of[c.Order] = append(of[c.Order], c)
	}
	lines := make([]Line, len(orders))
	slots := make(chan struct{}, askers)
	var asking sync.WaitGroup
	for i, o := range orders {
		keys[o.PaymentKey] = true
		slots <- struct{}{}
		asking.Go(func() {
			lines[i] = Compare(o, of[o.ID], r.ask(ctx, o))
			<-slots
		})
	}
	asking.Wait()
	for _, o := range orders {
		delete(of, o.ID)
	}
	for id, unknown := range of {
		last := unknown[len(unknown)-1]
		lines = append(lines, Line{Order: id.String(), Has: last.Balance, Verdict: Orphan, Why: "the provider was called for an order that the journal does not know"})
	}
	return lines, ctx.Err()
}

func (r Reconciler) ask(ctx context.Context, o ticketing.Order) Answer {
	if r.Gateway == nil || o.PaymentKey == "" || o.PaymentKey == FreeKey {
		return Answer{}
	}
	return r.Gateway.Payment(ctx, o.PaymentKey)
}

// ledger is a provider that shows its books.
type ledger interface {
	Ledger(ctx context.Context, from, to time.Time, after string) ([]Entry, error)
}

// strays are payments for orders of ours, with money in them, that no order names: somebody has paid twice, or past us.
func (r Reconciler) strays(ctx context.Context, keys map[string]bool, from, to time.Time) ([]Line, error) {
	books, has := r.Gateway.(ledger)
	if !has || !from.Before(to) {
		return nil, nil
	}
	var lines []Line
	after := ""
	for range maxLedgerRun {
		page, err := books.Ledger(ctx, from, to, after)
		if err != nil || len(page) == 0 {
			return lines, err
		}
		for _, e := range page {
			if e.Order == (ticketing.OrderID{}) || keys[e.Key] {
				continue
			}
			keys[e.Key] = true
			if a := r.Gateway.Payment(ctx, e.Key); a.Say == Shown && a.Payment.Status >= Done && a.Payment.Balance > 0 && a.Payment.Status != Aborted {
				lines = append(lines, Line{Order: e.Order.String(), Has: a.Payment.Balance, Verdict: Orphan, Why: "money in a payment that no order names"})
			}
		}
		after = page[len(page)-1].Transaction
		if len(page) < MaxEntries {
			return lines, nil
		}
	}
	return lines, fmt.Errorf("payments: the provider's books have more than %d entries since %s", maxLedgerRun*MaxEntries, from)
}

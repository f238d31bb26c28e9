package payments

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

const (
	began = ticketing.Millis(1_800_000_000_000)
	early = began + 5_000                    // the handler still has its head start
	late  = began + 16*60*1000               // after the window and after the alarm
	price = ticketing.KRW(30_000)            // of the order
	back  = ticketing.KRW(27_000)            // to be given back, a fee being kept
	key   = "tgen_20260101-abc"              // of the payment
	other = ticketing.KRW(1_000)             // an amount nobody asked for
	tick  = ticketing.Millis(60 * 60 * 1000) // long after everything
)

var (
	orderID  = ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 42, Number: 7}, Attempt: 2}
	anothers = ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 42, Number: 8}, Attempt: 1}
	states   = []ticketing.OrderState{
		ticketing.OrderOpen, ticketing.OrderConfirming, ticketing.OrderDeclined, ticketing.OrderPaid, ticketing.OrderRefundDue, ticketing.OrderRefunded,
	}
)

func orderIn(state ticketing.OrderState) ticketing.Order {
	o := ticketing.Order{ID: orderID, User: 1, State: state, Reservation: ticketing.Paying, Price: price, Amount: price, Priced: true, PaymentKey: key}
	if state == ticketing.OrderRefundDue || state == ticketing.OrderRefunded {
		o.Refund = back
	}
	return o
}

func shown(status Status, total, balance ticketing.KRW) Answer {
	return Answer{Say: Shown, Asked: early, Payment: Payment{Key: key, Order: orderID, Status: status, Total: total, Balance: balance}}
}

// answers are, for each finding, all the answers that must be read as it.
func answers(f Finding) []Answer {
	with := func(change func(*Payment)) Answer {
		a := shown(Done, price, price)
		change(&a.Payment)
		return a
	}
	switch f {
	case Unasked:
		return []Answer{{}}
	case Unknown:
		return []Answer{
			{Say: Nothing, Code: CodeNoAnswer}, {Say: Nothing, Code: "ALREADY_PROCESSED_PAYMENT"}, shown(Strange, price, price),
			with(func(p *Payment) { p.Key = "another" }),
			with(func(p *Payment) { p.Key, p.Order = "another", anothers }),
		}
	case Taken:
		return []Answer{shown(Done, price, price)}
	case No:
		return []Answer{
			{Say: Refused, Code: "REJECT_CARD_COMPANY"}, shown(Aborted, price, price), shown(Lapsed, price, price),
			shown(InProgress, other, other), shown(Ready, other, other),
		}
	case Untaken:
		return []Answer{shown(InProgress, price, price)}
	case Unbegun:
		return []Answer{shown(Ready, price, price), {Say: Missing, Asked: early}}
	case Deposit:
		return []Answer{shown(Waiting, price, price)}
	case Returned:
		return []Answer{shown(Canceled, price, 0)}
	case Odd:
		return []Answer{
			shown(Done, other, other), with(func(p *Payment) { p.Foreign = true }), with(func(p *Payment) { p.Balance = price + 1 }),
		}
	}
	return []Answer{with(func(p *Payment) { p.Order = anothers }), with(func(p *Payment) { p.Order = ticketing.OrderID{} })}
}

func (s Step) words(now ticketing.Millis) string {
	out := s.Do.String()
	switch s.Command.(type) {
	case ticketing.ApprovePayment:
		out = "APPROVE"
	case ticketing.DeclinePayment:
		out = "DECLINE"
	case ticketing.SettleRefund:
		out = "SETTLE"
	}
	if s.At > now {
		out += " later"
	}
	if s.Alarm {
		out += " !"
	}
	return out
}

// wholeTable is every cell, early and late: a line per finding, a column per state.
const wholeTable = `
early            | open         | confirming   | declined     | paid         | refund_due    | refunded
unasked          | stop         | take         | stop         | stop         | return        | stop
unknown          | look later   | look later   | look later   | look later   | look later    | look later
taken            | APPROVE !    | APPROVE      | APPROVE      | stop         | return        | stop !
no               | stop         | DECLINE      | stop         | stop !       | look later !  | stop !
untaken          | stop         | take later   | stop         | stop !       | look later !  | stop !
unbegun          | stop         | look later   | stop         | stop !       | look later !  | stop !
deposit          | revoke !     | revoke       | revoke       | stop !       | look later !  | stop !
returned         | stop         | DECLINE      | stop         | stop !       | SETTLE        | stop
odd              | revoke !     | revoke !     | revoke !     | stop !       | look later !  | stop !
foreign          | stop         | DECLINE      | stop         | stop !       | look later !  | stop !
late             | open         | confirming   | declined     | paid         | refund_due    | refunded
unasked          | stop         | look         | stop         | stop         | look          | stop
unknown          | look later   | look later ! | look later   | look later   | look later !  | look later
taken            | APPROVE !    | APPROVE      | APPROVE      | stop         | return        | stop !
no               | stop         | DECLINE      | stop         | stop !       | look later !  | stop !
untaken          | stop         | take later ! | stop         | stop !       | look later !  | stop !
unbegun          | stop         | DECLINE      | stop         | stop !       | look later !  | stop !
deposit          | revoke !     | revoke       | revoke       | stop !       | look later !  | stop !
returned         | stop         | DECLINE      | stop         | stop !       | SETTLE        | stop
odd              | revoke !     | revoke !     | revoke !     | stop !       | look later !  | stop !
foreign          | stop         | DECLINE      | stop         | stop !       | look later !  | stop !
`

func TestSagaTable(t *testing.T) {
	cells := map[string]string{}
	var when string
	for line := range strings.Lines(strings.TrimSpace(wholeTable)) {
		columns := strings.Split(line, "|")
		name := strings.TrimSpace(columns[0])
		if name == "early" || name == "late" {
			when = name
			continue
		}
		for i, state := range states {
			cells[fmt.Sprint(when, "/", name, "/", state)] = strings.TrimSpace(columns[i+1])
		}
	}
	for when, now := range map[string]ticketing.Millis{"early": early, "late": late} {
		for f := Unasked; f <= Foreign; f++ {
			for _, state := range states {
				cell := fmt.Sprint(when, "/", f, "/", state)
				for n, a := range answers(f) {
					a.Asked = now
					o := orderIn(state)
					if state == ticketing.OrderRefunded && f == Returned {
						a = shown(PartCanceled, price, price-back)
					}
					step := Next(o, a, began, now)
					if got := step.words(now); got != cells[cell] {
						t.Errorf("%s, answer %d %+v: %s, want %s", cell, n, a, got, cells[cell])
					}
					if again := Next(o, a, began, now); again != step {
						t.Errorf("%s: not the same step again", cell)
					}
				}
			}
		}
	}
	if want := 2 * 10 * len(states); len(cells) != want {
		t.Errorf("%d cells, want %d", len(cells), want)
	}
}

// TestSilenceIsNeverANo: whatever is unknown, at any time, leads to no command and to another question.
func TestSilenceIsNeverANo(t *testing.T) {
	for _, state := range states {
		for _, a := range answers(Unknown) {
			for now := began; now < began+tick; now += 7_777 {
				a.Asked = now
				if step := Next(orderIn(state), a, began, now); step.Command != nil || step.Do != Look || step.At <= now {
					t.Fatalf("%s, %+v at %d: %+v", state, a, now-began, step)
				}
			}
		}
	}
}

func TestWithoutProvider(t *testing.T) {
	for name, c := range map[string]struct {
		amount ticketing.KRW
		key    string
		want   string
		code   string
	}{
		"free":                      {0, FreeKey, "APPROVE", ""},
		"free, by any key":          {0, key, "APPROVE", ""},
		"one won":                   {1, key, "DECLINE", CodeTooSmall},
		"99 won":                    {99, key, "DECLINE", CodeTooSmall},
		"100 won":                   {100, key, "take", ""},
		"the free key for money":    {price, FreeKey, "DECLINE", CodeKeyInvalid},
		"a key that is a path":      {price, "../orders/x", "DECLINE", CodeKeyInvalid},
		"a key with an encoded one": {price, "%2e%2e", "DECLINE", CodeKeyInvalid},
		"a key that is too long":    {price, strings.Repeat("k", maxKeyBytes+1), "DECLINE", CodeKeyInvalid},
	} {
		o := orderIn(ticketing.OrderConfirming)
		o.Amount, o.PaymentKey = c.amount, c.key
		if step := Next(o, Answer{}, began, early); step.words(early) != c.want || step.Code != c.code {
			t.Errorf("%s: %s %s, want %s %s", name, step.words(early), step.Code, c.want, c.code)
		}
	}
}

// TestOldAnswers: what the provider did not know before the window closed says nothing about what it has taken since.
func TestOldAnswers(t *testing.T) {
	for _, a := range answers(Unbegun) {
		a.Asked = began.Add(ConfirmWindow) - 1
		if step := Next(orderIn(ticketing.OrderConfirming), a, began, late); step.words(late) != "look later" {
			t.Errorf("asked before the end: %s", step.words(late))
		}
		a.Asked++
		if step := Next(orderIn(ticketing.OrderConfirming), a, began, late); step.words(late) != "DECLINE" {
			t.Errorf("asked at the end: %s", step.words(late))
		}
	}
}

func TestRefundsOfARest(t *testing.T) {
	o := orderIn(ticketing.OrderRefundDue)
	for balance, want := range map[ticketing.KRW]string{
		price: "return 27000 after 0", price - 7_000: "return 20000 after 7000", price - back + 1: "return 1 after 26999",
		price - back: "SETTLE 0 after 0", 0: "SETTLE 0 after 0",
	} {
		status := PartCanceled
		if balance == price {
			status = Done
		}
		step := Next(o, shown(status, price, balance), began, early)
		if got := fmt.Sprintf("%s %d after %d", step.words(early), step.Amount, step.Gone); got != want {
			t.Errorf("%d are left: %s, want %s", balance, got, want)
		}
	}
	// Whoever gave some of a ticket's price back by hand has left a ticket that is not paid for.
	if step := Next(orderIn(ticketing.OrderPaid), shown(PartCanceled, price, 1), began, early); !step.Alarm {
		t.Error("a part of a paid order's money is gone, and nobody is told")
	}
}

// TestUnpriced: before a price was told nothing can be compared with it.
func TestUnpriced(t *testing.T) {
	o := orderIn(ticketing.OrderOpen)
	o.Amount, o.Priced, o.PaymentKey = 0, false, ""
	if step := Next(o, shown(Done, price, price), began, early); step.words(early) != "revoke !" {
		t.Error(step.words(early))
	}
}

func TestPausesGrow(t *testing.T) {
	last := time.Duration(0)
	for after := ticketing.Millis(0); after < tick; after += 500 {
		pause := time.Duration(later(began, began+after)-began-after) * time.Millisecond
		if pause < last || pause < firstPause || pause > lastPause {
			t.Fatalf("after %d ms a pause of %v, before it %v", after, pause, last)
		}
		last = pause
	}
	if last != lastPause || later(began+5, began) <= began {
		t.Errorf("in the end %v", last)
	}
}

package payments

import (
	"regexp"

	"ticketblue/ticketing"
)

// Finding is what an answer means for the money of one order.
type Finding uint8

// Findings.
const (
	Unasked  Finding = iota // nobody has asked
	Unknown                 // the money may be taken or not: ask again. Never a no.
	Taken                   // yes: our order, our amount, in won, all of it still here
	No                      // final: this order's money is not taken and cannot be any more
	Untaken                 // authenticated by the customer, not taken: Confirm again
	Unbegun                 // nothing to take yet; final when asked after the confirming window
	Deposit                 // a virtual account waits for money that may come some day, or never
	Returned                // money went back: all that should, or more
	Odd                     // ours, but the money is not what we asked for: other amount, currency, or part of it is gone
	Foreign                 // another order's payment: none of our business, whatever became of it
)

var findingNames = [...]string{
	"unasked", "unknown", "taken", "no", "untaken", "unbegun", "deposit", "returned", "odd", "foreign",
}

func (f Finding) String() string { return findingNames[f] }

// Judge holds an answer against the order it was asked for. The order's amounts are the round's; nothing that the
// provider or a customer says replaces them.
func Judge(o ticketing.Order, a Answer) (Finding, string) {
	switch a.Say {
	case NotAsked:
		return Unasked, ""
	case Refused:
		return No, a.Code
	case Missing:
		return Unbegun, CodeNotBegun
	case Shown:
		return judgePayment(o, a.Payment)
	}
	return Unknown, a.Code
}

func judgePayment(o ticketing.Order, p Payment) (Finding, string) {
	differs := !o.Priced || p.Foreign || p.Total != o.Amount
	switch {
	case o.PaymentKey != "" && p.Key != o.PaymentKey:
		return Unknown, CodeForeign // of this order's own payment it says nothing
	case p.Order != o.ID:
		return Foreign, CodeForeign
	case p.Status == Aborted || p.Status == Lapsed:
		return No, CodeEnded
	case p.Status == Canceled:
		return Returned, CodeEnded
	case p.Status == Waiting:
		return Deposit, CodeVirtualAccount
	case p.Status == Ready || p.Status == InProgress:
		if differs {
			return No, CodeAmount // we ask for our amount, and the provider takes no other than the customer saw
		}
		if p.Status == Ready {
			return Unbegun, CodeNotBegun
		}
		return Untaken, ""
	case p.Status == Done || p.Status == PartCanceled:
		return judgeTaken(o, p, differs)
	}
	return Unknown, p.Status.String()
}

// judgeTaken: money came in. Is it ours, and is it still there?
func judgeTaken(o ticketing.Order, p Payment, differs bool) (Finding, string) {
	gone := p.Total - p.Balance
	owed := o.State == ticketing.OrderRefundDue || o.State == ticketing.OrderRefunded
	switch {
	case differs || gone < 0:
		return Odd, CodeAmount
	case owed && gone >= o.Refund:
		return Returned, ""
	case gone == 0 || owed:
		return Taken, ""
	}
	return Odd, CodeAmount
}

const maxKeyBytes = ticketing.MaxPaymentKeyBytes

var keyForm = regexp.MustCompile(`^[A-Za-z0-9_=-]+$`)

// validKey: a payment may have this key. It comes from the customer's browser and goes into an address.
func validKey(key string) bool { return len(key) <= maxKeyBytes && keyForm.MatchString(key) }

package ticketing

import (
	"fmt"
	"slices"
)

// The auditor's view of one reservation and of the money for it.

type claim struct {
	LiveReservation
	key    Digest
	prices []KRW  // by grade, when it was made
	until  Millis // its seats go back then; 0: only by a command
	bills  []bill // attempt n is bills[n-1]
}

type bill struct {
	state  billState
	priced bool
	due    KRW
	until  Millis
	seats  int
}

type billState uint8

const (
	billOpen billState = iota
	billAsked
	billRefused
	billPaid
	billOwed // money is to go back
	billReturned
)

// subject is the reservation, and the order, that a fact speaks of.
func subject(f Fact) (number, attempt uint32) {
	switch f := f.(type) {
	case HoldReleased:
		return f.Number, 0
	case HoldLapsed:
		return f.Number, 0
	case ReservationCanceled:
		return f.Number, 0
	case PaymentStarted:
		return f.Number, f.Attempt
	case PaymentPriced:
		return f.Number, f.Attempt
	case PaymentConfirming:
		return f.Number, f.Attempt
	case PaymentDeclined:
		return f.Number, f.Attempt
	case ReservationConfirmed:
		return f.Number, f.Attempt
	case RefundDue:
		return f.Number, f.Attempt
	case Refunded:
		return f.Number, f.Attempt
	}
	return 0, 0
}

// onClaim checks a fact about one reservation.
func (a *Auditor) onClaim(e Event) error {
	number, attempt := subject(e.Fact)
	c := a.claims[number]
	if c == nil {
		return fmt.Errorf("there is no reservation %d", number)
	}
	broken := func() error {
		return fmt.Errorf("reservation %d is %s until %d, at %d: %+v", number, c.Status, c.until, e.At, c.bills)
	}
	switch f := e.Fact.(type) {
	case HoldReleased:
		if !c.unpaid() {
			return broken()
		}
		a.end(c, Released)
	case HoldLapsed:
		if !c.unpaid() || e.At < c.until {
			return broken()
		}
		a.end(c, Expired)
	case ReservationCanceled:
		if c.Status != Confirmed || e.At > a.terms.CancelUntil {
			return broken()
		}
		if err := c.refund(f.Refund, a.terms.CancelFee); err != nil {
			return err
		}
		a.end(c, Canceled)
	case PaymentStarted:
		if c.Status != Held || e.At >= c.until || int(attempt) != len(c.bills)+1 || f.PayBy <= e.At || f.PayBy > e.At+a.terms.PayMillis {
			return broken()
		}
		c.Status, c.until = Paying, f.PayBy
		c.bills = append(c.bills, bill{seats: len(c.Seats)})
	default:
		if attempt == 0 || int(attempt) > len(c.bills) || !a.onBill(c, &c.bills[attempt-1], e) {
			return broken()
		}
	}
	return nil
}

// onBill takes a fact about one order in; false when it breaks a promise.
func (a *Auditor) onBill(c *claim, b *bill, e Event) bool {
	current := c.Status == Paying && b == &c.bills[len(c.bills)-1]
	switch f := e.Fact.(type) {
	case PaymentPriced:
		if !current || b.priced || f.Amount < 0 || f.Amount > a.price(c) {
			return false
		}
		b.priced, b.due = true, f.Amount
	case PaymentConfirming:
		if !current || !b.priced || b.state != billOpen || e.At >= c.until {
			return false
		}
		b.state, b.until, c.until = billAsked, c.until, 0
	case PaymentDeclined:
		asked := b.state == billAsked
		if !current && (c.Status.Live() || !asked) {
			return false
		}
		b.state = billRefused
		if current {
			c.Status = Held
		}
		if current && asked {
			c.until = b.until
		}
	case ReservationConfirmed:
		if !c.awaits(b, current) || !b.priced || c.until != 0 && e.At >= c.until {
			return false
		}
		b.state, c.Status, c.until = billPaid, Confirmed, 0
	case RefundDue:
		if c.awaits(b, current) || b.state > billRefused || f.Amount <= 0 || f.Amount != b.due {
			return false
		}
		b.state = billOwed
	case Refunded:
		if b.state != billOwed {
			return false
		}
		b.state = billReturned
	default:
		return false
	}
	return true
}

// unpaid: the seats may go back, for no provider has been asked for money.
func (c *claim) unpaid() bool {
	return c.Status == Held || c.Status == Paying && c.bills[len(c.bills)-1].state != billAsked
}

// awaits: all the seats that this order pays for are still waiting for it, so money that comes in buys them.
func (c *claim) awaits(b *bill, current bool) bool {
	return current || c.Status == Held && b.state == billRefused && b.seats == len(c.Seats)
}

func (c *claim) paid() *bill {
	if i := slices.IndexFunc(c.bills, func(b bill) bool { return b.state == billPaid }); i >= 0 {
		return &c.bills[i]
	}
	return nil
}

// refund: the customer gets what he paid, less the fee cut down to whole won.
func (c *claim) refund(amount KRW, feePercent int) error {
	p := c.paid()
	if p == nil {
		return fmt.Errorf("reservation %d was never paid", c.Number)
	}
	fee := p.due * KRW(feePercent) / 100
	if amount != p.due-fee {
		return fmt.Errorf("refund of %d for %d paid and a fee of %d percent", amount, p.due, feePercent)
	}
	if amount > 0 {
		p.state = billOwed
	}
	return nil
}

func (a *Auditor) price(c *claim) KRW {
	var sum KRW
	for _, i := range c.Seats {
		sum += c.prices[a.plan.Seats[i].Grade]
	}
	return sum
}

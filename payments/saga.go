package payments

import (
	"time"

	"ticketblue/ticketing"
)

// Times of the saga.
const (
	// ConfirmWindow is how long after the round wrote the payment's key down the provider can still take the money:
	// a customer authenticates before, and his authentication is good for ten minutes. What the provider does not
	// know, or has not seen authenticated, when asked after the window, it will never take.
	ConfirmWindow = 10 * time.Minute
	// AlarmAfter is when a person is told of an order whose outcome is still unknown.
	AlarmAfter = 15 * time.Minute
	// MinCharge is the least that a card can be charged.
	MinCharge = ticketing.MinCharge

	// HandlerHead is the head start of the handler that confirms a payment, before a job does the same: longer than a
	// request may take, and than keeping the evidence of its last question.
	HandlerHead = 20 * time.Second

	firstPause = 500 * time.Millisecond // before the provider is asked again
	lastPause  = time.Minute            // at the most
	pauseShare = 4                      // of the time it has taken so far
)

// Do is what to do at the provider.
type Do uint8

// What there may be to do.
const (
	Stop   Do = iota // nothing: this order is settled, or its round's clock will settle it
	Take             // Gateway.Confirm
	Look             // Gateway.Payment
	Return           // Gateway.Cancel of Step.Amount
	Revoke           // Gateway.Cancel of everything: the money, or the promise of it, is not what we asked for
)

var doNames = [...]string{"stop", "take", "look", "return", "revoke"}

func (d Do) String() string { return doNames[d] }

// Step is what follows: tell the round Command, if there is one, and read the order again; else Do something at the
// provider, not before At, and ask Next again with the answer.
type Step struct {
	Command ticketing.Command // for the order's round; nil: none
	Do      Do
	Amount  ticketing.KRW    // of Return: to give back now
	Gone    ticketing.KRW    // of Return: given back before
	At      ticketing.Millis // 0: at once
	Code    string           // why: a code for the customer and the log
	Alarm   bool             // a person must look
}

// Next is the saga: what follows for an order as it stands in its round, and the provider's newest answer about it.
// Since is when the round began to confirm it, or to owe its refund. It is a pure function; whoever runs it, the
// handler, a job after a crash, a webhook, comes to the same step, and steps may be taken twice.
//
//	            | open        confirming        declined     paid      refund_due          refunded
//	------------+-----------------------------------------------------------------------------------
//	  unasked   | stop        take; after the
//	            |             head start look   stop         stop      return; later look  stop
//	  unknown   | look again  look again ⏰      look again   look again look again ⏰       look again
//	  taken     | APPROVE !   APPROVE           APPROVE      stop      return              stop !
//	  no        | stop        DECLINE           stop         stop !    look again !        stop !
//	  untaken   | stop        take again ⏰      stop         stop !    look again !        stop !
//	  unbegun   | stop        look again, after the window
//	            |             DECLINE           stop         stop !    look again !        stop !
//	  deposit   | revoke !    revoke            revoke       stop !    look again !        stop !
//	  returned  | stop        DECLINE           stop         stop !    SETTLE              stop
//	  odd       | revoke !    revoke !          revoke !     stop !    look again !        stop !
//	  foreign   | stop        DECLINE           stop         stop !    look again !        stop !
//
// Capitals: a command to the round (ApprovePayment, DeclinePayment, SettleRefund). !: a person is told. ⏰: a person is
// told after AlarmAfter. Before the table: an order over 0 won that is being confirmed is approved without a provider,
// one over 1 to MinCharge-1 won is declined, and so is one whose key cannot be a payment's.
//
// What makes it right: a yes or a no rests on what the provider has said of this order and this amount, never on its
// silence; a yes that comes late is approved all the same, and the round alone decides whether the seats are still
// the customer's or the money goes back; a DECLINE of an open question frees no money, because everything that could
// still take it has ended.
func Next(o ticketing.Order, a Answer, since, now ticketing.Millis) Step {
	if o.State == ticketing.OrderConfirming {
		if step, settled := withoutProvider(o); settled {
			return step
		}
	}
	f, code := Judge(o, a)
	if f == Unknown {
		return Step{Do: Look, At: later(since, now), Code: code, Alarm: overdue(o, since, now)}
	}
	switch o.State {
	case ticketing.OrderConfirming:
		return confirming(o, f, code, a.Asked, since, now)
	case ticketing.OrderRefundDue:
		return refundDue(o, f, code, a, since, now)
	case ticketing.OrderPaid:
		return Step{Code: code, Alarm: f != Unasked && f != Taken}
	case ticketing.OrderRefunded:
		return Step{Code: code, Alarm: f != Unasked && f != Returned}
	}
	return notConfirming(o, f, code)
}

// withoutProvider are orders that no provider needs to see.
func withoutProvider(o ticketing.Order) (Step, bool) {
	switch {
	case o.Amount == 0:
		return Step{Command: approve(o)}, true
	case o.Amount < MinCharge:
		return Step{Command: decline(o), Code: CodeTooSmall}, true
	case !validKey(o.PaymentKey) || o.PaymentKey == FreeKey:
		return Step{Command: decline(o), Code: CodeKeyInvalid}, true
	}
	return Step{}, false
}

func confirming(o ticketing.Order, f Finding, code string, asked, since, now ticketing.Millis) Step {
	switch f {
	case Unasked:
		if now >= since.Add(HandlerHead) {
			return Step{Do: Look} // somebody may have asked, and not lived to say what came of it
		}
		return Step{Do: Take}
	case Taken:
		return Step{Command: approve(o)}
	case Untaken:
		return Step{Do: Take, At: later(since, now), Alarm: overdue(o, since, now)}
	case Unbegun:
		if asked < since.Add(ConfirmWindow) {
			return Step{Do: Look, At: later(since, now), Code: code}
		}
	case Deposit:
		return Step{Do: Revoke, Code: code}
	case Odd:
		return Step{Do: Revoke, Code: code, Alarm: true}
	}
	return Step{Command: decline(o), Code: code} // No, Returned, Foreign, and Unbegun after the window
}

// notConfirming: an order that nobody may take money for, or that was declined. A yes is approved however late.
func notConfirming(o ticketing.Order, f Finding, code string) Step {
	open := o.State == ticketing.OrderOpen
	switch f {
	case Taken:
		return Step{Command: approve(o), Alarm: open}
	case Deposit:
		return Step{Do: Revoke, Code: code, Alarm: open}
	case Odd:
		return Step{Do: Revoke, Code: code, Alarm: true}
	}
	return Step{Code: code}
}

func refundDue(o ticketing.Order, f Finding, code string, a Answer, since, now ticketing.Millis) Step {
	switch f {
	case Unasked:
		if now >= since.Add(HandlerHead) {
			return Step{Do: Look} // it may have gone back already, so long ago that the provider knows no repeat
		}
		return Step{Do: Return, Amount: o.Refund}
	case Taken:
		gone := a.Payment.Total - a.Payment.Balance
		return Step{Do: Return, Amount: o.Refund - gone, Gone: gone}
	case Returned:
		return Step{Command: ticketing.SettleRefund{Number: o.ID.Reservation.Number, Attempt: o.ID.Attempt}}
	}
	return Step{Do: Look, At: later(since, now), Code: code, Alarm: true}
}

func approve(o ticketing.Order) ticketing.Command {
	return ticketing.ApprovePayment{Number: o.ID.Reservation.Number, Attempt: o.ID.Attempt}
}

func decline(o ticketing.Order) ticketing.Command {
	return ticketing.DeclinePayment{Number: o.ID.Reservation.Number, Attempt: o.ID.Attempt}
}

// later is when to ask again: the longer it has taken, the longer the pause.
func later(since, now ticketing.Millis) ticketing.Millis {
	pause := time.Duration(max(now-since, 0)/pauseShare) * time.Millisecond
	return now.Add(min(max(pause, firstPause), lastPause))
}

// overdue: somebody's money or seats have hung in the air for too long.
func overdue(o ticketing.Order, since, now ticketing.Millis) bool {
	hangs := o.State == ticketing.OrderConfirming || o.State == ticketing.OrderRefundDue
	return hangs && now >= since.Add(AlarmAfter)
}

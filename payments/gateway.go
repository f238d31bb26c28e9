package payments

import (
	"context"

	"ticketblue/ticketing"
)

// Gateway is a payment provider. Its methods have no Go errors: whatever goes wrong is an Answer that says nothing
// final. None takes longer than CallLimit, or than its context. They may be called again with the same arguments: the
// provider knows a repeat by them.
type Gateway interface {
	// Confirm takes the money of a payment that the customer has authenticated.
	Confirm(ctx context.Context, c Confirm) Answer
	// Payment shows a payment by the provider's key.
	Payment(ctx context.Context, key string) Answer
	// PaymentOf shows the payment of an order. A provider may not know all its payments this way: ask by key first.
	PaymentOf(ctx context.Context, order ticketing.OrderID) Answer
	// Cancel gives money back, or ends a payment whose money has not come yet. A provider that will not says Nothing:
	// it is no answer to the question where the money is.
	Cancel(ctx context.Context, c Cancel) Answer
}

// Confirm is a request for money.
type Confirm struct {
	Key    string // the provider's, of the payment
	Order  ticketing.OrderID
	Amount ticketing.KRW
}

// Cancel is a request to give money back.
type Cancel struct {
	Key      string
	Order    ticketing.OrderID
	Amount   ticketing.KRW // to give back; 0: all there is
	Returned ticketing.KRW // that had been given back before: two requests that start from the same place are one
	Reason   string        // for the provider's books: a code of ours, nothing a person wrote
}

// Say is what kind of thing a provider has said. It is about the call, not about the money: see Judge.
type Say uint8

// What a provider may say.
const (
	NotAsked Say = iota // nobody has asked yet
	Nothing             // no answer, or one that settles nothing: the call may or may not have had its effect
	Refused             // a final no to a Confirm, with Answer.Code: no money was taken and none will be
	Missing             // the provider has no such payment
	Shown               // the payment as it is now, after the call: Answer.Payment
)

var sayNames = [...]string{"not_asked", "nothing", "refused", "missing", "shown"}

func (s Say) String() string { return sayNames[s] }

// Answer is what a provider has said.
type Answer struct {
	Say     Say
	Code    string           // why not: the provider's code, or one of ours in small letters; never free text
	Payment Payment          // when Shown
	Asked   ticketing.Millis // when the question was sent: what it says is not older than this; the caller sets it
}

// Payment is what the provider shows of one.
type Payment struct {
	Key         string
	Order       ticketing.OrderID // zero: not an order of ours
	Status      Status
	Method      string        // the provider's word
	Total       ticketing.KRW // asked for, and taken when Done
	Balance     ticketing.KRW // of it that has not been given back
	Foreign     bool          // in another currency than won
	Transaction string        // the provider's name of the payment's last change
}

// Status is where the provider has got with a payment.
type Status uint8

// Statuses. Those after Waiting are final, but for money that goes back.
const (
	Strange      Status = iota // a word we do not know
	Ready                      // begun, not authenticated by the customer
	InProgress                 // authenticated; a Confirm takes the money
	Waiting                    // a virtual account waits for a deposit
	Done                       // the money is taken
	Canceled                   // all money has gone back, or none ever came
	PartCanceled               // some money has gone back
	Aborted                    // refused
	Lapsed                     // not confirmed in time
)

var statusNames = [...]string{"strange", "ready", "in_progress", "waiting", "done", "canceled", "part_canceled", "aborted", "lapsed"}

func (s Status) String() string { return statusNames[s] }

// Codes of ours in answers and steps.
const (
	CodeNoAnswer       = "no_answer"        // nothing came, or the connection broke
	CodeTooLong        = "answer_too_long"  // more than a payment can need
	CodeUnreadable     = "answer_unread"    // not what the protocol says
	CodeKeyInvalid     = "key_invalid"      // no payment has such a key
	CodeForeign        = "foreign_payment"  // the payment is another order's
	CodeAmount         = "amount_differs"   // the payment is not over what the order costs
	CodeTooSmall       = "amount_too_small" // less than any provider takes
	CodeVirtualAccount = "virtual_account"  // money that comes some day is no payment here
	CodeNotBegun       = "not_confirmed"    // the customer did not authenticate in time
	CodeNoProvider     = "no_provider"      // nobody is there to be asked
	CodeOverdue        = "overdue"          // its outcome is unknown for too long
	CodeEnded          = "payment_ended"    // the provider has ended the payment without money
)

// FreeKey stands for the provider's key in an order over 0 won, which no provider sees.
const FreeKey = "free"

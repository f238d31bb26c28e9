package ticketing

import "time"

// What rooms hand each other about payments, beside Order.

// ProviderCall is one call of a payment provider: the evidence of what was asked and answered. It holds no names, no
// cards, no secrets.
type ProviderCall struct {
	Order       OrderID
	Did         string // "take", "look", "return", "revoke"
	Key         string // the provider's, of the payment
	Amount      KRW    // asked for, or to give back; 0: all, or nothing
	Said        string // "nothing", "refused", "missing", "shown"
	Code        string // why not
	Status      string // of the payment, when shown; "" else
	Total       KRW    // when shown: of the payment
	Balance     KRW    // when shown: of it that has not been given back
	Foreign     bool   // when shown: not in won
	Transaction string // when shown: the provider's name of the payment's last change
	Asked       Millis
	Took        time.Duration
}

// PaymentHint is what a provider's message, or a forger's, says has happened. Nothing rests on it but a question.
type PaymentHint struct {
	Key         string
	Status      string // the provider's word
	Transaction string
}

// PaymentView is an order as its customer may see it.
type PaymentView struct {
	ID          OrderID
	State       OrderState
	Reservation ReservationStatus
	Coupon      string // id; "" for none
	Price       KRW
	Amount      KRW // what is charged; valid when Priced
	Priced      bool
	Refund      KRW    // owed or given back, by State
	Until       Millis // when the seats go back unless it is confirmed; 0 when nothing is running
}

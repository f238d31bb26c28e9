package payments

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"ticketblue/ticketing"
)

// finalRefusals are the codes with which Toss refuses a Confirm for good: no money was taken. Every other code,
// PROVIDER_ERROR, ALREADY_PROCESSED_PAYMENT, IDEMPOTENT_REQUEST_PROCESSING, one that nobody has heard of, settles
// nothing: the payment is asked for, and its status tells. So the list may be short.
var finalRefusals = words(`
	REJECT_CARD_PAYMENT REJECT_CARD_COMPANY REJECT_ACCOUNT_PAYMENT NOT_FOUND_PAYMENT_SESSION BELOW_MINIMUM_AMOUNT
	INVALID_REJECT_CARD INVALID_STOPPED_CARD INVALID_CARD_EXPIRATION INVALID_CARD_NUMBER INVALID_CARD_LOST_OR_STOLEN
	INVALID_CARD_INSTALLMENT_PLAN
	EXCEED_MAX_DAILY_PAYMENT_COUNT EXCEED_MAX_PAYMENT_AMOUNT EXCEED_MAX_AUTH_COUNT EXCEED_MAX_ONE_DAY_AMOUNT
	EXCEED_MAX_AMOUNT EXCEED_MAX_CARD_INSTALLMENT_PLAN EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT`)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

var statuses = map[string]Status{
	"READY": Ready, "IN_PROGRESS": InProgress, "WAITING_FOR_DEPOSIT": Waiting, "DONE": Done, "CANCELED": Canceled,
	"PARTIAL_CANCELED": PartCanceled, "ABORTED": Aborted, "EXPIRED": Lapsed,
}

// tossPayment is what we read of a payment. Its secret, card and customer are not ours to know.
type tossPayment struct {
	PaymentKey         string      `json:"paymentKey"`
	OrderID            string      `json:"orderId"`
	Status             string      `json:"status"`
	Method             string      `json:"method"`
	Currency           string      `json:"currency"`
	TotalAmount        json.Number `json:"totalAmount"`
	BalanceAmount      json.Number `json:"balanceAmount"`
	LastTransactionKey string      `json:"lastTransactionKey"`
}

func (t *Toss) readPayment(data []byte) Answer {
	var p tossPayment
	if err := json.Unmarshal(data, &p); err != nil || p.PaymentKey == "" || p.TotalAmount == "" || p.BalanceAmount == "" {
		return Answer{Say: Nothing, Code: CodeUnreadable}
	}
	order, _ := t.names.Order(p.OrderID)
	shown := Payment{
		Key: p.PaymentKey, Order: order, Status: statuses[p.Status], Method: p.Method,
		Foreign: p.Currency != "KRW", Transaction: p.LastTransactionKey,
	}
	var whole bool
	if shown.Total, shown.Balance, whole = won(p.TotalAmount, p.BalanceAmount); !whole {
		shown.Foreign = true // dollars have cents
	}
	return Answer{Say: Shown, Payment: shown}
}

// won reads amounts; false unless both are whole numbers.
func won(total, balance json.Number) (ticketing.KRW, ticketing.KRW, bool) {
	t, errTotal := total.Int64()
	b, errBalance := balance.Int64()
	return ticketing.KRW(t), ticketing.KRW(b), errTotal == nil && errBalance == nil
}

var tossCode = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,79}$`)

// readCode is the code of an error; what does not look like one is not passed on.
func readCode(data []byte) string {
	var e struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(data, &e); err != nil || !tossCode.MatchString(e.Code) {
		return CodeUnreadable
	}
	return e.Code
}

var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,20}$`)

// OrderNames are our order ids as a provider sees them: "tb-order-42-7-1". Toss wants at least six characters, and one
// name once in an account's life.
type OrderNames struct{ prefix string }

// NewOrderNames checks the prefix: 1 to 20 letters, digits or "_".
func NewOrderNames(prefix string) (OrderNames, error) {
	if !prefixForm.MatchString(prefix) {
		return OrderNames{}, fmt.Errorf("payments: the prefix of order ids has 1 to 20 letters, digits or _")
	}
	return OrderNames{prefix + "-order-"}, nil
}

// Name is what the provider knows the order by.
func (n OrderNames) Name(id ticketing.OrderID) string { return n.prefix + id.String() }

// Order is the order of this name; false when it is none of ours.
func (n OrderNames) Order(name string) (ticketing.OrderID, bool) {
	id, ours := strings.CutPrefix(name, n.prefix)
	cut := strings.LastIndexByte(id, '-')
	if !ours || cut < 0 {
		return ticketing.OrderID{}, false
	}
	reservation, ok := ticketing.ParseReservationID(id[:cut])
	attempt, okAttempt := ticketing.ParseReservationID("1" + id[cut:]) // the same form: a number from 1
	if !ok || !okAttempt {
		return ticketing.OrderID{}, false
	}
	return ticketing.OrderID{Reservation: reservation, Attempt: attempt.Number}, true
}

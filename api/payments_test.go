package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

const confirmPath = "/v1/payments/confirm"

// paying opens a house in which the customer's reservation 1-1, of one seat, waits for a payment of 132,000 won.
func paying(t *testing.T) (h *house, token string) {
	t.Helper()
	h = withRound(t, nil)
	token = h.token(customer, ticketing.Customer)
	h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/reservations/1-1/payment", token, `{}`, nil}).wantStatus(http.StatusOK)
	return h, token
}

func TestBadPayments(t *testing.T) {
	h, token := paying(t)
	confirm := func(body string) call { return call{"POST", confirmPath, token, body, nil} }
	start := func(body string) call { return call{"POST", "/v1/reservations/1-1/payment", token, body, nil} }
	cancel := func(body string) call { return call{"POST", "/v1/reservations/1-1/cancel", token, body, nil} }
	const invalid, good = "invalid_input", `{"payment_key":"key","order_id":"1-1-1","amount":132000}`
	with := func(field, value string) call {
		fields := map[string]string{"payment_key": `"key"`, "order_id": `"1-1-1"`, "amount": "132000", field: value}
		return confirm(`{"payment_key":` + fields["payment_key"] + `,"order_id":` + fields["order_id"] + `,"amount":` + fields["amount"] + `}`)
	}
	for _, row := range []bad{
		{name: "not JSON", call: confirm(`{`), status: 400, code: "malformed_json"},
		{name: "a field twice", call: confirm(`{"amount":1,"amount":1}`), status: 400, code: "malformed_json"},
		{name: "a list", call: confirm(`[]`), status: 422, code: invalid, field: "body"},
		{name: "unknown field", call: confirm(`{"user":8}`), status: 422, code: invalid, field: "user"},
		{name: "nothing", call: confirm(`{}`), status: 422, code: invalid, field: "order_id"},
		{name: "odd order", call: with("order_id", `"1-1-01"`), status: 422, code: invalid, field: "order_id"},
		{name: "a reservation", call: with("order_id", `"1-1"`), status: 422, code: invalid, field: "order_id"},
		{name: "order a number", call: with("order_id", `1`), status: 422, code: invalid, field: "order_id"},
		{name: "amount a word", call: with("amount", `"132000"`), status: 422, code: invalid, field: "amount"},
		{name: "amount null", call: with("amount", `null`), status: 422, code: invalid, field: "amount"},
		{name: "amount below 0", call: with("amount", `-1`), status: 422, code: invalid, field: "amount"},
		{name: "amount in parts", call: with("amount", `132000.5`), status: 422, code: invalid, field: "amount"},
		{name: "amount too large", call: with("amount", `100000000001`), status: 422, code: invalid, field: "amount"},
		{name: "no key", call: confirm(`{"order_id":"1-1-1","amount":132000}`), status: 422, code: invalid, field: "payment_key"},
		{name: "empty key", call: with("payment_key", `""`), status: 422, code: invalid, field: "payment_key"},
		{name: "key that is a path", call: with("payment_key", `"../../x"`), status: 422, code: invalid, field: "payment_key"},
		{name: "long key", call: with("payment_key", `"`+strings.Repeat("k", 201)+`"`), status: 422, code: invalid, field: "payment_key"},
		{name: "the key of what is free", call: with("payment_key", `"free"`), status: 422, code: invalid, field: "payment_key"},
		{name: "other amount", call: with("amount", `131999`), status: 409, code: "amount_mismatch"},
		{name: "for nothing", call: with("amount", `0`), status: 409, code: "amount_mismatch"},
		{name: "no such order", call: with("order_id", `"1-1-2"`), status: 404, code: "not_found"},
		{name: "no such reservation", call: with("order_id", `"1-9-1"`), status: 404, code: "not_found"},
		{name: "no such round", call: with("order_id", `"9-1-1"`), status: 404, code: "not_found"},
		{name: "somebody else's", call: call{"POST", confirmPath, h.token(otherCustomer, ticketing.Customer), good, nil}, status: 404, code: "not_found"},
		{name: "coupon in words", call: start(`{"coupon_id":"mine"}`), status: 422, code: invalid, field: "coupon_id"},
		{name: "coupon too large", call: start(`{"coupon_id":"99999999999999999999-1"}`), status: 409, code: "coupon_unknown"},
		{name: "another coupon", call: start(`{"coupon_id":"1-1"}`), status: 409, code: "payment_in_progress"},
		{name: "no reason", call: cancel(`{}`), status: 422, code: invalid, field: "reason"},
		{name: "blank reason", call: cancel(`{"reason":" \u3000 "}`), status: 422, code: invalid, field: "reason"},
		{name: "long reason", call: cancel(`{"reason":"` + strings.Repeat("가", 201) + `"}`), status: 422, code: invalid, field: "reason"},
		{name: "not paid", call: cancel(`{"reason":"r"}`), status: 409, code: "not_cancelable"},
		{name: "webhook no JSON", call: call{"POST", "/v1/webhooks/toss", "", `{`, nil}, status: 400, code: "malformed_json"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := h.everything()
			a := h.do(row.call)
			if p := a.problem(); a.status != row.status || p.Code != row.code || row.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != row.field) {
				t.Errorf("got %d %s, want %d %s about %q", a.status, a.body, row.status, row.code, row.field)
			}
			if h.everything() != before {
				t.Error("something has changed")
			}
		})
	}
}

// A coupon that is refused is refused before the round hears of it.
func TestRefusedCouponsDoNotReachTheRound(t *testing.T) {
	h := withRound(t, nil)
	start := call{"POST", "/v1/reservations/1-1/payment", h.token(customer, ticketing.Customer), `{"coupon_id":"1-1"}`, nil}
	h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusCreated)
	before := h.everything()
	for _, code := range []ticketing.Code{ticketing.CodeCouponInUse, ticketing.CodeCouponUnknown, ticketing.CodeNotChargeable} {
		h.payments.check = code
		if p := h.do(start).wantStatus(http.StatusConflict).problem(); p.Code != string(code) {
			t.Errorf("refused with %s, want %s", p.Code, code)
		}
	}
	h.payments.check = ticketing.CodeUnavailable
	h.do(start).wantStatus(http.StatusServiceUnavailable)
	if h.everything() != before {
		t.Error("something has changed")
	}
	h.payments.check = ""
	h.do(start).wantStatus(http.StatusOK)
	h.payments.check = ticketing.CodeCouponInUse // by this very order
	h.do(start).wantStatus(http.StatusOK)
}

// Where nobody takes money, a made-up key must not be written down: only a provider's answer would free the seats.
func TestNobodyTakesMoney(t *testing.T) {
	h := withRound(t, func(c *Config) { c.Checkout = Checkout{} })
	token := h.token(customer, ticketing.Customer)
	h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/reservations/1-1/payment", token, `{}`, nil}).wantStatus(http.StatusOK)
	made := h.do(call{"POST", confirmPath, token, `{"payment_key":"made-up","order_id":"1-1-1","amount":132000}`, nil}).wantStatus(http.StatusConflict)
	if code := made.problem().Code; code != "not_payable" {
		t.Errorf("a made-up key: %s", code)
	}
	a := h.do(call{"GET", "/v1/reservations/1-1/payment", token, "", nil})
	a.wantStatus(http.StatusOK)
	if !strings.Contains(string(a.body), `"status":"open"`) {
		t.Errorf("the payment is not open any more: %s", a.body)
	}
}

// Who asks for what he was told of finds it at least as new: the position is that of the approval, not of the question.
func TestPositionOfWhatWasPaid(t *testing.T) {
	h, token := paying(t)
	var paid, seen struct{ Seq uint64 }
	a := h.do(call{"POST", confirmPath, token, `{"payment_key":"key","order_id":"1-1-1","amount":132000}`, nil}).wantStatus(http.StatusOK)
	a.decode(&paid)
	h.do(call{"GET", "/v1/reservations/1-1", token, "", nil}).wantStatus(http.StatusOK).decode(&seen)
	if paid.Seq != seen.Seq || a.header.Get("TB-Position") != fmt.Sprintf("round:1@%d", seen.Seq) {
		t.Errorf("paid as of %d, %q; the reservation is as of %d", paid.Seq, a.header.Get("TB-Position"), seen.Seq)
	}
}

func TestConfirmAnswers(t *testing.T) {
	const body = `{"payment_key":"key","order_id":"1-1-1","amount":132000}`
	approve, decline := ticketing.ApprovePayment{Number: 1, Attempt: 1}, ticketing.DeclinePayment{Number: 1, Attempt: 1}
	for name, c := range map[string]struct {
		command ticketing.Command
		code    string
		status  int
		want    string // in the answer
		again   int    // when the same comes again and nobody has said more
	}{
		"yes":             {approve, "", 200, `"status":"paid"`, 200},
		"no":              {decline, "REJECT_CARD_COMPANY", 409, "payment_declined", 409},
		"virtual account": {decline, "virtual_account", 409, "virtual_account", 409},
		"no answer yet":   {nil, "", 202, `"status":"confirming"`, 202},
	} {
		t.Run(name, func(t *testing.T) {
			h, token := paying(t)
			h.payments.settle = func(ticketing.OrderID) (ticketing.Command, string) { return c.command, c.code }
			if a := h.do(call{"POST", confirmPath, token, body, nil}).wantStatus(c.status); !strings.Contains(string(a.body), c.want) {
				t.Errorf("%s", a.body)
			}
			h.do(call{"POST", confirmPath, token, body, nil}).wantStatus(c.again)
			if h.payments.patience <= 0 || h.payments.patience >= confirmDeadline {
				t.Errorf("patience %s", h.payments.patience)
			}
		})
	}
}

func TestConfirmWhenTheSeatsHadGone(t *testing.T) {
	const body = `{"payment_key":"key","order_id":"1-1-1","amount":132000}`
	h, token := paying(t)
	h.payments.settle = func(ticketing.OrderID) (ticketing.Command, string) { return nil, "" }
	h.do(call{"POST", confirmPath, token, body, nil}).wantStatus(http.StatusAccepted)
	h.do(call{method: "POST", path: "/v1/admin/rounds/1/cancel", token: h.token(admin, ticketing.Admin)}).wantStatus(http.StatusOK)
	h.sales.Do(t.Context(), "round:1", ticketing.ApprovePayment{Number: 1, Attempt: 1})
	if code := h.do(call{"POST", confirmPath, token, body, nil}).wantStatus(http.StatusConflict).problem().Code; code != "reservation_ended" {
		t.Error(code)
	}
	var payment paymentBody
	h.do(call{method: "GET", path: "/v1/reservations/1-1/payment", token: token}).wantStatus(http.StatusOK).decode(&payment)
	if payment.Status != "refund_due" || payment.Refund != 132000 || payment.Seats != "canceled" {
		t.Errorf("%+v", payment)
	}
}

func TestPaymentOfWhatIsForgotten(t *testing.T) {
	h := withRound(t, nil)
	id := ticketing.ReservationID{Round: 1, Number: 7}
	h.payments.kept[id] = ticketing.PaymentView{ID: ticketing.OrderID{Reservation: id, Attempt: 2}, State: ticketing.OrderRefunded,
		Reservation: ticketing.Canceled, Price: 9, Amount: 9, Priced: true, Refund: 8}
	get := call{method: "GET", path: "/v1/reservations/1-7/payment", token: h.token(customer, ticketing.Customer)}
	var payment paymentBody
	h.do(get).wantStatus(http.StatusOK).decode(&payment)
	if payment.OrderID != "1-7-2" || payment.Status != "refunded" || payment.Refund != 8 {
		t.Errorf("%+v", payment)
	}
	get.token = h.token(otherCustomer, ticketing.Customer)
	h.do(get).wantStatus(http.StatusNotFound)
}

func TestWebhooksAreHints(t *testing.T) {
	h, _ := paying(t)
	send := func(body string) answer { return h.do(call{"POST", "/v1/webhooks/toss", "", body, nil}) }
	before := h.everything()
	send(`{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"x","data":{"paymentKey":"key","status":"DONE","lastTransactionKey":"t","card":{"a":[1]}}}`).
		wantStatus(http.StatusOK)
	for _, none := range []string{`{}`, `[]`, `"x"`, `{"data":null}`, `{"data":{"paymentKey":7}}`, `{"data":{"paymentKey":"../x","status":"DONE"}}`,
		`{"data":{"paymentKey":"free","status":"DONE"}}`, `{"data":{"paymentKey":"key","status":"` + strings.Repeat("S", 41) + `"}}`} {
		send(none).wantStatus(http.StatusOK)
	}
	if want := (ticketing.PaymentHint{Key: "key", Status: "DONE", Transaction: "t"}); len(h.payments.hints) != 1 || h.payments.hints[0] != want {
		t.Errorf("hints %+v", h.payments.hints)
	}
	if h.everything() != before {
		t.Error("a message has changed something by itself")
	}
	h.payments.broken = errors.New("the disk is full")
	send(`{"data":{"paymentKey":"key","status":"DONE"}}`).wantStatus(http.StatusServiceUnavailable) // it will be sent again
}

func TestCancelKeepsTheReason(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(customer, ticketing.Customer)
	at := func(d time.Duration) string { return h.clock.Now().Add(d).Format(time.RFC3339) }
	h.do(call{"POST", "/v1/admin/performances/1/rounds", h.token(admin, ticketing.Admin), `{"starts_at":"` + at(96*time.Hour) + `","opens_at":"` + at(time.Second) +
		`","closes_at":"` + at(90*time.Hour) + `","cancel_until":"` + at(80*time.Hour) + `","cancel_fee_percent":10}`, nil}).wantStatus(http.StatusCreated)
	h.clock.advance(2 * time.Second)
	h.do(call{"POST", "/v1/rounds/2/reservations", token, `{"seats":["A-1-1"]}`, map[string]string{headerIdempotencyKey: "k"}}).wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/reservations/2-1/payment", token, `{}`, nil}).wantStatus(http.StatusOK)
	h.do(call{"POST", confirmPath, token, `{"payment_key":"key","order_id":"2-1-1","amount":132000}`, nil}).wantStatus(http.StatusOK)
	cancel := call{"POST", "/v1/reservations/2-1/cancel", token, `{"reason":"감기"}`, nil}
	h.payments.broken = errors.New("the disk is full")
	h.do(cancel).wantStatus(http.StatusInternalServerError)
	h.payments.broken = nil
	var canceled reservationBody
	h.do(cancel).wantStatus(http.StatusOK).decode(&canceled)
	id := ticketing.ReservationID{Round: 2, Number: 1}
	if canceled.Status != "canceled" || canceled.RefundDue != 118800 || h.payments.reasons[id] != "감기" {
		t.Errorf("%+v, reasons %v", canceled, h.payments.reasons)
	}
}

package faketoss

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

const maxKey = 300 // characters of an idempotency key

// refusal is an error as Toss says it.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// codes are the errors the fake knows, for itself or by the header for tests, and how they are sent. Others are 400.
var codes = map[string]int{
	"UNAUTHORIZED_KEY": http.StatusUnauthorized, "INVALID_API_KEY": http.StatusBadRequest,
	"NOT_FOUND_PAYMENT": http.StatusNotFound, "NOT_FOUND_PAYMENT_SESSION": http.StatusNotFound,
	"REJECT_CARD_COMPANY": http.StatusForbidden, "REJECT_CARD_PAYMENT": http.StatusForbidden, "REJECT_ACCOUNT_PAYMENT": http.StatusForbidden,
	"NOT_CANCELABLE_AMOUNT": http.StatusForbidden, "NOT_CANCELABLE_PAYMENT": http.StatusForbidden, "FORBIDDEN_REQUEST": http.StatusForbidden,
	"IDEMPOTENT_REQUEST_PROCESSING": http.StatusConflict, "TOO_MANY_REQUESTS": http.StatusTooManyRequests,
	"FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING": http.StatusInternalServerError, "FAILED_INTERNAL_SYSTEM_PROCESSING": http.StatusInternalServerError,
	"UNKNOWN_PAYMENT_ERROR": http.StatusInternalServerError, "FAKE_FULL": http.StatusServiceUnavailable,
}

// said is an answer before it is sent.
type said struct {
	status int
	body   any
}

func no(code string) said {
	status, known := codes[code]
	if !known {
		status = http.StatusBadRequest
	}
	return said{status, refusal{code, "fake: " + code}}
}

// api mounts one call of the protocol: who calls, the header for tests, and repeats are looked at here. A call is run
// with the books locked; it returns what to say and what to keep with it.
func (t *Toss) api(method, path string, call func(r *http.Request, body []byte) (said, error)) {
	t.mux.HandleFunc(method+" "+Path+path, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		user, password, given := r.BasicAuth()
		known := subtle.ConstantTimeCompare([]byte(user), []byte(t.o.SecretKey)) == 1 && password == ""
		switch {
		case !given || !known:
			send(w, no("UNAUTHORIZED_KEY"))
			return
		case err != nil:
			send(w, no("INVALID_REQUEST"))
			return
		}
		if code := r.Header.Get("TossPayments-Test-Code"); code != "" {
			send(w, no(code))
			return
		}
		answer, err := t.once(r, body, call)
		if err != nil {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		send(w, answer)
	})
}

// once runs a call, but for a repeat: whoever sends an idempotency key again gets the first answer again, whatever
// his body says. Errors of the provider's own (5xx) and 409 and 429 are not answers in this sense.
func (t *Toss) once(r *http.Request, body []byte, call func(*http.Request, []byte) (said, error)) (said, error) {
	name := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || name == "" {
		return call(r, body)
	}
	if len(name) > maxKey {
		return no("INVALID_IDEMPOTENCY_KEY"), nil
	}
	key := r.Method + " " + r.URL.Path + " " + name
	t.mu.Lock()
	first := t.books.answers[key]
	running := t.inWork[key]
	full := len(t.books.answers) >= maxAnswers
	if first == nil && !running && !full {
		t.inWork[key] = true
	}
	t.mu.Unlock()
	switch {
	case first != nil && t.o.Clock().Sub(first.At) < keyLife:
		return said{first.Status, first.Body}, nil
	case running:
		return no("IDEMPOTENT_REQUEST_PROCESSING"), nil
	case full:
		return no("FAKE_FULL"), nil
	}
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.inWork, key)
	}()
	return call(r, body)
}

// keepAnswer is what to keep so that a repeat of the request gets the same; nothing where it would be asked anew.
func (t *Toss) keepAnswer(r *http.Request, a said) *answered {
	name := r.Header.Get("Idempotency-Key")
	if name == "" || a.status >= http.StatusInternalServerError || a.status == http.StatusConflict || a.status == http.StatusTooManyRequests {
		return nil
	}
	body, err := json.Marshal(a.body)
	if err != nil {
		return nil // cannot be: it is made of strings and numbers
	}
	return &answered{Key: r.Method + " " + r.URL.Path + " " + name, Status: a.status, Body: body, At: t.o.Clock().UTC()}
}

func send(w http.ResponseWriter, a said) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // the caller has gone
}

// decode reads a request's JSON strictly enough: one object, numbers that are whole.
func decode(body []byte, into any) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	return d.Decode(into) == nil
}

// paymentBody is a payment as the protocol shows it.
type paymentBody struct {
	MID                string       `json:"mId"`
	Version            string       `json:"version"`
	PaymentKey         string       `json:"paymentKey"`
	Type               string       `json:"type"`
	OrderID            string       `json:"orderId"`
	OrderName          string       `json:"orderName"`
	Currency           string       `json:"currency"`
	Country            string       `json:"country"`
	Method             string       `json:"method"`
	TotalAmount        int64        `json:"totalAmount"`
	BalanceAmount      int64        `json:"balanceAmount"`
	Status             string       `json:"status"`
	RequestedAt        time.Time    `json:"requestedAt"`
	ApprovedAt         *time.Time   `json:"approvedAt"`
	LastTransactionKey *string      `json:"lastTransactionKey"`
	Secret             string       `json:"secret"`
	IsPartialCancel    bool         `json:"isPartialCancelable"`
	Cancels            []cancelBody `json:"cancels"`
	Failure            *refusal     `json:"failure"`
}

type cancelBody struct {
	TransactionKey   string    `json:"transactionKey"`
	CancelReason     string    `json:"cancelReason"`
	CancelAmount     int64     `json:"cancelAmount"`
	RefundableAmount int64     `json:"refundableAmount"`
	CanceledAt       time.Time `json:"canceledAt"`
	CancelStatus     string    `json:"cancelStatus"`
}

var seoul = time.FixedZone("KST", 9*60*60)

func shown(p *payment) paymentBody {
	body := paymentBody{
		MID: "fake", Version: "2022-11-16", PaymentKey: p.Key, Type: "NORMAL", OrderID: p.Order, OrderName: p.Name, Currency: "KRW", Country: "KR",
		Method: p.Method, TotalAmount: p.Total, BalanceAmount: p.Balance, Status: p.Status, RequestedAt: p.Requested.In(seoul),
		Secret: p.Secret, IsPartialCancel: true,
	}
	if !p.Approved.IsZero() {
		at := p.Approved.In(seoul)
		body.ApprovedAt = &at
	}
	if last := p.last(); last != "" {
		body.LastTransactionKey = &last
	}
	left := p.Total
	for _, tx := range p.Transactions {
		if tx.Amount < 0 {
			left += tx.Amount
			body.Cancels = append(body.Cancels, cancelBody{tx.Key, tx.Reason, -tx.Amount, left, tx.At.In(seoul), done})
		}
	}
	if p.Failure != "" {
		body.Failure = &refusal{p.Failure, "fake: " + p.Failure}
	}
	return body
}

package faketoss

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Statuses of a payment, in the protocol's words.
const (
	inProgress   = "IN_PROGRESS"
	waiting      = "WAITING_FOR_DEPOSIT"
	done         = "DONE"
	canceled     = "CANCELED"
	partCanceled = "PARTIAL_CANCELED"
	aborted      = "ABORTED"
	expired      = "EXPIRED"
)

const (
	maxReason  = 200 // characters
	maxEntries = 10_000
	bookTime   = "2006-01-02T15:04:05"
)

var errLost = errors.New("lost on the way")

type confirmBody struct {
	PaymentKey string `json:"paymentKey"`
	OrderID    string `json:"orderId"`
	Amount     *int64 `json:"amount"`
}

func (t *Toss) confirm(r *http.Request, body []byte) (said, error) {
	var asked confirmBody
	if !decode(body, &asked) || asked.PaymentKey == "" || asked.OrderID == "" || asked.Amount == nil {
		return no("INVALID_REQUEST"), nil
	}
	if t.slow(asked.PaymentKey) {
		if err := t.o.Wait(t.life, SlowFor); err != nil {
			return said{}, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.lookUp(asked.PaymentKey)
	switch {
	case p == nil:
		return t.refuse(r, "NOT_FOUND_PAYMENT")
	case p.Order != asked.OrderID || p.Total != *asked.Amount:
		return t.refuse(r, "INVALID_REQUEST")
	case p.Status == expired:
		return t.refuse(r, "NOT_FOUND_PAYMENT_SESSION")
	case p.Status == aborted:
		return t.refuse(r, p.Failure)
	case p.Status != inProgress:
		return t.refuse(r, "ALREADY_PROCESSED_PAYMENT")
	case t.paid(p.Order):
		return t.refuse(r, "DUPLICATED_ORDER_ID")
	}
	return t.settle(r, p)
}

// settle does with a payment what its customer has chosen.
func (t *Toss) settle(r *http.Request, p *payment) (said, error) {
	switch {
	case p.Outcome == Unheard && !p.Lost:
		return said{}, errors.Join(errLost, t.change(p, line{}, func(p *payment) { p.Lost = true }))
	case p.Outcome == Failing && !p.Lost:
		return no("FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING"), t.change(p, line{}, func(p *payment) { p.Lost = true })
	case p.Outcome == Refuse:
		answer := no("REJECT_CARD_COMPANY")
		return answer, t.change(p, line{Answered: t.keepAnswer(r, answer)}, func(p *payment) {
			p.Status, p.Balance, p.Failure = aborted, 0, "REJECT_CARD_COMPANY"
		})
	}
	after := p.copy()
	if p.Outcome == Deposit {
		after.Status = waiting
	} else {
		t.take(after)
	}
	answer := said{http.StatusOK, shown(after)}
	err := t.change(p, line{Answered: t.keepAnswer(r, answer)}, func(p *payment) { *p = *after })
	if p.Outcome == Lost {
		err = errors.Join(err, errLost)
	}
	return answer, err
}

// take books the money of a payment.
func (t *Toss) take(p *payment) {
	now := t.o.Clock().UTC()
	p.Status, p.Approved = done, now
	p.Transactions = append(p.Transactions, transaction{Key: rand.Text(), Status: done, Amount: p.Total, At: now})
}

func (t *Toss) payment(r *http.Request, _ []byte) (said, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return show(t.lookUp(r.PathValue("key")))
}

// paymentOf shows the payment whose money was taken, or else the newest.
func (t *Toss) paymentOf(r *http.Request, _ []byte) (said, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found *payment
	for _, p := range t.books.byOrder[r.PathValue("order")] {
		if found == nil || len(p.Transactions) > 0 || len(found.Transactions) == 0 {
			found = p
		}
	}
	if found != nil {
		found = t.lookUp(found.Key)
	}
	return show(found)
}

func show(p *payment) (said, error) {
	if p == nil {
		return no("NOT_FOUND_PAYMENT"), nil
	}
	return said{http.StatusOK, shown(p)}, nil
}

type cancelRequest struct {
	Reason string `json:"cancelReason"`
	Amount *int64 `json:"cancelAmount"`
}

func (t *Toss) cancel(r *http.Request, body []byte) (said, error) {
	var asked cancelRequest
	if !decode(body, &asked) || asked.Reason == "" || len([]rune(asked.Reason)) > maxReason || asked.Amount != nil && *asked.Amount <= 0 {
		return no("INVALID_REQUEST"), nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.lookUp(r.PathValue("key"))
	switch {
	case p == nil:
		return t.refuse(r, "NOT_FOUND_PAYMENT")
	case p.Status == canceled:
		return t.refuse(r, "ALREADY_CANCELED_PAYMENT")
	case p.Status != waiting && p.Status != done && p.Status != partCanceled:
		return t.refuse(r, "NOT_CANCELABLE_PAYMENT")
	}
	amount := p.Balance
	if asked.Amount != nil {
		amount = *asked.Amount
	}
	if amount > p.Balance || p.Status == waiting && amount != p.Balance {
		return t.refuse(r, "NOT_CANCELABLE_AMOUNT")
	}
	after := p.copy()
	t.giveBack(after, amount, asked.Reason)
	lost := p.Outcome == Lost && !p.Lost
	after.Lost = after.Lost || lost
	answer := said{http.StatusOK, shown(after)}
	err := t.change(p, line{Answered: t.keepAnswer(r, answer)}, func(p *payment) { *p = *after })
	if lost {
		err = errors.Join(err, errLost)
	}
	return answer, err
}

// giveBack books money that goes back, or the end of an account that nobody has paid into.
func (t *Toss) giveBack(p *payment, amount int64, reason string) {
	if p.Status == waiting {
		p.Status, p.Balance = canceled, 0
		return
	}
	p.Balance -= amount
	p.Status = partCanceled
	if p.Balance == 0 {
		p.Status = canceled
	}
	p.Transactions = append(p.Transactions, transaction{rand.Text(), p.Status, -amount, reason, t.o.Clock().UTC()})
}

type entryBody struct {
	MID            string    `json:"mId"`
	TransactionKey string    `json:"transactionKey"`
	PaymentKey     string    `json:"paymentKey"`
	OrderID        string    `json:"orderId"`
	Method         string    `json:"method"`
	Status         string    `json:"status"`
	TransactionAt  time.Time `json:"transactionAt"`
	Currency       string    `json:"currency"`
	Amount         int64     `json:"amount"`
}

// transactions lists movements of money between two seconds, oldest payment first.
func (t *Toss) transactions(r *http.Request, _ []byte) (said, error) {
	q := r.URL.Query()
	from, errFrom := time.ParseInLocation(bookTime, q.Get("startDate"), seoul)
	to, errTo := time.ParseInLocation(bookTime, q.Get("endDate"), seoul)
	limit, errLimit := strconv.Atoi(q.Get("limit"))
	if errFrom != nil || errTo != nil || errLimit != nil || limit < 1 || limit > maxEntries {
		return no("INVALID_REQUEST"), nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	list, begun := []entryBody{}, q.Get("startingAfter") == ""
	for _, p := range t.books.order {
		for _, tx := range p.Transactions {
			at := tx.At.Truncate(time.Second)
			if begun && len(list) < limit && !at.Before(from) && !at.After(to) {
				list = append(list, entryBody{"fake", tx.Key, p.Key, p.Order, p.Method, tx.Status, tx.At.In(seoul), "KRW", tx.Amount})
			}
			begun = begun || tx.Key == q.Get("startingAfter")
		}
	}
	return said{http.StatusOK, list}, nil
}

// lookUp is the payment as it is now: what nobody has confirmed in time cannot be any more.
func (t *Toss) lookUp(key string) *payment {
	p := t.books.payments[key]
	if p != nil && p.Status == inProgress && t.o.Clock().Sub(p.Requested) >= ConfirmLife {
		p.Status, p.Balance = expired, 0 // follows from the clock, so it need not be written down
	}
	return p
}

// paid: another payment of the order has had its money taken.
func (t *Toss) paid(order string) bool {
	for _, p := range t.books.byOrder[order] {
		if len(p.Transactions) > 0 {
			return true
		}
	}
	return false
}

func (t *Toss) slow(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.books.payments[key]
	return p != nil && p.Outcome == Slow && p.Status == inProgress
}

// refuse says no, and keeps that it did.
func (t *Toss) refuse(r *http.Request, code string) (said, error) {
	answer := no(code)
	if kept := t.keepAnswer(r, answer); kept != nil {
		return answer, t.books.keep(line{Answered: kept})
	}
	return answer, nil
}

// change makes a change of a payment durable, with the answer it gives, and tells who listens.
func (t *Toss) change(p *payment, l line, do func(*payment)) error {
	after := p.copy()
	do(after)
	l.Payment = after
	was := p.Status
	if err := t.books.keep(l); err != nil {
		return err
	}
	if after.Status != was {
		t.hooks.tell(after)
	}
	return nil
}

func (p *payment) copy() *payment {
	c := *p
	c.Transactions = append([]transaction(nil), p.Transactions...)
	return &c
}

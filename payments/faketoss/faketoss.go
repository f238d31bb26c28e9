// Package faketoss is a Toss Payments for those who have no contract with it: the same protocol, a payment page of its
// own, money that is not there. It keeps books that outlive the process, because the first thing a program asks after
// a crash is what became of the money. Anybody can pay at it, so it must not stand where strangers come.
package faketoss

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

const (
	// Path is where the server of pages must mount ServeHTTP.
	Path = "/fake/toss"
	// PayPath is where a browser is sent to pay; see the fields of the page's address there.
	PayPath = Path + "/pay"
	// URL is what a client names; it must use the fake as its transport. It is nobody's address.
	URL = "http://toss.invalid" + Path
	// SecretKey opens nothing but the fake.
	SecretKey = "fake-secret"

	// ConfirmLife is how long after the customer has agreed his payment can be confirmed.
	ConfirmLife = 10 * time.Minute

	keyLife     = 15 * 24 * time.Hour // of an idempotency key
	maxPayments = 200_000             // then it takes no more: delete its file
	maxAnswers  = 4 * maxPayments
	maxBody     = 16 << 10 // bytes of a request
	closeLimit  = 5 * time.Second
)

// Outcome is what the customer, on the payment page, has decided will happen to his payment.
type Outcome string

// Outcomes. Whatever happens once happens to the first request of its kind; a repeat finds what came of it.
const (
	Approve  Outcome = "approve"  // the money is taken
	Refuse   Outcome = "refuse"   // the card company refuses when the payment is confirmed
	Slow     Outcome = "slow"     // as Approve, after SlowFor
	Lost     Outcome = "lost"     // the money is taken, and once given back, but both answers are lost
	Unheard  Outcome = "unheard"  // the first confirmation does not arrive
	Failing  Outcome = "failing"  // the first confirmation is answered by an error that says nothing
	Deposit  Outcome = "deposit"  // a virtual account: somebody may pay in some day
	Declined Outcome = "declined" // nothing: the customer goes back by the address for failures
)

// SlowFor is how long a Slow payment takes to confirm.
const SlowFor = 8 * time.Second

var errClosed = errors.New("the fake Toss has stopped")

// Options of Open. All may be zero.
type Options struct {
	File      string                                           // its books; "": in memory only
	SecretKey string                                           // default SecretKey
	Clock     func() time.Time                                 // default time.Now
	Wait      func(ctx context.Context, d time.Duration) error // default: by a timer
	Webhooks  Webhooks
	Log       *slog.Logger // default slog.Default()
}

// Toss is the fake.
type Toss struct {
	o       Options
	mux     *http.ServeMux
	hooks   *messenger
	life    context.Context // until Close
	end     context.CancelFunc
	working sync.WaitGroup

	mu     sync.Mutex
	books  *books
	inWork map[string]bool // idempotency keys of requests that are being answered
}

// Open starts a fake with the books it had.
func Open(o Options) (*Toss, error) {
	if o.SecretKey == "" {
		o.SecretKey = SecretKey
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	books, err := openBooks(o.File, o.Clock())
	if err != nil {
		return nil, err
	}
	t := &Toss{o: o, books: books, inWork: map[string]bool{}, mux: http.NewServeMux()}
	t.life, t.end = context.WithCancel(context.Background())
	t.hooks = newMessenger(t.life, o)
	t.mux.HandleFunc("GET "+PayPath, t.showPage)
	t.mux.HandleFunc("POST "+PayPath, t.decide)
	t.api("POST", "/v1/payments/confirm", t.confirm)
	t.api("GET", "/v1/payments/{key}", t.payment)
	t.api("GET", "/v1/payments/orders/{order}", t.paymentOf)
	t.api("POST", "/v1/payments/{key}/cancel", t.cancel)
	t.api("GET", "/v1/transactions", t.transactions)
	return t, nil
}

// Close ends what is being waited for, unanswered, and closes the books.
func (t *Toss) Close() error {
	t.end()
	t.working.Wait()
	t.hooks.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.books.close()
}

// ServeHTTP is the whole of it: the page, and the protocol below Path.
func (t *Toss) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.mux.ServeHTTP(w, r) }

// RoundTrip answers the program's own questions without a socket. A caller who hangs up changes nothing: his request
// has arrived.
func (t *Toss) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.life.Err(); err != nil {
		return nil, errClosed
	}
	done := make(chan *http.Response, 1)
	arrived := r.Clone(context.WithoutCancel(r.Context()))
	if arrived.Body == nil {
		arrived.Body = http.NoBody // as a server has it
	}
	t.working.Go(func() {
		defer func() {
			if recover() != nil { // lost on the way
				done <- nil
			}
		}()
		answer := httptest.NewRecorder()
		t.mux.ServeHTTP(answer, arrived)
		done <- answer.Result()
	})
	select {
	case answer := <-done:
		if answer == nil {
			return nil, errors.New("the connection broke")
		}
		return answer, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// Authenticate is a customer who has agreed to pay: the key of a payment that can be confirmed.
func (t *Toss) Authenticate(order, name string, amount int64, outcome Outcome) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.books.payments) >= maxPayments {
		return "", fmt.Errorf("the fake Toss has %d payments and takes no more", maxPayments)
	}
	p := &payment{
		Key: "fake_" + rand.Text(), Order: order, Name: name, Status: "IN_PROGRESS", Method: "카드", Total: amount, Balance: amount,
		Requested: t.o.Clock().UTC(), Secret: "ps_" + rand.Text(), Outcome: outcome,
	}
	if outcome == Deposit {
		p.Method = "가상계좌"
	}
	return p.Key, t.books.keep(line{Payment: p})
}

// Pay is somebody who pays into the virtual account of a payment that waits for it; false when it does not.
func (t *Toss) Pay(key string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.books.payments[key]
	if p == nil || p.Status != waiting {
		return false, nil
	}
	return true, t.change(p, line{}, func(p *payment) { t.take(p) })
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

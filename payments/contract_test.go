package payments_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/payments"
	"ticketblue/payments/faketoss"
	"ticketblue/ticketing"
)

// One suite for everything that speaks Toss' protocol. Against the fake it runs whole; against the real sandbox, when
// TB_TOSS_TEST_SECRET has a secret test key, the part that needs no customer at a browser.

const contractAmount = ticketing.KRW(30_000)

// provider is a Toss to be tested.
type provider struct {
	*payments.Toss
	code     atomic.Value // string: the error that is asked for by header
	existing func(t *testing.T, order ticketing.OrderID, outcome faketoss.Outcome) (key string)
	fake     *faketoss.Toss
}

var contractOrders atomic.Uint32

// newOrder is an order that no test has used.
func newOrder() ticketing.OrderID {
	return ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 42, Number: contractOrders.Add(1)}, Attempt: 1}
}

// client makes a client; prefix must be new for the account.
func client(t *testing.T, url string, secret payments.Secret, prefix string) *provider {
	t.Helper()
	p := &provider{}
	p.code.Store("")
	alone := &http.Transport{DisableKeepAlives: true} // on a connection used before, net/http would repeat by itself what has an idempotency key
	toss, err := payments.NewToss(payments.TossOptions{
		URL: url, SecretKey: secret, Prefix: prefix, Transport: alone, TestCode: func() string { return p.code.Load().(string) },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Toss = toss
	return p
}

// overFake is a client of a fake behind a real socket.
func overFake(t *testing.T, o faketoss.Options) *provider {
	t.Helper()
	fake, err := faketoss.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(fake)
	t.Cleanup(func() {
		if err := fake.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	p := client(t, server.URL+faketoss.Path, faketoss.SecretKey, "tb")
	p.fake = fake
	p.existing = func(t *testing.T, order ticketing.OrderID, outcome faketoss.Outcome) string {
		t.Helper()
		key, err := fake.Authenticate(p.Names().Name(order), "two seats", int64(contractAmount), outcome)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	return p
}

func TestContractFake(t *testing.T) {
	p := overFake(t, faketoss.Options{File: filepath.Join(t.TempDir(), "toss")})
	contract(t, p)
	contractOfPayments(t, p)
}

func TestContractSandbox(t *testing.T) {
	secret := os.Getenv("TB_TOSS_TEST_SECRET")
	if secret == "" {
		t.Log("TB_TOSS_TEST_SECRET is not set: the real sandbox was not asked")
		return
	}
	contract(t, client(t, payments.TossURL, payments.Secret(secret), "tb"+time.Now().UTC().Format("20060102150405")))
}

// contract needs no payment.
func contract(t *testing.T, p *provider) {
	t.Run("what nobody has begun is missing", func(t *testing.T) {
		wantSay(t, p.Payment(t.Context(), "tgen_20200101000000none0"), payments.Missing)
		wantSay(t, p.PaymentOf(t.Context(), newOrder()), payments.Missing)
	})
	t.Run("errors of a confirmation", func(t *testing.T) { testedCodes(t, p) })
	t.Run("what cannot be a key is not asked for", func(t *testing.T) {
		for _, key := range []string{"", "../cancel", "a?b", "키", string(make([]byte, 201))} {
			if a := p.Confirm(t.Context(), payments.Confirm{Key: key, Order: newOrder(), Amount: contractAmount}); a.Say != payments.Refused || a.Code != payments.CodeKeyInvalid {
				t.Errorf("Confirm of %q: %+v", key, a)
			}
			wantSay(t, p.Payment(t.Context(), key), payments.Missing)
			wantSay(t, p.Cancel(t.Context(), payments.Cancel{Key: key, Order: newOrder(), Reason: "refund"}), payments.Nothing)
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := p.Confirm(ctx, payments.Confirm{Key: "tgen_20200101000000none0", Order: newOrder(), Amount: contractAmount})
		if a.Say != payments.Nothing || a.Code != payments.CodeNoAnswer {
			t.Errorf("%+v", a)
		}
	})
}

// testedCodes are asked for by the header that Toss has for tests.
func testedCodes(t *testing.T, p *provider) {
	defer p.code.Store("")
	for code, say := range map[string]payments.Say{
		"REJECT_CARD_COMPANY": payments.Refused, "REJECT_CARD_PAYMENT": payments.Refused, "INVALID_STOPPED_CARD": payments.Refused,
		"EXCEED_MAX_DAILY_PAYMENT_COUNT": payments.Refused, "NOT_FOUND_PAYMENT_SESSION": payments.Refused, "BELOW_MINIMUM_AMOUNT": payments.Refused,
		"PROVIDER_ERROR": payments.Nothing, "ALREADY_PROCESSED_PAYMENT": payments.Nothing, "UNAUTHORIZED_KEY": payments.Nothing,
		"NOT_FOUND_PAYMENT": payments.Nothing, "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING": payments.Nothing, "UNKNOWN_PAYMENT_ERROR": payments.Nothing,
	} {
		p.code.Store(code)
		a := p.Confirm(t.Context(), payments.Confirm{Key: "tgen_20200101000000none0", Order: newOrder(), Amount: contractAmount})
		if a.Say != say {
			t.Errorf("%s: %s (%s), want %s", code, a.Say, a.Code, say)
		}
		p.code.Store(code)
		c := p.Cancel(t.Context(), payments.Cancel{Key: "tgen_20200101000000none0", Order: newOrder(), Reason: "refund"})
		if c.Say != payments.Nothing {
			t.Errorf("%s of a cancellation: %s, want nothing", code, c.Say)
		}
	}
}

// contractOfPayments needs payments that customers have agreed to.
func contractOfPayments(t *testing.T, p *provider) {
	t.Run("taken, then given back in parts", func(t *testing.T) { takenAndReturned(t, p) })
	t.Run("refused", func(t *testing.T) {
		order := newOrder()
		confirm := payments.Confirm{Key: p.existing(t, order, faketoss.Refuse), Order: order, Amount: contractAmount}
		for range 2 {
			if a := p.Confirm(t.Context(), confirm); a.Say != payments.Refused || a.Code != "REJECT_CARD_COMPANY" {
				t.Errorf("%+v", a)
			}
		}
		wantStatus(t, p.Payment(t.Context(), confirm.Key), payments.Aborted, 0)
		wantSay(t, p.Cancel(t.Context(), payments.Cancel{Key: confirm.Key, Order: order, Reason: "refund"}), payments.Nothing)
	})
	t.Run("answers that were lost", func(t *testing.T) { lostAnswers(t, p) })
	t.Run("requests that were lost", func(t *testing.T) {
		for _, outcome := range []faketoss.Outcome{faketoss.Unheard, faketoss.Failing} {
			order := newOrder()
			confirm := payments.Confirm{Key: p.existing(t, order, outcome), Order: order, Amount: contractAmount}
			wantSay(t, p.Confirm(t.Context(), confirm), payments.Nothing)
			wantStatus(t, p.Payment(t.Context(), confirm.Key), payments.InProgress, contractAmount)
			wantStatus(t, p.Confirm(t.Context(), confirm), payments.Done, contractAmount)
		}
	})
	t.Run("another amount, another order", func(t *testing.T) {
		order, stranger := newOrder(), newOrder()
		key := p.existing(t, order, faketoss.Approve)
		wantSay(t, p.Confirm(t.Context(), payments.Confirm{Key: key, Order: order, Amount: contractAmount - 1}), payments.Nothing)
		wantSay(t, p.Confirm(t.Context(), payments.Confirm{Key: key, Order: stranger, Amount: contractAmount}), payments.Nothing)
		wantStatus(t, p.Payment(t.Context(), key), payments.InProgress, contractAmount)
	})
	t.Run("two payments of one order", func(t *testing.T) {
		order := newOrder()
		first, second := p.existing(t, order, faketoss.Approve), p.existing(t, order, faketoss.Approve)
		wantStatus(t, p.Confirm(t.Context(), payments.Confirm{Key: first, Order: order, Amount: contractAmount}), payments.Done, contractAmount)
		p.Confirm(t.Context(), payments.Confirm{Key: second, Order: order, Amount: contractAmount}) // the first answer, by its key: the caller compares
		wantStatus(t, p.Payment(t.Context(), second), payments.InProgress, contractAmount)
		if a := p.PaymentOf(t.Context(), order); a.Payment.Key != first {
			t.Errorf("the order's payment is %+v, want the one that was taken", a)
		}
	})
	t.Run("virtual account", func(t *testing.T) {
		order := newOrder()
		key := p.existing(t, order, faketoss.Deposit)
		wantStatus(t, p.Confirm(t.Context(), payments.Confirm{Key: key, Order: order, Amount: contractAmount}), payments.Waiting, contractAmount)
		wantStatus(t, p.Cancel(t.Context(), payments.Cancel{Key: key, Order: order, Reason: "virtual_account"}), payments.Canceled, 0)
	})
}

func takenAndReturned(t *testing.T, p *provider) {
	order, began := newOrder(), time.Now()
	key := p.existing(t, order, faketoss.Approve)
	wantStatus(t, p.Payment(t.Context(), key), payments.InProgress, contractAmount)
	confirm := payments.Confirm{Key: key, Order: order, Amount: contractAmount}
	for range 2 {
		wantStatus(t, p.Confirm(t.Context(), confirm), payments.Done, contractAmount)
	}
	a := p.PaymentOf(t.Context(), order)
	wantStatus(t, a, payments.Done, contractAmount)
	if a.Payment.Key != key || a.Payment.Order != order || a.Payment.Foreign || a.Payment.Transaction == "" {
		t.Errorf("%+v", a.Payment)
	}
	part := payments.Cancel{Key: key, Order: order, Amount: 10_000, Reason: "refund"}
	for range 2 { // the same request: given back once
		wantStatus(t, p.Cancel(t.Context(), part), payments.PartCanceled, 20_000)
	}
	part.Returned = 10_000
	wantStatus(t, p.Cancel(t.Context(), part), payments.PartCanceled, 10_000)
	wantSay(t, p.Cancel(t.Context(), payments.Cancel{Key: key, Order: order, Amount: 10_001, Returned: 20_000, Reason: "refund"}), payments.Nothing)
	wantStatus(t, p.Cancel(t.Context(), payments.Cancel{Key: key, Order: order, Returned: 20_000, Reason: "refund"}), payments.Canceled, 0)
	if a := p.Cancel(t.Context(), payments.Cancel{Key: key, Order: order, Amount: 1, Returned: contractAmount, Reason: "refund"}); a.Say != payments.Nothing || a.Code != "ALREADY_CANCELED_PAYMENT" {
		t.Errorf("more than all: %+v", a)
	}
	var mine []ticketing.KRW
	entries, err := p.Ledger(t.Context(), began, time.Now(), "")
	for _, e := range entries {
		if e.Key == key && e.Order == order {
			mine = append(mine, e.Amount)
		}
	}
	if want := []ticketing.KRW{contractAmount, -10_000, -10_000, -10_000}; err != nil || len(mine) != len(want) || mine[0] != want[0] || mine[3] != want[3] {
		t.Errorf("the books have %v, want %v (%v)", mine, want, err)
	}
}

func lostAnswers(t *testing.T, p *provider) {
	order := newOrder()
	confirm := payments.Confirm{Key: p.existing(t, order, faketoss.Lost), Order: order, Amount: contractAmount}
	wantSay(t, p.Confirm(t.Context(), confirm), payments.Nothing)
	wantStatus(t, p.Payment(t.Context(), confirm.Key), payments.Done, contractAmount)
	wantStatus(t, p.Confirm(t.Context(), confirm), payments.Done, contractAmount)
	cancel := payments.Cancel{Key: confirm.Key, Order: order, Amount: 10_000, Reason: "refund"}
	wantSay(t, p.Cancel(t.Context(), cancel), payments.Nothing)
	wantStatus(t, p.Payment(t.Context(), confirm.Key), payments.PartCanceled, 20_000)
	wantStatus(t, p.Cancel(t.Context(), cancel), payments.PartCanceled, 20_000)
}

// TestSlowConfirmation: whoever hangs up has not called anything off.
func TestSlowConfirmation(t *testing.T) {
	waiting, proceed := make(chan struct{}), make(chan struct{})
	p := overFake(t, faketoss.Options{Wait: func(ctx context.Context, d time.Duration) error {
		close(waiting)
		select {
		case <-proceed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	order := newOrder()
	confirm := payments.Confirm{Key: p.existing(t, order, faketoss.Slow), Order: order, Amount: contractAmount}
	ctx, hangUp := context.WithCancelCause(t.Context())
	answer := make(chan payments.Answer)
	go func() { answer <- p.Confirm(ctx, confirm) }()
	<-waiting
	if a := p.Confirm(t.Context(), confirm); a.Say != payments.Nothing || a.Code != "IDEMPOTENT_REQUEST_PROCESSING" {
		t.Errorf("a repeat meanwhile: %+v", a)
	}
	hangUp(errors.New("enough"))
	wantSay(t, <-answer, payments.Nothing)
	close(proceed)
	for a := p.Confirm(t.Context(), confirm); a.Say != payments.Shown; a = p.Confirm(t.Context(), confirm) {
		if a.Code != "IDEMPOTENT_REQUEST_PROCESSING" {
			t.Fatalf("%+v", a)
		}
	}
	wantStatus(t, p.Payment(t.Context(), confirm.Key), payments.Done, contractAmount)
}

func wantSay(t *testing.T, a payments.Answer, want payments.Say) {
	t.Helper()
	if a.Say != want {
		t.Errorf("the answer is %s (%s), want %s", a.Say, a.Code, want)
	}
}

func wantStatus(t *testing.T, a payments.Answer, want payments.Status, balance ticketing.KRW) {
	t.Helper()
	if a.Say != payments.Shown || a.Payment.Status != want || a.Payment.Balance != balance {
		t.Errorf("the answer is %s (%s): %s with %d won, want %s with %d", a.Say, a.Code, a.Payment.Status, a.Payment.Balance, want, balance)
	}
}

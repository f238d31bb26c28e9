package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/payments/faketoss"
)

// bank is a fake Toss in the test's own process: it outlives the program, as the real one does.
type bank struct {
	*faketoss.Toss
	url string
	// hook is called with each request before it is worked and after, if set.
	hook atomic.Pointer[func(r *http.Request, after bool)]
}

func newBank(t *testing.T, webhooks faketoss.Webhooks) *bank {
	t.Helper()
	toss, err := faketoss.Open(faketoss.Options{Webhooks: webhooks})
	if err != nil {
		t.Fatal(err)
	}
	b := &bank{Toss: toss}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hook := b.hook.Load(); hook != nil {
			(*hook)(r, false)
		}
		toss.ServeHTTP(w, r)
		if hook := b.hook.Load(); hook != nil {
			(*hook)(r, true)
		}
	}))
	b.url = server.URL + faketoss.Path
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := toss.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// serve starts the program with this bank as its Toss.
func (b *bank) serve(t *testing.T, data string) *server {
	t.Helper()
	cmd := program("serve", "--data", data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--bench",
		"--toss-url", b.url, "--toss-client-key", "fake-client")
	cmd.Env = append(cmd.Env, "TB_TOSS_SECRET_KEY="+faketoss.SecretKey)
	return awaitServer(t, data, cmd)
}

// shopper is one customer at one server.
type shopper struct {
	t     *testing.T
	url   string
	token string
	round int64
	n     int
}

func (c *shopper) reserve(seats ...string) string {
	c.t.Helper()
	c.n++
	a := mustAsk(c.t, 201, "POST", fmt.Sprintf("%s/v1/rounds/%d/reservations", c.url, c.round), c.token,
		map[string]any{"seats": seats}, "Idempotency-Key", fmt.Sprintf("%s-%d", seats[0], c.n))
	return a.body["id"].(string)
}

// start begins to pay, and authenticates at the bank: what to confirm with.
func (c *shopper) start(b *bank, reservation string, outcome faketoss.Outcome) map[string]any {
	c.t.Helper()
	a := mustAsk(c.t, 200, "POST", c.url+"/v1/reservations/"+reservation+"/payment", c.token, map[string]any{})
	key, err := b.Authenticate(a.body["provider_order_id"].(string), "Show", int64(a.body["amount"].(float64)), outcome)
	if err != nil {
		c.t.Fatal(err)
	}
	return map[string]any{"payment_key": key, "order_id": a.body["order_id"], "amount": a.body["amount"]}
}

func (c *shopper) confirm(want int, body map[string]any) answer {
	c.t.Helper()
	return mustAsk(c.t, want, "POST", c.url+"/v1/payments/confirm", c.token, body)
}

// awaitPayment asks until the payment's status is this one.
func (c *shopper) awaitPayment(reservation, status string) map[string]any {
	c.t.Helper()
	again, limit := time.NewTicker(20*time.Millisecond), time.After(endLimit)
	defer again.Stop()
	for {
		a := mustAsk(c.t, 200, "GET", c.url+"/v1/reservations/"+reservation+"/payment", c.token, nil)
		if a.body["status"] == status {
			return a.body
		}
		select {
		case <-again.C:
		case <-limit:
			c.t.Fatalf("the payment of %s did not become %s: %v", reservation, status, a.body)
		}
	}
}

func TestPay(t *testing.T) {
	o, b := newOffice(t, 20, 3), newBank(t, faketoss.Webhooks{})
	s := b.serve(t, o.data)
	c := &shopper{t: t, url: s.url, token: o.tokens[0], round: int64(o.round)}

	paid := c.reserve("A-1-1", "A-1-2")
	body := c.start(b, paid, faketoss.Approve)
	if a := c.confirm(200, body); a.body["status"] != "paid" || a.body["reservation_status"] != "confirmed" {
		t.Errorf("confirmed: %v", a.body)
	}
	if a := c.confirm(200, body); a.body["status"] != "paid" {
		t.Errorf("the page loaded again: %v", a.body)
	}

	refused := c.reserve("A-1-3")
	body = c.start(b, refused, faketoss.Refuse)
	for range 2 {
		if a := c.confirm(409, body); a.body["code"] != "payment_declined" || a.body["detail"] == nil {
			t.Errorf("refused: %v", a.body)
		}
	}
	if a := c.awaitPayment(refused, "declined"); a["reservation_status"] != "held" || a["reason"] == nil {
		t.Errorf("refused: %v", a)
	}
	c.confirm(200, c.start(b, refused, faketoss.Approve)) // he may try again

	account := c.reserve("A-1-4")
	if a := c.confirm(409, c.start(b, account, faketoss.Deposit)); a.body["code"] != "virtual_account" {
		t.Errorf("a virtual account: %v", a.body)
	}

	a := mustAsk(t, 200, "POST", s.url+"/v1/reservations/"+paid+"/cancel", c.token, map[string]any{"reason": "a cold"})
	if a.body["status"] != "canceled" || a.body["refund_due"] != 90_000.0 {
		t.Errorf("canceled: %v", a.body)
	}
	if a := c.awaitPayment(paid, "refunded"); a["refund"] != 90_000.0 {
		t.Errorf("refunded: %v", a)
	}
	mustAsk(t, 200, "POST", s.url+"/v1/reservations/"+paid+"/cancel", c.token, map[string]any{"reason": "again"})
	s.stop()
}

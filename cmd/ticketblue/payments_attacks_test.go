package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/payments"
	"ticketblue/payments/faketoss"
	"ticketblue/ticketing"
)

// withCampaigns adds campaigns to an office that is closed: 1 takes 5,000 won off, 2 takes all, 3 the same for a second
// only, 4 for orders over a million won.
func (o *office) withCampaigns(t *testing.T) {
	t.Helper()
	flags := storeFlags{Data: o.data, LogLevel: "error"}
	s, err := flags.openOwn(t.Context(), flags.logger())
	if err != nil {
		t.Fatal(err)
	}
	now := ticketing.MillisOf(time.Now())
	for _, c := range []struct {
		off, least int64
		life       time.Duration
	}{{5_000, 0, time.Hour}, {1_000_000, 0, time.Hour}, {1_000_000, 0, time.Second}, {1_000_000, 1_000_000, time.Hour}} {
		_, err := s.CreateCampaign(t.Context(), ticketing.CampaignInfo{Name: "Off", Terms: ticketing.CampaignTerms{
			Stock: 10, Claimable: true, OpensAt: now, ClosesAt: now.Add(time.Hour), LifeMillis: ticketing.Millis(c.life.Milliseconds()),
			Discount: ticketing.Discount{Kind: ticketing.AmountOff, Value: c.off, Minimum: ticketing.KRW(c.least)},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func (c *shopper) claim(campaign int) string {
	c.t.Helper()
	a := mustAsk(c.t, 201, "POST", fmt.Sprintf("%s/v1/campaigns/%d/coupons", c.url, campaign), c.token, nil, "Idempotency-Key", "k")
	return a.body["id"].(string)
}

func (c *shopper) refused(code, method, path string, body any) {
	c.t.Helper()
	want := 409
	if code == "not_found" {
		want = 404
	}
	if a := mustAsk(c.t, want, method, c.url+path, c.token, body); a.body["code"] != code {
		c.t.Errorf("%s %s is refused with %v, want %s", method, path, a.body["code"], code)
	}
}

// reconcile runs the program's own comparison beside the server.
func (b *bank) reconcile(t *testing.T, data string) *payments.Reconciliation {
	t.Helper()
	out, err := program("reconcile", "--data", data, "--json").Output()
	report := new(payments.Reconciliation)
	if jsonErr := json.Unmarshal(out, report); jsonErr != nil {
		t.Fatalf("reconcile: %v, %v: %s", err, jsonErr, out)
	}
	if (err == nil) != report.OK {
		t.Errorf("reconcile ended with %v: %+v", err, report)
	}
	return report
}

func TestPaymentAttacks(t *testing.T) {
	o, b := newOffice(t, 40, 3), newBank(t, faketoss.Webhooks{})
	o.withCampaigns(t)
	s := b.serve(t, o.data)
	c := &shopper{t: t, url: s.url, token: o.tokens[0], round: int64(o.round)}
	other := &shopper{t: t, url: s.url, token: o.tokens[1], round: int64(o.round)}
	pay := func(id string) string { return "/v1/reservations/" + id + "/payment" }
	coupon, all := c.claim(1), c.claim(2)

	waiting := c.reserve("A-1-1") // an order that waits: whatever is tried, it waits on
	body := c.start(b, waiting, faketoss.Approve)
	before := c.awaitPayment(waiting, "open")
	if again := c.start(b, waiting, faketoss.Approve); again["order_id"] != body["order_id"] {
		t.Errorf("two tabs have two orders: %v and %v", body, again)
	}
	c.refused("payment_in_progress", "POST", pay(waiting), map[string]any{"coupon_id": coupon})
	other.refused("not_found", "POST", pay(waiting), map[string]any{})
	other.refused("not_found", "GET", pay(waiting), nil)
	other.refused("not_found", "POST", "/v1/payments/confirm", body)
	other.refused("not_found", "POST", "/v1/reservations/"+waiting+"/cancel", map[string]any{"reason": "r"})
	c.refused("not_cancelable", "POST", "/v1/reservations/"+waiting+"/cancel", map[string]any{"reason": "r"})
	for _, amount := range []int{0, 1, 49_999, 50_001} {
		c.refused("amount_mismatch", "POST", "/v1/payments/confirm", map[string]any{"payment_key": body["payment_key"], "order_id": body["order_id"], "amount": amount})
	}
	if after := c.awaitPayment(waiting, "open"); after["seq"] != before["seq"] {
		t.Errorf("something has happened: %v, then %v", before, after)
	}

	c.clickFour(body)
	c.refusedCoupons(coupon, all)
	c.oneCouponInFiveOrders(coupon)

	free := c.reserve("A-1-20")
	a := mustAsk(t, 200, "POST", s.url+pay(free), c.token, map[string]any{"coupon_id": all})
	if a.body["amount"] != 0.0 {
		t.Errorf("a coupon over everything: %v", a.body)
	}
	c.confirm(200, map[string]any{"order_id": a.body["order_id"], "amount": 0})
	mustAsk(t, 200, "POST", s.url+"/v1/reservations/"+free+"/cancel", c.token, map[string]any{"reason": "r"})
	c.forge(body["payment_key"].(string), waiting)

	mustAsk(t, 200, "POST", s.url+"/v1/reservations/"+waiting+"/cancel", c.token, map[string]any{"reason": "r"})
	c.awaitPayment(waiting, "refunded")
	c.refused("reservation_ended", "POST", "/v1/payments/confirm", body)   // the success page, once more
	if report := b.reconcile(t, o.data); !report.OK || report.Orders < 3 { // waiting, one of five, free
		t.Errorf("%+v", report)
	}
	s.stop()
}

// clickFour confirms at the same time.
func (c *shopper) clickFour(body map[string]any) {
	c.t.Helper()
	var clicks sync.WaitGroup
	for range 4 {
		clicks.Go(func() {
			a, err := askAgain("POST", c.url+"/v1/payments/confirm", c.token, body)
			if err != nil || a.status != 200 || a.body["status"] != "paid" {
				c.t.Errorf("one of four clicks: %d %v %v", a.status, a.body, err)
			}
		})
	}
	clicks.Wait()
}

func (c *shopper) refusedCoupons(coupon, all string) {
	c.t.Helper()
	id := c.reserve("A-1-2")
	for _, wrong := range []string{"1-9", "99-1", strings.Repeat("9", 19) + "-1"} {
		c.refused("coupon_unknown", "POST", "/v1/reservations/"+id+"/payment", map[string]any{"coupon_id": wrong})
	}
	if a := mustAsk(c.t, 200, "GET", c.url+"/v1/reservations/"+id, c.token, nil); a.body["status"] != "held" {
		c.t.Errorf("after coupons that are none: %v", a.body)
	}
}

func (c *shopper) oneCouponInFiveOrders(coupon string) {
	c.t.Helper()
	var had, inUse atomic.Int64
	var orders sync.WaitGroup
	var ids []string
	for n := range 5 {
		ids = append(ids, c.reserve(fmt.Sprintf("A-1-%d", 10+n)))
	}
	for _, id := range ids {
		orders.Go(func() {
			a, err := askAgain("POST", c.url+"/v1/reservations/"+id+"/payment", c.token, map[string]any{"coupon_id": coupon})
			switch {
			case err == nil && a.status == 200 && a.body["amount"] == 45_000.0:
				had.Add(1)
			case err == nil && a.status == 409 && a.body["code"] == "coupon_in_use":
				inUse.Add(1)
			default:
				c.t.Errorf("one of five orders: %d %v %v", a.status, a.body, err)
			}
		})
	}
	orders.Wait()
	if had.Load() != 1 || inUse.Load() != 4 {
		c.t.Errorf("%d orders had the coupon, %d did not", had.Load(), inUse.Load())
	}
}

// forge sends a thousand lies about a payment, and about others.
func (c *shopper) forge(key, reservation string) {
	c.t.Helper()
	before := c.awaitPayment(reservation, "paid")
	taken, limited := 0, 0
	for n := range 1000 {
		status := []string{"CANCELED", "DONE", "ABORTED", "EXPIRED", "PARTIAL_CANCELED", "NONSENSE"}[n%6]
		if n%2 == 0 {
			key = fmt.Sprintf("made_up_%d", n)
		}
		lie := fmt.Sprintf(`{"eventType":"PAYMENT_STATUS_CHANGED","data":{"paymentKey":%q,"status":%q,"lastTransactionKey":"t%d","totalAmount":1}}`, key, status, n)
		a, err := askAgain("POST", c.url+"/v1/webhooks/toss", "", lie)
		switch {
		case err == nil && a.status == http.StatusOK:
			taken++
		case err == nil && a.status == http.StatusTooManyRequests:
			limited++
		default:
			c.t.Fatalf("a forged message: %d %v %v", a.status, a.body, err)
		}
	}
	if after := c.awaitPayment(reservation, "paid"); after["seq"] != before["seq"] {
		c.t.Errorf("forged messages have moved it: %v, then %v", before, after)
	}
	c.t.Logf("%d forged messages taken, %d refused as too many, nothing changed", taken, limited)
}

// TestKilledWhilePaying kills the program while the bank is being asked: before it takes or gives back the money, and
// after. What is left is done by the next life: when the customer asks again or the bank sends its message again, and
// when nobody does.
func TestKilledWhilePaying(t *testing.T) {
	o, b := newOffice(t, 20, 1), newBank(t, faketoss.Webhooks{})
	var s *server
	c := &shopper{t: t, token: o.tokens[0], round: int64(o.round)}
	// The next such request kills the program; one that is not the customer's own, when he has his answer.
	arm := func(path string, after bool, answered <-chan struct{}) {
		victim, once := s, new(sync.Once)
		hook := func(r *http.Request, done bool) {
			if done == after && strings.HasSuffix(r.URL.Path, path) {
				once.Do(func() {
					select {
					case <-answered:
					case <-time.After(endLimit):
					}
					c.awaitTables()
					victim.kill()
				})
			}
		}
		b.hook.Store(&hook)
	}
	nobodys := make(chan struct{})
	close(nobodys)
	up := func() { s = b.serve(t, o.data); c.url = s.url }
	message := func(key any) {
		b, err := askAgain("POST", c.url+"/v1/webhooks/toss", "", map[string]any{"eventType": "PAYMENT_STATUS_CHANGED",
			"data": map[string]any{"paymentKey": key, "status": "DONE", "lastTransactionKey": fmt.Sprint(time.Now().UnixNano())}})
		if err != nil || b.status != 200 {
			t.Errorf("the bank's message: %v %v", b, err)
		}
	}
	up()
	for n, after := range []bool{false, true} {
		id := c.reserve(fmt.Sprintf("A-1-%d", n+1))
		body := c.start(b, id, faketoss.Approve)
		arm("/confirm", after, nobodys)
		if a, err := ask("POST", c.url+"/v1/payments/confirm", c.token, body); err == nil {
			t.Fatalf("a dead program answers: %v", a)
		}
		up()
		if !after {
			c.confirm(200, body)
		} else {
			c.awaitPayment(id, "paid")
		}
		answered := make(chan struct{})
		arm("/cancel", after, answered)
		mustAsk(t, 200, "POST", c.url+"/v1/reservations/"+id+"/cancel", c.token, map[string]any{"reason": "r"})
		close(answered)
		<-s.gone
		up()
		if !after {
			c.until(id, "refunded", func() { message(body["payment_key"]) })
		} else {
			c.awaitPayment(id, "refunded")
		}
	}
	s.stop()
	s = b.serve(t, o.data)
	if report := b.reconcile(t, o.data); !report.OK || report.Underway != 0 || report.Orders != 2 {
		t.Errorf("%+v", report)
	}
	s.stop()
}

// awaitTables waits until the read tables know all that the round has done.
func (c *shopper) awaitTables() {
	round, err := ask("GET", fmt.Sprintf("%s/v1/rounds/%d", c.url, c.round), "", nil)
	position := fmt.Sprintf("round:%d@%.0f", c.round, round.body["seq"])
	for limit := time.Now().Add(endLimit); err == nil && time.Now().Before(limit); {
		var list answer
		if list, err = ask("GET", c.url+"/v1/reservations", c.token, nil, "TB-Position", position); err == nil && list.status == 200 {
			return
		}
	}
	c.t.Errorf("the tables did not come to %s: %v", position, err)
}

// until does something again and again until the payment's status is this one.
func (c *shopper) until(reservation, status string, do func()) {
	c.t.Helper()
	again, limit := time.NewTicker(300*time.Millisecond), time.After(endLimit)
	defer again.Stop()
	for {
		do()
		if a := mustAsk(c.t, 200, "GET", c.url+"/v1/reservations/"+reservation+"/payment", c.token, nil); a.body["status"] == status {
			return
		}
		select {
		case <-again.C:
		case <-limit:
			c.t.Fatalf("the payment of %s did not become %s", reservation, status)
		}
	}
}

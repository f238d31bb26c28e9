package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ticketblue/payments/faketoss"
	"ticketblue/ticketing"
)

// What is refused when somebody starts to pay, or pays, leaves everything as it was, however often it is tried.

// unchanged does something again and again; the reservation must be the same after, to the last event of its round.
func (c *shopper) unchanged(reservation string, times int, do func()) {
	c.t.Helper()
	state := func() string {
		a := mustAsk(c.t, 200, "GET", c.url+"/v1/reservations/"+reservation, c.token, nil)
		return fmt.Sprint(a.body["status"], " until ", a.body["expires_at"], " at event ", a.body["seq"])
	}
	before := state()
	for range times {
		do()
	}
	if after := state(); after != before {
		c.t.Errorf("reservation %s was %s, and after requests that were refused is %s", reservation, before, after)
	}
}

// awaitCoupon asks until the coupon's status is this one.
func (c *shopper) awaitCoupon(coupon, status string) {
	c.t.Helper()
	again, limit := time.NewTicker(50*time.Millisecond), time.After(endLimit)
	defer again.Stop()
	for {
		a := mustAsk(c.t, 200, "GET", c.url+"/v1/coupons?limit=100", c.token, nil)
		for _, item := range a.body["items"].([]any) {
			if k := item.(map[string]any); k["id"] == coupon && k["status"] == status {
				return
			}
		}
		select {
		case <-again.C:
		case <-limit:
			c.t.Fatalf("coupon %s did not become %s: %v", coupon, status, a.body)
		}
	}
}

func TestRefusedCouponsChangeNothing(t *testing.T) {
	o, b := newOffice(t, 40, 2), newBank(t, faketoss.Webhooks{})
	o.withCampaigns(t)
	s := b.serve(t, o.data)
	c := &shopper{t: t, url: s.url, token: o.tokens[0], round: int64(o.round)}
	other := &shopper{t: t, url: s.url, token: o.tokens[1], round: int64(o.round)}
	pay := func(id string) string { return "/v1/reservations/" + id + "/payment" }
	five, all, short, high, theirs := c.claim(1), c.claim(2), c.claim(3), c.claim(4), other.claim(1)

	used := c.reserve("A-1-1")
	order := mustAsk(t, 200, "POST", s.url+pay(used), c.token, map[string]any{"coupon_id": all}).body["order_id"]
	c.confirm(200, map[string]any{"order_id": order, "amount": 0})
	c.awaitCoupon(all, "redeemed")
	mustAsk(t, 200, "POST", s.url+pay(c.reserve("A-1-2")), c.token, map[string]any{"coupon_id": five})
	c.awaitCoupon(short, "expired")

	id := c.reserve("A-1-3")
	c.unchanged(id, 5, func() {
		for coupon, code := range map[string]string{
			five: "coupon_in_use", all: "coupon_redeemed", short: "coupon_expired", high: "amount_too_small", theirs: "coupon_unknown",
			"1-9": "coupon_unknown", "99-1": "coupon_unknown", strings.Repeat("9", 19) + "-1": "coupon_unknown",
		} {
			c.refused(code, "POST", pay(id), map[string]any{"coupon_id": coupon})
		}
		other.refused("not_found", "POST", pay(id), map[string]any{"coupon_id": theirs})
	})
	if first := c.start(b, id, faketoss.Approve); first["order_id"] != id+"-1" {
		t.Errorf("there were orders before: %v", first)
	}
	s.stop()
}

func TestOnlySoManyAttempts(t *testing.T) {
	o, b := newOffice(t, 4, 1), newBank(t, faketoss.Webhooks{})
	s := b.serve(t, o.data)
	c := &shopper{t: t, url: s.url, token: o.tokens[0], round: int64(o.round)}
	id := c.reserve("A-1-1")
	for range ticketing.MaxAttempts {
		c.confirm(409, c.start(b, id, faketoss.Refuse))
	}
	c.unchanged(id, 20, func() {
		c.refused("too_many_attempts", "POST", "/v1/reservations/"+id+"/payment", map[string]any{})
	})
	mustAsk(t, 200, "DELETE", s.url+"/v1/reservations/"+id, c.token, nil)
	c.confirm(200, c.start(b, c.reserve("A-1-1"), faketoss.Approve)) // the seat is there for another try
	s.stop()
}

func TestRepeatsThatAreNone(t *testing.T) {
	o, b := newOffice(t, 4, 1), newBank(t, faketoss.Webhooks{})
	s := b.serve(t, o.data)
	c := &shopper{t: t, url: s.url, token: o.tokens[0], round: int64(o.round)}
	id := c.reserve("A-1-1")
	body := c.start(b, id, faketoss.Approve)
	c.confirm(200, body)
	with := func(field string, value any) map[string]any {
		other := map[string]any{"payment_key": body["payment_key"], "order_id": body["order_id"], "amount": body["amount"]}
		other[field] = value
		return other
	}
	c.unchanged(id, 3, func() {
		for _, amount := range []int{1, 49_999, 50_001} {
			c.refused("amount_mismatch", "POST", "/v1/payments/confirm", with("amount", amount))
		}
		c.refused("already_confirmed", "POST", "/v1/payments/confirm", with("payment_key", "another"))
		c.refused("already_confirmed", "POST", "/v1/payments/confirm", with("amount", 0)) // for nothing: no key is looked at
		c.refused("not_found", "POST", "/v1/payments/confirm", with("order_id", id+"-2"))
		for _, blank := range []string{"", " ", "\t\n", "\u3000 \u00a0"} {
			a := mustAsk(t, 422, "POST", s.url+"/v1/reservations/"+id+"/cancel", c.token, map[string]any{"reason": blank})
			if errors, ok := a.body["errors"].([]any); !ok || len(errors) == 0 || errors[0].(map[string]any)["field"] != "reason" {
				t.Errorf("a blank reason: %v", a.body)
			}
		}
		c.confirm(200, body)
	})
	s.stop()
}

// TestSeatsGivenBackFreeTheCoupon: whoever has thought better of his seats uses his coupon for others at once.
func TestSeatsGivenBackFreeTheCoupon(t *testing.T) {
	o, b := newOffice(t, 40, 1), newBank(t, faketoss.Webhooks{})
	o.withCampaigns(t)
	s := b.serve(t, o.data)
	c := &shopper{t: t, url: s.url, token: o.tokens[0], round: int64(o.round)}
	coupon := c.claim(1)
	for _, seat := range []string{"A-1-1", "A-1-2", "A-1-3"} {
		id := c.reserve(seat)
		mustAsk(t, 200, "POST", s.url+"/v1/reservations/"+id+"/payment", c.token, map[string]any{"coupon_id": coupon})
		for range 2 { // the second time nothing is left to give back
			mustAsk(t, 200, "DELETE", s.url+"/v1/reservations/"+id, c.token, nil)
		}
	}
	c.awaitCoupon(coupon, "issued")
}

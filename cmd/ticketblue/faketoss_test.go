package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// press is a press of a button of the fake's page, without a browser: the key that it sends back with.
func (c *shopper) press(order, amount, outcome string) string {
	c.t.Helper()
	fields := url.Values{"orderId": {order}, "orderName": {"seats"}, "amount": {amount}, "successUrl": {c.url + "/checkout/x"}, "failUrl": {c.url + "/checkout/x"}}
	once := &http.Client{Timeout: answerLimit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := once.PostForm(c.url+"/fake/toss/pay?"+fields.Encode(), url.Values{"outcome": {outcome}})
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil || to.Query().Get("paymentKey") == "" {
		c.t.Fatalf("%d, to %v (%v)", resp.StatusCode, to, err)
	}
	return to.Query().Get("paymentKey")
}

// TestFakeTossOutlivesTheProgram: what was agreed to, and what was taken, is known after a kill -9 of everything.
func TestFakeTossOutlivesTheProgram(t *testing.T) {
	o := newOffice(t, 20, 3)
	s := startServer(t, o.data)
	c := &shopper{t: t, url: s.url, token: o.tokens[0], round: int64(o.round)}
	id := c.reserve("A-1-1")
	a := mustAsk(t, 200, "POST", c.url+"/v1/reservations/"+id+"/payment", c.token, map[string]any{})
	key := c.press(a.body["provider_order_id"].(string), "50000", "approve")
	body := map[string]any{"payment_key": key, "order_id": a.body["order_id"], "amount": a.body["amount"]}
	again := func() {
		s.kill()
		s = startServer(t, o.data)
		c.url = s.url
	}
	again()
	c.confirm(200, body)
	again()
	if a := c.confirm(200, body); a.body["status"] != "paid" {
		t.Errorf("after a kill: %v", a.body)
	}
	mustAsk(t, 200, "POST", c.url+"/v1/reservations/"+id+"/cancel", c.token, map[string]any{"reason": "a cold"})
	again()
	c.awaitPayment(id, "refunded")
}

// TestTossFlags: who takes the money is said plainly, or the program does not start.
func TestTossFlags(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		secret string
		want   string // provider, or what the program complains of
	}{
		"nothing":         {nil, "", "fake"},
		"open to others":  {[]string{"--listen", "0.0.0.0:0"}, "", "none"},
		"asked for":       {[]string{"--listen", "0.0.0.0:0", "--fake-toss"}, "", "fake"},
		"keys":            {[]string{"--toss-client-key", "ck"}, "sesame", "toss"},
		"one key":         {[]string{"--toss-client-key", "ck"}, "", "need each other"},
		"the other":       {nil, "sesame", "need each other"},
		"keys and a fake": {[]string{"--toss-client-key", "ck", "--fake-toss"}, "sesame", "exclude each other"},
		"in the clear":    {[]string{"--toss-client-key", "ck", "--toss-url", "http://toss.example.com"}, "sesame", "https only"},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			cmd := program(append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"}, c.args...)...)
			cmd.Env = append(cmd.Env, "TB_TOSS_SECRET_KEY="+c.secret)
			if strings.Contains(c.want, " ") {
				out, err := cmd.CombinedOutput()
				if err == nil || !strings.Contains(string(out), c.want) || strings.Contains(string(out), "sesame") {
					t.Errorf("%v: %s", err, out)
				}
				return
			}
			s := awaitServer(t, data, cmd)
			url := strings.Replace(s.url, "[::]", "127.0.0.1", 1)
			if a := mustAsk(t, 200, "GET", url+"/v1/payments/provider", "", nil); a.body["provider"] != c.want {
				t.Errorf("%v, want %s", a.body, c.want)
			}
		})
	}
}

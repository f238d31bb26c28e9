package api

import (
	"net/http"
	"strings"
	"testing"

	"ticketblue/api/web"
)

// TestWhoTakesTheMoney: pages are told, the fake is there only when it is used, and only then Toss' script may run.
func TestWhoTakesTheMoney(t *testing.T) {
	fake := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		_, _ = w.Write([]byte("pay " + r.URL.Query().Get("amount")))
	})
	for name, c := range map[string]struct {
		checkout Checkout
		says     string
		fake     int
		policy   string // of the checkout's page
	}{
		"nobody": {Checkout{}, `{"provider":"none"}`, http.StatusNotFound, web.Policy},
		"toss":   {Checkout{Provider: ProviderToss, ClientKey: "ck"}, `{"provider":"toss","client_key":"ck"}`, http.StatusNotFound, web.TossPolicy},
		"fake":   {Checkout{Provider: ProviderFake, Fake: fake}, `{"provider":"fake","page":"/fake/toss/pay"}`, http.StatusOK, web.Policy},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, func(config *Config) { config.Checkout = c.checkout })
			if a := h.do(call{method: "GET", path: "/v1/payments/provider"}); a.status != http.StatusOK || strings.TrimSpace(string(a.body)) != c.says {
				t.Errorf("%d %s", a.status, string(a.body))
			}
			a := h.do(call{method: "GET", path: "/fake/toss/pay?amount=1000"})
			if a.status != c.fake || c.fake == http.StatusOK && (string(a.body) != "pay 1000" || len(a.header.Values("Content-Security-Policy")) != 1) {
				t.Errorf("%d %s %v", a.status, string(a.body), a.header)
			}
			if got := h.do(call{method: "GET", path: "/checkout/1-1"}).header.Get("Content-Security-Policy"); got != c.policy {
				t.Errorf("the checkout's policy is %s", got)
			}
			if got := h.do(call{method: "GET", path: "/reservations"}).header.Get("Content-Security-Policy"); strings.Contains(got, "toss") {
				t.Errorf("another page's policy is %s", got)
			}
		})
	}
}

package payments_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ticketblue/payments"
	"ticketblue/ticketing"
)

// TestLyingServers: whatever answers in Toss' place, nothing is believed that does not say it in so many words.
func TestLyingServers(t *testing.T) {
	whole := `{"paymentKey":"k1","orderId":"tb-order-42-7-1","status":"DONE","currency":"KRW","totalAmount":1000,"balanceAmount":1000}`
	serve := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		say     payments.Say
		code    string
	}{
		"yes":                     {serve(200, whole), payments.Shown, ""},
		"yes, but created":        {serve(201, whole), payments.Nothing, "http_201"},
		"a proxy's page":          {serve(200, "<html>please log in</html>"), payments.Nothing, payments.CodeUnreadable},
		"cut off":                 {serve(200, whole[:40]), payments.Nothing, payments.CodeUnreadable},
		"no amounts":              {serve(200, `{"paymentKey":"k1","status":"DONE"}`), payments.Nothing, payments.CodeUnreadable},
		"too long":                {serve(200, strings.Repeat(" ", 65<<10)+whole), payments.Nothing, payments.CodeTooLong},
		"a no of a broken server": {serve(500, `{"code":"REJECT_CARD_COMPANY"}`), payments.Nothing, "http_500"},
		"a gateway in between":    {serve(502, "bad gateway"), payments.Nothing, "http_502"},
		"sent elsewhere":          {serve(302, ""), payments.Nothing, "http_302"},
		"a refusal without words": {serve(403, `{}`), payments.Nothing, payments.CodeUnreadable},
		"an unknown refusal":      {serve(403, `{"code":"NEW_THING"}`), payments.Nothing, "NEW_THING"},
		"a code with free text":   {serve(403, `{"code":"Mr Kim's card 1234"}`), payments.Nothing, payments.CodeUnreadable},
		"a final no":              {serve(403, `{"code":"REJECT_CARD_COMPANY"}`), payments.Refused, "REJECT_CARD_COMPANY"},
		"silence":                 {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, payments.Nothing, payments.CodeNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			a := client(t, server.URL, "secret", "tb").Confirm(t.Context(), payments.Confirm{Key: "k1", Order: newOrder(), Amount: 1000})
			if a.Say != c.say || a.Code != c.code {
				t.Errorf("%s (%q), want %s (%q)", a.Say, a.Code, c.say, c.code)
			}
		})
	}
}

func TestForeignMoney(t *testing.T) {
	for body, foreign := range map[string]bool{
		`"currency":"KRW","totalAmount":1000,"balanceAmount":1000`:              false,
		`"currency":"USD","totalAmount":1000,"balanceAmount":1000`:              true,
		`"currency":"KRW","totalAmount":726.24,"balanceAmount":544.68`:          true,
		`"totalAmount":1000,"balanceAmount":1000,"method":"카드"`:                 true,
		`"currency":"KRW","totalAmount":99999999999999999999,"balanceAmount":1`: true,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"paymentKey":"k1","status":"DONE",`+body+`}`)
		}))
		if a := client(t, server.URL, "secret", "tb").Payment(t.Context(), "k1"); a.Say != payments.Shown || a.Payment.Foreign != foreign {
			t.Errorf("%s: %+v, want foreign %t", body, a, foreign)
		}
		server.Close()
	}
}

// TestRequests: what Toss gets to see.
func TestRequests(t *testing.T) {
	var seen *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		seen, body = r, string(text)
	}))
	defer server.Close()
	toss := client(t, server.URL, "secret", "tb_x")
	order := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 42, Number: 7}, Attempt: 2}
	check := func(method, path, key, want string) {
		t.Helper()
		user, password, _ := seen.BasicAuth()
		if seen.Method != method || seen.URL.Path != path || seen.Header.Get("Idempotency-Key") != key || body != want || user != "secret" || password != "" {
			t.Errorf("%s %s by %s:%s, key %q, body %s", seen.Method, seen.URL.Path, user, password, seen.Header.Get("Idempotency-Key"), body)
		}
	}
	toss.Confirm(t.Context(), payments.Confirm{Key: "k1", Order: order, Amount: 1000})
	check("POST", "/v1/payments/confirm", "confirm:tb_x-order-42-7-2", `{"amount":1000,"orderId":"tb_x-order-42-7-2","paymentKey":"k1"}`)
	toss.Cancel(t.Context(), payments.Cancel{Key: "k1", Order: order, Amount: 300, Returned: 200, Reason: "refund"})
	check("POST", "/v1/payments/k1/cancel", "cancel:tb_x-order-42-7-2:200:300", `{"cancelAmount":300,"cancelReason":"refund"}`)
	toss.Cancel(t.Context(), payments.Cancel{Key: "k1", Order: order, Reason: "amount_differs"})
	check("POST", "/v1/payments/k1/cancel", "cancel:tb_x-order-42-7-2:0:all", `{"cancelReason":"amount_differs"}`)
	toss.Payment(t.Context(), "k1")
	check("GET", "/v1/payments/k1", "", "")
	toss.PaymentOf(t.Context(), order)
	check("GET", "/v1/payments/orders/tb_x-order-42-7-2", "", "")
}

// TestSecretIsNotSeen: however a client or its options are printed, the key is not.
func TestSecretIsNotSeen(t *testing.T) {
	const secret = "sesame"
	o := payments.TossOptions{SecretKey: secret, Prefix: "tb"}
	toss, err := payments.NewToss(o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", o, toss, o.SecretKey)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "options", o, "key", o.SecretKey, "toss", toss)
	if err := json.NewEncoder(&out).Encode(o.SecretKey); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.Contains(s, secret) || strings.Contains(s, fmt.Sprintf("%x", secret)) {
		t.Errorf("the secret is in\n%s", s)
	}
}

func TestTossOptions(t *testing.T) {
	for name, o := range map[string]payments.TossOptions{
		"no key":            {Prefix: "tb"},
		"no prefix":         {SecretKey: "x"},
		"odd prefix":        {SecretKey: "x", Prefix: "a-b"},
		"in the clear":      {SecretKey: "x", Prefix: "tb", URL: "http://api.example.com"},
		"not an address":    {SecretKey: "x", Prefix: "tb", URL: "toss"},
		"with a password":   {SecretKey: "x", Prefix: "tb", URL: "https://a:b@toss.example.com"},
		"with a query":      {SecretKey: "x", Prefix: "tb", URL: "https://toss.example.com?a=b"},
		"another scheme":    {SecretKey: "x", Prefix: "tb", URL: "ftp://127.0.0.1"},
		"a control letter ": {SecretKey: "x", Prefix: "tb", URL: "https://toss.example.com/\x7f"},
	} {
		if _, err := payments.NewToss(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestOrderNames(t *testing.T) {
	names, err := payments.NewOrderNames("tb")
	if err != nil {
		t.Fatal(err)
	}
	order := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 42, Number: 7}, Attempt: 2}
	if got, ok := names.Order(names.Name(order)); !ok || got != order {
		t.Errorf("%v, %t", got, ok)
	}
	for _, name := range []string{"", "tb-order-", "tb-order-42-7", "tb-order-42-7-0", "tb-order-42-7-01", "tb-order-042-7-1", "tb-order-42-7-1-", "other-order-42-7-1", "tb-order-42-7-99999999999"} {
		if got, ok := names.Order(name); ok {
			t.Errorf("%q is %v", name, got)
		}
	}
}

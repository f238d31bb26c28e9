package faketoss

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, o Options) *Toss {
	t.Helper()
	toss, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = toss.Close() }) // a test may have done it
	return toss
}

// say sends a request as a client does; a body of nil is a GET.
func say(t *testing.T, toss *Toss, path string, body any, key string) (int, map[string]any) {
	t.Helper()
	method, content := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		content, _ = json.Marshal(body)
	}
	r := httptest.NewRequest(method, URL+path, bytes.NewReader(content))
	r.SetBasicAuth(SecretKey, "")
	r.Header.Set("Idempotency-Key", key)
	w, err := toss.RoundTrip(r)
	if err != nil {
		return 0, nil
	}
	var got map[string]any
	if err := json.NewDecoder(w.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, got
}

func confirmOf(key string) map[string]any {
	return map[string]any{"paymentKey": key, "orderId": "order-1", "amount": 1000}
}

func begin(t *testing.T, toss *Toss, outcome Outcome) string {
	t.Helper()
	key, err := toss.Authenticate("order-1", "seats", 1000, outcome)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestBooksOutliveTheProcess: a fake that is not closed, but abandoned, has kept what it has said.
func TestBooksOutliveTheProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "toss")
	before := open(t, Options{File: file})
	key, asked := begin(t, before, Lost), begin(t, before, Approve)
	if status, _ := say(t, before, "/v1/payments/confirm", confirmOf(key), "k"); status != 0 {
		t.Fatalf("the answer was to be lost, not %d", status)
	}
	torn, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = torn.WriteString(`{"payment":{"key":"never answered`)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start reads what the first has written anew
		after := open(t, Options{File: file})
		if status, p := say(t, after, "/v1/payments/"+key, nil, ""); status != 200 || p["status"] != "DONE" || p["balanceAmount"] != 1000.0 {
			t.Errorf("%d %v", status, p)
		}
		if status, p := say(t, after, "/v1/payments/"+asked, nil, ""); status != 200 || p["status"] != "IN_PROGRESS" {
			t.Errorf("%d %v", status, p)
		}
		status, p := say(t, after, "/v1/payments/confirm", map[string]any{"paymentKey": "another", "orderId": "order-2", "amount": 1}, "k")
		if status != 200 || p["paymentKey"] != key {
			t.Errorf("a repeat of the key got %d %v, want the first answer", status, p)
		}
		if err := after.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(file, []byte("{\"payment\":\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{File: file}); err == nil {
		t.Error("a broken line in the middle was passed over")
	}
}

// TestBrokenBooks: when nothing can be written, nothing is answered.
func TestBrokenBooks(t *testing.T) {
	toss := open(t, Options{File: filepath.Join(t.TempDir(), "toss")})
	key := begin(t, toss, Approve)
	if err := toss.books.file.Close(); err != nil {
		t.Fatal(err)
	}
	if status, p := say(t, toss, "/v1/payments/confirm", confirmOf(key), "k"); status != 0 {
		t.Errorf("answered %d %v", status, p)
	}
	if _, p := say(t, toss, "/v1/payments/"+key, nil, ""); p["status"] != "IN_PROGRESS" {
		t.Errorf("%v", p)
	}
	if _, err := toss.Authenticate("order-2", "", 1, Approve); err == nil {
		t.Error("began a payment")
	}
}

func TestTooLateToConfirm(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	toss := open(t, Options{Clock: func() time.Time { return now }})
	key := begin(t, toss, Approve)
	now = now.Add(ConfirmLife)
	if status, p := say(t, toss, "/v1/payments/confirm", confirmOf(key), "k"); status != 404 || p["code"] != "NOT_FOUND_PAYMENT_SESSION" {
		t.Errorf("%d %v", status, p)
	}
	if _, p := say(t, toss, "/v1/payments/"+key, nil, ""); p["status"] != "EXPIRED" {
		t.Errorf("%v", p)
	}
}

// TestKeysAreForgotten: after fifteen days a key is a new one.
func TestKeysAreForgotten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	file := filepath.Join(t.TempDir(), "toss")
	toss := open(t, Options{File: file, Clock: func() time.Time { return now }})
	key := begin(t, toss, Approve)
	say(t, toss, "/v1/payments/confirm", confirmOf(key), "k")
	now = now.Add(keyLife)
	if status, p := say(t, toss, "/v1/payments/confirm", confirmOf(key), "k"); status != 400 || p["code"] != "ALREADY_PROCESSED_PAYMENT" {
		t.Errorf("%d %v", status, p)
	}
	now = now.Add(keyLife)
	if again := open(t, Options{File: file, Clock: func() time.Time { return now }}); len(again.books.answers) != 0 || len(again.books.payments) != 1 {
		t.Errorf("%d answers and %d payments are kept", len(again.books.answers), len(again.books.payments))
	}
}

func TestWhoMayAsk(t *testing.T) {
	toss := open(t, Options{})
	for name, authorize := range map[string]func(*http.Request){
		"nobody":          func(*http.Request) {},
		"another":         func(r *http.Request) { r.SetBasicAuth("other", "") },
		"as a password":   func(r *http.Request) { r.SetBasicAuth("", SecretKey) },
		"with a password": func(r *http.Request) { r.SetBasicAuth(SecretKey, "x") },
	} {
		r := httptest.NewRequest(http.MethodGet, URL+"/v1/payments/k", nil)
		authorize(r)
		w := httptest.NewRecorder()
		toss.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "UNAUTHORIZED_KEY") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestWebhooks: every change is told as often as wished, and lies before each when wished.
func TestWebhooks(t *testing.T) {
	got := make(chan map[string]any, 10)
	tries := 0
	ear := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 { // the sender is one goroutine
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		var event map[string]any
		_ = json.Unmarshal(body, &event)
		got <- event
	}))
	defer ear.Close()
	toss := open(t, Options{
		Wait:     func(context.Context, time.Duration) error { return nil },
		Webhooks: Webhooks{URL: ear.URL, Copies: 2, Forged: true},
	})
	key := begin(t, toss, Refuse)
	say(t, toss, "/v1/payments/confirm", confirmOf(key), "k")
	for i, want := range []string{"DONE", "ABORTED", "ABORTED"} {
		select {
		case event := <-got:
			data, _ := event["data"].(map[string]any)
			if event["eventType"] != "PAYMENT_STATUS_CHANGED" || data["paymentKey"] != key || data["status"] != want {
				t.Errorf("message %d is %v, want %s", i, event, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("message %d has not come", i)
		}
	}
}

func TestDeposit(t *testing.T) {
	toss := open(t, Options{})
	key := begin(t, toss, Deposit)
	if paid, err := toss.Pay(key); paid || err != nil {
		t.Error("paid into an account that nobody has opened")
	}
	if _, p := say(t, toss, "/v1/payments/confirm", confirmOf(key), "k"); p["status"] != "WAITING_FOR_DEPOSIT" {
		t.Errorf("%v", p)
	}
	if paid, err := toss.Pay(key); !paid || err != nil {
		t.Errorf("%t %v", paid, err)
	}
	if _, p := say(t, toss, "/v1/payments/"+key, nil, ""); p["status"] != "DONE" {
		t.Errorf("%v", p)
	}
}

const shop = "http://shop.test"

// payAddress is the page's, with some fields changed.
func payAddress(change url.Values) string {
	q := url.Values{
		"orderId": {"tb-order-1-1-1"}, "orderName": {"<b>seats</b>"}, "amount": {"30000"},
		"successUrl": {shop + "/checkout/1-1/success?lang=ko"}, "failUrl": {shop + "/checkout/1-1/fail"},
	}
	for k, v := range change {
		q[k] = v
	}
	return shop + PayPath + "?" + q.Encode()
}

func visit(toss *Toss, method, address, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, address, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	toss.ServeHTTP(w, r)
	return w
}

func TestPage(t *testing.T) {
	toss := open(t, Options{})
	w := visit(toss, http.MethodGet, payAddress(nil), "")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "₩30,000") || strings.Contains(w.Body.String(), "<b>seats") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	w = visit(toss, http.MethodPost, payAddress(nil), "outcome=approve")
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || to.Host != "" || to.Path != "/checkout/1-1/success" {
		t.Fatalf("%d to %v", w.Code, to)
	}
	q := to.Query()
	if q.Get("lang") != "ko" || q.Get("orderId") != "tb-order-1-1-1" || q.Get("amount") != "30000" || toss.books.payments[q.Get("paymentKey")] == nil {
		t.Errorf("sent back with %v", q)
	}
	w = visit(toss, http.MethodPost, payAddress(nil), "outcome=declined")
	if to := w.Header().Get("Location"); !strings.HasPrefix(to, "/checkout/1-1/fail?") || !strings.Contains(to, "PAY_PROCESS_CANCELED") {
		t.Errorf("sent to %s", to)
	}
	if w = visit(toss, http.MethodPost, payAddress(nil), "outcome=other"); w.Code != http.StatusBadRequest {
		t.Errorf("%d", w.Code)
	}
}

// TestPageSendsNobodyElsewhere: nor does it take nonsense.
func TestPageSendsNobodyElsewhere(t *testing.T) {
	toss := open(t, Options{})
	for i, change := range []url.Values{
		{"successUrl": {"https://elsewhere.test/x"}}, {"successUrl": {"/checkout"}}, {"successUrl": {shop + "//elsewhere.test/x"}},
		{"successUrl": {"javascript://shop.test/%0aalert(1)"}}, {"failUrl": {"//elsewhere.test"}}, {"failUrl": {""}}, {"failUrl": {"http://a@b:shop.test/"}},
		{"orderId": {"short"}}, {"amount": {"0"}}, {"amount": {"-1"}}, {"amount": {"1e3"}}, {"amount": {fmt.Sprint(maxAmount + 1)}},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if w := visit(toss, method, payAddress(change), "outcome=approve"); w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
				t.Errorf("%d %s: %d to %q", i, method, w.Code, w.Header().Get("Location"))
			}
		}
	}
	if len(toss.books.payments) != 0 {
		t.Error("payments were begun")
	}
}

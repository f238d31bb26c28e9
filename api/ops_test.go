package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

func TestOperationsPort(t *testing.T) {
	h := withRound(t, nil)
	h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusCreated)
	h.reserve(otherCustomer, "k", "A-1-1").wantStatus(http.StatusConflict)

	var notReady, notVerified error
	var degraded []string
	server := NewOps(nil, slog.Default())
	opened := OpsConfig{
		Ready:    func(context.Context) error { return notReady },
		Verify:   func(context.Context) (json.RawMessage, error) { return json.RawMessage(`{"ok":true}`), notVerified },
		Metrics:  h.metrics,
		Degraded: func() []string { return degraded },
	}
	if server.ReadTimeout == 0 || server.ReadHeaderTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", server)
	}
	ops := httptest.NewServer(server.Handler)
	defer ops.Close()
	ask := func(method, path string, header ...string) (int, string) {
		req, err := http.NewRequest(method, ops.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := ops.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, strings.TrimSpace(string(body))
	}
	want := func(method, path string, status int, holds string, header ...string) {
		t.Helper()
		if got, body := ask(method, path, header...); got != status || !strings.Contains(body, holds) {
			t.Errorf("%s %s: %d %s", method, path, got, body)
		}
	}
	want("GET", "/livez", 200, `"alive"`) // while it starts
	want("GET", "/readyz", 503, "starting")
	want("GET", "/metrics", 503, "starting")
	want("POST", "/verify", 403, "", "Sec-Fetch-Site", "cross-site")
	server.Open(opened)
	want("GET", "/livez", 200, `"alive"`)
	want("GET", "/readyz", 200, `{"status":"ready"}`)
	degraded = []string{"live maps stand still"}
	want("GET", "/readyz", 200, `{"status":"ready","degraded":["live maps stand still"]}`)
	want("POST", "/verify", 200, `{"ok":true}`)
	want("GET", "/verify", 405, "")
	want("POST", "/verify", 403, "", "Sec-Fetch-Site", "cross-site")
	want("GET", "/debug/pprof/", 200, "goroutine")
	want("GET", "/debug/pprof/heap", 200, "")
	want("GET", "/metrics", 200, `ticketblue_http_request_seconds_count{class="2xx",operation="reserve"} 1`)
	want("GET", "/metrics", 200, `ticketblue_http_request_seconds_count{class="4xx",operation="reserve"} 1`)
	notReady, notVerified = errors.New("journal is away"), errors.New("journal is away")
	want("GET", "/readyz", 503, "journal is away")
	want("POST", "/verify", 503, "journal is away")
	want("GET", "/livez", 200, "alive") // or a lost Postgres would restart everything
}

func TestMetricsHaveNoLabelsACallerChooses(t *testing.T) {
	h := withRound(t, nil)
	for _, path := range []string{"/v1/rounds/1", "/v1/rounds/2", "/v1/rounds/x", "/nothing", "/v1/reservations/1-1?a=b"} {
		h.do(call{method: "GET", path: path})
	}
	families, err := h.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	for _, family := range families {
		for _, m := range family.Metric {
			for _, label := range m.Label {
				if label.GetName() == "operation" {
					operations[label.GetValue()] = true
				} else if label.GetName() != "class" && label.GetName() != "what" { // asked or loaded
					t.Errorf("label %s", label.GetName())
				}
			}
		}
	}
	documented := 0
	delete(operations, "pages")
	for _, methods := range readDocument().Paths {
		documented += len(methods)
	}
	if !operations["get-round"] || len(operations) != documented+5 { // the document itself, its page, the fake Kakao and the two no-ops
		t.Errorf("operations %v", operations)
	}
}

func TestTwoServersWithTheirOwnMetrics(t *testing.T) {
	for range 2 {
		New(Config{Clock: (&clock{}).Now, Metrics: prometheus.NewRegistry()})
	}
}

func TestOnlySoManyReservationsAUser(t *testing.T) {
	h := withRound(t, func(c *Config) { c.Limits.ReservePerUser = Rate{PerSecond: 1, Burst: 2} })
	h.reserve(customer, "1", "A-1-1").wantStatus(http.StatusCreated)
	h.reserve(customer, "2", "A-1-2").wantStatus(http.StatusCreated)
	a := h.reserve(customer, "3", "A-1-3").wantStatus(http.StatusTooManyRequests)
	if p := a.problem(); p.Code != "rate_limited" || !p.Retryable || a.header.Get("Retry-After") != "1" {
		t.Errorf("answer %s %v", a.body, a.header)
	}
	h.reserve(otherCustomer, "1", "A-1-4").wantStatus(http.StatusCreated)
	token := h.token(customer, ticketing.Customer)
	h.do(call{method: "DELETE", path: "/v1/reservations/1-1", token: token}).wantStatus(http.StatusTooManyRequests)
	h.do(call{method: "GET", path: "/v1/reservations/1-1", token: token}).wantStatus(http.StatusOK) // reading is free
	h.clock.advance(1e9)
	h.reserve(customer, "3", "A-1-3").wantStatus(http.StatusCreated)
}

func TestOnlySoManyLogIns(t *testing.T) {
	login := func(email string) call {
		return call{"POST", "/v1/auth/login", "", `{"email":"` + email + `","password":"wrong-pass-1"}`, nil}
	}
	t.Run("to one account", func(t *testing.T) {
		h := open(t, func(c *Config) { c.Limits.AuthPerAccount = Rate{PerSecond: 0.1, Burst: 1} })
		h.do(login("kim@example.com")).wantStatus(http.StatusUnauthorized)
		a := h.do(login("KIM@example.com")).wantStatus(http.StatusTooManyRequests)
		if a.header.Get("Retry-After") != "10" {
			t.Errorf("Retry-After %s", a.header.Get("Retry-After"))
		}
		h.do(login("lee@example.com")).wantStatus(http.StatusUnauthorized)
	})
	t.Run("from one address", func(t *testing.T) {
		h := open(t, func(c *Config) { c.Limits.AuthPerAddress = Rate{PerSecond: 0.1, Burst: 1} })
		h.do(login("kim@example.com")).wantStatus(http.StatusUnauthorized)
		h.do(login("lee@example.com")).wantStatus(http.StatusTooManyRequests)
		spoofed := login("park@example.com")
		spoofed.header = map[string]string{"X-Forwarded-For": "203.0.113.9"}
		h.do(spoofed).wantStatus(http.StatusTooManyRequests)
	})
}

func TestNetworks(t *testing.T) {
	for remote, want := range map[string]string{
		"203.0.113.9:1234": "203.0.113.9/32", "[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64",
		"[::ffff:203.0.113.9]:1": "203.0.113.9/32", "[fe80::1%eth0]:1": "fe80::/64", "": "", "socket": "",
	} {
		got, err := network(remote)
		if want == "" && err == nil || want != "" && got.String() != want {
			t.Errorf("%s: %v, %v", remote, got, err)
		}
	}
}

func TestBusyWithPasswords(t *testing.T) {
	p := problemOf(fmt.Errorf("logging in: %w", auth.ErrBusy))
	if p.Code != "busy" || p.Status != http.StatusServiceUnavailable || p.GetHeaders().Get("Retry-After") != "2" {
		t.Errorf("busy is %+v", p)
	}
}

func TestOtherNamesAreMisdirected(t *testing.T) {
	started := 0
	server := NewOps([]string{"ops.example.com"}, slog.Default())
	server.Open(OpsConfig{
		Metrics: prometheus.NewRegistry(),
		Outbox:  func(context.Context) ([]ticketing.Message, error) { return nil, nil },
		Rebuild: map[string]func(context.Context) error{"search": func(context.Context) error { started++; return nil }},
	})
	ask := func(host, method, path string) int {
		r := httptest.NewRequest(method, path, http.NoBody)
		r.Host = host
		r.Header.Set("Origin", "http://"+host)
		w := httptest.NewRecorder()
		server.Handler.ServeHTTP(w, r)
		return w.Code
	}
	for _, host := range []string{"127.0.0.1:8081", "[::1]:8081", "10.1.2.3", "localhost:8081", "ticketblue:8081", "OPS.example.com"} {
		if got := ask(host, "GET", "/outbox"); got != http.StatusOK {
			t.Errorf("%s: %d", host, got)
		}
	}
	for _, host := range []string{"evil.example:8081", "127.0.0.1.evil.example", "example.com", "localhost.", "a.localhost.evil.example:8081"} {
		if got, post := ask(host, "GET", "/outbox"), ask(host, "POST", "/rebuild/search"); got != http.StatusMisdirectedRequest || post != got || started != 0 {
			t.Errorf("%s: %d, %d, started %d", host, got, post, started)
		}
	}
}

func TestRebuildWhileOneRuns(t *testing.T) {
	for want, err := range map[int]error{
		http.StatusOK:                  nil,
		http.StatusConflict:            fmt.Errorf("already: %w", ticketing.ErrTaskRunning),
		http.StatusInternalServerError: errors.New("broken"),
	} {
		server := NewOps(nil, slog.Default())
		server.Open(OpsConfig{
			Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
			Rebuild: map[string]func(context.Context) error{"search": func(context.Context) error { return err }},
		})
		r := httptest.NewRequest(http.MethodPost, "/rebuild/search", http.NoBody)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		server.Handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%v is answered with %d, want %d", err, w.Code, want)
		}
	}
}

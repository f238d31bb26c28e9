package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/api/auth"
	"ticketblue/api/auth/fakekakao"
	"ticketblue/ticketing"
)

var testKey = bytes.Repeat([]byte("k"), auth.MinKeyBytes)

// clock is a time the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// house is a server on a real socket with everything behind it in memory.
type house struct {
	t         *testing.T
	server    *Server
	url       string
	addr      string
	clock     *clock
	sales     *fakeSales
	accounts  *fakeAccounts
	catalogue *fakeCatalogue
	campaigns *fakeCampaigns
	payments  *fakePayments
	lists     *fakeLists
	found     *fakeFound
	runs      *fakeRuns
	index     *fakeSearch
	live      *fakeLive
	inbox     *fakeInbox
	tokens    *auth.Tokens
	metrics   *prometheus.Registry
	log       *lockedLog
	served    chan error
	client    *http.Client
}

// lockedLog lets a test read a log that is still being written.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// hashing costs what it should, so all tests share one, and one account's hash.
var passwords = sync.OnceValues(func() (*auth.Passwords, error) { return auth.NewPasswords(nil) })

const kimsPassword = "blue-ticket-7"

var kimsHash = sync.OnceValues(func() (string, error) {
	p, err := passwords()
	if err != nil {
		return "", err
	}
	return p.Hash(context.Background(), kimsPassword)
})

// addKim opens the account kim@example.com.
func (h *house) addKim() {
	h.t.Helper()
	hash, err := kimsHash()
	if err != nil {
		h.t.Fatal(err)
	}
	kim := ticketing.User{Email: "kim@example.com", Name: "Kim", PasswordHash: hash, Role: ticketing.Customer}
	if _, err := h.accounts.CreateUser(context.Background(), kim); err != nil {
		h.t.Fatal(err)
	}
}

// generous keeps the limiters out of tests that are not about them.
var generous = Limits{
	AuthPerAddress: Rate{1e6, 1e6}, AuthPerAccount: Rate{1e6, 1e6}, ReservePerUser: Rate{1e6, 1e6},
	SessionPerAddress: Rate{1e6, 1e6}, ChangePerUser: Rate{1e6, 1e6}, MailPerAccount: Rate{1e6, 1e6},
	Streams: 1e6, StreamsPerAddress: 1e6,
}

func open(t *testing.T, change func(*Config)) *house {
	t.Helper()
	return openTuned(t, change, nil)
}

// openTuned lets a test change the server itself before it listens.
func openTuned(t *testing.T, change func(*Config), tune func(*Server)) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{now: time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)}, log: &lockedLog{}}
	h.accounts, h.metrics = newFakeAccounts(), prometheus.NewRegistry()
	h.sales = &fakeSales{clock: h.clock, rounds: map[ticketing.Stream]ticketing.Machine{}}
	h.catalogue, h.campaigns = newFakeCatalogue(h.sales), &fakeCampaigns{sales: h.sales, deleted: map[ticketing.CampaignID]bool{}}
	h.found = &fakeFound{}
	h.index = &fakeSearch{name: "index"}
	h.inbox = newFakeInbox()
	h.live, h.lists = newFakeLive(), &fakeLists{at: map[ticketing.Stream]uint64{"round:1": 10}}
	h.payments = &fakePayments{sales: h.sales, reasons: map[ticketing.ReservationID]string{}, kept: map[ticketing.ReservationID]ticketing.PaymentView{}}
	h.runs = &fakeRuns{}
	var err error
	if h.tokens, err = auth.NewTokens(testKey, h.clock.Now); err != nil {
		t.Fatal(err)
	}
	hashing, err := passwords()
	if err != nil {
		t.Fatal(err)
	}
	fake := fakekakao.New("/v1/auth/kakao/callback", h.clock.Now)
	t.Cleanup(fake.Close)
	kakao, err := auth.NewKakao(auth.KakaoOptions{
		Places: fakekakao.Places, ClientID: fakekakao.ClientID, ClientSecret: fakekakao.ClientSecret, Key: testKey,
		RedirectURL: "/v1/auth/kakao/callback", Clock: h.clock.Now, Transport: fake,
	})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Kakao: kakao, FakeKakao: fake,
		Sales: h.sales, Accounts: h.accounts, Catalogue: h.catalogue, Live: h.live, Reservations: h.lists, Campaigns: h.campaigns, Inbox: h.inbox, Projections: h.lists, Found: h.found,
		Payments: h.payments, PaymentBooks: h.payments, Checkout: Checkout{Provider: ProviderToss, ClientKey: "ck"},
		Runs: h.runs, Timetable: testTimetable,
		Search: h.index, SearchSQL: &fakeSearch{name: "twin"}, Tokens: h.tokens, Passwords: hashing,
		Clock: h.clock.Now, Random: func(int) int { return 0 }, Metrics: h.metrics, Limits: generous, Bench: true,
		Log: slog.New(slog.NewTextHandler(h.log, nil)),
	}
	if change != nil {
		change(&config)
	}
	h.server = New(config)
	if tune != nil {
		tune(h.server)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = ln.Addr().String()
	h.url = "http://" + h.addr
	h.served = make(chan error, 1)
	go func() { h.served <- h.server.Listen(ln) }()
	h.client = &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(h.close)
	return h
}

func (h *house) close() {
	h.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		h.t.Errorf("shutdown: %v", err)
	}
}

func (h *house) token(user ticketing.UserID, role ticketing.Role) string {
	h.t.Helper()
	token, err := h.tokens.Mint(user, role)
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

// call is one request and what a test wants to know of its answer.
type call struct {
	method, path, token, body string
	header                    map[string]string
}

type answer struct {
	status int
	header http.Header
	body   []byte
	t      *testing.T
}

// send sends a request. A server that will not have a large body answers and hangs up while we are still writing it:
// http.Client then often reports the broken pipe instead of the answer, which lies in our socket all the same.
func (h *house) send(req *http.Request, large bool) (*http.Response, error) {
	if !large {
		return h.client.Do(req)
	}
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		return nil, err
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(h.client.Timeout)); err != nil {
		return nil, err
	}
	_ = req.Write(conn) // whether all of it was wanted is for the answer to say
	return http.ReadResponse(bufio.NewReader(conn), req)
}

func (h *house) do(c call) answer {
	h.t.Helper()
	req, err := http.NewRequest(c.method, h.url+c.path, bytes.NewReader([]byte(c.body)))
	if err != nil {
		h.t.Fatal(err)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	resp, err := h.send(req, len(c.body) > MaxBodyBytes)
	if err != nil {
		h.t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	defer resp.Body.Close()
	var packed io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" { // who asked for it by name gets it as it is
		if packed, err = gzip.NewReader(packed); err != nil {
			h.t.Fatal(err)
		}
	}
	body, err := io.ReadAll(packed)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, body, h.t}
	h.checkDocumented(c, a)
	return a
}

func (a answer) decode(into any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		a.t.Fatalf("%v in %q", err, a.body)
	}
}

func (a answer) problem() Problem {
	a.t.Helper()
	var p Problem
	if a.header.Get("Content-Type") != mimeProblem {
		a.t.Fatalf("status %d is no problem document: %s %q", a.status, a.header.Get("Content-Type"), a.body)
	}
	a.decode(&p)
	if p.Status != a.status || p.RequestID == "" || p.RequestID != a.header.Get(headerRequestID) || p.Title == "" {
		a.t.Errorf("incomplete problem: %s", a.body)
	}
	return p
}

func (a answer) wantStatus(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

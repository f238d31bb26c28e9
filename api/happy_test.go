package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

const (
	customer      ticketing.UserID = 7
	otherCustomer ticketing.UserID = 8
	admin         ticketing.UserID = 9
)

// withRound opens a house in which round 1, with seats A-1-1 to A-1-10, is on sale.
func withRound(t *testing.T, change func(*Config)) *house {
	t.Helper()
	h := open(t, change)
	token := h.token(admin, ticketing.Admin)
	h.do(call{"POST", "/v1/admin/halls", token, `{"name":"Dream Park","seats":10}`, nil}).wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/admin/performances", token, `{"title":"TWENTY","category":"concert","hall_id":1,` +
		`"duration_minutes":120,"prices":{"standard":132000}}`, nil}).wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/admin/performances/1/rounds", token, h.roundTimes(), nil}).wantStatus(http.StatusCreated)
	h.do(call{method: "POST", path: "/v1/admin/rounds/1/open", token: token}).wantStatus(http.StatusOK)
	return h
}

func (h *house) roundTimes() string {
	at := func(d time.Duration) string { return h.clock.Now().Add(d).Format(time.RFC3339) }
	return fmt.Sprintf(`{"starts_at":%q,"opens_at":%q,"closes_at":%q}`, at(48*time.Hour), at(time.Hour), at(47*time.Hour))
}

// reserve asks for seats of round 1.
func (h *house) reserve(user ticketing.UserID, key string, seats ...string) answer {
	h.t.Helper()
	body, err := json.Marshal(map[string]any{"seats": seats})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.do(call{"POST", "/v1/rounds/1/reservations", h.token(user, ticketing.Customer), string(body),
		map[string]string{headerIdempotencyKey: key}})
}

func TestSignUpAndLogIn(t *testing.T) {
	h := open(t, nil)
	var account accountBody
	h.do(call{"POST", "/v1/auth/signup", "", `{"email":"Kim@Example.com","password":"blue-ticket-7","name":"김하늘"}`, nil}).
		wantStatus(http.StatusCreated).decode(&account)
	if account != (accountBody{1, "kim@example.com", "김하늘", "customer"}) {
		t.Errorf("account %+v", account)
	}
	var login struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Role        string
	}
	a := h.do(call{"POST", "/v1/auth/login", "", `{"email":"KIM@example.com","password":"blue-ticket-7"}`, nil}).wantStatus(http.StatusOK)
	a.decode(&login)
	if a.header.Get("Cache-Control") != "no-store" || login.TokenType != "Bearer" || login.ExpiresIn != 900 || login.Role != "customer" {
		t.Errorf("login %+v %v", login, a.header)
	}
	if caller, err := h.tokens.Verify(login.AccessToken); err != nil || caller.User != 1 || caller.Role != ticketing.Customer {
		t.Errorf("token of %+v, %v", caller, err)
	}
}

func TestReserveSeeAndRelease(t *testing.T) {
	h := withRound(t, nil)
	first := h.reserve(customer, "k1", "A-1-2", "A-1-1").wantStatus(http.StatusCreated)
	var r reservationBody
	first.decode(&r)
	if r.ID != "1-1" || r.Round != 1 || r.Status != "held" || r.Amount != 264000 || len(r.Seats) != 2 || r.ExpiresAt == nil ||
		r.ExpiresAt.Sub(r.HeldAt) != 5*time.Minute || !r.HeldAt.Equal(h.clock.Now()) {
		t.Errorf("reservation %s", first.body)
	}
	if want := fmt.Sprintf("round:1@%d", r.Seq); first.header.Get("TB-Position") != want || first.header.Get(headerReplayed) != "" {
		t.Errorf("headers %v", first.header)
	}

	repeat := h.reserve(customer, "k1", "A-1-1", "A-1-2").wantStatus(http.StatusCreated) // the order does not matter
	var again reservationBody
	repeat.decode(&again)
	if again.ID != r.ID || repeat.header.Get(headerReplayed) != "true" {
		t.Errorf("repeat %s %v", repeat.body, repeat.header)
	}

	token := h.token(customer, ticketing.Customer)
	h.do(call{method: "GET", path: "/v1/reservations/1-1", token: token}).wantStatus(http.StatusOK).decode(&again)
	if again.Status != "held" {
		t.Errorf("read %+v", again)
	}
	var released reservationBody
	h.do(call{method: "DELETE", path: "/v1/reservations/1-1", token: token}).wantStatus(http.StatusOK).decode(&released)
	if released.Status != "released" || released.ExpiresAt != nil {
		t.Errorf("released %+v", released)
	}
}

func TestRoundAndSeats(t *testing.T) {
	h := withRound(t, nil)
	h.reserve(customer, "k1", "A-1-3").wantStatus(http.StatusCreated)
	var status statusBody
	a := h.do(call{method: "GET", path: "/v1/rounds/1"}).wantStatus(http.StatusOK)
	a.decode(&status)
	want := countBody{Free: 9, Held: 1}
	if status.Status != "open" || status.Totals != want || len(status.Grades) != 1 ||
		status.Grades[0] != (gradeBody{Grade: "standard", Price: 132000, Free: 9, Held: 1}) || !status.ServerTime.Equal(h.clock.Now()) {
		t.Errorf("status %s", a.body)
	}
	if status.RoundFacts != (RoundFacts{Performance: 1, Title: "TWENTY", MaxPerUser: ticketing.DefaultMaxPerUser, Version: 1}) {
		t.Errorf("facts %+v in %s", status.RoundFacts, a.body)
	}

	var seats seatsBody
	a = h.do(call{method: "GET", path: "/v1/rounds/1/seats"}).wantStatus(http.StatusOK)
	a.decode(&seats)
	if seats.Seats != "..h......." || seats.Plan != status.Plan || a.header.Get("ETag") != fmt.Sprintf(`"%d"`, seats.Seq) {
		t.Errorf("seats %s %v", a.body, a.header)
	}
	known := map[string]string{"If-None-Match": a.header.Get("ETag")}
	if b := h.do(call{method: "GET", path: "/v1/rounds/1/seats", header: known}).wantStatus(http.StatusNotModified); len(b.body) > 0 {
		t.Errorf("304 with a body: %q", b.body)
	}
	h.reserve(customer, "k2", "A-1-4").wantStatus(http.StatusCreated)
	h.do(call{method: "GET", path: "/v1/rounds/1/seats", header: known}).wantStatus(http.StatusOK)

	var plan planBody
	a = h.do(call{method: "GET", path: "/v1/plans/" + status.Plan}).wantStatus(http.StatusOK)
	a.decode(&plan)
	if plan.Hash != status.Plan || len(plan.Seats) != 10 || plan.Seats[2].Label != "A-1-3" || plan.Seats[2].Grade != "standard" ||
		a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("plan %s %v", a.body, a.header)
	}
	known["If-None-Match"] = a.header.Get("ETag")
	h.do(call{method: "GET", path: "/v1/plans/" + status.Plan, header: known}).wantStatus(http.StatusNotModified)
}

func TestPlanIsCompressedForWhoAsks(t *testing.T) {
	h := withRound(t, nil)
	path := "/v1/plans/" + h.catalogue.halls[0].PlanHash.String()
	plain := h.do(call{method: "GET", path: path}).wantStatus(http.StatusOK)
	for encoding, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "br": "", "gzip;q=0": ""} {
		req, err := http.NewRequest("GET", h.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", encoding)
		resp, err := h.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body io.Reader = resp.Body
		if got := resp.Header.Get("Content-Encoding"); got != want || resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: encoded as %q, headers %v", encoding, got, resp.Header)
		} else if got == "gzip" {
			if body, err = gzip.NewReader(resp.Body); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := io.ReadAll(body); err != nil || !bytes.Equal(text, plain.body) {
			t.Errorf("%s: %v, another plan: %.100s", encoding, err, text)
		}
	}
}

func TestAdminBuildsAndSteers(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(admin, ticketing.Admin)
	hall := h.do(call{"POST", "/v1/admin/halls", token, `{"name":"Opera","grades":["VIP","R"],"sections":[` +
		`{"name":"A","rows":[{"name":"1","grade":"VIP","seats":2},{"name":"2","grade":"R","seats":3}]}]}`, nil}).wantStatus(http.StatusCreated)
	if !strings.Contains(string(hall.body), `"seats":5`) {
		t.Errorf("hall %s", hall.body)
	}
	for _, step := range [][2]string{{"pause", "paused"}, {"open", "open"}, {"close", "closed"}} {
		var status statusBody
		h.do(call{method: "POST", path: "/v1/admin/rounds/1/" + step[0], token: token}).wantStatus(http.StatusOK).decode(&status)
		if status.Status != step[1] {
			t.Errorf("%s led to %s", step[0], status.Status)
		}
	}
	if code := h.do(call{method: "POST", path: "/v1/admin/rounds/1/open", token: token}).wantStatus(http.StatusConflict).problem().Code; code != "sale_closed" {
		t.Errorf("opening a closed sale: %s", code)
	}
	var rounds struct{ Items []roundBody }
	h.do(call{method: "GET", path: "/v1/performances/1/rounds"}).wantStatus(http.StatusOK).decode(&rounds)
	if len(rounds.Items) != 1 || rounds.Items[0].HoldSeconds != 300 || rounds.Items[0].PaySeconds != 600 || rounds.Items[0].MaxPerUser != 4 {
		t.Errorf("rounds %+v", rounds)
	}
}

func TestPerformancesComeInPages(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(admin, ticketing.Admin)
	for range 2 {
		h.do(call{"POST", "/v1/admin/performances", token, `{"title":"Jekyll","category":"musical","hall_id":1,` +
			`"duration_minutes":170,"prices":{"standard":170000}}`, nil}).wantStatus(http.StatusCreated)
	}
	var page struct {
		Items []performanceBody
		Next  string
	}
	h.do(call{method: "GET", path: "/v1/performances?limit=2"}).wantStatus(http.StatusOK).decode(&page)
	if len(page.Items) != 2 || page.Next == "" || page.Items[0].Hall != (hallRef{1, "Dream Park"}) || page.Items[0].Prices["standard"] != 132000 {
		t.Errorf("first page %+v", page)
	}
	after := page.Next
	page.Next = ""
	h.do(call{method: "GET", path: "/v1/performances?limit=2&after=" + after}).wantStatus(http.StatusOK).decode(&page)
	if len(page.Items) != 1 || page.Next != "" || page.Items[0].ID != 3 {
		t.Errorf("last page %+v", page)
	}
	var one performanceBody
	h.do(call{method: "GET", path: "/v1/performances/3"}).wantStatus(http.StatusOK).decode(&one)
	if one.Title != "Jekyll" {
		t.Errorf("performance %+v", one)
	}
}

func TestBenchNoopAnswersLikeReserve(t *testing.T) {
	h := withRound(t, nil)
	real := h.reserve(customer, "k", "A-1-1", "A-1-2").wantStatus(http.StatusCreated)
	noop := h.do(call{"POST", "/bench/noop", h.token(customer, ticketing.Customer), `{"seats":["A-1-1","A-1-2"]}`,
		map[string]string{headerIdempotencyKey: "k"}}).wantStatus(http.StatusCreated)
	if len(noop.body) < len(real.body) || len(noop.body) > len(real.body)+15 {
		t.Errorf("sizes differ: %q and %q", noop.body, real.body)
	}
	without := open(t, func(c *Config) { c.Bench = false })
	without.do(call{method: "POST", path: "/bench/noop"}).wantStatus(http.StatusNotFound)
}

func TestTheCatalogueIsAskedOnceForARound(t *testing.T) {
	h := withRound(t, nil)
	h.catalogue.roundsRead, h.catalogue.broken = 0, errors.New("the database is away")
	for range 3 {
		h.do(call{method: "GET", path: "/v1/rounds/1"}).wantStatus(http.StatusOK) // opening it has asked already
	}
	h.do(call{method: "GET", path: "/v1/rounds/2"}).wantStatus(http.StatusNotFound) // says its owner
	if h.catalogue.roundsRead != 0 {
		t.Errorf("asked %d times", h.catalogue.roundsRead)
	}
}

func TestARoundWithoutFactsAndOneWhoseFactsCannotBeRead(t *testing.T) {
	h := withRound(t, nil)
	h.sales.rounds[ticketing.RoundStream(2)] = h.sales.rounds[ticketing.RoundStream(1)]
	a := h.do(call{method: "GET", path: "/v1/rounds/2"}).wantStatus(http.StatusOK)
	if strings.Contains(string(a.body), "title") || strings.Contains(string(a.body), "max_per_user") {
		t.Errorf("answer %s", a.body)
	}
	h.catalogue.broken = context.DeadlineExceeded
	h.do(call{method: "GET", path: "/v1/rounds/2"}).wantStatus(http.StatusServiceUnavailable)
}

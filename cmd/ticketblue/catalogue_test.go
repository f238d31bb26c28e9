package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/actors"
	"ticketblue/api"
	"ticketblue/api/auth"
	tb "ticketblue/api/client"
	"ticketblue/persistence"
	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// museum is the catalogue as it is served: api, machines, journal, projector and Postgres, wired as serve does it, in
// this process and with a clock that the test moves.
type museum struct {
	t         testing.TB
	url       string
	store     *store
	actors    *actors.System
	projector *persistence.Projector
	tokens    *auth.Tokens
	config    api.Config
	told      func(ticketing.Stream) // of edits, when set
	moved     atomic.Pointer[func()] // of phases, when set
	ahead     atomic.Int64           // of the real clock
}

func (m *museum) now() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) }

func openMuseum(t testing.TB) *museum {
	t.Helper()
	m := &museum{t: t}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	dsn := pgtest.DSN(t)
	if err := persistence.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	db, err := persistence.Open(t.Context(), persistence.Options{DSN: dsn, Log: quiet, Clock: m.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	m.store = &store{DB: db, dsn: dsn}
	var server *api.Server
	m.projector = persistence.NewProjector(db, persistence.ProjectorOptions{
		Log: quiet, Freeze: func(s ticketing.Stream, err error) { t.Errorf("%s frozen: %v", s, err) },
		Moved: func() { server.ForgetPhases(); m.phasesMoved() },
	})
	if id, err := db.CreateUser(t.Context(), ticketing.User{Email: "curator@example.com", Role: ticketing.Admin}); err != nil || id != curator {
		t.Fatal(id, err)
	}
	journal := persistence.NewJournal(db, persistence.JournalOptions{OnCommit: m.projector.OnCommit})
	journal.Start()
	m.actors = actors.New(actors.Config{
		Journal: journalSide{journal, db}, Ownership: always{}, Log: quiet, Clock: m.now, Random: rand.Reader, Metrics: prometheus.NewRegistry(),
	})
	if m.tokens, err = auth.NewTokens([]byte(strings.Repeat("k", auth.MinKeyBytes)), m.now); err != nil {
		t.Fatal(err)
	}
	m.config = api.Config{
		Sales: m.actors, Accounts: m.store, Catalogue: m.store, Reservations: m.store, Projections: m.projector, Tokens: m.tokens, Clock: m.now, Log: quiet,
	}
	server = api.New(m.config)
	m.projector.Start()
	db.OnEdit(func(s ticketing.Stream, head ticketing.Head) {
		server.Forget(s)
		m.projector.OnCommit(s, head)
		if m.told != nil {
			m.told(s)
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.url = "http://" + ln.Addr().String()
	go func() { _ = server.Listen(ln) }() // ends with Shutdown
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
		defer cancel()
		for _, stop := range []func(context.Context) error{server.Shutdown, m.actors.Shutdown, journal.Close, m.projector.Close} {
			if err := stop(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	return m
}

const (
	curator ticketing.UserID = 1
	visitor ticketing.UserID = 2
	other   ticketing.UserID = 3
)

// ask asks as a user; 0 is nobody.
func (m *museum) ask(user ticketing.UserID, want int, line, body string, headers ...string) answer {
	m.t.Helper()
	method, path, _ := strings.Cut(line, " ")
	var sent any
	if body != "" {
		sent = body
	}
	return mustAsk(m.t, want, method, m.url+path, m.token(user), sent, headers...)
}

// token of a user; 0 is nobody.
func (m *museum) token(user ticketing.UserID) string {
	m.t.Helper()
	if user == 0 {
		return ""
	}
	role := ticketing.Customer
	if user == curator {
		role = ticketing.Admin
	}
	token, err := m.tokens.Mint(user, role)
	if err != nil {
		m.t.Fatal(err)
	}
	return token
}

// refused wants a refusal with this status, code and, unless it is empty, field.
func (m *museum) refused(user ticketing.UserID, status int, code, field, line, body string, headers ...string) answer {
	m.t.Helper()
	a := m.ask(user, status, line, body, headers...)
	if a.body["code"] != code {
		m.t.Errorf("%s %s: %v, want %s", line, body, a.body, code)
	}
	if field != "" {
		first, _ := a.body["errors"].([]any)
		if len(first) == 0 || first[0].(map[string]any)["field"] != field {
			m.t.Errorf("%s %s: %v, want the field %s", line, body, a.body, field)
		}
	}
	return a
}

// id asks for something to be made.
func (m *museum) id(line, body string) int64 {
	m.t.Helper()
	return int64(m.ask(curator, 201, line, body).body["id"].(float64))
}

func (m *museum) curator() *tb.ClientWithResponses { return as(m.t, m.url, m.token(curator)) }

// hall makes a plain one of ten seats.
func (m *museum) hall(name string) int64 {
	m.t.Helper()
	hall := tb.CreateHallInputBody{Name: name, Seats: new(int64(10))}
	return answered(m.curator().CreateHallWithResponse(m.t.Context(), hall)).want(m.t, 201).JSON201.Id
}

func (m *museum) performance(title string, hall int64) int64 {
	m.t.Helper()
	return answered(m.curator().CreatePerformanceWithResponse(m.t.Context(), tb.PerformanceFields{
		Title: title, Category: tb.PerformanceFieldsCategoryConcert, HallId: hall, DurationMinutes: 120, Prices: map[string]int64{"standard": 50_000},
	})).want(m.t, 201).JSON201.Id
}

// times of a showing so many hours from now, whose sale opens after openIn.
func (m *museum) times(hours int, openIn time.Duration) string {
	at := func(d time.Duration) string { return m.now().Add(d).UTC().Format(time.RFC3339) }
	start := time.Duration(hours) * time.Hour
	return fmt.Sprintf(`{"starts_at":%q,"opens_at":%q,"closes_at":%q}`, at(start), at(openIn), at(start-time.Minute))
}

func (m *museum) round(performance int64, hours int) int64 {
	m.t.Helper()
	now, start := m.now(), time.Duration(hours)*time.Hour
	return answered(m.curator().PlanRoundWithResponse(m.t.Context(), performance, tb.PlanRoundInputBody{
		StartsAt: now.Add(start), OpensAt: now.Add(time.Hour), ClosesAt: now.Add(start - time.Minute),
	})).want(m.t, 201).JSON201.Id
}

// do sends a command to a round's machine, and waits until the read tables know what it did.
func (m *museum) do(round int64, cmd ticketing.Command) ticketing.Result {
	m.t.Helper()
	s := ticketing.RoundStream(ticketing.RoundID(round))
	r := m.actors.Do(m.t.Context(), s, cmd)
	if r.Code != ticketing.OK {
		m.t.Fatalf("%T: %s", cmd, r.Code)
	}
	m.settled(s, r.Seq)
	return r
}

func (m *museum) settled(s ticketing.Stream, seq uint64) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), endLimit)
	defer cancel()
	if err := m.projector.AwaitProjected(ctx, s, seq); err != nil {
		m.t.Fatal(err)
	}
}

// buy gives a user a confirmed reservation of one seat.
func (m *museum) buy(round int64, user ticketing.UserID, seat string) {
	m.t.Helper()
	r := m.do(round, ticketing.ReserveSeats{User: user, Seats: []string{seat}, Key: ticketing.DigestOf(seat), Body: ticketing.DigestOf(seat)}).Reservation
	m.do(round, ticketing.StartPayment{User: user, Number: r.ID.Number})
	m.do(round, ticketing.ConfirmPayment{User: user, Number: r.ID.Number, Attempt: 1, Amount: r.Amount, PaymentKey: "key"})
	m.do(round, ticketing.ApprovePayment{Number: r.ID.Number, Attempt: 1})
}

// verified compares the journal with everything else.
func (m *museum) verified() {
	m.t.Helper()
	report, err := verify(m.t.Context(), m.store, m.actors, new(progress))
	if err != nil {
		m.t.Fatal(err)
	}
	if !report.OK {
		m.t.Errorf("verify: %v", report.Problems)
	}
}

func TestCatalogueOfThings(t *testing.T) {
	m := openMuseum(t)
	hall := m.id("POST /v1/admin/halls", `{"name":"H","address":"Seoul","seats":10}`)
	path := fmt.Sprintf("/v1/halls/%d", hall)
	first := m.ask(0, 200, "GET "+path, "")
	tag := first.header.Get("ETag")
	m.ask(0, 304, "GET "+path, "", "If-None-Match", tag)
	again := m.ask(curator, 200, "PUT /v1/admin"+path[3:], `{"name":"Hall","seats":12}`, "If-Match", tag)
	if again.body["plan_version"] != 2.0 || again.body["version"] != 2.0 || again.body["seats"] != 12.0 || again.header.Get("ETag") == tag {
		t.Errorf("changed hall %v", again.body)
	}
	m.ask(0, 200, "GET "+path, "", "If-None-Match", tag)
	m.refused(curator, 412, "changed_meanwhile", "", "PUT /v1/admin"+path[3:], `{"name":"X"}`, "If-Match", tag)
	m.refused(curator, 412, "changed_meanwhile", "", "DELETE /v1/admin"+path[3:], "", "If-Match", tag)
	m.refused(curator, 422, "invalid_input", "If-Match", "DELETE /v1/admin"+path[3:], "", "If-Match", "2")
	m.refused(curator, 404, "not_found", "", "PUT /v1/admin/halls/99", `{"name":"X"}`)
	if now := m.ask(0, 200, "GET "+path, ""); now.body["name"] != "Hall" || now.body["seats"] != 12.0 {
		t.Errorf("after refusals %v", now.body)
	}
	show := m.performance("TWENTY", hall)
	m.refused(curator, 409, "in_use", "", "DELETE /v1/admin"+path[3:], "")
	singer := m.id("POST /v1/admin/performers", `{"name":"IU","birth":"1993-05-16","nation":"대한민국"}`)
	for _, bad := range [][2]string{{"birth", `{"name":"A","birth":"1899-12-31"}`}, {"birth", `{"name":"A","birth":"2999-01-01"}`},
		{"birth", `{"name":"A","birth":"1993-02-30"}`}, {"name", `{"name":" "}`}, {"name", `{"nation":"x"}`}} {
		m.refused(curator, 422, "invalid_input", bad[0], "POST /v1/admin/performers", bad[1])
	}
	in := fmt.Sprintf("/v1/admin/performances/%d/performers", show)
	m.ask(curator, 204, "POST "+in, fmt.Sprintf(`{"performer_id":%d}`, singer))
	m.refused(curator, 409, "already_linked", "", "POST "+in, fmt.Sprintf(`{"performer_id":%d}`, singer))
	m.refused(curator, 422, "invalid_input", "performer_id", "POST "+in, `{"performer_id":99}`)
	m.refused(curator, 404, "not_found", "", "POST /v1/admin/performances/99/performers", `{"performer_id":1}`)
	m.refused(curator, 409, "in_use", "", fmt.Sprintf("DELETE /v1/admin/performers/%d", singer), "")
	who := m.ask(0, 200, fmt.Sprintf("GET /v1/performances/%d/performers", show), "").body["items"].([]any)
	if len(who) != 1 || who[0].(map[string]any)["birth"] != "1993-05-16" {
		t.Errorf("performers %v", who)
	}
	m.ask(curator, 204, fmt.Sprintf("DELETE %s/%d", in, singer), "")
	m.refused(curator, 404, "not_found", "", fmt.Sprintf("DELETE %s/%d", in, singer), "")
	if found := m.ask(0, 200, "GET /v1/performers?prefix=i", "").body["items"].([]any); len(found) != 1 {
		t.Errorf("found %v", found)
	}
	m.refused(0, 422, "invalid_input", "after", "GET /v1/performers?after=x", "")
	m.ask(curator, 200, fmt.Sprintf("PUT /v1/admin/performers/%d", singer), `{"name":"아이유"}`)
	m.ask(curator, 204, fmt.Sprintf("DELETE /v1/admin/performers/%d", singer), "")
	m.ask(0, 404, fmt.Sprintf("GET /v1/performers/%d", singer), "")
	m.ask(curator, 204, fmt.Sprintf("DELETE /v1/admin/performances/%d", show), "")
	m.ask(curator, 204, "DELETE /v1/admin"+path[3:], "")
	m.ask(0, 404, "GET "+path, "")
	if left := m.ask(0, 200, "GET /v1/halls", "").body["items"].([]any); len(left) != 0 {
		t.Errorf("halls left %v", left)
	}
	m.verified()
}

func TestCatalogueOfPerformances(t *testing.T) {
	m := openMuseum(t)
	hall := m.hall("H")
	day := func(days int) string { return string(ticketing.DayOf(ticketing.MillisOf(m.now().AddDate(0, 0, days)))) }
	body := func(title, category string, from, to, minutes int, price string) string {
		return fmt.Sprintf(`{"title":%q,"category":%q,"hall_id":%d,"from":%q,"to":%q,"duration_minutes":%d,"description":"d","prices":{%s}}`,
			title, category, hall, day(from), day(to), minutes, price)
	}
	for field, bad := range map[string]string{
		"to":              body("T", "concert", 2, 1, 60, `"standard":1000`),
		"category":        body("T", "opera", 1, 2, 60, `"standard":1000`),
		"prices.standard": body("T", "concert", 1, 2, 60, `"VIP":1000`),
		"prices":          body("T", "concert", 1, 2, 60, `"standard":1000,"VIP":1000`),
	} {
		m.refused(curator, 422, "invalid_input", field, "POST /v1/admin/performances", bad)
	}
	m.refused(curator, 422, "invalid_input", "to", "POST /v1/admin/performances", body("T", "concert", -9, -1, 60, `"standard":1000`))
	late := m.id("POST /v1/admin/performances", body("late", "musical", 10, 20, 60, `"standard":1000`))
	soon := m.id("POST /v1/admin/performances", body("soon", "concert", 0, 5, 60, `"standard":50000`))
	titles := func(query string) (all string) {
		next := "GET /v1/performances?limit=1" + query
		for next != "" {
			page := m.ask(0, 200, next, "").body
			for _, p := range page["items"].([]any) {
				all += p.(map[string]any)["title"].(string) + " "
			}
			after, more := page["next"].(string)
			if next = ""; more {
				next = "GET /v1/performances?limit=1" + query + "&after=" + after
			}
		}
		return strings.TrimSpace(all)
	}
	round := m.round(soon, 48)
	for query, want := range map[string]string{
		"": "soon late", "&category=musical": "late", "&from=" + day(6): "late", "&to=" + day(6): "soon", "&on_sale=true": "", "&on_sale=false": "soon late", "&from=" + day(21): "",
	} {
		if got := titles(query); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	for field, query := range map[string]string{"category": "category=opera", "from": "from=soon", "to": "to=2026-02-30", "after": "after=eA", "limit": "limit=0", "on_sale": "on_sale=perhaps"} {
		m.refused(0, 422, "invalid_input", field, "GET /v1/performances?"+query, "")
	}
	m.do(round, ticketing.OpenSale{})
	if on, off := titles("&on_sale=true"), titles("&on_sale=false"); on != "soon" || off != "late" {
		t.Errorf("on sale %q, not on sale %q", on, off)
	}
	m.ask(visitor, 201, fmt.Sprintf("POST /v1/rounds/%d/reservations", round), `{"seats":["A-1-1"]}`, "Idempotency-Key", "k")

	edit := fmt.Sprintf("PUT /v1/admin/performances/%d", soon)
	m.refused(curator, 422, "invalid_input", "to", edit, body("soon", "concert", 0, 1, 60, `"standard":50000`))
	m.refused(curator, 422, "invalid_input", "from", edit, body("soon", "concert", 4, 5, 60, `"standard":50000`))
	elsewhere := m.hall("Other")
	m.refused(curator, 409, "in_use", "", edit, strings.Replace(body("soon", "concert", 0, 5, 60, `"standard":1000`), fmt.Sprintf(`"hall_id":%d`, hall), fmt.Sprintf(`"hall_id":%d`, elsewhere), 1))
	changed := m.ask(curator, 200, edit, body("sooner", "concert", 0, 5, 90, `"standard":70000`))
	if changed.body["title"] != "sooner" || changed.body["version"] != 2.0 {
		t.Errorf("changed %v", changed.body)
	}
	status := m.ask(0, 200, fmt.Sprintf("GET /v1/rounds/%d", round), "").body
	if status["title"] != "sooner" || status["grades"].([]any)[0].(map[string]any)["price"] != 70000.0 {
		t.Errorf("the round says %v", status)
	}
	if held := m.ask(visitor, 200, fmt.Sprintf("GET /v1/reservations/%d-1", round), "").body; held["amount"] != 50000.0 {
		t.Errorf("who held seats pays %v", held["amount"])
	}
	m.refused(curator, 409, "has_sales", "", fmt.Sprintf("DELETE /v1/admin/performances/%d", soon), "")
	m.ask(0, 200, fmt.Sprintf("GET /v1/performances/%d", soon), "")
	m.round(late, 24*12)
	m.ask(curator, 204, fmt.Sprintf("DELETE /v1/admin/performances/%d", late), "")
	m.ask(0, 404, fmt.Sprintf("GET /v1/performances/%d/rounds", late), "")
	m.verified()
}

func TestCatalogueOfRounds(t *testing.T) {
	m := openMuseum(t)
	hall := m.hall("H")
	show, second := m.performance("first", hall), m.performance("second", hall)
	round := m.round(show, 48)
	plan := fmt.Sprintf("POST /v1/admin/performances/%d/rounds", second)
	for _, hours := range []int{45, 46, 48, 50} { // with 120 minutes and the changeover
		if hours == 45 {
			continue // ends an hour before
		}
		m.refused(curator, 409, "round_clash", "", plan, m.times(hours, time.Hour))
	}
	m.refused(curator, 422, "invalid_input", "starts_at", plan, m.times(24*400, time.Hour))
	m.id(plan, m.times(45, time.Hour))
	after := m.id(plan, m.times(52, time.Hour))

	var won, lost atomic.Int64
	var all sync.WaitGroup
	token, err := m.tokens.Mint(curator, ticketing.Admin)
	if err != nil {
		t.Fatal(err)
	}
	body := m.times(100, time.Hour)
	for range 8 { // as many admins plan the same evening
		all.Go(func() {
			a, err := askAgain("POST", m.url+plan[5:], token, body)
			switch {
			case err == nil && a.status == 201:
				won.Add(1)
			case err == nil && a.status == 409 && a.body["code"] == "round_clash":
				lost.Add(1)
			default:
				t.Error(a, err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}

	move := fmt.Sprintf("PUT /v1/admin/rounds/%d", round)
	m.refused(curator, 409, "round_clash", "", move, m.times(51, time.Hour))
	m.refused(curator, 422, "invalid_input", "closes_at", move, strings.Replace(m.times(60, time.Hour), "closes_at", "x", 1))
	moved := m.ask(curator, 200, move, m.times(60, 2*time.Hour))
	if moved.body["version"] != 2.0 {
		t.Errorf("moved %v", moved.body)
	}
	if status := m.ask(0, 200, fmt.Sprintf("GET /v1/rounds/%d", round), "").body; status["starts_at"] != moved.body["starts_at"] || status["opens_at"] != moved.body["opens_at"] {
		t.Errorf("the machine says %v, the list %v", status, moved.body)
	}
	m.refused(curator, 412, "changed_meanwhile", "", move, m.times(70, time.Hour), "If-Match", `"1-0"`)
	m.do(round, ticketing.OpenSale{})
	m.refused(curator, 409, "sale_begun", "", move, m.times(70, time.Hour))
	m.buy(round, visitor, "A-1-1")
	m.refused(curator, 409, "has_sales", "", fmt.Sprintf("DELETE /v1/admin/rounds/%d", round), "")
	listed := m.ask(0, 200, fmt.Sprintf("GET /v1/performances/%d/rounds", show), "").body["items"].([]any)
	if r := listed[0].(map[string]any); len(listed) != 1 || r["status"] != "open" || r["starts_at"] != moved.body["starts_at"] {
		t.Errorf("listed %v", listed)
	}
	if done := m.ask(curator, 200, fmt.Sprintf("POST /v1/admin/rounds/%d/cancel", round), ""); done.body["canceled"] != true {
		t.Errorf("canceled %v", done.body)
	}
	m.settled(ticketing.RoundStream(ticketing.RoundID(round)), m.do(round, ticketing.ReadStatus{}).Seq)
	mine := m.ask(visitor, 200, "GET /v1/reservations", "").body["items"].([]any)
	if len(mine) != 1 || mine[0].(map[string]any)["status"] != "canceled" {
		t.Errorf("reservations %v", mine)
	}
	m.id(plan, m.times(60, time.Hour)) // what was canceled leaves the hall

	m.ask(curator, 204, fmt.Sprintf("DELETE /v1/admin/rounds/%d", after), "")
	m.refused(curator, 404, "not_found", "", fmt.Sprintf("DELETE /v1/admin/rounds/%d", after), "")
	m.refused(visitor, 409, "sale_closed", "", fmt.Sprintf("POST /v1/rounds/%d/reservations", after), `{"seats":["A-1-1"]}`, "Idempotency-Key", "k")
	m.verified()
}

func TestCatalogueOfReviews(t *testing.T) {
	m := openMuseum(t)
	hall := m.hall("H")
	show := m.performance("TWENTY", hall)
	round := m.round(show, 3)
	m.do(round, ticketing.OpenSale{})
	m.buy(round, visitor, "A-1-1")
	m.buy(round, other, "A-1-2")
	m.do(round, ticketing.ReserveSeats{User: 9, Seats: []string{"A-1-3"}, Key: ticketing.DigestOf("9"), Body: ticketing.DigestOf("9")})

	write := fmt.Sprintf("POST /v1/performances/%d/reviews", show)
	rating := func(average, count float64) {
		t.Helper()
		if got := m.ask(0, 200, fmt.Sprintf("GET /v1/performances/%d", show), "").body["rating"].(map[string]any); got["average"] != average || got["count"] != count {
			t.Errorf("rating %v, want %v of %v", got, average, count)
		}
	}
	m.ahead.Add(int64(5*time.Hour - time.Minute)) // a minute before the end
	if p := m.refused(visitor, 409, "show_not_over", "", write, `{"rate":5}`); p.body["retry_at"] == nil {
		t.Errorf("refusal %v", p.body)
	}
	m.ahead.Add(int64(2 * time.Minute))
	m.refused(9, 403, "ticket_required", "", write, `{"rate":5}`) // held, never paid
	m.refused(77, 403, "ticket_required", "", write, `{"rate":5}`)
	m.refused(visitor, 404, "not_found", "", "POST /v1/performances/99/reviews", `{"rate":5}`)
	for field, bad := range map[string]string{"rate": `{"rate":6}`, "text": `{"rate":1,"text":"\u0000"}`} {
		m.refused(visitor, 422, "invalid_input", field, write, bad)
	}
	m.refused(visitor, 422, "invalid_input", "user", write, `{"rate":1,"user":3}`)
	rating(0, 0)
	mine := m.ask(visitor, 201, write, `{"rate":5,"text":"좋아요"}`)
	m.refused(visitor, 409, "already_reviewed", "", write, `{"rate":5}`)
	m.ask(visitor, 304, "GET "+write[5:]+"/mine", "", "If-None-Match", mine.header.Get("ETag"))
	theirs := m.ask(other, 201, write, `{"rate":2}`)
	rating(3.5, 2)
	path := fmt.Sprintf("/v1/reviews/%v", mine.body["id"])
	m.refused(other, 404, "not_found", "", "PUT "+path, `{"rate":0}`)
	m.refused(other, 404, "not_found", "", "DELETE "+path, "")
	rating(3.5, 2)
	edited := m.ask(visitor, 200, "PUT "+path, `{"rate":4,"text":"음"}`, "If-Match", mine.header.Get("ETag"))
	m.refused(visitor, 412, "changed_meanwhile", "", "PUT "+path, `{"rate":0}`, "If-Match", mine.header.Get("ETag"))
	if edited.body["edited_at"] == nil || edited.body["version"] != 2.0 {
		t.Errorf("edited %v", edited.body)
	}
	rating(3, 2)
	list := m.ask(0, 200, fmt.Sprintf("GET /v1/performances/%d/reviews?limit=1", show), "")
	items := list.body["items"].([]any)
	if len(items) != 1 || items[0].(map[string]any)["id"] != theirs.body["id"] || list.body["next"] == nil || items[0].(map[string]any)["user"] != nil {
		t.Errorf("reviews %v", list.body)
	}
	rest := m.ask(0, 200, fmt.Sprintf("GET /v1/performances/%d/reviews?after=%v", show, list.body["next"]), "").body
	if items := rest["items"].([]any); len(items) != 1 || items[0].(map[string]any)["text"] != "음" || rest["next"] != nil {
		t.Errorf("reviews %v", rest)
	}
	m.ask(0, 304, fmt.Sprintf("GET /v1/performances/%d/reviews?limit=1", show), "", "If-None-Match", list.header.Get("ETag"))
	m.ask(visitor, 204, "DELETE "+path, "")
	m.ask(0, 404, "GET "+path, "")
	rating(2, 1)
	m.ask(curator, 204, fmt.Sprintf("DELETE /v1/admin/reviews/%v", theirs.body["id"]), "")
	rating(0, 0)
	m.ask(visitor, 201, write, `{"rate":3}`) // who has deleted his own may write another
	rating(3, 1)
	m.verified()
}

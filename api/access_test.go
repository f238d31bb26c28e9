package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"ticketblue/ticketing"
)

// who are the kinds of callers; reservation 1-1 belongs to the customer.
var who = []struct {
	name string
	user ticketing.UserID
	role ticketing.Role
}{{"nobody", 0, ""}, {"customer", customer, ticketing.Customer}, {"other", otherCustomer, ticketing.Customer}, {"admin", admin, ticketing.Admin}}

// verdict is what nobody, the customer, another customer and an admin get: the status, and the code of a refusal.
type verdict struct {
	method, path, body string
	want               [4]string
	header             map[string]string
}

// accessMatrix has a row for every operation of the document.
func accessMatrix(h *house) map[string]verdict {
	const nobody, notAdmin = "401 unauthenticated", "403 forbidden"
	anyone := func(want string) [4]string { return [4]string{want, want, want, want} }
	signedIn := func(want string) [4]string { return [4]string{nobody, want, want, want} }
	adminOnly := func(want string) [4]string { return [4]string{nobody, notAdmin, notAdmin, want} }
	poster, posterHeader := form(h.t, "file", photo(h.t))
	plan := h.catalogue.halls[0].PlanHash.String()
	return map[string]verdict{
		"signup":              {"POST", "/v1/auth/signup", `{"email":"%s@example.com","password":"blue-ticket-7","name":"N"}`, anyone("201"), nil},
		"login":               {"POST", "/v1/auth/login", `{"email":"kim@example.com","password":"blue-ticket-7"}`, anyone("200"), nil},
		"refresh":             {"POST", "/v1/auth/refresh", h.refreshBody(), anyone("200"), nil},
		"logout":              {"POST", "/v1/auth/logout", `{}`, anyone("204"), nil},
		"logout-all":          {"POST", "/v1/auth/logout-all", "", signedIn("204"), nil},
		"request-reset":       {"POST", "/v1/auth/password-reset", `{"email":"kim@example.com"}`, anyone("202"), nil},
		"confirm-reset":       {"POST", "/v1/auth/password-reset/confirm", `{"token":"x","password":"blue-ticket-8"}`, anyone("409 reset_invalid"), nil},
		"kakao-login":         {"GET", "/v1/auth/kakao", "", anyone("303"), nil},
		"kakao-callback":      {"GET", "/v1/auth/kakao/callback", "", anyone("303"), nil},
		"kakao-link":          {"POST", "/v1/me/kakao", `{}`, signedIn("200"), nil},
		"get-me":              {"GET", "/v1/me", "", signedIn("200"), nil},
		"change-me":           {"PATCH", "/v1/me", `{"name":"김"}`, signedIn("200"), nil},
		"change-password":     {"POST", "/v1/me/password", `{"old_password":"x","new_password":"blue-ticket-8"}`, signedIn("409 password_not_set"), nil},
		"withdraw":            {"POST", "/v1/me/withdraw", `{}`, [4]string{nobody, "403 reauthentication_required", "403 reauthentication_required", "409 admin_account"}, nil},
		"get-poster":          {"GET", "/posters/kept-320.jpg", "", anyone("200"), nil},
		"set-poster":          {"PUT", posterPath, poster, adminOnly("200"), posterHeader},
		"drop-poster":         {"DELETE", posterPath, "", adminOnly("204"), nil},
		"list-admins":         {"GET", "/v1/admin/admins", "", adminOnly("200"), nil},
		"create-admin":        {"POST", "/v1/admin/admins", `{"email":"lee@example.com","name":"Lee"}`, adminOnly("201"), nil},
		"drop-admin":          {"DELETE", "/v1/admin/admins/9", "", adminOnly("409 own_account"), nil},
		"search-reservations": {"GET", "/v1/admin/reservations", "", adminOnly("200"), nil},
		"export-reservations": {"GET", "/v1/admin/reservations.csv", "", adminOnly("200"), nil},
		"list-jobs":           {"GET", "/v1/admin/jobs", "", adminOnly("200"), nil},
		"list-job-runs":       {"GET", "/v1/admin/jobs/upcoming-reminder/runs", "", adminOnly("200"), nil},
		"start-job":           {"POST", "/v1/admin/jobs/upcoming-reminder/runs", `{"dry_run":true}`, adminOnly("201"), nil},
		"list-audit":          {"GET", "/v1/admin/audit", "", adminOnly("200"), nil},
		"list-performances":   {"GET", "/v1/performances", "", anyone("200"), nil},
		"search":              {"GET", "/v1/search?q=x", "", anyone("200"), nil},
		"suggest":             {"GET", "/v1/search/suggestions?q=x", "", anyone("200"), nil},
		"get-performance":     {"GET", "/v1/performances/1", "", anyone("200"), nil},
		"list-rounds":         {"GET", "/v1/performances/1/rounds", "", anyone("200"), nil},
		"get-round":           {"GET", "/v1/rounds/1", "", anyone("200"), nil},
		"get-seats":           {"GET", "/v1/rounds/1/seats", "", anyone("200"), nil},
		"watch-round":         {"GET", "/v1/rounds/1/events", "", anyone("200"), nil},
		"get-plan":            {"GET", "/v1/plans/" + plan, "", anyone("200"), nil},
		"reserve":             {"POST", reservePath, `{"seats":["%s"]}`, signedIn("201"), nil},
		"get-reservation":     {"GET", "/v1/reservations/1-1", "", [4]string{nobody, "200", "404 not_found", "404 not_found"}, nil},
		"list-reservations":   {"GET", "/v1/reservations", "", signedIn("200"), nil},
		"release-reservation": {"DELETE", "/v1/reservations/1-1", "", [4]string{nobody, "200", "404 not_found", "404 not_found"}, nil},
		"get-provider":        {"GET", "/v1/payments/provider", "", anyone("200"), nil},
		"create-hall":         {"POST", "/v1/admin/halls", `{"name":"H","seats":1}`, adminOnly("201"), nil},
		"create-performance": {"POST", "/v1/admin/performances",
			`{"title":"T","category":"concert","hall_id":1,"duration_minutes":1,"prices":{"standard":1000}}`, adminOnly("201"), nil},
		"preview-plan":     {"POST", "/v1/admin/plans/preview", `{"seats":3}`, adminOnly("200"), nil},
		"list-reviews":     {"GET", "/v1/performances/1/reviews", "", anyone("200"), nil},
		"get-review":       {"GET", "/v1/reviews/1", "", anyone("200"), nil},
		"get-my-review":    {"GET", "/v1/performances/1/reviews/mine", "", [4]string{nobody, "200", "404 not_found", "404 not_found"}, nil},
		"create-review":    {"POST", "/v1/performances/1/reviews", `{"rate":5}`, signedIn("201"), nil},
		"update-review":    {"PUT", "/v1/reviews/1", `{"rate":5}`, [4]string{nobody, "200", "404 not_found", "404 not_found"}, nil},
		"delete-review":    {"DELETE", "/v1/reviews/1", "", [4]string{nobody, "204", "404 not_found", "404 not_found"}, nil},
		"moderate-review":  {"DELETE", "/v1/admin/reviews/1", "", adminOnly("204"), nil},
		"cancel-round":     {"POST", "/v1/admin/rounds/1/cancel", "", adminOnly("200"), nil},
		"reschedule-round": {"PUT", "/v1/admin/rounds/2", h.roundTimes(), adminOnly("200"), nil},
		"delete-round":     {"DELETE", "/v1/admin/rounds/2", "", adminOnly("204"), nil},
		"list-halls":       {"GET", "/v1/halls", "", anyone("200"), nil},
		"get-hall":         {"GET", "/v1/halls/1", "", anyone("200"), nil},
		"update-hall":      {"PUT", "/v1/admin/halls/1", `{"name":"H"}`, adminOnly("200"), nil},
		"delete-hall":      {"DELETE", "/v1/admin/halls/1", "", adminOnly("204"), nil},
		"list-performers":  {"GET", "/v1/performers", "", anyone("200"), nil},
		"get-performer":    {"GET", "/v1/performers/1", "", anyone("200"), nil},
		"create-performer": {"POST", "/v1/admin/performers", `{"name":"A"}`, adminOnly("201"), nil},
		"update-performer": {"PUT", "/v1/admin/performers/1", `{"name":"A"}`, adminOnly("200"), nil},
		"delete-performer": {"DELETE", "/v1/admin/performers/2", "", adminOnly("204"), nil},
		"update-performance": {"PUT", "/v1/admin/performances/1",
			`{"title":"T","category":"concert","hall_id":1,"duration_minutes":1,"prices":{"standard":1000}}`, adminOnly("200"), nil},
		"delete-performance": {"DELETE", "/v1/admin/performances/2", "", adminOnly("204"), nil},
		"list-performers-of": {"GET", "/v1/performances/1/performers", "", anyone("200"), nil},
		"link-performer":     {"POST", "/v1/admin/performances/1/performers", `{"performer_id":2}`, adminOnly("204"), nil},
		"unlink-performer":   {"DELETE", "/v1/admin/performances/1/performers/1", "", adminOnly("204"), nil},
		"plan-round":         {"POST", "/v1/admin/performances/1/rounds", h.roundTimes(), adminOnly("201"), nil},
		"open-round":         {"POST", "/v1/admin/rounds/1/open", "", adminOnly("200"), nil},
		"pause-round":        {"POST", "/v1/admin/rounds/1/pause", "", adminOnly("200"), nil},
		"close-round":        {"POST", "/v1/admin/rounds/1/close", "", adminOnly("200"), nil},

		"list-campaigns":     {"GET", "/v1/campaigns", "", anyone("200"), nil},
		"get-campaign":       {"GET", "/v1/campaigns/1", "", anyone("200"), nil},
		"claim-coupon":       {"POST", claimPath, "", signedIn("201"), nil},
		"list-inbox":         {"GET", "/v1/inbox", "", signedIn("200"), nil},
		"read-inbox":         {"POST", "/v1/inbox/read", `{"until":"MTdAeA"}`, signedIn("204"), nil},
		"watch-inbox":        {"GET", "/v1/inbox/events", "", signedIn("200"), nil},
		"list-coupons":       {"GET", "/v1/coupons", "", signedIn("200"), nil},
		"list-all-campaigns": {"GET", "/v1/admin/campaigns", "", adminOnly("200"), nil},
		"create-campaign":    {"POST", "/v1/admin/campaigns", h.campaignPlan(""), adminOnly("201"), nil},
		"give-coupon":        {"PUT", "/v1/admin/campaigns/1/coupons/1", "", adminOnly("200"), nil},
		"rename-campaign":    {"PUT", "/v1/admin/campaigns/1", `{"name":"N"}`, adminOnly("200"), nil},
		"delete-campaign":    {"DELETE", "/v1/admin/campaigns/1", "", adminOnly("204"), nil},
		"open-campaign":      {"POST", "/v1/admin/campaigns/1/open", "", adminOnly("200"), nil},
		"pause-campaign":     {"POST", "/v1/admin/campaigns/1/pause", "", adminOnly("200"), nil},
		"start-payment":      {"POST", "/v1/reservations/1-1/payment", `{}`, [4]string{nobody, "200", "404 not_found", "404 not_found"}, nil},
		"get-payment":        {"GET", "/v1/reservations/1-2/payment", "", [4]string{nobody, "200", "404 not_found", "404 not_found"}, nil},
		"confirm-payment":    {"POST", "/v1/payments/confirm", `{"payment_key":"key-1","order_id":"1-2-1","amount":132000}`, [4]string{nobody, "200", "404 not_found", "404 not_found"}, nil},
		"cancel-reservation": {"POST", "/v1/reservations/1-1/cancel", `{"reason":"r"}`, [4]string{nobody, "409 not_cancelable", "404 not_found", "404 not_found"}, nil},
		"toss-webhook":       {"POST", "/v1/webhooks/toss", `{"eventType":"PAYMENT_STATUS_CHANGED","data":{"paymentKey":"key-1","status":"DONE"}}`, anyone("200"), nil},
		"close-campaign":     {"POST", "/v1/admin/campaigns/1/close", "", adminOnly("200"), nil},
	}
}

// furnish adds what the rows of the matrix need: two performers, of whom one is in performance 1, and a performance
// without rounds.
func (h *house) furnish() {
	h.t.Helper()
	token := h.token(admin, ticketing.Admin)
	for _, c := range [][2]string{
		{"/v1/admin/performers", `{"name":"A"}`}, {"/v1/admin/performers", `{"name":"B"}`},
		{"/v1/admin/performances", `{"title":"T","category":"concert","hall_id":1,"duration_minutes":1,"prices":{"standard":1000}}`},
		{"/v1/admin/performances/1/rounds", h.roundTimes()},
	} {
		h.do(call{"POST", c[0], token, c[1], nil}).wantStatus(http.StatusCreated)
	}
	h.do(call{"POST", "/v1/performances/1/reviews", h.token(customer, ticketing.Customer), `{"rate":4}`, nil}).wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/admin/performances/1/performers", token, `{"performer_id":1}`, nil}).wantStatus(http.StatusNoContent)
}

// refreshBody is what goes on with a session of the customer's.
func (h *house) refreshBody() string {
	h.t.Helper()
	refresh, session := h.server.newSession(customer)
	if err := h.accounts.OpenSession(context.Background(), session); err != nil {
		h.t.Fatal(err)
	}
	return `{"refresh_token":"` + refresh.String() + `"}`
}

// houseOfTheMatrix has something of everything.
func houseOfTheMatrix(t *testing.T) *house {
	t.Helper()
	h, posters := withPosters(t)
	posters.files["kept-320.jpg"], posters.current[1] = photo(t), ticketing.Poster{Name: "kept"}
	h.reserve(customer, "first", "A-1-10").wantStatus(http.StatusCreated)
	h.reserve(customer, "second", "A-1-9").wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/reservations/1-2/payment", h.token(customer, ticketing.Customer), `{}`, nil}).wantStatus(http.StatusOK)
	h.addKim()
	h.furnish()
	h.openCampaign("")
	return h
}

func TestAccessMatrix(t *testing.T) {
	var operations []string
	for _, methods := range readDocument().Paths {
		for _, op := range methods {
			operations = append(operations, op.OperationID)
		}
	}
	slices.Sort(operations)
	sample := withRound(t, nil)
	if rows := slices.Sorted(maps.Keys(accessMatrix(sample))); !slices.Equal(rows, operations) {
		t.Fatalf("the matrix has rows for %v, the document operations %v", rows, operations)
	}
	for id := range accessMatrix(sample) {
		h := houseOfTheMatrix(t)
		h.inbox.brief = true
		row := accessMatrix(h)[id]
		if goes, _ := readDocument().find(row.method, row.path); goes != id {
			t.Errorf("the row of %s asks for %s %s, which is %q", id, row.method, row.path, goes)
		}
		for _, i := range []int{0, 2, 3, 1} { // the owner last: that he deleted it must not be why others find nothing
			caller := who[i]
			t.Run(id+" as "+caller.name, func(t *testing.T) {
				c := call{row.method, row.path, "", row.body, map[string]string{headerIdempotencyKey: "k"}}
				maps.Copy(c.header, row.header)
				if id == "signup" {
					c.body = fmt.Sprintf(row.body, caller.name)
				}
				if id == "reserve" {
					c.body = fmt.Sprintf(row.body, fmt.Sprintf("A-1-%d", i+1))
				}
				if caller.user != 0 {
					c.token = h.token(caller.user, caller.role)
				}
				h.live.leaveSoon()
				before := h.everything()
				a := h.do(c)
				got := strconv.Itoa(a.status)
				if a.status >= 400 {
					got += " " + a.problem().Code
				}
				if got != row.want[i] {
					t.Errorf("answered %s, want %s: %s", got, row.want[i], a.body)
				}
				if a.status >= 400 && h.everything() != before {
					t.Error("refused, yet something has changed")
				}
				if a.status == 401 && a.header.Get("WWW-Authenticate") != "Bearer" {
					t.Error("401 without WWW-Authenticate")
				}
			})
		}
	}
}

func TestWhatIsNotInTheDocumentIsKnown(t *testing.T) {
	want := []string{"GET /docs", "GET /docs/*", "GET /fake/kakao/*", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml", "GET /openapi.json", "GET /openapi.yaml", "POST /bench/noop", "POST /bench/noop/campaigns/:id/coupons", "POST /fake/kakao/*"}
	h := open(t, nil)
	var hidden []string
	for name, known := range h.server.router.declared {
		if known.id == "pages" {
			continue // for people
		}
		method, path, _ := strings.Cut(name, " ")
		if method == http.MethodHead {
			continue // as GET
		}
		if id, _ := readDocument().find(method, path); id == "" {
			hidden = append(hidden, name)
		}
	}
	slices.Sort(hidden)
	if !slices.Equal(hidden, want) {
		t.Errorf("routes outside the document: %v, want %v", hidden, want)
	}
}

func TestRouteWithoutAPolicyStopsTheStart(t *testing.T) {
	ways := map[string]func(*Server){
		"not declared": func(s *Server) { s.router.Add("GET", "/x", func(*fiber.Ctx) error { return nil }) },
		"undeclared":   func(s *Server) { s.router.declare("GET", "/x", route{id: "x"}) },
		"no access": func(s *Server) {
			hot[roundInput, statusOutput](s, operation{id: "x", method: "GET", path: "/x"}, s.round)
		},
		"round the door": func(s *Server) {
			s.app.Get("/x", func(*fiber.Ctx) error { return nil })
			s.router.seal()
		},
	}
	for name, add := range ways {
		t.Run(name, func(t *testing.T) {
			s := New(Config{Clock: (&clock{}).Now})
			defer func() {
				if recover() == nil {
					t.Error("the start went on")
				}
			}()
			add(s)
		})
	}
}

func TestTokenOfAnotherKindIsNobody(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(customer, ticketing.Customer)
	for name, header := range map[string]string{
		"basic": "Basic " + token, "no scheme": token, "no blank": "Bearer" + token, "nearly the scheme": "Bearers " + token, "scheme alone": "bearer", "two": "Bearer " + token + " " + token,
		"tampered": "Bearer " + token + "x", "oversized": "Bearer " + strings.Repeat("a", 5000),
	} {
		a := h.do(call{method: "GET", path: "/v1/reservations/1-1", header: map[string]string{"Authorization": header}})
		if a.wantStatus(http.StatusUnauthorized).problem().Code != "unauthenticated" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

// TestSchemeInAnyCase: RFC 9110 has names of schemes without case.
func TestSchemeInAnyCase(t *testing.T) {
	h := withRound(t, nil)
	h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusCreated)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER ", "bEaReR "} {
		header := map[string]string{"Authorization": scheme + h.token(customer, ticketing.Customer)}
		h.do(call{method: "GET", path: "/v1/reservations/1-1", header: header}).wantStatus(http.StatusOK)
		header = map[string]string{"Authorization": scheme + h.token(admin, ticketing.Admin)}
		large := `{"grades":[` + strings.Repeat(" ", MaxBodyBytes) + `]}` // admins only: who is none is 413
		h.do(call{"POST", "/v1/admin/plans/preview", "", large, header}).wantStatus(http.StatusUnprocessableEntity)
	}
	request := &fasthttp.RequestHeader{}
	request.Set("Authorization", "bearer x")
	if made := testing.AllocsPerRun(100, func() { tokenOf(request) }); made != 0 {
		t.Errorf("%v allocations", made)
	}
}

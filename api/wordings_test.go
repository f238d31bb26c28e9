package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// TestRefusalsSayWhatWouldBeRight: the field that is wrong by its name in the request, and what it would have to be.
func TestRefusalsSayWhatWouldBeRight(t *testing.T) {
	h := withRound(t, nil)
	root := h.token(admin, ticketing.Admin)
	layout := func(grade string) string {
		return `{"name":"H","grades":["R","` + grade + `"],"sections":[{"name":"A","rows":[{"name":"1","grade":"R","seats":2}]}]}`
	}
	h.do(call{"POST", "/v1/admin/halls", root, strings.Replace(layout(""), `,""`, "", 1), nil}).wantStatus(http.StatusCreated)
	performance := func(prices, more string) string {
		return `{"title":"T","category":"concert","hall_id":2,"prices":` + prices + more + `}`
	}
	h.do(call{"POST", "/v1/admin/performances", root, performance(`{"R":1000}`, `,"duration_minutes":60`), nil}).wantStatus(http.StatusCreated)
	h.do(call{"PUT", "/v1/admin/halls/2", root, layout("VIP"), map[string]string{"If-Match": "*"}}).wantStatus(http.StatusOK)
	hall := func(sections string) string { return `{"name":"H","grades":["R"],"sections":[` + sections + `]}` }
	const a1, whole = `{"name":"A","rows":[{"name":"1","grade":"R","seats":10}]}`, "a whole number such as 20: at most 18 digits, without point and exponent"
	ranged := func(of string) string { return "a whole number from " + of + ", without point and exponent" }
	for _, c := range []struct{ method, path, body, field, want string }{
		{"GET", "/v1/performances?limit=many", "", "limit", ranged("1 to 100")},
		{"GET", "/v1/performances?limit=99999999999999999999", "", "limit", ranged("1 to 100")},
		{"GET", "/v1/admin/audit?user=0", "", "user", "number >= 1"},
		{"GET", "/v1/admin/audit?user=root", "", "user", whole},
		{"GET", "/v1/performances?on_sale=perhaps", "", "on_sale", "true or false"},
		{"GET", "/v1/search?min_price=1e18", "", "min_price", whole},
		{"POST", "/v1/admin/performances", performance(`{"R":1000}`, `,"duration_minutes":6e1`), "duration_minutes", ranged("1 to 1440")},
		{"POST", "/v1/admin/performances", performance(`{"R":1e3}`, `,"duration_minutes":60`), "prices.R", whole},
		{"POST", "/v1/admin/performances", performance(`{"R":1000,"VIP":1e18}`, `,"duration_minutes":60`), "prices.VIP", whole},
		{"POST", "/v1/performances/1/reviews", `{"rate":2.5}`, "rate", ranged("0 to 5")},
		{"POST", "/v1/performances/1/reviews", `{"rate":1e0}`, "rate", ranged("0 to 5")},
		{"POST", "/v1/admin/performances", performance(`{"R":1000}`, `,"duration_minutes":1.5`), "duration_minutes", ranged("1 to 1440")},
		{"POST", "/v1/admin/performances", strings.Replace(performance(`{"R":1000}`, `,"duration_minutes":60`), ":2", ":1e18", 1), "hall_id", whole},
		{"POST", "/v1/admin/halls", `{"name":"H","seats":1e1}`, "seats", ranged("1 to 100000")},
		{"POST", "/v1/admin/halls", hall(`{"name":"A","rows":[{"name":"1","grade":"R","seats":1e1}]}`), "sections[0].rows[0].seats", ranged("1 to 1000")},
		{"POST", "/v1/admin/halls", hall(a1 + "," + strings.Replace(a1, "10", "1e400", 1)), "sections[1].rows[0].seats", ranged("1 to 1000")},
		{"POST", "/v1/admin/halls", `{"name":"H","seats":1e400}`, "seats", ranged("1 to 100000")},
		{"POST", "/v1/admin/halls", `{"name":"H","seats":1,"scale":-1e999}`, "scale", "a number such as 2.5"},
		{"POST", "/v1/admin/performances", performance(`{"R":1e400}`, `,"duration_minutes":60`), "prices.R", whole},
		{"POST", "/v1/performances/1/reviews", `{"rate":1e400}`, "rate", ranged("0 to 5")},
		{"POST", "/v1/admin/campaigns", strings.Replace(h.campaignPlan(""), `"value":10`, `"value":1.5`, 1), "discount.value", ranged("1 to 1000000000")},
		{"POST", "/v1/admin/performances", performance(`{"R":1000}`, `,"duration_minutes":60,"[x":1`), "[x", "absent: there is no such field"},
		{"POST", "/v1/admin/jobs/dormant-users/runs", `{"dry_run":1}`, "dry_run", "true or false"},
		{"POST", "/v1/admin/halls", hall(a1 + "," + a1), "sections[1].rows[0].name", "a row that section A does not have yet: sections[0].rows[0] is row 1 of it"},
		{"POST", "/v1/admin/halls", hall(strings.Replace(a1, `"A"`, `"A-1"`, 1)), "sections[0].name", "1 to 16 letters and digits"},
		{"POST", "/v1/admin/halls", hall(a1 + "," + strings.Replace(a1, `"1"`, `"1 2"`, 1)), "sections[1].rows[0].name", "1 to 16 letters and digits"},
		{"POST", "/v1/admin/performances/2/rounds", h.roundTimes(), "prices.VIP", "a price of the performance: its hall has this grade"},
	} {
		before := h.everything()
		p := h.do(call{c.method, c.path, root, c.body, nil}).wantStatus(http.StatusUnprocessableEntity).problem()
		if got, want := fmt.Sprint(p.Errors), fmt.Sprint([]FieldError{{c.field, c.want}}); got != want || h.everything() != before {
			t.Errorf("%s %s %s: %s, want %s", c.method, c.path, c.body, got, want)
		}
	}
	// One section in two places of the request is fine, as long as its rows are.
	h.do(call{"POST", "/v1/admin/halls", root, hall(a1 + "," + strings.Replace(a1, `"1"`, `"2"`, 1)), nil}).wantStatus(http.StatusCreated)
}

// TestIfMatchIsOne: of two versions that somebody expects, the second one counts no less than the first; and none at all, where
// one was meant to stand, is no leave to change whatever there is.
func TestIfMatchIsOne(t *testing.T) {
	h := withRound(t, nil)
	before := h.everything()
	for _, c := range []struct {
		want  string
		lines []string
	}{
		{"given once", []string{`"1-a"`, `"2-b"`}}, {"given once", []string{"", ""}},
		{wantETag, []string{`"1-a", "2-b"`}}, {wantETag, []string{""}}, {wantETag, []string{"  "}},
	} {
		req, err := http.NewRequest(http.MethodPut, h.url+"/v1/admin/performers/1", strings.NewReader(`{"name":"N"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Authorization": {"Bearer " + h.token(admin, ticketing.Admin)}, "Content-Type": {"application/json"}, "If-Match": c.lines}
		resp, err := h.send(req, false)
		if err != nil {
			t.Fatal(err)
		}
		var p Problem
		err = errors.Join(json.NewDecoder(resp.Body).Decode(&p), resp.Body.Close())
		if got := fmt.Sprint(p.Errors); err != nil || p.Status != http.StatusUnprocessableEntity || got != fmt.Sprint([]FieldError{{"If-Match", c.want}}) || h.everything() != before {
			t.Errorf("%q: %+v, %v", c.lines, p, err)
		}
	}
}

// TestRoundsAreStillToCome: one that is over before it is planned would be shown among what was, and nobody could buy.
func TestRoundsAreStillToCome(t *testing.T) {
	h := withRound(t, nil)
	root := h.token(admin, ticketing.Admin)
	now := h.clock.Now()
	times := func(starts, opens, closes time.Duration) string {
		at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
		return fmt.Sprintf(`{"starts_at":%q,"opens_at":%q,"closes_at":%q}`, at(starts), at(opens), at(closes))
	}
	const hour = time.Hour
	plan := call{"POST", "/v1/admin/performances/1/rounds", root, times(100*hour, hour, 99*hour), nil}
	h.do(plan).wantStatus(http.StatusCreated)
	move := call{method: "PUT", path: "/v1/admin/rounds/2", token: root}
	for _, ask := range []call{plan, move} {
		for field, body := range map[string]string{
			"starts_at": times(-hour, -3*hour, -2*hour), "closes_at": times(100*hour, -3*hour, 0),
		} {
			ask.body = body
			before := h.everything()
			p := h.do(ask).wantStatus(http.StatusUnprocessableEntity).problem()
			want := fmt.Sprint([]FieldError{{field, "in the future: now it is " + now.UTC().Format(time.RFC3339)}})
			if got := fmt.Sprint(p.Errors); got != want || h.everything() != before {
				t.Errorf("%s %s: %s, want %s", ask.method, body, got, want)
			}
		}
	}
	plan.body = times(200*hour, -hour, 199*hour) // opens at once
	h.do(plan).wantStatus(http.StatusCreated)
	h.clock.advance(300 * hour)
	move.token = h.token(admin, ticketing.Admin)
	move.body = times(100*hour, hour, 99*hour) // as they were: what stands against it is the sale
	if p := h.do(move).wantStatus(http.StatusConflict).problem(); p.Code != "sale_begun" {
		t.Errorf("%+v", p)
	}
}

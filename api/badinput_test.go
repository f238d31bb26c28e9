package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"ticketblue/ticketing"
)

// bad is a request that must be refused and change nothing.
type bad struct {
	name   string
	call   call
	status int
	code   string
	field  string // of errors[0], if any
	seats  string // of the problem, joined
}

const reservePath = "/v1/rounds/1/reservations"

func TestBadInput(t *testing.T) {
	h := withRound(t, nil)
	h.reserve(otherCustomer, "theirs", "A-1-9").wantStatus(http.StatusCreated)
	h.reserve(customer, "used", "A-1-10").wantStatus(http.StatusCreated)
	h.addKim()

	h.openCampaign("")
	h.openCampaign(`,"claimable":false`)
	h.do(call{"POST", "/v1/admin/campaigns", h.token(admin, ticketing.Admin), h.campaignPlan(""), nil}).wantStatus(http.StatusCreated)
	h.claim(customer, "used").wantStatus(http.StatusCreated)
	rows := append(append(append(badReserve(h), badOther(h)...), badAdmin(h)...), append(badCoupons(h), badInbox(h)...)...)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			before := h.everything()
			a := h.do(row.call)
			p := a.problem()
			if a.status != row.status || p.Code != row.code || strings.Join(p.Seats, " ") != row.seats {
				t.Errorf("got %d %s seats %v, want %d %s [%s]: %s", a.status, p.Code, p.Seats, row.status, row.code, row.seats, a.body)
			}
			if row.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != row.field || p.Errors[0].Want == "") {
				t.Errorf("errors %v, want the field %s", p.Errors, row.field)
			}
			if (p.Retryable && (a.status == 429 || a.status == 503)) != (a.header.Get("Retry-After") != "") {
				t.Errorf("status %d with Retry-After %q", a.status, a.header.Get("Retry-After"))
			}
			if strings.Contains(string(a.body), "s3cret") || strings.Contains(h.log.String(), "s3cret") {
				t.Errorf("what was sent came back: %s", a.body)
			}
			if after := h.everything(); after != before {
				t.Error("something has changed")
			}
		})
	}
}

// everything is all state that a request could change.
func (h *house) everything() string {
	return fmt.Sprint(h.sales.state(), h.accounts.state(), h.catalogue.everything(), h.inbox.state(), h.campaigns.planned, h.campaigns.deleted, h.payments.reasons, len(h.runs.list))
}

func badReserve(h *house) []bad {
	token := h.token(customer, ticketing.Customer)
	key := map[string]string{headerIdempotencyKey: "k"}
	with := func(body string) call { return call{"POST", reservePath, token, body, key} }
	seats := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`"A-1-%d"`, i+1)
		}
		return `{"seats":[` + strings.Join(list, ",") + `]}`
	}
	header := func(name, value string) call {
		c := with(seats(1))
		c.header = map[string]string{headerIdempotencyKey: "k", name: value}
		return c
	}
	const invalid = "invalid_input"
	return []bad{
		{name: "no key", call: call{"POST", reservePath, token, seats(1), nil}, status: 400, code: "idempotency_key_required"},
		{name: "long key", call: header(headerIdempotencyKey, strings.Repeat("k", MaxKeyBytes+1)), status: 422, code: invalid, field: headerIdempotencyKey},
		{name: "key not ASCII", call: header(headerIdempotencyKey, "예매"), status: 422, code: invalid, field: headerIdempotencyKey},
		{name: "key used for another body", call: header(headerIdempotencyKey, "used"), status: 409, code: "idempotency_mismatch"},
		{name: "no body", call: call{"POST", reservePath, token, "", map[string]string{headerIdempotencyKey: "k", "Content-Type": "application/json"}},
			status: 400, code: "malformed_json"},
		{name: "not JSON", call: with(`{"seats":`), status: 400, code: "malformed_json"},
		{name: "two values", call: with(seats(1) + seats(1)), status: 400, code: "malformed_json"},
		{name: "not UTF-8", call: with("{\"seats\":[\"\xff\"]}"), status: 400, code: "malformed_json"},
		{name: "too deep", call: with(`{"seats":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`), status: 400, code: "malformed_json"},
		{name: "a field twice", call: with(`{"seats":["A-1-1"],"seats":["A-1-2"]}`), status: 400, code: "malformed_json"},
		{name: "a list", call: with(`["A-1-1"]`), status: 422, code: invalid, field: "body"},
		{name: "null", call: with(`null`), status: 422, code: invalid, field: "body"},
		{name: "unknown field", call: with(`{"seats":["A-1-1"],"price":1}`), status: 422, code: invalid, field: "price"},
		{name: "other case", call: with(`{"Seats":["A-1-1"]}`), status: 422, code: invalid, field: "Seats"},
		{name: "no seats field", call: with(`{}`), status: 422, code: invalid, field: "seats"},
		{name: "seats null", call: with(`{"seats":null}`), status: 422, code: invalid, field: "seats"},
		{name: "seats a word", call: with(`{"seats":"A-1-1"}`), status: 422, code: invalid, field: "seats"},
		{name: "seats numbers", call: with(`{"seats":[1,2]}`), status: 422, code: invalid, field: "seats"},
		{name: "no seat", call: with(`{"seats":[]}`), status: 422, code: invalid, field: "seats"},
		{name: "too many", call: with(seats(ticketing.MaxSeatsPerRequest + 1)), status: 422, code: invalid, field: "seats"},
		{name: "blank seat", call: with(`{"seats":["A-1-1"," "]}`), status: 422, code: invalid, field: "seats[1]"},
		{name: "null seat", call: with(`{"seats":["A-1-1",null]}`), status: 422, code: invalid, field: "seats[1]"},
		{name: "long seat", call: with(`{"seats":["` + strings.Repeat("A", MaxSeatLabel+1) + `"]}`), status: 422, code: invalid, field: "seats[0]"},
		{name: "seats and the best", call: with(`{"seats":["A-1-1"],"best_available":{"count":1}}`), status: 422, code: invalid, field: "best_available"},
		{name: "best null", call: with(`{"best_available":null}`), status: 422, code: invalid, field: "best_available"},
		{name: "best a number", call: with(`{"best_available":2}`), status: 422, code: invalid, field: "best_available"},
		{name: "best of nothing", call: with(`{"best_available":{}}`), status: 422, code: invalid, field: "best_available.count"},
		{name: "best 0", call: with(`{"best_available":{"count":0}}`), status: 422, code: invalid, field: "best_available.count"},
		{name: "best 21", call: with(`{"best_available":{"count":21}}`), status: 422, code: invalid, field: "best_available.count"},
		{name: "best 1.5", call: with(`{"best_available":{"count":1.5}}`), status: 422, code: invalid, field: "best_available.count"},
		{name: "best, other case", call: with(`{"best_available":{"Count":1}}`), status: 422, code: invalid, field: "best_available.Count"},
		{name: "best, unknown field", call: with(`{"best_available":{"count":1,"row":"1"}}`), status: 422, code: invalid, field: "best_available.row"},
		{name: "best, a field twice", call: with(`{"best_available":{"count":1,"count":2}}`), status: 400, code: "malformed_json"},
		{name: "best, empty grade", call: with(`{"best_available":{"count":1,"grade":""}}`), status: 422, code: invalid, field: "best_available.grade"},
		{name: "best, long section", call: with(`{"best_available":{"count":1,"section":"` + strings.Repeat("가", 17) + `"}}`), status: 422, code: invalid, field: "best_available.section"},
		{name: "best, section a number", call: with(`{"best_available":{"count":1,"section":1}}`), status: 422, code: invalid, field: "best_available.section"},
		{name: "best five", call: with(`{"best_available":{"count":5}}`), status: 409, code: "limit_exceeded"},
		{name: "best, no such grade", call: with(`{"best_available":{"count":1,"grade":"VIP"}}`), status: 409, code: "grade_unknown"},
		{name: "best, no such section", call: with(`{"best_available":{"count":1,"section":"Z"}}`), status: 409, code: "section_unknown"},
		{name: "same seat twice", call: with(`{"seats":["A-1-1","A-1-1"]}`), status: 422, code: invalid, field: "seats[1]"},
		{name: "five seats", call: with(seats(5)), status: 409, code: "limit_exceeded"},
		{name: "seat 0", call: with(`{"seats":["A-1-1","A-1-0"]}`), status: 409, code: "seat_unknown", seats: "A-1-0"},
		{name: "seat -1", call: with(`{"seats":["A-1--1"]}`), status: 409, code: "seat_unknown", seats: "A-1--1"},
		{name: "taken seat", call: with(`{"seats":["A-1-1","A-1-9"]}`), status: 409, code: "seat_taken", seats: "A-1-9"},
		{name: "too large", call: with(`{"seats":["` + strings.Repeat("A", MaxBodyBytes) + `"]}`), status: 413, code: "body_too_large"},
		{name: "no content type", call: header("Content-Type", ""), status: 415, code: "unsupported_media_type"},
		{name: "form", call: header("Content-Type", "application/x-www-form-urlencoded"), status: 415, code: "unsupported_media_type"},
		{name: "other charset", call: header("Content-Type", "application/json; charset=euc-kr"), status: 415, code: "unsupported_media_type"},
		{name: "compressed", call: header("Content-Encoding", "gzip"), status: 415, code: "unsupported_media_type"},
		{name: "unknown round", call: call{"POST", "/v1/rounds/99/reservations", token, seats(1), key}, status: 404, code: "not_found"},
		{name: "round 0", call: call{"POST", "/v1/rounds/0/reservations", token, seats(1), key}, status: 404, code: "not_found"},
		{name: "round in words", call: call{"POST", "/v1/rounds/first/reservations", token, seats(1), key}, status: 404, code: "not_found"},
	}
}

func badOther(h *house) []bad {
	token := h.token(customer, ticketing.Customer)
	signup := func(body string) call { return call{"POST", "/v1/auth/signup", "", body, nil} }
	login := func(body string) call { return call{"POST", "/v1/auth/login", "", body, nil} }
	list := func(position string) call {
		return call{method: "GET", path: "/v1/reservations", token: token, header: map[string]string{headerPosition: position}}
	}
	const invalid = "invalid_input"
	return []bad{
		{name: "release another's", call: call{method: "DELETE", path: "/v1/reservations/1-1", token: token}, status: 404, code: "not_found"},
		{name: "see another's", call: call{method: "GET", path: "/v1/reservations/1-1", token: token}, status: 404, code: "not_found"},
		{name: "see none", call: call{method: "GET", path: "/v1/reservations/1-99", token: token}, status: 404, code: "not_found"},
		{name: "odd reservation", call: call{method: "GET", path: "/v1/reservations/1-01", token: token}, status: 404, code: "not_found"},
		{name: "odd plan", call: call{method: "GET", path: "/v1/plans/abc"}, status: 404, code: "not_found"},
		{name: "unknown plan", call: call{method: "GET", path: "/v1/plans/" + strings.Repeat("0", 64)}, status: 404, code: "not_found"},
		{name: "unknown performance", call: call{method: "GET", path: "/v1/performances/99"}, status: 404, code: "not_found"},
		{name: "odd performance", call: call{method: "GET", path: "/v1/performances/-1"}, status: 404, code: "not_found"},
		{name: "rounds of none", call: call{method: "GET", path: "/v1/performances/99/rounds"}, status: 404, code: "not_found"},
		{name: "page of 0", call: call{method: "GET", path: "/v1/performances?limit=0"}, status: 422, code: invalid, field: "limit"},
		{name: "page of 101", call: call{method: "GET", path: "/v1/performances?limit=101"}, status: 422, code: invalid, field: "limit"},
		{name: "page in words", call: call{method: "GET", path: "/v1/performances?limit=s3cret"}, status: 422, code: invalid, field: "limit"},
		{name: "keyword of 101", call: call{method: "GET", path: "/v1/search?q=" + strings.Repeat("x", 101)}, status: 422, code: invalid, field: "q"},
		{name: "keyword of 10,000", call: call{method: "GET", path: "/v1/search?q=" + strings.Repeat("x", 10_000)}, status: 422, code: invalid, field: "q"},
		{name: "keyword that is no text", call: call{method: "GET", path: "/v1/search?q=%ff"}, status: 422, code: invalid, field: "q"},
		{name: "keyword with a nought", call: call{method: "GET", path: "/v1/search?q=%00"}, status: 422, code: invalid, field: "q"},
		{name: "performers with a nought", call: call{method: "GET", path: "/v1/performers?prefix=%00"}, status: 422, code: invalid, field: "prefix"},
		{name: "performers that are no text", call: call{method: "GET", path: "/v1/performers?contains=%ff"}, status: 422, code: invalid, field: "contains"},
		{name: "odd kind", call: call{method: "GET", path: "/v1/search?kind=reservation"}, status: 422, code: invalid, field: "kind"},
		{name: "odd category", call: call{method: "GET", path: "/v1/search?category=opera"}, status: 422, code: invalid, field: "category"},
		{name: "odd day", call: call{method: "GET", path: "/v1/search?day=2026-02-30"}, status: 422, code: invalid, field: "day"},
		{name: "a day and days", call: call{method: "GET", path: "/v1/search?day=2026-02-03&from=2026-02-03"}, status: 422, code: invalid, field: "day"},
		{name: "order of another kind", call: call{method: "GET", path: "/v1/search?kind=hall&sort=cheapest"}, status: 422, code: invalid, field: "sort"},
		{name: "order of all kinds", call: call{method: "GET", path: "/v1/search?sort=cheapest"}, status: 422, code: invalid, field: "kind"},
		{name: "place without kind", call: call{method: "GET", path: "/v1/search?after=x"}, status: 422, code: invalid, field: "kind"},
		{name: "days the wrong way round", call: call{method: "GET", path: "/v1/search?from=2026-12-24&to=2026-12-23"}, status: 422, code: invalid, field: "to"},
		{name: "prices the wrong way round", call: call{method: "GET", path: "/v1/search?min_price=2&max_price=1"}, status: 422, code: invalid, field: "max_price"},
		{name: "shows the wrong way round", call: call{method: "GET", path: "/v1/performances?from=2026-12-24&to=2026-12-23"}, status: 422, code: invalid, field: "to"},
		{name: "odd engine", call: call{method: "GET", path: "/v1/search?engine=x"}, status: 422, code: invalid, field: "engine"},
		{name: "hits, page of 101", call: call{method: "GET", path: "/v1/search?limit=101"}, status: 422, code: invalid, field: "limit"},
		{name: "suggestions, 11", call: call{method: "GET", path: "/v1/search/suggestions?limit=11"}, status: 422, code: invalid, field: "limit"},
		{name: "watch no round", call: call{method: "GET", path: "/v1/rounds/99/events"}, status: 404, code: "not_found"},
		{name: "watch an odd round", call: call{method: "GET", path: "/v1/rounds/x/events"}, status: 404, code: "not_found"},
		{name: "odd last event", call: call{method: "GET", path: "/v1/rounds/1/events", header: map[string]string{headerLastEventID: "s3cret"}},
			status: 422, code: invalid, field: headerLastEventID},
		{name: "odd last event in the address", call: call{method: "GET", path: "/v1/rounds/1/events?last_event_id=-1"}, status: 422, code: invalid, field: "last_event_id"},
		{name: "last event too large", call: call{method: "GET", path: "/v1/rounds/1/events?last_event_id=18446744073709551616"}, status: 422, code: invalid, field: "last_event_id"},
		{name: "reservations, page of 0", call: call{method: "GET", path: "/v1/reservations?limit=0", token: token}, status: 422, code: invalid, field: "limit"},
		{name: "reservations, page of 101", call: call{method: "GET", path: "/v1/reservations?limit=101", token: token}, status: 422, code: invalid, field: "limit"},
		{name: "reservations after nothing", call: call{method: "GET", path: "/v1/reservations?after=s3cret", token: token}, status: 422, code: invalid, field: "after"},
		{name: "reservations after too much", call: call{method: "GET", path: "/v1/reservations?after=" + strings.Repeat("A", 81), token: token}, status: 422, code: invalid, field: "after"},
		{name: "odd position", call: list("s3cret"), status: 422, code: invalid, field: headerPosition},
		{name: "position of no round", call: list("round:99@1"), status: 422, code: invalid, field: headerPosition},
		{name: "position of another stream", call: list("campaign:1@1"), status: 422, code: invalid, field: headerPosition},
		{name: "position at 0", call: list("round:1@0"), status: 422, code: invalid, field: headerPosition},
		{name: "position too large", call: list("round:1@99999999999999999999"), status: 422, code: invalid, field: headerPosition},
		{name: "position of a round too large", call: list("round:9999999999999999999@1"), status: 422, code: invalid, field: headerPosition},
		{name: "unknown route", call: call{method: "GET", path: "/v1/nothing"}, status: 404, code: "not_found"},
		{name: "no such method", call: call{method: "BREW", path: "/v1/rounds/1"}, status: 405, code: "method_not_allowed"},
		{name: "no such method, with a body", call: call{method: "BREW", path: "/v1/nothing", body: "{}"}, status: 405, code: "method_not_allowed"},
		{name: "nothing below docs", call: call{method: "GET", path: "/docs/nothing.js"}, status: 404, code: "not_found"},
		{name: "nothing deep below docs", call: call{method: "GET", path: "/docs/../docs/a/b"}, status: 404, code: "not_found"},
		{name: "unknown method", call: call{method: "PATCH", path: "/v1/rounds/1"}, status: 405, code: "method_not_allowed"},
		{name: "trailing slash", call: call{method: "GET", path: "/v1/rounds/1/"}, status: 404, code: "not_found"},
		{name: "sign up as admin", call: signup(`{"email":"a@example.com","password":"s3cret-pass","name":"A","role":"admin"}`), status: 422, code: invalid, field: "role"},
		{name: "sign up twice", call: signup(`{"email":"KIM@example.com","password":"s3cret-pass","name":"Kim"}`), status: 409, code: "email_taken"},
		{name: "sign up without e-mail", call: signup(`{"password":"s3cret-pass","name":"A"}`), status: 422, code: invalid, field: "email"},
		{name: "bad e-mail", call: signup(`{"email":"s3cret","password":"s3cret-pass","name":"A"}`), status: 422, code: invalid, field: "email"},
		{name: "short password", call: signup(`{"email":"a@example.com","password":"s3cret-","name":"A"}`), status: 422, code: invalid, field: "password"},
		{name: "password without a special", call: signup(`{"email":"a@example.com","password":"s3cretpass","name":"A"}`), status: 422, code: invalid, field: "password"},
		{name: "password a number", call: signup(`{"email":"a@example.com","password":12345678,"name":"s3cret"}`), status: 422, code: invalid, field: "password"},
		{name: "blank name", call: signup(`{"email":"a@example.com","password":"s3cret-pass","name":"  "}`), status: 422, code: invalid, field: "name"},
		{name: "sign up, not JSON", call: signup(`{"email":"s3cret`), status: 400, code: "malformed_json"},
		{name: "sign up, a field twice", call: signup(`{"email":"a@example.com","email":"b@example.com","password":"s3cret-pass","name":"A"}`), status: 400, code: "malformed_json"},
		{name: "sign up as a form", call: call{"POST", "/v1/auth/signup", "", "a=b", map[string]string{"Content-Type": "text/plain"}}, status: 415, code: "unsupported_media_type"},
		{name: "sign up, too large", call: signup(`{"email":"` + strings.Repeat("s3cret", MaxBodyBytes) + `"}`), status: 413, code: "body_too_large"},
		{name: "wrong password", call: login(`{"email":"kim@example.com","password":"s3cret-pass"}`), status: 401, code: "credentials_invalid"},
		{name: "unknown account", call: login(`{"email":"lee@example.com","password":"s3cret-pass"}`), status: 401, code: "credentials_invalid"},
	}
}

func badAdmin(h *house) []bad {
	token := h.token(admin, ticketing.Admin)
	post := func(path, body string) call { return call{"POST", "/v1/admin/" + path, token, body, nil} }
	performance := func(hall, prices string) call {
		return post("performances", `{"title":"T","category":"concert","duration_minutes":1,"hall_id":`+hall+`,"prices":`+prices+`}`)
	}
	const invalid = "invalid_input"
	return []bad{
		{name: "hall of 0", call: post("halls", `{"name":"H","seats":0}`), status: 422, code: invalid, field: "seats"},
		{name: "hall too large", call: post("halls", `{"name":"H","seats":100001}`), status: 422, code: invalid, field: "seats"},
		{name: "hall of 1e2", call: post("halls", `{"name":"H","seats":1e2}`), status: 422, code: invalid, field: "seats"},
		{name: "hall of nothing", call: post("halls", `{"name":"H"}`), status: 422, code: invalid, field: "body"},
		{name: "hall of both", call: post("halls", `{"name":"H","seats":1,"grades":["R"]}`), status: 422, code: invalid, field: "body"},
		{name: "blank hall", call: post("halls", `{"name":" ","seats":1}`), status: 422, code: invalid, field: "name"},
		{name: "row of no grade", call: post("halls", `{"name":"H","grades":["R"],"sections":[{"name":"A","rows":[{"name":"1","grade":"S","seats":1}]}]}`),
			status: 422, code: invalid, field: "sections[0].rows[0].grade"},
		{name: "row twice", call: post("halls", `{"name":"H","grades":["R"],"sections":[{"name":"A","rows":[{"name":"1","grade":"R","seats":1},{"name":"1","grade":"R","seats":1}]}]}`),
			status: 422, code: invalid, field: "sections[0].rows[1].name"},
		{name: "no such hall", call: performance("99", `{"standard":1000}`), status: 422, code: invalid, field: "hall_id"},
		{name: "no such grade", call: performance("1", `{"standard":1000,"VIP":1000}`), status: 422, code: invalid, field: "prices"},
		{name: "grade without a price", call: performance("1", `{"VIP":1000}`), status: 422, code: invalid, field: "prices.standard"},
		{name: "price below 0", call: performance("1", `{"standard":-1}`), status: 422, code: invalid, field: "prices.standard"},
		{name: "round of no performance", call: post("performances/99/rounds", h.roundTimes()), status: 404, code: "not_found"},
		{name: "round without times", call: post("performances/1/rounds", `{}`), status: 422, code: invalid, field: "closes_at"},
		{name: "round in words", call: post("performances/1/rounds", `{"starts_at":"soon","opens_at":"now","closes_at":"later"}`), status: 422, code: invalid, field: "closes_at"},
		{name: "closes before it opens", call: post("performances/1/rounds",
			`{"starts_at":"2027-01-03T00:00:00Z","opens_at":"2027-01-02T00:00:00Z","closes_at":"2027-01-01T00:00:00Z"}`), status: 422, code: invalid, field: "closes_at"},
		{name: "opens in the year 1", call: post("performances/1/rounds",
			`{"starts_at":"2027-01-03T00:00:00Z","opens_at":"0001-01-02T00:00:00Z","closes_at":"2027-01-01T00:00:00Z"}`), status: 422, code: invalid, field: "opens_at"},
		{name: "21 seats a user", call: post("performances/1/rounds", strings.Replace(h.roundTimes(), "}", `,"max_per_user":21}`, 1)),
			status: 422, code: invalid, field: "max_per_user"},
		{name: "birth in words", call: post("performers", `{"name":"N","birth":"s3cret"}`), status: 422, code: invalid, field: "birth"},
		{name: "a hall the wrong way round", call: post("halls", `{"name":"H\u202e","seats":1}`), status: 422, code: invalid, field: "name"},
		{name: "an address the wrong way round", call: post("halls", `{"name":"H","address":"\u2066A","seats":1}`), status: 422, code: invalid, field: "address"},
		{name: "a performer the wrong way round", call: post("performers", `{"name":"\u200fN"}`), status: 422, code: invalid, field: "name"},
		{name: "a show the wrong way round", call: post("performances", `{"title":"T\u202d","category":"concert","duration_minutes":1,"hall_id":1,"from":"2026-12-24","to":"2026-12-25","prices":{"standard":1000}}`), status: 422, code: invalid, field: "title"},
		{name: "a campaign the wrong way round", call: post("campaigns", strings.Replace(h.campaignPlan(""), "가을", "\u2069", 1)), status: 422, code: invalid, field: "name"},
		{name: "a customer the wrong way round", call: post("admins", `{"email":"a@example.com","name":"A\u061c"}`), status: 422, code: invalid, field: "name"},
		{name: "pause no round", call: call{method: "POST", path: "/v1/admin/rounds/99/pause", token: token}, status: 404, code: "not_found"},
		{name: "open an odd round", call: call{method: "POST", path: "/v1/admin/rounds/x/open", token: token}, status: 404, code: "not_found"},
	}
}

// TestWordingOfBadDays: the field once, and what would be right.
func TestWordingOfBadDays(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(admin, ticketing.Admin)
	for want, c := range map[string]call{
		"birth: a day such as 2026-12-24":                                        {"POST", "/v1/admin/performers", token, `{"name":"N","birth":"1980"}`, nil},
		"birth: a day such as 1980-03-28, from 1900-01-01 to today, or left out": {"POST", "/v1/admin/performers", token, `{"name":"N","birth":"2999-01-01"}`, nil},
		"from: a day such as 2026-12-24":                                         {method: "GET", path: "/v1/performances?from=soon"},
		"to: the day of from, or later":                                          {method: "GET", path: "/v1/search?from=2026-12-24&to=2026-12-23"},
		"opens_at: a moment such as 2026-12-24T19:30:00+09:00": {"POST", "/v1/admin/performances/1/rounds", token,
			strings.Replace(h.roundTimes(), `"opens_at":"`, `"opens_at":"x`, 1), nil},
	} {
		p := h.do(c).wantStatus(http.StatusUnprocessableEntity).problem()
		if len(p.Errors) != 1 || p.Errors[0].Field+": "+p.Errors[0].Want != want {
			t.Errorf("%+v, want %s", p.Errors, want)
		}
	}
}

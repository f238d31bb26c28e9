package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

func (h *house) as(token, method, path, body string) answer {
	h.t.Helper()
	return h.do(call{method: method, path: path, token: token, body: body})
}

func TestProfileIsSeenAndChanged(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	token := tokensOf(h.logIn("")).AccessToken
	var me profileBody
	h.as(token, "GET", "/v1/me", "").wantStatus(http.StatusOK).decode(&me)
	if me.Email != "kim@example.com" || me.Name != "Kim" || !me.HasPassword || me.EmailVerified || me.Role != "customer" {
		t.Errorf("%+v", me)
	}
	h.as(token, "PATCH", "/v1/me", `{"slack_id":"U012AB3CD"}`).wantStatus(http.StatusOK).decode(&me)
	h.as(token, "PATCH", "/v1/me", `{"name":"김바다"}`).wantStatus(http.StatusOK).decode(&me)
	if me.Name != "김바다" || me.SlackID != "U012AB3CD" {
		t.Errorf("%+v", me)
	}
	h.as(token, "PATCH", "/v1/me", `{"slack_id":""}`).wantStatus(http.StatusOK)
	before := h.everything()
	for _, body := range []string{
		`{"role":"admin"}`, `{"email":"x@example.com"}`, `{"email_verified":true}`, `{"id":9}`, `{"name":""}`, `{"name":" "}`, `{"name":null,"Name":"x"}`,
		`{"slack_id":"<!channel>"}`, `{"slack_id":"u012"}`, `{"slack_id":"U0123456789012345678901"}`, `{"name":7}`, `[]`,
	} {
		if a := h.as(token, "PATCH", "/v1/me", body).wantStatus(http.StatusUnprocessableEntity); h.everything() != before {
			t.Errorf("%s changed something: %s", body, a.body)
		}
	}
}

func TestChangePassword(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	elsewhere, here := tokensOf(h.logIn("")), tokensOf(h.logIn(""))
	change := func(from, to string) answer {
		return h.as(here.AccessToken, "POST", "/v1/me/password", `{"old_password":"`+from+`","new_password":"`+to+`"}`)
	}
	before := h.everything()
	if c := change("wrong", "green-ticket-8").wantStatus(http.StatusUnauthorized).problem().Code; c != "credentials_invalid" {
		t.Errorf("code %s", c)
	}
	if p := change(kimsPassword, "greenticket").wantStatus(http.StatusUnprocessableEntity).problem(); p.Errors[0].Field != "new_password" {
		t.Errorf("%+v", p)
	}
	if h.everything() != before {
		t.Error("refused, yet something has changed")
	}
	fresh := tokensOf(change(kimsPassword, "green-ticket-8").wantStatus(http.StatusOK))
	h.refreshBy(elsewhere.RefreshToken).ended()
	h.refreshBy(here.RefreshToken).ended()
	h.refreshBy(fresh.RefreshToken).wantStatus(http.StatusOK)
	h.do(post("/v1/auth/login", `{"email":"kim@example.com","password":"`+kimsPassword+`"}`)).wantStatus(http.StatusUnauthorized)
	h.do(post("/v1/auth/login", `{"email":"kim@example.com","password":"green-ticket-8"}`)).wantStatus(http.StatusOK)
}

// TestGuessingAPasswordHasOneShare: whoever stole a token may not guess more than by logging in.
func TestGuessingAPasswordHasOneShare(t *testing.T) {
	h := open(t, func(c *Config) { c.Limits.AuthPerAccount = Rate{0.1, 3} })
	h.addKim()
	token := tokensOf(h.logIn("")).AccessToken
	h.as(token, "POST", "/v1/me/password", `{"old_password":"x","new_password":"green-ticket-8"}`).wantStatus(http.StatusUnauthorized)
	h.as(token, "POST", "/v1/me/withdraw", `{"password":"x"}`).wantStatus(http.StatusUnauthorized)
	before := h.everything()
	for _, c := range []call{
		{method: "POST", path: "/v1/me/password", token: token, body: `{"old_password":"` + kimsPassword + `","new_password":"green-ticket-8"}`},
		{method: "POST", path: "/v1/me/withdraw", token: token, body: `{"password":"` + kimsPassword + `"}`},
		post("/v1/auth/login", `{"email":"kim@example.com","password":"`+kimsPassword+`"}`),
	} {
		if h.do(c).wantStatus(http.StatusTooManyRequests); h.everything() != before {
			t.Errorf("%s: something has changed", c.path)
		}
	}
}

func TestWithdraw(t *testing.T) {
	h := withRound(t, nil)
	h.addKim()
	tokens := tokensOf(h.logIn(""))
	other := h.token(otherCustomer, ticketing.Customer)
	before := h.everything()
	for body, status := range map[string]int{`{}`: 401, `{"password":"wrong"}`: 401, `{"password":"wrong","user":8}`: 422} {
		h.as(tokens.AccessToken, "POST", "/v1/me/withdraw", body).wantStatus(status)
	}
	h.accounts.live = true
	if c := h.as(tokens.AccessToken, "POST", "/v1/me/withdraw", `{"password":"`+kimsPassword+`"}`).wantStatus(http.StatusConflict).problem().Code; c != "live_tickets" {
		t.Errorf("code %s", c)
	}
	h.accounts.live = false
	h.as(tokens.AccessToken, "GET", "/v1/me", "").wantStatus(http.StatusOK) // refused: all is as it was
	if h.everything() != before {
		t.Error("refused, yet something has changed")
	}
	h.as(tokens.AccessToken, "POST", "/v1/me/withdraw", `{"password":"`+kimsPassword+`"}`).wantStatus(http.StatusNoContent)
	h.as(tokens.AccessToken, "GET", "/v1/me", "").wantStatus(http.StatusUnauthorized)
	h.do(call{"POST", reservePath, tokens.AccessToken, `{"seats":["A-1-1"]}`, map[string]string{headerIdempotencyKey: "k"}}).wantStatus(http.StatusUnauthorized)
	h.refreshBy(tokens.RefreshToken).ended()
	h.do(post("/v1/auth/login", `{"email":"kim@example.com","password":"`+kimsPassword+`"}`)).wantStatus(http.StatusUnauthorized)
	again := h.do(post("/v1/auth/signup", `{"email":"kim@example.com","password":"`+kimsPassword+`","name":"Kim"}`)).wantStatus(http.StatusConflict)
	if again.problem().Code != "email_taken" {
		t.Errorf("%s", again.body)
	}
	h.as(other, "GET", "/v1/me", "").wantStatus(http.StatusOK)
}

// TestWithdrawWithoutAPassword needs a log-in of a moment ago; a refreshed token is none.
func TestWithdrawWithoutAPassword(t *testing.T) {
	h := open(t, nil)
	long, err := h.tokens.MintFor(auth.Caller{User: customer, Role: ticketing.Customer, LoggedIn: h.clock.Now().Add(-freshLogin - time.Second).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := h.tokens.MintFor(auth.Caller{User: customer, Role: ticketing.Customer, LoggedIn: h.clock.Now().Add(-freshLogin).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	before := h.everything()
	for _, token := range []string{long, h.token(customer, ticketing.Customer)} {
		if c := h.as(token, "POST", "/v1/me/withdraw", `{}`).wantStatus(http.StatusForbidden).problem().Code; c != "reauthentication_required" || h.everything() != before {
			t.Errorf("code %s", c)
		}
	}
	h.as(fresh, "POST", "/v1/me/withdraw", `{}`).wantStatus(http.StatusNoContent)
}

func TestPasswordReset(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	session := tokensOf(h.logIn(""))
	known := h.do(post("/v1/auth/password-reset", `{"email":"KIM@example.com"}`)).wantStatus(http.StatusAccepted)
	unknown := h.do(post("/v1/auth/password-reset", `{"email":"nobody@example.com"}`)).wantStatus(http.StatusAccepted)
	if string(known.body) != string(unknown.body) || len(known.header) != len(unknown.header) || len(h.accounts.resets) != 2 {
		t.Errorf("answers %q and %q", known.body, unknown.body)
	}
	var sent []ticketing.Message
	mailer := ResetMailer{Prepare: h.accounts.PrepareReset, PublicURL: "https://tickets.example.com", Clock: h.clock.Now,
		Send: func(_ context.Context, m ticketing.Message) error { sent = append(sent, m); return nil }}
	for _, job := range []string{`{"reset":1}`, `{"reset":2}`, `{"reset":99}`, `{"reset":1}`} {
		if err := mailer.Work(t.Context(), []byte(job)); err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 2 || sent[1].To != "kim@example.com" {
		t.Fatalf("sent %v", sent)
	}
	token := func(m ticketing.Message) string {
		_, rest, _ := strings.Cut(m.Body, "https://tickets.example.com/reset-password#token=")
		return strings.TrimSpace(rest)
	}
	confirm := func(token, password string) answer {
		return h.do(post("/v1/auth/password-reset/confirm", `{"token":"`+token+`","password":"`+password+`"}`))
	}
	before := h.everything()
	for name, bad := range map[string]string{"replaced": token(sent[0]), "made up": "s3cret", "cut": token(sent[1])[1:], "hash": strings.Repeat("A", 43)} {
		if a := confirm(bad, "green-ticket-8").wantStatus(http.StatusConflict); a.problem().Code != "reset_invalid" || h.everything() != before {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	confirm(token(sent[1]), "short").wantStatus(http.StatusUnprocessableEntity)
	if strings.Contains(h.accounts.state(), token(sent[1])) || h.everything() != before {
		t.Error("the token is kept in clear, or something has changed")
	}
	confirm(token(sent[1]), "green-ticket-8").wantStatus(http.StatusNoContent)
	confirm(token(sent[1]), "green-ticket-9").wantStatus(http.StatusConflict)
	h.refreshBy(session.RefreshToken).ended()
	h.do(post("/v1/auth/login", `{"email":"kim@example.com","password":"green-ticket-8"}`)).wantStatus(http.StatusOK)

	h.do(post("/v1/auth/password-reset", `{"email":"kim@example.com"}`)).wantStatus(http.StatusAccepted)
	last := h.accounts.resets[len(h.accounts.resets)-1].id
	if err := mailer.Work(t.Context(), []byte(`{"reset":`+strconv.FormatInt(last, 10)+`}`)); err != nil || len(sent) != 3 {
		t.Fatal(err, sent)
	}
	h.clock.advance(ResetLife)
	confirm(token(sent[2]), "green-ticket-9").wantStatus(http.StatusConflict)
}

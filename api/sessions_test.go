package api

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

func post(path, body string) call { return call{method: "POST", path: path, body: body} }

func (c call) with(name, value string) call {
	header := map[string]string{name: value}
	for n, v := range c.header {
		header[n] = v
	}
	c.header = header
	return c
}

// logIn logs kim in and returns the answer.
func (h *house) logIn(extra string) answer {
	h.t.Helper()
	return h.do(post("/v1/auth/login", `{"email":"kim@example.com","password":"`+kimsPassword+`"`+extra+`}`)).wantStatus(http.StatusOK)
}

func tokensOf(a answer) (b tokenBody) {
	a.t.Helper()
	a.decode(&b)
	return b
}

func (h *house) refreshBy(token string) answer {
	h.t.Helper()
	return h.do(post("/v1/auth/refresh", `{"refresh_token":"`+token+`"}`))
}

// ended wants the answer that says nothing about why.
func (a answer) ended() {
	a.t.Helper()
	if code := a.wantStatus(http.StatusUnauthorized).problem().Code; code != "session_ended" {
		a.t.Errorf("code %s", code)
	}
}

func TestRefreshTokensAreGoodOnce(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	first := tokensOf(h.logIn(""))
	h.clock.advance(time.Minute)
	second := tokensOf(h.refreshBy(first.RefreshToken).wantStatus(http.StatusOK))
	if second.RefreshToken == first.RefreshToken || !second.SessionExpiresAt.Equal(first.SessionExpiresAt) {
		t.Errorf("second %+v", second)
	}
	if caller, err := h.tokens.Verify(second.AccessToken); err != nil || caller.LoggedIn != h.clock.Now().Add(-time.Minute).Unix() {
		t.Errorf("%+v, %v: a refresh is no log-in", caller, err)
	}
	h.clock.advance(auth.RefreshGrace - time.Millisecond)
	if again := tokensOf(h.refreshBy(first.RefreshToken).wantStatus(http.StatusOK)); again.RefreshToken != second.RefreshToken {
		t.Error("the other tab got another token")
	}
	h.clock.advance(time.Millisecond)
	other := tokensOf(h.logIn(""))
	h.refreshBy(first.RefreshToken).ended()  // a thief, or whoever was robbed
	h.refreshBy(second.RefreshToken).ended() // both are out
	h.refreshBy(other.RefreshToken).wantStatus(http.StatusOK)
}

func TestAUsedTokenEndsTheSessionOnceItsSuccessorWasUsed(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	first := tokensOf(h.logIn(""))
	second := tokensOf(h.refreshBy(first.RefreshToken).wantStatus(http.StatusOK))
	third := tokensOf(h.refreshBy(second.RefreshToken).wantStatus(http.StatusOK))
	h.refreshBy(first.RefreshToken).ended() // within the grace, but two steps behind
	h.refreshBy(third.RefreshToken).ended()
}

func TestTabsThatRefreshTogetherGetTheSame(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	cookie := cookieOf(h.logIn(`,"cookie":true`), refreshCookie)
	got := make([]string, 8)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			got[i] = cookieOf(h.do(post("/v1/auth/refresh", `{}`).with("Cookie", refreshCookie+"="+cookie.Value)), refreshCookie).Value
		})
	}
	all.Wait()
	for _, value := range got {
		if value == "" || value != got[0] || value == cookie.Value {
			t.Fatalf("cookies %v", got)
		}
	}
}

func cookieOf(a answer, name string) *http.Cookie {
	a.t.Helper()
	for _, c := range cookiesOf(a) {
		if c.Name == name {
			return c
		}
	}
	return &http.Cookie{}
}

// cookiesOf are those that a browser would keep: one of each line. Ours have no commas, so a line with one is two.
func cookiesOf(a answer) (found []*http.Cookie) {
	a.t.Helper()
	for _, line := range a.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil || strings.Contains(line, ",") || len(c.Unparsed) > 0 {
			a.t.Fatalf("Set-Cookie: %s: %v", line, err)
		}
		found = append(found, c)
	}
	return found
}

// wantCookies wants these cookies and no other, each once and in its own line.
func wantCookies(a answer, names ...string) {
	a.t.Helper()
	var got []string
	for _, c := range cookiesOf(a) {
		got = append(got, c.Name)
	}
	if !slices.Equal(got, names) {
		a.t.Errorf("cookies %v, want %v", got, names)
	}
}

// TestEachCookieHasItsLine: browsers take one cookie of a line.
func TestEachCookieHasItsLine(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	wantCookies(h.logIn(""), deviceCookie)
	page := h.logIn(`,"cookie":true`)
	wantCookies(page, refreshCookie, deviceCookie)
	if c := cookieOf(page, deviceCookie); c.Path != devicePath || c.MaxAge != int(auth.DeviceLife/time.Second) || !h.server.Tokens.KnowsDevice(c.Value, "kim@example.com") {
		t.Errorf("cookie %+v", c)
	}
	v := h.toKakao("")
	back := v.back(v.agree("1", "", false))
	wantCookies(back, refreshCookie, kakaoCookie)
	if c := cookieOf(back, kakaoCookie); c.MaxAge != -1 || c.Path != kakaoPath {
		t.Errorf("cookie taken back: %+v", c)
	}
}

func TestPagesGetACookieThatNoScriptReads(t *testing.T) {
	for public, secure := range map[string]bool{"": false, "https://tickets.example.com": true} {
		h := open(t, func(c *Config) { c.PublicURL = public })
		h.addKim()
		a := h.logIn(`,"cookie":true`)
		c := cookieOf(a, refreshCookie)
		if tokensOf(a).RefreshToken != "" || strings.Contains(string(a.body), c.Value) {
			t.Error("the refresh token is in the body, too")
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/v1/auth" || c.Secure != secure || c.MaxAge != int(auth.SessionLife/time.Second) {
			t.Errorf("cookie %+v", c)
		}
		next := cookieOf(h.do(post("/v1/auth/refresh", `{}`).with("Cookie", refreshCookie+"="+c.Value)).wantStatus(http.StatusOK), refreshCookie)
		if next.Value == "" || next.Value == c.Value {
			t.Errorf("next cookie %+v", next)
		}
		gone := cookieOf(h.do(post("/v1/auth/logout", `{}`).with("Cookie", refreshCookie+"="+next.Value)).wantStatus(http.StatusNoContent), refreshCookie)
		if gone.MaxAge != -1 || gone.Path != c.Path {
			t.Errorf("cookie taken back: %+v", gone)
		}
		h.refreshBy(next.Value).ended()
	}
}

// TestOtherSitesCannotUseTheCookie is CSRF: a page of another site makes a browser send our cookies along.
func TestOtherSitesCannotUseTheCookie(t *testing.T) {
	h := open(t, func(c *Config) { c.PublicURL = "https://tickets.example.com" })
	h.addKim()
	cookie := cookieOf(h.logIn(`,"cookie":true`), refreshCookie)
	before := h.everything()
	calls := map[string]call{
		"refresh": post("/v1/auth/refresh", `{}`), "logout": post("/v1/auth/logout", `{}`),
		"login": post("/v1/auth/login", `{"email":"kim@example.com","password":"`+kimsPassword+`","cookie":true}`),
		"reset": post("/v1/auth/password-reset", `{"email":"kim@example.com"}`),
	}
	for name, c := range calls {
		c = c.with("Cookie", refreshCookie+"="+cookie.Value)
		for from, attack := range map[string]call{
			"cross-site":       c.with("Sec-Fetch-Site", "cross-site"),
			"same-site":        c.with("Sec-Fetch-Site", "same-site"),
			"origin":           c.with("Origin", "https://evil.example"),
			"null":             c.with("Origin", "null"),
			"our name in http": c.with("Origin", "http://tickets.example.com"),
			"our name inside":  c.with("Origin", "https://tickets.example.com.evil.example"),
			"origin belies":    c.with("Sec-Fetch-Site", "cross-site").with("Origin", "https://tickets.example.com"),
		} {
			a := h.do(attack).wantStatus(http.StatusForbidden)
			if a.problem().Code != "cross_origin" || a.header.Get("Set-Cookie") != "" || h.everything() != before {
				t.Errorf("%s from %s: %s", name, from, a.body)
			}
		}
		form := c.with("Content-Type", "text/plain") // what a form of another site can send without being asked
		if a := h.do(form).wantStatus(http.StatusUnsupportedMediaType); h.everything() != before {
			t.Errorf("%s as a form: %s", name, a.body)
		}
	}
	for _, good := range []call{
		calls["refresh"].with("Sec-Fetch-Site", "same-origin"), calls["refresh"].with("Origin", "https://tickets.example.com"),
		calls["refresh"].with("Origin", h.url),
	} {
		if a := h.do(good.with("Cookie", refreshCookie+"="+cookie.Value)).wantStatus(http.StatusOK); cookieOf(a, refreshCookie).Value == "" {
			t.Error("no cookie")
		}
	}
}

func TestAttacksOnRefreshTokens(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	good := tokensOf(h.logIn(""))
	parsed, err := auth.ParseRefresh(good.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	before := h.everything()
	for name, token := range map[string]string{
		"words": "s3cret", "nobody's": auth.NewRefresh().String(), "an access token": good.AccessToken[:60],
		"padded": good.RefreshToken[:62] + "==", "cut": good.RefreshToken[:63], "blanks": good.RefreshToken[:62] + "  ",
		"the key of the cache": string(testKey),
	} {
		h.refreshBy(token).ended()
		if h.everything() != before {
			t.Errorf("%s: something has changed", name)
		}
	}
	if c := h.refreshBy(good.RefreshToken + "x").wantStatus(http.StatusUnprocessableEntity).problem().Code; c != "invalid_input" {
		t.Errorf("too long: %s", c)
	}
	if strings.Contains(h.accounts.state(), parsed.String()) || strings.Contains(h.log.String(), good.RefreshToken) {
		t.Error("a token is kept in clear")
	}
	for bit := 16 * 8; bit < 48*8; bit += 37 { // of the secret: the family is right
		h := open(t, nil)
		h.addKim()
		token := []byte(tokensOf(h.logIn("")).RefreshToken)
		token[bit/6] = otherLetter(token[bit/6])
		h.refreshBy(string(token)).ended()
	}
	h.clock.advance(auth.SessionLife)
	h.refreshBy(good.RefreshToken).ended()
}

func otherLetter(b byte) byte {
	if b == 'A' {
		return 'B'
	}
	return 'A'
}

func TestLogOut(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	one, two, three := tokensOf(h.logIn("")), tokensOf(h.logIn("")), tokensOf(h.logIn(""))
	for range 2 { // answered the same whether there was a session
		h.do(post("/v1/auth/logout", `{"refresh_token":"`+one.RefreshToken+`"}`)).wantStatus(http.StatusNoContent)
	}
	h.do(post("/v1/auth/logout", `{"refresh_token":"s3cret"}`)).wantStatus(http.StatusNoContent)
	h.refreshBy(one.RefreshToken).ended()
	two = tokensOf(h.refreshBy(two.RefreshToken).wantStatus(http.StatusOK))
	h.do(call{method: "POST", path: "/v1/auth/logout-all", token: two.AccessToken}).wantStatus(http.StatusNoContent)
	h.refreshBy(two.RefreshToken).ended()
	h.refreshBy(three.RefreshToken).ended()
}

func TestSharesOfSessions(t *testing.T) {
	h := open(t, func(c *Config) {
		c.Limits.SessionPerAddress, c.Limits.MailPerAccount, c.Limits.ChangePerUser = Rate{1, 2}, Rate{0.01, 2}, Rate{1, 2}
	})
	limited := func(name string, c call) {
		t.Helper()
		for range 2 {
			if a := h.do(c); a.status == http.StatusTooManyRequests {
				t.Errorf("%s: %s", name, a.body)
			}
		}
		before := h.everything()
		if a := h.do(c).wantStatus(http.StatusTooManyRequests); a.problem().Code != "rate_limited" || a.header.Get("Retry-After") == "" || h.everything() != before {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	limited("refresh", post("/v1/auth/refresh", `{}`))
	limited("mail to nobody", post("/v1/auth/password-reset", `{"email":"nobody@example.com"}`))
	limited("mail to somebody", post("/v1/auth/password-reset", `{"email":"user-7@example.com"}`))
	limited("change", call{method: "PATCH", path: "/v1/me", token: h.token(customer, ticketing.Customer), body: `{"name":"x"}`})
}

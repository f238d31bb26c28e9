package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ticketblue/api/auth"
	"ticketblue/api/auth/fakekakao"
	"ticketblue/ticketing"
)

// visit is a browser on its way through Kakao: where it was sent, and the cookie it carries.
type visit struct {
	h      *house
	cookie string
	at     *url.URL // the consent page
}

// location is where an answer sends the browser.
func location(a answer) *url.URL {
	a.t.Helper()
	u, err := url.Parse(a.wantStatus(http.StatusSeeOther).header.Get("Location"))
	if err != nil {
		a.t.Fatal(err)
	}
	return u
}

// toKakao presses the button.
func (h *house) toKakao(query string) visit {
	h.t.Helper()
	a := h.do(call{method: "GET", path: "/v1/auth/kakao" + query})
	return visit{h, cookieOf(a, kakaoCookie).Value, location(a)}
}

// agree fills in the consent page and returns the callback's address.
func (v visit) agree(sub, email string, verified bool) *url.URL {
	v.h.t.Helper()
	form := url.Values{"sub": {sub}, "nickname": {"하늘"}, "email": {email}, "agree": {"1"}}
	if verified {
		form.Set("verified", "1")
	}
	return location(v.h.do(call{method: "POST", path: v.at.String(), body: form.Encode(),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}))
}

// back comes back from Kakao.
func (v visit) back(to *url.URL) answer {
	v.h.t.Helper()
	return v.h.do(call{method: "GET", path: to.String(), header: map[string]string{"Cookie": kakaoCookie + "=" + v.cookie}})
}

// in wants a log-in that ends on path, and says as whom.
func (h *house) in(a answer, path string) profileBody {
	h.t.Helper()
	if got := location(a).String(); got != path {
		h.t.Fatalf("sent to %s", got)
	}
	refreshed := h.do(post("/v1/auth/refresh", `{}`).with("Cookie", refreshCookie+"="+cookieOf(a, refreshCookie).Value)).wantStatus(http.StatusOK)
	var me profileBody
	h.as(tokensOf(refreshed).AccessToken, "GET", "/v1/me", "").wantStatus(http.StatusOK).decode(&me)
	return me
}

// out wants a log-in that failed and opened nothing.
func (h *house) out(name, before string, a answer, why string) {
	h.t.Helper()
	if got := location(a).String(); got != "/login?kakao="+why || cookieOf(a, refreshCookie).Value != "" || h.everything() != before {
		h.t.Errorf("%s: sent to %s, want %s", name, got, why)
	}
}

func TestKakaoLogsIn(t *testing.T) {
	h := open(t, nil)
	v := h.toKakao("?return=/rounds/42")
	q := v.at.Query()
	for _, field := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(field)) < 20 {
			t.Errorf("%s is %q", field, q.Get(field))
		}
	}
	if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || strings.Contains(v.at.String(), fakekakao.ClientSecret) {
		t.Errorf("sent to %s", v.at)
	}
	me := h.in(v.back(v.agree("1", "Hanul@Kakao.test", true)), "/rounds/42")
	if me.Email != "hanul@kakao.test" || !me.EmailVerified || me.Name != "하늘" || me.HasPassword || me.Role != "customer" {
		t.Errorf("%+v", me)
	}
	v = h.toKakao("?again=true")
	if v.at.Query().Get("prompt") != "login" {
		t.Errorf("sent to %s", v.at)
	}
	if again := h.in(v.back(v.agree("1", "", false)), "/"); again.ID != me.ID {
		t.Errorf("another account: %+v", again)
	}
}

// TestNobodyIsNull: people without an e-mail, or with one that Kakao has not verified, are each somebody.
func TestNobodyIsNull(t *testing.T) {
	h := open(t, nil)
	seen := map[int64]bool{}
	for _, sub := range []string{"1", "2", "3"} {
		v := h.toKakao("")
		me := h.in(v.back(v.agree(sub, map[string]string{"3": "kim@example.com"}[sub], false)), "/")
		if me.Email != "" || seen[me.ID] {
			t.Errorf("%+v", me)
		}
		seen[me.ID] = true
	}
}

func TestWhoseAccountKakaoOpens(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	enter := func(sub string, verified bool) answer {
		v := h.toKakao("")
		return v.back(v.agree(sub, "kim@example.com", verified))
	}
	// Somebody signed up with this e-mail; nobody has shown that he reads mail there. Whoever does must not get into
	// an account that the other one has the password of.
	before := h.everything()
	h.out("not verified here", before, enter("1", true), kakaoLinkFirst)
	if me := h.in(enter("2", false), "/"); me.Email != "" {
		t.Errorf("an e-mail Kakao has not verified became %+v", me)
	}
	kim, err := h.accounts.UserByEmail(t.Context(), "kim@example.com")
	if err != nil {
		t.Fatal(err)
	}
	verify := func(u *ticketing.User) { u.EmailVerified = true }
	if err := h.accounts.change(kim.ID, verify); err != nil {
		t.Fatal(err)
	}
	if me := h.in(enter("1", true), "/"); me.ID != int64(kim.ID) {
		t.Errorf("verified on both sides: %+v", me)
	}
	before = h.everything()
	h.out("a second Kakao account with the e-mail", before, enter("3", true), kakaoOther)
	if err := h.accounts.change(admin, func(u *ticketing.User) { verify(u); u.Email = "boss@example.com" }); err != nil {
		t.Fatal(err)
	}
	v := h.toKakao("")
	before = h.everything()
	h.out("an admin's e-mail", before, v.back(v.agree("4", "boss@example.com", true)), kakaoLinkFirst)
	if err := h.accounts.Withdraw(t.Context(), kim.ID, h.clock.Now()); err != nil {
		t.Fatal(err)
	}
	before = h.everything()
	h.out("a withdrawn e-mail", before, enter("5", true), kakaoTaken)
}

func TestLinkingWithKakao(t *testing.T) {
	h := open(t, nil)
	begin := func(user ticketing.UserID) visit {
		a := h.as(h.token(user, ticketing.Customer), "POST", "/v1/me/kakao", `{"return":"/me"}`).wantStatus(http.StatusOK)
		var link struct{ URL string }
		a.decode(&link)
		at, err := url.Parse(link.URL)
		if err != nil {
			t.Fatal(err)
		}
		return visit{h, cookieOf(a, kakaoCookie).Value, at}
	}
	v := begin(customer)
	if me := h.in(v.back(v.agree("1", "", false)), "/me"); me.ID != int64(customer) {
		t.Errorf("linked to %+v", me)
	}
	v = h.toKakao("")
	if me := h.in(v.back(v.agree("1", "", false)), "/"); me.ID != int64(customer) {
		t.Errorf("logged in as %+v", me)
	}
	before := h.everything()
	v = begin(otherCustomer)
	h.out("another's identity", before, v.back(v.agree("1", "", false)), kakaoOther)
	v = begin(customer)
	h.out("a second identity", before, v.back(v.agree("2", "", false)), kakaoOther)
}

// TestAttacksOnTheWayBack are log-in CSRF, codes of others, and answers that were meddled with.
func TestAttacksOnTheWayBack(t *testing.T) {
	h := open(t, nil)
	change := func(u *url.URL, name, value string) *url.URL {
		q := u.Query()
		if q.Set(name, value); value == "" {
			q.Del(name)
		}
		return &url.URL{Path: u.Path, RawQuery: q.Encode()}
	}
	mine, thiefs := h.toKakao(""), h.toKakao("")
	before := h.everything()
	attacks := map[string]func(good, other *url.URL) answer{
		"the thief's code and state in my browser": func(_, other *url.URL) answer { return mine.back(other) },
		"the thief's code with my state":           func(good, other *url.URL) answer { return mine.back(change(good, "code", other.Query().Get("code"))) },
		"no cookie":                                func(good, _ *url.URL) answer { return h.do(call{method: "GET", path: good.String()}) },
		"another cookie":                           func(good, _ *url.URL) answer { return visit{h, thiefs.cookie, nil}.back(good) },
		"a cookie made up":                         func(good, _ *url.URL) answer { return visit{h, strings.Repeat("A", 200), nil}.back(good) },
		"a cookie changed": func(good, _ *url.URL) answer {
			return visit{h, mine.cookie[:40] + string(otherLetter(mine.cookie[40])) + mine.cookie[41:], nil}.back(good)
		},
		"no state":       func(good, _ *url.URL) answer { return mine.back(change(good, "state", "")) },
		"another state":  func(good, _ *url.URL) answer { return mine.back(change(good, "state", strings.Repeat("A", 26))) },
		"a code made up": func(good, _ *url.URL) answer { return mine.back(change(good, "code", "s3cret")) },
	}
	for name, attack := range attacks {
		h.out(name, before, attack(mine.agree("1", "", false), thiefs.agree("2", "", false)), kakaoFailed)
	}
	h.out("not agreed", before, mine.back(change(mine.agree("1", "", false), "error", "access_denied")), kakaoDenied)
	h.out("no code", before, mine.back(change(mine.agree("1", "", false), "code", "")), kakaoDenied)
	good := mine.agree("1", "", false)
	h.in(mine.back(good), "/")
	before = h.everything()
	h.out("a code twice", before, mine.back(good), kakaoFailed)
	good = mine.agree("1", "", false)
	h.clock.advance(auth.AttemptLife)
	h.out("too late", before, mine.back(good), kakaoFailed)
}

func TestKakaoReturnsToPagesOfOursOnly(t *testing.T) {
	h := open(t, nil)
	for _, bad := range []string{
		"https://evil.example", "//evil.example", "/\\evil.example", "\\evil.example", "javascript:alert(1)", "evil", "/%00" + "\x01", "/a b", "/" + strings.Repeat("a", 200),
	} {
		a := h.do(call{method: "GET", path: "/v1/auth/kakao?return=" + url.QueryEscape(bad)}).wantStatus(http.StatusUnprocessableEntity)
		if p := a.problem(); p.Errors[0].Field != "return" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %s", bad, a.body)
		}
	}
}

func TestKakaoThatIsNotThere(t *testing.T) {
	h := open(t, func(c *Config) { c.Kakao, c.FakeKakao = nil, nil })
	token := h.token(customer, ticketing.Customer)
	for _, c := range []call{
		{method: "GET", path: "/v1/auth/kakao"}, {method: "GET", path: "/v1/auth/kakao/callback?code=x&state=y"},
		{method: "POST", path: "/v1/me/kakao", token: token, body: `{}`}, {method: "GET", path: "/fake/kakao/oauth/authorize"},
	} {
		h.do(c).wantStatus(http.StatusNotFound)
	}
}

// liar answers like Kakao, with one thing changed.
type liar struct {
	fake   *fakekakao.Kakao
	change func(path string, r *http.Response)
	down   bool
}

func (l liar) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.down {
		return nil, http.ErrServerClosed
	}
	answer, err := l.fake.RoundTrip(r)
	if err == nil {
		l.change(r.URL.Path, answer)
	}
	return answer, err
}

// TestWhatKakaoSaysIsChecked: another provider's answers, mixed up or meddled with, open nothing.
func TestWhatKakaoSaysIsChecked(t *testing.T) {
	none := func(string, *http.Response) {}
	rows := map[string]struct {
		why    string
		places func(*auth.KakaoPlaces)
		client string
		change func(path string, r *http.Response)
		down   bool
		nonce  string // that Kakao is told instead of ours; "-": none
	}{
		"another issuer":   {why: kakaoFailed, places: func(p *auth.KakaoPlaces) { p.Issuer = "https://other.example" }, change: none},
		"another audience": {why: kakaoFailed, change: replaceInToken(t, "aud", "other")},
		"another nonce":    {why: kakaoFailed, change: none, nonce: strings.Repeat("A", 26)},
		"no nonce":         {why: kakaoFailed, change: none, nonce: "-"},
		"meddled with":     {why: kakaoFailed, change: replaceInToken(t, "sub", "2")},
		"no token at all":  {why: kakaoFailed, change: dropToken},
		"another person":   {why: kakaoFailed, change: replaceBody("/userinfo", `{"sub":"2","email":"kim@example.com","email_verified":true}`)},
		"a wrong secret":   {why: kakaoFailed, change: none, client: "wrong"},
		"away":             {why: kakaoDown, change: none, down: true},
	}
	for name, row := range rows {
		h := open(t, func(c *Config) {
			places, secret := fakekakao.Places, fakekakao.ClientSecret
			if row.places != nil {
				row.places(&places)
			}
			if row.client != "" {
				secret = row.client
			}
			kakao, err := auth.NewKakao(auth.KakaoOptions{
				Places: places, ClientID: fakekakao.ClientID, ClientSecret: secret, Key: testKey, RedirectURL: "/v1/auth/kakao/callback",
				Clock: c.Clock, Transport: liar{c.FakeKakao, row.change, row.down},
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Kakao = kakao
		})
		v := h.toKakao("")
		if q := v.at.Query(); row.nonce != "" {
			q.Set("nonce", strings.Trim(row.nonce, "-"))
			v.at.RawQuery = q.Encode()
		}
		before := h.everything()
		h.out(name, before, v.back(v.agree("1", "", false)), row.why)
		if strings.Contains(h.log.String(), fakekakao.ClientSecret) {
			t.Errorf("%s: the secret is in the log", name)
		}
	}
}

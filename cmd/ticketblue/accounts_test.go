package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	tb "ticketblue/api/client"
	"ticketblue/persistence/embedded/pgtest"
)

// TestAccountsThroughTheWholeProgram goes the ways of an account over HTTP, with the real database, River and outbox.
func TestAccountsThroughTheWholeProgram(t *testing.T) {
	s := startServer(t, t.TempDir(), "--database-url", pgtest.DSN(t))
	const email, first, second = "kim@example.com", "blue-ticket-7", "green-ticket-8"
	ctx, nobody := t.Context(), as(t, s.url, "")
	logIn := func(password string) reply[*tb.LoginResponse] {
		return answered(nobody.LoginWithResponse(ctx, nil, tb.LoginInputBody{Email: email, Password: password}))
	}
	refresh := func(session *tb.TokenBody) reply[*tb.RefreshResponse] {
		return answered(nobody.RefreshWithResponse(ctx, nil, tb.RefreshInputBody{RefreshToken: session.RefreshToken}))
	}
	signup := tb.SignupInputBody{Email: email, Password: first, Name: "김하늘"}
	answered(nobody.SignupWithResponse(ctx, signup)).want(t, 201)
	session := logIn(first).want(t, 200).JSON200
	next, same := refresh(session).want(t, 200).JSON200, refresh(session).want(t, 200).JSON200
	if *next.RefreshToken != *same.RefreshToken || *next.RefreshToken == *session.RefreshToken {
		t.Errorf("refresh tokens %v, %v", next, same)
	}

	for _, to := range []string{"nobody@example.com", email} {
		answered(nobody.RequestResetWithResponse(ctx, tb.ResetInputBody{Email: to})).want(t, 202)
	}
	link := s.awaitMail(email)
	if !strings.HasPrefix(link, s.url+"/reset-password#token=") {
		t.Fatalf("link %s", link)
	}
	_, token, _ := strings.Cut(link, "#token=")
	reset := tb.ConfirmResetInputBody{Token: token, Password: second}
	answered(nobody.ConfirmResetWithResponse(ctx, reset)).want(t, 204)
	answered(nobody.ConfirmResetWithResponse(ctx, reset)).want(t, 409)
	refresh(next).want(t, 401)
	logIn(first).want(t, 401)
	kim := as(t, s.url, logIn(second).want(t, 200).JSON200.AccessToken)
	if me := answered(kim.GetMeWithResponse(ctx)).want(t, 200).JSON200; !me.EmailVerified || me.Name != "김하늘" {
		t.Errorf("me %+v", me)
	}
	password := second
	for _, status := range []int{204, 401} {
		answered(kim.WithdrawWithResponse(ctx, tb.WithdrawInputBody{Password: &password})).want(t, status)
	}
	answered(nobody.SignupWithResponse(ctx, signup)).want(t, 409)
	logIn(second).want(t, 401)
}

// linkWithToken is what the mails of a new password and of a new admin have, and no notice does: a new customer's
// welcome coupon may be in the outbox before them.
var linkWithToken = regexp.MustCompile(`http\S+#token=\S+`)

// awaitMail asks the outbox until there is a mail to somebody with a link that has a token, and returns the link.
func (s *server) awaitMail(to string) string {
	s.t.Helper()
	link := ""
	poll(s.t, "a mail to "+to, func() bool {
		box := mustAsk(s.t, 200, "GET", s.ops+"/outbox", "", nil).body
		for _, m := range box["messages"].([]any) {
			mail := m.(map[string]any)
			if found := linkWithToken.FindString(mail["body"].(string)); mail["to"] == to && found != "" && link == "" {
				link = found
			}
		}
		return link != ""
	})
	return link
}

func TestAdminsThroughTheWholeProgram(t *testing.T) {
	dsn := pgtest.DSN(t)
	data := t.TempDir()
	s := startServer(t, data, "--database-url", dsn)
	made := program("admin", "create", "--data", data, "--database-url", dsn, "--email", "first@example.com", "--password-stdin")
	made.Stdin = strings.NewReader("blue-ticket-7\n")
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, nobody := t.Context(), as(t, s.url, "")
	logIn := func(email, password string) *tb.ClientWithResponses {
		t.Helper()
		session := answered(nobody.LoginWithResponse(ctx, nil, tb.LoginInputBody{Email: email, Password: password})).want(t, 200)
		return as(t, s.url, session.JSON200.AccessToken)
	}
	first := logIn("first@example.com", "blue-ticket-7")
	second := answered(first.CreateAdminWithResponse(ctx, tb.CreateAdminInputBody{Email: "second@example.com", Name: "둘"})).want(t, 201).JSON201
	_, token, _ := strings.Cut(s.awaitMail("second@example.com"), "#token=")
	answered(nobody.ConfirmResetWithResponse(ctx, tb.ConfirmResetInputBody{Token: token, Password: "green-ticket-8"})).want(t, 204)
	his := logIn("second@example.com", "green-ticket-8")
	answered(his.ListAuditWithResponse(ctx, nil)).want(t, 200)
	answered(first.DropAdminWithResponse(ctx, second.Id)).want(t, 204)
	answered(his.ListAuditWithResponse(ctx, nil)).want(t, 403) // at once, although his token says admin

	items := answered(first.ListAuditWithResponse(ctx, nil)).want(t, 200).JSON200.Items
	var log []string
	for _, e := range items {
		log = append(log, e.Operation)
		if e.Status == nil || e.User == 0 && *e.Status != 201 {
			t.Errorf("entry %+v", e)
		}
	}
	if got := strings.Join(log, " "); got != "drop-admin list-audit create-admin create-admin" || second.Role != tb.AccountBodyRoleAdmin {
		t.Errorf("audit log %q", got)
	}
	if id := items[0].Targets["id"]; id != fmt.Sprint(second.Id) {
		t.Errorf("targets %v", items[0].Targets)
	}
	byAdmin, byCommand := items[2], items[3]
	if byAdmin.User == 0 || byAdmin.Targets["admin"] != fmt.Sprint(second.Id) || byCommand.User != 0 || byCommand.Targets["admin"] != fmt.Sprint(byAdmin.User) {
		t.Errorf("made by an admin %+v, by the command %+v", byAdmin, byCommand)
	}
}

// TestRevocationsOutliveARestart: what was taken back stays so, although the tokens themselves still say otherwise.
func TestRevocationsOutliveARestart(t *testing.T) {
	s := startServer(t, t.TempDir())
	for _, email := range []string{"first@example.com", "second@example.com"} {
		made := program("admin", "create", "--data", s.data, "--email", email, "--password-stdin")
		made.Stdin = strings.NewReader("blue-ticket-7\n")
		if out, err := made.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	logIn := func(email string) (access, refresh string) {
		t.Helper()
		got := mustAsk(t, 200, "POST", s.url+"/v1/auth/login", "", map[string]any{"email": email, "password": "blue-ticket-7"}).body
		return got["access_token"].(string), got["refresh_token"].(string)
	}
	for _, name := range []string{"kim", "lee"} {
		mustAsk(t, 201, "POST", s.url+"/v1/auth/signup", "", map[string]any{"email": name + "@example.com", "password": "blue-ticket-7", "name": name})
	}
	kim, kims := logIn("kim@example.com")
	lee, lees := logIn("lee@example.com")
	first, _ := logIn("first@example.com")
	second, seconds := logIn("second@example.com")
	dropped := mustAsk(t, 200, "GET", s.url+"/v1/me", second, nil).body["id"]
	mustAsk(t, 204, "POST", s.url+"/v1/me/withdraw", kim, map[string]any{"password": "blue-ticket-7"})
	mustAsk(t, 204, "POST", s.url+"/v1/auth/logout-all", lee, nil)
	mustAsk(t, 204, "DELETE", s.url+fmt.Sprintf("/v1/admin/admins/%v", dropped), first, nil)
	for _, when := range []string{"before", "after"} {
		mustAsk(t, 401, "GET", s.url+"/v1/me", kim, nil)
		mustAsk(t, 403, "GET", s.url+"/v1/admin/audit", second, nil)
		for _, refresh := range []string{kims, lees, seconds} {
			mustAsk(t, 401, "POST", s.url+"/v1/auth/refresh", "", map[string]any{"refresh_token": refresh})
		}
		mustAsk(t, 200, "GET", s.url+"/v1/admin/audit", first, nil)
		if when == "before" {
			s.kill()
			s = startServer(t, s.data)
		}
	}
}

// cookieBrowser is an HTTP client that keeps cookies and follows redirects.
func cookieBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: answerLimit}
}

// TestKakaoButtonWorksWithNothingConfigured is what a browser does, click by click.
func TestKakaoButtonWorksWithNothingConfigured(t *testing.T) {
	s := startServer(t, t.TempDir(), "--database-url", pgtest.DSN(t))
	b := cookieBrowser(t)
	page, err := b.Get(s.url + "/v1/auth/kakao?return=/reservations")
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	if page.StatusCode != 200 || page.Request.URL.Path != "/fake/kakao/oauth/authorize" {
		t.Fatalf("%d at %s", page.StatusCode, page.Request.URL)
	}
	back, err := b.PostForm(page.Request.URL.String(), url.Values{"sub": {"1"}, "nickname": {"하늘"}, "agree": {"1"}})
	if err != nil {
		t.Fatal(err)
	}
	back.Body.Close()
	if back.StatusCode != 200 || back.Request.URL.Path != "/reservations" {
		t.Fatalf("%d at %s", back.StatusCode, back.Request.URL)
	}
	fresh, err := b.Post(s.url+"/v1/auth/refresh", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	fresh.Body.Close()
	if fresh.StatusCode != 200 {
		t.Errorf("refresh answered %d", fresh.StatusCode)
	}
}

func TestTheFakeKakaoStaysAtHome(t *testing.T) {
	dsn := pgtest.DSN(t)
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"a public address in front": {[]string{"--public-url", "https://tickets.example.com"}, 404},
		"open to others":            {[]string{"--listen", "0.0.0.0:0"}, 404},
		"asked for":                 {[]string{"--listen", "0.0.0.0:0", "--fake-kakao"}, 400},
	} {
		s := startServer(t, t.TempDir(), append([]string{"--database-url", dsn}, c.args...)...)
		resp, err := client.Get(strings.Replace(s.url, "[::]", "127.0.0.1", 1) + "/fake/kakao/oauth/authorize")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
		s.stop()
	}
	for _, args := range [][]string{{"--fake-kakao", "--kakao-client-id", "x"}, {"--kakao-client-id", "x"}, {"--public-url", "tickets.example.com"}} {
		cmd := program(append([]string{"serve", "--data", t.TempDir(), "--database-url", dsn, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"}, args...)...)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "ticketblue: ") {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
}

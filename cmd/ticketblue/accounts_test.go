package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"ticketblue/persistence/embedded/pgtest"
)

// TestAccountsThroughTheWholeProgram goes the ways of an account over HTTP, with the real database, River and outbox.
func TestAccountsThroughTheWholeProgram(t *testing.T) {
	s := startServer(t, t.TempDir(), "--database-url", pgtest.DSN(t))
	const email, first, second = "kim@example.com", "blue-ticket-7", "green-ticket-8"
	credentials := func(password string) map[string]string {
		return map[string]string{"email": email, "password": password}
	}
	post := func(want int, path, token string, body any) map[string]any {
		t.Helper()
		return mustAsk(t, want, "POST", s.url+path, token, body).body
	}
	signup := map[string]string{"email": email, "password": first, "name": "김하늘"}
	post(201, "/v1/auth/signup", "", signup)
	session := post(200, "/v1/auth/login", "", credentials(first))
	next := post(200, "/v1/auth/refresh", "", map[string]any{"refresh_token": session["refresh_token"]})
	same := post(200, "/v1/auth/refresh", "", map[string]any{"refresh_token": session["refresh_token"]})
	if next["refresh_token"] != same["refresh_token"] || next["refresh_token"] == session["refresh_token"] {
		t.Errorf("refresh tokens %v, %v", next, same)
	}

	post(202, "/v1/auth/password-reset", "", map[string]string{"email": "nobody@example.com"})
	post(202, "/v1/auth/password-reset", "", map[string]string{"email": email})
	link := s.awaitMail(email)
	if !strings.HasPrefix(link, s.url+"/reset-password#token=") {
		t.Fatalf("link %s", link)
	}
	_, token, _ := strings.Cut(link, "#token=")
	reset := map[string]string{"token": token, "password": second}
	post(204, "/v1/auth/password-reset/confirm", "", reset)
	post(409, "/v1/auth/password-reset/confirm", "", reset)
	post(401, "/v1/auth/refresh", "", map[string]any{"refresh_token": next["refresh_token"]})
	post(401, "/v1/auth/login", "", credentials(first))
	access := post(200, "/v1/auth/login", "", credentials(second))["access_token"].(string)
	if me := mustAsk(t, 200, "GET", s.url+"/v1/me", access, nil).body; me["email_verified"] != true || me["name"] != "김하늘" {
		t.Errorf("me %v", me)
	}
	post(204, "/v1/me/withdraw", access, map[string]string{"password": second})
	post(401, "/v1/me/withdraw", access, map[string]string{"password": second})
	post(409, "/v1/auth/signup", "", signup)
	post(401, "/v1/auth/login", "", credentials(second))
}

// awaitMail asks the outbox until there is a mail to somebody, and returns the link in it.
func (s *server) awaitMail(to string) string {
	s.t.Helper()
	until := time.Now().Add(answerLimit)
	for time.Now().Before(until) {
		box := mustAsk(s.t, 200, "GET", s.ops+"/outbox", "", nil).body
		for _, m := range box["messages"].([]any) {
			if mail := m.(map[string]any); mail["to"] == to {
				return regexp.MustCompile(`http\S+`).FindString(mail["body"].(string))
			}
		}
	}
	s.t.Fatalf("no mail to %s", to)
	return ""
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
	logIn := func(email, password string) string {
		return mustAsk(t, 200, "POST", s.url+"/v1/auth/login", "", map[string]string{"email": email, "password": password}).body["access_token"].(string)
	}
	first := logIn("first@example.com", "blue-ticket-7")
	second := mustAsk(t, 201, "POST", s.url+"/v1/admin/admins", first, map[string]string{"email": "second@example.com", "name": "둘"}).body
	_, token, _ := strings.Cut(s.awaitMail("second@example.com"), "#token=")
	mustAsk(t, 204, "POST", s.url+"/v1/auth/password-reset/confirm", "", map[string]string{"token": token, "password": "green-ticket-8"})
	his := logIn("second@example.com", "green-ticket-8")
	mustAsk(t, 200, "GET", s.url+"/v1/admin/audit", his, nil)
	mustAsk(t, 204, "DELETE", s.url+"/v1/admin/admins/2", first, nil)
	mustAsk(t, 403, "GET", s.url+"/v1/admin/audit", his, nil) // at once, although his token says admin

	items := mustAsk(t, 200, "GET", s.url+"/v1/admin/audit", first, nil).body["items"].([]any)
	var log []string
	for _, item := range items {
		e := item.(map[string]any)
		log = append(log, e["operation"].(string))
		if e["status"] == nil || e["user"] == nil {
			t.Errorf("entry %v", e)
		}
	}
	if got := strings.Join(log, " "); got != "drop-admin list-audit create-admin" || second["role"] != "admin" {
		t.Errorf("audit log %q", got)
	}
	if targets := items[0].(map[string]any)["targets"].(map[string]any); targets["id"] != "2" {
		t.Errorf("targets %v", targets)
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

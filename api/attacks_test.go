package api

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"ticketblue/api/auth"
	"ticketblue/api/auth/fakekakao"
	"ticketblue/ticketing"
)

// Attacks that no other file is about; docs/security.md lists all of them with their tests.

// signer has a key that Kakao's list of keys names, so that a claim is refused for what it says and not for its signature.
type signer struct {
	key    *rsa.PrivateKey
	method jwt.SigningMethod
	claims func(jwt.MapClaims)
}

func (s signer) rewrite(path string, r *http.Response) {
	if strings.HasSuffix(path, "/jwks.json") {
		number := base64.RawURLEncoding.EncodeToString
		body, _ := json.Marshal(map[string]any{"keys": []any{map[string]string{ // text only
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "ours", "n": number(s.key.N.Bytes()), "e": "AQAB",
		}}})
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	rewriteGrant(path, r, func(grant map[string]any) {
		old, _, err := jwt.NewParser().ParseUnverified(grant["id_token"].(string), jwt.MapClaims{})
		if err != nil {
			return // the row that must get in shows it
		}
		claims := old.Claims.(jwt.MapClaims)
		s.claims(claims)
		token := jwt.NewWithClaims(s.method, claims)
		token.Header["kid"] = "ours"
		var key any = s.key
		switch s.method {
		case jwt.SigningMethodNone:
			key = jwt.UnsafeAllowNoneSignatureType
		case jwt.SigningMethodHS256: // the public key, taken for a secret
			key = x509.MarshalPKCS1PublicKey(&s.key.PublicKey)
		}
		grant["id_token"], _ = token.SignedString(key) // as above
	})
}

func TestWhatKakaoSignsIsChecked(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for name, s := range map[string]signer{
		"as it should be":      {key, jwt.SigningMethodRS256, set("x", "y")},
		"another audience":     {key, jwt.SigningMethodRS256, set("aud", "another application")},
		"no audience":          {key, jwt.SigningMethodRS256, set("aud", nil)},
		"another issuer":       {key, jwt.SigningMethodRS256, set("iss", "https://evil.example")},
		"expired":              {key, jwt.SigningMethodRS256, set("exp", long)},
		"another nonce":        {key, jwt.SigningMethodRS256, set("nonce", strings.Repeat("A", 26))},
		"no nonce":             {key, jwt.SigningMethodRS256, set("nonce", nil)},
		"no subject":           {key, jwt.SigningMethodRS256, set("sub", nil)},
		"unsigned":             {key, jwt.SigningMethodNone, set("x", "y")},
		"signed by public key": {key, jwt.SigningMethodHS256, set("x", "y")},
	} {
		h := open(t, func(c *Config) {
			kakao, err := auth.NewKakao(auth.KakaoOptions{
				Places: fakekakao.Places, ClientID: fakekakao.ClientID, ClientSecret: fakekakao.ClientSecret, Key: testKey,
				RedirectURL: "/v1/auth/kakao/callback", Clock: c.Clock, Transport: liar{c.FakeKakao, s.rewrite, false},
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Kakao = kakao
		})
		v := h.toKakao("")
		before := h.everything()
		if a := v.back(v.agree("1", "", false)); name == "as it should be" {
			h.in(a, "/")
		} else {
			h.out(name, before, a, kakaoFailed)
		}
	}
}

// TestNobodyLearnsWhoHasAnAccount: a log-in that fails says the same and hashes as often, whoever it was for.
func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	var hashed atomic.Int64 // asked after every hash
	h := open(t, func(c *Config) {
		passwords, err := auth.NewPasswords(func() bool { hashed.Add(1); return false })
		if err != nil {
			t.Fatal(err)
		}
		c.Passwords = passwords
	})
	h.addKim()
	add := func(email string, change func(*ticketing.User)) {
		id, err := h.accounts.CreateUser(context.Background(), ticketing.User{Email: email, Name: "N", Role: ticketing.Customer})
		if err == nil && change != nil {
			err = h.accounts.change(id, change)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("by-kakao@example.com", nil) // no password
	add("gone@example.com", nil)
	gone, err := h.accounts.UserByEmail(t.Context(), "gone@example.com")
	if err == nil {
		err = h.accounts.Withdraw(t.Context(), gone.ID, h.clock.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	var first answer
	for i, email := range []string{"nobody@example.com", "kim@example.com", "by-kakao@example.com", "gone@example.com"} {
		before, state := hashed.Load(), h.everything()
		a := h.do(post("/v1/auth/login", `{"email":"`+email+`","password":"wrong-pass-1"}`)).wantStatus(http.StatusUnauthorized)
		if n := hashed.Load() - before; n != 1 || h.everything() != state {
			t.Errorf("%s: hashed %d times, or something has changed", email, n)
		}
		p := a.problem()
		p.RequestID = ""
		if i == 0 {
			first = a
			continue
		}
		other := first.problem()
		other.RequestID = ""
		if fmt.Sprint(p) != fmt.Sprint(other) || len(a.header) != len(first.header) || len(a.body) != len(first.body) {
			t.Errorf("%s: %s %v, and for nobody %s %v", email, a.body, a.header, first.body, first.header)
		}
	}
}

// TestOtherSitesChangeNothing is CSRF on every operation there is, by the customer and by the admin.
func TestOtherSitesChangeNothing(t *testing.T) {
	h := houseOfTheMatrix(t)
	tried := 0
	for id, row := range accessMatrix(h) {
		if !changes(row.method) {
			continue
		}
		for _, token := range []string{h.token(admin, ticketing.Admin), h.token(customer, ticketing.Customer)} {
			c := call{row.method, row.path, token, row.body, map[string]string{headerIdempotencyKey: "k"}}
			maps.Copy(c.header, row.header)
			before := h.everything()
			a := h.do(c.with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.example"))
			if a.status != http.StatusForbidden || a.problem().Code != string(codeCrossOrigin) || h.everything() != before {
				t.Errorf("%s: %d %s", id, a.status, a.body)
			}
			tried++
		}
	}
	if tried < 50 {
		t.Errorf("only %d requests were tried", tried)
	}
}

// TestOutboxIsText: what people put into mails is shown, not run.
func TestOutboxIsText(t *testing.T) {
	evil := `<script>alert(1)</script><a href="javascript:alert(1)">x</a> javascript:alert(2) https://tickets.example.com/?a=1"onmouseover="alert(3)`
	server := NewOps(nil, slog.Default())
	server.Open(OpsConfig{Outbox: func(context.Context) ([]ticketing.Message, error) {
		return []ticketing.Message{{ID: 1, To: evil, Subject: evil, Body: evil}}, nil
	}})
	ask := httptest.NewRequest(http.MethodGet, "http://localhost/outbox", http.NoBody)
	ask.Header.Set("Accept", "text/html")
	page := httptest.NewRecorder()
	server.Handler.ServeHTTP(page, ask)
	body := page.Body.String()
	for _, bad := range []string{"<script", `href="javascript:`, `"onmouseover`, "<a href=\"javascript"} {
		if strings.Contains(body, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	if page.Code != http.StatusOK || strings.Count(body, "&lt;script&gt;") != 3 || !strings.Contains(body, `href="https://tickets.example.com/?a=1"`) ||
		!strings.Contains(page.Header().Get("Content-Security-Policy"), "default-src 'none'") || page.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", page.Code, page.Header(), body)
	}
}

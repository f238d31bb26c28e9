// Package fakekakao is a Kakao for those who have none: the same protocol, a consent page of its own, and it believes
// whatever it is told. It lets anybody in as anybody, so it must not stand where strangers come.
package fakekakao

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"

	"ticketblue/api/auth"
)

const (
	// Path is where the server of pages must mount Handler.
	Path = "/fake/kakao"
	// ClientID is what it knows its one client by.
	ClientID = "fake-client"
	// ClientSecret opens nothing but the fake.
	ClientSecret = "fake-secret"

	host      = "http://kakao.invalid" // nobody's: the program asks the handler itself
	codeLife  = time.Minute
	tokenLife = time.Hour
	maxKept   = 10_000 // codes and tokens; the least used go first
	keyBits   = 2048
	keyID     = "fake"
)

// Places are its addresses: the browser's part is relative, so it works under whatever name the pages have.
var Places = auth.KakaoPlaces{
	Issuer: host, Authorize: Path + "/oauth/authorize", Token: host + Path + "/oauth/token",
	Keys: host + Path + "/.well-known/jwks.json", UserInfo: host + Path + "/v1/oidc/userinfo",
}

// person is whom somebody said he was.
type person struct {
	Sub      string `json:"sub"`
	Nickname string `json:"nickname,omitempty"`
	Email    string `json:"email,omitempty"`
	Verified bool   `json:"email_verified,omitempty"`
}

// grant is a code that waits to be exchanged.
type grant struct {
	who       person
	nonce     string
	challenge string
}

// Kakao is the fake. It keeps everything in memory.
type Kakao struct {
	redirect string // the one address it sends people back to
	clock    func() time.Time
	mux      *http.ServeMux
	key      func() (*rsa.PrivateKey, error)
	codes    *otter.Cache[string, grant]
	tokens   *otter.Cache[string, person]
}

// New makes a fake that sends people back to redirect only.
func New(redirect string, clock func() time.Time) *Kakao {
	k := &Kakao{redirect: redirect, clock: clock, mux: http.NewServeMux()}
	k.key = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, keyBits) })
	k.codes = otter.Must(&otter.Options[string, grant]{MaximumSize: maxKept, ExpiryCalculator: otter.ExpiryWriting[string, grant](codeLife)})
	k.tokens = otter.Must(&otter.Options[string, person]{MaximumSize: maxKept, ExpiryCalculator: otter.ExpiryWriting[string, person](tokenLife)})
	k.mux.HandleFunc("GET "+Path+"/oauth/authorize", k.ask)
	k.mux.HandleFunc("POST "+Path+"/oauth/authorize", k.consent)
	k.mux.HandleFunc("POST "+Path+"/oauth/token", k.token)
	k.mux.HandleFunc("GET "+Path+"/.well-known/jwks.json", k.keys)
	k.mux.HandleFunc("GET "+Path+"/v1/oidc/userinfo", k.userInfo)
	return k
}

// Close stops the upkeep of what it remembers.
func (k *Kakao) Close() {
	k.codes.StopAllGoroutines()
	k.tokens.StopAllGoroutines()
}

// ServeHTTP is the part that browsers see, and the rest.
func (k *Kakao) ServeHTTP(w http.ResponseWriter, r *http.Request) { k.mux.ServeHTTP(w, r) }

// RoundTrip answers the program's own questions without a socket.
func (k *Kakao) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	k.mux.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// client checks what an authorization request must have; the message is for a developer.
func (k *Kakao) client(q url.Values) error {
	switch {
	case q.Get("client_id") != ClientID:
		return fmt.Errorf("client_id must be %s", ClientID)
	case q.Get("redirect_uri") != k.redirect:
		return fmt.Errorf("redirect_uri must be %s", k.redirect)
	case q.Get("response_type") != "code":
		return fmt.Errorf("response_type must be code")
	case !strings.Contains(" "+q.Get("scope")+" ", " openid "):
		return fmt.Errorf("scope must have openid")
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		return fmt.Errorf("code_challenge must be there, by S256")
	}
	return nil
}

func (k *Kakao) ask(w http.ResponseWriter, r *http.Request) {
	if err := k.client(r.URL.Query()); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Referrer-Policy", "same-origin") // without one, a form's Origin is null
	_ = page.Execute(w, r.URL.RequestURI())          // the browser has gone
}

func (k *Kakao) consent(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(strings.Clone(r.URL.RawQuery)) // some of it is kept, and the server may use its buffers again
	if err == nil {
		err = k.client(q)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	who := person{Sub: r.PostFormValue("sub"), Nickname: r.PostFormValue("nickname"), Email: r.PostFormValue("email")}
	who.Verified = who.Email != "" && r.PostFormValue("verified") != ""
	if r.PostFormValue("agree") == "" || who.Sub == "" {
		back.Set("error", "access_denied")
	} else {
		code := rand.Text()
		k.codes.Set(code, grant{who, q.Get("nonce"), q.Get("code_challenge")})
		back.Set("code", code)
	}
	http.Redirect(w, r, k.redirect+"?"+back.Encode(), http.StatusSeeOther)
}

func (k *Kakao) token(w http.ResponseWriter, r *http.Request) {
	same := func(field, want string) bool {
		return subtle.ConstantTimeCompare([]byte(r.PostFormValue(field)), []byte(want)) == 1
	}
	known, found := k.codes.Invalidate(r.PostFormValue("code")) // good once, whatever comes of it
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case !same("client_id", ClientID) || !same("client_secret", ClientSecret):
		refuse(w, http.StatusUnauthorized, "invalid_client")
	case !same("grant_type", "authorization_code"):
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
	case !found || !same("redirect_uri", k.redirect) || base64.RawURLEncoding.EncodeToString(sum[:]) != known.challenge:
		refuse(w, http.StatusBadRequest, "invalid_grant")
	default:
		k.give(w, known)
	}
}

func (k *Kakao) give(w http.ResponseWriter, g grant) {
	key, err := k.key()
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error")
		return
	}
	now := k.clock()
	id := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": host, "aud": ClientID, "sub": g.who.Sub, "nickname": g.who.Nickname, "nonce": g.nonce,
		"iat": now.Unix(), "auth_time": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	})
	id.Header["kid"] = keyID
	signed, err := id.SignedString(key)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error")
		return
	}
	access := rand.Text()
	k.tokens.Set(access, g.who)
	answer(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "bearer", "expires_in": int(tokenLife / time.Second), "id_token": signed,
		"scope": "openid account_email profile_nickname",
	})
}

func (k *Kakao) keys(w http.ResponseWriter, _ *http.Request) {
	key, err := k.key()
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error")
		return
	}
	number := base64.RawURLEncoding.EncodeToString
	answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": keyID,
		"n": number(key.N.Bytes()), "e": number([]byte{byte(key.E >> 16), byte(key.E >> 8), byte(key.E)}),
	}}})
}

func (k *Kakao) userInfo(w http.ResponseWriter, r *http.Request) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	who, found := k.tokens.GetIfPresent(value)
	if !strings.EqualFold(scheme, "bearer") || !found {
		refuse(w, http.StatusUnauthorized, "invalid_token")
		return
	}
	answer(w, http.StatusOK, who)
}

func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]string{"error": code})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone
}

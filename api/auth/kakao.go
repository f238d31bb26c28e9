package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"ticketblue/ticketing"
)

const (
	// KakaoProvider is the name of Kakao in identities.
	KakaoProvider = "kakao"
	// AttemptLife is how long somebody may take to log in at Kakao.
	AttemptLife = 10 * time.Minute

	kakaoTimeout = 4 * time.Second // of one question to Kakao
	maxNameKept  = MaxNameRunes
	namelessName = "카카오 회원"
)

// What can become of a log-in by Kakao, besides a person.
var (
	ErrKakaoRefused = errors.New("Kakao's answer does not prove who this is") //nolint:staticcheck // a name begins with a capital
	ErrKakaoDown    = errors.New("Kakao does not answer")                     //nolint:staticcheck // a name begins with a capital
)

// KakaoPlaces are Kakao's addresses.
type KakaoPlaces struct{ Issuer, Authorize, Token, Keys, UserInfo string }

// RealKakao is where the real one is.
var RealKakao = KakaoPlaces{
	Issuer:    "https://kauth.kakao.com",
	Authorize: "https://kauth.kakao.com/oauth/authorize",
	Token:     "https://kauth.kakao.com/oauth/token",
	Keys:      "https://kauth.kakao.com/.well-known/jwks.json",
	UserInfo:  "https://kapi.kakao.com/v1/oidc/userinfo",
}

// KakaoOptions of NewKakao.
type KakaoOptions struct {
	Places       KakaoPlaces
	ClientID     string
	ClientSecret string
	RedirectURL  string           // our callback
	Key          []byte           // attempts are sealed with a key derived from it
	Clock        func() time.Time // for the life of attempts and of what Kakao signs
	Transport    http.RoundTripper
}

// Kakao logs people in by OpenID Connect: the code flow with PKCE, state, nonce and client secret. It asks Kakao
// nothing before somebody comes, so Kakao may be away when the program starts.
type Kakao struct {
	oauth    oauth2.Config
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	client   *http.Client
	sealer   sealer
	clock    func() time.Time
}

// NewKakao prepares for log-ins.
func NewKakao(o KakaoOptions) (*Kakao, error) {
	seal, err := newSealer(o.Key, "kakao attempt")
	if err != nil {
		return nil, err
	}
	k := &Kakao{client: &http.Client{Timeout: kakaoTimeout, Transport: o.Transport}, sealer: seal, clock: o.Clock}
	k.provider = (&oidc.ProviderConfig{
		IssuerURL: o.Places.Issuer, AuthURL: o.Places.Authorize, TokenURL: o.Places.Token,
		JWKSURL: o.Places.Keys, UserInfoURL: o.Places.UserInfo, Algorithms: []string{oidc.RS256},
	}).NewProvider(oidc.ClientContext(context.Background(), k.client))
	k.verifier = k.provider.Verifier(&oidc.Config{ClientID: o.ClientID, Now: o.Clock})
	k.oauth = oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, RedirectURL: o.RedirectURL,
		Scopes: []string{oidc.ScopeOpenID, "account_email", "profile_nickname"},
		Endpoint: oauth2.Endpoint{
			AuthURL: o.Places.Authorize, TokenURL: o.Places.Token, AuthStyle: oauth2.AuthStyleInParams,
		},
	}
	return k, nil
}

// Attempt is a log-in under way. The browser carries it, sealed.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string           // of PKCE
	Return   string           // path of ours to go to afterwards
	Link     ticketing.UserID // the account that shall get the identity; 0: log in
	Expires  int64            // Unix seconds
}

// Begin starts a log-in: where to send the browser, and what it must bring back. With again, Kakao asks for the
// password even of whoever is logged in there.
func (k *Kakao) Begin(path string, link ticketing.UserID, again bool) (address, sealed string, err error) {
	a := Attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Return: path, Link: link, Expires: k.clock().Add(AttemptLife).Unix(),
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	sealed, err = k.sealer.seal(a)
	return k.oauth.AuthCodeURL(a.State, options...), sealed, err
}

// Attempt opens what the browser brought back; ErrUnauthenticated unless it is this browser's own attempt, in time.
func (k *Kakao) Attempt(sealed, state string) (Attempt, error) {
	var a Attempt
	if err := k.sealer.open(sealed, &a); err != nil {
		return Attempt{}, err
	}
	if subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1 || k.clock().Unix() >= a.Expires {
		return Attempt{}, ErrUnauthenticated
	}
	return a, nil
}

// Person is somebody as Kakao knows him.
type Person struct {
	Identity ticketing.Identity
	Name     string
	Email    string // only one that Kakao has verified; empty: none
}

type kakaoClaims struct {
	Nickname string `json:"nickname"`
}

// Finish exchanges the code for a person. ErrKakaoRefused when anything in the answer is not as it must be,
// ErrKakaoDown when there is none.
func (k *Kakao) Finish(ctx context.Context, a Attempt, code string) (Person, error) {
	ctx = oidc.ClientContext(ctx, k.client)
	token, err := k.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Person{}, kakaoError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := k.verifier.Verify(ctx, raw)
	if err != nil {
		return Person{}, fmt.Errorf("%w: %w", ErrKakaoRefused, err)
	}
	if id.Subject == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return Person{}, fmt.Errorf("%w: subject or nonce", ErrKakaoRefused)
	}
	info, err := k.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return Person{}, kakaoError(err)
	}
	if info.Subject != id.Subject {
		return Person{}, fmt.Errorf("%w: another subject", ErrKakaoRefused)
	}
	var claims kakaoClaims
	if err := info.Claims(&claims); err != nil {
		return Person{}, fmt.Errorf("%w: %w", ErrKakaoRefused, err)
	}
	person := Person{Identity: ticketing.Identity{Provider: KakaoProvider, Subject: id.Subject}, Name: nameOf(claims.Nickname)}
	if email, err := Email(info.Email); err == nil && info.EmailVerified {
		person.Email = email
	}
	return person, nil
}

// kakaoError tells an answer that is a no from none at all.
func kakaoError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("%w: %w", ErrKakaoRefused, err)
	}
	return fmt.Errorf("%w: %w", ErrKakaoDown, err)
}

// nameOf makes a nickname a name here; people may have none. Blanks around it are Kakao's matter, not a reason to have none.
func nameOf(nickname string) string {
	nickname = strings.TrimSpace(nickname)
	if runes := []rune(nickname); len(runes) > maxNameKept {
		nickname = strings.TrimSpace(string(runes[:maxNameKept]))
	}
	if CheckName(nickname) != nil {
		return namelessName
	}
	return nickname
}

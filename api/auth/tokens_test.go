package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"ticketblue/ticketing"
)

var (
	key   = bytes.Repeat([]byte("k"), MinKeyBytes)
	start = time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
)

func newTokens(t *testing.T, now *time.Time) *Tokens {
	t.Helper()
	tokens, err := NewTokens(key, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestMintedTokensVerifyUntilTheyExpire(t *testing.T) {
	now := start
	tokens := newTokens(t, &now)
	token, err := tokens.Mint(7, ticketing.Admin)
	if err != nil {
		t.Fatal(err)
	}
	want := Caller{User: 7, Role: ticketing.Admin}
	for _, age := range []time.Duration{0, time.Minute, TokenLife - time.Second} { // the first fills the cache
		now = start.Add(age)
		if caller, err := tokens.Verify(token); err != nil || caller != want {
			t.Errorf("after %v: %v, %v", age, caller, err)
		}
	}
	now = start.Add(TokenLife)
	if _, err := tokens.Verify(token); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("expired, but cached: %v", err)
	}
}

func TestShortKeysAreRefused(t *testing.T) {
	if _, err := NewTokens(key[1:], time.Now); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
}

// good is what a token of ours says; attacks change one thing.
func good() jwt.MapClaims {
	return jwt.MapClaims{"sub": "7", "role": "customer", "iss": "ticketblue", "aud": "ticketblue",
		"iat": start.Unix(), "exp": start.Add(TokenLife).Unix()}
}

func with(name string, value any) jwt.MapClaims {
	c := good()
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

func sign(t *testing.T, method jwt.SigningMethod, claims jwt.Claims, key any, header ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	for i := 0; i+1 < len(header); i += 2 {
		token.Header[header[i]] = header[i+1]
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestAttacksOnTokens(t *testing.T) {
	now := start
	tokens := newTokens(t, &now)
	hs256 := func(c jwt.Claims) string { return sign(t, jwt.SigningMethodHS256, c, key) }
	ours := hs256(good())
	if _, err := tokens.Verify(ours); err != nil { // and now it is in the cache
		t.Fatalf("the token the attacks start from: %v", err)
	}
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(ours, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"1","role":"admin","iss":"ticketblue","aud":"ticketblue","exp":9999999999}`))
	none := sign(t, jwt.SigningMethodNone, good(), jwt.UnsafeAllowNoneSignatureType)

	attacks := map[string]string{
		"empty":                  "",
		"words":                  "let me in",
		"two dots":               "..",
		"alg none":               none,
		"alg none, signed":       none + parts[2],
		"alg None":               base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"None","typ":"JWT"}`)) + "." + parts[1] + ".",
		"alg HS384":              sign(t, jwt.SigningMethodHS384, good(), key),
		"alg HS512":              sign(t, jwt.SigningMethodHS512, good(), key),
		"alg RS256":              sign(t, jwt.SigningMethodRS256, good(), pair),
		"other key":              sign(t, jwt.SigningMethodHS256, good(), bytes.Repeat([]byte("x"), 32)),
		"empty key":              sign(t, jwt.SigningMethodHS256, good(), []byte{}),
		"own key in the header":  sign(t, jwt.SigningMethodHS256, good(), []byte("attacker"), "jwk", "attacker"),
		"key by address":         sign(t, jwt.SigningMethodHS256, good(), []byte("attacker"), "jku", "http://127.0.0.1/keys", "kid", "../../dev/null"),
		"expired":                hs256(with("exp", start.Unix())),
		"never expires":          hs256(with("exp", nil)),
		"expires in words":       hs256(with("exp", "later")),
		"not yet":                hs256(with("nbf", start.Add(time.Minute).Unix())),
		"other issuer":           hs256(with("iss", "ticketred")),
		"no issuer":              hs256(with("iss", nil)),
		"other audience":         hs256(with("aud", "ticketred")),
		"no audience":            hs256(with("aud", nil)),
		"no subject":             hs256(with("sub", nil)),
		"subject in words":       hs256(with("sub", "kim")),
		"subject 0":              hs256(with("sub", "0")),
		"subject -1":             hs256(with("sub", "-1")),
		"unknown role":           hs256(with("role", "root")),
		"no role":                hs256(with("role", nil)),
		"signature cut":          ours[:len(ours)-1],
		"signature gone":         parts[0] + "." + parts[1] + ".",
		"signature of another":   parts[0] + "." + forged + "." + parts[2],
		"four parts":             ours + ".x",
		"white space":            ours + " ",
		"padded":                 ours + "=",
		"oversized":              ours + strings.Repeat("a", MaxTokenBytes),
		"oversized, well signed": hs256(with("more", strings.Repeat("a", MaxTokenBytes))),
	}
	for name, token := range attacks {
		for range 2 { // a refusal must not be cached as a yes
			if caller, err := tokens.Verify(token); !errors.Is(err, ErrUnauthenticated) || caller != (Caller{}) {
				t.Errorf("%s: got in as %+v, %v", name, caller, err)
			}
		}
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	now := start
	tokens := newTokens(t, &now)
	token, err := tokens.Mint(7, ticketing.Customer)
	if err != nil {
		t.Fatal(err)
	}
	want, err := tokens.Verify(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(token) * 8 {
		flipped := []byte(token)
		flipped[i/8] ^= 1 << (i % 8)
		// The last character of a part holds bits that say nothing; with those flipped it is the same token.
		if caller, err := tokens.Verify(string(flipped)); err == nil && caller != want {
			t.Errorf("bit %d: got in as %+v", i, caller)
		}
	}
}

func FuzzVerify(f *testing.F) {
	now := start
	tokens, err := NewTokens(key, func() time.Time { return now })
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		if caller, err := tokens.Verify(token); err == nil {
			t.Errorf("%q got in as %+v", token, caller)
		}
	})
}

func BenchmarkVerifyKnown(b *testing.B) {
	tokens, err := NewTokens(key, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	token, err := tokens.Mint(7, ticketing.Customer)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := tokens.Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}

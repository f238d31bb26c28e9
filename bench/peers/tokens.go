package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"
)

// The same tokens, and the same way to check them, as Ticket Blue's: HS256, and what has been checked is remembered.

const (
	tokenLife     = 15 * time.Minute
	tokenName     = "ticketblue"
	maxCached     = 1 << 17
	adminUser     = 1
	firstCustomer = 1_000
)

var errUnauthenticated = errors.New("no valid token")

type claims struct {
	Role string `json:"role"`
	jwt.RegisteredClaims
}

type verified struct {
	user    int64
	expires time.Time
}

type tokens struct {
	key    []byte
	parser *jwt.Parser
	cache  *otter.Cache[string, verified]
}

func newTokens(key []byte) (*tokens, error) {
	cache, err := otter.New(&otter.Options[string, verified]{
		MaximumSize: maxCached,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, verified]) time.Duration {
			return max(time.Until(e.Value.expires), time.Nanosecond)
		}),
	})
	if err != nil {
		return nil, err
	}
	return &tokens{key: key, cache: cache, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(tokenName), jwt.WithAudience(tokenName), jwt.WithExpirationRequired(),
	)}, nil
}

func (t *tokens) close() { t.cache.StopAllGoroutines() }

func (t *tokens) mint(user int64) (string, error) {
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		Role: "customer",
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: strconv.FormatInt(user, 10), Issuer: tokenName, Audience: jwt.ClaimStrings{tokenName},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)),
		},
	}).SignedString(t.key)
}

func (t *tokens) verify(token string) (int64, error) {
	if v, found := t.cache.GetIfPresent(token); found && time.Now().Before(v.expires) {
		return v.user, nil
	}
	var c claims
	if _, err := t.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.key, nil }); err != nil {
		return 0, errUnauthenticated
	}
	user, err := strconv.ParseInt(c.Subject, 10, 64)
	if err != nil || user < 1 {
		return 0, errUnauthenticated
	}
	t.cache.Set(token, verified{user, c.ExpiresAt.Time})
	return user, nil
}

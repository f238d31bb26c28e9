package auth

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"ticketblue/ticketing"
)

const (
	// TokenLife is how long a token is good for.
	TokenLife = 15 * time.Minute
	// MaxTokenBytes bounds what is looked at; ours have about 250.
	MaxTokenBytes = 4 << 10
	// MinKeyBytes is the least a signing key may have, the size of the hash it feeds.
	MinKeyBytes = 32

	name       = "ticketblue" // issuer and audience: this service and nobody else
	algorithm  = "HS256"
	idDecimals = 10
)

// ErrUnauthenticated: there is no valid token. It does not say what is wrong with it.
var ErrUnauthenticated = errors.New("no valid token")

// Caller is who sent a request.
type Caller struct {
	User     ticketing.UserID
	Role     ticketing.Role
	LoggedIn int64 // when he last proved who he is, in Unix seconds; 0: it is not known
}

type claims struct {
	Role     ticketing.Role `json:"role"`
	LoggedIn int64          `json:"auth_time,omitempty"`
	jwt.RegisteredClaims
}

type verified struct {
	caller  Caller
	expires time.Time
}

// Tokens mints and verifies HS256 tokens. It is safe for concurrent use.
type Tokens struct {
	key    []byte
	clock  func() time.Time
	parser *jwt.Parser
	known  *known

	revoked revoked
	devices sealer
}

// NewTokens keeps the key in memory only; whoever has it can be anyone.
func NewTokens(key []byte, clock func() time.Time) (*Tokens, error) {
	if len(key) < MinKeyBytes {
		return nil, fmt.Errorf("a signing key needs at least %d bytes, this one has %d", MinKeyBytes, len(key))
	}
	devices, err := newSealer(key, "device")
	if err != nil {
		return nil, err
	}
	t := &Tokens{key: key, clock: clock, known: newKnown(), devices: devices}
	t.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{algorithm}),
		jwt.WithIssuer(name),
		jwt.WithAudience(name),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(clock),
	)
	return t, nil
}

// Mint signs a token that says who this is for TokenLife, and not since when.
func (t *Tokens) Mint(user ticketing.UserID, role ticketing.Role) (string, error) {
	return t.MintFor(Caller{User: user, Role: role})
}

// MintFor signs a token for TokenLife.
func (t *Tokens) MintFor(who Caller) (string, error) {
	now := t.clock()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		Role:     who.Role,
		LoggedIn: who.LoggedIn,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   strconv.FormatInt(int64(who.User), idDecimals),
			Issuer:    name,
			Audience:  jwt.ClaimStrings{name},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(TokenLife)),
		},
	})
	signed, err := token.SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed, nil
}

// Verify tells who a token speaks for, or ErrUnauthenticated.
func (t *Tokens) Verify(token string) (Caller, error) {
	caller, err := t.Admit([]byte(token))
	if err != nil {
		return Caller{}, err
	}
	return *caller, nil
}

// Admit is Verify for every request: it keeps nothing of the token's bytes, and the caller is shared and never changes.
func (t *Tokens) Admit(token []byte) (*Caller, error) {
	if len(token) == 0 || len(token) > MaxTokenBytes {
		return nil, ErrUnauthenticated
	}
	entry := t.known.find(token)
	if entry == nil || !t.clock().Before(entry.expires) {
		text := string(token)
		checked, err := t.check(text)
		if err != nil {
			return nil, err
		}
		entry = &knownToken{text, checked}
		t.known.keep(entry)
	}
	if t.revoked.has(entry.caller.User) {
		return nil, ErrUnauthenticated
	}
	return &entry.caller, nil
}

// Revoke makes every token of an account worthless. It is kept in this process only, which is the only one that
// serves; at its start it is told again who was withdrawn in the last TokenLife.
func (t *Tokens) Revoke(user ticketing.UserID) { t.revoked.add(user, t.clock()) }

// Restore takes a Revoke back.
func (t *Tokens) Restore(user ticketing.UserID) { t.revoked.remove(user) }

func (t *Tokens) check(token string) (verified, error) {
	var c claims
	if _, err := t.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.key, nil }); err != nil {
		return verified{}, ErrUnauthenticated
	}
	user, err := strconv.ParseInt(c.Subject, idDecimals, 64)
	if err != nil || user < 1 || (c.Role != ticketing.Customer && c.Role != ticketing.Admin) {
		return verified{}, ErrUnauthenticated
	}
	return verified{Caller{ticketing.UserID(user), c.Role, c.LoggedIn}, c.ExpiresAt.Time}, nil
}

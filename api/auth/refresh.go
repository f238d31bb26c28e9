package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"ticketblue/ticketing"
)

const (
	// SessionLife is how long a log-in lasts, however often it is refreshed.
	SessionLife = 30 * 24 * time.Hour
	// RefreshGrace is how long a used refresh token leads to the one that replaced it: two tabs that refresh at the
	// same moment, or an answer that got lost, are no theft.
	RefreshGrace = 10 * time.Second
	// MaxRefreshBytes bounds what is looked at.
	MaxRefreshBytes = 64

	secretBytes = 32
)

// Refresh is a refresh token: whose family it is of, and 256 bits that nobody can guess. Only its hash is kept.
type Refresh struct {
	Family ticketing.SessionFamily
	secret [secretBytes]byte
}

// NewRefresh is the first token of a new family.
func NewRefresh() (r Refresh) {
	rand.Read(r.Family[:]) // never fails
	rand.Read(r.secret[:]) // never fails
	return r
}

// NewNonce is what the next token of a family follows from, together with the one before it.
func NewNonce() (nonce [secretBytes]byte) {
	rand.Read(nonce[:]) // never fails
	return nonce
}

// ParseRefresh reads what String has written; anything else is ErrUnauthenticated.
func ParseRefresh(text string) (r Refresh, err error) {
	if len(text) > MaxRefreshBytes {
		return r, ErrUnauthenticated
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(r.Family)+len(r.secret) {
		return r, ErrUnauthenticated
	}
	copy(r.Family[:], raw)
	copy(r.secret[:], raw[len(r.Family):])
	return r, nil
}

// String is the token as its owner keeps it.
func (r Refresh) String() string {
	return base64.RawURLEncoding.EncodeToString(append(r.Family[:], r.secret[:]...))
}

// Hash is what is kept of the token. It needs no salt and no cost: nobody guesses 256 bits.
func (r Refresh) Hash() ticketing.Hash { return sha256.Sum256(r.secret[:]) }

// Next is the token that replaces this one. It takes this one and the nonce to know it: who presents the same token
// again gets the same next one, and what the database holds is of no use alone.
func (r Refresh) Next(nonce [secretBytes]byte) Refresh {
	mac := hmac.New(sha256.New, r.secret[:])
	mac.Write(nonce[:])
	next := Refresh{Family: r.Family}
	mac.Sum(next.secret[:0])
	return next
}

// Secret is a one-time token, 256 random bits, as it is mailed, and the hash that is kept of it.
func Secret() (token string, hash ticketing.Hash) {
	raw := NewNonce()
	return base64.RawURLEncoding.EncodeToString(raw[:]), sha256.Sum256(raw[:])
}

// SecretHash is the hash of a one-time token; ErrUnauthenticated when it is none.
func SecretHash(token string) (ticketing.Hash, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != secretBytes {
		return ticketing.Hash{}, ErrUnauthenticated
	}
	return sha256.Sum256(raw), nil
}

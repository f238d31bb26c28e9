package ticketing

import (
	"errors"
	"time"
)

// Records of accounts, as rooms hand them to each other.

// What can stand in the way of something with an account.
var (
	ErrEmailTaken    = errors.New("e-mail is taken")                   // by a living account, or by one that was withdrawn
	ErrIdentityTaken = errors.New("identity is taken")                 // it belongs to another account, or the account has another
	ErrSessionReused = errors.New("a used refresh token came again")   // the session has been ended for it
	ErrLiveTickets   = errors.New("the account has live tickets")      // held, paying, or confirmed for a show to come
	ErrChanged       = errors.New("somebody else has just changed it") // what the caller had looked at
)

// Role is what an account may do.
type Role string

// Roles. Only a command on the machine makes the first admin.
const (
	Customer Role = "customer"
	Admin    Role = "admin"
)

// User is an account. The password is only ever kept as an argon2id hash in PHC form. Of a withdrawn account
// nothing personal is left but the hash of its e-mail.
type User struct {
	ID            UserID
	Email         string // lower case; empty: withdrawn, or known by an identity only
	EmailVerified bool   // its owner has shown that he reads mail there
	Name          string
	SlackID       string // empty: none
	Language      string // of what is written to him: "ko" or "en"
	PasswordHash  string // empty: no password is right
	Role          Role
	CreatedAt     time.Time
	Withdrawn     bool
}

// Profile is what people may change of their accounts.
type Profile struct {
	Name     string
	SlackID  string // empty: none
	Language string // "ko" or "en"
}

// Identity is somebody as another service knows him.
type Identity struct {
	Provider string // "kakao"
	Subject  string // the service's own, stable id
}

// SessionFamily names a session: the refresh tokens that followed from one log-in, each from the one before.
type SessionFamily [16]byte

// Session is one log-in.
type Session struct {
	User      UserID
	Family    SessionFamily
	TokenHash Hash // SHA-256 of the one refresh token that is good
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Rotation replaces a session's refresh token. The next one follows from the one presented and the nonce, so that
// the same token twice, within the grace, leads to the same next one.
type Rotation struct {
	Family    SessionFamily
	Presented Hash
	Next      Hash
	Nonce     [32]byte
	At        time.Time
	Grace     time.Duration
}

// Rotated is a session whose token was replaced, now or up to the grace ago.
type Rotated struct {
	User      UserID
	Role      Role
	CreatedAt time.Time // of the session
	ExpiresAt time.Time
	Nonce     [32]byte // of the rotation that counts
}

// AuditEntry is one line about what an admin did. Lines are only ever added: an act has one from before it began
// and one from after it ended, what only looked has one.
type AuditEntry struct {
	ID        int64
	At        time.Time
	User      UserID            // 0: whoever may run the command
	Operation string            // as in the OpenAPI document
	Targets   map[string]string // parameters of the path, and what was made
	Status    int               // of the answer; 0: begun, and nobody knows how it ended
	RequestID string
}

// Message is what goes to somebody by mail, or to a Slack channel: as it is sent, and as the outbox keeps it.
type Message struct {
	ID      int64     // in the outbox
	At      time.Time // it was put there
	Channel Channel
	Name    string // tells it from every other, for ever; the same message again has the same
	To      string // address; of Slack "": the channel is the webhook's
	Subject string
	Body    string // plain text
	HTML    string // the same for those who can show it; "": none
	Files   []File
}

// File goes with a mail.
type File struct {
	Name string
	Type string // "application/pdf"
	Body []byte
}

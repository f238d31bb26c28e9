package api

import (
	"context"
	"time"

	"ticketblue/ticketing"
)

// Accounts keeps who may do what. E-mails are lower case; what does not exist is ticketing.ErrNotFound.
type Accounts interface {
	Users
	Sessions
	Resets
	Identities
	Admins
	AuditLog
}

// Users are accounts and what their owners change of them.
type Users interface {
	// CreateUser stores a new account and names it; ticketing.ErrEmailTaken when there is or was one.
	CreateUser(ctx context.Context, u ticketing.User) (ticketing.UserID, error)
	UserByEmail(ctx context.Context, email string) (ticketing.User, error)
	// User is one that is not withdrawn.
	User(ctx context.Context, id ticketing.UserID) (ticketing.User, error)
	SetProfile(ctx context.Context, id ticketing.UserID, p ticketing.Profile) error
	// Withdraw ends a customer's account; ticketing.ErrLiveTickets while there are tickets for shows after now.
	Withdraw(ctx context.Context, id ticketing.UserID, now time.Time) error
	// ChangePassword replaces one hash by another, ends all sessions and opens one; ticketing.ErrChanged when the
	// hash is another by now.
	ChangePassword(ctx context.Context, id ticketing.UserID, from, to string, s ticketing.Session) error
}

// Sessions are log-ins.
type Sessions interface {
	OpenSession(ctx context.Context, s ticketing.Session) error
	// RotateSession replaces the refresh token; ticketing.ErrSessionReused when the one presented was used up.
	RotateSession(ctx context.Context, r ticketing.Rotation) (ticketing.Rotated, error)
	CloseSession(ctx context.Context, family ticketing.SessionFamily, token ticketing.Hash) error
	CloseSessions(ctx context.Context, id ticketing.UserID) error
}

// Resets are passwords that were forgotten.
type Resets interface {
	// RequestReset has a mail sent, in the same transaction, and does the same work when nobody has this e-mail.
	RequestReset(ctx context.Context, email string, now, expires time.Time) error
	ResetKnown(ctx context.Context, token ticketing.Hash, now time.Time) error
	ResetPassword(ctx context.Context, token ticketing.Hash, hash string, now time.Time) error
}

// Identities are people as other services know them. ticketing.ErrIdentityTaken when somebody else has one.
type Identities interface {
	UserByIdentity(ctx context.Context, who ticketing.Identity) (ticketing.User, error)
	CreateUserWith(ctx context.Context, u ticketing.User, who ticketing.Identity) (ticketing.UserID, error)
	LinkIdentity(ctx context.Context, id ticketing.UserID, who ticketing.Identity) error
}

// Admins are made by admins.
type Admins interface {
	// CreateAdmin stores one without a password and has a mail sent by which he sets it until expires.
	CreateAdmin(ctx context.Context, u ticketing.User, expires time.Time) (ticketing.UserID, error)
	Admins(ctx context.Context, after ticketing.UserID, limit int) ([]ticketing.User, error)
	DropAdmin(ctx context.Context, id ticketing.UserID) error
}

// AuditLog is what admins did; lines are only added.
type AuditLog interface {
	// Audit adds a line, durable when it returns, and names it. The line of an ended act names the one it began with.
	Audit(ctx context.Context, e ticketing.AuditEntry, begun int64) (int64, error)
	// AuditLog lists entries, newest first: those below before, of one user unless he is 0.
	AuditLog(ctx context.Context, user ticketing.UserID, before int64, limit int) ([]ticketing.AuditEntry, error)
}

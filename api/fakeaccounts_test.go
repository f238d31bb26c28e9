package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ticketblue/ticketing"
)

var errLineLost = errors.New("the audit log is full")

type fakeSession struct {
	ticketing.Session
	previous  ticketing.Hash
	nonce     [32]byte
	rotatedAt time.Time
}

type fakeReset struct {
	id      int64
	user    ticketing.UserID // 0: nobody's
	token   ticketing.Hash
	expires time.Time
}

type fakeLine struct {
	ticketing.AuditEntry
	begun int64
}

// fakeAccounts keeps accounts as persistence does, which has tests of its own.
type fakeAccounts struct {
	mu         sync.Mutex
	users      []ticketing.User
	sessions   []*fakeSession
	resets     []fakeReset
	identities map[ticketing.Identity]ticketing.UserID
	withdrawn  []string // e-mails
	live       bool     // everybody has tickets
	lines      []fakeLine
	linesLost  func(e ticketing.AuditEntry, begun int64) bool
}

// newFakeAccounts has the accounts whose tokens tests mint.
func newFakeAccounts() *fakeAccounts {
	f := &fakeAccounts{identities: map[ticketing.Identity]ticketing.UserID{}}
	for id, role := range map[ticketing.UserID]ticketing.Role{customer: ticketing.Customer, otherCustomer: ticketing.Customer, admin: ticketing.Admin} {
		f.users = append(f.users, ticketing.User{ID: id, Email: fmt.Sprintf("user-%d@example.com", id), Name: "N", Role: role})
	}
	return f
}

func (f *fakeAccounts) find(is func(ticketing.User) bool) (*ticketing.User, error) {
	i := slices.IndexFunc(f.users, func(u ticketing.User) bool { return !u.Withdrawn && is(u) })
	if i < 0 {
		return nil, ticketing.ErrNotFound
	}
	return &f.users[i], nil
}

func (f *fakeAccounts) byID(id ticketing.UserID) (*ticketing.User, error) {
	return f.find(func(u ticketing.User) bool { return u.ID == id })
}

func (f *fakeAccounts) create(u ticketing.User) (ticketing.UserID, error) {
	if _, err := f.find(func(other ticketing.User) bool { return u.Email != "" && other.Email == u.Email }); err == nil || slices.Contains(f.withdrawn, u.Email) {
		return 0, ticketing.ErrEmailTaken
	}
	u.ID = ticketing.UserID(len(f.users) - 2) // 1, 2, ... beside those who were there
	f.users = append(f.users, u)
	return u.ID, nil
}

func (f *fakeAccounts) CreateUser(_ context.Context, u ticketing.User) (ticketing.UserID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.create(u)
}

func (f *fakeAccounts) UserByEmail(_ context.Context, email string) (ticketing.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, err := f.find(func(u ticketing.User) bool { return u.Email == email })
	if err != nil {
		return ticketing.User{}, err
	}
	return *u, nil
}

func (f *fakeAccounts) User(_ context.Context, id ticketing.UserID) (ticketing.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, err := f.byID(id)
	if err != nil {
		return ticketing.User{}, err
	}
	return *u, nil
}

// change finds an account for a test or a method to change.
func (f *fakeAccounts) change(id ticketing.UserID, how func(*ticketing.User)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, err := f.byID(id)
	if err == nil {
		how(u)
	}
	return err
}

func (f *fakeAccounts) SetProfile(_ context.Context, id ticketing.UserID, p ticketing.Profile) error {
	return f.change(id, func(u *ticketing.User) { u.Name, u.SlackID, u.Language = p.Name, p.SlackID, p.Language })
}

func (f *fakeAccounts) Withdraw(_ context.Context, id ticketing.UserID, _ time.Time) error {
	if f.live {
		return ticketing.ErrLiveTickets
	}
	return f.change(id, func(u *ticketing.User) {
		f.withdrawn = append(f.withdrawn, u.Email)
		*u = ticketing.User{ID: id, Withdrawn: true, Role: u.Role}
		f.close(id)
	})
}

func (f *fakeAccounts) ChangePassword(_ context.Context, id ticketing.UserID, from, to string, s ticketing.Session) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, err := f.byID(id)
	if err != nil || u.PasswordHash != from {
		return ticketing.ErrChanged
	}
	u.PasswordHash = to
	f.close(id)
	f.sessions = append(f.sessions, &fakeSession{Session: s})
	return nil
}

func (f *fakeAccounts) close(id ticketing.UserID) {
	f.sessions = slices.DeleteFunc(f.sessions, func(s *fakeSession) bool { return s.User == id })
}

func (f *fakeAccounts) OpenSession(_ context.Context, s ticketing.Session) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions = append(f.sessions, &fakeSession{Session: s})
	return nil
}

func (f *fakeAccounts) RotateSession(_ context.Context, r ticketing.Rotation) (ticketing.Rotated, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.sessions, func(s *fakeSession) bool { return s.Family == r.Family && r.At.Before(s.ExpiresAt) })
	if i < 0 {
		return ticketing.Rotated{}, ticketing.ErrNotFound
	}
	s := f.sessions[i]
	switch {
	case s.TokenHash == r.Presented:
		s.previous, s.TokenHash, s.nonce, s.rotatedAt = s.TokenHash, r.Next, r.Nonce, r.At
	case s.previous == r.Presented && r.At.Sub(s.rotatedAt) < r.Grace:
	default:
		f.sessions = slices.Delete(f.sessions, i, i+1)
		return ticketing.Rotated{}, ticketing.ErrSessionReused
	}
	u, err := f.byID(s.User)
	if err != nil {
		return ticketing.Rotated{}, err
	}
	return ticketing.Rotated{User: u.ID, Role: u.Role, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, Nonce: s.nonce}, nil
}

func (f *fakeAccounts) CloseSession(_ context.Context, family ticketing.SessionFamily, token ticketing.Hash) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions = slices.DeleteFunc(f.sessions, func(s *fakeSession) bool {
		return s.Family == family && (s.TokenHash == token || s.previous == token)
	})
	return nil
}

func (f *fakeAccounts) CloseSessions(_ context.Context, id ticketing.UserID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.close(id)
	return nil
}

func (f *fakeAccounts) request(email string, expires time.Time) {
	var user ticketing.UserID
	if u, err := f.find(func(u ticketing.User) bool { return u.Email == email }); err == nil {
		user = u.ID
	}
	f.resets = append(f.resets, fakeReset{id: int64(len(f.resets) + 1), user: user, expires: expires})
}

func (f *fakeAccounts) RequestReset(_ context.Context, email string, _, expires time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.request(email, expires)
	return nil
}

func (f *fakeAccounts) PrepareReset(_ context.Context, id int64, token ticketing.Hash, now time.Time) (ticketing.User, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, r := range f.resets {
		if r.id == id && r.user != 0 && now.Before(r.expires) {
			f.resets[i].token = token
			u, err := f.byID(r.user)
			if err != nil {
				return ticketing.User{}, time.Time{}, err
			}
			return *u, r.expires, nil
		}
	}
	return ticketing.User{}, time.Time{}, ticketing.ErrNotFound
}

func (f *fakeAccounts) waiting(token ticketing.Hash, now time.Time) (fakeReset, error) {
	for _, r := range f.resets {
		if r.user != 0 && r.token == token && now.Before(r.expires) {
			return r, nil
		}
	}
	return fakeReset{}, ticketing.ErrNotFound
}

func (f *fakeAccounts) ResetKnown(_ context.Context, token ticketing.Hash, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.waiting(token, now)
	return err
}

func (f *fakeAccounts) ResetPassword(_ context.Context, token ticketing.Hash, hash string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.waiting(token, now)
	if err != nil {
		return err
	}
	f.resets = slices.DeleteFunc(f.resets, func(other fakeReset) bool { return other.user == r.user })
	f.close(r.user)
	u, err := f.byID(r.user)
	if err == nil {
		u.PasswordHash, u.EmailVerified = hash, true
	}
	return err
}

func (f *fakeAccounts) UserByIdentity(_ context.Context, who ticketing.Identity) (ticketing.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, err := f.byID(f.identities[who])
	if err != nil {
		return ticketing.User{}, err
	}
	return *u, nil
}

func (f *fakeAccounts) CreateUserWith(_ context.Context, u ticketing.User, who ticketing.Identity) (ticketing.UserID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.identities[who] != 0 {
		return 0, ticketing.ErrIdentityTaken
	}
	id, err := f.create(u)
	if err == nil {
		f.identities[who] = id
	}
	return id, err
}

func (f *fakeAccounts) LinkIdentity(_ context.Context, id ticketing.UserID, who ticketing.Identity) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for other, owner := range f.identities {
		if (owner == id) != (other == who) && (owner == id || other == who) {
			return ticketing.ErrIdentityTaken
		}
	}
	f.identities[who] = id
	return nil
}

func (f *fakeAccounts) CreateAdmin(_ context.Context, u ticketing.User, expires time.Time) (ticketing.UserID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u.Role, u.PasswordHash = ticketing.Admin, ""
	id, err := f.create(u)
	if err == nil {
		f.request(u.Email, expires)
	}
	return id, err
}

func (f *fakeAccounts) Admins(_ context.Context, after ticketing.UserID, limit int) ([]ticketing.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []ticketing.User
	for _, u := range f.users {
		if u.Role == ticketing.Admin && u.ID > after {
			found = append(found, u)
		}
	}
	return found[:min(limit, len(found))], nil
}

func (f *fakeAccounts) DropAdmin(_ context.Context, id ticketing.UserID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, err := f.byID(id)
	if err != nil || u.Role != ticketing.Admin {
		return ticketing.ErrNotFound
	}
	u.Role = ticketing.Customer
	f.close(id)
	return nil
}

func (f *fakeAccounts) Audit(_ context.Context, e ticketing.AuditEntry, begun int64) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.linesLost != nil && f.linesLost(e, begun) {
		return 0, errLineLost
	}
	e.ID = int64(len(f.lines) + 1)
	f.lines = append(f.lines, fakeLine{e, begun})
	return e.ID, nil
}

func (f *fakeAccounts) AuditLog(_ context.Context, user ticketing.UserID, before int64, limit int) ([]ticketing.AuditEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []ticketing.AuditEntry
	ended := map[int64]fakeLine{}
	for _, l := range slices.Backward(f.lines) {
		ended[l.begun] = l
		if l.begun == 0 && (user == 0 || l.User == user) && (before == 0 || l.ID < before) {
			if end, known := ended[l.ID]; known {
				l.Targets, l.Status = end.Targets, end.Status
			}
			found = append(found, l.AuditEntry)
		}
	}
	return found[:min(limit, len(found))], nil
}

// state is everything there is, to see that nothing has changed; the audit log may grow.
func (f *fakeAccounts) state() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := fmt.Sprint(f.users, f.resets, f.identities, f.withdrawn)
	for _, s := range f.sessions {
		all += fmt.Sprint(*s)
	}
	return all
}

package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

// freshLogin is how long ago a customer without a password may have logged in for it to prove who he is.
const freshLogin = 5 * time.Minute

type profileBody struct {
	ID            int64     `json:"id" example:"7"`
	Email         string    `json:"email,omitempty" doc:"Absent where the account has none" example:"kim@example.com"`
	EmailVerified bool      `json:"email_verified" example:"true"`
	Name          string    `json:"name" example:"김하늘"`
	SlackID       string    `json:"slack_id,omitempty" doc:"Slack member id, for being mentioned" example:"U012AB3CD"`
	Language      string    `json:"language" enum:"ko,en" doc:"Of mails to me" example:"ko"`
	Role          string    `json:"role" enum:"customer,admin" example:"customer"`
	HasPassword   bool      `json:"has_password" doc:"False: logs in by Kakao only" example:"true"`
	CreatedAt     time.Time `json:"created_at" example:"2027-03-02T11:00:07Z"`
}

type profileOutput struct{ Body profileBody }

type profileInput struct {
	Body struct {
		Name     *string `json:"name,omitempty" minLength:"1" maxLength:"50" example:"김하늘"`
		SlackID  *string `json:"slack_id,omitempty" maxLength:"20" doc:"Empty: none" example:"U012AB3CD"`
		Language *string `json:"language,omitempty" enum:"ko,en" doc:"Of mails to me" example:"ko"`
	}
}

type changePasswordInput struct {
	Body struct {
		OldPassword string `json:"old_password" minLength:"1" maxLength:"128" writeOnly:"true" example:"blue-ticket-7!"`
		NewPassword string `json:"new_password" minLength:"8" maxLength:"128" writeOnly:"true" doc:"With a letter, a digit and a special character" example:"green-ticket-8!"`
		Cookie      bool   `json:"cookie,omitempty" doc:"As for login" example:"false"`
	}
}

type withdrawInput struct {
	Body struct {
		Password string `json:"password,omitempty" maxLength:"128" writeOnly:"true" doc:"Absent for an account without one" example:"blue-ticket-7!"`
	}
}

func (s *Server) profileRoutes() {
	register(s, operation{
		id: "get-me", method: http.MethodGet, path: "/v1/me", tag: "accounts", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusNotFound}, summary: "My account",
	}, s.me)
	register(s, operation{
		id: "change-me", method: http.MethodPatch, path: "/v1/me", tag: "accounts", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}, limit: s.userShare,
		summary: "Change my account", about: "Fields that are absent stay as they are.",
	}, s.changeMe)
	register(s, operation{
		id: "change-password", method: http.MethodPost, path: "/v1/me/password", tag: "accounts", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusConflict, http.StatusNotFound, http.StatusUnprocessableEntity}, limit: s.userShare,
		summary: "Change my password",
		about: "Ends all my sessions and opens a new one. `credentials_invalid` unless the old password is right; " +
			"`password_not_set` for an account without one: reset it by mail.",
	}, s.changePassword)
	register(s, operation{
		id: "withdraw", method: http.MethodPost, path: "/v1/me/withdraw", tag: "accounts", access: Customer,
		status: http.StatusNoContent, errors: []int{http.StatusForbidden, http.StatusConflict, http.StatusNotFound, http.StatusUnprocessableEntity},
		limit: s.userShare, deadline: withdrawDeadline, summary: "Close my account for ever",
		about: "Needs the password, else 401 `credentials_invalid`; an account without one must have logged in by Kakao within the last 5 minutes " +
			"(`reauthentication_required`; GET /v1/auth/kakao?again=true). `live_tickets` while seats are held or there is a ticket for a show " +
			"to come, `admin_account` for admins; 503 `busy` while too much is sold to see that. All tokens end at once, personal data goes, and the e-mail can never be used again.",
	}, s.withdraw)
}

func (s *Server) me(ctx context.Context, _ *struct{}) (*profileOutput, error) {
	user, err := s.Accounts.User(ctx, callerOf(ctx).User)
	if err != nil {
		return nil, err
	}
	return profileOf(user), nil
}

func profileOf(u ticketing.User) *profileOutput {
	return &profileOutput{profileBody{
		ID: int64(u.ID), Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name, SlackID: u.SlackID, Language: cmp.Or(u.Language, "ko"), Role: string(u.Role),
		HasPassword: u.PasswordHash != "", CreatedAt: u.CreatedAt,
	}}
}

func (s *Server) changeMe(ctx context.Context, in *profileInput) (*profileOutput, error) {
	user, err := s.Accounts.User(ctx, callerOf(ctx).User)
	if err != nil {
		return nil, err
	}
	if in.Body.Name != nil {
		user.Name = *in.Body.Name
		if err := auth.CheckName(user.Name); err != nil {
			return nil, err
		}
	}
	if in.Body.SlackID != nil {
		user.SlackID = *in.Body.SlackID
		if strings.ContainsFunc(user.SlackID, notSlack) {
			return nil, invalid("slack_id", "a Slack member id such as U012AB3CD, or empty")
		}
	}
	if in.Body.Language != nil {
		user.Language = *in.Body.Language
	}
	if err := s.Accounts.SetProfile(ctx, user.ID, ticketing.Profile{Name: user.Name, SlackID: user.SlackID, Language: user.Language}); err != nil {
		return nil, err
	}
	return profileOf(user), nil
}

// notSlack: what is no letter or digit of a Slack id could turn a mention into something else.
func notSlack(r rune) bool { return r > unicode.MaxASCII || !unicode.IsUpper(r) && !unicode.IsDigit(r) }

func (s *Server) changePassword(ctx context.Context, in *changePasswordInput) (*tokenOutput, error) {
	if err := auth.CheckPassword(in.Body.NewPassword); err != nil {
		return nil, renamed(err, "new_password")
	}
	user, err := s.Accounts.User(ctx, callerOf(ctx).User)
	if err != nil {
		return nil, err
	}
	if user.PasswordHash == "" {
		return nil, problem(codePasswordNotSet, "")
	}
	if err := s.proveOwner(ctx, user, in.Body.OldPassword); err != nil {
		return nil, err
	}
	hash, err := s.Passwords.Known().Hash(ctx, in.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	refresh, session := s.newSession(user.ID)
	err = s.Accounts.ChangePassword(ctx, user.ID, user.PasswordHash, hash, session)
	if errors.Is(err, ticketing.ErrChanged) { // the old password is no longer right
		return nil, problem(codeCredentialsInvalid, "")
	}
	if err != nil {
		return nil, err
	}
	who := auth.Caller{User: user.ID, Role: user.Role, LoggedIn: session.CreatedAt.Unix()}
	return s.tokens(who, refresh, session.ExpiresAt, in.Body.Cookie)
}

// proveOwner checks the password of somebody who is logged in, out of the same share as log-ins to the account.
func (s *Server) proveOwner(ctx context.Context, user ticketing.User, password string) error {
	if err := s.limits.account.take(cmp.Or(user.Email, "#"+strconv.FormatInt(int64(user.ID), 10))); err != nil {
		return err
	}
	return prove(ctx, s.Passwords.Known(), password, func(context.Context) (string, error) { return user.PasswordHash, nil })
}

// renamed says which of several passwords is meant.
func renamed(err error, field string) error {
	var bad *ticketing.Invalid
	if errors.As(err, &bad) {
		return &ticketing.Invalid{Field: field, Want: bad.Want}
	}
	return err
}

func (s *Server) withdraw(ctx context.Context, in *withdrawInput) (*leftOutput, error) {
	caller := callerOf(ctx)
	user, err := s.Accounts.User(ctx, caller.User)
	if err != nil {
		return nil, err
	}
	switch {
	case user.Role != ticketing.Customer:
		return nil, problem(codeAdminAccount, "")
	case user.PasswordHash != "":
		if err := s.proveOwner(ctx, user, in.Body.Password); err != nil {
			return nil, err
		}
	case s.Clock().Unix()-caller.LoggedIn > int64(freshLogin/time.Second):
		return nil, problem(codeReauthenticate, "")
	}
	// First: a reservation made with a token of his after the look at his tickets would be nobody's.
	s.Tokens.Revoke(user.ID)
	err = s.awaitGains(ctx)
	if err == nil {
		err = s.Accounts.Withdraw(ctx, user.ID, s.Clock())
	}
	if err != nil {
		if !errors.Is(err, ticketing.ErrNotFound) { // another request of his was first
			s.Tokens.Restore(user.ID)
		}
		return nil, err
	}
	return s.left(), nil
}

// awaitGains waits until what was let in before has been answered and is in the tables: what is looked at then is all there
// will be of who is let in no more.
func (s *Server) awaitGains(ctx context.Context) error {
	err := s.gaining.settle(ctx)
	if err == nil {
		err = s.Projections.AwaitCommitted(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return problem(ticketing.CodeBusy, "Too much is being sold just now to see whether you have tickets.")
	}
	return err
}

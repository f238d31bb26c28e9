package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

const (
	// ResetLife is how long the link in a mail is good for.
	ResetLife = 30 * time.Minute
	// InviteLife is how long a new admin has to set his password.
	InviteLife = 24 * time.Hour

	resetPage = "/reset-password"
)

type resetInput struct {
	Body struct {
		Email string `json:"email" minLength:"1" maxLength:"254" example:"kim@example.com"`
	}
}

type confirmResetInput struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"64" writeOnly:"true" doc:"From the mail's link" example:"mEx4ZTfXyH0"`
		Password string `json:"password" minLength:"8" maxLength:"128" writeOnly:"true" doc:"With a letter, a digit and a special character" example:"green-ticket-8!"`
	}
}

func (s *Server) resetRoutes() {
	register(s, operation{
		id: "request-reset", method: http.MethodPost, path: "/v1/auth/password-reset", tag: "accounts", access: Public,
		status: http.StatusAccepted, errors: []int{http.StatusUnprocessableEntity}, limit: s.addressShare,
		summary: "Ask for a mail to set a new password",
		about:   "Answered the same, after the same work, whether there is such an account. The link is good once, for 30 minutes.",
	}, s.requestReset)
	register(s, operation{
		id: "confirm-reset", method: http.MethodPost, path: "/v1/auth/password-reset/confirm", tag: "accounts", access: Public,
		status: http.StatusNoContent, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity}, limit: s.addressShare,
		summary: "Set a new password by the mail's token",
		about:   "Ends all sessions of the account. `reset_invalid` when the token was used, replaced by a later one, or is too old.",
	}, s.confirmReset)
}

func (s *Server) requestReset(ctx context.Context, in *resetInput) (*struct{}, error) {
	email, err := auth.Email(in.Body.Email)
	if err != nil {
		return nil, err
	}
	if err := s.limits.mail.take(email); err != nil {
		return nil, err
	}
	now := s.Clock()
	return nil, s.Accounts.RequestReset(ctx, email, now, now.Add(ResetLife))
}

func (s *Server) confirmReset(ctx context.Context, in *confirmResetInput) (*struct{}, error) {
	if err := auth.CheckPassword(in.Body.Password); err != nil {
		return nil, err
	}
	token, err := auth.SecretHash(in.Body.Token)
	if err != nil {
		return nil, problem(codeResetInvalid, "")
	}
	// Before the hash of the new password, which is worth protecting from whoever makes tokens up.
	if err := s.Accounts.ResetKnown(ctx, token, s.Clock()); err != nil {
		return nil, resetError(err)
	}
	hash, err := s.Passwords.Known().Hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return nil, resetError(s.Accounts.ResetPassword(ctx, token, hash, s.Clock()))
}

func resetError(err error) error {
	if errors.Is(err, ticketing.ErrNotFound) {
		return problem(codeResetInvalid, "")
	}
	return err
}

// ResetMailer writes the mails of password resets. The token is made here, when the mail is: nowhere else does it
// exist but as a hash. A second attempt makes another, and the first mail's link is void.
type ResetMailer struct {
	// Prepare keeps the token's hash and says to whom it goes; ticketing.ErrNotFound when to nobody.
	Prepare   func(ctx context.Context, id int64, token ticketing.Hash, now time.Time) (ticketing.User, time.Time, error)
	Send      func(ctx context.Context, m ticketing.Message) error
	PublicURL string
	Clock     func() time.Time
}

// Work does one job: {"reset": id}.
func (r ResetMailer) Work(ctx context.Context, args []byte) error {
	var job struct {
		Reset int64 `json:"reset"`
	}
	if err := json.Unmarshal(args, &job); err != nil {
		return fmt.Errorf("reading a job: %w", err)
	}
	token, hash := auth.Secret()
	user, until, err := r.Prepare(ctx, job.Reset, hash, r.Clock())
	if errors.Is(err, ticketing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// In the fragment: it is sent to no server and stands in no log.
	link := r.PublicURL + resetPage + "#token=" + url.QueryEscape(token)
	seoul := until.In(time.FixedZone("KST", 9*60*60)).Format("2006-01-02 15:04")
	return r.Send(ctx, ticketing.Message{
		Name:    fmt.Sprintf("password_reset:%d/%s", job.Reset, hash), // another token is another mail
		To:      user.Email,
		Subject: "[Ticket Blue] 비밀번호 설정 · Set your password",
		Body: fmt.Sprintf("%s님, 아래 링크에서 새 비밀번호를 정해 주세요. 링크는 %s(한국 시간)까지 한 번만 쓸 수 있습니다.\n"+
			"요청하지 않으셨다면 이 메일을 무시하세요.\n\nSet a new password by this link; it works once. "+
			"If you did not ask for it, do nothing.\n\n%s\n", user.Name, seoul, link),
	})
}

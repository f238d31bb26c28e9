package api

import (
	"context"
	"errors"
	"net/http"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

type signupInput struct {
	Body struct {
		Email    string `json:"email" minLength:"3" maxLength:"254" example:"kim@example.com"`
		Password string `json:"password" minLength:"8" maxLength:"128" writeOnly:"true" doc:"With a letter, a digit and a special character" example:"blue-ticket-7!"`
		Name     string `json:"name" minLength:"1" maxLength:"50" example:"김하늘"`
	}
}

type accountBody struct {
	ID    int64  `json:"id" example:"7"`
	Email string `json:"email" example:"kim@example.com"`
	Name  string `json:"name" example:"김하늘"`
	Role  string `json:"role" enum:"customer,admin" example:"customer"`
}

type accountOutput struct{ Body accountBody }

type loginInput struct {
	Device string `cookie:"tb_device" maxLength:"1000" doc:"From the last log-in to the same account: such log-ins wait apart from all others"`
	Body   struct {
		Email    string `json:"email" minLength:"1" maxLength:"254" example:"kim@example.com"`
		Password string `json:"password" minLength:"1" maxLength:"128" writeOnly:"true" example:"blue-ticket-7!"`
		Cookie   bool   `json:"cookie,omitempty" doc:"For pages: the refresh token comes as an HttpOnly cookie instead of in the body" example:"false"`
	}
}

func (s *Server) accountRoutes() {
	register(s, operation{
		id: "signup", method: http.MethodPost, path: "/v1/auth/signup", tag: "accounts", access: Public,
		status: http.StatusCreated, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
		limit: s.hashingShare, summary: "Open a customer's account",
		about: "The role is always customer. `busy` when too many people sign up or log in at once. Code `email_taken` when there is an account already, or was one that has been withdrawn.",
	}, s.signup)
	register(s, operation{
		id: "login", method: http.MethodPost, path: "/v1/auth/login", tag: "accounts", access: Public,
		status: http.StatusOK, errors: []int{http.StatusUnauthorized, http.StatusUnprocessableEntity},
		limit: s.hashingShare, summary: "Open a session",
		about: "Gives an access token for 15 minutes and a refresh token for 30 days. An unknown e-mail and a wrong password get " +
			"the same answer after the same work: `credentials_invalid`. `busy` when too many people log in at once.",
	}, s.login)
	s.sessionRoutes()
	s.profileRoutes()
	s.resetRoutes()
	s.kakaoRoutes()
	s.adminRoutes()
	s.auditRoutes()
}

func (s *Server) signup(ctx context.Context, in *signupInput) (*accountOutput, error) {
	email, err := auth.Email(in.Body.Email)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(auth.CheckPassword(in.Body.Password), auth.CheckName(in.Body.Name)); err != nil {
		return nil, err
	}
	hash, err := s.Passwords.Hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	user := ticketing.User{
		Email: email, Name: in.Body.Name, PasswordHash: hash, Role: ticketing.Customer, CreatedAt: s.Clock(),
	}
	id, err := s.Accounts.CreateUser(ctx, user)
	if err != nil {
		return nil, err
	}
	return &accountOutput{accountBody{ID: int64(id), Email: user.Email, Name: user.Name, Role: string(user.Role)}}, nil
}

func (s *Server) login(ctx context.Context, in *loginInput) (*tokenOutput, error) {
	email, err := auth.Email(in.Body.Email)
	if err != nil {
		return nil, err
	}
	if err := s.limits.account.take(email); err != nil {
		return nil, err
	}
	lane := s.Passwords
	if s.Tokens.KnowsDevice(in.Device, email) {
		lane = lane.Known()
	}
	var user ticketing.User
	err = prove(ctx, lane, in.Body.Password, func(ctx context.Context) (hash string, err error) {
		if user, err = s.Accounts.UserByEmail(ctx, email); errors.Is(err, ticketing.ErrNotFound) {
			return "", nil // nobody's hash is empty: the check then takes as long and fails
		}
		return user.PasswordHash, err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.enter(ctx, user, in.Body.Cookie)
	if err != nil {
		return nil, err
	}
	device, err := s.Tokens.Device(email)
	if err != nil {
		return nil, err
	}
	out.SetCookie = append(out.SetCookie, s.cookie(deviceCookie, devicePath, device, auth.DeviceLife, http.SameSiteStrictMode))
	return out, nil
}

// prove checks a password; codeCredentialsInvalid unless it is right.
func prove(ctx context.Context, lane *auth.Passwords, password string, hashOf func(context.Context) (string, error)) error {
	right, err := lane.Check(ctx, password, hashOf)
	if err != nil {
		return err
	}
	if !right {
		return problem(codeCredentialsInvalid, "")
	}
	return nil
}

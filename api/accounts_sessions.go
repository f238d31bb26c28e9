package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

type tokenOutput struct {
	SetCookie []string `header:"Set-Cookie" doc:"tb_refresh, where a cookie was asked for or sent; tb_device, after a log-in by password"`
	Body      tokenBody
}

type tokenBody struct {
	AccessToken      string    `json:"access_token" doc:"For the Authorization header, after Bearer" example:"header.claims.signature"`
	TokenType        string    `json:"token_type" enum:"Bearer" example:"Bearer"`
	ExpiresIn        int       `json:"expires_in" doc:"Seconds the access token is good for" example:"900"`
	Role             string    `json:"role" enum:"customer,admin" example:"customer"`
	RefreshToken     string    `json:"refresh_token,omitempty" doc:"Good once. Absent where it is in the cookie" example:"mEx4ZTfXyH0"`
	SessionExpiresAt time.Time `json:"session_expires_at" doc:"Until then refresh tokens follow from each other" example:"2027-04-01T11:00:07Z"`
}

type refreshInput struct {
	Cookie string `cookie:"tb_refresh" maxLength:"64" doc:"The refresh token of a browser"`
	Body   struct {
		RefreshToken string `json:"refresh_token,omitempty" maxLength:"64" writeOnly:"true" doc:"Absent where it is in the cookie" example:"mEx4ZTfXyH0"`
	}
}

type leftOutput struct {
	SetCookie []string `header:"Set-Cookie" doc:"Takes tb_refresh back"`
}

func (s *Server) sessionRoutes() {
	register(s, operation{
		id: "refresh", method: http.MethodPost, path: "/v1/auth/refresh", tag: "accounts", access: Public,
		status: http.StatusOK, errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity},
		limit: s.sessionShare, summary: "Get the next access token",
		about: "The refresh token, from the body or the cookie, is replaced; for 10 seconds the one presented leads to the same " +
			"successor, for tabs that refresh at the same moment and answers that got lost. A used one that comes later ends the " +
			"session. `session_ended` whenever there is nothing to refresh.",
	}, s.refresh)
	register(s, operation{
		id: "logout", method: http.MethodPost, path: "/v1/auth/logout", tag: "accounts", access: Public,
		status: http.StatusNoContent, errors: []int{http.StatusForbidden, http.StatusUnprocessableEntity}, limit: s.sessionShare,
		summary: "End this session",
		about: "Of the refresh token in the body or the cookie. It is answered the same whether there was one. The access token " +
			"lives out its 15 minutes.",
	}, s.logout)
	register(s, operation{
		id: "logout-all", method: http.MethodPost, path: "/v1/auth/logout-all", tag: "accounts", access: Customer, noBody: true,
		status: http.StatusNoContent, limit: s.sessionShare, summary: "End all my sessions",
		about: "Access tokens live out their 15 minutes.",
	}, s.logoutAll)
}

// enter opens a session for somebody who has just proved who he is.
func (s *Server) enter(ctx context.Context, user ticketing.User, cookie bool) (*tokenOutput, error) {
	refresh, session := s.newSession(user.ID)
	err := s.Accounts.OpenSession(ctx, session)
	if errors.Is(err, ticketing.ErrNotFound) { // withdrawn since
		return nil, problem(codeCredentialsInvalid, "")
	}
	if err != nil {
		return nil, err
	}
	return s.tokens(auth.Caller{User: user.ID, Role: user.Role, LoggedIn: session.CreatedAt.Unix()}, refresh, session.ExpiresAt, cookie)
}

func (s *Server) newSession(user ticketing.UserID) (auth.Refresh, ticketing.Session) {
	refresh, now := auth.NewRefresh(), s.Clock()
	return refresh, ticketing.Session{
		User: user, Family: refresh.Family, TokenHash: refresh.Hash(), CreatedAt: now, ExpiresAt: now.Add(auth.SessionLife),
	}
}

func (s *Server) tokens(who auth.Caller, refresh auth.Refresh, until time.Time, cookie bool) (*tokenOutput, error) {
	access, err := s.Tokens.MintFor(who)
	if err != nil {
		return nil, err
	}
	out := &tokenOutput{Body: tokenBody{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(auth.TokenLife / time.Second), Role: string(who.Role),
		SessionExpiresAt: until,
	}}
	if cookie {
		out.SetCookie = []string{s.refreshCookie(refresh.String(), until)}
	} else {
		out.Body.RefreshToken = refresh.String()
	}
	return out, nil
}

func (s *Server) refresh(ctx context.Context, in *refreshInput) (*tokenOutput, error) {
	presented, err := auth.ParseRefresh(cmp.Or(in.Body.RefreshToken, in.Cookie))
	if err != nil {
		return nil, problem(codeSessionEnded, "")
	}
	nonce := auth.NewNonce()
	rotated, err := s.Accounts.RotateSession(ctx, ticketing.Rotation{
		Family: presented.Family, Presented: presented.Hash(), Next: presented.Next(nonce).Hash(), Nonce: nonce,
		At: s.Clock(), Grace: auth.RefreshGrace,
	})
	if errors.Is(err, ticketing.ErrNotFound) || errors.Is(err, ticketing.ErrSessionReused) {
		return nil, problem(codeSessionEnded, "")
	}
	if err != nil {
		return nil, err
	}
	who := auth.Caller{User: rotated.User, Role: rotated.Role, LoggedIn: rotated.CreatedAt.Unix()}
	return s.tokens(who, presented.Next(rotated.Nonce), rotated.ExpiresAt, in.Body.RefreshToken == "")
}

func (s *Server) logout(ctx context.Context, in *refreshInput) (*leftOutput, error) {
	if presented, err := auth.ParseRefresh(cmp.Or(in.Body.RefreshToken, in.Cookie)); err == nil {
		if err := s.Accounts.CloseSession(ctx, presented.Family, presented.Hash()); err != nil {
			return nil, err
		}
	}
	return s.left(), nil
}

func (s *Server) logoutAll(ctx context.Context, _ *struct{}) (*leftOutput, error) {
	if err := s.Accounts.CloseSessions(ctx, callerOf(ctx).User); err != nil {
		return nil, err
	}
	return s.left(), nil
}

func (s *Server) left() *leftOutput { return &leftOutput{[]string{s.refreshCookie("", s.Clock())}} }

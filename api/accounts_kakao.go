package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"ticketblue/api/auth"
	"ticketblue/api/auth/fakekakao"
	"ticketblue/ticketing"
)

const loginPage = "/login"

// What the log-in page is told by ?kakao= when it did not work.
const (
	kakaoDenied    = "denied"         // not agreed
	kakaoFailed    = "failed"         // not this browser's attempt, or too late, or no proof
	kakaoDown      = "unavailable"    // Kakao or this service does not answer
	kakaoTaken     = "email_taken"    // by an account that was withdrawn
	kakaoLinkFirst = "link_first"     // log in by password, then link
	kakaoOther     = "identity_taken" // it is another account's, or the account has another
)

type kakaoStartInput struct {
	Return string `query:"return" maxLength:"200" doc:"Path to go to afterwards; / when absent" example:"/rounds/42"`
	Again  bool   `query:"again" doc:"Ask for the password even of whoever is logged in at Kakao"`
}

type redirectOutput struct {
	Status    int
	Location  string   `header:"Location"`
	SetCookie []string `header:"Set-Cookie"`
}

type kakaoLinkInput struct {
	Body struct {
		Return string `json:"return,omitempty" maxLength:"200" doc:"Path to go to afterwards; / when absent" example:"/me"`
	}
}

type kakaoLinkOutput struct {
	SetCookie []string `header:"Set-Cookie"`
	Body      struct {
		URL string `json:"url" doc:"Send the browser there" example:"https://kauth.kakao.com/oauth/authorize?..."`
	}
}

type kakaoCallbackInput struct {
	Cookie string `cookie:"tb_kakao" doc:"The attempt, sealed"`
	Code   string `query:"code" maxLength:"1000"`
	State  string `query:"state" maxLength:"100"`
	Error  string `query:"error" maxLength:"100"`
}

func (s *Server) kakaoRoutes() {
	register(s, operation{
		id: "kakao-login", method: http.MethodGet, path: "/v1/auth/kakao", tag: "accounts", access: Public,
		status: http.StatusSeeOther, errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}, limit: s.sessionShare,
		summary: "Log in by Kakao: for browsers",
		about:   "Redirects to Kakao with state, nonce and PKCE. `not_found` where Kakao is not set up.",
	}, s.kakaoLogin)
	register(s, operation{
		id: "kakao-callback", method: http.MethodGet, path: "/v1/auth/kakao/callback", tag: "accounts", access: Public,
		status: http.StatusSeeOther, errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}, limit: s.sessionShare,
		foreign: true, // OpenID Connect leaves it to providers what else they send back
		summary: "Where Kakao sends browsers back to",
		about: "Opens a session as a cookie and redirects to the path asked for; POST /v1/auth/refresh gives the access token. What went " +
			"wrong stands in /login?kakao=: denied, failed, unavailable, email_taken, link_first, identity_taken.",
	}, s.kakaoCallback)
	register(s, operation{
		id: "kakao-link", method: http.MethodPost, path: "/v1/me/kakao", tag: "accounts", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}, limit: s.userShare,
		summary: "Link my account with Kakao", about: "From then on it opens by Kakao, too.",
	}, s.kakaoLink)
	if s.FakeKakao != nil {
		s.mountFake("fake-kakao", fakekakao.Path, s.FakeKakao)
	}
}

// localPath is a path of our own pages: nothing that a browser could take for another site.
func localPath(path, field string) (string, error) {
	if path == "" {
		return "/", nil
	}
	parsed, err := url.Parse(path)
	odd := strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' })
	if err != nil || odd || parsed.Scheme != "" || parsed.Host != "" || path[0] != '/' || strings.HasPrefix(path, "//") {
		return "", invalid(field, "a path of this site such as /rounds/42")
	}
	return path, nil
}

func (s *Server) kakaoLogin(_ context.Context, in *kakaoStartInput) (*redirectOutput, error) {
	address, cookie, err := s.beginKakao(in.Return, 0, in.Again)
	if err != nil {
		return nil, err
	}
	return &redirectOutput{http.StatusSeeOther, address, []string{cookie}}, nil
}

func (s *Server) kakaoLink(ctx context.Context, in *kakaoLinkInput) (*kakaoLinkOutput, error) {
	address, cookie, err := s.beginKakao(in.Body.Return, callerOf(ctx).User, false)
	if err != nil {
		return nil, err
	}
	out := &kakaoLinkOutput{SetCookie: []string{cookie}}
	out.Body.URL = address
	return out, nil
}

func (s *Server) beginKakao(path string, link ticketing.UserID, again bool) (address, cookie string, err error) {
	if s.Kakao == nil {
		return "", "", ticketing.ErrNotFound
	}
	if path, err = localPath(path, "return"); err != nil {
		return "", "", err
	}
	address, sealed, err := s.Kakao.Begin(path, link, again)
	return address, s.cookie(kakaoCookie, kakaoPath, sealed, auth.AttemptLife, http.SameSiteLaxMode), err
}

// kakaoCallback ends on a page whatever happens: whoever comes here is a person with a browser.
func (s *Server) kakaoCallback(ctx context.Context, in *kakaoCallbackInput) (*redirectOutput, error) {
	if s.Kakao == nil {
		return nil, ticketing.ErrNotFound
	}
	used := s.cookie(kakaoCookie, kakaoPath, "", 0, http.SameSiteLaxMode)
	failed := func(why string) (*redirectOutput, error) {
		return &redirectOutput{http.StatusSeeOther, loginPage + "?kakao=" + why, []string{used}}, nil
	}
	attempt, err := s.Kakao.Attempt(in.Cookie, in.State)
	switch {
	case err != nil:
		return failed(kakaoFailed)
	case in.Error != "" || in.Code == "":
		return failed(kakaoDenied)
	}
	user, err := s.kakaoUser(ctx, attempt, in.Code)
	if err != nil {
		return failed(s.kakaoWhy(err))
	}
	session, err := s.enter(ctx, user, true)
	if err != nil {
		return failed(s.kakaoWhy(err))
	}
	return &redirectOutput{http.StatusSeeOther, attempt.Return, append(session.SetCookie, used)}, nil
}

var errLinkFirst = errors.New("an account with this e-mail exists, and nobody has shown that it is his")

// kakaoWhy names an error for the log-in page. What nobody expects goes to the log.
func (s *Server) kakaoWhy(err error) string {
	for known, why := range map[error]string{
		auth.ErrKakaoRefused: kakaoFailed, ticketing.ErrEmailTaken: kakaoTaken, errLinkFirst: kakaoLinkFirst,
		ticketing.ErrIdentityTaken: kakaoOther, ticketing.ErrNotFound: kakaoFailed,
	} {
		if errors.Is(err, known) {
			return why
		}
	}
	s.Log.Error("a log-in by Kakao failed", slog.Any("error", err))
	return kakaoDown
}

// kakaoUser is the account of somebody who comes back from Kakao: the one that has his identity, the one that shall
// get it, or a new one. An account that only has the same e-mail is his when both sides have verified it; one that
// nobody has verified may have been made by somebody else, who then would have this person's tickets.
func (s *Server) kakaoUser(ctx context.Context, a auth.Attempt, code string) (ticketing.User, error) {
	person, err := s.Kakao.Finish(ctx, a, code)
	if err != nil {
		return ticketing.User{}, err
	}
	if a.Link != 0 {
		if err := s.Accounts.LinkIdentity(ctx, a.Link, person.Identity); err != nil {
			return ticketing.User{}, err
		}
		return s.Accounts.User(ctx, a.Link)
	}
	user, err := s.Accounts.UserByIdentity(ctx, person.Identity)
	if !errors.Is(err, ticketing.ErrNotFound) {
		return user, err
	}
	if person.Email != "" {
		user, err = s.Accounts.UserByEmail(ctx, person.Email)
		switch {
		case err == nil && user.EmailVerified && user.Role == ticketing.Customer:
			return user, s.Accounts.LinkIdentity(ctx, user.ID, person.Identity)
		case err == nil:
			return ticketing.User{}, errLinkFirst
		case !errors.Is(err, ticketing.ErrNotFound):
			return ticketing.User{}, err
		}
	}
	return s.newKakaoUser(ctx, person)
}

func (s *Server) newKakaoUser(ctx context.Context, person auth.Person) (ticketing.User, error) {
	user := ticketing.User{
		Email: person.Email, EmailVerified: person.Email != "", Name: person.Name, Role: ticketing.Customer, CreatedAt: s.Clock(),
	}
	_, err := s.Accounts.CreateUserWith(ctx, user, person.Identity)
	if err != nil && !errors.Is(err, ticketing.ErrIdentityTaken) { // taken: he has come back twice at once
		return ticketing.User{}, err
	}
	return s.Accounts.UserByIdentity(ctx, person.Identity)
}

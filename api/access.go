package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

// Access is who may use a route.
type Access int

// Undeclared is nobody, not even at start: it makes the program stop.
const (
	Undeclared Access = iota
	Public
	Customer // anyone who has logged in, admins too
	Admin
)

// route is what the door knows about one route.
type route struct {
	id       string
	access   Access
	deadline time.Duration
	body     bool                                         // has one, in JSON
	expects  bool                                         // a version in If-Match
	query    parameters                                   // that it knows
	endless  bool                                         // a stream, of which there is no head without the rest
	gains    bool                                         // its caller may have seats afterwards
	tells    string                                       // tag of an operation whose refusals are told; "": not
	limit    func(c *fiber.Ctx, caller auth.Caller) error // the caller's share, if any
}

// router is the one way for routes into the Fiber application, huma's as well as ours: it puts the door in front.
type router struct {
	fiber.Router // for huma, which only calls Add
	server       *Server
	metrics      requestMetrics
	declared     map[string]route
}

func newRouter(s *Server, m requestMetrics) *router {
	return &router{Router: s.app, server: s, metrics: m, declared: map[string]route{}}
}

// declare must come before Add.
func (r *router) declare(method, path string, rt route) {
	if rt.access == Undeclared {
		panic(fmt.Sprintf("%s %s has not said who may use it", method, path))
	}
	r.declared[method+" "+path] = rt
}

// Add registers a declared route.
func (r *router) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	rt, found := r.declared[method+" "+path]
	if !found {
		panic(fmt.Sprintf("%s %s has not said who may use it", method, path))
	}
	all := append([]fiber.Handler{r.server.door(rt, r.metrics.of(rt.id))}, handlers...)
	if method == http.MethodGet && !rt.endless { // HEAD is answered like GET; fasthttp leaves the body out
		r.declared[http.MethodHead+" "+path] = rt
		r.server.app.Add(http.MethodHead, path, all...)
	}
	return r.server.app.Add(method, path, all...)
}

// seal panics when a route has come in by another way.
func (r *router) seal() {
	const onlyRoutes = true
	for _, known := range r.server.app.GetRoutes(onlyRoutes) {
		if _, found := r.declared[known.Method+" "+known.Path]; !found {
			panic(fmt.Sprintf("%s %s has not said who may use it", known.Method, known.Path))
		}
	}
}

type callerKey struct{}

// callerOf is who the door let in; the zero Caller on public routes.
func callerOf(ctx context.Context) auth.Caller {
	if caller, known := ctx.Value(callerKey{}).(*auth.Caller); known {
		return *caller
	}
	return auth.Caller{}
}

// checkIfMatch refuses lines of If-Match that huma would not see: the second one, and an empty one, which is what a program
// sends that has lost its ETag and does not mean to change whatever there is.
func checkIfMatch(lines [][]byte) error {
	switch {
	case len(lines) > 1:
		return invalid(fiber.HeaderIfMatch, "given once")
	case len(lines) == 1 && len(lines[0]) == 0:
		return invalid(fiber.HeaderIfMatch, wantETag)
	}
	return nil
}

// door checks everything that can be checked before a body is read, sets the deadline, and measures.
func (s *Server) door(rt route, observe observer) fiber.Handler {
	ends := &deadlines{after: rt.deadline}
	return func(c *fiber.Ctx) error {
		began := time.Now()
		c.SetUserContext(ends.of(began))
		if err := s.pass(c, rt); err != nil {
			s.fail(c, err)
		}
		if status := c.Response().StatusCode(); s.Refused != nil && rt.tells != "" && status >= http.StatusBadRequest {
			s.tellRefused(c, rt)
		}
		observe(c.Response().StatusCode(), time.Since(began))
		return nil
	}
}

func (s *Server) pass(c *fiber.Ctx, rt route) error {
	if changes(c.Method()) && !s.sameOrigin(c) {
		return problem(codeCrossOrigin, "")
	}
	if rt.gains {
		defer s.gaining.enter().Add(-1)
	}
	caller, err := s.admit(c, rt.access)
	if err != nil {
		return err
	}
	if err := rt.query.check(c); err != nil {
		return err
	}
	if rt.expects {
		if err := checkIfMatch(c.Request().Header.PeekAll(fiber.HeaderIfMatch)); err != nil {
			return err
		}
	}
	if rt.body && !isJSON(c.Request().Header.ContentType()) {
		return problem(codeMediaType, "Send application/json in UTF-8.")
	}
	if rt.limit != nil {
		if err := rt.limit(c, *caller); err != nil {
			return err
		}
	}
	if rt.access != Public {
		c.Context().SetUserValue(callerKey{}, caller)
	}
	if rt.access == Admin {
		return s.audited(c, rt, *caller)
	}
	return c.Next()
}

var bearer = []byte("Bearer ")

// tokenOf is the token that an Authorization header brings. Names of schemes may be written in any case.
func tokenOf(h *fasthttp.RequestHeader) (token []byte, found bool) {
	value := h.Peek(fiber.HeaderAuthorization)
	if len(value) < len(bearer) || !bytes.EqualFold(value[:len(bearer)], bearer) {
		return nil, false
	}
	return value[len(bearer):], true
}

// nobody is the caller of a public route.
var nobody auth.Caller

func (s *Server) admit(c *fiber.Ctx, access Access) (*auth.Caller, error) {
	if access == Public {
		return &nobody, nil
	}
	token, found := tokenOf(&c.Request().Header)
	if !found {
		return nil, auth.ErrUnauthenticated
	}
	caller, err := s.Tokens.Admit(token)
	if err != nil {
		return nil, err
	}
	if access == Admin {
		if err := s.stillAdmin(c.UserContext(), caller); err != nil {
			return nil, err
		}
	}
	return caller, nil
}

// stillAdmin asks the account itself: who is an admin no longer must not remain one until his token expires.
func (s *Server) stillAdmin(ctx context.Context, caller *auth.Caller) error {
	if caller.Role != ticketing.Admin {
		return problem(codeForbidden, "")
	}
	user, err := s.Accounts.User(ctx, caller.User)
	if errors.Is(err, ticketing.ErrNotFound) || err == nil && user.Role != ticketing.Admin {
		return problem(codeForbidden, "")
	}
	return err
}

func isJSON(contentType []byte) bool {
	if string(contentType) == fiber.MIMEApplicationJSON {
		return true
	}
	kind, params, err := mime.ParseMediaType(string(contentType))
	charset, given := params["charset"]
	return err == nil && kind == fiber.MIMEApplicationJSON && (!given || charset == "utf-8" || charset == "UTF-8")
}

func (s *Server) reserveShare(_ *fiber.Ctx, caller auth.Caller) error {
	return s.limits.reserve.take(int64(caller.User))
}

func (s *Server) userShare(_ *fiber.Ctx, caller auth.Caller) error {
	return s.limits.change.take(int64(caller.User))
}

func (s *Server) sessionShare(c *fiber.Ctx, _ auth.Caller) error {
	from, err := s.network(c)
	if err != nil {
		return err
	}
	return s.limits.session.take(from)
}

func (s *Server) addressShare(c *fiber.Ctx, _ auth.Caller) error {
	from, err := s.network(c)
	if err != nil {
		return err
	}
	return s.limits.address.take(from)
}

// hashingShare is an address's share of what hashes a password. While no more may wait to hash, all are refused here but
// browsers that bring a device: theirs may be a place apart, which stands in the body.
func (s *Server) hashingShare(c *fiber.Ctx, who auth.Caller) error {
	if s.Passwords.Full() && c.Cookies(deviceCookie) == "" {
		return auth.ErrBusy
	}
	return s.addressShare(c, who)
}

var hasBody = map[string]bool{http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true}

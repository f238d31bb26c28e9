package api

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"ticketblue/ticketing"
)

const (
	headerRequestID = "X-Request-Id"
	// An API has nothing to run, frame or load; the docs page has its own policy.
	contentPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

func init() {
	uuid.EnableRandPool() // a request id is no secret; reading the kernel's randomness each time costs a microsecond
}

// front is what happens to every request, known route or not.
func (s *Server) front(c *fiber.Ctx) (err error) {
	welcome := s.drain.enter()
	defer s.drain.leave()
	s.setHeaders(c)
	defer func() {
		if cause := recover(); cause != nil {
			err = nil
			s.fail(c, fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
		}
	}()
	switch {
	case !welcome:
		c.Context().SetConnectionClose()
		s.fail(c, problem(ticketing.CodeUnavailable, "This server is going away; ask again."))
	case len(c.Request().Header.ContentEncoding()) > 0:
		// Nobody needs it for 64 KiB, and what it unpacks to has no limit.
		s.fail(c, problem(codeMediaType, "The body must not be compressed."))
	default:
		if err := c.Next(); err != nil {
			s.fail(c, err)
		}
	}
	return nil
}

// knownMethods stands before Fiber, which answers methods it has never heard of by itself and not with a problem.
func (s *Server) knownMethods(handle fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		for _, known := range fiber.DefaultMethods {
			if string(ctx.Method()) == known {
				handle(ctx)
				return
			}
		}
		c := s.app.AcquireCtx(ctx)
		defer s.app.ReleaseCtx(c)
		s.setHeaders(c)
		s.fail(c, fiber.ErrMethodNotAllowed)
	}
}

func (s *Server) setHeaders(c *fiber.Ctx) {
	h := &c.Response().Header
	h.Set(headerRequestID, uuid.NewString())
	h.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	h.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	h.Set(fiber.HeaderContentSecurityPolicy, contentPolicy)
	h.Set(fiber.HeaderCacheControl, "no-store") // what may be cached says so itself
}

func requestID(c *fiber.Ctx) string { return string(c.Response().Header.Peek(headerRequestID)) }

// fail answers with the problem that err is.
func (s *Server) fail(c *fiber.Ctx, err error) {
	p := s.reported(c, s.problemOf(err))
	c.Response().ResetBody()
	for name, values := range p.GetHeaders() {
		c.Set(name, values[0])
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Status(p.Status)
	if err := c.JSON(p, mimeProblem); err != nil {
		s.Log.Error("writing a problem", slog.Any("error", err))
	}
}

// reported is the problem with the request's id. Its cause goes to the operator, never to the caller.
func (s *Server) reported(c *fiber.Ctx, p *Problem) *Problem {
	shown := *p
	shown.RequestID = requestID(c)
	if p.cause != nil {
		s.Log.Error("request failed", slog.String("request_id", shown.RequestID), slog.String("code", p.Code),
			slog.String("method", c.Method()), slog.String("path", c.Path()), slog.Any("error", p.cause))
	}
	return &shown
}

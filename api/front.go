package api

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strconv"

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

// everywhere stands in every answer. Names are in the form they are sent in, so that nobody looks at their letters again.
var everywhere = []struct{ name, value []byte }{
	{[]byte(fiber.HeaderXContentTypeOptions), []byte("nosniff")},
	{[]byte(fiber.HeaderReferrerPolicy), []byte("no-referrer")},
	{[]byte(fiber.HeaderContentSecurityPolicy), []byte(contentPolicy)},
	{cacheControl, noStore}, // what may be cached says so itself
}

var (
	cacheControl    = []byte(fiber.HeaderCacheControl)
	noStore         = []byte("no-store")
	requestIDHeader = []byte(headerRequestID)
)

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
		if err := c.Next(); err != nil && !strayed(c, err) {
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
	var id [uuidLength]byte
	h.SetCanonical(requestIDHeader, appendUUID(id[:0]))
	for _, header := range everywhere {
		h.SetCanonical(header.name, header.value)
	}
}

const uuidLength = 36

// appendUUID writes a random UUID. A request's id is no secret: the runtime's generator takes no lock and asks no kernel.
func appendUUID(dst []byte) []byte {
	var id uuid.UUID
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, variant of RFC 9562
	dst = hex.AppendEncode(dst, id[:4])
	for _, part := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		dst = hex.AppendEncode(append(dst, '-'), part)
	}
	return dst
}

// requestID is part of the answer's header: it changes with it.
func requestID(c *fiber.Ctx) []byte { return c.Response().Header.Peek(headerRequestID) }

// fail answers with the problem that err is.
func (s *Server) fail(c *fiber.Ctx, err error) { s.answerProblem(c, s.problemOf(err)) }

// refuse answers with a machine's no. In a rush nearly every answer is one: its problem is not put on the heap.
func (s *Server) refuse(c *fiber.Ctx, no *ticketing.Result) {
	p := s.refused(blank(no.Code), no)
	s.answerProblem(c, s.scattered(&p))
}

func (s *Server) answerProblem(c *fiber.Ctx, p *Problem) {
	s.reportCause(c, p)
	h := &c.Response().Header
	if seconds, tell := p.retryAfterSeconds(); tell {
		h.Set(fiber.HeaderRetryAfter, strconv.FormatInt(seconds, 10))
	}
	if p.Status == fiber.StatusUnauthorized {
		h.Set(fiber.HeaderWWWAuthenticate, challenge)
	}
	h.SetCanonical(cacheControl, noStore)
	h.SetContentType(mimeProblem)
	h.SetStatusCode(p.Status)
	var space [answerSize]byte
	c.Response().SetBody(appendProblem(space[:0], p, requestID(c)))
}

// reported is the problem with the request's id.
func (s *Server) reported(c *fiber.Ctx, p *Problem) *Problem {
	s.reportCause(c, p)
	shown := *p
	shown.RequestID = string(requestID(c))
	return &shown
}

// reportCause tells the operator what the caller is not told.
func (s *Server) reportCause(c *fiber.Ctx, p *Problem) {
	if p.cause == nil {
		return
	}
	s.Log.Error("request failed", slog.String("request_id", string(requestID(c))), slog.String("code", p.Code),
		slog.String("method", c.Method()), slog.String("path", c.Path()), slog.Any("error", p.cause))
}

package api

import (
	"bytes"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

// Refusal is a no to a customer's request about seats, money or coupons.
type Refusal struct {
	At        time.Time
	Operation string // as in the document
	Tag       string // of the operation: "reservations", "payments" or "coupons"
	Code      string // of the problem
	Status    int
	User      ticketing.UserID // 0: nobody known
	Target    string           // the id in the path, as it came, in so far as it is one
	RequestID string
}

// told are the tags of operations whose refusals others are told of.
var told = map[string]bool{"reservations": true, "payments": true, "coupons": true}

// tells says whether the operation's refusals are told: reading is refused nobody who counts.
func (op operation) tells() string {
	if told[op.tag] && op.method != http.MethodGet {
		return op.tag
	}
	return ""
}

const maxTarget = 40 // bytes; no id is longer

var codeField = []byte(`"code":"`)

// tellRefused reads the answer, which says all there is, whoever has written it.
func (s *Server) tellRefused(c *fiber.Ctx, rt route) {
	r := Refusal{
		At: s.Clock(), Operation: rt.id, Tag: rt.tells, Status: c.Response().StatusCode(), User: callerOf(c.Context()).User,
		RequestID: string(requestID(c)),
	}
	if _, after, found := bytes.Cut(c.Response().Body(), codeField); found {
		if code, _, ended := bytes.Cut(after, []byte(`"`)); ended {
			r.Code = string(code)
		}
	}
	if target := c.Params("id"); len(target) <= maxTarget && isID(target) {
		r.Target = target
	}
	s.Refused(r)
}

// isID keeps what people type out of where others read.
func isID(text string) bool {
	for _, b := range []byte(text) {
		if (b < '0' || b > '9') && b != '-' {
			return false
		}
	}
	return true
}

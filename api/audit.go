package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

const (
	auditDeadline  = 2 * time.Second // for the line about how an act ended
	maxAuditTarget = 100             // bytes of a path's parameter that are kept
)

// audited runs an admin's operation so that nothing happens unseen. An act has a line before it begins and one after
// it ended; without the first it does not begin. What only looks has one line, and without it no answer. Only the
// second line of an act can be missing, after a crash: then the first says who began what.
func (s *Server) audited(c *fiber.Ctx, rt route, caller auth.Caller) error {
	line := ticketing.AuditEntry{User: caller.User, Operation: rt.id, Targets: targetsOf(c), RequestID: string(requestID(c))}
	act := changes(c.Method())
	c.Context().SetUserValue(targetsKey{}, line.Targets)
	var begun int64
	if act {
		var err error
		if begun, err = s.Accounts.Audit(c.UserContext(), line, 0); err != nil {
			return unaudited(err)
		}
	}
	if err := c.Next(); err != nil {
		s.fail(c, err)
	}
	line.Status = c.Response().StatusCode()
	ctx, cancel := context.WithTimeout(context.Background(), auditDeadline) // the request's own may have ended
	defer cancel()
	_, err := s.Accounts.Audit(ctx, line, begun)
	switch {
	case err == nil:
	case act:
		s.Log.Error("an admin's act ended and the audit log does not say how", slog.String("operation", rt.id),
			slog.Int64("line", begun), slog.Int("status", line.Status), slog.Any("error", err))
	default:
		return unaudited(err)
	}
	return nil
}

type targetsKey struct{}

// concerns adds to the line of an admin's act what its path does not name: what it has made, or how it was asked.
func concerns(ctx context.Context, noun ticketing.Noun, value any) {
	if targets, known := ctx.Value(targetsKey{}).(map[string]string); known {
		targets[string(noun)] = fmt.Sprint(value)
	}
}

func unaudited(err error) error {
	p := problem(ticketing.CodeUnavailable, "The audit log cannot be written, and without it admins do nothing.")
	p.cause = err
	return p
}

// targetsOf is what the path names, as it came.
func targetsOf(c *fiber.Ctx) map[string]string {
	targets := c.AllParams()
	for name, value := range targets {
		if len(value) > maxAuditTarget {
			value = value[:maxAuditTarget]
		}
		targets[name] = strings.ReplaceAll(strings.ToValidUTF8(value, "?"), "\x00", "?")
	}
	return targets
}

type auditInput struct {
	After string `query:"after" maxLength:"80" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
	User  int64  `query:"user" minimum:"1" doc:"Only what this admin did"`
}

type auditBody struct {
	ID        int64             `json:"id" example:"311"`
	At        time.Time         `json:"at" example:"2027-03-02T11:00:07Z"`
	User      int64             `json:"user" doc:"The admin; 0: who may use the data directory, by the command ticketblue admin create" example:"1"`
	Operation string            `json:"operation" doc:"As in this document" example:"open-round"`
	Targets   map[string]string `json:"targets" nullable:"false" doc:"Parameters of the path; and, by noun, the id of what was made or linked" example:"{\"id\":\"42\"}"`
	Status    int               `json:"status,omitempty" doc:"Of the answer; absent when nobody knows how it ended" example:"200"`
	RequestID string            `json:"request_id" example:"3581936a-d6d7-4f93-8f4d-a57c387e1fb6"`
}

type auditOutput struct{ Body page[auditBody] }

func (s *Server) auditRoutes() {
	register(s, operation{
		id: "list-audit", method: http.MethodGet, path: "/v1/admin/audit", tag: "admins", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity}, summary: "What admins did, newest first",
		about: "Every operation of an admin is here, reads too, with what its path named, what it made, and how it was answered; bodies are not.",
	}, s.auditLog)
}

func (s *Server) auditLog(ctx context.Context, in *auditInput) (*auditOutput, error) {
	l := listOf("list-audit", in.User)
	after, err := l.afterID(in.After)
	if err != nil {
		return nil, err
	}
	found, err := s.Accounts.AuditLog(ctx, ticketing.UserID(in.User), after, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("listing the audit log: %w", err)
	}
	onWire := func(e ticketing.AuditEntry) auditBody {
		return auditBody{e.ID, e.At, int64(e.User), e.Operation, e.Targets, e.Status, e.RequestID}
	}
	return &auditOutput{pageOf(found, in.Limit, onWire, func(e ticketing.AuditEntry) string { return l.cursorOfID(e.ID) })}, nil
}

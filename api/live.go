package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

const (
	headerLastEventID = "Last-Event-ID"
	headerBuffering   = "X-Accel-Buffering" // "no" asks a proxy in front to pass events on at once
	mimeEvents        = "text/event-stream"
)

// Live shows rounds as they change.
type Live interface {
	// Watch gives a round's frames after a seq (0: from the start) until ctx ends, beginning with a snapshot where
	// needed. It closes the channel when it cannot go on or the viewer falls behind. A round that does not exist is
	// ticketing.ErrNotFound; any other error means not now.
	Watch(ctx context.Context, round ticketing.RoundID, after uint64) (<-chan ticketing.Frame, error)
}

type eventsInput struct {
	Round       int64  `path:"id" minimum:"1" example:"42"`
	LastEventID string `header:"Last-Event-ID" pattern:"^[0-9]{1,20}$" doc:"The id of the last event you had; browsers send it when they come back" example:"1234"`
	LastSeen    string `query:"last_event_id" pattern:"^[0-9]{1,20}$" doc:"The same, for the first request; the header counts more" example:"1234"`
}

type eventsOutput struct{}

func (s *Server) liveRoutes() {
	hot[eventsInput, eventsOutput](s, operation{
		id: "watch-round", method: http.MethodGet, path: "/v1/rounds/{id}/events", tag: "rounds", access: Public,
		endless: true, status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity},
		summary: "Watch the seats as they change",
		about: "Server-sent events: a `snapshot` of all seats, then a `delta` with what has changed, at most ten a " +
			"second. An event's `id` is the round's seq. Who comes back with the last id gets only what was missed, " +
			"or a new snapshot when that is too much. A stream that is not read is cut; come back then. 429 is `rate_limited`: " +
			"too many streams are open, here or from your address." + aboutOwner,
		responses: map[string]*huma.Response{"200": {
			Description: "A stream without end",
			Content:     map[string]*huma.MediaType{mimeEvents: eventsDocument(s.huma.OpenAPI().Components.Schemas)},
		}},
	}, s.watchRound)
}

// eventsDocument documents the stream as the list of its events, as huma does.
func eventsDocument(schemas huma.Registry) *huma.MediaType {
	event := func(name string, data any) *huma.Schema {
		return &huma.Schema{
			Title: name, Type: huma.TypeObject, Required: []string{"id", "event", "data"},
			Properties: map[string]*huma.Schema{
				"id":    {Type: huma.TypeInteger, Description: "The round's seq"},
				"event": {Type: huma.TypeString, Enum: []any{name}},
				"data":  schemas.Schema(reflect.TypeOf(data), true, ""),
			},
		}
	}
	example := string(EncodeSnapshot(42, 1234, []byte("..hsb"), ticketing.Open)) +
		string(EncodeDelta(ticketing.Delta{Seq: 1240, Phase: ticketing.Open, Changes: []ticketing.SeatChange{
			{Seat: 0, State: ticketing.SeatHeld}, {Seat: 2, State: ticketing.SeatFree},
		}}))
	schema := &huma.Schema{
		Type: huma.TypeArray, Description: "The events of the stream; on the wire:\n\n```\n" + example + "```",
		Items: &huma.Schema{OneOf: []*huma.Schema{event("snapshot", snapshotBody{}), event("delta", deltaBody{})}},
	}
	schema.PrecomputeMessages()
	return &huma.MediaType{Schema: schema}
}

func (s *Server) watchRound(c *fiber.Ctx) error {
	round, ok := ticketing.ParseRoundID(c.Params("id"))
	if !ok {
		return ticketing.ErrNotFound
	}
	after, err := lastEventID(c)
	if err != nil {
		return err
	}
	if s.Live == nil {
		return problem(ticketing.CodeUnavailable, "Live maps are not shown here.")
	}
	from, err := s.network(c)
	if err != nil {
		return err
	}
	v, err := s.viewers.enter(from)
	if err != nil {
		return err
	}
	if err := s.watch(c.UserContext(), v, round, after); err != nil {
		s.viewers.leave(v)
		return err
	}
	s.stream(c, v)
	return nil
}

func lastEventID(c *fiber.Ctx) (after uint64, err error) {
	field, id := headerLastEventID, c.Get(headerLastEventID)
	if id == "" {
		field, id = "last_event_id", c.Query("last_event_id")
	}
	if id == "" {
		return 0, nil
	}
	if after, err = strconv.ParseUint(id, 10, 64); err != nil {
		return 0, invalid(field, "the id of an event")
	}
	return after, nil
}

// watch lasts as long as the viewer, but must begin before the request's deadline.
func (s *Server) watch(request context.Context, v *viewer, round ticketing.RoundID, after uint64) (err error) {
	begun := context.AfterFunc(request, v.cancel)
	defer begun()
	v.frames, err = s.Live.Watch(v.ctx, round, after)
	if err == nil || errors.Is(err, ticketing.ErrNotFound) {
		return err
	}
	p := problem(ticketing.CodeUnavailable, "The live map cannot be shown just now.")
	p.cause = err
	return p
}

// stream takes the connection from the HTTP server. Nothing tells where the answer ends but the end of the
// connection, so that a frame is the same bytes for everybody.
func (s *Server) stream(c *fiber.Ctx, v *viewer) {
	h := &c.Response().Header
	h.SetContentType(mimeEvents)
	h.Set(headerBuffering, "no")
	h.SetContentLength(-2) // until the connection closes
	head := append(h.AppendBytes(nil), retryLine()...)
	conn := c.Context().Conn()
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(net.Conn) {
		// A goroutine of its own: fasthttp's would keep the request and its buffers.
		go s.viewers.run(v, conn, head)
	})
}

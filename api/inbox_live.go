package api

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

// The pace of an inbox's stream.
const (
	inboxPoll    = 15 * time.Second // at the latest; who is nudged looks at once
	inboxOverlap = 10 * time.Second // items are looked for again so far back: what was written last may have a place before
	inboxPage    = 100              // items at once
	inboxTabs    = 10               // streams of one customer
	inboxLife    = auth.TokenLife   // no stream outlives the token it was opened with
	inboxRead    = 5 * time.Second  // one look at the tables
)

type inboxEventsInput struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"400" doc:"The id of the last notice you had" example:"MTc2NDUwMDAwMDAwMEByb3VuZDo0MkAxNw"`
	LastSeen    string `query:"last_event_id" maxLength:"400" doc:"The same; the header counts more" example:"MTc2NDUwMDAwMDAwMEByb3VuZDo0MkAxNw"`
}

type unreadBody struct {
	Unread int `json:"unread" doc:"At most 100 are counted" example:"3"`
}

// nudges wake the streams of a customer.
type nudges struct {
	mu  sync.Mutex
	all map[ticketing.UserID]map[chan struct{}]struct{} // capacity 1 each
}

func newNudges() *nudges {
	return &nudges{all: map[ticketing.UserID]map[chan struct{}]struct{}{}}
}

func (n *nudges) enter(user ticketing.UserID) (nudged chan struct{}, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.all[user]) >= inboxTabs {
		return nil, problem(codeRateLimited, "Your inbox is open too often.")
	}
	if n.all[user] == nil {
		n.all[user] = map[chan struct{}]struct{}{}
	}
	nudged = make(chan struct{}, 1)
	n.all[user][nudged] = struct{}{}
	return nudged, nil
}

func (n *nudges) leave(user ticketing.UserID, nudged chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.all[user], nudged)
	if len(n.all[user]) == 0 {
		delete(n.all, user)
	}
}

// NudgeInbox makes all streams of a customer's inbox look for news. It never waits.
func (s *Server) NudgeInbox(user ticketing.UserID) {
	s.nudges.mu.Lock()
	defer s.nudges.mu.Unlock()
	for nudged := range s.nudges.all[user] {
		select {
		case nudged <- struct{}{}:
		default:
		}
	}
}

func (s *Server) inboxLiveRoute() {
	schemas := s.huma.OpenAPI().Components.Schemas
	event := func(name string, data any) *huma.Schema {
		return &huma.Schema{
			Title: name, Type: huma.TypeObject, Required: []string{"event", "data"},
			Properties: map[string]*huma.Schema{
				"id":    {Type: huma.TypeString, Description: "Of a notice: its id"},
				"event": {Type: huma.TypeString, Enum: []any{name}},
				"data":  schemas.Schema(reflect.TypeOf(data), true, ""),
			},
		}
	}
	events := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: []*huma.Schema{event("notice", noticeBody{}), event("unread", unreadBody{})}}}
	events.PrecomputeMessages()
	hot[inboxEventsInput, eventsOutput](s, operation{
		id: "watch-inbox", method: http.MethodGet, path: "/v1/inbox/events", tag: "inbox", access: Customer,
		endless: true, status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity},
		summary: "Be told at once",
		about: "Server-sent events: a `notice` for each new one, `unread` when that count changes, a comment every 15 seconds. Without an id only what " +
			"comes from now on; who comes back with the last id gets what was missed. A notice may come twice, with the same id. The stream ends with " +
			"the life of an access token, and when it is not read; come back then. 429 is `rate_limited`: ten streams for each customer.",
		responses: map[string]*huma.Response{"200": {
			Description: "A stream", Content: map[string]*huma.MediaType{mimeEvents: {Schema: events}},
		}},
	}, s.watchInbox)
}

func (s *Server) watchInbox(c *fiber.Ctx) error {
	field, id := headerLastEventID, c.Get(headerLastEventID)
	if id == "" {
		field, id = "last_event_id", c.Query("last_event_id")
	}
	place, ok := parseNoticeID(id)
	if !ok {
		return invalid(field, "the id of a notice")
	}
	user := callerOf(c.Context()).User
	from, err := s.network(c)
	if err != nil {
		return err
	}
	v, err := s.viewers.enter(from)
	if err != nil {
		return err
	}
	nudged, err := s.nudges.enter(user)
	if err != nil {
		s.viewers.leave(v)
		return err
	}
	frames := make(chan ticketing.Frame)
	v.frames = frames
	feed := &inboxFeed{s: s, user: user, frames: frames, sent: map[string]ticketing.Millis{}, unread: -1}
	if id != "" {
		feed.from = place
	} else {
		feed.from = ticketing.InboxPlace{At: ticketing.MillisOf(s.Clock())}
		feed.silent = true
	}
	go func() {
		defer s.nudges.leave(user, nudged)
		defer close(frames)
		ctx, cancel := context.WithTimeout(v.ctx, inboxLife)
		defer cancel()
		feed.run(ctx, nudged)
	}()
	s.stream(c, v)
	return nil
}

// inboxFeed finds what is new for one stream.
type inboxFeed struct {
	s      *Server
	user   ticketing.UserID
	frames chan<- ticketing.Frame
	from   ticketing.InboxPlace        // the furthest place sent
	sent   map[string]ticketing.Millis // facts within the overlap
	silent bool                        // the first look only learns what is there
	unread int                         // as last told; -1: not yet
}

func (f *inboxFeed) run(ctx context.Context, nudged <-chan struct{}) {
	for f.look(ctx) {
		next := time.NewTimer(inboxPoll + rand.N(time.Second))
		select {
		case <-ctx.Done():
		case <-nudged:
		case <-next.C:
		}
		next.Stop()
	}
}

// look sends what is new, and says whether to go on. When the tables cannot be read the stream ends: its reader comes
// back.
func (f *inboxFeed) look(ctx context.Context) bool {
	reading, cancel := context.WithTimeout(ctx, inboxRead)
	defer cancel()
	place := ticketing.InboxPlace{At: max(0, f.from.At.Add(-inboxOverlap))}
	for {
		items, err := f.s.Inbox.InboxAfter(reading, f.user, place, inboxPage)
		if err != nil {
			return false
		}
		for _, i := range items {
			place = i.Place
			if _, had := f.sent[i.Place.Fact]; had {
				continue
			}
			f.sent[i.Place.Fact] = i.Place.At
			if !f.silent && !f.send(ctx, i.Place, "notice", noticeOnWire(i, ticketing.InboxPlace{})) {
				return false
			}
			if behind(f.from, i.Place) {
				f.from = i.Place
			}
		}
		if len(items) < inboxPage {
			break
		}
	}
	f.silent = false
	for fact, at := range f.sent {
		if at < f.from.At.Add(-inboxOverlap) {
			delete(f.sent, fact)
		}
	}
	return f.tellUnread(ctx, reading)
}

func (f *inboxFeed) tellUnread(ctx, reading context.Context) bool {
	_, unread, err := f.s.unread(reading, f.user)
	if err != nil {
		return false
	}
	if unread == f.unread {
		return ctx.Err() == nil
	}
	f.unread = unread
	return f.send(ctx, ticketing.InboxPlace{}, "unread", unreadBody{unread})
}

// send hands a frame to the connection; one that does not take it is cut by its write's deadline, which ends ctx.
func (f *inboxFeed) send(ctx context.Context, place ticketing.InboxPlace, event string, body any) bool {
	data, err := json.Marshal(body)
	if err != nil {
		return false
	}
	text := "event: " + event + "\ndata: " + string(data) + "\n\n"
	if place != (ticketing.InboxPlace{}) {
		text = "id: " + formatNoticeID(place) + "\n" + text
	}
	select {
	case f.frames <- ticketing.Frame{Data: []byte(text)}:
		return true
	case <-ctx.Done():
		return false
	}
}

package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ticketblue/ticketing"
)

// maxUnread is how far unread items are counted.
const maxUnread = 100

// Inbox is what customers were told.
type Inbox interface {
	// InboxBefore lists at most limit items before a place, newest first; from the newest on for the zero place.
	InboxBefore(ctx context.Context, user ticketing.UserID, place ticketing.InboxPlace, limit int) ([]ticketing.InboxItem, error)
	// InboxAfter lists at most limit items after a place, oldest first.
	InboxAfter(ctx context.Context, user ticketing.UserID, place ticketing.InboxPlace, limit int) ([]ticketing.InboxItem, error)
	// InboxRead is up to where the customer has read.
	InboxRead(ctx context.Context, user ticketing.UserID) (ticketing.InboxPlace, error)
	// ReadInbox marks everything up to a place as read; what was marked stays so.
	ReadInbox(ctx context.Context, user ticketing.UserID, place ticketing.InboxPlace) error
}

type inboxInput struct {
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After string `query:"after" maxLength:"400" doc:"The next of the page before"`
}

type noticeBody struct {
	ID          string     `json:"id" doc:"Opaque; the same notice always has the same" example:"MTc2NDUwMDAwMDAwMEByb3VuZDo0MkAxNw"`
	At          time.Time  `json:"at" example:"2027-03-02T11:00:07Z"`
	Kind        string     `json:"kind" enum:"held,expired,confirmed,canceled,round_canceled,refunded,coupon,reminder,review,dormancy"`
	Read        bool       `json:"read"`
	Reservation string     `json:"reservation,omitempty" example:"42-1"`
	Coupon      string     `json:"coupon,omitempty" example:"9-1"`
	Performance int64      `json:"performance,omitempty" example:"1"`
	Title       string     `json:"title,omitempty" doc:"Of the performance" example:"TWENTY"`
	StartsAt    *time.Time `json:"starts_at,omitempty" example:"2027-05-01T10:30:00Z"`
	Amount      int64      `json:"amount,omitempty" doc:"KRW: of the seats held or lost, or what comes back" example:"264000"`
	Until       *time.Time `json:"until,omitempty" doc:"When the hold, the coupon or the account ends"`
}

type inboxOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Items  []noticeBody `json:"items" nullable:"false"`
		Unread int          `json:"unread" doc:"At most 100 are counted" example:"3"`
		Next   string       `json:"next,omitempty" doc:"Send it as after for the next page; absent on the last"`
	}
}

type readInboxInput struct {
	Body struct {
		Until string `json:"until" minLength:"1" maxLength:"400" doc:"Id of the newest notice that was read" example:"MTc2NDUwMDAwMDAwMEByb3VuZDo0MkAxNw"`
	}
}

func (s *Server) inboxRoutes() {
	s.nudges = newNudges()
	register(s, operation{
		id: "list-inbox", method: http.MethodGet, path: "/v1/inbox", tag: "inbox", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity},
		summary: "See what you were told", about: "Newest first.",
	}, s.listInbox)
	register(s, operation{
		id: "read-inbox", method: http.MethodPost, path: "/v1/inbox/read", tag: "inbox", access: Customer,
		status: http.StatusNoContent, errors: []int{http.StatusUnprocessableEntity}, limit: s.userShare,
		summary: "Mark what you have read",
		about:   "That notice and everything before it. What was marked stays so: an older id changes nothing.",
	}, s.readInbox)
	s.inboxLiveRoute()
}

func (s *Server) listInbox(ctx context.Context, in *inboxInput) (*inboxOutput, error) {
	l := listOf("list-inbox")
	at, fact, err := l.place(in.After)
	if err != nil {
		return nil, err
	}
	place, ok := inboxPlace(at, fact)
	if !ok {
		return nil, errNotNext
	}
	user := callerOf(ctx).User
	items, err := s.Inbox.InboxBefore(ctx, user, place, in.Limit+1) // one more tells whether there is a next page
	if err != nil {
		return nil, err
	}
	read, unread, err := s.unread(ctx, user)
	if err != nil {
		return nil, err
	}
	out := &inboxOutput{CacheControl: "private, no-store"}
	out.Body.Items, out.Body.Unread = []noticeBody{}, unread
	if len(items) > in.Limit {
		items = items[:in.Limit]
		last := items[in.Limit-1].Place
		out.Body.Next = l.cursor(int64(last.At), last.Fact)
	}
	for _, i := range items {
		out.Body.Items = append(out.Body.Items, noticeOnWire(i, read))
	}
	return out, nil
}

// unread counts what lies behind the mark.
func (s *Server) unread(ctx context.Context, user ticketing.UserID) (read ticketing.InboxPlace, n int, err error) {
	if read, err = s.Inbox.InboxRead(ctx, user); err != nil {
		return read, 0, err
	}
	fresh, err := s.Inbox.InboxAfter(ctx, user, read, maxUnread)
	return read, len(fresh), err
}

func (s *Server) readInbox(ctx context.Context, in *readInboxInput) (*struct{}, error) {
	place, ok := parseNoticeID(in.Body.Until)
	if !ok || place.At > ticketing.MillisOf(s.Clock().Add(time.Minute)) { // what is to come must not be read before
		return nil, invalid("until", "the id of a notice")
	}
	user := callerOf(ctx).User
	if err := s.Inbox.ReadInbox(ctx, user, place); err != nil {
		return nil, err
	}
	s.NudgeInbox(user) // his other tabs
	return nil, nil
}

func noticeOnWire(i ticketing.InboxItem, read ticketing.InboxPlace) noticeBody {
	body := noticeBody{
		ID: formatNoticeID(i.Place), At: i.Place.At.Time(), Kind: string(i.Kind), Read: !behind(read, i.Place), Performance: i.Performance, Title: i.Title,
		StartsAt: moment(i.StartsAt), Amount: int64(i.Amount), Until: moment(i.Until),
	}
	if i.Reservation.Number != 0 {
		body.Reservation = i.Reservation.String()
	}
	if i.Coupon.Campaign != 0 {
		body.Coupon = i.Coupon.String()
	}
	return body
}

// behind tells whether a place is before another.
func behind(a, b ticketing.InboxPlace) bool {
	return a.At < b.At || a.At == b.At && a.Fact < b.Fact
}

// A place is opaque to callers.
func formatNoticeID(p ticketing.InboxPlace) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(int64(p.At), 10) + "@" + p.Fact))
}

// maxFact is the longest name of a fact that is looked for, in bytes.
const maxFact = 200

// parseNoticeID reads a place; "" is the beginning.
func parseNoticeID(text string) (p ticketing.InboxPlace, ok bool) {
	if text == "" {
		return p, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	at, fact, found := strings.Cut(string(raw), "@")
	n, errAt := strconv.ParseInt(at, 10, 64)
	if err != nil || errAt != nil || !found {
		return p, false
	}
	return inboxPlace(n, fact)
}

func inboxPlace(at int64, fact string) (ticketing.InboxPlace, bool) {
	ok := at >= 0 && at <= maxMillis && len(fact) <= maxFact && !strings.ContainsFunc(fact, notFact)
	return ticketing.InboxPlace{At: ticketing.Millis(at), Fact: fact}, ok
}

// notFact: names of facts are printable ASCII.
func notFact(r rune) bool { return r <= ' ' || r > '~' }

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// fakeInbox keeps items in memory.
type fakeInbox struct {
	mu    sync.Mutex
	items map[ticketing.UserID][]ticketing.InboxItem // ascending
	read  map[ticketing.UserID]ticketing.InboxPlace
	brief bool // streams end at their first look
}

func newFakeInbox() *fakeInbox {
	return &fakeInbox{items: map[ticketing.UserID][]ticketing.InboxItem{}, read: map[ticketing.UserID]ticketing.InboxPlace{}}
}

func (f *fakeInbox) add(user ticketing.UserID, at time.Time, fact string) ticketing.InboxItem {
	f.mu.Lock()
	defer f.mu.Unlock()
	item := ticketing.InboxItem{
		Place: ticketing.InboxPlace{At: ticketing.MillisOf(at), Fact: fact}, Kind: ticketing.NoticeConfirmed,
		Reservation: ticketing.ReservationID{Round: 1, Number: 7}, Title: "TWENTY", Amount: 5,
	}
	f.items[user] = append(f.items[user], item)
	slices.SortFunc(f.items[user], func(a, b ticketing.InboxItem) int {
		if behind(a.Place, b.Place) {
			return -1
		}
		return 1
	})
	return item
}

func (f *fakeInbox) InboxBefore(_ context.Context, user ticketing.UserID, place ticketing.InboxPlace, limit int) (list []ticketing.InboxItem, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range slices.Backward(f.items[user]) {
		if len(list) < limit && (place == (ticketing.InboxPlace{}) || behind(i.Place, place)) {
			list = append(list, i)
		}
	}
	return list, nil
}

func (f *fakeInbox) InboxAfter(_ context.Context, user ticketing.UserID, place ticketing.InboxPlace, limit int) (list []ticketing.InboxItem, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.brief && place.At != 0 {
		return nil, errors.New("no more")
	}
	for _, i := range f.items[user] {
		if len(list) < limit && behind(place, i.Place) {
			list = append(list, i)
		}
	}
	return list, nil
}

func (f *fakeInbox) InboxRead(_ context.Context, user ticketing.UserID) (ticketing.InboxPlace, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read[user], nil
}

func (f *fakeInbox) ReadInbox(_ context.Context, user ticketing.UserID, place ticketing.InboxPlace) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if behind(f.read[user], place) {
		f.read[user] = place
	}
	return nil
}

func (f *fakeInbox) state() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprint(f.read)
}

type inboxPageBody struct {
	Items  []noticeBody
	Unread int
	Next   string
}

func TestInboxPagesAndReadMarks(t *testing.T) {
	h := open(t, nil)
	for i := range 5 {
		h.inbox.add(customer, h.clock.Now().Add(time.Duration(i-10)*time.Minute), fmt.Sprintf("round:1@%d", i))
	}
	h.inbox.add(otherCustomer, h.clock.Now(), "round:1@9")
	token := h.token(customer, ticketing.Customer)
	var all []noticeBody
	var page inboxPageBody
	for path := "/v1/inbox?limit=2"; ; path = "/v1/inbox?limit=2&after=" + page.Next {
		page = inboxPageBody{}
		h.do(call{method: "GET", path: path, token: token}).wantStatus(http.StatusOK).decode(&page)
		all = append(all, page.Items...)
		if page.Next == "" {
			break
		}
	}
	if len(all) != 5 || page.Unread != 5 || all[0].Reservation != "1-7" || all[0].Read || !all[0].At.After(all[4].At) {
		t.Fatalf("%d items, %d unread: %+v", len(all), page.Unread, all)
	}
	read := func(id string) {
		h.do(call{"POST", "/v1/inbox/read", token, `{"until":"` + id + `"}`, nil}).wantStatus(http.StatusNoContent)
	}
	read(all[1].ID)
	read(all[3].ID) // an older one changes nothing
	page = inboxPageBody{}
	h.do(call{method: "GET", path: "/v1/inbox", token: token}).wantStatus(http.StatusOK).decode(&page)
	if page.Unread != 1 || page.Items[0].Read || !page.Items[1].Read || !page.Items[4].Read {
		t.Errorf("%d unread: %+v", page.Unread, page.Items)
	}
}

// watchInbox opens a stream as a user.
func (h *house) watchInbox(user ticketing.UserID, header string) *stream {
	h.t.Helper()
	conn, r := h.dial()
	_, err := fmt.Fprintf(conn, "GET /v1/inbox/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n%s\r\n", h.token(user, ticketing.Customer), header)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &stream{h.t, conn, bufio.NewReader(resp.Body), resp}
	if resp.StatusCode == http.StatusOK {
		if line := s.line(); !strings.HasPrefix(line, "retry: ") || s.line() != "" {
			h.t.Fatalf("the stream begins with %q", line)
		}
	}
	return s
}

// notice reads events up to the next notice, and returns its id.
func (s *stream) notice() string {
	s.t.Helper()
	for {
		event := s.next()
		if id, rest, found := strings.Cut(strings.TrimPrefix(event, "id: "), "\n"); found && strings.HasPrefix(rest, "event: notice\n") {
			var body noticeBody
			if err := json.Unmarshal([]byte(strings.TrimPrefix(rest, "event: notice\ndata: ")), &body); err != nil || body.ID != id {
				s.t.Fatalf("%q: %v", event, err)
			}
			return id
		}
	}
}

// Every tab of a customer hears of what is new, in order; nobody else's does; who comes back gets what was missed.
func TestInboxStreams(t *testing.T) {
	h := open(t, nil)
	now := h.clock.Now()
	h.inbox.add(customer, now.Add(-5*time.Second), "round:1@1") // before they came
	tabs := []*stream{h.watchInbox(customer, ""), h.watchInbox(customer, "")}
	other := h.watchInbox(otherCustomer, "")
	for _, s := range append(tabs, other) {
		if got := s.next(); !strings.HasPrefix(got, "event: unread\n") {
			t.Fatalf("begins with %q", got)
		}
	}
	two := formatNoticeID(h.inbox.add(customer, now.Add(time.Second), "round:1@2").Place)
	h.server.NudgeInbox(customer)
	for i, tab := range tabs {
		if id := tab.notice(); id != two {
			t.Errorf("tab %d heard of %s, want %s", i, id, two)
		}
	}
	tabs[0].conn.Close()
	// Written later, with a place before: it is not missed.
	late := formatNoticeID(h.inbox.add(customer, now.Add(500*time.Millisecond), "round:1@3").Place)
	four := formatNoticeID(h.inbox.add(customer, now.Add(2*time.Second), "round:1@4").Place)
	h.server.NudgeInbox(customer)
	if a, b := tabs[1].notice(), tabs[1].notice(); a != late || b != four {
		t.Errorf("heard of %s and %s, want %s and %s", a, b, late, four)
	}
	back := h.watchInbox(customer, "Last-Event-ID: "+two+"\r\n")
	var again []string
	for !slices.Contains(again, four) {
		again = append(again, back.notice())
	}
	if !slices.Contains(again, late) {
		t.Errorf("who came back heard of %v, not of %s", again, late)
	}
	hers := formatNoticeID(h.inbox.add(otherCustomer, now.Add(time.Second), "round:1@5").Place)
	h.server.NudgeInbox(otherCustomer)
	if id := other.notice(); id != hers {
		t.Errorf("the other customer heard of %s", id)
	}
}

func TestInboxStreamsAreCapped(t *testing.T) {
	h := open(t, nil)
	for range inboxTabs {
		if s := h.watchInbox(customer, ""); s.resp.StatusCode != http.StatusOK {
			t.Fatal(s.resp.Status)
		}
	}
	if s := h.watchInbox(customer, ""); s.resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one too many: %s", s.resp.Status)
	}
	if s := h.watchInbox(otherCustomer, ""); s.resp.StatusCode != http.StatusOK {
		t.Errorf("another customer: %s", s.resp.Status)
	}
}

func badInbox(h *house) []bad {
	token := h.token(customer, ticketing.Customer)
	future := formatNoticeID(ticketing.InboxPlace{At: ticketing.MillisOf(h.clock.Now().Add(time.Hour)), Fact: "x"})
	const invalid = "invalid_input"
	return []bad{
		{name: "inbox after nothing", call: call{method: "GET", path: "/v1/inbox?after=x!", token: token}, status: 422, code: invalid, field: "after"},
		{name: "inbox too long", call: call{method: "GET", path: "/v1/inbox?limit=101", token: token}, status: 422, code: invalid, field: "limit"},
		{name: "read nothing", call: call{"POST", "/v1/inbox/read", token, `{}`, nil}, status: 422, code: invalid, field: "until"},
		{name: "read what is no id", call: call{"POST", "/v1/inbox/read", token, `{"until":"???"}`, nil}, status: 422, code: invalid, field: "until"},
		{name: "read what is to come", call: call{"POST", "/v1/inbox/read", token, `{"until":"` + future + `"}`, nil}, status: 422, code: invalid, field: "until"},
		{name: "watch inbox after nothing", call: call{method: "GET", path: "/v1/inbox/events?last_event_id=x!", token: token}, status: 422, code: invalid, field: "last_event_id"},
	}
}

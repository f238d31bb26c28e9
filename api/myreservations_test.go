package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// fakeLists is read tables.
type fakeLists struct {
	mu      sync.Mutex
	of      map[ticketing.UserID][]ticketing.ReservationSummary // newest first
	at      map[ticketing.Stream]uint64
	broken  error
	awaited []string

	onCommitted func() // instead of waiting for what is committed
}

func (f *fakeLists) ReservationsOf(_ context.Context, user ticketing.UserID, after ticketing.ReservationCursor, limit int) ([]ticketing.ReservationSummary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.of[user]
	for i, r := range list {
		if r.Cursor() == after {
			list = list[i+1:]
			break
		}
	}
	return list[:min(limit, len(list))], nil
}

func (f *fakeLists) Reservation(_ context.Context, user ticketing.UserID, id ticketing.ReservationID) (ticketing.ReservationSummary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.of[user] {
		if r.ID == id {
			return r, nil
		}
	}
	return ticketing.ReservationSummary{}, ticketing.ErrNotFound
}

func (f *fakeLists) AwaitCommitted(context.Context) error {
	if f.onCommitted != nil {
		f.onCommitted()
	}
	return nil
}

func (f *fakeLists) AwaitProjected(ctx context.Context, s ticketing.Stream, seq uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited = append(f.awaited, fmt.Sprintf("%s@%d", s, seq))
	at, known := f.at[s]
	switch {
	case f.broken != nil:
		return f.broken
	case !known:
		return ticketing.ErrNotFound
	case at >= seq:
		return nil
	}
	<-ctx.Done()
	return fmt.Errorf("waiting: %w", ctx.Err())
}

// withLists gives the customer a reservation in every status, newest first.
func withLists(t *testing.T) *house {
	h := open(t, nil)
	now := ticketing.MillisOf(h.clock.Now())
	var list []ticketing.ReservationSummary
	for status := ticketing.Canceled; status >= ticketing.Held; status-- {
		r := ticketing.ReservationSummary{
			Reservation: ticketing.Reservation{
				ID: ticketing.ReservationID{Round: 42, Number: uint32(status)}, User: customer, Status: status,
				Seats: []string{"A-1-1"}, Amount: 132000, HeldAt: now.Add(time.Duration(status/2) * time.Minute),
			},
			PerformanceID: 1, Title: "TWENTY", HallName: "베이스볼 드림파크", StartsAt: now.Add(48 * time.Hour),
		}
		if status == ticketing.Held {
			r.ExpiresAt = now.Add(5 * time.Minute)
		} else if !status.Live() {
			r.EndedAt, r.Seats = now.Add(time.Hour), nil
		}
		list = append(list, r)
	}
	h.lists.of = map[ticketing.UserID][]ticketing.ReservationSummary{customer: list}
	return h
}

func TestMyReservationsComeInPages(t *testing.T) {
	h := withLists(t)
	token := h.token(customer, ticketing.Customer)
	var seen []string
	path := "/v1/reservations?limit=4"
	for pages := 1; ; pages++ {
		var page page[myReservationBody]
		h.do(call{method: "GET", path: path, token: token}).wantStatus(http.StatusOK).decode(&page)
		for _, r := range page.Items {
			seen = append(seen, r.ID+" "+r.Status)
			if (r.EndedAt != nil) != (r.Status == "released" || r.Status == "expired" || r.Status == "canceled") || (r.ExpiresAt != nil) != (r.Status == "held") {
				t.Errorf("reservation %+v", r)
			}
		}
		if page.Next == "" {
			if first := page.Items[0]; pages != 2 || first.Performance != (performanceRef{1, "TWENTY"}) || first.Hall != "베이스볼 드림파크" ||
				first.Round != 42 || first.Amount != 132000 || !first.StartsAt.Equal(h.clock.Now().Add(48*time.Hour)) {
				t.Errorf("page %d: %+v", pages, first)
			}
			break
		}
		path = "/v1/reservations?limit=4&after=" + page.Next
	}
	if want := "[42-6 canceled 42-5 expired 42-4 released 42-3 confirmed 42-2 paying 42-1 held]"; fmt.Sprint(seen) != want {
		t.Errorf("saw %v, want %s", seen, want)
	}
	var none page[myReservationBody]
	h.do(call{method: "GET", path: "/v1/reservations", token: h.token(otherCustomer, ticketing.Customer)}).wantStatus(http.StatusOK).decode(&none)
	if len(none.Items) != 0 {
		t.Errorf("another customer sees %+v", none)
	}
}

func TestMyReservationsNotModified(t *testing.T) {
	h := withLists(t)
	c := call{method: "GET", path: "/v1/reservations", token: h.token(customer, ticketing.Customer)}
	a := h.do(c).wantStatus(http.StatusOK)
	if a.header.Get("Cache-Control") != "private, no-cache" || a.header.Get("ETag") == "" {
		t.Errorf("headers %v", a.header)
	}
	c.header = map[string]string{"If-None-Match": a.header.Get("ETag")}
	if same := h.do(c).wantStatus(http.StatusNotModified); len(same.body) > 0 || same.header.Get("ETag") != a.header.Get("ETag") {
		t.Errorf("304 with %q, %v", same.body, same.header)
	}
	h.lists.of[customer][0].RefundDue, h.lists.of[customer][0].Amount = 1, 1
	h.do(c).wantStatus(http.StatusOK)
}

func TestReadingWaitsForAPosition(t *testing.T) {
	h := withLists(t)
	at := func(position string) call {
		return call{method: "GET", path: "/v1/reservations", token: h.token(customer, ticketing.Customer), header: map[string]string{headerPosition: position}}
	}
	h.do(at("round:1@10")).wantStatus(http.StatusOK)
	if fmt.Sprint(h.lists.awaited) != "[round:1@10]" {
		t.Errorf("awaited %v", h.lists.awaited)
	}
	var a answer
	took := time.Hour
	for range 3 { // the quickest counts: a machine that stalls adds to what is waited for
		began := time.Now()
		a = h.do(at("round:1@11")).wantStatus(http.StatusServiceUnavailable)
		if took = min(took, time.Since(began)); took <= positionWait+time.Second {
			break
		}
	}
	if took < positionWait || took > positionWait+time.Second {
		t.Errorf("waited %v", took)
	}
	if p := a.problem(); p.Code != "unavailable" || !p.Retryable || a.header.Get("Retry-After") != "1" {
		t.Errorf("answer %s", a.body)
	}
	if h.log.String() != "" {
		t.Errorf("being a little behind is worth a log line: %s", h.log)
	}
	h.lists.broken = errors.New("s3cret")
	h.do(at("round:1@10")).wantStatus(http.StatusServiceUnavailable)
}

func FuzzReservationCursor(f *testing.F) {
	f.Add("", int64(0), int64(1), uint32(1))
	f.Add("MTIzQDQyLTE", int64(1_790_000_000_000), int64(1<<62), uint32(1<<31))
	f.Fuzz(func(t *testing.T, text string, heldAt, round int64, number uint32) {
		l := listOf("list-reservations")
		write := func(c ticketing.ReservationCursor) string { return l.cursor(int64(c.HeldAt), c.ID.String()) }
		if c, err := parseReservationCursor(l, text); err == nil && text != "" {
			if again, err := parseReservationCursor(l, write(c)); err != nil || again != c {
				t.Errorf("%q is %+v and became %+v", text, c, again)
			}
		}
		if heldAt < 0 || heldAt > maxMillis || round < 1 || number < 1 {
			return
		}
		c := ticketing.ReservationCursor{HeldAt: ticketing.Millis(heldAt), ID: ticketing.ReservationID{Round: ticketing.RoundID(round), Number: number}}
		if again, err := parseReservationCursor(l, write(c)); err != nil || again != c || len(write(c)) > 80 {
			t.Errorf("%+v became %+v", c, again)
		}
	})
}

func TestReserveTheBest(t *testing.T) {
	h := withRound(t, nil)
	best := func(user ticketing.UserID, key, body string) answer {
		return h.do(call{"POST", reservePath, h.token(user, ticketing.Customer), body, map[string]string{headerIdempotencyKey: key}})
	}
	var r, again reservationBody
	best(customer, "k1", `{"best_available":{"count":3,"grade":"standard","section":"A"}}`).wantStatus(http.StatusCreated).decode(&r)
	if len(r.Seats) != 3 || r.Status != "held" {
		t.Errorf("reservation %+v", r)
	}
	repeat := best(customer, "k1", `{"best_available":{"section":"A","grade":"standard","count":3}}`).wantStatus(http.StatusCreated)
	repeat.decode(&again)
	if again.ID != r.ID || repeat.header.Get(headerReplayed) != "true" {
		t.Errorf("repeat %s", repeat.body)
	}
	for _, other := range []string{`{"best_available":{"count":3,"grade":"standard"}}`, `{"best_available":{"count":2,"grade":"standard","section":"A"}}`, `{"seats":["A-1-1"]}`} {
		if code := best(customer, "k1", other).wantStatus(http.StatusConflict).problem().Code; code != "idempotency_mismatch" {
			t.Errorf("%s with the same key: %s", other, code)
		}
	}
	best(otherCustomer, "k1", `{"best_available":{"count":4}}`).wantStatus(http.StatusCreated)
	if p := best(admin, "k1", `{"best_available":{"count":4}}`).wantStatus(http.StatusConflict).problem(); p.Code != "no_block" {
		t.Errorf("a block too long: %+v", p)
	}
	h.reserve(admin, "k2", h.free()...).wantStatus(http.StatusCreated)
	if p := best(admin, "k3", `{"best_available":{"count":1}}`).wantStatus(http.StatusConflict).problem(); p.Code != "all_held" || p.RetryAt == nil {
		t.Errorf("nothing free: %+v", p)
	}
}

// free are the labels of the seats of round 1 that nobody has.
func (h *house) free() (labels []string) {
	h.t.Helper()
	var seats seatsBody
	h.do(call{method: "GET", path: "/v1/rounds/1/seats"}).wantStatus(http.StatusOK).decode(&seats)
	for i, state := range seats.Seats {
		if state == '.' {
			labels = append(labels, fmt.Sprintf("A-1-%d", i+1))
		}
	}
	return labels
}

// The owner forgets what ended a day ago; its customer does not have to.
func TestReservationThatTheOwnerHasForgotten(t *testing.T) {
	h := withLists(t)
	var kept reservationBody
	h.do(call{method: "GET", path: "/v1/reservations/42-6", token: h.token(customer, ticketing.Customer)}).wantStatus(http.StatusOK).decode(&kept)
	if kept.ID != "42-6" || kept.Status != "canceled" {
		t.Errorf("got %+v", kept)
	}
	h.do(call{method: "GET", path: "/v1/reservations/42-6", token: h.token(otherCustomer, ticketing.Customer)}).wantStatus(http.StatusNotFound)
}

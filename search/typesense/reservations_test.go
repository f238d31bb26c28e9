package typesense

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/search/typesense/fake"
	"ticketblue/ticketing"
)

// reservations are three customers', by id.
func reservations() map[string]ticketing.SearchDocument {
	all := map[string]ticketing.SearchDocument{}
	for i, name := range []string{"홍길동", "김유나", "Kim Yuna", ""} {
		id := fmt.Sprintf("%d-%d", 42+i/2, i+1)
		all[id] = ticketing.SearchDocument{Kind: ticketing.FindReservations, ID: id, Name: "레미제라블 100% Live", Held: &ticketing.SearchReservation{
			User: ticketing.UserID(i + 1), UserName: name, Status: ticketing.Held + ticketing.ReservationStatus(i%3), Amount: ticketing.KRW(1000 * (i/2 + 1)), HeldAt: ticketing.Millis(i),
		}}
	}
	return all
}

// keepReservations makes an index of them.
func keepReservations(t testing.TB, e *Engine) {
	t.Helper()
	conformance.Build(t, e, ticketing.FindReservations, slices.Collect(maps.Values(reservations())))
}

func findReservations(t testing.TB, e *Engine, q search.ReservationQuery) (ids string, err error) {
	t.Helper()
	places, err := e.FindReservations(t.Context(), q)
	var all []string
	for _, p := range places {
		all = append(all, p.ID.String())
	}
	return strings.Join(all, " "), err
}

// Reservations are found by all their filters, in all their orders and page by page; every request and answer is as
// Typesense's own document has it.
func TestReservations(t *testing.T) {
	for version := range carriers {
		e, _ := openChecked(t, version)
		testReservations(t, e)
	}
}

func testReservations(t *testing.T, e *Engine) {
	t.Helper()
	if _, err := findReservations(t, e, search.ReservationQuery{Limit: 9}); !errors.Is(err, search.ErrNotBuilt) {
		t.Errorf("before anything was put in: %v", err)
	}
	keepReservations(t, e)
	for _, c := range []struct {
		f     ticketing.ReservationFilter
		order ticketing.ReservationOrder
		user  ticketing.UserID
		want  string
	}{
		{ticketing.ReservationFilter{}, ticketing.NewestFirst, 0, "43-4 43-3 42-2 42-1"},
		{ticketing.ReservationFilter{}, ticketing.OldestFirst, 0, "42-1 42-2 43-3 43-4"},
		{ticketing.ReservationFilter{}, ticketing.HighestFirst, 0, "43-4 43-3 42-2 42-1"},
		{ticketing.ReservationFilter{}, ticketing.LowestFirst, 0, "42-1 42-2 43-3 43-4"},
		{ticketing.ReservationFilter{User: "길동"}, ticketing.NewestFirst, 0, "42-1"},
		{ticketing.ReservationFilter{User: "m yuN"}, ticketing.NewestFirst, 0, "43-3"},
		{ticketing.ReservationFilter{User: "kim@example.com"}, ticketing.NewestFirst, 2, "42-2"},
		{ticketing.ReservationFilter{User: "없다"}, ticketing.NewestFirst, 0, ""},
		{ticketing.ReservationFilter{Title: "0% l"}, ticketing.LowestFirst, 0, "42-1 42-2 43-3 43-4"},
		{ticketing.ReservationFilter{Title: "%"}, ticketing.LowestFirst, 0, "42-1 42-2 43-3 43-4"},
		{ticketing.ReservationFilter{Title: "_"}, ticketing.LowestFirst, 0, ""},
		{ticketing.ReservationFilter{Title: "`"}, ticketing.LowestFirst, 0, ""},
		{ticketing.ReservationFilter{Min: 2000, Max: 2000}, ticketing.OldestFirst, 0, "43-3 43-4"},
		{ticketing.ReservationFilter{Status: ticketing.Paying}, ticketing.NewestFirst, 0, "42-2"},
		{ticketing.ReservationFilter{From: "1970-01-01", To: "1970-01-01"}, ticketing.OldestFirst, 0, "42-1 42-2 43-3 43-4"},
		{ticketing.ReservationFilter{From: "1970-01-02"}, ticketing.NewestFirst, 0, ""},
	} {
		q := search.ReservationQuery{Filter: c.f, Order: c.order, User: c.user, Limit: 9}
		if got, err := findReservations(t, e, q); got != c.want || err != nil {
			t.Errorf("%+v %s: %s, %v, want %s", c.f, c.order, got, err, c.want)
		}
		want := strings.Fields(c.want)
		if n, err := e.CountReservations(t.Context(), q); n != len(want) || err != nil {
			t.Errorf("%+v: %d are counted, %v", c.f, n, err)
		}
		for i := range want { // page by page
			q.Limit = 1
			places, err := e.FindReservations(t.Context(), q)
			if err != nil || len(places) != 1 || places[0].ID.String() != want[i] {
				t.Fatalf("%+v %s: page %d is %v, %v, want %s", c.f, c.order, i, places, err, want[i])
			}
			q.After = places[0]
		}
		if places, err := e.FindReservations(t.Context(), q); len(places) > 0 || err != nil {
			t.Errorf("%+v %s: behind the last there is %v, %v", c.f, c.order, places, err)
		}
	}
}

// What was kept of reservations goes when it is not wanted any more.
func TestForgetReservations(t *testing.T) {
	for version := range carriers {
		e, c := openChecked(t, version)
		keepReservations(t, e)
		for range 2 {
			if err := e.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := findReservations(t, e, search.ReservationQuery{Limit: 9}); !errors.Is(err, search.ErrNotBuilt) {
			t.Errorf("after it was forgotten: %v", err)
		}
		if c.seen["DELETE /aliases/{aliasName}"] != 2 {
			t.Errorf("asked: %v", c.seen)
		}
	}
	e, _ := open(t)
	if err := e.Delete(t.Context(), ticketing.FindReservations, []string{"42-1] || id:[42-2"}); err == nil {
		t.Error("what is no id was deleted")
	}
}

// refusing answers 503 to what it is told to, and is the server for the rest.
type refusing struct {
	*fake.Server
	mu           sync.Mutex
	method, path string // what begins so; no method: nothing
}

func (r *refusing) refuse(method, path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.method, r.path = method, path
}

func (r *refusing) refuses(req *http.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return req.Method == r.method && strings.HasPrefix(req.URL.Path, r.path)
}

func (r *refusing) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.refuses(req) {
		http.Error(w, "{}", http.StatusServiceUnavailable)
		return
	}
	r.Server.ServeHTTP(w, req)
}

// Names go in the end, whichever request fails on the way, and those of a draft that no alias ever named.
func TestForgetAfterFailures(t *testing.T) {
	for _, path := range []string{"/aliases/", "/collections/"} {
		server := &refusing{Server: fake.New(testKey)}
		e := New(Options{URL: listen(t, server), APIKey: testKey})
		keepReservations(t, e)
		if _, err := e.Rebuild(t.Context(), ticketing.FindReservations); err != nil {
			t.Fatal(err)
		}
		server.refuse(http.MethodDelete, path)
		if err := e.Forget(t.Context()); err == nil {
			t.Errorf("%s: a refused DELETE is no error", path)
		}
		server.refuse("", "")
		if err := e.Forget(t.Context()); err != nil {
			t.Error(err)
		}
		if left := server.Collections(); len(left) > 0 {
			t.Errorf("%s: %v are left", path, left)
		}
	}
	e, server := open(t)
	if _, err := e.Rebuild(t.Context(), ticketing.FindReservations); err != nil {
		t.Fatal(err)
	}
	if err := e.Forget(t.Context()); err != nil || len(server.Collections()) > 0 {
		t.Errorf("of a draft alone %v are left, %v", server.Collections(), err)
	}
}

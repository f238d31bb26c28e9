package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketblue/api"
	"ticketblue/search"
	"ticketblue/ticketing"
)

// finders are the two that find reservations for admins: SQL, and an index over the same tables.
func (l *gallery) finders() map[string]api.ReservationSearch {
	return map[string]api.ReservationSearch{
		"sql": l.store, "index": search.NewReservations(l.engine.Engine.(search.ReservationIndex), l.store),
	}
}

// letsThrough is what every finder means by a filter.
func letsThrough(f ticketing.ReservationFilter, r ticketing.FoundReservation) bool {
	has := func(text, part string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(part)) }
	day := ticketing.DayOf(r.HeldAt)
	return (f.User == "" || r.Name != "" && has(r.Name, f.User) || r.Email != "" && strings.EqualFold(r.Email, f.User)) &&
		has(r.Title, f.Title) && (f.From == "" || day >= f.From) && (f.To == "" || day <= f.To) &&
		(f.Status == 0 || r.Status == f.Status) && r.Amount >= f.Min && (f.Max == 0 || r.Amount <= f.Max)
}

// reservationFilters are each alone, several together, and what people type who mean harm.
func reservationFilters(today ticketing.Day) []ticketing.ReservationFilter {
	all := []ticketing.ReservationFilter{
		{}, {Status: ticketing.Held}, {Status: ticketing.Released}, {Min: 50_000}, {Max: 50_000}, {Min: 50_001}, {From: today, To: today}, {From: "2999-01-01"}, {To: "2000-01-01"},
		{User: "C0@EXAMPLE.com"}, {User: "c0@example"}, {User: "이름", Title: "이름", Status: ticketing.Held, Min: 1, Max: 100_000, From: "2000-01-01", To: "2999-01-01"},
	}
	for _, part := range []string{"이", "이름", "이름 ", " 1", "1", "름 1", "손님", "손님 3", "없는 말", "%", "_", "`", "` || id:>1", "'", "\\", "!", "🎭"} {
		all = append(all, ticketing.ReservationFilter{User: part}, ticketing.ReservationFilter{Title: part})
	}
	return all
}

// conformReservations wants each finder to find, in every order and page by page, what a look at all would find.
func (l *gallery) conformReservations() {
	t, ctx := l.t, l.t.Context()
	t.Helper()
	whole, err := l.store.SearchReservations(ctx, ticketing.ReservationFilter{}, ticketing.OldestFirst, ticketing.ReservationPlace{}, 200)
	if err != nil || len(whole) == 0 {
		t.Fatalf("%d reservations, %v", len(whole), err)
	}
	t.Logf("%d reservations", len(whole))
	for _, f := range reservationFilters(ticketing.DayOf(ticketing.MillisOf(l.now()))) {
		for _, order := range []ticketing.ReservationOrder{ticketing.NewestFirst, ticketing.OldestFirst, ticketing.HighestFirst, ticketing.LowestFirst} {
			var want []string
			for _, r := range inOrder(whole, order) {
				if letsThrough(f, r) {
					want = append(want, shownAs(r))
				}
			}
			for name, finder := range l.finders() {
				if n, err := finder.CountReservations(ctx, f, 1000); err != nil || n != len(want) {
					t.Errorf("%s counts %d for %+v, %v, want %d", name, n, f, err, len(want))
				}
				var got []string
				for after, more := (ticketing.ReservationPlace{}), true; more; {
					page, err := finder.SearchReservations(ctx, f, order, after, 7)
					if err != nil {
						t.Fatalf("%s, %+v: %v", name, f, err)
					}
					for _, r := range page {
						got = append(got, shownAs(r))
						after = r.Place(order)
					}
					more = len(page) == 7
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s finds for %+v by %s\n%v, want\n%v", name, f, order, got, want)
				}
			}
		}
	}
}

// clearedAway: what is no more in the tables goes from the index when it is named.
func (l *gallery) clearedAway() {
	l.t.Helper()
	id := ticketing.ReservationID{Round: 1, Number: 4711}
	ghost := ticketing.SearchDocument{Kind: ticketing.FindReservations, ID: id.String(), Name: "x", Held: &ticketing.SearchReservation{UserName: "x"}}
	if err := l.engine.Put(l.t.Context(), []ticketing.SearchDocument{ghost}); err != nil {
		l.t.Fatal(err)
	}
	if l.difference() == "" {
		l.t.Error("a document too many is no difference")
	}
	if _, err := l.sync.RefreshReservations(l.t.Context(), ticketing.ReservationChoice{IDs: []ticketing.ReservationID{id}}, ""); err != nil {
		l.t.Fatal(err)
	}
	if differs := l.difference(); differs != "" {
		l.t.Error(differs)
	}
}

func shownAs(r ticketing.FoundReservation) string {
	return fmt.Sprintf("%s %s %d %s %s %s", r.ID, r.Status, r.Amount, r.Name, r.Email, r.Title)
}

func inOrder(all []ticketing.FoundReservation, order ticketing.ReservationOrder) []ticketing.FoundReservation {
	return slices.SortedFunc(slices.Values(all), func(a, b ticketing.FoundReservation) int {
		x, y := a.Place(order), b.Place(order)
		n := cmp.Or(cmp.Compare(x.Key, y.Key), cmp.Compare(x.ID.Round, y.ID.Round), cmp.Compare(x.ID.Number, y.ID.Number))
		if order.Descending() {
			return -n
		}
		return n
	})
}

// sell makes something happen to a reservation, or to a name that one is found by.
func (c *changes) sell() {
	ctx, user := c.t.Context(), visitor+ticketing.UserID(c.chance.IntN(2))
	id, any := c.pick(c.rounds)
	if !any {
		return
	}
	round := ticketing.RoundStream(ticketing.RoundID(id))
	switch c.chance.IntN(6) {
	case 0, 1, 2:
		c.actors.Do(ctx, round, ticketing.OpenSale{})
		key := ticketing.DigestOf(fmt.Sprint(c.chance.Uint64()))
		c.sold(round, c.actors.Do(ctx, round, ticketing.ReserveSeats{User: user, Seats: []string{fmt.Sprintf("A-1-%d", 1+c.chance.IntN(10))}, Key: key, Body: key}))
	case 3:
		c.sold(round, c.actors.Do(ctx, round, ticketing.ReleaseReservation{User: user, Number: uint32(1 + c.chance.IntN(3))}))
	case 4:
		c.tried(nil, c.store.SetProfile(ctx, user, ticketing.Profile{Name: fmt.Sprintf("손님 %d", c.chance.IntN(9))}))
		c.reindexed(ticketing.ReservationChoice{Users: []ticketing.UserID{user}})
	case 5:
		for _, show := range c.shows { // their titles have changed perhaps
			c.reindexed(ticketing.ReservationChoice{Performance: show})
		}
	}
}

// sold remembers how far a round has come.
func (c *changes) sold(round ticketing.Stream, r ticketing.Result) {
	if c.last == nil {
		c.last = map[ticketing.Stream]uint64{}
	}
	if r.Code == ticketing.OK {
		c.last[round] = max(c.last[round], r.Seq)
	}
}

// projected waits until the read tables know what was sold: an index that agrees with older ones is not at its end.
func (c *changes) projected() {
	c.t.Helper()
	for round, seq := range c.last {
		c.settled(round, seq)
	}
}

// reindexed does what the job does that a new name enqueues: again, until the engine is in the mood.
func (c *changes) reindexed(which ticketing.ReservationChoice) {
	c.t.Helper()
	again, limit := time.NewTicker(5*time.Millisecond), time.After(endLimit)
	defer again.Stop()
	for {
		_, err := c.sync.RefreshReservations(c.t.Context(), which, "")
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-limit:
			c.t.Fatalf("after %s: %v", endLimit, err)
		}
	}
}

// TestReservationsByIndex: with a search server that keeps reservations, admins' search finds the same by it and by SQL;
// a new name is found and the old one not; of who withdraws no name is left on the server.
func TestReservationsByIndex(t *testing.T) {
	index, where := startTypesense(t)
	s := startServer(t, filepath.Join(t.TempDir(), "data"), "--demo", "--typesense-url", where.TypesenseURL, "--search-reservations")
	admin := logIn(t, s)
	mustAsk(t, 201, "POST", s.url+"/v1/auth/signup", "", `{"email":"gil@example.com","password":"blue-ticket-7","name":"홍길동"}`)
	gil := mustAsk(t, 200, "POST", s.url+"/v1/auth/login", "", `{"email":"gil@example.com","password":"blue-ticket-7"}`).body["access_token"].(string)
	made := mustAsk(t, 201, "POST", s.url+"/v1/rounds/1/reservations", gil, `{"seats":["A-1-7"]}`, "Idempotency-Key", "k").body
	id := made["id"].(string)
	total := func(engine, query string) int { // -1: not yet, such as while the index is being made
		a, err := ask("GET", s.url+"/v1/admin/reservations?engine="+engine+"&"+query, admin, nil)
		if n, answered := a.body["total"].(float64); err == nil && answered {
			return int(n)
		}
		return -1
	}
	until := func(what string, holds func() bool) {
		t.Helper()
		again, limit := time.NewTicker(20*time.Millisecond), time.After(endLimit)
		defer again.Stop()
		for !holds() {
			select {
			case <-again.C:
			case <-limit:
				t.Fatalf("waited in vain for: %s", what)
			}
		}
	}
	user := func(name string) string { return "user=" + url.QueryEscape(name) }
	until("the reservation in the index", func() bool { return total("index", user("길동")) == 1 })
	all := total("sql", "limit=1")
	until("all reservations in the index", func() bool { return all >= 0 && total("index", "limit=1") == all })
	for _, query := range []string{"limit=100", user("길동"), user("GIL@example.com"), "status=held", "sort=highest&limit=3", "min_amount=1000", "title=" + url.QueryEscape("제라"), user("%")} {
		bySQL, byIndex := mustAsk(t, 200, "GET", s.url+"/v1/admin/reservations?engine=sql&"+query, admin, nil), mustAsk(t, 200, "GET", s.url+"/v1/admin/reservations?engine=index&"+query, admin, nil)
		if fmt.Sprint(bySQL.body) != fmt.Sprint(byIndex.body) {
			t.Errorf("%s: by SQL %v, by the index %v", query, bySQL.body, byIndex.body)
		}
	}
	mustAsk(t, 200, "PATCH", s.url+"/v1/me", gil, `{"name":"임꺽정"}`)
	until("the new name", func() bool { return total("index", user("꺽정")) == 1 && total("index", user("길동")) == 0 })
	mustAsk(t, 200, "DELETE", s.url+"/v1/reservations/"+id, gil, nil)
	until("the end of the hold", func() bool { return total("index", user("꺽정")+"&status=released") == 1 })
	if text := exported(t, where); !strings.Contains(text, "임꺽정") || strings.Contains(text, "gil@") {
		t.Errorf("the server keeps %s", text)
	}
	mustAsk(t, 204, "POST", s.url+"/v1/me/withdraw", gil, `{"password":"blue-ticket-7"}`)
	until("no name", func() bool { return !strings.Contains(exported(t, where), "임꺽정") })
	if report := s.verify(); !report.OK || len(report.Notes) > 0 || len(report.Index) != len(ticketing.PublicKinds)+1 {
		t.Errorf("%+v", report)
	}
	s.stop()
	before := index.Collections()
	index.SetDown(true)
	startServer(t, s.data, "--typesense-url", where.TypesenseURL).stop() // who closes his account now is not taken out
	index.SetDown(false)
	s = startServer(t, s.data, "--typesense-url", where.TypesenseURL, "--search-reservations")
	until("an index of reservations made anew", func() bool {
		return !slices.ContainsFunc(before, func(name string) bool {
			return strings.Contains(name, "reservation") && slices.Contains(index.Collections(), name)
		})
	})
	s.stop()
	s = startServer(t, s.data, "--typesense-url", where.TypesenseURL) // reservations are kept no more
	until("nothing left", func() bool { return exported(t, where) == "" })
	if a, err := ask("GET", s.url+"/v1/admin/reservations?engine=index", admin, nil); err != nil || a.status != 422 {
		t.Errorf("without an index: %d %v, %v", a.status, a.body, err)
	}
}

// exported is what the search server keeps of reservations; "" when it keeps none.
func exported(t *testing.T, where searchFlags) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", where.TypesenseURL+"/collections/tb_reservation/documents/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Typesense-Api-Key", typesenseKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusNotFound {
		return ""
	}
	return string(text)
}

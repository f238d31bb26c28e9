package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/api"
	tb "ticketblue/api/client"
	"ticketblue/search"
	"ticketblue/ticketing"
)

// foyer is a small catalogue behind HTTP, as it is found by each engine.
type foyer struct {
	*museum
	urls []string // of a server with the index in Postgres, and of one with it on Typesense
	day  ticketing.Day
}

func openFoyer(t testing.TB) *foyer {
	t.Helper()
	w := &foyer{museum: openMuseum(t)}
	w.day = ticketing.DayOf(ticketing.MillisOf(w.now()))
	w.exhibit()
	for _, where := range []searchFlags{{}, fakeTypesense(t)} {
		engine, stop, err := where.open(t.Context(), w.store, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		if err := search.NewSync(engine, w.store, slog.New(slog.DiscardHandler), prometheus.NewRegistry()).Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		config := w.config
		config.Found, config.Search, config.SearchSQL = w.store, search.NewFinder(engine), search.NewFinder(w.store.Twin())
		w.urls = append(w.urls, w.serve(api.New(config)))
	}
	return w
}

// serve answers until the test ends.
func (w *foyer) serve(server *api.Server) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	go func() { _ = server.Listen(ln) }() // ends with Shutdown
	w.t.Cleanup(func() {
		if err := server.Shutdown(w.t.Context()); err != nil {
			w.t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// exhibit makes titles in two scripts, in every category, at several prices, some of them on sale, and reservations of
// two customers.
func (w *foyer) exhibit() {
	w.t.Helper()
	for i, name := range []string{"김하늘", "이바다"} {
		if _, err := w.store.CreateUser(w.t.Context(), ticketing.User{Email: fmt.Sprintf("c%d@example.com", i), Name: name, Role: ticketing.Customer, CreatedAt: w.now()}); err != nil {
			w.t.Fatal(err)
		}
	}
	halls := []int64{w.hall("블루 아레나"), w.hall("세종 극장")}
	who := w.id("POST /v1/admin/performers", `{"name":"조승우"}`)
	w.id("POST /v1/admin/performers", `{"name":"레미 김"}`)
	for i, title := range []string{"레미제라블", "오페라의 유령", "BTS 월드 투어 2026", "레미의 밤", "The Phantom of the Opera", "100% 야구"} {
		show := answered(w.curator().CreatePerformanceWithResponse(w.t.Context(), tb.PerformanceFields{
			Title: title, Category: []tb.PerformanceFieldsCategory{"musical", "concert", "sports"}[i%3], HallId: halls[i%2], DurationMinutes: 120,
			Prices: map[string]int64{"standard": int64(30_000 + 10_000*i)},
		})).want(w.t, 201).JSON201.Id
		if i%2 == 0 {
			w.ask(curator, 204, fmt.Sprintf("POST /v1/admin/performances/%d/performers", show), fmt.Sprintf(`{"performer_id":%d}`, who))
			round := w.round(show, 48+5*i)
			w.do(round, ticketing.OpenSale{})
			w.buy(round, visitor, "A-1-1")
			w.do(round, ticketing.ReserveSeats{User: other, Seats: []string{"A-1-2"}, Key: ticketing.DigestOf("2"), Body: ticketing.DigestOf("2")})
		}
	}
}

// TestSearchOverHTTP: the same words find the same by each engine and by SQL, and what is no word finds nothing.
func TestSearchOverHTTP(t *testing.T) {
	w := openFoyer(t)
	for words, want := range map[string]int{
		"": 10, "%20": 10, "레미": 3, "제라": 1, "유령 오페라": 1, "레": 6, "bts 투어": 1, "phantom": 1, "조승우": 4, "100%": 1, "없는말": 0,
		"%": 0, "_": 0, "!!!": 0, "🎭": 0, "'": 0, "\\": 0, "레미 !": 3,
	} {
		for _, at := range w.urls {
			for _, engine := range []string{"index", "sql"} {
				q := words
				if q == "%20" {
					q = " "
				}
				a := mustAsk(t, 200, "GET", at+"/v1/search?engine="+engine+"&q="+url.QueryEscape(q), "", nil)
				count := 0
				for _, kind := range []string{"performances", "halls", "performers"} {
					section := a.body[kind].(map[string]any)
					count += int(section["count"].(float64))
					if section["items"] == nil {
						t.Errorf("%q by %s: %s have no items", q, engine, kind)
					}
				}
				if count != want {
					t.Errorf("%q by %s: %d found, want %d: %v", q, engine, count, want, a.body)
				}
			}
		}
	}
	for query, want := range map[string]string{
		"q=%00": "without the character 0", "q=%ff": "UTF-8", "q=" + strings.Repeat("a", 101): "100", "sort=cheapest": "performance, to be sorted so",
	} {
		if a := mustAsk(t, 422, "GET", w.urls[0]+"/v1/search?"+query, "", nil); !strings.Contains(fmt.Sprint(a.body["errors"]), want) {
			t.Errorf("%.20s: %v, want %s", query, a.body, want)
		}
	}
	for words, want := range map[string]int{strings.Repeat("레", 1000): 422, strings.Repeat("레", 10_000): 431} {
		a := mustAsk(t, want, "GET", w.urls[0]+"/v1/search?q="+url.QueryEscape(words), "", nil)
		if a.header.Get("Content-Type") != "application/problem+json" || a.body["code"] == nil {
			t.Errorf("%d characters: %v %v", len(words)/3, a.header, a.body)
		}
	}
}

// asked is what a fuzzer sends: proper values of known filters, and whatever it likes in all the rest.
type asked struct {
	values url.Values
	rest   string // behind them, as it is but for what ends a request line
}

func (a asked) query() string {
	var b strings.Builder
	for _, c := range []byte(a.rest) {
		if c <= ' ' || c == '#' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	return a.values.Encode() + "&" + b.String()
}

// plain tells that the rest says nothing of the filters, so that they are what they were set to.
func (a asked) plain() bool {
	rest, err := url.QueryUnescape(strings.ReplaceAll(a.rest, "\x00", ""))
	if err != nil {
		rest = a.rest
	}
	for name := range a.values {
		if strings.Contains(rest, name) || strings.Contains(a.rest, name) {
			return false
		}
	}
	return !strings.Contains(rest, "day") && !strings.Contains(rest, "from") && !strings.Contains(rest, "to")
}

// get asks and wants an answer that is no failure, and a problem for every refusal.
func get(t *testing.T, at, path, token string, a asked, into any) bool {
	t.Helper()
	req, err := http.NewRequest("GET", at+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.RawQuery = a.query()
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s?%s: %v", path, req.URL.RawQuery, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	switch kind := resp.Header.Get("Content-Type"); {
	case resp.StatusCode >= 500:
		t.Fatalf("%s?%s: %d %s", path, req.URL.RawQuery, resp.StatusCode, body)
	case resp.StatusCode >= 400 && (kind != "application/problem+json" || !json.Valid(body)):
		t.Fatalf("%s?%s: %d %s %s", path, req.URL.RawQuery, resp.StatusCode, kind, body)
	}
	if resp.StatusCode != 200 {
		return false
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%s?%s: %s: %v", path, req.URL.RawQuery, body, err)
	}
	return a.plain()
}

// some are the filters that bits choose.
func some(bits uint8, all ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(all); i += 2 {
		if bits>>(i/2)&1 == 1 {
			values.Set(all[i], all[i+1])
		}
	}
	return values
}

// FuzzSearch: no query of the search is answered with a failure, none gets past a filter, in either engine or by SQL.
func FuzzSearch(f *testing.F) {
	w := openFoyer(f)
	next := mustAsk(f, 200, "GET", w.urls[0]+"/v1/search?kind=performance&limit=1", "", nil).body["performances"].(map[string]any)["next"].(string)
	for _, words := range []string{"레미", "제라", "레미제라불", "'; DROP TABLE users --", "* || category:=sports", "`) || on_sale:=0 && (id:>0", "\x00", "\xff", "a' | !b:*", "👩‍👩‍👧‍👦"} {
		f.Add(words, uint8(31), "", "", "")
		f.Add(words, uint8(0), "cheapest", "", "engine=sql")
		f.Add("", uint8(5), "dearest", next, words)
	}
	f.Add("", uint8(80), "", "", "engine=index") // on_sale=false
	f.Add("ㄹㅁㅈ", uint8(3), "", "bnVsbA", "limit=9&limit=-1&sort=%zz&&=&kind=hall")
	f.Fuzz(func(t *testing.T, words string, bits uint8, sort, after, rest string) {
		for _, at := range w.urls {
			for _, engine := range []string{"index", "sql"} {
				values := some(bits, "category", "musical", "performer", "1", "min_price", "40000", "max_price", "70000", "on_sale", []string{"true", "false"}[bits>>6&1], "hall", "1")
				values.Set("q", words)
				values.Set("engine", engine)
				for name, value := range map[string]string{"sort": sort, "after": after} {
					if value != "" {
						values.Set(name, value)
						values.Set("kind", "performance")
					}
				}
				var found tb.SearchBody
				if get(t, at, "/v1/search", "", asked{values, rest}, &found) {
					let(t, values, found)
				}
			}
			var offered any
			get(t, at, "/v1/search/suggestions", "", asked{url.Values{"q": {words}}, rest}, &offered)
		}
	})
}

// let wants that everything found is what the filters let through.
func let(t *testing.T, values url.Values, found tb.SearchBody) {
	t.Helper()
	filtered := values.Has("category") || values.Has("performer") || values.Has("min_price") || values.Has("max_price") || values.Has("on_sale") || values.Has("hall")
	if filtered && (found.Halls != nil && found.Halls.Count > 0 || found.Performers != nil && found.Performers.Count > 0) {
		t.Errorf("%v lets halls or performers through", values)
	}
	if found.Performances == nil {
		return
	}
	for _, p := range *found.Performances.Items {
		in := slices.ContainsFunc(*p.Performers, func(r tb.HallRef) bool { return r.Id == 1 })
		if values.Has("category") && p.Category != "musical" || values.Has("performer") && !in || values.Has("hall") && p.Hall.Id != 1 ||
			values.Has("min_price") && p.MaxPrice < 40_000 || values.Has("max_price") && p.MinPrice > 70_000 || values.Has("on_sale") && p.OnSale != (values.Get("on_sale") == "true") {
			t.Errorf("%v lets %+v through", values, p)
		}
	}
}

// FuzzReservationSearch: no query of the admins' search fails or gets past a filter; to a customer it shows nothing, and his
// own list has nobody else's.
func FuzzReservationSearch(f *testing.F) {
	w := openFoyer(f)
	tokens := map[ticketing.UserID]string{curator: w.token(curator), visitor: w.token(visitor)}
	for _, words := range []string{"하늘", "C0@example.com", "%", "' OR 1=1 --", "\x00", "\xff", "레미", "제라", strings.Repeat("가", 101)} {
		f.Add(words, "", uint8(31), "", "")
		f.Add("", words, uint8(0), "highest", "limit=1")
		f.Add("바다", "", uint8(6), "oldest", "after="+words)
	}
	f.Fuzz(func(t *testing.T, user, title string, bits uint8, sort, rest string) {
		values := some(bits, "from", string(w.day), "to", string(w.day), "status", "confirmed", "min_amount", "40000", "max_amount", "60000")
		for name, value := range map[string]string{"user": user, "title": title, "sort": sort} {
			if value != "" {
				values.Set(name, value)
			}
		}
		for _, at := range w.urls {
			var found tb.SearchReservationsOutputBody
			if get(t, at, "/v1/admin/reservations", tokens[curator], asked{values, rest}, &found) {
				for _, r := range found.Items {
					w.may(t, values, r)
				}
			}
			var nothing map[string]any
			for _, token := range []string{"", tokens[visitor]} {
				if get(t, at, "/v1/admin/reservations", token, asked{values, rest}, &nothing); nothing != nil {
					t.Errorf("a customer is shown %v", nothing)
				}
			}
			var own tb.PageMyReservationBody
			get(t, at, "/v1/reservations", tokens[visitor], asked{values, rest}, &own)
			for _, r := range own.Items {
				if len(r.Seats) != 1 || r.Seats[0] != "A-1-1" {
					t.Errorf("a customer's own list has %+v", r)
				}
			}
		}
	})
}

// may wants that a found reservation is what the filters let through.
func (w *foyer) may(t *testing.T, values url.Values, r tb.FoundReservationBody) {
	t.Helper()
	has := func(text, part string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(part)) }
	name, email := "", ""
	if r.Customer.Name != nil {
		name, email = *r.Customer.Name, *r.Customer.Email
	}
	user, title := values.Get("user"), values.Get("title")
	if user != "" && !has(name, user) && !strings.EqualFold(email, user) || title != "" && !has(r.Reservation.Performance.Title, title) ||
		values.Has("status") && r.Reservation.Status != "confirmed" || values.Has("min_amount") && r.Reservation.Amount < 40_000 ||
		values.Has("max_amount") && r.Reservation.Amount > 60_000 {
		t.Errorf("%v lets %+v through", values, r)
	}
}

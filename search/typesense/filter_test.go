package typesense

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/ticketing"
)

func TestFilters(t *testing.T) {
	const perf = ticketing.FindPerformances
	for _, c := range []struct {
		q    ticketing.SearchQuery
		want string
	}{
		{ticketing.SearchQuery{Kind: perf}, ""},
		{ticketing.SearchQuery{Kind: perf, Filter: ticketing.SearchFilter{Category: "musical", OnSale: ticketing.Yes}}, "(category:=`musical` && on_sale:=1)"},
		{ticketing.SearchQuery{Kind: perf, Filter: ticketing.SearchFilter{OnSale: ticketing.No}}, "on_sale:=0"},
		{ticketing.SearchQuery{Kind: perf, Filter: ticketing.SearchFilter{From: "2026-12-24", To: "2026-12-31", MinPrice: 1, MaxPrice: 2, Hall: 3, Performer: 4}},
			"(performers:=4 && hall:=3 && to_day:>=20261224 && from_day:<=20261231 && max_price:>=1 && min_price:<=2)"},
		{ticketing.SearchQuery{Kind: perf, Filter: ticketing.SearchFilter{Category: "a` || on_sale:=`0"}}, "category:=`a || on_sale:=0`"},
		{ticketing.SearchQuery{Kind: ticketing.FindHalls, Filter: ticketing.SearchFilter{Category: "musical"}}, "id:=`-`"},
	} {
		got := ""
		if all := filterOf(c.q); len(all) > 0 {
			got = string(and(all...))
		}
		if got != c.want && "("+got+")" != c.want {
			t.Errorf("%+v: %s, want %s", c.q.Filter, got, c.want)
		}
	}
}

func TestWordsAsFilters(t *testing.T) {
	for word, want := range map[string]string{
		"레":     "grams:=`레`",
		"레미제":   "grams:=`레미제`",
		"레미제라블": "(grams:=`레미제` && grams:=`미제라` && grams:=`제라블`)",
	} {
		if got := string(contains(fieldGrams, []rune(word))); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	longest := strings.TrimSpace(strings.Repeat("abcdefghijklm ", search.MaxWords))
	q := ticketing.SearchQuery{Kind: ticketing.FindPerformances, Filter: ticketing.SearchFilter{
		Category: "musical", Performer: 1, Hall: 1, From: "2026-01-01", To: "2026-01-01", MinPrice: 1, MaxPrice: 1, OnSale: ticketing.Yes,
	}}
	words := strings.Fields(longest)
	for i := range words {
		words[i] += fmt.Sprint(i)
	}
	for name, c := range map[string]condition{"exact": containsAll(fieldGrams, words), "near": nearly(words)} {
		const most = 100 // a server takes no more
		if n := strings.Count(string(and(append(filterOf(q), c)...)), ":"); n > most {
			t.Errorf("%s: %d comparisons", name, n)
		}
	}
}

// FuzzSearch asks for whatever there is: no error but a refusal, and nothing past a filter.
func FuzzSearch(f *testing.F) {
	for _, text := range []string{"레미", "`", "` || id:!=`x", "레미` && on_sale:=0 || grams:=`레", "* :>1", "])||(", "_eval([(id:=1):9]):desc", "\\`", "레미제라불"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, text, typed string) {
		e, _ := open(t)
		conformance.Fill(t, e)
		conformance.Hostile(t, e, text)
		keepReservations(t, e)
		places, err := findReservations(t, e, search.ReservationQuery{Filter: ticketing.ReservationFilter{User: typed, Title: text, Min: 2000}, Limit: 10})
		if err != nil {
			t.Fatalf("%q %q: %v", text, typed, err)
		}
		for _, id := range strings.Fields(places) {
			d := reservations()[id]
			if d.Held.Amount < 2000 || len([]rune(typed)) <= maxGram && !strings.Contains(strings.ToLower(d.Held.UserName), strings.ToLower(typed)) {
				t.Errorf("%q %q found %+v", text, typed, d.Held)
			}
		}
	})
}

// A server that does not answer is told as such to everybody, and nothing of what it was asked comes out.
func TestServerIsDown(t *testing.T) {
	e, server := open(t)
	conformance.Fill(t, e)
	server.SetDown(true)
	q := ticketing.SearchQuery{Kind: ticketing.FindPerformances, Text: "s3cret", Limit: 5}
	for name, ask := range map[string]func() error{
		"ready":   func() error { return e.Ready(t.Context()) },
		"search":  func() error { _, err := e.Search(t.Context(), []ticketing.SearchQuery{q}); return err },
		"put":     func() error { return e.Put(t.Context(), conformance.Documents()) },
		"delete":  func() error { return e.Delete(t.Context(), ticketing.FindHalls, []string{"1"}) },
		"current": func() error { _, err := e.Current(t.Context(), ticketing.FindHalls); return err },
		"rebuild": func() error { _, err := e.Rebuild(t.Context(), ticketing.FindHalls); return err },
		"each": func() error {
			return e.Each(t.Context(), ticketing.FindHalls, func(ticketing.SearchDocument) bool { return true })
		},
	} {
		err := ask()
		if err == nil || errors.As(err, new(*ticketing.Invalid)) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "레미")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.SetDown(false)
	if results, err := e.Search(t.Context(), []ticketing.SearchQuery{{Kind: ticketing.FindPerformances, Text: "레미", Limit: 5}}); err != nil || results[0].Count != 2 {
		t.Errorf("after it came back: %+v, %v", results, err)
	}
}

// All kinds are asked for by one request.
func TestOneMultiSearch(t *testing.T) {
	e, server := open(t)
	conformance.Fill(t, e)
	server.Asked()
	var queries []ticketing.SearchQuery
	for _, kind := range ticketing.PublicKinds {
		queries = append(queries, ticketing.SearchQuery{Kind: kind, Text: "레미", Limit: 5})
	}
	results, err := e.Search(t.Context(), queries)
	if err != nil || results[0].Count != 2 || results[1].Count != 1 || results[2].Count != 1 {
		t.Errorf("%+v, %v", results, err)
	}
	if asked := server.Asked(); len(asked) != 1 || asked[0] != "POST /multi_search" {
		t.Errorf("asked %v", asked)
	}
}

// A rebuild leaves nothing behind: neither what was searched before nor what died half way.
func TestRebuildLeavesOne(t *testing.T) {
	e, server := open(t)
	if searched, err := e.Current(t.Context(), ticketing.FindHalls); searched != "" || err != nil {
		t.Errorf("%q is searched, %v, before any was swapped in", searched, err)
	}
	for range 3 {
		if _, err := e.Rebuild(t.Context(), ticketing.FindHalls); err != nil { // dies half way
			t.Fatal(err)
		}
	}
	draft, err := e.Rebuild(t.Context(), ticketing.FindHalls)
	if err == nil {
		err = draft.Swap(t.Context())
	}
	if err == nil {
		err = e.Tidy(t.Context(), ticketing.FindHalls)
	}
	if err != nil {
		t.Fatal(err)
	}
	halls := 0
	for _, name := range server.Collections() {
		if strings.HasPrefix(name, "tb_hall_") {
			halls++
		}
	}
	if searched, err := e.Current(t.Context(), ticketing.FindHalls); halls != 1 || searched != draft.Name() || err != nil {
		t.Errorf("%d collections, %q is searched, %v", halls, searched, err)
	}
}

func TestWrongKey(t *testing.T) {
	_, server := open(t)
	listener := listen(t, server)
	const wrong = "another-key-s3cret"
	err := New(Options{URL: listener, APIKey: wrong}).Put(t.Context(), conformance.Documents())
	if err == nil || strings.Contains(err.Error(), wrong) {
		t.Errorf("with a wrong key: %v", err)
	}
}

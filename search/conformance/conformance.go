// Package conformance is what every search engine must do, as tests that any engine is run through.
package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// Run tests an engine. open returns an empty one, of its own for each call.
func Run(t *testing.T, open func(t *testing.T) search.Engine) {
	for name, test := range map[string]func(*testing.T, search.Engine){
		"words":       testWords,
		"ranks":       testRanks,
		"marks":       testMarks,
		"filters":     testFilters,
		"sorts":       testSorts,
		"pages":       testPages,
		"places":      testPlaces,
		"counts":      testCounts,
		"suggestions": testSuggestions,
		"hostile":     testHostile,
		"changes":     testChanges,
		"rebuild":     testRebuild,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Fill makes an engine's index of the documents that the tests speak of.
func Fill(t testing.TB, e search.Engine) {
	t.Helper()
	for _, kind := range ticketing.PublicKinds {
		Build(t, e, kind, Documents())
	}
}

// Build makes the index of a kind, of those documents that are of it.
func Build(t testing.TB, e search.Engine, kind ticketing.SearchKind, docs []ticketing.SearchDocument) {
	t.Helper()
	draft, err := e.Rebuild(t.Context(), kind)
	if err == nil {
		of := slices.DeleteFunc(slices.Clone(docs), func(d ticketing.SearchDocument) bool { return d.Kind != kind })
		err = draft.Put(t.Context(), of)
	}
	if err == nil {
		err = draft.Swap(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Documents are a small catalogue. In names of performances the id is what the tests call them by.
func Documents() []ticketing.SearchDocument {
	arena, palace := ticketing.SearchRef{ID: 1, Name: "Blue Arena"}, ticketing.SearchRef{ID: 2, Name: "세종문화회관 대극장"}
	cho, iu, bts := ticketing.SearchRef{ID: 1, Name: "조승우"}, ticketing.SearchRef{ID: 2, Name: "아이유"}, ticketing.SearchRef{ID: 3, Name: "BTS"}
	show := func(id, title, category string, hall ticketing.SearchRef, from, to ticketing.Day, low, high ticketing.KRW, onSale bool, who ...ticketing.SearchRef) ticketing.SearchDocument {
		return ticketing.SearchDocument{Kind: ticketing.FindPerformances, ID: id, Name: title, Category: category, Hall: hall, From: from, To: to,
			MinPrice: low, MaxPrice: high, OnSale: onSale, Performers: who}
	}
	docs := []ticketing.SearchDocument{
		show("1", "레미제라블", "musical", arena, "2026-12-01", "2026-12-24", 80_000, 170_000, true, cho),
		show("2", "오페라의 유령", "musical", palace, "2026-12-10", "2027-02-28", 60_000, 190_000, false, cho),
		show("3", "BTS 월드 투어 2026", "concert", arena, "2026-12-31", "2027-01-02", 132_000, 220_000, true, bts),
		show("4", "아이유 콘서트: 레미의 밤", "concert", palace, "2027-03-01", "2027-03-03", 99_000, 154_000, false, iu),
		show("5", "블루 시리즈 야구", "sports", arena, "2026-11-25", "2027-05-31", 10_000, 70_000, true),
		show("6", "The Phantom of the Opera", "musical", palace, "2027-04-01", "2027-06-30", 70_000, 150_000, true),
		show("7", "겨울밤의 레퀴엠", "concert", palace, "2026-12-24", "2026-12-25", 50_000, 50_000, true, cho, iu),
	}
	for i, h := range []ticketing.SearchDocument{{Name: arena.Name, Address: "서울 송파구 올림픽로 424"}, {Name: palace.Name, Address: "서울 종로구 세종대로 175"}, {Name: "부산 레미 홀", Address: "부산 해운대구"}} {
		h.Kind, h.ID = ticketing.FindHalls, fmt.Sprint(i+1)
		docs = append(docs, h)
	}
	for i, p := range []ticketing.SearchDocument{{Name: cho.Name, Nation: "대한민국"}, {Name: iu.Name, Nation: "대한민국"}, {Name: bts.Name}, {Name: "레미 김"}} {
		p.Kind, p.ID = ticketing.FindPerformers, fmt.Sprint(i+1)
		docs = append(docs, p)
	}
	return docs
}

// ask is a query of performances that are not over, whose words and page follow.
func ask(text string) ticketing.SearchQuery {
	return ticketing.SearchQuery{Kind: ticketing.FindPerformances, Text: text, Limit: 20}
}

func find(t *testing.T, e search.Engine, q ticketing.SearchQuery) ticketing.SearchResult {
	t.Helper()
	results, err := search.NewFinder(e).Search(t.Context(), []ticketing.SearchQuery{q})
	if err != nil || len(results) != 1 {
		t.Fatalf("searching %+v: %d results, %v", q, len(results), err)
	}
	return results[0]
}

func ids(r ticketing.SearchResult) string {
	var all []string
	for _, h := range r.Hits {
		all = append(all, h.ID)
	}
	return strings.Join(all, " ")
}

func sorted(ids string) string {
	all := strings.Fields(ids)
	slices.Sort(all)
	return strings.Join(all, " ")
}

func testWords(t *testing.T, e search.Engine) {
	Fill(t, e)
	for _, c := range []struct {
		text string
		want string // performances, halls, performers, in any order
		near bool   // what is found is only close to it
	}{
		{text: "레미", want: "1 4|3|4"},
		{text: "제라", want: "1||"},
		{text: "레미제라블", want: "1||"},
		{text: "라블", want: "1||"},
		{text: "블", want: "1 5||"},
		{text: "레", want: "1 4 7|3|4"},
		{text: "밤", want: "4 7||"},
		{text: "오페라 유령", want: "2||"},
		{text: "유령 오페라", want: "2||"},
		{text: "오페라의유령", want: "2||"},
		{text: "조승우", want: "1 2 7||1"},
		{text: "승우 레퀴엠", want: "7||"},
		{text: "bts", want: "3||3"},
		{text: "BTS 월드", want: "3||"},
		{text: "ｂｔｓ　투어", want: "3||"},
		{text: "2026", want: "3||"},
		{text: "phantom", want: "6||"},
		{text: "hanto", want: "6||"},
		{text: "blue", want: "1 3 5|1|"},
		{text: "세종 콘서트", want: "4||"},
		{text: "레미제라불", want: "1||", near: true},
		{text: "레미라블", want: "1||", near: true},
		{text: "레미제제라블", want: "1||", near: true},
		{text: "phantim", want: "6||", near: true},
		{text: "없는말", want: "||"},
		{text: "레미 없는말", want: "||"},
		{text: "   ", want: "1 2 3 4 5 6 7|1 2 3|1 2 3 4"},
		{text: "!!! ...", want: "||"}, // no word, so nothing is meant by it
		{text: "%", want: "||"},
		{text: "_", want: "||"},
		{text: "🎭", want: "||"},
		{text: "\u200b", want: "||"},
		{text: "레미 !!!", want: "1 4|3|4"}, // beside a word it is left out
		{text: "%레미%", want: "1 4|3|4"},
	} {
		t.Run(c.text, func(t *testing.T) {
			wanted := strings.Split(c.want, "|")
			for i, kind := range ticketing.PublicKinds {
				q := ask(c.text)
				q.Kind = kind
				r := find(t, e, q)
				if got := sorted(ids(r)); got != wanted[i] {
					t.Errorf("%s: found %q, want %q", kind, got, wanted[i])
				}
				if r.Count != len(r.Hits) || len(r.Hits) > 0 && r.Near != c.near {
					t.Errorf("%s: %d hits, counted %d, near %t", kind, len(r.Hits), r.Count, r.Near)
				}
			}
		})
	}
}

// What begins with the words comes before what has them inside, and that before what is found by another field.
func testRanks(t *testing.T, e search.Engine) {
	Fill(t, e)
	for text, want := range map[string]string{
		"레미":  "1 4",
		"아이유": "4 7",
		"블루":  "5",
		"":    "1 7 3 5 6 2 4", // equally good: on sale first, then what ends first
	} {
		if got := ids(find(t, e, ask(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func testMarks(t *testing.T, e search.Engine) {
	Fill(t, e)
	for text, want := range map[string]string{
		"제라":     "name: 레미[제라]블",
		"레미제라불":  "name: [레미제라블]",
		"승우 레퀴엠": "name: 겨울밤의 [레퀴엠]; performers: 조[승우]",
	} {
		r := find(t, e, ask(text))
		if len(r.Hits) != 1 {
			t.Errorf("%q: %d hits", text, len(r.Hits))
			continue
		}
		if got := shown(r.Hits[0].Marks); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func shown(marks map[string][]ticketing.SearchMark) string {
	var fields []string
	for _, field := range []string{"name", "hall", "address", "performers"} {
		var b strings.Builder
		for _, m := range marks[field] {
			if m.Match {
				b.WriteString("[" + m.Text + "]")
			} else {
				b.WriteString(m.Text)
			}
		}
		if b.Len() > 0 {
			fields = append(fields, field+": "+b.String())
		}
	}
	return strings.Join(fields, "; ")
}

func testFilters(t *testing.T, e search.Engine) {
	Fill(t, e)
	for _, c := range []struct {
		text   string
		filter ticketing.SearchFilter
		want   string
	}{
		{"", ticketing.SearchFilter{Category: "musical"}, "1 2 6"},
		{"", ticketing.SearchFilter{Performer: 1}, "1 2 7"},
		{"", ticketing.SearchFilter{Performer: 2, Category: "concert"}, "4 7"},
		{"", ticketing.SearchFilter{Hall: 1}, "1 3 5"},
		{"", ticketing.SearchFilter{From: "2026-12-25"}, "2 3 4 5 6 7"},
		{"", ticketing.SearchFilter{To: "2026-12-01"}, "1 5"},
		{"", ticketing.SearchFilter{From: "2026-12-24", To: "2026-12-24"}, "1 2 5 7"},
		{"", ticketing.SearchFilter{MinPrice: 190_001}, "3"},
		{"", ticketing.SearchFilter{MaxPrice: 50_000}, "5 7"},
		{"", ticketing.SearchFilter{MinPrice: 60_000, MaxPrice: 60_000}, "2 5"},
		{"", ticketing.SearchFilter{OnSale: ticketing.Yes}, "1 3 5 6 7"},
		{"레미", ticketing.SearchFilter{OnSale: ticketing.Yes}, "1"},
		{"", ticketing.SearchFilter{OnSale: ticketing.No}, "2 4"},
		{"", ticketing.SearchFilter{OnSale: ticketing.No, Hall: 1}, ""},
		{"레미", ticketing.SearchFilter{Category: "sports"}, ""},
		{"레미제라불", ticketing.SearchFilter{Category: "concert"}, ""},
	} {
		q := ask(c.text)
		q.Filter = c.filter
		if got := sorted(ids(find(t, e, q))); got != c.want {
			t.Errorf("%q %+v: %q, want %q", c.text, c.filter, got, c.want)
		}
		q.Kind = ticketing.FindHalls
		if got := ids(find(t, e, q)); got != "" {
			t.Errorf("%+v lets halls through: %s", c.filter, got)
		}
	}
}

func testSorts(t *testing.T, e search.Engine) {
	Fill(t, e)
	for sort, want := range map[ticketing.SearchSort]string{
		ticketing.SortName:     "3 6 7 1 5 4 2",
		ticketing.SortStarting: "5 1 2 7 3 4 6",
		ticketing.SortEnding:   "1 7 3 2 4 5 6",
		ticketing.SortCheapest: "5 7 2 6 1 4 3",
		ticketing.SortDearest:  "3 2 1 4 6 5 7",
	} {
		q := ask("")
		q.Sort = sort
		if got := ids(find(t, e, q)); got != want {
			t.Errorf("%s: %s, want %s", sort, got, want)
		}
	}
	q := ticketing.SearchQuery{Kind: ticketing.FindPerformers, Sort: ticketing.SortName, Limit: 9}
	if got := ids(find(t, e, q)); got != "3 4 2 1" {
		t.Errorf("performers by name: %s", got)
	}
}

// A list in pages is the list, whatever its order, also while things are added behind.
func testPages(t *testing.T, e search.Engine) {
	Fill(t, e)
	var many []ticketing.SearchDocument
	for i := range 25 {
		many = append(many, ticketing.SearchDocument{Kind: ticketing.FindPerformances, ID: fmt.Sprint(100 + i), Name: fmt.Sprintf("연극 %d", i%3),
			Category: "concert", From: "2027-01-01", To: "2027-01-31", MinPrice: ticketing.KRW(i%4) * 1000, MaxPrice: 9000})
	}
	if err := e.Put(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	for _, sort := range ticketing.SearchSorts[ticketing.FindPerformances] {
		for text, count := range map[string]int{"": 32, "연극": 25} {
			q := ask(text)
			q.Sort, q.Limit = sort, 100
			whole := find(t, e, q)
			if len(whole.Hits) != count || whole.Next != "" {
				t.Fatalf("%s %q: %d hits, next %q", sort, text, len(whole.Hits), whole.Next)
			}
			q.Limit = 7
			var paged []string
			for {
				page := find(t, e, q)
				if page.Count != count {
					t.Errorf("%s %q: a page counts %d", sort, text, page.Count)
				}
				paged = append(paged, ids(page))
				if q.After = page.Next; q.After == "" || len(paged) > 10 {
					break
				}
			}
			if got, want := strings.Join(paged, " "), ids(whole); got != want {
				t.Errorf("%s %q: in pages %s, whole %s", sort, text, got, want)
			}
		}
	}
}

// A place in one list is none in another.
func testPlaces(t *testing.T, e search.Engine) {
	Fill(t, e)
	q := ask("레")
	q.Limit = 1
	q.After = find(t, e, q).Next
	for name, other := range map[string]func(*ticketing.SearchQuery){
		"another kind":   func(q *ticketing.SearchQuery) { q.Kind = ticketing.FindHalls },
		"other words":    func(q *ticketing.SearchQuery) { q.Text = "레미" },
		"no words":       func(q *ticketing.SearchQuery) { q.Text = "" },
		"a filter":       func(q *ticketing.SearchQuery) { q.Filter.OnSale = ticketing.Yes },
		"another day":    func(q *ticketing.SearchQuery) { q.Filter.From = "2026-12-01" },
		"another order":  func(q *ticketing.SearchQuery) { q.Sort = ticketing.SortEnding },
		"nothing behind": func(q *ticketing.SearchQuery) { q.After = q.After[:12] },
	} {
		asked := q
		other(&asked)
		_, err := search.NewFinder(e).Search(t.Context(), []ticketing.SearchQuery{asked})
		var invalid *ticketing.Invalid
		if !errors.As(err, &invalid) || invalid.Field != "after" {
			t.Errorf("with %s: %v, want a refusal of after", name, err)
		}
	}
	q.Limit, q.Text = 5, " 레 "
	if got := find(t, e, q); len(got.Hits) != 2 || got.Count != 3 {
		t.Errorf("with another size of pages: %d hits of %d", len(got.Hits), got.Count)
	}
}

func testCounts(t *testing.T, e search.Engine) {
	Fill(t, e)
	q := ask("레")
	q.Facets, q.Limit = true, 1
	r := find(t, e, q)
	if r.Count != 3 || len(r.Hits) != 1 || r.Next == "" {
		t.Errorf("count %d, %d hits, next %q", r.Count, len(r.Hits), r.Next)
	}
	if len(r.Categories) != 2 || r.Categories["musical"] != 1 || r.Categories["concert"] != 2 {
		t.Errorf("categories %v", r.Categories)
	}
}

func suggest(t *testing.T, e search.Engine, typed string) ([]ticketing.Suggestion, error) {
	t.Helper()
	return search.NewFinder(e).Suggest(t.Context(), ticketing.SuggestQuery{
		Kinds: ticketing.PublicKinds, Typed: typed, From: "2026-12-24", Limit: ticketing.MaxSuggestions,
	})
}

func testSuggestions(t *testing.T, e search.Engine) {
	Fill(t, e)
	for typed, want := range map[string]string{
		"레":     "레미제라블",
		"렘":     "레미제라블", // on the way to 레미
		"ㄹㅔㅁ":   "레미제라블",
		"ㄹㅁㅈ":   "레미제라블",
		"레밎":    "레미제라블",
		"오페라의ㅇ": "오페라의 유령",
		"th":    "The Phantom of the Opera",
		"bT":    "BTS",
		"세종문":   "세종문화회관 대극장",
		"제라":    "레미제라블", // nothing begins so
	} {
		all, err := suggest(t, e, typed)
		has := slices.ContainsFunc(all, func(s ticketing.Suggestion) bool { return s.Name == want && s.ID != "" && s.Kind != "" })
		if err != nil || !has {
			t.Errorf("%q: %v, %v; want %s among them", typed, all, err, want)
		}
	}
	for _, typed := range []string{"", "  ", "'", "%", "_", "\\", "없는말"} {
		if all, err := suggest(t, e, typed); err != nil || len(all) > 0 {
			t.Errorf("%q: %v, %v", typed, all, err)
		}
	}
}

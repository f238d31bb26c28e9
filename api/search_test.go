package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"ticketblue/ticketing"
)

// fakeSearch finds one of each kind, whatever it is asked, and remembers that.
type fakeSearch struct {
	mu     sync.Mutex
	name   string
	asked  []ticketing.SearchQuery
	typed  ticketing.SuggestQuery
	broken error
}

func (f *fakeSearch) Search(_ context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = queries
	var all []ticketing.SearchResult
	for _, q := range queries {
		if err := q.Validate(); err != nil {
			return nil, err
		}
		hit := ticketing.SearchHit{
			SearchDocument: ticketing.SearchDocument{
				Kind: q.Kind, ID: "7", Name: f.name, Hall: ticketing.SearchRef{ID: 1, Name: "Blue Arena"}, Category: "musical", From: "2026-12-01", To: "2026-12-24",
				Performers: []ticketing.SearchRef{{ID: 3, Name: "조승우"}}, MinPrice: 1, MaxPrice: 2, OnSale: true, Poster: &ticketing.Poster{Name: "p", Extension: "jpg", Widths: []int{320}},
			},
			Marks: map[string][]ticketing.SearchMark{"name": {{Text: "레미", Match: true}, {Text: "<b>"}}},
		}
		r := ticketing.SearchResult{Hits: []ticketing.SearchHit{hit}, Count: 12, Next: "there"}
		if q.Facets {
			r.Categories = map[string]int{"musical": 12}
		}
		all = append(all, r)
	}
	return all, f.broken
}

func (f *fakeSearch) Suggest(_ context.Context, q ticketing.SuggestQuery) ([]ticketing.Suggestion, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.typed = q
	return []ticketing.Suggestion{{Kind: ticketing.FindHalls, ID: "2", Name: f.name}}, f.broken
}

func (h *house) find(query string) answer {
	h.t.Helper()
	return h.do(call{method: "GET", path: "/v1/search?" + query})
}

func TestSearch(t *testing.T) {
	h := open(t, nil)
	var body searchBody
	a := h.find("q=" + url.QueryEscape("레미")).wantStatus(http.StatusOK)
	a.decode(&body)
	p := body.Performances.Items[0]
	if p.ID != 7 || p.Hall.Name != "Blue Arena" || p.Performers[0].ID != 3 || p.Poster.Widths["320"] == "" || !p.OnSale || p.Marks.Name[0] != (markBody{"레미", true}) {
		t.Errorf("performance %+v", p)
	}
	if body.Performances.Count != 12 || body.Performances.Next != "there" || body.Categories["musical"] != 12 || len(body.Halls.Items) != 1 || len(body.Performers.Items) != 1 {
		t.Errorf("answer %+v", body)
	}
	if q := h.index.asked; len(q) != 3 || q[0].Filter.From != "2026-11-22" || q[1].Filter != (ticketing.SearchFilter{}) {
		t.Errorf("asked %+v", q)
	}
	h.do(call{method: "GET", path: "/v1/search?q=" + url.QueryEscape("레미"), header: map[string]string{"If-None-Match": a.header.Get("ETag")}}).wantStatus(http.StatusNotModified)

	h.find("q=x&kind=performance&category=musical&performer=3&hall=4&day=2026-12-24&min_price=5&max_price=6&on_sale=true&sort=cheapest&after=there&limit=2").wantStatus(http.StatusOK)
	want := ticketing.SearchQuery{
		Kind: ticketing.FindPerformances, Text: "x", Sort: ticketing.SortCheapest, After: "there", Limit: 2, Facets: true,
		Filter: ticketing.SearchFilter{Category: "musical", Performer: 3, Hall: 4, From: "2026-12-24", To: "2026-12-24", MinPrice: 5, MaxPrice: 6, OnSale: ticketing.Yes},
	}
	if len(h.index.asked) != 1 || h.index.asked[0] != want {
		t.Errorf("asked %+v, want %+v", h.index.asked, want)
	}
	h.find("kind=performance&on_sale=false").wantStatus(http.StatusOK)
	if len(h.index.asked) != 1 || h.index.asked[0].Filter.OnSale != ticketing.No {
		t.Errorf("not on sale: asked %+v", h.index.asked)
	}
	h.find("engine=sql").wantStatus(http.StatusOK).decode(&body)
	if body.Halls.Items[0].Name != "twin" {
		t.Errorf("the twin was not asked: %+v", body.Halls)
	}
	var offered suggestionsBody
	h.do(call{method: "GET", path: "/v1/search/suggestions?q=r"}).wantStatus(http.StatusOK).decode(&offered)
	if len(offered.Items) != 1 || offered.Items[0] != (suggestionBody{"hall", 2, "index"}) || h.index.typed.From != "2026-11-22" || h.index.typed.Limit != 8 {
		t.Errorf("suggestions %+v for %+v", offered, h.index.typed)
	}
	h.index.broken = fmt.Errorf("a secret: %w", ticketing.ErrUnavailable)
	for _, path := range []string{"/v1/search?q=x", "/v1/search/suggestions?q=x"} {
		if p := h.do(call{method: "GET", path: path}).wantStatus(http.StatusServiceUnavailable).problem(); p.Code != "unavailable" {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

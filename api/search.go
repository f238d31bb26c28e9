package api

import (
	"context"
	"net/http"
	"strconv"

	"ticketblue/ticketing"
)

// Search finds what the catalogue has.
type Search interface {
	// Search answers queries in their order. What cannot be asked is a *ticketing.Invalid; when nothing can be found now
	// the error is a ticketing.ErrUnavailable.
	Search(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error)
	// Suggest lists what may be meant by what was typed so far.
	Suggest(ctx context.Context, q ticketing.SuggestQuery) ([]ticketing.Suggestion, error)
}

type searchInput struct {
	Q         string `query:"q" maxLength:"100" doc:"Words, each of which is found anywhere. Left out or blank, everything is found; by signs alone, such as %, nothing" example:"레미"`
	Kind      string `query:"kind" enum:"performance,hall,performer" doc:"Only these. All three when left out"`
	Category  string `query:"category" enum:"concert,musical,sports" doc:"From here to on_sale: leaves halls and performers out"`
	Performer int64  `query:"performer" minimum:"1" doc:"Only performances with this performer"`
	Hall      int64  `query:"hall" minimum:"1" doc:"Only performances in this hall"`
	Day       string `query:"day" format:"date" doc:"Only performances shown on this day in Seoul; instead of from and to" example:"2026-12-24"`
	From      string `query:"from" format:"date" doc:"Only performances shown on this day in Seoul or later; today when left out" example:"2026-12-01"`
	To        string `query:"to" format:"date" doc:"Only performances shown on this day in Seoul or earlier" example:"2026-12-31"`
	MinPrice  int64  `query:"min_price" minimum:"0" doc:"Only performances with a grade for so much or more, in KRW"`
	MaxPrice  int64  `query:"max_price" minimum:"0" doc:"Only performances with a grade for so much or less, in KRW; 0 is no limit"`
	OnSale    choice `query:"on_sale" doc:"true: only performances of which a round is on sale now; false: only those of which none is. Both when left out"`
	Sort      string `query:"sort" enum:"name,starting,ending,cheapest,dearest" doc:"The best first when left out. All but name need kind=performance"`
	Limit     int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Of each kind"`
	After     string `query:"after" maxLength:"2000" doc:"The next of the page before; with its kind"`
	Engine    string `query:"engine" enum:"index,sql" default:"index" doc:"sql asks the catalogue's own tables, to compare: slower, and without forgiveness for typing errors"`
	Conditional
}

type suggestInput struct {
	Q     string `query:"q" maxLength:"100" doc:"What was typed so far. Half a syllable and first consonants will do" example:"ㄹㅁㅈ"`
	Limit int    `query:"limit" minimum:"1" maximum:"10" default:"8"`
}

type markBody struct {
	Text  string `json:"text" example:"레미"`
	Match bool   `json:"match" example:"true"`
}

// marksBody has the texts in which something matches, piece by piece.
type marksBody struct {
	Name       []markBody `json:"name,omitempty"`
	Hall       []markBody `json:"hall,omitempty"`
	Address    []markBody `json:"address,omitempty"`
	Performers []markBody `json:"performers,omitempty"`
}

type foundPerformance struct {
	ID         int64         `json:"id" example:"1"`
	Title      string        `json:"title" example:"레미제라블"`
	Category   string        `json:"category" example:"musical"`
	Hall       hallRef       `json:"hall"`
	Performers []hallRef     `json:"performers" doc:"Who is in it"`
	From       string        `json:"from" doc:"First day in Seoul" example:"2026-12-01"`
	To         string        `json:"to" doc:"Last day in Seoul" example:"2026-12-24"`
	MinPrice   int64         `json:"min_price" doc:"Of the cheapest grade, KRW" example:"80000"`
	MaxPrice   int64         `json:"max_price" doc:"Of the dearest grade, KRW" example:"170000"`
	OnSale     bool          `json:"on_sale" doc:"The sale of one of its rounds is open" example:"true"`
	Poster     *posterOfShow `json:"poster" doc:"null: it has none"`
	Marks      marksBody     `json:"marks" doc:"Where the words were found. Text, not HTML"`
}

type foundHall struct {
	ID      int64     `json:"id" example:"1"`
	Name    string    `json:"name" example:"Blue Arena"`
	Address string    `json:"address,omitempty" example:"서울 송파구 올림픽로 424"`
	Marks   marksBody `json:"marks"`
}

type foundPerformer struct {
	ID     int64     `json:"id" example:"1"`
	Name   string    `json:"name" example:"조승우"`
	Nation string    `json:"nation,omitempty" example:"대한민국"`
	Marks  marksBody `json:"marks"`
}

// section is a page of one kind.
type section[W any] struct {
	Items []W    `json:"items"`
	Count int    `json:"count" doc:"All that are found, on whichever page" example:"1"`
	Near  bool   `json:"near" doc:"Nothing has the words as they were typed: these have something close to them" example:"false"`
	Next  string `json:"next,omitempty" doc:"Ask with it as after for the next page; absent on the last" example:"eyJzIjoiIiwibiI6ZmFsc2V9"`
}

type searchBody struct {
	Performances *section[foundPerformance] `json:"performances,omitempty"`
	Halls        *section[foundHall]        `json:"halls,omitempty"`
	Performers   *section[foundPerformer]   `json:"performers,omitempty"`
	Categories   map[string]int             `json:"categories,omitempty" doc:"Of the performances, how many there are of each category" example:"{\"musical\":1}"`
}

type suggestionBody struct {
	Kind string `json:"kind" enum:"performance,hall,performer" example:"performance"`
	ID   int64  `json:"id" example:"1"`
	Name string `json:"name" example:"레미제라블"`
}

type suggestionsBody struct {
	Items []suggestionBody `json:"items"`
}

func (s *Server) searchRoutes() {
	register(s, operation{
		id: "search", method: http.MethodGet, path: "/v1/search", tag: "search", access: Public, status: http.StatusOK,
		errors:  []int{http.StatusNotModified, http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge, http.StatusServiceUnavailable},
		summary: "Find performances, halls and performers by words",
		about: "An edit is found within a second or so. Performances that are over are not found unless `from` says so. More than 100 " +
			"characters are 422 `invalid_input`; a text so long that the address does not fit into the headers (16 KiB, nine bytes for a Korean " +
			"syllable) is 431 `headers_too_large`.",
	}, s.search)
	register(s, operation{
		id: "suggest", method: http.MethodGet, path: "/v1/search/suggestions", tag: "search", access: Public, status: http.StatusOK,
		errors:  []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		summary: "Complete what is being typed", about: "What begins so, then what has it elsewhere.",
	}, s.suggest)
}

func (s *Server) search(ctx context.Context, in *searchInput) (*tagged[searchBody], error) {
	queries, err := in.queries(s.today())
	if err != nil {
		return nil, err
	}
	by := s.Search
	if in.Engine == "sql" {
		by = s.SearchSQL
	}
	results, err := by.Search(ctx, queries)
	if err != nil {
		return nil, err
	}
	var body searchBody
	for i, q := range queries {
		switch r := results[i]; q.Kind {
		case ticketing.FindPerformances:
			body.Performances, body.Categories = sectionOf(r, foundPerformanceOnWire), r.Categories
		case ticketing.FindHalls:
			body.Halls = sectionOf(r, func(h ticketing.SearchHit) foundHall {
				return foundHall{idOfHit(h.ID), h.Name, h.Address, marksOnWire(h.Marks)}
			})
		case ticketing.FindPerformers:
			body.Performers = sectionOf(r, func(h ticketing.SearchHit) foundPerformer {
				return foundPerformer{idOfHit(h.ID), h.Name, h.Nation, marksOnWire(h.Marks)}
			})
		}
	}
	return tag(http.StatusOK, 0, body, in.IfNoneMatch)
}

// queries are one for each kind asked for. Only performances have days, prices and the like: a filter that names one
// leaves the other kinds out, as SearchFilter does.
func (in *searchInput) queries(today ticketing.Day) ([]ticketing.SearchQuery, error) {
	if in.Kind == "" && in.After != "" {
		return nil, invalid("kind", "that of the page before, when there is an after")
	}
	if in.Kind == "" && in.Sort != "" && in.Sort != string(ticketing.SortName) {
		return nil, invalid("kind", "performance, to be sorted so")
	}
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	q := ticketing.SearchQuery{Text: composed(in.Q), Sort: ticketing.SearchSort(in.Sort), After: in.After, Limit: in.Limit}
	var all []ticketing.SearchQuery
	for _, q.Kind = range ticketing.PublicKinds {
		if in.Kind != "" && in.Kind != string(q.Kind) {
			continue
		}
		q.Filter, q.Facets = filter, q.Kind == ticketing.FindPerformances
		if q.Facets && filter.From == "" {
			q.Filter.From = today
		}
		all = append(all, q)
	}
	return all, nil
}

func (in *searchInput) filter() (f ticketing.SearchFilter, err error) {
	f = ticketing.SearchFilter{
		Category: in.Category, Performer: in.Performer, Hall: in.Hall, OnSale: in.OnSale.Of,
		MinPrice: ticketing.KRW(in.MinPrice), MaxPrice: ticketing.KRW(in.MaxPrice),
	}
	for _, day := range []struct {
		field, text string
		into        []*ticketing.Day
	}{{"from", in.From, []*ticketing.Day{&f.From}}, {"to", in.To, []*ticketing.Day{&f.To}}, {"day", in.Day, []*ticketing.Day{&f.From, &f.To}}} {
		if day.text == "" {
			continue
		}
		read, err := dayOf(day.field, day.text)
		if err != nil {
			return f, err
		}
		for _, into := range day.into {
			if *into != "" {
				return f, invalid("day", "absent when there is from or to")
			}
			*into = read
		}
	}
	if in.MaxPrice > 0 && in.MaxPrice < in.MinPrice {
		return f, invalid("max_price", "min_price or more, or 0")
	}
	return f, inOrder(f.From, f.To)
}

func (s *Server) suggest(ctx context.Context, in *suggestInput) (*suggestOutput, error) {
	found, err := s.Search.Suggest(ctx, ticketing.SuggestQuery{Kinds: ticketing.PublicKinds, Typed: composed(in.Q), From: s.today(), Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &suggestOutput{}
	out.Body.Items = []suggestionBody{}
	for _, f := range found {
		out.Body.Items = append(out.Body.Items, suggestionBody{string(f.Kind), idOfHit(f.ID), f.Name})
	}
	return out, nil
}

type suggestOutput struct{ Body suggestionsBody }

func sectionOf[W any](r ticketing.SearchResult, onWire func(ticketing.SearchHit) W) *section[W] {
	s := &section[W]{Items: []W{}, Count: r.Count, Near: r.Near, Next: r.Next}
	for _, h := range r.Hits {
		s.Items = append(s.Items, onWire(h))
	}
	return s
}

func foundPerformanceOnWire(h ticketing.SearchHit) foundPerformance {
	body := foundPerformance{
		ID: idOfHit(h.ID), Title: h.Name, Category: h.Category, Hall: hallRef(h.Hall), Performers: []hallRef{}, From: string(h.From), To: string(h.To),
		MinPrice: int64(h.MinPrice), MaxPrice: int64(h.MaxPrice), OnSale: h.OnSale, Marks: marksOnWire(h.Marks),
	}
	for _, p := range h.Performers {
		body.Performers = append(body.Performers, hallRef(p))
	}
	if h.Poster != nil {
		body.Poster = &posterOfShow{Widths: posterOnWire(*h.Poster).Widths}
	}
	return body
}

func marksOnWire(marks map[string][]ticketing.SearchMark) marksBody {
	pieces := func(field string) (all []markBody) {
		for _, m := range marks[field] {
			all = append(all, markBody(m))
		}
		return all
	}
	return marksBody{pieces("name"), pieces("hall"), pieces("address"), pieces("performers")}
}

// idOfHit is the number of a thing in the catalogue, whose ids are all numbers.
func idOfHit(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}

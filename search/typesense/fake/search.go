package fake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
)

const (
	maxPerPage = 250
	maxSorts   = 3
)

// searchParams are those that the program uses. Others are refused.
type searchParams struct {
	Collection     string `json:"collection"`
	Q              string `json:"q"`
	QueryBy        string `json:"query_by"`
	Prefix         string `json:"prefix"`
	NumTypos       string `json:"num_typos"`
	TypoThreshold  *int   `json:"typo_tokens_threshold"`
	DropThreshold  *int   `json:"drop_tokens_threshold"`
	Exhaustive     bool   `json:"exhaustive_search"`
	FilterBy       string `json:"filter_by"`
	SortBy         string `json:"sort_by"`
	FacetBy        string `json:"facet_by"`
	MaxFacetValues int    `json:"max_facet_values"`
	Offset         int    `json:"offset"`
	Limit          int    `json:"limit"`
	IncludeFields  string `json:"-"`
}

func (s *Server) multiSearch(r *http.Request) (int, any) {
	var body struct {
		Searches []searchParams `json:"searches"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil {
		return http.StatusBadRequest, message(err.Error())
	}
	results := []any{}
	for _, p := range body.Searches {
		p.IncludeFields = r.URL.Query().Get("include_fields") // for all of them
		results = append(results, s.search(p))
	}
	return http.StatusOK, object{"results": results}
}

func refuse(status int, err error) object { return object{"code": status, "error": err.Error()} }

func (s *Server) search(p searchParams) object {
	c := s.find(p.Collection)
	if c == nil {
		return object{"code": http.StatusNotFound, "error": "Not found."}
	}
	match, err := c.parseFilter(p.FilterBy)
	if err == nil && (p.Limit < 0 || p.Limit > maxPerPage || p.Offset < 0) {
		err = fmt.Errorf("only up to %d hits can be fetched per page", maxPerPage)
	}
	var asked matcher
	if err == nil {
		asked, err = c.query(p)
	}
	var order []sorter
	if err == nil {
		order, err = c.parseSort(p.SortBy)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, err)
	}
	var found []*document
	for _, d := range c.sorted() {
		if match(d) && asked(d) {
			found = append(found, d)
		}
	}
	slices.SortStableFunc(found, func(a, b *document) int {
		for _, by := range order {
			if n := by(a, b); n != 0 {
				return n
			}
		}
		return cmp.Compare(b.number, a.number) // what came last comes first
	})
	hits := []any{}
	for _, d := range found[min(p.Offset, len(found)):min(p.Offset+p.Limit, len(found))] {
		hits = append(hits, object{"document": d.shown(p.IncludeFields), "highlight": object{}, "highlights": []any{}})
	}
	return object{
		"facet_counts": c.facets(p, found), "found": len(found), "hits": hits, "out_of": len(c.docs), "page": 1,
		"request_params": object{"collection_name": c.name, "per_page": p.Limit, "q": p.Q}, "search_cutoff": false, "search_time_ms": 0,
	}
}

// query is the part of a search that is not the filter: everything, or one word at the beginning of a field's.
func (c *collection) query(p searchParams) (matcher, error) {
	if p.Q == "*" {
		return func(*document) bool { return true }, nil
	}
	f, known := c.fields[p.QueryBy]
	if !known || f.Type != "string" {
		return nil, fmt.Errorf("could not find a field named `%s` in the schema", p.QueryBy)
	}
	if p.Q == "" || strings.ContainsAny(p.Q, ` "-`) || p.Prefix != "true" || p.NumTypos != "0" {
		return nil, fmt.Errorf("only the beginning of one word without typing errors is looked for here")
	}
	return func(d *document) bool {
		return d.any(f.Name, func(v any) bool { text, _ := v.(string); return strings.HasPrefix(text, p.Q) })
	}, nil
}

type sorter func(a, b *document) int

// parseSort reads sort_by: fields, and _eval of filters with scores.
func (c *collection) parseSort(text string) (order []sorter, err error) {
	for text != "" {
		var by sorter
		if strings.HasPrefix(text, "_eval(") {
			by, text, err = c.parseEval(text)
		} else {
			by, text, err = c.parseField(text)
		}
		if err != nil {
			return nil, err
		}
		order = append(order, by)
	}
	if len(order) > maxSorts {
		return nil, fmt.Errorf("only up to %d sort_by fields can be specified", maxSorts)
	}
	return order, nil
}

// direction cuts ":asc" or ":desc" and the comma behind it.
func direction(text string) (sign int, rest string, err error) {
	for name, sign := range map[string]int{":asc": 1, ":desc": -1} {
		if rest, found := strings.CutPrefix(text, name); found && (rest == "" || rest[0] == ',') {
			return sign, strings.TrimPrefix(rest, ","), nil
		}
	}
	return 0, "", fmt.Errorf("order for the sort field at %q should be either `DESC` or `ASC`", text)
}

func (c *collection) parseField(text string) (sorter, string, error) {
	name, _, _ := strings.Cut(text, ":")
	f, known := c.fields[name]
	if !known || !f.Sort {
		return nil, "", fmt.Errorf("could not find a field named `%s` in the schema for sorting", name)
	}
	sign, rest, err := direction(text[len(name):])
	return func(a, b *document) int {
		if f.Type == "string" {
			x, _ := a.values[name].(string)
			y, _ := b.values[name].(string)
			return sign * strings.Compare(x, y)
		}
		return sign * cmp.Compare(number(a.values[name]), number(b.values[name]))
	}, rest, err
}

// parseEval reads "_eval([(filter):3,(filter):1]):desc".
func (c *collection) parseEval(text string) (sorter, string, error) {
	inside, rest, found := strings.Cut(strings.TrimPrefix(text, "_eval(["), "])")
	if !found {
		return nil, "", fmt.Errorf("an _eval that does not end: %q", text)
	}
	sign, rest, err := direction(rest)
	if err != nil {
		return nil, "", err
	}
	type scored struct {
		match matcher
		score int
	}
	var all []scored
	for inside != "" {
		end := closing(inside)
		if end < 0 || end+1 >= len(inside) || inside[end+1] != ':' {
			return nil, "", fmt.Errorf("an _eval without a score: %q", inside)
		}
		match, err := c.parseFilter(inside[:end+1])
		if err != nil {
			return nil, "", err
		}
		digits, behind, _ := strings.Cut(inside[end+2:], ",")
		score, err := strconv.Atoi(digits)
		if err != nil {
			return nil, "", fmt.Errorf("a score that is no number: %q", digits)
		}
		all, inside = append(all, scored{match, score}), behind
	}
	score := func(d *document) int {
		for _, s := range all {
			if s.match(d) {
				return s.score
			}
		}
		return 0
	}
	return func(a, b *document) int { return sign * cmp.Compare(score(a), score(b)) }, rest, nil
}

// closing is where the parenthesis that the text begins with ends.
func closing(text string) int {
	depth, quoted := 0, false
	for i, r := range text {
		switch {
		case r == '`':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (c *collection) facets(p searchParams, found []*document) []any {
	if p.FacetBy == "" {
		return []any{}
	}
	counts := map[string]int{}
	for _, d := range found {
		if value, ok := d.values[p.FacetBy].(string); ok && c.fields[p.FacetBy].Facet {
			counts[value]++
		}
	}
	values := make([]string, 0, len(counts))
	for value := range counts {
		values = append(values, value)
	}
	sort.Slice(values, func(i, j int) bool { return counts[values[i]] > counts[values[j]] })
	shown := []any{}
	for _, value := range values[:min(len(values), p.MaxFacetValues)] {
		shown = append(shown, object{"value": value, "highlighted": value, "count": counts[value]})
	}
	return []any{object{"field_name": p.FacetBy, "counts": shown, "stats": object{"total_values": len(counts)}}}
}

package postgres

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// key is one part of a hit's place in its list. Places are compared part by part, ascending.
type key struct{ expression, kind string }

// keysOf are the parts by the order asked for; the id comes after them.
var keysOf = map[ticketing.SearchSort][]key{
	ticketing.SortName:     {{"d.plain", "text"}},
	ticketing.SortStarting: {{"d.from_day", "date"}},
	ticketing.SortEnding:   {{"d.to_day", "date"}},
	ticketing.SortCheapest: {{"d.min_price", "bigint"}},
	ticketing.SortDearest:  {{"-d.max_price", "bigint"}},
}

// statement is one query as SQL, in the making. Nothing of the query gets into the text but by arg.
type statement struct {
	q     ticketing.SearchQuery
	words []string
	near  bool
	side  string
	after []string // the place it goes on from, the id last; nil: from the beginning

	keys []key
	args []any
}

// arg adds a value and returns how the text names it.
func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// build returns a text whose one row is: the side that is searched, how many hits there are, how many by category, and
// a page with one more than asked for. It is empty when that side is not the one that was read.
func (s *statement) build() string {
	s.args = nil
	s.keys = s.order()
	table := tableOf(s.q.Kind, s.side)
	names := make([]string, 0, len(s.keys)+1)
	columns, texts := "", ""
	for i, k := range s.keys {
		name := "k" + strconv.Itoa(i)
		names = append(names, name)
		columns += ", " + k.expression + " AS " + name
		texts += "p." + name + "::text, "
	}
	order := strings.Join(append(names, "id"), ", ")
	hits := `WITH hits AS MATERIALIZED (SELECT d.id, d.category` + columns + ` FROM ` + table + ` d WHERE ` + s.conditions() + `)`
	categories := `NULL::json`
	if s.q.Facets {
		categories = `(SELECT json_object_agg(f.category, f.n) FROM (SELECT category, count(*) AS n FROM hits GROUP BY category) f)`
	}
	return hits + ` SELECT s.side, (SELECT count(*) FROM hits), ` + categories + `,
		(SELECT json_agg(json_build_object('place', json_build_array(` + texts + `p.id), 'document', d.body) ORDER BY ` + order + `)
		   FROM (SELECT * FROM hits` + s.beyond(order) + ` ORDER BY ` + order + ` LIMIT ` + s.arg(s.q.Limit+1) + `) p JOIN ` + table + ` d USING (id))
		FROM search_sides s WHERE s.kind = ` + s.arg(string(s.q.Kind))
}

// order is by relevance unless another one is asked for: the name is it, begins so, has it; then what is on sale.
func (s *statement) order() []key {
	if keys := keysOf[s.q.Sort]; keys != nil {
		return keys
	}
	score := `d.on_sale::int`
	if len(s.words) > 0 {
		whole, name := s.arg(strings.Join(s.words, "")), s.arg(exactly(s.words, "A"))
		score += ` + CASE WHEN d.plain = ` + whole + ` THEN 8 WHEN starts_with(d.plain, ` + whole + `) THEN 4 WHEN d.grams @@ ` + name + `::text::tsquery THEN 2 ELSE 0 END`
	}
	return []key{{`-(` + score + `)`, "int"}, {"d.to_day", "date"}}
}

// conditions are what every hit fulfils.
func (s *statement) conditions() string {
	f := s.q.Filter
	if f != (ticketing.SearchFilter{}) && s.q.Kind != ticketing.FindPerformances {
		return "false"
	}
	all := []string{"true"}
	add := func(before string, value any, after string) { all = append(all, before+s.arg(value)+after) }
	if len(s.words) > 0 {
		tsquery := exactly(s.words, "")
		if s.near {
			tsquery = nearly(s.words)
		}
		add(`d.grams @@ `, tsquery, `::text::tsquery`)
	}
	if f.Category != "" {
		add(`d.category = `, f.Category, ``)
	}
	if f.Performer != 0 {
		add(`d.performers @> ARRAY[`, f.Performer, `::bigint]`)
	}
	if f.Hall != 0 {
		add(`d.hall = `, f.Hall, ``)
	}
	if f.From != "" {
		add(`d.to_day >= `, dayOf(f.From, firstDay), ``)
	}
	if f.To != "" {
		add(`d.from_day <= `, dayOf(f.To, lastDay), ``)
	}
	if f.MinPrice != 0 {
		add(`d.max_price >= `, int64(f.MinPrice), ``)
	}
	if f.MaxPrice != 0 {
		add(`d.min_price <= `, int64(f.MaxPrice), ``)
	}
	switch f.OnSale {
	case ticketing.Yes:
		all = append(all, `d.on_sale`)
	case ticketing.No:
		all = append(all, `NOT d.on_sale`)
	}
	return strings.Join(all, " AND ")
}

// beyond leaves out what was on the pages before.
func (s *statement) beyond(order string) string {
	if s.after == nil {
		return ""
	}
	values := make([]string, 0, len(s.after))
	for i, k := range s.keys {
		values = append(values, s.arg(s.after[i])+"::text::"+k.kind)
	}
	values = append(values, s.arg(s.after[len(s.keys)]))
	return ` WHERE (` + order + `) > (` + strings.Join(values, ", ") + `)`
}

// place is what a cursor holds.
type place struct {
	Sort  ticketing.SearchSort `json:"s"`
	Near  bool                 `json:"n"`
	After []string             `json:"a"`
}

func (p place) String() string {
	text, _ := json.Marshal(p) // strings and a bool
	return base64.RawURLEncoding.EncodeToString(text)
}

// errPlace is what a cursor is that this engine has not made for this list.
var errPlace = &ticketing.Invalid{Field: "after", Want: "the next of the page before"}

// newStatement reads the query's words and place.
func newStatement(q ticketing.SearchQuery, side string) (*statement, error) {
	s := &statement{q: q, words: search.Words(q.Text), side: side}
	if q.After == "" {
		return s, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(q.After)
	var p place
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.Sort != q.Sort || len(p.After) != len(s.order())+1 || p.Near && nearly(s.words) == "" {
		return nil, fmt.Errorf("reading a place: %w", errPlace)
	}
	for _, part := range p.After {
		if strings.ContainsRune(part, 0) {
			return nil, fmt.Errorf("reading a place: %w", errPlace)
		}
	}
	s.near, s.after = p.Near, p.After
	return s, nil
}

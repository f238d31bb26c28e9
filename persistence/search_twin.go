package persistence

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// Twin answers the same queries as a search engine from the catalogue's own tables, by LIKE: there to compare with. It
// finds no word with a typing error in it, and reads every row.
type Twin struct{ db *DB }

// Twin is the catalogue as a searcher.
func (db *DB) Twin() Twin { return Twin{db} }

// twinKind is how a kind is searched.
type twinKind struct {
	from  string // tables, and what is true of all rows
	name  string
	texts string // that a word may be in
}

var twinKinds = map[ticketing.SearchKind]twinKind{
	ticketing.FindPerformances: {`performances d JOIN halls h ON h.id = d.hall_id WHERE d.deleted_at IS NULL`, `d.title`,
		`(d.title ILIKE $ OR h.name ILIKE $ OR EXISTS (SELECT FROM performance_performers l JOIN performers a ON a.id = l.performer_id WHERE l.performance_id = d.id AND a.name ILIKE $))`},
	ticketing.FindHalls:      {`halls d WHERE d.deleted_at IS NULL`, `d.name`, `(d.name ILIKE $ OR d.address ILIKE $)`},
	ticketing.FindPerformers: {`performers d WHERE true`, `d.name`, `d.name ILIKE $`},
}

const (
	twinPrice  = `(SELECT coalesce(%s(p.value::bigint), 0) FROM jsonb_each_text(d.prices) p)`
	twinOnSale = `EXISTS (SELECT ` + openRounds + `AND r.performance_id = d.id)`
)

// twinKey is what a list is ordered by before the id.
func twinKey(q ticketing.SearchQuery) (expression, kind string) {
	switch q.Sort {
	case ticketing.SortStarting:
		return `d.from_day`, "date"
	case ticketing.SortCheapest:
		return fmt.Sprintf(twinPrice, "min"), "bigint"
	case ticketing.SortDearest:
		return `-` + fmt.Sprintf(twinPrice, "max"), "bigint"
	}
	if q.Sort == ticketing.SortName || q.Kind != ticketing.FindPerformances {
		return `lower(` + twinKinds[q.Kind].name + `) COLLATE "C"`, "text"
	}
	return `d.to_day`, "date"
}

// Search answers queries one by one.
func (t Twin) Search(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error) {
	results := make([]ticketing.SearchResult, len(queries))
	for i, q := range queries {
		var err error
		if results[i], err = t.search(ctx, q); err != nil {
			return nil, fmt.Errorf("searching the catalogue: %w", err)
		}
	}
	return results, nil
}

// twinPage is one row: how many there are, by category, and where the page's things stand.
type twinPage struct {
	count      int
	categories map[string]int
	places     [][2]string // key and id
}

func (t Twin) search(ctx context.Context, q ticketing.SearchQuery) (r ticketing.SearchResult, err error) {
	if q.Kind != ticketing.FindPerformances && q.Filter != (ticketing.SearchFilter{}) {
		return r, nil
	}
	sql, args, err := twinSQL(q)
	if err != nil {
		return r, err
	}
	page, err := one(ctx, t.db, scanTwinPage, sql, args...)
	if hasCode(err, "22007", "22008", "22P02", "22003") && q.After != "" {
		return r, errTwinPlace
	}
	if err != nil {
		return r, err
	}
	r.Count, r.Categories = page.count, page.categories
	if len(page.places) > q.Limit {
		page.places = page.places[:q.Limit]
		r.Next = twinCursor(q.Sort, page.places[q.Limit-1])
	}
	ids := make([]string, len(page.places))
	for i, p := range page.places {
		ids[i] = p[1]
	}
	docs, err := t.db.SearchDocuments(ctx, q.Kind, ids)
	byID := map[string]ticketing.SearchDocument{}
	for _, d := range docs {
		byID[d.ID] = d
	}
	for _, id := range ids {
		if d, there := byID[id]; there {
			r.Hits = append(r.Hits, ticketing.SearchHit{SearchDocument: d})
		}
	}
	return r, err
}

func scanTwinPage(r pgx.CollectableRow) (p twinPage, err error) {
	var categories, places []byte
	if err := r.Scan(&p.count, &categories, &places); err != nil {
		return p, err
	}
	if categories != nil {
		if err := json.Unmarshal(categories, &p.categories); err != nil {
			return p, err
		}
	}
	if places != nil {
		err = json.Unmarshal(places, &p.places)
	}
	return p, err
}

func twinSQL(q ticketing.SearchQuery) (sql string, args []any, err error) {
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	k := twinKinds[q.Kind]
	where := k.from
	for word := range strings.FieldsFuncSeq(q.Text, separates) {
		where += ` AND ` + strings.ReplaceAll(k.texts, "$", arg("%"+word+"%"))
	}
	where += twinFilter(q.Filter, arg)
	key, kind := twinKey(q)
	category, categories := `''`, `NULL::json`
	if q.Kind == ticketing.FindPerformances && q.Facets {
		category, categories = `d.category`, `(SELECT json_object_agg(f.category, f.n) FROM (SELECT category, count(*) AS n FROM hits GROUP BY category) f)`
	}
	beyond := ""
	if q.After != "" {
		after, err := parseTwinCursor(q.Sort, q.After)
		if err != nil {
			return "", nil, err
		}
		beyond = ` WHERE (key, id) > (` + arg(after[0]) + `::text::` + kind + `, ` + arg(after[1]) + `::text::bigint)`
	}
	return `WITH hits AS MATERIALIZED (SELECT d.id, ` + key + ` AS key, ` + category + ` AS category FROM ` + where + `)
		SELECT (SELECT count(*) FROM hits), ` + categories + `,
		       (SELECT json_agg(json_build_array(p.key::text, p.id::text) ORDER BY p.key, p.id)
		          FROM (SELECT * FROM hits` + beyond + ` ORDER BY key, id LIMIT ` + arg(q.Limit+1) + `) p)`, args, nil
}

// separates tells what stands between words, as for the index: so no sign of LIKE is ever in one.
func separates(r rune) bool {
	return r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}

func twinFilter(f ticketing.SearchFilter, arg func(any) string) (sql string) {
	if f.Category != "" {
		sql += ` AND d.category = ` + arg(f.Category)
	}
	if f.Performer != 0 {
		sql += ` AND d.id IN (SELECT performance_id FROM performance_performers WHERE performer_id = ` + arg(f.Performer) + `)`
	}
	if f.Hall != 0 {
		sql += ` AND d.hall_id = ` + arg(f.Hall)
	}
	if f.From != "" {
		sql += ` AND d.to_day >= ` + arg(string(f.From)) + `::text::date`
	}
	if f.To != "" {
		sql += ` AND d.from_day <= ` + arg(string(f.To)) + `::text::date`
	}
	if f.MinPrice != 0 {
		sql += ` AND ` + fmt.Sprintf(twinPrice, "max") + ` >= ` + arg(int64(f.MinPrice))
	}
	if f.MaxPrice != 0 {
		sql += ` AND ` + fmt.Sprintf(twinPrice, "min") + ` <= ` + arg(int64(f.MaxPrice))
	}
	switch f.OnSale {
	case ticketing.Yes:
		sql += ` AND ` + twinOnSale
	case ticketing.No:
		sql += ` AND NOT ` + twinOnSale
	}
	return sql
}

var errTwinPlace = &ticketing.Invalid{Field: "after", Want: "the next of the page before"}

// twinCursor holds the order too: a place of one list is none of another.
func twinCursor(sort ticketing.SearchSort, place [2]string) string {
	text, _ := json.Marshal([3]string{string(sort), place[0], place[1]}) // strings
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseTwinCursor(sort ticketing.SearchSort, cursor string) ([]string, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	var parts []string
	if err == nil {
		err = json.Unmarshal(text, &parts)
	}
	if err != nil || len(parts) != 3 || parts[0] != string(sort) || strings.ContainsRune(string(text), 0) || strings.Contains(string(text), `\u0000`) {
		return nil, errTwinPlace
	}
	return parts[1:], nil
}

// Suggest lists names that begin so, performances first.
func (t Twin) Suggest(ctx context.Context, q ticketing.SuggestQuery) (all []ticketing.Suggestion, err error) {
	like := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.TrimSpace(q.Typed)) + "%"
	for _, kind := range q.Kinds {
		k := twinKinds[kind]
		sql, args := `SELECT DISTINCT ON (`+k.name+`) d.id::text, `+k.name+` FROM `+k.from+` AND `+k.name+` ILIKE $1`, []any{like, q.Limit}
		if kind == ticketing.FindPerformances && q.From != "" {
			sql, args = sql+` AND d.to_day >= $3::text::date`, append(args, string(q.From))
		}
		found, err := many(ctx, t.db, func(r pgx.CollectableRow) (ticketing.Suggestion, error) {
			s := ticketing.Suggestion{Kind: kind}
			err := r.Scan(&s.ID, &s.Name)
			return s, err
		}, sql+` ORDER BY `+k.name+`, d.id LIMIT $2`, args...)
		if err != nil {
			return nil, fmt.Errorf("suggesting from the catalogue: %w", err)
		}
		all = append(all, found[:min(len(found), q.Limit-len(all))]...)
	}
	return all, nil
}

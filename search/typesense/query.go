package typesense

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/typesense/typesense-go/v3/typesense/api"
	"github.com/typesense/typesense-go/v3/typesense/api/pointer"

	"ticketblue/search"
	"ticketblue/ticketing"
)

const (
	everything  = "*" // the query that leaves the choice to the filter
	maxOffset   = 100_000
	maxCategory = 20 // that are counted
)

// Search sends all queries as one multi-search. Those that found nothing and may forgive an error are sent once more.
func (e *Engine) Search(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error) {
	results := make([]ticketing.SearchResult, len(queries))
	searches := make([]api.MultiSearchCollectionParameters, 0, len(queries))
	var exact, forgiving []int
	for i, q := range queries {
		near, offset, err := parsePlace(q.After)
		switch {
		case err != nil:
			return nil, err
		case near:
			forgiving = append(forgiving, i)
		default:
			exact = append(exact, i)
			searches = append(searches, e.searchFor(q, offset))
		}
	}
	found, err := e.send(ctx, searches)
	if err != nil {
		return nil, err
	}
	for n, i := range exact {
		q := queries[i]
		if count(found[n]) == 0 && q.After == "" && mayForgive(q) {
			forgiving = append(forgiving, i)
			continue
		}
		if results[i], err = resultOf(q, found[n]); err != nil {
			return nil, err
		}
	}
	return results, e.forgive(ctx, queries, forgiving, results)
}

func mayForgive(q ticketing.SearchQuery) bool {
	return slices.ContainsFunc(search.Words(q.Text), func(word string) bool { return search.Forgiving([]rune(word)) })
}

// send asks the server for several searches together.
func (e *Engine) send(ctx context.Context, searches []api.MultiSearchCollectionParameters) ([]api.MultiSearchResultItem, error) {
	if len(searches) == 0 {
		return nil, nil
	}
	spent, tries := e.spent()
	if spent {
		return nil, failed("searching", errSilent)
	}
	limited, cancel := context.WithTimeout(ctx, e.searchLimit)
	defer cancel()
	answer, err := e.server.MultiSearch.Perform(limited, &api.MultiSearchParams{IncludeFields: pointer.String(string(fieldDocument))}, api.MultiSearchSearchesParameter{Searches: searches})
	e.patience.heard(ctx, tries, err)
	if err != nil {
		return nil, failed("searching", err)
	}
	if len(answer.Results) != len(searches) {
		return nil, failed("searching", fmt.Errorf("%d answers to %d questions", len(answer.Results), len(searches)))
	}
	for i, r := range answer.Results {
		switch {
		case r.Code == nil:
		case *r.Code == http.StatusNotFound:
			return nil, failed("searching "+*searches[i].Collection, search.ErrNotBuilt)
		default:
			return nil, failed("searching", fmt.Errorf("status %d of one of them", *r.Code))
		}
	}
	return answer.Results, nil
}

// searchFor asks for a page of what has the query's words as they are.
func (e *Engine) searchFor(q ticketing.SearchQuery, offset int) api.MultiSearchCollectionParameters {
	words := search.Words(q.Text)
	conditions := filterOf(q)
	if len(words) > 0 {
		conditions = append(conditions, containsAll(fieldGrams, words))
	}
	p := e.searchBy(q.Kind, conditions, orderOf(q, words), offset, q.Limit)
	if q.Facets && q.Kind == ticketing.FindPerformances {
		p.FacetBy, p.MaxFacetValues = pointer.String(string(fieldCategory)), pointer.Int(maxCategory)
	}
	return p
}

func (e *Engine) searchBy(kind ticketing.SearchKind, conditions []condition, order string, offset, limit int) api.MultiSearchCollectionParameters {
	p := api.MultiSearchCollectionParameters{
		Collection: pointer.String(e.aliasOf(kind)), Q: pointer.String(everything), SortBy: pointer.String(order),
		Offset: pointer.Int(offset), Limit: pointer.Int(limit),
	}
	if len(conditions) > 0 {
		p.FilterBy = pointer.String(string(and(conditions...)))
	}
	return p
}

// orders are what a server sorts by; it takes three.
var orders = map[ticketing.SearchSort]string{
	ticketing.SortName:     ascending(fieldPlain),
	ticketing.SortStarting: ascending(fieldFrom),
	ticketing.SortEnding:   ascending(fieldTo),
	ticketing.SortCheapest: ascending(fieldMinPrice),
	ticketing.SortDearest:  descending(fieldMaxPrice),
}

func ascending(f field) string  { return string(f) + ":asc" }
func descending(f field) string { return string(f) + ":desc" }

// orderOf is the order asked for, or by relevance: the name is what was typed, begins so, has it; then what is on sale.
func orderOf(q ticketing.SearchQuery, words []string) string {
	if order := orders[q.Sort]; order != "" {
		return order
	}
	rest := ascending(fieldPlain)
	if q.Kind == ticketing.FindPerformances {
		rest = descending(fieldOnSale) + "," + ascending(fieldTo)
	}
	if len(words) == 0 {
		return rest
	}
	whole := []rune(strings.Join(words, ""))
	return fmt.Sprintf("_eval([(%s):3,(%s):2,(%s):1]):desc,%s", is(fieldPlain, string(whole)),
		is(fieldHeads, string(whole[:min(len(whole), maxHead)])), containsAll(fieldNameGrams, words), rest)
}

func count(r api.MultiSearchResultItem) int {
	if r.Found == nil {
		return 0
	}
	return *r.Found
}

// resultOf reads a page. What has the pieces of a long word but not the word is left out, and no longer counted.
func resultOf(q ticketing.SearchQuery, r api.MultiSearchResultItem) (ticketing.SearchResult, error) {
	_, offset, err := parsePlace(q.After)
	if err != nil {
		return ticketing.SearchResult{}, err
	}
	docs, err := documentsOf(r)
	if err != nil {
		return ticketing.SearchResult{}, err
	}
	result := ticketing.SearchResult{Count: count(r), Categories: categoriesOf(q, r)}
	words := search.Words(q.Text)
	for _, d := range docs {
		if search.Matches(d, words, false) { // again: a filter compares pieces of long words
			result.Hits = append(result.Hits, ticketing.SearchHit{SearchDocument: d})
		} else {
			result.Count--
		}
	}
	if after := offset + len(docs); after < count(r) && len(docs) > 0 && after <= maxOffset {
		result.Next = formatPlace(false, after)
	}
	return result, nil
}

func documentsOf(r api.MultiSearchResultItem) ([]ticketing.SearchDocument, error) {
	if r.Hits == nil {
		return nil, nil
	}
	var docs []ticketing.SearchDocument
	for _, hit := range *r.Hits {
		if hit.Document == nil {
			continue
		}
		d, err := fromServer(*hit.Document)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

func categoriesOf(q ticketing.SearchQuery, r api.MultiSearchResultItem) map[string]int {
	if !q.Facets || r.FacetCounts == nil {
		return nil
	}
	counts := map[string]int{}
	for _, facet := range *r.FacetCounts {
		if facet.Counts == nil {
			continue
		}
		for _, c := range *facet.Counts {
			if c.Value != nil && c.Count != nil {
				counts[*c.Value] = *c.Count
			}
		}
	}
	return counts
}

// A place is how many hits come before it. It is opaque to who sends it back.
const placeForm = "typesense"

func formatPlace(near bool, offset int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(placeForm + "@" + strconv.FormatBool(near) + "@" + strconv.Itoa(offset)))
}

// parsePlace reads a place; "" is before the first hit.
func parsePlace(text string) (near bool, offset int, err error) {
	if text == "" {
		return false, 0, nil
	}
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(raw), "@")
	if len(parts) == 3 && parts[0] == placeForm {
		near, _ = strconv.ParseBool(parts[1])
		offset, _ = strconv.Atoi(parts[2])
	}
	if offset < 1 || offset > maxOffset || formatPlace(near, offset) != text {
		return false, 0, &ticketing.Invalid{Field: "after", Want: "the next of the page before"}
	}
	return near, offset, nil
}

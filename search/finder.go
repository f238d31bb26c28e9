package search

import (
	"context"
	"slices"
	"strings"

	"ticketblue/ticketing"
)

// Searcher answers queries: an engine, or what an engine is compared with.
type Searcher interface {
	Search(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error)
	Suggest(ctx context.Context, kinds []ticketing.SearchKind, typed string, limit int) ([]ticketing.Suggestion, error)
}

// Finder is the room's door for those who ask: it checks queries, has them answered, and marks what was found.
type Finder struct{ by Searcher }

// NewFinder has queries answered by a searcher.
func NewFinder(by Searcher) *Finder { return &Finder{by} }

// Search answers queries in their order; see ticketing.SearchQuery. What cannot be asked is a *ticketing.Invalid.
func (f *Finder) Search(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error) {
	for _, q := range queries {
		if err := q.Validate(); err != nil {
			return nil, err
		}
	}
	results, err := f.by.Search(ctx, queries)
	if err != nil {
		return nil, err
	}
	for i, q := range queries {
		words := Words(q.Text)
		for j := range results[i].Hits {
			hit := &results[i].Hits[j]
			hit.Marks = Mark(hit.SearchDocument, words, results[i].Near)
		}
	}
	return results, nil
}

// Suggest lists at most limit things whose names begin with what was typed so far, then those that have it elsewhere.
func (f *Finder) Suggest(ctx context.Context, typed string, limit int) ([]ticketing.Suggestion, error) {
	q := ticketing.SearchQuery{Kind: ticketing.FindPerformances, Text: typed, Limit: limit}
	if err := q.Validate(); err != nil {
		return nil, err
	}
	limit = min(limit, ticketing.MaxSuggestions)
	if strings.TrimSpace(Plain(typed)) == "" {
		return nil, nil
	}
	all, err := f.by.Suggest(ctx, ticketing.PublicKinds, typed, limit)
	if err != nil || len(all) >= limit {
		return all, err
	}
	var queries []ticketing.SearchQuery
	for _, kind := range ticketing.PublicKinds {
		q.Kind = kind
		queries = append(queries, q)
	}
	results, err := f.by.Search(ctx, queries)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		for _, hit := range r.Hits {
			more := ticketing.Suggestion{Kind: hit.Kind, ID: hit.ID, Name: hit.Name}
			known := func(s ticketing.Suggestion) bool { return s.Kind == more.Kind && s.Name == more.Name }
			if len(all) < limit && !slices.ContainsFunc(all, known) {
				all = append(all, more)
			}
		}
	}
	return all, nil
}

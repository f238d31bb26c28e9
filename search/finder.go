package search

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ticketblue/ticketing"
)

// Searcher answers queries: an engine, or what an engine is compared with.
type Searcher interface {
	Search(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error)
	Suggest(ctx context.Context, q ticketing.SuggestQuery) ([]ticketing.Suggestion, error)
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
	queries = slices.Clone(queries)
	for i := range queries {
		var err error
		if queries[i].After, err = placeOf(queries[i]); err != nil {
			return nil, err
		}
	}
	results, err := f.answered(ctx, queries)
	if err != nil {
		return nil, away(err)
	}
	for i, q := range queries {
		if results[i].Next != "" {
			results[i].Next = digest(q) + results[i].Next
		}
		words := Words(q.Text)
		for j := range results[i].Hits {
			hit := &results[i].Hits[j]
			hit.Marks = Mark(hit.SearchDocument, words, results[i].Near)
		}
	}
	return results, nil
}

// placeOf is what a searcher said of the page before. In front of it stands of which list it was: in another one it
// would lead anywhere.
func placeOf(q ticketing.SearchQuery) (string, error) {
	place, ours := strings.CutPrefix(q.After, digest(q))
	if q.After != "" && (!ours || place == "") {
		return "", &ticketing.Invalid{Field: "after", Want: "the next of the page before, which asked for the same"}
	}
	return place, nil
}

// digest tells lists apart: pages of one have the same, whatever their size.
func digest(q ticketing.SearchQuery) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%q|%+v|%s", q.Kind, Words(q.Text), q.Filter, q.Sort))
	return hex.EncodeToString(sum[:6])
}

// answered has a searcher answer those queries in which there is something to look for. Signs without a letter or a
// digit ("!!!") are no words, and nothing is found by them: leaving them out would find everything.
func (f *Finder) answered(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error) {
	results := make([]ticketing.SearchResult, len(queries))
	var asked []ticketing.SearchQuery
	var places []int
	for i, q := range queries {
		if strings.TrimSpace(q.Text) == "" || len(Words(q.Text)) > 0 {
			asked, places = append(asked, q), append(places, i)
		}
	}
	if len(asked) == 0 {
		return results, nil
	}
	found, err := f.by.Search(ctx, asked)
	for i := range found {
		results[places[i]] = found[i]
	}
	return results, err
}

// Suggest lists things whose names begin with what was typed so far, then those that are found by it.
func (f *Finder) Suggest(ctx context.Context, q ticketing.SuggestQuery) ([]ticketing.Suggestion, error) {
	q.Limit = min(q.Limit, ticketing.MaxSuggestions)
	inside := ticketing.SearchQuery{Kind: ticketing.FindPerformances, Text: q.Typed, Limit: q.Limit}
	if err := inside.Validate(); err != nil {
		return nil, err
	}
	if Plain(q.Typed) == "" {
		return nil, nil
	}
	all, err := f.by.Suggest(ctx, q)
	if err != nil || len(all) >= q.Limit {
		return all, away(err)
	}
	var queries []ticketing.SearchQuery
	for _, inside.Kind = range q.Kinds {
		inside.Filter = ticketing.SearchFilter{}
		if inside.Kind == ticketing.FindPerformances {
			inside.Filter.From = q.From
		}
		queries = append(queries, inside)
	}
	results, err := f.by.Search(ctx, queries)
	if err != nil {
		return nil, away(err)
	}
	for _, r := range results {
		for _, hit := range r.Hits {
			more := ticketing.Suggestion{Kind: hit.Kind, ID: hit.ID, Name: hit.Name}
			known := func(s ticketing.Suggestion) bool { return s.Kind == more.Kind && s.Name == more.Name }
			if len(all) < q.Limit && !slices.ContainsFunc(all, known) {
				all = append(all, more)
			}
		}
	}
	return all, nil
}

// away says of a searcher's error that it is nobody's fault who asks, unless it is.
func away(err error) error {
	var invalid *ticketing.Invalid
	if err == nil || errors.As(err, &invalid) {
		return err
	}
	return fmt.Errorf("%w: %w", ticketing.ErrUnavailable, err)
}

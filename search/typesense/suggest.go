package typesense

import (
	"context"
	"strings"

	"github.com/typesense/typesense-go/v3/typesense/api"
	"github.com/typesense/typesense-go/v3/typesense/api/pointer"

	"ticketblue/search"
	"ticketblue/ticketing"
)

const sameNames = 4 // a title that is shown in several places is suggested once

// Suggest asks for words that begin so, which is what a server is made for: the letters of a name are one word to it.
func (e *Engine) Suggest(ctx context.Context, q ticketing.SuggestQuery) ([]ticketing.Suggestion, error) {
	f, typed := fieldLetters, search.Letters(q.Typed)
	form := search.Letters
	if search.AllInitials(q.Typed) {
		f, typed, form = fieldInitials, search.Initials(q.Typed), search.Initials
	}
	if typed == "" {
		return nil, nil
	}
	searches := make([]api.MultiSearchCollectionParameters, len(q.Kinds))
	for i, kind := range q.Kinds {
		var conditions []condition
		if kind == ticketing.FindPerformances && q.From != "" {
			conditions = append(conditions, compare(fieldTo, ">=", int64(dayNumber(q.From, dayZero))))
		}
		p := e.searchBy(kind, conditions, ascending(fieldPlain), 0, sameNames*q.Limit)
		p.Q, p.QueryBy, p.Prefix = pointer.String(coded(typed)), pointer.String(string(f)), pointer.String("true")
		p.NumTypos, p.TypoTokensThreshold, p.DropTokensThreshold = pointer.String("0"), pointer.Int(0), pointer.Int(0)
		p.ExhaustiveSearch = pointer.True() // all words that begin so, not the first few
		searches[i] = p
	}
	found, err := e.send(ctx, searches)
	if err != nil {
		return nil, err
	}
	lists := make([][]ticketing.Suggestion, len(found))
	for i, r := range found {
		docs, err := documentsOf(r)
		if err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, d := range docs {
			if !seen[d.Name] && strings.HasPrefix(form(d.Name), typed) {
				seen[d.Name] = true
				lists[i] = append(lists[i], ticketing.Suggestion{Kind: d.Kind, ID: d.ID, Name: d.Name})
			}
		}
	}
	return inTurn(lists, q.Limit), nil
}

// inTurn takes one of each list after the other.
func inTurn(lists [][]ticketing.Suggestion, limit int) (taken []ticketing.Suggestion) {
	for row := 0; len(taken) < limit; row++ {
		left := false
		for _, list := range lists {
			if row < len(list) && len(taken) < limit {
				taken, left = append(taken, list[row]), true
			}
		}
		if !left {
			break
		}
	}
	return taken
}

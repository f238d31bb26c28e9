package typesense

import (
	"context"

	"github.com/typesense/typesense-go/v3/typesense/api"

	"ticketblue/search"
	"ticketblue/ticketing"
)

const (
	nearPage  = 250 // the most a server hands over at once
	nearPages = 4   // that are looked at: what is beyond is not found
)

// forgive answers queries by what has their words but for one character. A server counts errors in bytes, of which a
// syllable has three, so it only picks who may be meant, and the documents are looked at here.
func (e *Engine) forgive(ctx context.Context, queries []ticketing.SearchQuery, which []int, results []ticketing.SearchResult) error {
	hits := make([][]ticketing.SearchDocument, len(which))
	for page := 0; page < nearPages && len(which) > 0; page++ {
		searches := make([]api.MultiSearchCollectionParameters, len(which))
		for n, i := range which {
			q := queries[i]
			conditions := append(filterOf(q), nearly(search.Words(q.Text)))
			searches[n] = e.searchBy(q.Kind, conditions, orderOf(q, nil), page*nearPage, nearPage)
		}
		found, err := e.send(ctx, searches)
		if err != nil {
			return err
		}
		more := false
		for n, i := range which {
			docs, err := documentsOf(found[n])
			if err != nil {
				return err
			}
			words := search.Words(queries[i].Text)
			for _, d := range docs {
				if search.Matches(d, words, true) {
					hits[n] = append(hits[n], d)
				}
			}
			more = more || (page+1)*nearPage < count(found[n])
		}
		if !more {
			break
		}
	}
	for n, i := range which {
		var err error
		if results[i], err = nearResult(queries[i], hits[n]); err != nil {
			return err
		}
	}
	return nil
}

// nearResult is a page of all hits.
func nearResult(q ticketing.SearchQuery, all []ticketing.SearchDocument) (ticketing.SearchResult, error) {
	_, offset, err := parsePlace(q.After)
	if err != nil {
		return ticketing.SearchResult{}, err
	}
	r := ticketing.SearchResult{Count: len(all), Near: len(all) > 0}
	if q.Facets && q.Kind == ticketing.FindPerformances {
		r.Categories = map[string]int{}
		for _, d := range all {
			r.Categories[d.Category]++
		}
	}
	for _, d := range all[min(offset, len(all)):min(offset+q.Limit, len(all))] {
		r.Hits = append(r.Hits, ticketing.SearchHit{SearchDocument: d})
	}
	if offset+q.Limit < len(all) {
		r.Next = formatPlace(true, offset+q.Limit)
	}
	return r, nil
}

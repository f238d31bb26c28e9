package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// Search sends all queries together; those that found nothing and may forgive are sent once more.
func (e *Engine) Search(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error) {
	asked := make([]*statement, len(queries))
	for i, q := range queries {
		if e.sides[q.Kind] == nil {
			return nil, fmt.Errorf("%ss are not kept here", q.Kind)
		}
		var err error
		if asked[i], err = newStatement(q, *e.sides[q.Kind].Load()); err != nil {
			return nil, err
		}
	}
	results := make([]ticketing.SearchResult, len(queries))
	for pending := all(len(queries)); len(pending) > 0; {
		var err error
		if pending, err = e.answer(ctx, asked, pending, results); err != nil {
			return nil, fmt.Errorf("searching: %w", err)
		}
	}
	return results, nil
}

func all(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// answer asks the pending statements, and returns those that must be asked again: what was swapped away meanwhile, and
// what is to be looked for with an error in it.
func (e *Engine) answer(ctx context.Context, asked []*statement, pending []int, results []ticketing.SearchResult) (again []int, err error) {
	var batch pgx.Batch
	for _, i := range pending {
		sql := asked[i].build()
		batch.Queue(sql, asked[i].args...)
	}
	sent := e.pool.SendBatch(ctx, &batch)
	defer func() { err = errors.Join(err, sent.Close()) }()
	for _, i := range pending {
		s := asked[i]
		var side string
		var count int
		var categories, page []byte
		if err := sent.QueryRow().Scan(&side, &count, &categories, &page); err != nil {
			return nil, refused(err, s.after != nil)
		}
		if side != s.side {
			e.sides[s.q.Kind].Store(&side)
			s.side = side
			again = append(again, i)
			continue
		}
		if count == 0 && !s.near && s.after == nil && nearly(s.words) != "" {
			s.near = true
			again = append(again, i)
			continue
		}
		if results[i], err = s.result(count, categories, page); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// refused says of an error whether it came from a place that somebody made up, or from a lack of time.
func refused(err error, placed bool) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch {
	case placed && strings.HasPrefix(pg.Code, "22"): // a part of it is no day, no number
		return errPlace
	case pg.Code == "57014": // statement_timeout
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

func (s *statement) result(count int, categories, page []byte) (ticketing.SearchResult, error) {
	r := ticketing.SearchResult{Count: count, Near: s.near && count > 0}
	var hits []struct {
		Place    []string                 `json:"place"`
		Document ticketing.SearchDocument `json:"document"`
	}
	if categories != nil {
		if err := json.Unmarshal(categories, &r.Categories); err != nil {
			return r, err
		}
	}
	if page != nil {
		if err := json.Unmarshal(page, &hits); err != nil {
			return r, err
		}
	}
	if len(hits) > s.q.Limit {
		hits = hits[:s.q.Limit]
		r.Next = place{s.q.Sort, s.near, hits[len(hits)-1].Place}.String()
	}
	for _, h := range hits {
		r.Hits = append(r.Hits, ticketing.SearchHit{SearchDocument: h.Document})
	}
	return r, nil
}

// Suggest reads the beginnings of names in the order of the alphabet, and takes the kinds in turn.
func (e *Engine) Suggest(ctx context.Context, q ticketing.SuggestQuery) ([]ticketing.Suggestion, error) {
	column, from := "letters", search.Letters(q.Typed)
	if search.AllInitials(q.Typed) {
		column, from = "initials", search.Initials(q.Typed)
	}
	if from == "" {
		return nil, nil
	}
	for {
		lists, stale, err := e.beginnings(ctx, q, column, from)
		if err != nil {
			return nil, fmt.Errorf("suggesting: %w", refused(err, false))
		}
		if !stale {
			return inTurn(lists, q.Limit), nil
		}
	}
}

// end is behind every text that begins with another.
const end = "\U0010ffff"

// sameNames: a title that is shown in several places is suggested once.
const sameNames = 4

func (e *Engine) beginnings(ctx context.Context, q ticketing.SuggestQuery, column, from string) (lists [][]ticketing.Suggestion, stale bool, err error) {
	var batch pgx.Batch
	sides := make([]string, len(q.Kinds))
	for i, kind := range q.Kinds {
		if e.sides[kind] == nil {
			return nil, false, fmt.Errorf("%ss are not kept here", kind)
		}
		sides[i] = *e.sides[kind].Load()
		batch.Queue(`SELECT s.side, (SELECT json_agg(json_build_object('Kind', s.kind, 'ID', d.id, 'Name', d.body->>'name')) FROM
				(SELECT id, body FROM `+tableOf(kind, sides[i])+` WHERE `+column+` >= $2 AND `+column+` < $3 AND to_day >= $4 ORDER BY `+column+`, id LIMIT $5) d)
			FROM search_sides s WHERE s.kind = $1`, string(kind), from, from+end, dayOf(q.From, firstDay), sameNames*q.Limit)
	}
	sent := e.pool.SendBatch(ctx, &batch)
	defer func() { err = errors.Join(err, sent.Close()) }()
	lists = make([][]ticketing.Suggestion, len(q.Kinds))
	for i, kind := range q.Kinds {
		var side string
		var list []byte
		if err := sent.QueryRow().Scan(&side, &list); err != nil {
			return nil, false, err
		}
		if side != sides[i] {
			e.sides[kind].Store(&side)
			stale = true
		}
		if list != nil {
			if err := json.Unmarshal(list, &lists[i]); err != nil {
				return nil, false, err
			}
		}
	}
	return lists, stale, nil
}

// inTurn takes one of each list after the other, no name twice from one list.
func inTurn(lists [][]ticketing.Suggestion, limit int) []ticketing.Suggestion {
	var taken []ticketing.Suggestion
	seen := map[ticketing.Suggestion]bool{}
	for left := true; left && len(taken) < limit; {
		left = false
		for i := range lists {
			for len(lists[i]) > 0 && len(taken) < limit {
				next := lists[i][0]
				lists[i], left = lists[i][1:], true
				if name := (ticketing.Suggestion{Kind: next.Kind, Name: next.Name}); !seen[name] {
					seen[name] = true
					taken = append(taken, next)
					break
				}
			}
		}
	}
	return taken
}

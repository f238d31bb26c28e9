package persistence

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// What the search index is made of, as it is at the moment of asking.

const (
	openRounds = `FROM round_states s JOIN rounds r ON r.id = s.round WHERE s.phase = 'open' AND r.deleted_at IS NULL `

	// What is looked for stands where %s is, so that nothing is read of other performances, whatever the planner believes:
	// after a seed it has no statistics, and OFFSET 0 keeps it from reading all performers for each.
	selectFoundPerformance = `
		SELECT p.id, p.title, p.category, p.hall_id, h.name, p.from_day::text, p.to_day::text, p.prices, o.name, o.extension, o.widths,
		       (SELECT json_agg(json_build_object('id', a.id, 'name', a.name) ORDER BY a.id)
		          FROM (SELECT performer_id FROM performance_performers WHERE performance_id = p.id OFFSET 0) l,
		               LATERAL (SELECT id, name FROM performers WHERE id = l.performer_id OFFSET 0) a),
		       EXISTS (SELECT ` + openRounds + `AND r.performance_id = p.id)
		  FROM (SELECT * FROM performances WHERE deleted_at IS NULL AND id %s) p ` + withHallAndPoster + `ORDER BY p.id`
	selectFoundHall      = `SELECT h.id, h.name, h.address FROM halls h WHERE h.deleted_at IS NULL AND h.id %s`
	selectFoundPerformer = `SELECT a.id, a.name, a.nation FROM performers a WHERE a.id %s`
)

// plannedAnew has a statement planned for the tables as they are. One that is kept was planned when they were nearly empty,
// and reads all rounds for each round until somebody analyses them: with 10,000 rounds that was a processor to itself.
const plannedAnew = pgx.QueryExecModeCacheDescribe

// found is how a kind of document is read: the statement has %s where the condition on the id is.
type found struct {
	sql  string
	scan pgx.RowToFunc[ticketing.SearchDocument]
}

var foundBy = map[ticketing.SearchKind]found{
	ticketing.FindPerformances: {selectFoundPerformance, scanFoundPerformance},
	ticketing.FindHalls:        {selectFoundHall, scanFoundHall},
	ticketing.FindPerformers:   {selectFoundPerformer, scanFoundPerformer},
}

// SearchDocuments returns the documents of those that there are.
func (db *DB) SearchDocuments(ctx context.Context, kind ticketing.SearchKind, ids []string) ([]ticketing.SearchDocument, error) {
	if kind == ticketing.FindReservations {
		return db.reservationDocuments(ctx, ids)
	}
	numbers := make([]int64, 0, len(ids))
	for _, id := range ids {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading %s %q: %w", kind, id, ticketing.ErrNotFound)
		}
		numbers = append(numbers, n)
	}
	by := foundBy[kind]
	docs, err := many(ctx, db, by.scan, fmt.Sprintf(by.sql, `= ANY($1)`), plannedAnew, numbers)
	if err != nil {
		return nil, fmt.Errorf("reading %ss for the index: %w", kind, err)
	}
	return docs, nil
}

// SearchDocumentsAfter returns at most limit documents of a kind, in the order of their ids, those after the given one; ""
// is before the first.
func (db *DB) SearchDocumentsAfter(ctx context.Context, kind ticketing.SearchKind, after string, limit int) ([]ticketing.SearchDocument, error) {
	if kind == ticketing.FindReservations {
		return db.reservationDocumentsAfter(ctx, after, limit)
	}
	var id int64
	if after != "" {
		var err error
		if id, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, fmt.Errorf("reading %ss after %q: %w", kind, after, ticketing.ErrNotFound)
		}
	}
	by := foundBy[kind]
	docs, err := many(ctx, db, by.scan, fmt.Sprintf(by.sql, `> $1 ORDER BY id LIMIT $2`), plannedAnew, id, limit)
	if err != nil {
		return nil, fmt.Errorf("reading %ss for the index: %w", kind, err)
	}
	return docs, nil
}

func scanFoundPerformance(r pgx.CollectableRow) (ticketing.SearchDocument, error) {
	d := ticketing.SearchDocument{Kind: ticketing.FindPerformances}
	var id int64
	var prices map[string]ticketing.KRW
	var name, extension *string // NULL: no poster
	var widths []int
	var performers []byte
	err := r.Scan(&id, &d.Name, &d.Category, &d.Hall.ID, &d.Hall.Name, &d.From, &d.To, &prices, &name, &extension, &widths, &performers, &d.OnSale)
	if err == nil && performers != nil {
		err = json.Unmarshal(performers, &d.Performers)
	}
	if name != nil && extension != nil {
		d.Poster = &ticketing.Poster{Name: *name, Extension: *extension, Widths: widths}
	}
	first := true
	for _, price := range prices {
		if first || price < d.MinPrice {
			d.MinPrice = price
		}
		d.MaxPrice, first = max(d.MaxPrice, price), false
	}
	d.ID = strconv.FormatInt(id, 10)
	return d, err
}

func scanFoundHall(r pgx.CollectableRow) (ticketing.SearchDocument, error) {
	d := ticketing.SearchDocument{Kind: ticketing.FindHalls}
	var id int64
	err := r.Scan(&id, &d.Name, &d.Address)
	d.ID = strconv.FormatInt(id, 10)
	return d, err
}

func scanFoundPerformer(r pgx.CollectableRow) (ticketing.SearchDocument, error) {
	d := ticketing.SearchDocument{Kind: ticketing.FindPerformers}
	var id int64
	err := r.Scan(&id, &d.Name, &d.Nation)
	d.ID = strconv.FormatInt(id, 10)
	return d, err
}

// PerformancesNaming lists the performances whose documents name one of several halls, performers or rounds, ascending,
// at most limit of them after the given one. A round that was deleted is still its performance's.
func (db *DB) PerformancesNaming(ctx context.Context, noun ticketing.Noun, ids []int64, after int64, limit int) ([]int64, error) {
	sql := map[ticketing.Noun]string{
		ticketing.NounHall:      `SELECT id FROM performances WHERE hall_id = ANY ($1) AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT $3`,
		ticketing.NounPerformer: `SELECT DISTINCT performance_id FROM performance_performers WHERE performer_id = ANY ($1) AND performance_id > $2 ORDER BY 1 LIMIT $3`,
		ticketing.NounRound:     `SELECT DISTINCT performance_id FROM rounds WHERE id = ANY ($1) AND performance_id > $2 ORDER BY 1 LIMIT $3`,
	}[noun]
	found, err := many(ctx, db, pgx.RowTo[int64], sql, plannedAnew, ids, after, limit)
	if err != nil {
		return nil, fmt.Errorf("performances of %d %ss: %w", len(ids), noun, err)
	}
	return found, nil
}

// PerformancesOnSale lists the performances of which the sale of a round is open, as the read tables know it.
func (db *DB) PerformancesOnSale(ctx context.Context) ([]int64, error) {
	ids, err := many(ctx, db, pgx.RowTo[int64], `
		SELECT DISTINCT r.performance_id `+openRounds+`AND EXISTS (SELECT FROM performances p WHERE p.id = r.performance_id AND p.deleted_at IS NULL)`, plannedAnew)
	if err != nil {
		return nil, fmt.Errorf("performances on sale: %w", err)
	}
	return ids, nil
}

// SearchIndex names the collection of a kind that was last made whole; "" when none was.
func (db *DB) SearchIndex(ctx context.Context, kind ticketing.SearchKind) (string, error) {
	names, err := many(ctx, db, pgx.RowTo[string], `SELECT name FROM search_indexes WHERE kind = $1`, kind)
	if err != nil {
		return "", fmt.Errorf("which index of %ss was made whole: %w", kind, err)
	}
	return strings.Join(names, ""), nil // one, or none
}

// SetSearchIndex keeps which collection of a kind was made whole.
func (db *DB) SetSearchIndex(ctx context.Context, kind ticketing.SearchKind, name string) error {
	_, err := db.pool.Exec(ctx, `INSERT INTO search_indexes (kind, name) VALUES ($1, $2) ON CONFLICT (kind) DO UPDATE SET name = excluded.name`, kind, name)
	if err != nil {
		return fmt.Errorf("keeping which index of %ss was made whole: %w", kind, err)
	}
	return nil
}

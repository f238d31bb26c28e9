// Package postgres is the search engine that needs nothing configured: it keeps its documents in tables beside the
// catalogue's, and finds them by pairs of neighbouring characters, which the program makes itself. So Korean is found
// in the middle of a word, and neither the locale nor an extension of the server matters.
package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// Engine is the engine over a pool of connections, which others may use as well.
type Engine struct {
	pool  *pgxpool.Pool
	sides map[ticketing.SearchKind]*atomic.Pointer[string] // searched when last looked
}

var _ search.Engine = (*Engine)(nil)

// New makes the engine. Its tables are there, empty until something is put in.
func New(pool *pgxpool.Pool) *Engine {
	e := &Engine{pool: pool, sides: map[ticketing.SearchKind]*atomic.Pointer[string]{}}
	first := "a"
	for _, kind := range e.Kinds() {
		e.sides[kind] = &atomic.Pointer[string]{}
		e.sides[kind].Store(&first)
	}
	return e
}

// Kinds are the public ones: reservations are found in the read tables, which Postgres has anyway.
func (e *Engine) Kinds() []ticketing.SearchKind { return ticketing.PublicKinds }

// Ready asks whether the tables can be read.
func (e *Engine) Ready(ctx context.Context) error {
	var n int
	if err := e.pool.QueryRow(ctx, `SELECT count(*) FROM search_sides`).Scan(&n); err != nil {
		return fmt.Errorf("asking for the search tables: %w", err)
	}
	return nil
}

// Current is the table that is searched, after a Swap by a program of this search.Version.
func (e *Engine) Current(ctx context.Context, kind ticketing.SearchKind) (string, error) {
	var side string
	var version int
	err := e.pool.QueryRow(ctx, `SELECT side, version FROM search_sides WHERE kind = $1`, string(kind)).Scan(&side, &version)
	if err != nil {
		return "", fmt.Errorf("asking for the index of %ss: %w", kind, err)
	}
	if version != search.Version {
		return "", nil
	}
	return tableOf(kind, side), nil
}

// Put adds or replaces documents in the tables that are searched.
func (e *Engine) Put(ctx context.Context, docs []ticketing.SearchDocument) error {
	byKind := map[ticketing.SearchKind][]ticketing.SearchDocument{}
	for _, d := range docs {
		byKind[d.Kind] = append(byKind[d.Kind], d)
	}
	for kind, docs := range byKind {
		docs, err := e.changed(ctx, kind, docs)
		if err == nil && len(docs) > 0 {
			err = e.inLive(ctx, kind, func(tx pgx.Tx, table string) error { return put(ctx, tx, table, docs) })
		}
		if err != nil {
			return fmt.Errorf("putting %d %ss into the index: %w", len(docs), kind, err)
		}
	}
	return nil
}

// changed leaves out documents that are in the index as they are: a follower that is told everything anew would else
// write, and wait for the disk, for nothing.
func (e *Engine) changed(ctx context.Context, kind ticketing.SearchKind, docs []ticketing.SearchDocument) ([]ticketing.SearchDocument, error) {
	if e.sides[kind] == nil {
		return nil, fmt.Errorf("%ss are not kept here", kind)
	}
	side := *e.sides[kind].Load()
	ids, last := make([]string, len(docs)), map[string]int{}
	for i, d := range docs {
		ids[i], last[d.ID] = d.ID, i // of the same document only the last counts
	}
	known, live, err := e.read(ctx, kind, side, `WHERE id = ANY($2)`, ids)
	if err != nil || live != side {
		return docs, err
	}
	there := map[string]ticketing.SearchDocument{}
	for _, d := range known {
		there[d.ID] = d
	}
	var differ []ticketing.SearchDocument
	for i, d := range docs {
		if is, known := there[d.ID]; last[d.ID] == i && (!known || !reflect.DeepEqual(is, d)) {
			differ = append(differ, d)
		}
	}
	return differ, nil
}

// Delete takes documents out of the table that is searched.
func (e *Engine) Delete(ctx context.Context, kind ticketing.SearchKind, ids []string) error {
	err := e.inLive(ctx, kind, func(tx pgx.Tx, table string) error {
		_, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE id = ANY($1)`, ids)
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting %ss from the index: %w", kind, err)
	}
	return nil
}

// inLive changes the table that is searched, which no swap takes away meanwhile.
func (e *Engine) inLive(ctx context.Context, kind ticketing.SearchKind, do func(tx pgx.Tx, table string) error) error {
	if e.sides[kind] == nil {
		return fmt.Errorf("%ss are not kept here", kind)
	}
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		var side string
		if err := tx.QueryRow(ctx, `SELECT side FROM search_sides WHERE kind = $1 FOR SHARE`, string(kind)).Scan(&side); err != nil {
			return err
		}
		return do(tx, tableOf(kind, side))
	})
}

// tableOf is a name that needs no quotes: kinds and sides are ours.
func tableOf(kind ticketing.SearchKind, side string) string {
	return "search_" + string(kind) + "_" + side
}

var columns = []string{"id", "body", "grams", "plain", "letters", "initials", "category", "hall", "performers",
	"from_day", "to_day", "min_price", "max_price", "on_sale"}

// row is a document as its table has it.
func row(d ticketing.SearchDocument) ([]any, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	performers := make([]int64, len(d.Performers))
	for i, p := range d.Performers {
		performers[i] = p.ID
	}
	return []any{d.ID, body, vector(d), string(joined(d.Name)), search.Letters(d.Name), search.Initials(d.Name), d.Category, d.Hall.ID,
		performers, dayOf(d.From, firstDay), dayOf(d.To, lastDay), int64(d.MinPrice), int64(d.MaxPrice), d.OnSale}, nil
}

// Days of what has none.
const (
	firstDay ticketing.Day = "1900-01-01"
	lastDay  ticketing.Day = "2999-12-31"
)

func dayOf(d, none ticketing.Day) time.Time {
	if t, err := time.Parse(time.DateOnly, string(d)); err == nil {
		return t
	}
	t, _ := time.Parse(time.DateOnly, string(none)) // ours are well formed
	return t
}

const putSQL = ` (id, body, grams, plain, letters, initials, category, hall, performers, from_day, to_day, min_price, max_price, on_sale)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
	ON CONFLICT (id) DO UPDATE SET body = excluded.body, grams = excluded.grams, plain = excluded.plain, letters = excluded.letters,
	       initials = excluded.initials, category = excluded.category, hall = excluded.hall, performers = excluded.performers,
	       from_day = excluded.from_day, to_day = excluded.to_day, min_price = excluded.min_price, max_price = excluded.max_price,
	       on_sale = excluded.on_sale`

func put(ctx context.Context, tx pgx.Tx, table string, docs []ticketing.SearchDocument) error {
	var batch pgx.Batch
	for _, d := range docs {
		values, err := row(d)
		if err != nil {
			return err
		}
		batch.Queue(`INSERT INTO `+table+putSQL, values...)
	}
	return tx.SendBatch(ctx, &batch).Close()
}

// copyInto puts documents into a table that has none of them.
func copyInto(ctx context.Context, tx pgx.Tx, table string, rows [][]any) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}

// eachPage is how many documents one statement of Each reads.
const eachPage = 2000

// Each reads the table that is searched, page by page. When another one is swapped in meanwhile, it fails.
func (e *Engine) Each(ctx context.Context, kind ticketing.SearchKind, yield func(ticketing.SearchDocument) bool) error {
	for after := ""; ; {
		side := *e.sides[kind].Load()
		docs, live, err := e.read(ctx, kind, side, `WHERE id > $2 ORDER BY id LIMIT $3`, after, eachPage)
		if err == nil && live != side && after != "" {
			err = errSwapped
		}
		if err != nil {
			return fmt.Errorf("reading the index of %ss: %w", kind, err)
		}
		if live != side {
			e.sides[kind].Store(&live)
			continue
		}
		for _, d := range docs {
			if !yield(d) {
				return nil
			}
			after = d.ID
		}
		if len(docs) < eachPage {
			return nil
		}
	}
}

// read returns documents, and which side is searched; when that is another one they are of no use. Which ones is said by
// a text of ours and its arguments from $2 on.
func (e *Engine) read(ctx context.Context, kind ticketing.SearchKind, side, which string, args ...any) (docs []ticketing.SearchDocument, live string, err error) {
	rows, err := e.pool.Query(ctx, `SELECT s.side, d.body FROM search_sides s LEFT JOIN
			(SELECT id, body FROM `+tableOf(kind, side)+` `+which+`) d ON true
		 WHERE s.kind = $1 ORDER BY d.id`, append([]any{string(kind)}, args...)...)
	if err != nil {
		return nil, "", err
	}
	var body []byte
	_, err = pgx.ForEachRow(rows, []any{&live, &body}, func() error {
		if body == nil || live != side {
			return nil
		}
		var d ticketing.SearchDocument
		err := json.Unmarshal(body, &d)
		docs = append(docs, d)
		return err
	})
	return docs, live, err
}

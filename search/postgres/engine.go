// Package postgres is the search engine that needs nothing configured: it keeps its documents in tables beside the
// catalogue's, and finds them by pairs of neighbouring characters, which the program makes itself. So Korean is found
// in the middle of a word, and neither the locale nor an extension of the server matters.
package postgres

import (
	"context"
	"encoding/json"
	"fmt"
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

// Built is true after a Swap by a program of this search.Version.
func (e *Engine) Built(ctx context.Context, kind ticketing.SearchKind) (bool, error) {
	var version int
	err := e.pool.QueryRow(ctx, `SELECT version FROM search_sides WHERE kind = $1`, string(kind)).Scan(&version)
	if err != nil {
		return false, fmt.Errorf("asking for the index of %ss: %w", kind, err)
	}
	return version == search.Version, nil
}

// Put adds or replaces documents in the tables that are searched.
func (e *Engine) Put(ctx context.Context, docs []ticketing.SearchDocument) error {
	byKind := map[ticketing.SearchKind][]ticketing.SearchDocument{}
	for _, d := range docs {
		byKind[d.Kind] = append(byKind[d.Kind], d)
	}
	for kind, docs := range byKind {
		if err := e.inLive(ctx, kind, func(tx pgx.Tx, table string) error { return put(ctx, tx, table, docs) }); err != nil {
			return fmt.Errorf("putting %d %ss into the index: %w", len(docs), kind, err)
		}
	}
	return nil
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

// Each reads the table that is searched.
func (e *Engine) Each(ctx context.Context, kind ticketing.SearchKind, yield func(ticketing.SearchDocument) bool) error {
	for {
		side := *e.sides[kind].Load()
		rows, err := e.pool.Query(ctx, `SELECT s.side, d.body FROM search_sides s LEFT JOIN `+tableOf(kind, side)+` d ON s.side = $2 WHERE s.kind = $1`, string(kind), side)
		if err != nil {
			return fmt.Errorf("reading the index of %ss: %w", kind, err)
		}
		if other, err := eachRow(rows, side, yield); err != nil || other == side {
			return err
		} else {
			e.sides[kind].Store(&other)
		}
	}
}

// eachRow returns the side that is searched; when it is another than what was read, nothing was handed over.
func eachRow(rows pgx.Rows, side string, yield func(ticketing.SearchDocument) bool) (live string, err error) {
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&live, &body); err != nil {
			return "", err
		}
		if live != side || body == nil {
			break
		}
		var d ticketing.SearchDocument
		if err := json.Unmarshal(body, &d); err != nil {
			return "", err
		}
		if !yield(d) {
			break
		}
	}
	rows.Close()
	return live, rows.Err()
}

package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// draft is the table of a kind that is not searched.
type draft struct {
	e     *Engine
	kind  ticketing.SearchKind
	side  string
	ended bool // swapped in, or thrown away
}

// errSwapped: somebody else has swapped meanwhile, so the draft's table is the one that is searched, or was emptied.
var errSwapped = errors.New("another index was swapped in meanwhile")

// Rebuild empties the table that is not searched and hands it out.
func (e *Engine) Rebuild(ctx context.Context, kind ticketing.SearchKind) (search.Draft, error) {
	d := &draft{e: e, kind: kind}
	err := e.inLive(ctx, kind, func(tx pgx.Tx, live string) error {
		d.side = "a"
		if live == tableOf(kind, "a") {
			d.side = "b"
		}
		_, err := tx.Exec(ctx, `TRUNCATE `+tableOf(kind, d.side))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("beginning an index of %ss: %w", kind, err)
	}
	return d, nil
}

// Put copies documents; those that are there already are replaced.
func (d *draft) Put(ctx context.Context, docs []ticketing.SearchDocument) error {
	last := map[string]int{} // of the same document only the last counts
	ids := make([]string, len(docs))
	for i, doc := range docs {
		last[doc.ID], ids[i] = i, doc.ID
	}
	var rows [][]any
	for i, doc := range docs {
		if last[doc.ID] != i {
			continue
		}
		values, err := row(doc)
		if err != nil {
			return err
		}
		rows = append(rows, values)
	}
	err := d.change(ctx, func(tx pgx.Tx, table string) error {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE id = ANY($1)`, ids); err != nil {
			return err
		}
		return copyInto(ctx, tx, table, rows)
	})
	if err != nil {
		return fmt.Errorf("putting %d %ss into a new index: %w", len(docs), d.kind, err)
	}
	return nil
}

// Delete takes documents out.
func (d *draft) Delete(ctx context.Context, kind ticketing.SearchKind, ids []string) error {
	err := d.change(ctx, func(tx pgx.Tx, table string) error {
		_, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE id = ANY($1)`, ids)
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting %ss from a new index: %w", kind, err)
	}
	return nil
}

// change writes to the draft's table while it is still the draft's.
func (d *draft) change(ctx context.Context, do func(tx pgx.Tx, table string) error) error {
	return d.e.inLive(ctx, d.kind, func(tx pgx.Tx, live string) error {
		if table := tableOf(d.kind, d.side); table != live && !d.ended {
			return do(tx, table)
		}
		return errSwapped
	})
}

// Name is the draft's table's.
func (d *draft) Name() string { return tableOf(d.kind, d.side) }

// Swap makes the draft's table the one that is searched, in one step, and empties the other.
func (d *draft) Swap(ctx context.Context) error {
	d.ended = true // if we do not hear of it, it may be so
	tag, err := d.e.pool.Exec(ctx, `UPDATE search_sides SET side = $2, version = $3 WHERE kind = $1 AND side <> $2`, string(d.kind), d.side, search.Version)
	if err == nil && tag.RowsAffected() == 0 {
		err = errSwapped
	}
	if err != nil {
		return fmt.Errorf("swapping in a new index of %ss: %w", d.kind, err)
	}
	d.e.sides[d.kind].Store(&d.side)
	return nil
}

// Discard empties the draft's table, unless that may be the one that is searched.
func (d *draft) Discard(ctx context.Context) error {
	if d.ended {
		return nil
	}
	d.ended = true
	return d.e.Tidy(ctx, d.kind)
}

// Tidy empties the table that is not searched, to give its room back.
func (e *Engine) Tidy(ctx context.Context, kind ticketing.SearchKind) error {
	_, err := e.Rebuild(ctx, kind)
	return err
}

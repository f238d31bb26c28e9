package persistence

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

const selectPerformer = `SELECT a.id, a.name, a.nation, coalesce(a.birth::text, ''), a.version FROM performers a `

func scanPerformer(r pgx.CollectableRow) (ticketing.Performer, error) {
	var p ticketing.Performer
	err := r.Scan(&p.ID, &p.Name, &p.Nation, &p.Birth, &p.Version)
	return p, err
}

// CreatePerformer adds a performer and returns it with its id.
func (db *DB) CreatePerformer(ctx context.Context, p ticketing.Performer) (ticketing.Performer, error) {
	p.Version = 1
	err := db.edit(ctx, func(e *edit) error {
		err := e.QueryRow(ctx, `INSERT INTO performers (name, nation, birth) VALUES ($1, $2, nullif($3, '')::date) RETURNING id`,
			p.Name, p.Nation, string(p.Birth)).Scan(&p.ID)
		if err != nil {
			return err
		}
		return e.saved(ctx, ticketing.NounPerformer, p.ID)
	})
	if err != nil {
		return ticketing.Performer{}, fmt.Errorf("creating a performer: %w", err)
	}
	return p, nil
}

// UpdatePerformer replaces what is known of the performer. p.Version is the version expected. It returns
// ticketing.ErrNotFound, or a *ticketing.Refusal when somebody has changed it meanwhile.
func (db *DB) UpdatePerformer(ctx context.Context, p ticketing.Performer) (ticketing.Performer, error) {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformer, p.ID, p.Version); err != nil {
			return err
		}
		err := e.QueryRow(ctx, `
			UPDATE performers SET name = $2, nation = $3, birth = nullif($4, '')::date, version = version + 1
			 WHERE id = $1 RETURNING version`, p.ID, p.Name, p.Nation, string(p.Birth)).Scan(&p.Version)
		if err != nil {
			return err
		}
		return e.saved(ctx, ticketing.NounPerformer, p.ID)
	})
	if err != nil {
		return ticketing.Performer{}, fmt.Errorf("changing performer %d: %w", p.ID, err)
	}
	return p, nil
}

// DeletePerformer forgets a performer who is in no performance. It returns ticketing.ErrNotFound, or a
// *ticketing.Refusal when he is in one or somebody has changed him meanwhile.
func (db *DB) DeletePerformer(ctx context.Context, id, version int64) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformer, id, version); err != nil {
			return err
		}
		tag, err := e.Exec(ctx, `
			DELETE FROM performers WHERE id = $1
			   AND NOT EXISTS (SELECT FROM performance_performers WHERE performer_id = $1)`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return &ticketing.Refusal{Code: ticketing.CodeInUse, Detail: "The performer is in a performance."}
		}
		return e.deleted(ctx, ticketing.NounPerformer, id)
	})
	if err != nil {
		return fmt.Errorf("deleting performer %d: %w", id, err)
	}
	return nil
}

// Performer returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Performer(ctx context.Context, id int64) (ticketing.Performer, error) {
	p, err := one(ctx, db, scanPerformer, selectPerformer+`WHERE a.id = $1`, id)
	if err != nil {
		return p, fmt.Errorf("performer %d: %w", id, err)
	}
	return p, nil
}

// lastRune is after every character: what begins with a text lies between the text and the text with this behind it.
const lastRune = "\U0010FFFF"

const performersSQL = selectPerformer + `
		WHERE (a.name_key, a.id) > (lower($1), $2) AND a.name_key >= lower($3) AND a.name_key <= lower($3) || $4
		  AND position(lower($5) IN a.name_key) > 0
		ORDER BY a.name_key, a.id LIMIT $6`

// Performers lists up to limit performers after a place, by name, those that the filter lets through. Beginnings of
// names are found by the index; of parts of names at most all are looked at.
func (db *DB) Performers(ctx context.Context, f ticketing.PerformerFilter, after ticketing.PerformerCursor, limit int) ([]ticketing.Performer, error) {
	list, err := many(ctx, db, scanPerformer, performersSQL,
		after.Name, after.ID, f.Prefix, lastRune, f.Contains, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("listing performers: %w", err)
	}
	return list, nil
}

const performersOfSQL = selectPerformer + `
		JOIN performance_performers l ON l.performer_id = a.id
		WHERE l.performance_id = $1 AND l.performer_id > $2 ORDER BY l.performer_id LIMIT $3`

// PerformersOf lists up to limit performers of a performance with ids above after, by id. It returns
// ticketing.ErrNotFound when there is no such performance.
func (db *DB) PerformersOf(ctx context.Context, performance, after int64, limit int) ([]ticketing.Performer, error) {
	list, err := many(ctx, db, scanPerformer, performersOfSQL, performance, after, pageSize(limit))
	if err == nil && len(list) == 0 {
		_, err = db.Performance(ctx, performance)
	}
	if err != nil {
		return nil, fmt.Errorf("performers of performance %d: %w", performance, err)
	}
	return list, nil
}

// LinkPerformer puts a performer into a performance. It returns ticketing.ErrNotFound when there is no such
// performance, a *ticketing.Invalid when there is no such performer, and a *ticketing.Refusal when he is in it.
func (db *DB) LinkPerformer(ctx context.Context, performance, performer int64) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformance, performance, ticketing.AnyVersion); err != nil {
			return err
		}
		tag, err := e.Exec(ctx, `
			INSERT INTO performance_performers (performance_id, performer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, performance, performer)
		if hasCode(err, "23503") { // foreign key
			return &ticketing.Invalid{Field: "performer_id", Want: "the id of a performer"}
		}
		if err == nil && tag.RowsAffected() == 0 {
			return &ticketing.Refusal{Code: ticketing.CodeAlreadyLinked}
		}
		if err != nil {
			return err
		}
		return e.touchPerformance(ctx, performance)
	})
	if err != nil {
		return fmt.Errorf("linking performer %d to performance %d: %w", performer, performance, err)
	}
	return nil
}

// UnlinkPerformer takes a performer out of a performance. It returns ticketing.ErrNotFound when he is not in it.
func (db *DB) UnlinkPerformer(ctx context.Context, performance, performer int64) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformance, performance, ticketing.AnyVersion); err != nil {
			return err
		}
		tag, err := e.Exec(ctx, `DELETE FROM performance_performers WHERE performance_id = $1 AND performer_id = $2`, performance, performer)
		if err == nil && tag.RowsAffected() == 0 {
			err = ticketing.ErrNotFound
		}
		if err != nil {
			return err
		}
		return e.touchPerformance(ctx, performance)
	})
	if err != nil {
		return fmt.Errorf("unlinking performer %d from performance %d: %w", performer, performance, err)
	}
	return nil
}

// touchPerformance makes what belongs to a performance a change of it.
func (e *edit) touchPerformance(ctx context.Context, id int64) error {
	if _, err := e.Exec(ctx, `UPDATE performances SET version = version + 1 WHERE id = $1`, id); err != nil {
		return err
	}
	return e.saved(ctx, ticketing.NounPerformance, id)
}

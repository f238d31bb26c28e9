package persistence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// PosterUnused is the kind of job that deletes a poster's files unless a performance has it by then. Its arguments
// are the poster.
const PosterUnused = "poster_unused"

// posterPatience is how long after its beginning an upload has either become a performance's poster or never will.
const posterPatience = 10 * time.Minute

// Poster returns ticketing.ErrNotFound when the performance has none.
func (db *DB) Poster(ctx context.Context, performance int64) (ticketing.Poster, error) {
	p, err := one(ctx, db, scanPoster, `SELECT name, extension, widths FROM posters WHERE performance_id = $1`, performance)
	if err != nil {
		return p, fmt.Errorf("poster of performance %d: %w", performance, err)
	}
	return p, nil
}

func scanPoster(r pgx.CollectableRow) (ticketing.Poster, error) {
	var p ticketing.Poster
	err := r.Scan(&p.Name, &p.Extension, &p.Widths)
	return p, err
}

// BeginPoster must come before the first file of a poster is written: from here on somebody will delete the files,
// should the upload break off. It returns ticketing.ErrNotFound when there is no such performance.
func (db *DB) BeginPoster(ctx context.Context, performance int64, p ticketing.Poster, now time.Time) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformance, performance, ticketing.AnyVersion); err != nil {
			return err
		}
		return db.discard(ctx, e, p, "begun", ticketing.MillisOf(now.Add(posterPatience)))
	})
	if err != nil {
		return fmt.Errorf("beginning a poster of performance %d: %w", performance, err)
	}
	return nil
}

// SetPoster makes a poster whose files are all written the performance's own, a change of the performance; the one
// before is deleted by a job. It returns ticketing.ErrNotFound when there is no such performance.
func (db *DB) SetPoster(ctx context.Context, performance int64, p ticketing.Poster) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformance, performance, ticketing.AnyVersion); err != nil {
			return err
		}
		if err := db.takePoster(ctx, e, performance); err != nil && !errors.Is(err, ticketing.ErrNotFound) {
			return err
		}
		_, err := e.Exec(ctx, `INSERT INTO posters (performance_id, name, extension, widths) VALUES ($1, $2, $3, $4)`,
			performance, p.Name, p.Extension, p.Widths)
		if err != nil {
			return err
		}
		return e.touchPerformance(ctx, performance)
	})
	if err != nil {
		return fmt.Errorf("setting the poster of performance %d: %w", performance, err)
	}
	return nil
}

// DropPoster takes a performance's poster away, a change of the performance. It returns ticketing.ErrNotFound when
// there is none.
func (db *DB) DropPoster(ctx context.Context, performance int64) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformance, performance, ticketing.AnyVersion); err != nil {
			return err
		}
		if err := db.takePoster(ctx, e, performance); err != nil {
			return err
		}
		return e.touchPerformance(ctx, performance)
	})
	if err != nil {
		return fmt.Errorf("dropping the poster of performance %d: %w", performance, err)
	}
	return nil
}

// takePoster leaves the performance, which the caller has locked, without a poster. It returns ticketing.ErrNotFound
// when it has none.
func (db *DB) takePoster(ctx context.Context, tx pgx.Tx, performance int64) error {
	rows, err := tx.Query(ctx, `DELETE FROM posters WHERE performance_id = $1 RETURNING name, extension, widths`, performance)
	if err != nil {
		return err
	}
	old, err := exactlyOne(rows, scanPoster)
	if err != nil {
		return err
	}
	return db.discard(ctx, tx, old, "replaced", 0)
}

func (db *DB) discard(ctx context.Context, tx pgx.Tx, p ticketing.Poster, why string, at ticketing.Millis) error {
	args, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return db.enqueue(ctx, tx, []ticketing.Job{{Kind: PosterUnused, Key: "poster:" + p.Name + ":" + why, Args: args, At: at}})
}

// PosterUsed says whether a performance has the poster of this name.
func (db *DB) PosterUsed(ctx context.Context, name string) (bool, error) {
	used, err := one(ctx, db, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM posters WHERE name = $1)`, name)
	if err != nil {
		return false, fmt.Errorf("who has poster %s: %w", name, err)
	}
	return used, nil
}

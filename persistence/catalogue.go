package persistence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// MaxPage is the most rows a list gives at once; a larger limit is cut to it.
const MaxPage = 200

func pageSize(limit int) int { return max(0, min(limit, MaxPage)) }

// CreateHall adds a hall with its layout; the layout is stored once however many halls have it.
func (db *DB) CreateHall(ctx context.Context, name string, plan *ticketing.Plan) (ticketing.Hall, error) {
	hall := ticketing.Hall{Name: name, PlanHash: plan.Hash(), Seats: len(plan.Seats)}
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if err := storePlan(ctx, tx, plan); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO halls (name, plan_hash) VALUES ($1, $2) RETURNING id`,
			name, hall.PlanHash[:]).Scan(&hall.ID)
	})
	if err != nil {
		return ticketing.Hall{}, fmt.Errorf("creating hall %q: %w", name, err)
	}
	return hall, nil
}

const selectHall = `SELECT h.id, h.name, h.plan_hash, p.seats FROM halls h JOIN plans p ON p.hash = h.plan_hash `

func scanHall(r pgx.CollectableRow) (ticketing.Hall, error) {
	var h ticketing.Hall
	var hash []byte
	err := r.Scan(&h.ID, &h.Name, &hash, &h.Seats)
	copy(h.PlanHash[:], hash)
	return h, err
}

// Hall returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Hall(ctx context.Context, id int64) (ticketing.Hall, error) {
	hall, err := one(ctx, db, scanHall, selectHall+`WHERE h.id = $1`, id)
	if err != nil {
		return hall, fmt.Errorf("hall %d: %w", id, err)
	}
	return hall, nil
}

// Halls lists up to limit halls with ids above after, by id.
func (db *DB) Halls(ctx context.Context, after int64, limit int) ([]ticketing.Hall, error) {
	halls, err := many(ctx, db, scanHall, selectHall+`WHERE h.id > $1 ORDER BY h.id LIMIT $2`, after, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("listing halls: %w", err)
	}
	return halls, nil
}

// CreatePerformance adds a performance and returns it with its id and its hall's name. It returns
// ticketing.ErrNotFound when there is no such hall.
func (db *DB) CreatePerformance(ctx context.Context, p ticketing.Performance) (ticketing.Performance, error) {
	created, err := one(ctx, db, scanPerformance, `
		WITH p AS (
			INSERT INTO performances (title, category, hall_id, duration_minutes, prices)
			SELECT $1, $2, id, $4, $5 FROM halls WHERE id = $3
			RETURNING *)
		SELECT p.id, p.title, p.category, p.hall_id, h.name, p.duration_minutes, p.prices FROM p JOIN halls h ON h.id = p.hall_id`,
		p.Title, p.Category, p.HallID, p.DurationMinutes, p.Prices)
	if err != nil {
		return ticketing.Performance{}, fmt.Errorf("creating performance %q in hall %d: %w", p.Title, p.HallID, err)
	}
	return created, nil
}

const selectPerformance = `
	SELECT p.id, p.title, p.category, p.hall_id, h.name, p.duration_minutes, p.prices
	  FROM performances p JOIN halls h ON h.id = p.hall_id `

func scanPerformance(r pgx.CollectableRow) (ticketing.Performance, error) {
	var p ticketing.Performance
	err := r.Scan(&p.ID, &p.Title, &p.Category, &p.HallID, &p.HallName, &p.DurationMinutes, &p.Prices)
	return p, err
}

// Performance returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Performance(ctx context.Context, id int64) (ticketing.Performance, error) {
	p, err := one(ctx, db, scanPerformance, selectPerformance+`WHERE p.id = $1`, id)
	if err != nil {
		return p, fmt.Errorf("performance %d: %w", id, err)
	}
	return p, nil
}

// Performances lists up to limit performances with ids above after, by id.
func (db *DB) Performances(ctx context.Context, after int64, limit int) ([]ticketing.Performance, error) {
	list, err := many(ctx, db, scanPerformance, selectPerformance+`WHERE p.id > $1 ORDER BY p.id LIMIT $2`, after, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("listing performances: %w", err)
	}
	return list, nil
}

// one reads a single row; ticketing.ErrNotFound when there is none.
func one[T any](ctx context.Context, db *DB, scan pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		var none T
		return none, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ticketing.ErrNotFound
	}
	return found, err
}

func many[T any](ctx context.Context, db *DB, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

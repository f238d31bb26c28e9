package persistence

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// CreateHall adds a hall with its layout; the layout is stored once however many halls have it. It returns the hall
// with its id.
func (db *DB) CreateHall(ctx context.Context, h ticketing.Hall, plan *ticketing.Plan) (ticketing.Hall, error) {
	h.PlanHash, h.Seats, h.PlanVersion, h.Version = plan.Hash(), len(plan.Seats), 1, 1
	err := db.edit(ctx, func(e *edit) error {
		if err := storePlan(ctx, e, plan); err != nil {
			return err
		}
		err := e.QueryRow(ctx, `INSERT INTO halls (name, address, plan_hash) VALUES ($1, $2, $3) RETURNING id`,
			h.Name, h.Address, h.PlanHash[:]).Scan(&h.ID)
		if err != nil {
			return err
		}
		return e.saved(ctx, ticketing.NounHall, h.ID)
	})
	if err != nil {
		return ticketing.Hall{}, fmt.Errorf("creating hall %q: %w", h.Name, err)
	}
	return h, nil
}

// UpdateHall gives the hall another name, address and, unless it is nil, layout: then the hall's next version of it.
// Rounds keep the layout they were planned with. h.Version is the version expected. It returns ticketing.ErrNotFound,
// or a *ticketing.Refusal when somebody has changed the hall meanwhile.
func (db *DB) UpdateHall(ctx context.Context, h ticketing.Hall, plan *ticketing.Plan) (ticketing.Hall, error) {
	var updated ticketing.Hall
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounHall, h.ID, h.Version); err != nil {
			return err
		}
		var hash []byte // NULL: as it is
		if plan != nil {
			if err := storePlan(ctx, e, plan); err != nil {
				return err
			}
			of := plan.Hash()
			hash = of[:]
		}
		rows, err := e.Query(ctx, `
			WITH h AS (
				UPDATE halls SET name = $2, address = $3, version = version + 1, plan_hash = coalesce($4, plan_hash),
				       plan_version = plan_version + CASE WHEN $4 <> plan_hash THEN 1 ELSE 0 END
				 WHERE id = $1 RETURNING *)
			`+selectHallFrom+`FROM h JOIN plans p ON p.hash = h.plan_hash`, h.ID, h.Name, h.Address, hash)
		if err != nil {
			return err
		}
		if updated, err = pgx.CollectExactlyOneRow(rows, scanHall); err != nil {
			return err
		}
		return e.saved(ctx, ticketing.NounHall, h.ID)
	})
	if err != nil {
		return ticketing.Hall{}, fmt.Errorf("changing hall %d: %w", h.ID, err)
	}
	return updated, nil
}

// DeleteHall takes a hall that no performance needs out of the catalogue. It returns ticketing.ErrNotFound, or a
// *ticketing.Refusal when performances are in it or somebody has changed it meanwhile.
func (db *DB) DeleteHall(ctx context.Context, id, version int64) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounHall, id, version); err != nil {
			return err
		}
		tag, err := e.Exec(ctx, `
			UPDATE halls SET deleted_at = clock_timestamp(), version = version + 1 WHERE id = $1
			   AND NOT EXISTS (SELECT FROM performances WHERE hall_id = $1 AND deleted_at IS NULL)`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return &ticketing.Refusal{Code: ticketing.CodeInUse, Detail: "Performances are planned in this hall."}
		}
		return e.deleted(ctx, ticketing.NounHall, id)
	})
	if err != nil {
		return fmt.Errorf("deleting hall %d: %w", id, err)
	}
	return nil
}

const (
	selectHallFrom = `SELECT h.id, h.name, h.address, h.plan_hash, p.seats, h.plan_version, h.version `
	selectHall     = selectHallFrom + `FROM halls h JOIN plans p ON p.hash = h.plan_hash WHERE h.deleted_at IS NULL `
)

func scanHall(r pgx.CollectableRow) (ticketing.Hall, error) {
	var h ticketing.Hall
	var hash []byte
	err := r.Scan(&h.ID, &h.Name, &h.Address, &hash, &h.Seats, &h.PlanVersion, &h.Version)
	copy(h.PlanHash[:], hash)
	return h, err
}

// Hall returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Hall(ctx context.Context, id int64) (ticketing.Hall, error) {
	hall, err := one(ctx, db, scanHall, selectHall+`AND h.id = $1`, id)
	if err != nil {
		return hall, fmt.Errorf("hall %d: %w", id, err)
	}
	return hall, nil
}

// Halls lists up to limit halls with ids above after, by id.
func (db *DB) Halls(ctx context.Context, after int64, limit int) ([]ticketing.Hall, error) {
	halls, err := many(ctx, db, scanHall, selectHall+`AND h.id > $1 ORDER BY h.id LIMIT $2`, after, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("listing halls: %w", err)
	}
	return halls, nil
}

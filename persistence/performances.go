package persistence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

const (
	performanceColumns = `SELECT p.id, p.title, p.category, p.hall_id, h.name, p.duration_minutes, p.prices, p.description,
       p.from_day::text, p.to_day::text, p.rating_sum, p.ratings, p.version, o.name, o.extension, o.widths `
	withHallAndPoster = `JOIN halls h ON h.id = p.hall_id LEFT JOIN posters o ON o.performance_id = p.id `
	selectPerformance = performanceColumns + `FROM performances p ` + withHallAndPoster + `WHERE p.deleted_at IS NULL `
)

func scanPerformance(r pgx.CollectableRow) (ticketing.Performance, error) {
	var p ticketing.Performance
	var name, extension *string // NULL: no poster
	var widths []int
	err := r.Scan(&p.ID, &p.Title, &p.Category, &p.HallID, &p.HallName, &p.DurationMinutes, &p.Prices, &p.Description,
		&p.From, &p.To, &p.RatingSum, &p.Ratings, &p.Version, &name, &extension, &widths)
	if name != nil && extension != nil {
		p.Poster = &ticketing.Poster{Name: *name, Extension: *extension, Widths: widths}
	}
	return p, err
}

// CreatePerformance adds a performance and returns it with its id and its hall's name; without days it runs from
// today, for a year. It returns ticketing.ErrNotFound when there is no such hall.
func (db *DB) CreatePerformance(ctx context.Context, p ticketing.Performance) (ticketing.Performance, error) {
	p = p.WithDays(ticketing.DayOf(ticketing.MillisOf(db.clock())))
	var created ticketing.Performance
	err := db.edit(ctx, func(e *edit) (err error) {
		created, err = e.performance(ctx, `
			WITH p AS (
				INSERT INTO performances (title, category, hall_id, duration_minutes, prices, description, from_day, to_day)
				SELECT $1, $2, id, $4, $5, $6, $7::text::date, $8::text::date FROM halls WHERE id = $3 AND deleted_at IS NULL FOR SHARE
				RETURNING *)`,
			p.Title, p.Category, p.HallID, p.DurationMinutes, p.Prices, p.Description, string(p.From), string(p.To))
		if err != nil {
			return err
		}
		return e.saved(ctx, ticketing.NounPerformance, created.ID)
	})
	if err != nil {
		return ticketing.Performance{}, fmt.Errorf("creating performance %q in hall %d: %w", p.Title, p.HallID, err)
	}
	return created, nil
}

// performance reads the row that a statement named p has made or changed.
func (e *edit) performance(ctx context.Context, with string, args ...any) (ticketing.Performance, error) {
	rows, err := e.Query(ctx, with+performanceColumns+`FROM p `+withHallAndPoster, args...)
	if err != nil {
		return ticketing.Performance{}, err
	}
	return exactlyOne(rows, scanPerformance)
}

// UpdatePerformance replaces what is known of the performance; p.Version is the version expected. When its prices
// change, reprice is asked to give each of its rounds their new ones: an error of it undoes the rest. It returns
// ticketing.ErrNotFound, a *ticketing.Invalid when the days leave a round out or there is no such hall, and a
// *ticketing.Refusal when rounds keep it in its hall, would clash by its new duration, or somebody has changed it
// meanwhile.
func (db *DB) UpdatePerformance(ctx context.Context, p ticketing.Performance, reprice func(ticketing.RoundInfo) error) (ticketing.Performance, error) {
	var updated ticketing.Performance
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformance, p.ID, p.Version); err != nil {
			return err
		}
		was, err := e.performance(ctx, `WITH p AS (SELECT * FROM performances WHERE id = $1)`, p.ID)
		if err != nil {
			return err
		}
		rounds, err := e.rounds(ctx, p.ID)
		if err != nil {
			return err
		}
		if err := e.checkHall(ctx, was, p, rounds); err != nil {
			return err
		}
		updated, err = e.performance(ctx, `
			WITH p AS (
				UPDATE performances SET title = $2, category = $3, hall_id = $4, duration_minutes = $5, prices = $6, description = $7,
				       from_day = $8::text::date, to_day = $9::text::date, version = version + 1
				 WHERE id = $1 RETURNING *)`,
			p.ID, p.Title, p.Category, p.HallID, p.DurationMinutes, p.Prices, p.Description, string(p.From), string(p.To))
		if err != nil {
			return err
		}
		if err := e.checkRounds(ctx, updated, rounds); err != nil {
			return err
		}
		if was.Title != p.Title {
			if err := db.reindex(ctx, e, ticketing.ReservationChoice{Performance: p.ID}); err != nil {
				return err
			}
		}
		if err := e.saved(ctx, ticketing.NounPerformance, p.ID); err != nil || maps.Equal(was.Prices, p.Prices) {
			return err
		}
		for _, r := range rounds {
			if err := reprice(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return ticketing.Performance{}, fmt.Errorf("changing performance %d: %w", p.ID, err)
	}
	return updated, nil
}

// checkHall takes the hall that the performance is to be in: it may move only while it has no rounds.
func (e *edit) checkHall(ctx context.Context, was, p ticketing.Performance, rounds []ticketing.RoundInfo) error {
	if was.HallID != p.HallID && len(rounds) > 0 {
		return &ticketing.Refusal{Code: ticketing.CodeInUse, Detail: "The performance has rounds in its hall."}
	}
	err := e.lock(ctx, ticketing.NounHall, p.HallID, ticketing.AnyVersion)
	if errors.Is(err, ticketing.ErrNotFound) {
		return &ticketing.Invalid{Field: "hall_id", Want: "the id of a hall"}
	}
	return err
}

// checkRounds wants every round within the performance's days and clear of the hall's others.
func (e *edit) checkRounds(ctx context.Context, p ticketing.Performance, rounds []ticketing.RoundInfo) error {
	for _, r := range rounds {
		if day := ticketing.DayOf(r.StartsAt); day < p.From {
			return &ticketing.Invalid{Field: "from", Want: fmt.Sprintf("%s or earlier, for round %d is then", day, r.ID)}
		} else if day > p.To {
			return &ticketing.Invalid{Field: "to", Want: fmt.Sprintf("%s or later, for round %d is then", day, r.ID)}
		}
		if r.Canceled {
			continue
		}
		if err := e.checkClash(ctx, p, r); err != nil {
			return err
		}
	}
	return nil
}

// DeletePerformance takes a performance and its rounds out of the catalogue. drop is asked to end the sale of the
// rounds, all of which it may refuse: its error undoes everything. It returns ticketing.ErrNotFound, or a
// *ticketing.Refusal when somebody has changed the performance meanwhile.
func (db *DB) DeletePerformance(ctx context.Context, id, version int64, drop func([]ticketing.RoundInfo) error) error {
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformance, id, version); err != nil {
			return err
		}
		rounds, err := e.rounds(ctx, id)
		if err != nil {
			return err
		}
		if err := drop(rounds); err != nil {
			return err
		}
		for _, r := range rounds {
			if err := e.deleteRound(ctx, r.ID); err != nil {
				return err
			}
		}
		if err := db.takePoster(ctx, e, id); err != nil && !errors.Is(err, ticketing.ErrNotFound) {
			return err
		}
		var batch pgx.Batch
		batch.Queue(`DELETE FROM performance_performers WHERE performance_id = $1`, id)
		batch.Queue(`UPDATE performances SET deleted_at = clock_timestamp(), version = version + 1 WHERE id = $1`, id)
		if err := e.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		return e.deleted(ctx, ticketing.NounPerformance, id)
	})
	if err != nil {
		return fmt.Errorf("deleting performance %d: %w", id, err)
	}
	return nil
}

// Performance returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Performance(ctx context.Context, id int64) (ticketing.Performance, error) {
	p, err := one(ctx, db, scanPerformance, selectPerformance+`AND p.id = $1`, id)
	if err != nil {
		return p, fmt.Errorf("performance %d: %w", id, err)
	}
	return p, nil
}

// Performances lists up to limit performances after a place, by their last day, those that the filter lets through.
func (db *DB) Performances(ctx context.Context, f ticketing.PerformanceFilter, after ticketing.PerformanceCursor, limit int) ([]ticketing.Performance, error) {
	sql, args := performancesSQL(f, after, limit)
	list, err := many(ctx, db, scanPerformance, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("listing performances: %w", err)
	}
	return list, nil
}

// performancesSQL names only what is filtered by, so that each list has a plan of its own. The filter's first day is
// where an index begins to be read: what is over costs nothing.
func performancesSQL(f ticketing.PerformanceFilter, after ticketing.PerformanceCursor, limit int) (sql string, args []any) {
	if after.To < f.From {
		after = ticketing.PerformanceCursor{To: f.From}
	}
	if after.To == "" {
		after.To = "-infinity"
	}
	sql = selectPerformance + `AND (p.to_day, p.id) > ($1::text::date, $2)`
	args = []any{string(after.To), after.ID, pageSize(limit)}
	if f.Category != "" {
		args = append(args, f.Category)
		sql += ` AND p.category = $` + strconv.Itoa(len(args))
	}
	if f.To != "" {
		args = append(args, string(f.To))
		sql += ` AND p.from_day <= $` + strconv.Itoa(len(args)) + `::text::date`
	}
	switch f.OnSale {
	case ticketing.Yes:
		sql += ` AND p.id IN (SELECT r.performance_id ` + openRounds + `)`
	case ticketing.No:
		sql += ` AND p.id NOT IN (SELECT r.performance_id ` + openRounds + `)`
	}
	return sql + ` ORDER BY p.to_day, p.id LIMIT $3`, args
}

package persistence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

const (
	reviewColumns = `SELECT v.id, v.performance_id, v.user_id, v.rate, v.body, v.round, v.number, v.created_at, v.edited_at, v.version `
	selectReview  = reviewColumns + `FROM reviews v `
)

func scanReview(row pgx.CollectableRow) (ticketing.Review, error) {
	var r ticketing.Review
	var createdAt time.Time
	var editedAt *time.Time
	err := row.Scan(&r.ID, &r.PerformanceID, &r.User, &r.Rate, &r.Text, &r.Reservation.Round, &r.Reservation.Number, &createdAt, &editedAt, &r.Version)
	r.CreatedAt, r.EditedAt = ticketing.MillisOf(createdAt), millis(editedAt)
	return r, err
}

// ticketSQL finds a user's confirmed reservation of a performance, that of the showing which is over first.
const ticketSQL = `
SELECT r.round, r.number, n.starts_at FROM reservations r
  JOIN rounds n ON n.id = r.round AND n.performance_id = $2
 WHERE r.user_id = $1 AND r.status = 'confirmed' ORDER BY n.starts_at, r.round, r.number LIMIT 1`

// CreateReview adds a customer's review of a performance he has seen: he has a confirmed reservation, as the read
// tables know it, of a showing that was over by now. It returns ticketing.ErrNotFound when there is no such
// performance, and a *ticketing.Refusal when he has no such reservation, comes too early, or has reviewed it before.
func (db *DB) CreateReview(ctx context.Context, r ticketing.Review, now ticketing.Millis) (ticketing.Review, error) {
	r.CreatedAt, r.Version = now, 1
	err := db.edit(ctx, func(e *edit) error {
		if err := e.lock(ctx, ticketing.NounPerformance, r.PerformanceID, ticketing.AnyVersion); err != nil {
			return err
		}
		if err := e.findTicket(ctx, &r, now); err != nil {
			return err
		}
		err := e.QueryRow(ctx, `
			INSERT INTO reviews (performance_id, user_id, round, number, rate, body, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (performance_id, user_id) DO NOTHING RETURNING id`,
			r.PerformanceID, int64(r.User), int64(r.Reservation.Round), int64(r.Reservation.Number), r.Rate, r.Text, now.Time()).Scan(&r.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			return &ticketing.Refusal{Code: ticketing.CodeAlreadyReviewed}
		}
		if err != nil {
			return err
		}
		return e.reviewed(ctx, r, r.Rate, 1, ticketing.CatalogueSaved{})
	})
	if err != nil {
		return ticketing.Review{}, fmt.Errorf("reviewing performance %d: %w", r.PerformanceID, err)
	}
	return r, nil
}

// findTicket finds the reservation that entitles to the review.
func (e *edit) findTicket(ctx context.Context, r *ticketing.Review, now ticketing.Millis) error {
	p, err := e.performance(ctx, `WITH p AS (SELECT * FROM performances WHERE id = $1)`, r.PerformanceID)
	if err != nil {
		return err
	}
	var startsAt time.Time
	err = e.QueryRow(ctx, ticketSQL, int64(r.User), r.PerformanceID).Scan(&r.Reservation.Round, &r.Reservation.Number, &startsAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return &ticketing.Refusal{Code: ticketing.CodeTicketRequired, Detail: "You have no confirmed reservation of this performance."}
	}
	if ends := p.Ends(ticketing.MillisOf(startsAt)); err == nil && now < ends {
		return &ticketing.Refusal{Code: ticketing.CodeShowNotOver, RetryAt: ends}
	}
	return err
}

// reviewed adds to the performance's sums, and makes events of the review and of the performance that shows them. A
// performance's version is not a customer's to change.
func (e *edit) reviewed(ctx context.Context, r ticketing.Review, rate, count int, fact ticketing.Fact) error {
	_, err := e.Exec(ctx, `UPDATE performances SET rating_sum = rating_sum + $2, ratings = ratings + $3 WHERE id = $1`, r.PerformanceID, rate, count)
	if err != nil {
		return err
	}
	if err := e.append(ctx, ticketing.CatalogueStream(ticketing.NounReview, r.ID), fact); err != nil {
		return err
	}
	return e.saved(ctx, ticketing.NounPerformance, r.PerformanceID)
}

// lockReview takes a review and, before it, its performance. To a user who is not 0 others' do not exist.
func (e *edit) lockReview(ctx context.Context, id int64, user ticketing.UserID, version int64) (r ticketing.Review, err error) {
	rows, err := e.Query(ctx, selectReview+`WHERE v.id = $1`, id)
	if err != nil {
		return r, err
	}
	if r, err = exactlyOne(rows, scanReview); err != nil {
		return r, err
	}
	if user != 0 && r.User != user {
		return r, ticketing.ErrNotFound
	}
	if err := e.lock(ctx, ticketing.NounPerformance, r.PerformanceID, ticketing.AnyVersion); err != nil {
		return r, err
	}
	if err := e.lock(ctx, ticketing.NounReview, id, version); err != nil {
		return r, err
	}
	if rows, err = e.Query(ctx, selectReview+`WHERE v.id = $1`, id); err != nil { // as it is now that it is ours
		return r, err
	}
	return exactlyOne(rows, scanReview)
}

// UpdateReview replaces rate and text of the user's review; r.Version is the version expected. It returns
// ticketing.ErrNotFound when there is none, or it is another's, and a *ticketing.Refusal when it was changed meanwhile.
func (db *DB) UpdateReview(ctx context.Context, r ticketing.Review, now ticketing.Millis) (ticketing.Review, error) {
	var updated ticketing.Review
	err := db.edit(ctx, func(e *edit) error {
		was, err := e.lockReview(ctx, r.ID, r.User, r.Version)
		if err != nil {
			return err
		}
		rows, err := e.Query(ctx, `
			WITH v AS (UPDATE reviews SET rate = $2, body = $3, edited_at = $4, version = version + 1 WHERE id = $1 RETURNING *)`+reviewColumns+`FROM v`,
			r.ID, r.Rate, r.Text, now.Time())
		if err != nil {
			return err
		}
		if updated, err = exactlyOne(rows, scanReview); err != nil {
			return err
		}
		return e.reviewed(ctx, updated, updated.Rate-was.Rate, 0, ticketing.CatalogueSaved{})
	})
	if err != nil {
		return ticketing.Review{}, fmt.Errorf("changing review %d: %w", r.ID, err)
	}
	return updated, nil
}

// DeleteReview deletes the user's review, or anybody's for user 0. It returns what UpdateReview does.
func (db *DB) DeleteReview(ctx context.Context, id int64, user ticketing.UserID, version int64) error {
	err := db.edit(ctx, func(e *edit) error {
		was, err := e.lockReview(ctx, id, user, version)
		if err != nil {
			return err
		}
		if _, err := e.Exec(ctx, `DELETE FROM reviews WHERE id = $1`, id); err != nil {
			return err
		}
		return e.reviewed(ctx, was, -was.Rate, -1, ticketing.CatalogueDeleted{})
	})
	if err != nil {
		return fmt.Errorf("deleting review %d: %w", id, err)
	}
	return nil
}

// Review returns ticketing.ErrNotFound when there is none with this id.
func (db *DB) Review(ctx context.Context, id int64) (ticketing.Review, error) {
	r, err := one(ctx, db, scanReview, selectReview+`WHERE v.id = $1`, id)
	if err != nil {
		return r, fmt.Errorf("review %d: %w", id, err)
	}
	return r, nil
}

// ReviewBy returns a customer's review of a performance, ticketing.ErrNotFound when there is none.
func (db *DB) ReviewBy(ctx context.Context, performance int64, user ticketing.UserID) (ticketing.Review, error) {
	r, err := one(ctx, db, scanReview, selectReview+`WHERE v.performance_id = $1 AND v.user_id = $2`, performance, int64(user))
	if err != nil {
		return r, fmt.Errorf("a customer's review of performance %d: %w", performance, err)
	}
	return r, nil
}

const reviewsOfSQL = selectReview + `WHERE v.performance_id = $1 AND v.id < $2 ORDER BY v.id DESC LIMIT $3`

// ReviewsOf lists up to limit reviews of a performance with ids below before, or all for 0, newest first. It returns
// ticketing.ErrNotFound when there is no such performance.
func (db *DB) ReviewsOf(ctx context.Context, performance, before int64, limit int) ([]ticketing.Review, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	list, err := many(ctx, db, scanReview, reviewsOfSQL, performance, before, pageSize(limit))
	if err == nil && len(list) == 0 {
		_, err = db.Performance(ctx, performance)
	}
	if err != nil {
		return nil, fmt.Errorf("reviews of performance %d: %w", performance, err)
	}
	return list, nil
}

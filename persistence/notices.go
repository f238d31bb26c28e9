package persistence

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// maxRetried is how many dead deliveries one transaction takes up again.
const maxRetried = 1000

// PostNotice makes a notice's deliveries, with their jobs, and puts it into the inbox of its customer if it has one and
// inbox is set: all of it once, whoever calls it how often.
func (db *DB) PostNotice(ctx context.Context, n ticketing.Notice, inbox bool, jobs map[ticketing.Channel]ticketing.Job) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if inbox && n.User != 0 {
			_, err := tx.Exec(ctx, `
				INSERT INTO inbox (user_id, at, fact, kind, round, number, amount, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT DO NOTHING`,
				int64(n.User), db.now(), n.Fact, string(n.Kind), int64(n.Reservation.Round), int64(n.Reservation.Number), int64(n.Amount), moment(n.Until))
			if err != nil {
				return err
			}
		}
		due, err := makeDeliveries(ctx, tx, n, db.now(), jobs)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			return nil
		}
		return db.enqueue(ctx, tx, due)
	})
	if err != nil {
		return fmt.Errorf("posting a notice of %s: %w", n.Fact, err)
	}
	return nil
}

// makeDeliveries returns the jobs of those that were not there.
func makeDeliveries(ctx context.Context, tx pgx.Tx, n ticketing.Notice, at time.Time, jobs map[ticketing.Channel]ticketing.Job) ([]ticketing.Job, error) {
	rows, err := tx.Query(ctx, `
		INSERT INTO notices (fact, channel, notice, state, created_at)
		SELECT $1, channel, $2, 'waiting', $3 FROM unnest($4::text[]) channel
		ON CONFLICT DO NOTHING RETURNING channel`,
		n.Fact, n, at, slices.Sorted(maps.Keys(jobs)))
	if err != nil {
		return nil, err
	}
	made, err := pgx.CollectRows(rows, pgx.RowTo[ticketing.Channel])
	due := make([]ticketing.Job, len(made))
	for i, channel := range made {
		due[i] = jobs[channel]
	}
	return due, err
}

// now is the clock's moment as events have it.
func (db *DB) now() time.Time { return ticketing.MillisOf(db.clock()).Time() }

// EnqueueJobs enqueues jobs in a transaction of their own.
func (db *DB) EnqueueJobs(ctx context.Context, jobs []ticketing.Job) error {
	return pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error { return db.enqueue(ctx, tx, jobs) })
}

const selectDelivery = `SELECT notice, channel, state, attempts, last_error, tries, created_at FROM notices `

func scanDelivery(row pgx.CollectableRow) (d ticketing.Delivery, err error) {
	var notice []byte
	var channel, state string
	var created time.Time
	if err := row.Scan(&notice, &channel, &state, &d.Attempts, &d.LastError, &d.Tries, &created); err != nil {
		return d, err
	}
	d.Channel, d.State, d.CreatedAt = ticketing.Channel(channel), ticketing.DeliveryState(state), ticketing.MillisOf(created)
	return d, json.Unmarshal(notice, &d.Notice)
}

// Delivery is a notice on its way by one channel; ticketing.ErrNotFound when there is none.
func (db *DB) Delivery(ctx context.Context, fact string, channel ticketing.Channel) (ticketing.Delivery, error) {
	d, err := one(ctx, db, scanDelivery, selectDelivery+`WHERE fact = $1 AND channel = $2`, fact, string(channel))
	if err != nil {
		return d, fmt.Errorf("the delivery of %s by %s: %w", fact, channel, err)
	}
	return d, nil
}

// MoveDelivery writes down what became of a waiting delivery: State, Attempts and LastError of d. One that was taken up
// anew meanwhile, or is not waiting any more, stays as it is.
func (db *DB) MoveDelivery(ctx context.Context, d ticketing.Delivery) error {
	_, err := db.pool.Exec(ctx, `
		UPDATE notices SET state = $4, attempts = $5, last_error = $6, ended_at = CASE WHEN $4 <> 'waiting' THEN $7::timestamptz END
		 WHERE fact = $1 AND channel = $2 AND tries = $3 AND state = 'waiting'`,
		d.Fact, string(d.Channel), d.Tries, string(d.State), d.Attempts, d.LastError, db.now())
	if err != nil {
		return fmt.Errorf("the delivery of %s by %s: %w", d.Fact, d.Channel, err)
	}
	return nil
}

// OpenDeliveries lists at most limit deliveries in a state, the oldest first, of one channel or of all ("").
func (db *DB) OpenDeliveries(ctx context.Context, channel ticketing.Channel, state ticketing.DeliveryState, limit int) ([]ticketing.Delivery, error) {
	list, err := many(ctx, db, scanDelivery, selectDelivery+`
		WHERE state = $1 AND ($2 = '' OR channel = $2) AND state IN ('waiting', 'dead') ORDER BY created_at, fact LIMIT $3`,
		string(state), string(channel), limit)
	if err != nil {
		return nil, fmt.Errorf("listing deliveries: %w", err)
	}
	return list, nil
}

// CountDeliveries tells how many deliveries there are by channel and state.
func (db *DB) CountDeliveries(ctx context.Context) (map[ticketing.Channel]map[ticketing.DeliveryState]int, error) {
	counts := map[ticketing.Channel]map[ticketing.DeliveryState]int{}
	rows, err := db.pool.Query(ctx, `SELECT channel, state, count(*) FROM notices GROUP BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("counting deliveries: %w", err)
	}
	var channel, state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&channel, &state, &n}, func() error {
		of := counts[ticketing.Channel(channel)]
		if of == nil {
			of = map[ticketing.DeliveryState]int{}
			counts[ticketing.Channel(channel)] = of
		}
		of[ticketing.DeliveryState(state)] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting deliveries: %w", err)
	}
	return counts, nil
}

// RetryDeliveries takes up dead deliveries again, of one channel or of all (""), each with the job that job makes of it,
// and tells how many.
func (db *DB) RetryDeliveries(ctx context.Context, channel ticketing.Channel, job func(ticketing.Delivery) ticketing.Job) (total int, err error) {
	for {
		n, err := db.retrySome(ctx, channel, job)
		total += n
		if err != nil {
			return total, fmt.Errorf("retrying deliveries: %w", err)
		}
		if n < maxRetried {
			return total, nil
		}
	}
}

func (db *DB) retrySome(ctx context.Context, channel ticketing.Channel, job func(ticketing.Delivery) ticketing.Job) (n int, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			UPDATE notices n SET state = 'waiting', attempts = 0, tries = tries + 1, created_at = $3, ended_at = NULL
			  FROM (SELECT fact, channel FROM notices WHERE state = 'dead' AND ($1 = '' OR channel = $1)
			         ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) w
			 WHERE n.fact = w.fact AND n.channel = w.channel
			RETURNING n.notice, n.channel, n.state, n.attempts, n.last_error, n.tries, n.created_at`,
			string(channel), maxRetried, db.now())
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, scanDelivery)
		if err != nil || len(list) == 0 {
			return err
		}
		n = len(list)
		jobs := make([]ticketing.Job, n)
		for i, d := range list {
			jobs[i] = job(d)
		}
		return db.enqueue(ctx, tx, jobs)
	})
	return n, err
}

// ReservationOf is a reservation whoever's it is, as the read tables know it; ticketing.ErrNotFound when they do not.
func (db *DB) ReservationOf(ctx context.Context, id ticketing.ReservationID) (ticketing.ReservationSummary, error) {
	stored, err := one(ctx, db, scanSummary, selectSummary+`WHERE r.round = $1 AND r.number = $2`, int64(id.Round), int64(id.Number))
	if err == nil {
		err = db.label(ctx, &stored)
	}
	if err != nil {
		return ticketing.ReservationSummary{}, fmt.Errorf("reservation %s: %w", id, err)
	}
	return stored.ReservationSummary, nil
}

// Showing is what a ticket says of a round; ticketing.ErrNotFound when there is none.
func (db *DB) Showing(ctx context.Context, round ticketing.RoundID) (ticketing.Showing, error) {
	s, err := one(ctx, db, func(row pgx.CollectableRow) (s ticketing.Showing, err error) {
		var starts time.Time
		err = row.Scan(&s.Title, &s.Hall, &s.Address, &starts, &s.DurationMinutes)
		s.Round, s.StartsAt = round, ticketing.MillisOf(starts)
		return s, err
	}, `SELECT p.title, h.name, h.address, n.starts_at, p.duration_minutes
	      FROM rounds n JOIN performances p ON p.id = n.performance_id JOIN halls h ON h.id = p.hall_id WHERE n.id = $1`, int64(round))
	if err != nil {
		return s, fmt.Errorf("the showing of round %d: %w", round, err)
	}
	return s, nil
}

// RefundOf is what an order of a reservation gives back, or has given back; attempt 0: all of them together.
func (db *DB) RefundOf(ctx context.Context, id ticketing.ReservationID, attempt uint32) (ticketing.KRW, error) {
	amount, err := one(ctx, db, pgx.RowTo[int64], `
		SELECT coalesce(sum(refund), 0)::bigint FROM orders WHERE round = $1 AND number = $2 AND ($3 = 0 OR attempt = $3)`,
		int64(id.Round), int64(id.Number), int64(attempt))
	if err != nil {
		return 0, fmt.Errorf("the refund of %s: %w", id, err)
	}
	return ticketing.KRW(amount), nil
}

// EndedWith lists at most limit of a round's reservations that were canceled at a moment, after a number, with their
// customers.
func (db *DB) EndedWith(ctx context.Context, round ticketing.RoundID, at ticketing.Millis, after uint32, limit int) ([]ticketing.LiveReservation, error) {
	list, err := many(ctx, db, func(row pgx.CollectableRow) (r ticketing.LiveReservation, err error) {
		err = row.Scan(&r.Number, &r.User)
		return r, err
	}, `SELECT number, user_id FROM reservations WHERE round = $1 AND status = 'canceled' AND ended_at = $2 AND number > $3 ORDER BY number LIMIT $4`,
		int64(round), at.Time(), int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("reservations that ended with round %d: %w", round, err)
	}
	return list, nil
}

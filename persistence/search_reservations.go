package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// What an index of reservations is made of. Its ids are "42-7", and come in the order of rounds and numbers.

const selectFoundReservation = `
SELECT r.round, r.number, p.title, r.user_id, coalesce(u.name, ''), r.status, r.amount, r.held_at
  FROM %s r
  JOIN rounds n ON n.id = r.round
  JOIN performances p ON p.id = n.performance_id
  LEFT JOIN users u ON u.id = r.user_id
 ORDER BY r.round, r.number`

func scanFoundReservation(row pgx.CollectableRow) (ticketing.SearchDocument, error) {
	d := ticketing.SearchDocument{Kind: ticketing.FindReservations, Held: &ticketing.SearchReservation{}}
	var id ticketing.ReservationID
	var status string
	var heldAt time.Time
	err := row.Scan(&id.Round, &id.Number, &d.Name, &d.Held.User, &d.Held.UserName, &status, &d.Held.Amount, &heldAt)
	d.ID, d.Held.Status, d.Held.HeldAt = id.String(), statuses[status], ticketing.MillisOf(heldAt)
	return d, err
}

// reservationDocuments are those of ids that there are.
func (db *DB) reservationDocuments(ctx context.Context, ids []string) ([]ticketing.SearchDocument, error) {
	rounds, numbers := make([]int64, len(ids)), make([]int64, len(ids))
	for i, text := range ids {
		id, ok := ticketing.ParseReservationID(text)
		if !ok {
			return nil, fmt.Errorf("reading reservation %q: %w", text, ticketing.ErrNotFound)
		}
		rounds[i], numbers[i] = int64(id.Round), int64(id.Number)
	}
	docs, err := many(ctx, db, scanFoundReservation, fmt.Sprintf(selectFoundReservation,
		`(SELECT s.* FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[])) i (round, number) JOIN reservations s USING (round, number))`), rounds, numbers)
	if err != nil {
		return nil, fmt.Errorf("reading %d reservations for the index: %w", len(ids), err)
	}
	return docs, nil
}

// reservationDocumentsAfter is a page of all of them.
func (db *DB) reservationDocumentsAfter(ctx context.Context, after string, limit int) ([]ticketing.SearchDocument, error) {
	round, number, err := startOfPage(after)
	if err != nil {
		return nil, err
	}
	docs, err := many(ctx, db, scanFoundReservation, fmt.Sprintf(selectFoundReservation,
		`(SELECT * FROM reservations WHERE (round, number) > ($1, $2) ORDER BY round, number LIMIT $3)`), round, number, limit)
	if err != nil {
		return nil, fmt.Errorf("reading reservations for the index: %w", err)
	}
	return docs, nil
}

// startOfPage reads an id to go on after; "" is before the first.
func startOfPage(after string) (round, number int64, err error) {
	if after == "" {
		return 0, 0, nil
	}
	id, ok := ticketing.ParseReservationID(after)
	if !ok {
		return 0, 0, fmt.Errorf("reading reservations after %q: %w", after, ticketing.ErrNotFound)
	}
	return int64(id.Round), int64(id.Number), nil
}

// ReservationsNaming lists the reservations that a choice means, in the order of their ids, at most limit of them after the
// given one.
func (db *DB) ReservationsNaming(ctx context.Context, which ticketing.ReservationChoice, after string, limit int) ([]string, error) {
	round, number, err := startOfPage(after)
	if err != nil {
		return nil, err
	}
	sql, args := namingSQL(which, round, number, limit)
	ids, err := many(ctx, db, func(row pgx.CollectableRow) (string, error) {
		var id ticketing.ReservationID
		err := row.Scan(&id.Round, &id.Number)
		return id.String(), err
	}, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("listing reservations for the index: %w", err)
	}
	return ids, nil
}

func namingSQL(which ticketing.ReservationChoice, round, number int64, limit int) (sql string, args []any) {
	args = []any{round, number, limit}
	var where string
	switch {
	case which.Performance != 0:
		where, args = `r.round IN (SELECT id FROM rounds WHERE performance_id = $4)`, append(args, which.Performance)
	case which.Round == 0:
		where, args = `r.user_id = ANY ($4)`, append(args, which.Users)
	case which.Whole:
		where, args = `r.round = $4`, append(args, int64(which.Round))
	default:
		where, args = `r.round = $4 AND (r.number = ANY ($5) OR r.user_id = ANY ($6))`, append(args, int64(which.Round), which.Numbers, which.Users)
	}
	return `SELECT r.round, r.number FROM reservations r WHERE ` + where + ` AND (r.round, r.number) > ($1, $2) ORDER BY r.round, r.number LIMIT $3`, args
}

// indexedTogether is how many customers or reservations are named in one job at most.
const indexedTogether = 200

// reindex has reservations looked after in a search index once the transaction is committed.
func (db *DB) reindex(ctx context.Context, tx pgx.Tx, which ticketing.ReservationChoice) error {
	if db.indexJob == nil {
		return nil
	}
	return db.enqueue(ctx, tx, []ticketing.Job{db.indexJob(which, db.clock())})
}

// ReservationsFile names the file that reservations are kept in: another one each time they are emptied, to be folded anew.
func (db *DB) ReservationsFile(ctx context.Context) (int64, error) {
	file, err := one(ctx, db, pgx.RowTo[int64], `SELECT pg_relation_filenode('reservations')::bigint`)
	if err != nil {
		return 0, fmt.Errorf("looking whether the read tables are being rebuilt: %w", err)
	}
	return file, nil
}

// ProjectedUpTo is the last event of each stream that the read tables have; streams that are not known are left out.
func (db *DB) ProjectedUpTo(ctx context.Context, streams []ticketing.Stream) (map[ticketing.Stream]uint64, error) {
	seqs := make(map[ticketing.Stream]uint64, len(streams))
	rows, err := db.pool.Query(ctx, `SELECT stream, projected_seq FROM streams WHERE stream = ANY ($1)`, streams)
	if err == nil {
		var s ticketing.Stream
		var seq int64
		_, err = pgx.ForEachRow(rows, []any{&s, &seq}, func() error {
			seqs[s] = uint64(seq)
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("how far %d streams are projected: %w", len(streams), err)
	}
	return seqs, nil
}

// ReservationsAmong returns those of ids that the filter lets through, in order: what SearchReservations would list, were
// there no others.
func (db *DB) ReservationsAmong(ctx context.Context, ids []ticketing.ReservationID, f ticketing.ReservationFilter, o ticketing.ReservationOrder) ([]ticketing.FoundReservation, error) {
	sql, args := amongSQL(ids, f, o)
	return db.found(ctx, sql, args)
}

func amongSQL(ids []ticketing.ReservationID, f ticketing.ReservationFilter, o ticketing.ReservationOrder) (string, []any) {
	rounds, numbers := make([]int64, len(ids)), make([]int64, len(ids))
	for i, id := range ids {
		rounds[i], numbers[i] = int64(id.Round), int64(id.Number)
	}
	where, args := filterSQL(f)
	n := len(args)
	args = append(args, rounds, numbers)
	// OFFSET 0: the few are chosen by their keys before anything else is asked of them, whatever the planner believes.
	return pageSQL(fmt.Sprintf(`(SELECT s.* FROM unnest($%d::bigint[], $%d::bigint[]) i (round, number) JOIN reservations s USING (round, number) OFFSET 0)`,
		n+1, n+2), where, args, o, len(ids))
}

// AccountByEmail is whose e-mail a text is; 0 when it is nobody's.
func (db *DB) AccountByEmail(ctx context.Context, text string) (ticketing.UserID, error) {
	ids, err := many(ctx, db, pgx.RowTo[ticketing.UserID], `SELECT id FROM users WHERE email = lower($1)`, text)
	if err != nil {
		return 0, fmt.Errorf("whose e-mail a text is: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return ids[0], nil
}

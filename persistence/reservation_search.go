package persistence

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// selectFound reads a summary's columns, who the customer is, and what was taken and given back for all of the
// reservation's orders: few rows of one key each, for those only that are shown. Nobody is named whose account was closed.
var selectFound = strings.Replace(selectSummary, "n.plan_hash\n",
	"n.plan_hash, coalesce(u.name, ''), coalesce(u.email, ''), m.paid, m.discount, m.coupon, m.owed, m.refunded\n", 1) + `
  LEFT JOIN users u ON u.id = r.user_id
  CROSS JOIN LATERAL (
	SELECT coalesce(sum(t.amount), 0)::bigint AS paid,
	       coalesce(r.amount - (array_agg(t.amount ORDER BY t.attempt DESC))[1], 0) AS discount,
	       coalesce((array_agg(t.coupon ORDER BY t.attempt DESC))[1], '') AS coupon,
	       coalesce(sum(t.refund) FILTER (WHERE t.state = 'refund_due'), 0)::bigint AS owed,
	       coalesce(sum(t.refund) FILTER (WHERE t.state = 'refunded'), 0)::bigint AS refunded
	  FROM orders t WHERE t.round = r.round AND t.number = r.number AND t.state IN ('paid', 'refund_due', 'refunded')) m `

// storedFound is a found reservation whose seats have no labels yet.
type storedFound struct {
	storedSummary
	name, email string
	money       ticketing.ReservationMoney
}

// SearchReservations lists up to limit of all customers' reservations that the filter lets through, those after a
// place, in order. The list is as the read tables know it.
func (db *DB) SearchReservations(ctx context.Context, f ticketing.ReservationFilter, o ticketing.ReservationOrder,
	after ticketing.ReservationPlace, limit int) ([]ticketing.FoundReservation, error) {
	sql, args := searchSQL(f, o, after, limit)
	return db.found(ctx, sql, args)
}

func (db *DB) found(ctx context.Context, sql string, args []any) ([]ticketing.FoundReservation, error) {
	stored, err := many(ctx, db, scanFound, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("searching reservations: %w", err)
	}
	list := make([]ticketing.FoundReservation, len(stored))
	for i := range stored {
		if err := db.label(ctx, &stored[i].storedSummary); err != nil {
			return nil, fmt.Errorf("searching reservations: %w", err)
		}
		list[i] = ticketing.FoundReservation{ReservationSummary: stored[i].ReservationSummary, Name: stored[i].name, Email: stored[i].email, Money: stored[i].money}
	}
	return list, nil
}

// CountReservations counts what SearchReservations would list, and stops at most.
func (db *DB) CountReservations(ctx context.Context, f ticketing.ReservationFilter, most int) (int, error) {
	sql, args := countSQL(f, most)
	n, err := one(ctx, db, pgx.RowTo[int], sql, args...)
	if err != nil {
		return 0, fmt.Errorf("counting reservations: %w", err)
	}
	return n, nil
}

func countSQL(f ticketing.ReservationFilter, most int) (string, []any) {
	where, args := filterSQL(f)
	args = append(args, most)
	return fmt.Sprintf(`SELECT count(*) FROM (SELECT FROM reservations r WHERE %s LIMIT $%d) AS found`, where, len(args)), args
}

// searchSQL names only what is filtered by, so that each search has a plan of its own. The page is chosen before anything is
// joined to it: else what is read for each shown one makes the planner walk past thousands.
func searchSQL(f ticketing.ReservationFilter, o ticketing.ReservationOrder, after ticketing.ReservationPlace, limit int) (string, []any) {
	where, args := filterSQL(f)
	key, beyond := keyOf(o), ">"
	if o.Descending() {
		beyond = "<"
	}
	if after != (ticketing.ReservationPlace{}) {
		n := len(args)
		var place any = after.Key
		if !o.ByAmount() {
			place = ticketing.Millis(after.Key).Time()
		}
		args = append(args, place, int64(after.ID.Round), int64(after.ID.Number))
		where += fmt.Sprintf(" AND (%s, r.round, r.number) %s ($%d, $%d, $%d)", key, beyond, n+1, n+2, n+3)
	}
	return pageSQL("reservations", where, args, o, limit)
}

// pageSQL reads a page of those in a table that the condition lets through.
func pageSQL(table, where string, args []any, o ticketing.ReservationOrder, limit int) (string, []any) {
	direction := ""
	if o.Descending() {
		direction = " DESC"
	}
	args = append(args, pageSize(limit))
	order := fmt.Sprintf("ORDER BY %s%[2]s, r.round%[2]s, r.number%[2]s", keyOf(o), direction)
	page := fmt.Sprintf("(SELECT * FROM %s r WHERE %s %s LIMIT $%d) r", table, where, order, len(args))
	return strings.Replace(selectFound, "reservations r\n", page+"\n", 1) + order, args
}

func keyOf(o ticketing.ReservationOrder) string {
	if o.ByAmount() {
		return "r.amount"
	}
	return "r.held_at"
}

// filterSQL is the condition on a row r of reservations. Parts of names and titles are found by an index of their
// letters, which lets more through; what is let through is compared.
func filterSQL(f ticketing.ReservationFilter) (where string, args []any) {
	conditions := []string{"true"}
	add := func(condition string, value any) {
		args = append(args, value)
		conditions = append(conditions, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if f.User != "" {
		add(`r.user_id IN (
			SELECT id FROM users WHERE withdrawn_at IS NULL AND grams(name) @> grams(?) AND strpos(lower(name), lower(?)) > 0
			UNION ALL SELECT id FROM users WHERE email = lower(?))`, f.User)
	}
	if f.Title != "" {
		add(`r.round IN (
			SELECT n.id FROM performances p JOIN rounds n ON n.performance_id = p.id
			 WHERE grams(p.title) @> grams(?) AND strpos(lower(p.title), lower(?)) > 0)`, f.Title)
	}
	if f.From != "" {
		add("r.held_at >= ?", startOf(f.From))
	}
	if f.To != "" {
		add("r.held_at < ?", startOf(f.To).AddDate(0, 0, 1))
	}
	if f.Status != 0 {
		add("r.status = ?", f.Status.String())
	}
	if f.Min > 0 {
		add("r.amount >= ?", int64(f.Min))
	}
	if f.Max > 0 {
		add("r.amount <= ?", int64(f.Max))
	}
	return strings.Join(conditions, " AND "), args
}

// startOf is the first moment of a day in Seoul.
func startOf(d ticketing.Day) time.Time { return d.Start().Time() }

func scanFound(row pgx.CollectableRow) (storedFound, error) {
	var s storedFound
	var err error
	m := &s.money
	s.storedSummary, err = scanSummary(more{row, []any{&s.name, &s.email, &m.Paid, &m.Discount, &m.Coupon, &m.Owed, &m.Refunded}})
	return s, err
}

// more is a row with columns behind those that its reader knows.
type more struct {
	pgx.CollectableRow
	behind []any
}

func (m more) Scan(known ...any) error { return m.CollectableRow.Scan(append(known, m.behind...)...) }

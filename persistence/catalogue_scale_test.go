package persistence

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ticketblue/ticketing"
)

// Lists of a large catalogue are read by indexes, a page at a time: they cost what they show, not what there is.
func TestListsOfALargeCatalogue(t *testing.T) {
	dsn := freshDSN(t)
	db, admin := openDB(t, dsn), superuser(t, dsn)
	if _, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "H"}, plainPlan(t, 3)); err != nil {
		t.Fatal(err)
	}
	const size = 100_000
	exec(t, admin, `
		INSERT INTO performances (title, category, hall_id, duration_minutes, prices, from_day, to_day)
		SELECT 'p' || i, (ARRAY['concert', 'musical', 'sports'])[i % 3 + 1], 1, 90, '{"standard": 1}', date '2020-01-01' + i % 3000, date '2020-01-08' + i % 3000
		  FROM generate_series(1, $1) i`, size)
	exec(t, admin, `INSERT INTO posters (performance_id, name, extension, widths) SELECT i, 'poster-' || i, 'jpg', '{320}' FROM generate_series(1, $1) i`, size)
	exec(t, admin, `INSERT INTO performers (name) SELECT 'performer ' || i FROM generate_series(1, $1) i`, size)
	exec(t, admin, `INSERT INTO performance_performers (performance_id, performer_id) SELECT i, i FROM generate_series(1, $1) i`, size)
	exec(t, admin, `
		INSERT INTO rounds (performance_id, plan_hash, starts_at, opens_at, closes_at, cancel_fee, prices, hold_ms, pay_ms, max_per_user)
		SELECT 1, hash, now(), now(), now(), 0, '{1}', 1, 1, 1 FROM plans`)
	exec(t, admin, `
		INSERT INTO reviews (performance_id, user_id, round, number, rate, body, created_at)
		SELECT 1 + i % 3, i, (SELECT id FROM rounds), 1, 5, '', now() FROM generate_series(1, $1) i`, size)
	exec(t, admin, `ANALYZE`)
	for name, filter := range map[string]ticketing.PerformanceFilter{
		"all": {}, "coming": {From: "2026-11-22"}, "of a category": {From: "2026-11-22", Category: "musical"},
		"between days": {From: "2026-11-22", To: "2026-11-30"}, "on sale": {From: "2026-11-22", OnSale: ticketing.Yes},
		"not on sale": {From: "2026-11-22", OnSale: ticketing.No},
	} {
		sql, args := performancesSQL(filter, ticketing.PerformanceCursor{}, 21)
		cheap(t, admin, name, sql, args...)
		list, err := db.Performances(t.Context(), filter, ticketing.PerformanceCursor{}, 21)
		if err != nil || len(list) != 21 && filter.OnSale != ticketing.Yes {
			t.Errorf("%s: %d, %v", name, len(list), err)
		}
	}
	deep := ticketing.PerformanceCursor{To: "2027-06-01", ID: 50_000}
	sql, args := performancesSQL(ticketing.PerformanceFilter{}, deep, 21)
	cheap(t, admin, "a page far behind", sql, args...)
	cheap(t, admin, "performers by the beginning of a name", performersSQL, "", 0, "performer 77", lastRune, "", 21)
	cheap(t, admin, "performers far behind", performersSQL, "performer 5", 50_000, "", lastRune, "", 21)
	cheap(t, admin, "performers of a performance", performersOfSQL, 1, 0, 21)
	cheap(t, admin, "reviews", reviewsOfSQL, 1, int64(1)<<62, 21)
}

const pages = 500 // rows of a few pages

// cheap wants a plan without a sequential scan of what is large, that looked at no more rows than a few pages have.
func cheap(t *testing.T, conn querier, name, sql string, args ...any) {
	t.Helper()
	within(t, pages, conn, name, sql, args...)
}

// within is cheap with another number of rows.
func within(t *testing.T, rowsAtMost float64, conn querier, name, sql string, args ...any) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON) `+sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var text string
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) != 1 {
		t.Fatalf("%s: %v in %s", name, err, text)
	}
	if flaw := plans[0].Plan.flaw(rowsAtMost); flaw != "" {
		t.Errorf("%s: %s:\n%s", name, flaw, text)
	}
}

// planNode is a step of a plan.
type planNode struct {
	NodeType     string  `json:"Node Type"`
	RelationName string  `json:"Relation Name"`
	ActualRows   float64 `json:"Actual Rows"`
	ActualLoops  float64 `json:"Actual Loops"`
	Removed      float64 `json:"Rows Removed by Filter"`
	Plans        []planNode
}

func (n planNode) flaw(most float64) string {
	touched := (n.ActualRows + n.Removed) * n.ActualLoops
	large := strings.HasPrefix(n.RelationName, "perform") || n.RelationName == "posters"
	many := (n.RelationName == "reservations" || n.RelationName == "users") && touched > pages // a few may be read in any order
	if n.NodeType == "Seq Scan" && (large || many) {
		return "reads all of " + n.RelationName
	}
	if touched > most {
		return fmt.Sprintf("%s touches %.0f rows", n.NodeType, touched)
	}
	for _, below := range n.Plans {
		if flaw := below.flaw(most); flaw != "" {
			return flaw
		}
	}
	return ""
}

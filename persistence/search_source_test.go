package persistence

import (
	"encoding/json"
	"fmt"
	"testing"

	"ticketblue/ticketing"
)

// Which index was made whole is kept, kind by kind, and known from the beginning where one is in use.
func TestSearchIndex(t *testing.T) {
	db := openDB(t, freshDSN(t))
	for _, c := range []struct {
		set, want string
		kind      ticketing.SearchKind
	}{
		{kind: ticketing.FindHalls, want: "search_hall_a"}, {kind: ticketing.FindReservations},
		{kind: ticketing.FindHalls, set: "x", want: "x"}, {kind: ticketing.FindHalls, set: "y", want: "y"}, {kind: ticketing.FindPerformers, want: "search_performer_a"},
	} {
		if c.set != "" {
			if err := db.SetSearchIndex(t.Context(), c.kind, c.set); err != nil {
				t.Fatal(err)
			}
		}
		if name, err := db.SearchIndex(t.Context(), c.kind); name != c.want || err != nil {
			t.Errorf("%+v: %q, %v", c, name, err)
		}
	}
}

// After a seed there are no statistics, and the planner believes that a performance has hundreds of performers: what the
// index is made of is read one by one all the same.
func TestSearchDocumentsWithoutStatistics(t *testing.T) {
	dsn := freshDSN(t)
	db, admin := openDB(t, dsn), superuser(t, dsn)
	if _, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "H"}, plainPlan(t, 3)); err != nil {
		t.Fatal(err)
	}
	const many, page = 20_000, 50
	exec(t, admin, `INSERT INTO performances (title, category, hall_id, duration_minutes, prices, from_day, to_day)
		SELECT '공연 ' || i, 'concert', 1, 90, '{"standard": 1}', date '2020-01-01', date '2030-01-01' FROM generate_series(1, $1::int) i`, many)
	exec(t, admin, `INSERT INTO performers (name, nation) SELECT '출연자 ' || i, '' FROM generate_series(1, $1::int) i`, many)
	exec(t, admin, `INSERT INTO performance_performers (performance_id, performer_id) SELECT i, 1 + (i * n) % $1::int FROM generate_series(1, $1::int) i, generate_series(1, 2) n
		ON CONFLICT DO NOTHING`, many)
	var ids []int64
	for i := range page {
		ids = append(ids, int64(1+i*many/page))
	}
	var text []byte
	if err := admin.QueryRow(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON) `+fmt.Sprintf(selectFoundPerformance, `= ANY($1)`), ids).Scan(&text); err != nil {
		t.Fatal(err)
	}
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal(text, &plans); err != nil {
		t.Fatal(err)
	}
	if n := plans[0].Plan.touchedOf("performers"); n == 0 || n > 10*page {
		t.Errorf("%.0f performers are looked at for %d performances:\n%s", n, page, text)
	}
	docs, err := db.SearchDocumentsAfter(t.Context(), ticketing.FindPerformances, "7", 3)
	if err != nil || len(docs) != 3 || docs[0].ID != "8" || len(docs[0].Performers) != 2 || docs[0].Performers[0] != (ticketing.SearchRef{ID: 9, Name: "출연자 9"}) {
		t.Errorf("%+v, %v", docs, err)
	}
}

// touchedOf counts the rows of a table that a plan has looked at.
func (n planNode) touchedOf(table string) (rows float64) {
	if n.RelationName == table {
		rows = (n.ActualRows + n.Removed) * n.ActualLoops
	}
	for _, below := range n.Plans {
		rows += below.touchedOf(table)
	}
	return rows
}

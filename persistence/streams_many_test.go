package persistence

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// Of many streams those with news are found page by page: no statement reads more than a page, however many there are.
// MANY_STREAMS=500000 makes it the measurement of docs/performance.md.
func TestBehindOfManyStreams(t *testing.T) {
	many, each := 10_000, 1000
	if text := os.Getenv("MANY_STREAMS"); text != "" {
		var err error
		if many, err = strconv.Atoi(text); err != nil || many < 10_000 {
			t.Fatalf("MANY_STREAMS=%s: a number from 10,000 on", text)
		}
		each = 4096
	}
	dsn := freshDSN(t)
	db, admin := openDB(t, dsn), superuser(t, dsn)
	exec(t, admin, `SET statement_timeout = 0`)
	exec(t, admin, `INSERT INTO streams (stream, relayed_seq) SELECT 'round:' || i, CASE WHEN i % 100 = 0 THEN 1 ELSE 2 END FROM generate_series(1, $1::int) i`, many)
	exec(t, admin, `INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload)
		SELECT 'round:' || i, n, n, n - 1, gen_random_uuid(), gen_random_uuid(), '\x00' FROM generate_series(1, $1::int) i, generate_series(1, 2) n`, many)
	exec(t, admin, `ANALYZE`)
	round := func() (behind []ticketing.Stream, pages int, slowest time.Duration) {
		for next := ticketing.Stream(""); ; {
			began := time.Now()
			found, after, err := db.Behind(t.Context(), next, each)
			if err != nil {
				t.Fatal(err)
			}
			slowest = max(slowest, time.Since(began))
			behind, next, pages = append(behind, found...), after, pages+1
			if next == "" {
				return behind, pages, slowest
			}
		}
	}
	began := time.Now()
	behind, pages, slowest := round()
	t.Logf("%d streams in %d pages: %s, the slowest page %s", many, pages, time.Since(began), slowest)
	if len(behind) != many/100 || !slices.IsSorted(behind) || !slices.Contains(behind, "round:100") || pages != many/each+1 {
		t.Errorf("%d behind in %d pages", len(behind), pages)
	}
	within(t, float64(4*each), admin, "a page", behindSQL, "round:5", each)
	began = time.Now()
	if err := db.RewindRelayed(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	t.Logf("all marks taken back in %s", time.Since(began))
	if behind, _, _ = round(); len(behind) != many {
		t.Errorf("%d behind after all marks were taken back", len(behind))
	}
}

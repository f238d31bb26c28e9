package postgres

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/search"
	"ticketblue/search/conformance"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// open makes an engine over tables of its own.
func open(t testing.TB) *Engine {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), tables(t)); err != nil {
		t.Fatal(err)
	}
	return New(pool)
}

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) search.Engine { return open(t) })
}

// tables are those of the migration, which belongs to another room.
func tables(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../persistence/migrations/00011_search.sql")
	if err != nil {
		t.Fatal(err)
	}
	up, _, found := strings.Cut(string(text), "-- +goose Down")
	if !found {
		t.Fatal("the migration has no way back")
	}
	return up
}

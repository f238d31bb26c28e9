package pgtest_test

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"ticketblue/persistence/embedded/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// query runs one statement that returns one text.
func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var answer string
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestEachCallIsAnEmptyDatabase(t *testing.T) {
	one, two := pgtest.DSN(t), pgtest.DSN(t)
	const create = "with x as (select 1) select current_database()"
	if a, b := query(t, one, create), query(t, two, create); a == b {
		t.Fatalf("both DSNs lead to %s", a)
	}
	const tables = "select count(*)::text from information_schema.tables where table_schema = 'public'"
	if n := query(t, one, tables); n != "0" {
		t.Fatalf("a fresh database has %s tables", n)
	}
}

func TestDatabasesMayBeMadeTogether(t *testing.T) {
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			query(t, pgtest.DSN(t), "select 'ok'")
		})
	}
}

func TestDurabilityIsOnAsInProduction(t *testing.T) {
	dsn := pgtest.DSN(t)
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if v := query(t, dsn, "show "+setting); v != "on" {
			t.Errorf("%s is %s", setting, v)
		}
	}
}

func TestPrivateServerComesBackAfterKill(t *testing.T) {
	c := pgtest.Server(t)
	for range 3 {
		c.Kill()
		c.AwaitBack()
		if got := query(t, c.DSN(), "select 'back'"); got != "back" {
			t.Fatal(got)
		}
	}
}

package main

import (
	"slices"
	"strings"
	"testing"

	"ticketblue/persistence/embedded/pgtest"
)

// TestRebuildBesideAnotherServer: a rebuild that cannot see the server of its database, because that keeps its data elsewhere,
// refuses: the server would go on telling the old index, or tables, of what it is told. Without the server it works, also
// right after a kill.
func TestRebuildBesideAnotherServer(t *testing.T) {
	dsn := pgtest.DSN(t)
	elsewhere := []string{"--data", t.TempDir(), "--database-url", dsn}
	s := startServer(t, t.TempDir(), "--database-url", dsn)
	for _, what := range [][]string{{"rebuild", "--search"}, {"rebuild"}} {
		if out, code := runProgram(t, slices.Concat(what, elsewhere)...); code == 0 || !strings.Contains(out, "another process serves this database") {
			t.Errorf("%v exits with %d: %s", what, code, out)
		}
	}
	s.kill()
	for _, what := range [][]string{{"rebuild", "--search"}, {"rebuild"}} {
		if out, code := runProgram(t, slices.Concat(what, elsewhere)...); code != 0 {
			t.Errorf("%v without a server exits with %d: %s", what, code, out)
		}
	}
}

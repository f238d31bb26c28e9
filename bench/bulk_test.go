package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"ticketblue/persistence/embedded/pgtest"
)

// Every way changes every row once, and the run would say so if one did not: the control leaves half of them out.
func TestBulk(t *testing.T) {
	dsn := pgtest.DSN(t)
	b := &Bulk{Rows: 2000, Portion: 100, Repeat: 1, Database: dsn}
	ways := bulkWays()
	if err := b.measure(t.Context(), dsn, ways); err != nil {
		t.Fatal(err)
	}
	for _, w := range ways {
		want := []int64{2000}
		if w.Control {
			want = []int64{1000}
		}
		if !slices.Equal(w.Changed, want) {
			t.Errorf("%s changed %v", w.Name, w.Changed)
		}
	}
	var out bytes.Buffer
	if !b.judge(&out, ways) || !strings.HasPrefix(out.String(), "PASS") {
		t.Errorf("%s", out.String())
	}
	ways[2].Changed[0]--
	if out.Reset(); b.judge(&out, ways) || !strings.HasPrefix(out.String(), "FAIL") {
		t.Errorf("a row was left out: %s", out.String())
	}
}

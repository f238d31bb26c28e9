package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// TestRoundTag: what a round's own address says has an ETag by which the round is moved and deleted, or is not when
// somebody else has moved it meanwhile.
func TestRoundTag(t *testing.T) {
	m := openMuseum(t)
	hall := m.hall("Hall")
	round := m.round(m.performance("show", hall), 48)
	path, change := fmt.Sprintf("GET /v1/rounds/%d", round), fmt.Sprintf("/v1/admin/rounds/%d", round)
	tag := func() string {
		t.Helper()
		a := m.ask(0, 200, path, "")
		etag := a.header.Get("ETag")
		if want := fmt.Sprintf(`"%v-`, a.body["version"]); !strings.HasPrefix(etag, want) {
			t.Fatalf("ETag %s of %v", etag, a.body)
		}
		return etag
	}
	first := tag()
	m.ahead.Add(int64(time.Second)) // the time alone is no change
	m.ask(0, 304, path, "", "If-None-Match", first)
	m.ask(curator, 200, "PUT "+change, m.times(60, 2*time.Hour), "If-Match", first)
	m.ask(0, 200, path, "", "If-None-Match", first)
	second := tag()
	m.refused(curator, 412, "changed_meanwhile", "", "PUT "+change, m.times(70, 2*time.Hour), "If-Match", first)
	m.refused(curator, 412, "changed_meanwhile", "", "DELETE "+change, "", "If-Match", first)
	if tag() != second {
		t.Error("what was refused has changed the round")
	}
	m.do(round, ticketing.OpenSale{})
	open := tag()
	m.ask(0, 304, path, "", "If-None-Match", open)
	m.ask(visitor, 201, fmt.Sprintf("POST /v1/rounds/%d/reservations", round), `{"seats":["A-1-1"]}`, "Idempotency-Key", "k")
	m.ask(0, 200, path, "", "If-None-Match", open) // other counts
	paused := m.ask(curator, 200, "POST "+change+"/pause", "")
	m.ask(0, 304, path, "", "If-None-Match", paused.header.Get("ETag"))

	other := m.round(m.performance("another", m.hall("Elsewhere")), 48)
	gone := m.ask(0, 200, fmt.Sprintf("GET /v1/rounds/%d", other), "").header.Get("ETag")
	m.ask(curator, 204, fmt.Sprintf("DELETE /v1/admin/rounds/%d", other), "", "If-Match", gone)
}

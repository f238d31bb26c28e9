package main

import (
	"fmt"
	"slices"
	"testing"

	"ticketblue/ticketing"
)

// A hall gets other grades while a round is sold by the old ones.
func TestCataloguePricesOfOlderPlans(t *testing.T) {
	m := openMuseum(t)
	hall := m.hall("H")
	show := m.performance("T", hall)
	round := m.round(show, 48)
	m.ask(curator, 200, fmt.Sprintf("PUT /v1/admin/halls/%d", hall), `{"name":"H","grades":["Q"],"sections":[{"name":"A","rows":[{"name":"1","grade":"Q","seats":3}]}]}`)
	path := fmt.Sprintf("PUT /v1/admin/performances/%d", show)
	body := func(title, prices string) string {
		return fmt.Sprintf(`{"title":%q,"category":"concert","hall_id":%d,"duration_minutes":120,"prices":{%s}}`, title, hall, prices)
	}
	m.ask(curator, 200, path, body("other title", `"standard":50000`))
	m.refused(curator, 422, "invalid_input", "prices.standard", path, body("T", `"Q":777`))
	m.refused(curator, 422, "invalid_input", "prices.Q", path, body("T", `"standard":60000`))
	m.refused(curator, 422, "invalid_input", "prices", path, body("T", `"Q":777,"standard":60000,"VIP":1000`))
	m.ask(curator, 200, path, body("T", `"Q":777,"standard":60000`))
	if got := m.do(round, ticketing.ReadStatus{}).Status.Prices; !slices.Equal(got, []ticketing.KRW{60_000}) {
		t.Errorf("the round sells at %v", got)
	}
	m.do(round, ticketing.CloseSale{})
	m.refused(curator, 422, "invalid_input", "prices", path, body("T", `"Q":800,"standard":60000`))
	m.ask(curator, 200, path, body("T", `"Q":800`))
}

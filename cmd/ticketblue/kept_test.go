package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ticketblue/api"
	"ticketblue/broadcast"
	"ticketblue/ticketing"
)

// TestAnswersFollowEdits: who edits the catalogue sees it at once, and another node, whose answers never get old by its
// clock, by the events.
func TestAnswersFollowEdits(t *testing.T) {
	m := openMuseum(t)
	carrier, err := broadcast.Start(t.Context(), broadcast.Options{Dir: t.TempDir(), Rewind: m.store.RewindRelayed})
	if err != nil {
		t.Fatal(err)
	}
	config, frozen := m.config, time.Now()
	config.Clock = func() time.Time { return frozen }
	node := api.New(config)
	relay := broadcast.NewRelay(broadcast.RelayConfig{Broadcaster: carrier, Journal: m.store})
	m.told = relay.Hint
	ctx, stop := context.WithCancel(context.Background())
	relayed, followed := make(chan struct{}), make(chan struct{})
	go func() { defer close(relayed); relay.Run(ctx) }()
	go func() { defer close(followed); _ = carrier.Follow(ctx, forgetful(m.store, node.Forget)) }()
	t.Cleanup(func() {
		stop()
		<-relayed
		<-followed
		closing, cancel := context.WithTimeout(context.Background(), answerLimit)
		defer cancel()
		if err := carrier.Close(closing); err != nil {
			t.Error(err)
		}
	})
	there := func(path string) string {
		a, err := node.App().Test(httptest.NewRequest(http.MethodGet, path, http.NoBody), -1)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	sees := func(path, what string) {
		t.Helper()
		here, err := json.Marshal(m.ask(0, 200, "GET "+path, "").body)
		if err != nil || !strings.Contains(string(here), what) {
			t.Errorf("%s on the node of the edit: %s, want %s, %v", path, here, what, err)
		}
		again, limit := time.NewTicker(10*time.Millisecond), time.After(endLimit)
		defer again.Stop()
		for !strings.Contains(there(path), what) {
			select {
			case <-again.C:
			case <-limit:
				t.Fatalf("%s on another node: %s, want %s", path, there(path), what)
			}
		}
	}

	hall := m.id("POST /v1/admin/halls", `{"name":"H","seats":10}`)
	show := m.performance("TWENTY", hall)
	round := m.round(show, 3)
	singer := m.id("POST /v1/admin/performers", `{"name":"IU"}`)
	of := fmt.Sprintf("/v1/performances/%d", show)
	hallPath, singerPath := fmt.Sprintf("/v1/halls/%d", hall), fmt.Sprintf("/v1/performers/%d", singer)
	for _, path := range []string{of, of + "/rounds", of + "/reviews", of + "/performers", hallPath, singerPath} {
		there(path)
		m.ask(0, 200, "GET "+path, "")
	}

	m.ask(curator, 204, "POST /v1/admin/performances/1/performers", fmt.Sprintf(`{"performer_id":%d}`, singer))
	sees(of+"/performers", "IU")
	m.ask(curator, 200, "PUT /v1/admin"+singerPath[3:], `{"name":"Lee"}`)
	sees(of+"/performers", "Lee")
	sees(singerPath, "Lee")
	m.ask(curator, 200, "PUT /v1/admin"+hallPath[3:], `{"name":"Grand"}`)
	sees(hallPath, "Grand")
	sees(of, "Grand")
	m.ask(curator, 200, "PUT /v1/admin/performances/1",
		fmt.Sprintf(`{"title":"ELEVEN","category":"concert","hall_id":%d,"duration_minutes":120,"prices":{"standard":50000}}`, hall))
	sees(of, "ELEVEN")
	second := m.round(show, 30)
	moved := m.ask(curator, 200, fmt.Sprintf("PUT /v1/admin/rounds/%d", second), m.times(40, 90*time.Minute))
	sees(of+"/rounds", moved.body["opens_at"].(string))

	m.do(round, ticketing.OpenSale{}) // the machine's, not the catalogue's: known here when the tables are
	if listed := m.ask(0, 200, "GET "+of+"/rounds", "").body; !strings.Contains(fmt.Sprint(listed), "open") {
		t.Errorf("rounds %v", listed)
	}
	m.buy(round, visitor, "A-1-1")
	m.ahead.Add(int64(6 * time.Hour))
	m.ask(visitor, 201, "POST "+of+"/reviews", `{"rate":4,"text":"좋아요"}`)
	sees(of+"/reviews", "좋아요")
	sees(of, `"average":4`)
	m.verified()
}

package typesense

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/search"
	"ticketblue/search/typesense/fake"
	"ticketblue/ticketing"
)

// barren is a source that has nothing, but for what it keeps of the index.
type barren struct {
	search.Source
	whole *sync.Map // names by kind
}

func newBarren() barren { return barren{whole: new(sync.Map)} }

func (barren) SearchDocumentsAfter(context.Context, ticketing.SearchKind, string, int) ([]ticketing.SearchDocument, error) {
	return nil, nil
}
func (b barren) SearchIndex(_ context.Context, kind ticketing.SearchKind) (string, error) {
	name, _ := b.whole.Load(kind)
	text, _ := name.(string)
	return text, nil
}
func (b barren) SetSearchIndex(_ context.Context, kind ticketing.SearchKind, name string) error {
	b.whole.Store(kind, name)
	return nil
}
func (barren) PerformancesOnSale(context.Context) ([]int64, error) { return nil, nil }

// What a rebuild has replaced goes, names of customers with it, also when the server did not delete it at once: when it does
// again, or after the program's next start.
func TestReplacedGoesInTheEnd(t *testing.T) {
	for _, again := range []string{"the same process", "another"} {
		t.Run(again, func(t *testing.T) {
			server := &refusing{Server: fake.New(testKey)}
			e := New(Options{URL: listen(t, server), APIKey: testKey, Reservations: true})
			source := newBarren()
			follower := search.NewSync(e, source, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			if err := follower.Rebuild(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := e.Put(t.Context(), slices.Collect(maps.Values(reservations()))); err != nil {
				t.Fatal(err)
			}
			server.refuse(http.MethodDelete, "/collections/")
			if err := follower.Rebuild(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := ofReservations(server); len(left) != 2 {
				t.Fatalf("the server deletes what it may not: %v", left)
			}
			if again == "another" {
				follower = search.NewSync(e, source, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			}
			running, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); follower.Run(running) }()
			defer func() { stop(); <-ended }()
			server.refuse("", "")
			tick, limit := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
			defer tick.Stop()
			for left := ofReservations(server); len(left) != 1; left = ofReservations(server) {
				follower.Hint()
				select {
				case <-tick.C:
				case <-limit:
					t.Fatalf("%v are left", left)
				}
			}
		})
	}
}

func ofReservations(server *refusing) (names []string) {
	for _, name := range server.Collections() {
		if strings.HasPrefix(name, "tb_reservation_") {
			names = append(names, name)
		}
	}
	return names
}

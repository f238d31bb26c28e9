package typesense

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/search/typesense/fake"
	"ticketblue/ticketing"
)

// catalogue is a source that has what the conformance suite has.
type catalogue struct{ barren }

func (catalogue) SearchDocumentsAfter(_ context.Context, kind ticketing.SearchKind, after string, _ int) (docs []ticketing.SearchDocument, _ error) {
	for _, d := range conformance.Documents() {
		if d.Kind == kind && after == "" {
			docs = append(docs, d)
		}
	}
	return docs, nil
}

func (catalogue) SearchDocuments(_ context.Context, kind ticketing.SearchKind, ids []string) (docs []ticketing.SearchDocument, _ error) {
	for _, d := range conformance.Documents() {
		for _, id := range ids {
			if d.Kind == kind && d.ID == id {
				docs = append(docs, d)
			}
		}
	}
	return docs, nil
}

// losing does what swaps ask for, and loses the answer.
type losing struct {
	*fake.Server
	loses atomic.Bool
}

func (l *losing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.loses.Load() && r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/aliases/") {
		l.Server.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	l.Server.ServeHTTP(w, r)
}

func openSync(e *Engine) *search.Sync {
	return search.NewSync(e, catalogue{newBarren()}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
}

var someShows = []ticketing.SearchQuery{{Kind: ticketing.FindPerformances, Text: "레미", Limit: 5}}

// A rebuild that does not hear of its swap deletes nothing that the alias names, and what it leaves goes in the end.
func TestSwapUnanswered(t *testing.T) {
	server := &losing{Server: fake.New(testKey)}
	e := New(Options{URL: listen(t, server), APIKey: testKey})
	sync := openSync(e)
	if err := sync.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.loses.Store(true)
	if err := sync.Rebuild(t.Context()); err == nil {
		t.Fatal("every answer came")
	}
	server.loses.Store(false)
	if results, err := e.Search(t.Context(), someShows); err != nil || results[0].Count != 2 {
		t.Errorf("found %+v, %v", results, err)
	}
	for _, kind := range e.Kinds() {
		if searched, err := e.Current(t.Context(), kind); searched == "" || err != nil {
			t.Errorf("no %s is searched, %v", kind, err)
		}
	}
	if err := sync.Refresh(t.Context(), ticketing.FindPerformances, []string{"1"}); err != nil {
		t.Error(err)
	}
	if err := sync.Rebuild(t.Context()); err != nil || len(server.Collections()) != len(e.Kinds()) {
		t.Errorf("%v are left, %v", server.Collections(), err)
	}
}

// A collection that is gone is not taken for an empty one, and is made anew while the program runs.
func TestLostIsRebuilt(t *testing.T) {
	e, server := open(t)
	sync := openSync(e)
	if err := sync.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	lose := func() {
		if err := e.drop(t.Context(), ticketing.FindPerformances, ""); err != nil {
			t.Fatal(err)
		}
	}
	lose()
	if results, err := search.NewFinder(e).Search(t.Context(), someShows); !errors.Is(err, ticketing.ErrUnavailable) {
		t.Errorf("found %+v, %v", results, err)
	}
	if searched, err := e.Current(t.Context(), ticketing.FindPerformances); searched != "" || err != nil {
		t.Errorf("%q is searched, %v", searched, err)
	}
	if err := sync.Refresh(t.Context(), ticketing.FindPerformances, []string{"1"}); err == nil {
		t.Error("one document makes it look whole")
	}
	go func() { defer close(ended); sync.Run(running) }()
	defer func() { stop(); <-ended }()
	tick, limit := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for _, when := range []string{"before it ran", "while it runs"} {
		for results, err := e.Search(t.Context(), someShows); err != nil || results[0].Count != 2; results, err = e.Search(t.Context(), someShows) {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("lost %s: %+v, %v of %v", when, results, err, server.Collections())
			}
		}
		if when == "before it ran" {
			lose()
		}
	}
}

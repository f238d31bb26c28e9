package typesense

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/search"
	"ticketblue/search/typesense/fake"
	"ticketblue/ticketing"
)

// late takes swaps while it holds, answers nothing, and does them when they are let go.
type late struct {
	*fake.Server
	holds atomic.Bool
	mu    sync.Mutex
	held  []*http.Request
}

func (l *late) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !l.holds.Load() || r.Method != http.MethodPut || !strings.HasPrefix(r.URL.Path, "/aliases/") {
		l.Server.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, again)
	panic(http.ErrAbortHandler)
}

func (l *late) letGo() {
	l.holds.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.held {
		l.Server.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// edited is a catalogue whose first performance has a name that changes, and on whose sales the index agrees.
type edited struct {
	catalogue
	name atomic.Pointer[string]
}

func newEdited() *edited { return &edited{catalogue: catalogue{newBarren()}} }

func (c *edited) SearchDocumentsAfter(ctx context.Context, kind ticketing.SearchKind, after string, limit int) ([]ticketing.SearchDocument, error) {
	docs, err := c.catalogue.SearchDocumentsAfter(ctx, kind, after, limit)
	return c.named(docs), err
}

func (c *edited) SearchDocuments(ctx context.Context, kind ticketing.SearchKind, ids []string) ([]ticketing.SearchDocument, error) {
	docs, err := c.catalogue.SearchDocuments(ctx, kind, ids)
	return c.named(docs), err
}

func (c *edited) named(docs []ticketing.SearchDocument) []ticketing.SearchDocument {
	for i, d := range docs {
		if name := c.name.Load(); name != nil && d.Kind == ticketing.FindPerformances && d.ID == "1" {
			docs[i].Name = *name
		}
	}
	return docs
}

func (c *edited) PerformancesOnSale(context.Context) (ids []int64, err error) {
	return []int64{1, 3, 5, 6, 7}, nil
}

// running has a Sync run until the test ends.
func running(t *testing.T, s *search.Sync) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
}

// agrees waits until the index has of a kind what the source has.
func agrees(t *testing.T, e *Engine, source search.Source, kind ticketing.SearchKind) {
	t.Helper()
	tick, limit := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		differs, err := search.Compare(t.Context(), e, source, kind, 0)
		if err == nil && differs.Differs() == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%ss: %+v, %v", kind, differs, err)
		}
	}
}

// A swap that was given up and comes all the same, after an edit, puts back what is old: it is made anew, also by another
// process than the one that gave it up.
func TestLateSwap(t *testing.T) {
	for name, dies := range map[string]bool{"the same process": false, "another": true} {
		t.Run(name, func(t *testing.T) { lateSwap(t, dies) })
	}
}

func lateSwap(t *testing.T, dies bool) {
	server := &late{Server: fake.New(testKey)}
	e, source := New(Options{URL: listen(t, server), APIKey: testKey}), newEdited()
	s := search.NewSync(e, source, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.holds.Store(true)
	if err := s.Rebuild(t.Context()); err == nil {
		t.Fatal("every answer came")
	}
	name := "장발장"
	source.name.Store(&name)
	if err := s.Refresh(t.Context(), ticketing.FindPerformances, []string{"1"}); err != nil {
		t.Fatal(err)
	}
	server.letGo()
	if differs, err := search.Compare(t.Context(), e, source, ticketing.FindPerformances, 0); err != nil || differs.Differs() == 0 {
		t.Fatalf("the swap did not come: %+v, %v", differs, err)
	}
	if dies {
		s = search.NewSync(e, source, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	}
	running(t, s)
	agrees(t, e, source, ticketing.FindPerformances)
}

// partial takes no documents of one kind.
type partial struct {
	*fake.Server
	collection atomic.Pointer[string]
}

func (l *partial) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name := l.collection.Load(); name != nil && strings.Contains(r.URL.Path, *name) && strings.HasSuffix(r.URL.Path, "/import") {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	l.Server.ServeHTTP(w, r)
}

// While one kind cannot be made anew the others are kept, and who asks is told.
func TestOneKindCannotBeRebuilt(t *testing.T) {
	server := &partial{Server: fake.New(testKey)}
	e, source := New(Options{URL: listen(t, server), APIKey: testKey}), newEdited()
	s := search.NewSync(e, source, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	halls := e.aliasOf(ticketing.FindHalls)
	server.collection.Store(&halls)
	if err := e.drop(t.Context(), ticketing.FindHalls, ""); err != nil {
		t.Fatal(err)
	}
	docs, err := source.SearchDocuments(t.Context(), ticketing.FindPerformances, []string{"1"})
	if err != nil {
		t.Fatal(err)
	}
	docs[0].OnSale = !docs[0].OnSale
	if err := e.Put(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	running(t, s)
	agrees(t, e, source, ticketing.FindPerformances)
	tick, limit := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for s.Healthy() == nil {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("it says that all is well")
		}
	}
	server.collection.Store(nil)
	agrees(t, e, source, ticketing.FindHalls)
}

// slow is a catalogue that takes for ever to read its halls.
type slow struct{ *edited }

func (c slow) SearchDocumentsAfter(ctx context.Context, kind ticketing.SearchKind, after string, limit int) ([]ticketing.SearchDocument, error) {
	if kind == ticketing.FindHalls {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return c.edited.SearchDocumentsAfter(ctx, kind, after, limit)
}

// A long rebuild of one kind does not hold up what is on sale.
func TestOnSaleWhileRebuilding(t *testing.T) {
	e, _ := open(t)
	source := newEdited()
	if err := search.NewSync(e, source, slog.New(slog.DiscardHandler), prometheus.NewRegistry()).Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.drop(t.Context(), ticketing.FindHalls, ""); err != nil {
		t.Fatal(err)
	}
	docs, err := source.SearchDocuments(t.Context(), ticketing.FindPerformances, []string{"1"})
	if err != nil {
		t.Fatal(err)
	}
	docs[0].OnSale = !docs[0].OnSale
	if err := e.Put(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	running(t, search.NewSync(e, slow{source}, slog.New(slog.DiscardHandler), prometheus.NewRegistry()))
	agrees(t, e, source, ticketing.FindPerformances)
}

// A server that has lost everything, aliases too, finds neither nothing nor what alone was edited since: it is not asked.
func TestAllIsLost(t *testing.T) {
	var now atomic.Pointer[fake.Server]
	now.Store(fake.New(testKey))
	e := New(Options{URL: listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { now.Load().ServeHTTP(w, r) })), APIKey: testKey})
	source := newEdited()
	s := search.NewSync(e, source, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	now.Store(fake.New(testKey))
	if err := s.Refresh(t.Context(), ticketing.FindPerformances, []string{"1"}); !errors.Is(err, search.ErrNotBuilt) { // an edit comes first
		t.Errorf("an edit of what is lost: %v", err)
	}
	if results, err := e.Search(t.Context(), someShows); !errors.Is(err, search.ErrNotBuilt) {
		t.Errorf("found %+v, %v", results, err)
	}
	running(t, s)
	for _, kind := range e.Kinds() {
		agrees(t, e, source, kind)
	}
}

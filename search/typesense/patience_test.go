package typesense

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/search/typesense/fake"
	"ticketblue/ticketing"
)

// A server that takes searches and says nothing is waited for a few times, then by nobody; and when it speaks it is heard.
func TestServerIsSilent(t *testing.T) {
	e, server := open(t)
	conformance.Fill(t, e)
	keepReservations(t, e)
	e.searchLimit = 500 * time.Millisecond // searches of all that follows, also on a busy machine
	server.SetSilent(true)
	asks := map[string]func() error{
		"search": func() error {
			_, err := e.Search(t.Context(), []ticketing.SearchQuery{{Kind: ticketing.FindPerformances, Text: "레미", Limit: 5}})
			return err
		},
		"suggest": func() error {
			_, err := e.Suggest(t.Context(), ticketing.SuggestQuery{Kinds: ticketing.PublicKinds, Typed: "레", Limit: 5})
			return err
		},
		"reservations": func() error {
			_, err := e.FindReservations(t.Context(), search.ReservationQuery{Limit: 5})
			return err
		},
		"their count": func() error {
			_, err := e.CountReservations(t.Context(), search.ReservationQuery{})
			return err
		},
	}
	for range silentAfter {
		if err := asks["search"](); err == nil || errors.Is(err, errSilent) {
			t.Fatalf("without an answer: %v", err)
		}
	}
	server.Asked()
	for name, ask := range asks {
		for range 5 {
			if err := ask(); !errors.Is(err, errSilent) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if asked := server.Asked(); slices.Contains(asked, "POST /multi_search") {
		t.Errorf("nobody is to wait, and %v was asked", asked)
	}
	server.SetSilent(false)
	tick, limit := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for name, ask := range asks {
		for err := ask(); err != nil; err = ask() {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("%s: it speaks, and is not heard: %v", name, err)
			}
		}
	}
}

// hanging is well, and does not answer searches.
type hanging struct {
	*fake.Server
	now, most, all atomic.Int64 // searches that wait
}

func (h *hanging) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/multi_search" {
		h.Server.ServeHTTP(w, r)
		return
	}
	h.all.Add(1)
	now := h.now.Add(1)
	defer h.now.Add(-1)
	for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
	}
	var body [1]byte
	for _, err := r.Body.Read(body[:]); err == nil; _, err = r.Body.Read(body[:]) { // else nobody notices that the other side has left
	}
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// A server that is well and leaves searches without an answer is waited for by one of them at a time, however many come.
func TestOneSearchTries(t *testing.T) {
	server := &hanging{Server: fake.New(testKey)}
	e := New(Options{URL: listen(t, server), APIKey: testKey})
	e.searchLimit = 300 * time.Millisecond
	ask := func() error {
		_, err := e.Search(t.Context(), []ticketing.SearchQuery{{Kind: ticketing.FindPerformances, Text: "레미", Limit: 5}})
		return err
	}
	for range silentAfter {
		if err := ask(); err == nil || errors.Is(err, errSilent) {
			t.Fatalf("without an answer: %v", err)
		}
	}
	server.most.Store(0)
	const tries, crowd = 2, 20
	deadline := time.Now().Add(time.Minute)
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for server.all.Load() < silentAfter+tries && time.Now().Before(deadline) {
				if err := ask(); err == nil {
					t.Error("answered")
				}
				<-tick.C
			}
		})
	}
	all.Wait()
	if most, n := server.most.Load(), server.all.Load(); most != 1 || n != silentAfter+tries {
		t.Errorf("%d searches waited at the same time, of %d; want 1, of %d", most, n, silentAfter+tries)
	}
}

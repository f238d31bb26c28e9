package typesense

import (
	"errors"
	"slices"
	"testing"
	"time"

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/ticketing"
)

// A server that takes searches and says nothing is waited for a few times, then by nobody; and when it speaks it is heard.
func TestServerIsSilent(t *testing.T) {
	e, server := open(t)
	conformance.Fill(t, e)
	putReservations(t, e)
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

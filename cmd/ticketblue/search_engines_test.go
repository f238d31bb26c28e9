package main

import (
	"context"
	"log/slog"
	"testing"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// TestEngineChanges: what was edited while another engine was followed is found when the first one is followed again.
func TestEngineChanges(t *testing.T) {
	l := openGallery(t, 0, searchFlags{})
	l.performance("처음 공연", l.hall("어느 홀"))
	l.agrees()
	inTables := l.engine
	onServer, stop, err := fakeTypesense(t).open(t.Context(), l.store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	l.stop()
	l.engine = &moody{Engine: onServer, chance: inTables.chance}
	l.follow()
	if _, err := l.store.UpdateHall(t.Context(), ticketing.Hall{ID: 1, Name: "다른 홀"}, nil); err != nil {
		t.Fatal(err)
	}
	l.agrees()
	l.stop()
	l.engine = inTables
	l.follow()
	l.agrees()

	l.stop()
	l.engine = &moody{Engine: noRoom{onServer}, chance: inTables.chance} // tried again, and what it has is old
	l.follow()
	poll(t, "no index that is whole", func() bool {
		name, err := l.store.SearchIndex(t.Context(), ticketing.FindHalls)
		return err == nil && name == ""
	})
	if _, err := l.store.UpdateHall(t.Context(), ticketing.Hall{ID: 1, Name: "또 다른 홀"}, nil); err != nil {
		t.Fatal(err)
	}
	l.stop()
	l.engine = inTables
	l.follow()
	l.agrees()
}

// noRoom is an engine that makes nothing anew.
type noRoom struct{ search.Engine }

func (noRoom) Rebuild(context.Context, ticketing.SearchKind) (search.Draft, error) {
	return nil, errMood
}

package persistence

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// refused wants a refusal with this code.
func refused(t *testing.T, want ticketing.Code, err error) {
	t.Helper()
	var no *ticketing.Refusal
	if !errors.As(err, &no) || no.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// eventsOf names the events of a stream, after checking that its chunks follow each other.
func eventsOf(t *testing.T, db *DB, s ticketing.Stream) (names []string) {
	t.Helper()
	for _, c := range history(t, db, s).Tail {
		events, err := ticketing.DecodeChunk(c.Payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			names = append(names, e.Name())
		}
	}
	return names
}

// Every change leaves an event in its thing's stream, linked as machines' are; a refused one leaves nothing.
func TestChangesAreEvents(t *testing.T) {
	dsn := freshDSN(t)
	db, err := Open(t.Context(), Options{DSN: dsn, Log: quiet, Clock: func() time.Time { return time.UnixMilli(1_800_000_000_000) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	told := map[ticketing.Stream]uint64{}
	db.OnEdit(func(s ticketing.Stream, h ticketing.Head) { told[s] = h.To })
	a, err := db.CreatePerformer(t.Context(), ticketing.Performer{Name: "조승우", Birth: "1980-03-28", Nation: "대한민국"})
	if err != nil || a.Version != 1 {
		t.Fatal(a, err)
	}
	a.Name = "조 승우"
	changed, err := db.UpdatePerformer(t.Context(), a)
	if err != nil || changed.Version != 2 || changed.Name != a.Name {
		t.Fatal(changed, err)
	}
	_, err = db.UpdatePerformer(t.Context(), a) // still says version 1
	refused(t, ticketing.CodeChangedMeanwhile, err)
	refused(t, ticketing.CodeChangedMeanwhile, db.DeletePerformer(t.Context(), a.ID, 1))
	if got, err := db.Performer(t.Context(), a.ID); err != nil || got != changed {
		t.Errorf("got %+v, %v", got, err)
	}
	s := ticketing.CatalogueStream(ticketing.NounPerformer, a.ID)
	if err := db.DeletePerformer(t.Context(), a.ID, 2); err != nil {
		t.Fatal(err)
	}
	notFound(t, "deleting twice", db.DeletePerformer(t.Context(), a.ID, ticketing.AnyVersion))
	if got := fmt.Sprint(eventsOf(t, db, s)); got != "[catalogue_saved catalogue_saved catalogue_deleted]" {
		t.Errorf("events %s", got)
	}
	if told[s] != 3 {
		t.Errorf("told %v", told)
	}
	if there, err := db.InCatalogue(t.Context(), ticketing.NounPerformer, a.ID); err != nil || there {
		t.Errorf("still there: %t, %v", there, err)
	}
}

// Machines have nothing to do with the catalogue's streams, projectors pass over them, and nothing wakes them.
func TestNobodyActivatesTheCatalogue(t *testing.T) {
	db := openDB(t, freshDSN(t))
	h, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "H"}, plainPlan(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	s := ticketing.CatalogueStream(ticketing.NounHall, h.ID)
	_, err = db.Load(t.Context(), s)
	notFound(t, "loading for a machine", err)
	p := startProjector(t, db, ProjectorOptions{Freeze: func(s ticketing.Stream, err error) { t.Errorf("%s frozen: %v", s, err) }})
	if err := p.AwaitProjected(t.Context(), s, 1); err != nil {
		t.Error(err)
	}
	if err := p.Rebuild(t.Context()); err != nil {
		t.Error(err)
	}
	if at, err := db.Projected(t.Context(), s); err != nil || at != 1 {
		t.Errorf("projected up to %d, %v", at, err)
	}
	if due, err := db.Due(t.Context(), 4_000_000_000_000, 10); err != nil || len(due) != 0 {
		t.Errorf("due %v, %v", due, err)
	}
}

// Many admins at once: each change is one version and one event, and of those who name a version one wins.
func TestManyEditOneThing(t *testing.T) {
	db := openDB(t, freshDSN(t))
	a, err := db.CreatePerformer(t.Context(), ticketing.Performer{Name: "A"})
	if err != nil {
		t.Fatal(err)
	}
	const rivals = 8
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range rivals {
		all.Go(func() {
			edited := a
			edited.Name = fmt.Sprint("by ", i)
			if _, err := db.UpdatePerformer(t.Context(), edited); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			} else {
				refused(t, ticketing.CodeChangedMeanwhile, err)
			}
			edited.Version = ticketing.AnyVersion
			if _, err := db.UpdatePerformer(t.Context(), edited); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, err := db.Performer(t.Context(), a.ID)
	if err != nil || got.Version != int64(1+won+rivals) || won > 1 {
		t.Errorf("%+v after %d wins, %v", got, won, err)
	}
	if n := len(eventsOf(t, db, ticketing.CatalogueStream(ticketing.NounPerformer, a.ID))); n != int(got.Version) {
		t.Errorf("%d events for version %d", n, got.Version)
	}
}

func TestPerformerLists(t *testing.T) {
	db := openDB(t, freshDSN(t))
	for _, name := range []string{"IU", "아이유", "Ivy", "Mia", "아이비", "iu"} {
		if _, err := db.CreatePerformer(t.Context(), ticketing.Performer{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	for filter, want := range map[ticketing.PerformerFilter]string{
		{}:                            "IU iu Ivy Mia 아이비 아이유",
		{Prefix: "i"}:                 "IU iu Ivy",
		{Prefix: "아이"}:                "아이비 아이유",
		{Contains: "I"}:               "IU iu Ivy Mia",
		{Contains: "이"}:               "아이비 아이유",
		{Prefix: "i", Contains: "Y"}:  "Ivy",
		{Contains: "%"}:               "",
		{Prefix: "_"}:                 "",
		{Prefix: "i", Contains: "아이"}: "",
	} {
		var got string
		for after := (ticketing.PerformerCursor{}); ; {
			page, err := db.Performers(t.Context(), filter, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, p := range page {
				if got != "" {
					got += " "
				}
				got += p.Name
			}
			after = page[len(page)-1].Cursor()
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", filter, got, want)
		}
	}
}

func TestLinks(t *testing.T) {
	db := openDB(t, freshDSN(t))
	r := plannedRound(t, db, 1_800_000_000_000)
	a, err := db.CreatePerformer(t.Context(), ticketing.Performer{Name: "A"})
	if err != nil {
		t.Fatal(err)
	}
	link := func() error { return db.LinkPerformer(t.Context(), r.PerformanceID, a.ID) }
	unlink := func() error { return db.UnlinkPerformer(t.Context(), r.PerformanceID, a.ID) }
	notFound(t, "unlinking who is not in it", unlink())
	notFound(t, "linking to nothing", db.LinkPerformer(t.Context(), 4711, a.ID))
	if invalid := (*ticketing.Invalid)(nil); !errors.As(db.LinkPerformer(t.Context(), r.PerformanceID, 4711), &invalid) {
		t.Error("linked nobody")
	}
	if err := link(); err != nil {
		t.Fatal(err)
	}
	refused(t, ticketing.CodeAlreadyLinked, link())
	refused(t, ticketing.CodeInUse, db.DeletePerformer(t.Context(), a.ID, ticketing.AnyVersion))
	if of, err := db.PerformersOf(t.Context(), r.PerformanceID, 0, 10); err != nil || len(of) != 1 || of[0] != a {
		t.Errorf("performers %+v, %v", of, err)
	}
	if err := unlink(); err != nil {
		t.Fatal(err)
	}
	if p, err := db.Performance(t.Context(), r.PerformanceID); err != nil || p.Version != 3 {
		t.Errorf("performance %+v, %v", p, err)
	}
	_, err = db.PerformersOf(t.Context(), 4711, 0, 10)
	notFound(t, "performers of nothing", err)
	if err := db.DeletePerformer(t.Context(), a.ID, ticketing.AnyVersion); err != nil {
		t.Error(err)
	}
}

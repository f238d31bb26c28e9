package persistence

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

func TestPosters(t *testing.T) {
	db := openDB(t, freshDSN(t))
	var jobs []ticketing.Job
	db.enqueue = func(_ context.Context, _ pgx.Tx, list []ticketing.Job) error {
		jobs = append(jobs, list...)
		return nil
	}
	ctx := t.Context()
	b := openBoxOffice(ctx, t, db, gradedPlan(t))
	round, err := db.Round(ctx, b.id)
	if err != nil {
		t.Fatal(err)
	}
	show := round.PerformanceID
	first := ticketing.Poster{Name: "first", Extension: "jpg", Widths: []int{320, 640}}
	second := ticketing.Poster{Name: "second", Extension: "png", Widths: []int{320}}
	began := time.UnixMilli(1_700_000_000_000)

	if _, err := db.Poster(ctx, show); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	if err := db.BeginPoster(ctx, show+1000, first, began); !errors.Is(err, ticketing.ErrNotFound) || len(jobs) != 0 {
		t.Errorf("of no performance: %v, %v", err, jobs)
	}
	for i, p := range []ticketing.Poster{first, second} {
		if err := errors.Join(db.BeginPoster(ctx, show, p, began), db.SetPoster(ctx, show, p)); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Poster(ctx, show); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%v, %v", got, err)
		}
		showsPoster(t, db, show, &p, int64(2+i))
	}
	if err := db.DropPoster(ctx, show); err != nil {
		t.Error(err)
	}
	showsPoster(t, db, show, nil, 4)
	if err := db.DropPoster(ctx, show); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	if err := errors.Join(db.SetPoster(ctx, show, second), db.DeletePerformance(ctx, show, 5, func([]ticketing.RoundInfo) error { return nil })); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"begin": db.BeginPoster(ctx, show, first, began), "set": db.SetPoster(ctx, show, first), "drop": db.DropPoster(ctx, show),
	} {
		if !errors.Is(err, ticketing.ErrNotFound) {
			t.Errorf("%s of a deleted performance: %v", what, err)
		}
	}
	events := eventsOf(t, db, ticketing.CatalogueStream(ticketing.NounPerformance, show))
	if want := strings.Repeat("catalogue_saved ", 5) + "catalogue_deleted"; strings.Join(events, " ") != want {
		t.Errorf("events %v, want %s", events, want)
	}
	var told []string
	for _, j := range jobs {
		late := ""
		if j.At != 0 {
			late = " " + j.At.Time().Sub(began).String()
		}
		told = append(told, j.Kind+" "+j.Key+late)
	}
	want := []string{
		"poster_unused poster:first:begun 10m0s", "poster_unused poster:second:begun 10m0s",
		"poster_unused poster:first:replaced", "poster_unused poster:second:replaced",
		"poster_unused poster:second:replaced", // with its performance
	}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("jobs %q, want %q", told, want)
	}
	for name, used := range map[string]bool{"first": false, "second": false} {
		if got, err := db.PosterUsed(ctx, name); err != nil || got != used {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// showsPoster wants the performance to have this poster wherever it is seen, as a change of its own.
func showsPoster(t *testing.T, db *DB, show int64, want *ticketing.Poster, version int64) {
	t.Helper()
	p, err := db.Performance(t.Context(), show)
	if err != nil || !reflect.DeepEqual(p.Poster, want) || p.Version != version {
		t.Errorf("version %d with poster %v, %v; want version %d with %v", p.Version, p.Poster, err, version, want)
	}
	list, err := db.Performances(t.Context(), ticketing.PerformanceFilter{}, ticketing.PerformanceCursor{}, 1)
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], p) {
		t.Errorf("listed %+v, %v", list, err)
	}
}

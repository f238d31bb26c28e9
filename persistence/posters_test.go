package persistence

import (
	"context"
	"errors"
	"reflect"
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
	for _, p := range []ticketing.Poster{first, second} {
		if err := errors.Join(db.BeginPoster(ctx, show, p, began), db.SetPoster(ctx, show, p)); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Poster(ctx, show); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if err := db.DropPoster(ctx, show); err != nil {
		t.Error(err)
	}
	if err := db.DropPoster(ctx, show); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("twice: %v", err)
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

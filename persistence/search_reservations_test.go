package persistence

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// What an index of reservations is made of: what is filtered by, of nobody more than his name, of a closed account not
// even that; page by page, and by who or what they name.
func TestReservationDocuments(t *testing.T) {
	db, made := searchable(t)
	var all []string
	for after := ""; ; {
		docs, err := db.SearchDocumentsAfter(t.Context(), ticketing.FindReservations, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(docs) == 0 {
			break
		}
		for _, d := range docs {
			r := made[d.ID]
			name := [...]string{"", "홍길동", "Kim Yuna", ""}[r.User]
			title := map[string]string{"1": "레미제라블", "2": "100% TWENTY"}[d.ID[:1]]
			want := ticketing.SearchReservation{User: r.User, UserName: name, Status: r.Status, Amount: r.Amount, HeldAt: r.HeldAt}
			if d.Name != title || *d.Held != want {
				t.Errorf("%s is %s %+v, want %s %+v", d.ID, d.Name, d.Held, title, want)
			}
			all, after = append(all, d.ID), d.ID
		}
	}
	if got := strings.Join(all, " "); got != "1-1 1-2 1-3 1-4 2-1 2-2 2-3 2-4" {
		t.Errorf("there are %s", got)
	}
	docs, err := db.SearchDocuments(t.Context(), ticketing.FindReservations, []string{"2-3", "1-1", "9-9", "1-1"})
	if err != nil || len(docs) != 2 || docs[0].ID != "1-1" || docs[1].ID != "2-3" {
		t.Errorf("%+v, %v", docs, err)
	}
	for want, which := range map[string]ticketing.ReservationChoice{
		"1-1 1-4 2-1 2-4": {Users: []ticketing.UserID{1}}, "2-1 2-2 2-3 2-4": {Performance: 2}, "1-1 1-2 1-3 1-4": {Round: 1, Whole: true},
		"1-2 1-3": {Round: 1, Numbers: []uint32{3, 9}, Users: []ticketing.UserID{2}}, "": {Users: []ticketing.UserID{77}},
	} {
		var got []string
		for after := ""; ; after = got[len(got)-1] {
			ids, err := db.ReservationsNaming(t.Context(), which, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, ids...); len(ids) == 0 {
				break
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v: %v, want %s", which, got, want)
		}
	}
	seqs, err := db.ProjectedUpTo(t.Context(), []ticketing.Stream{"round:1", "round:4711"})
	if err != nil || len(seqs) != 1 || seqs["round:1"] == 0 {
		t.Errorf("projected: %v, %v", seqs, err)
	}
	for text, want := range map[string]ticketing.UserID{"KIM@example.com": 2, "kim": 0, "gone@example.com": 0, "": 0} {
		if got, err := db.AccountByEmail(t.Context(), text); got != want || err != nil {
			t.Errorf("%q is the e-mail of %d, %v, want %d", text, got, err, want)
		}
	}
}

// A new name, a closed account and a new title are told to the index in the same transaction.
func TestNamesReachTheIndex(t *testing.T) {
	var told []string
	dsn := freshDSN(t)
	db, err := Open(t.Context(), Options{
		DSN: dsn, Log: quiet,
		Enqueue: func(_ context.Context, _ pgx.Tx, jobs []ticketing.Job) error {
			for _, j := range jobs {
				if j.Kind == "index" {
					told = append(told, j.Key)
				}
			}
			return nil
		},
		IndexJob: func(which ticketing.ReservationChoice, _ time.Time) ticketing.Job {
			return ticketing.Job{Kind: "index", Key: fmt.Sprint(which.Users, which.Performance)}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	wants := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("%s: %v, want %v", what, told, want)
		}
		told = nil
	}
	for i := range 2 {
		if _, err := db.CreateUser(t.Context(), ticketing.User{Email: fmt.Sprintf("u%d@example.com", i), Name: "홍길동", PasswordHash: "x", Role: ticketing.Customer}); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.SetProfile(t.Context(), 1, ticketing.Profile{Name: "임꺽정"}))
	wants("a new name", "[1] 0")
	if err := db.SetProfile(t.Context(), 77, ticketing.Profile{Name: "x"}); err == nil {
		t.Error("nobody has a name")
	}
	wants("nobody's name")
	must(db.Withdraw(t.Context(), 2, time.Now()))
	wants("a closed account", "[2] 0")
	hall, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "H"}, plainPlan(t, 3))
	must(err)
	show, err := db.CreatePerformance(t.Context(), ticketing.Performance{Title: "처음", Category: "concert", HallID: hall.ID, DurationMinutes: 90, Prices: map[string]ticketing.KRW{"standard": 1}})
	must(err)
	keep := func(ticketing.RoundInfo) error { return nil }
	show.Description = "새 글"
	show, err = db.UpdatePerformance(t.Context(), show, keep)
	must(err)
	wants("another description")
	show.Title = "다음"
	_, err = db.UpdatePerformance(t.Context(), show, keep)
	must(err)
	wants("a new title", fmt.Sprintf("[] %d", show.ID))
}

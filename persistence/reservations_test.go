package persistence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// A customer's list has everything, newest first, page by page, each with what it is for.
func TestReservationsOf(t *testing.T) {
	db := openDB(t, freshDSN(t))
	p := newHandDriven(t, db, ProjectorOptions{})
	offices := []*boxOffice{openBoxOffice(t.Context(), t, db, gradedPlan(t)), openBoxOffice(t.Context(), t, db, gradedPlan(t))}
	for i := range 5 {
		for _, b := range offices {
			b.now += 1000 // alike in both rounds
			n := b.reserve(1, i)
			b.reserve(2, i+8)
			switch i {
			case 0:
				b.must(ticketing.ReleaseReservation{User: 1, Number: n})
			case 1:
				b.pay(n)
				b.must(ticketing.CancelReservation{User: 1, Number: n})
			}
		}
	}
	for _, b := range offices {
		b.commit(t.Context(), 0)
		p.moveAll(t.Context(), b.stream)
	}
	var list []ticketing.ReservationSummary
	for after := (ticketing.ReservationCursor{}); ; after = list[len(list)-1].Cursor() {
		page, err := db.ReservationsOf(t.Context(), 1, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, page...)
		if len(page) < 3 {
			break
		}
	}
	if len(list) != 10 {
		t.Fatalf("%d reservations, want 10", len(list))
	}
	for i, r := range list {
		b := offices[1-i%2]
		if want := b.views[r.ID.Number]; r.ID.Round != b.id || fmt.Sprintf("%+v", r.Reservation) != fmt.Sprintf("%+v", want) {
			t.Errorf("%d is %+v, want %+v", i, r.Reservation, want)
		}
		if r.Title != "Hamlet" || r.HallName != "Blue Hall" || r.StartsAt != terms(b.plan).StartsAt || r.PerformanceID == 0 {
			t.Errorf("%d is for %+v", i, r)
		}
		if i > 0 && r.HeldAt > list[i-1].HeldAt {
			t.Errorf("%d is newer than the one before", i)
		}
	}
	_, err := db.Reservation(t.Context(), 2, list[0].ID)
	notFound(t, "somebody else's reservation", err)
	if none, err := db.ReservationsOf(t.Context(), 9, ticketing.ReservationCursor{}, 10); err != nil || len(none) != 0 {
		t.Errorf("nobody has %v, %v", none, err)
	}
}

func TestSaleClosedAt(t *testing.T) {
	db := openDB(t, freshDSN(t))
	p := newHandDriven(t, db, ProjectorOptions{})
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	_, err := db.SaleClosedAt(t.Context(), b.id)
	notFound(t, "a round that is not projected yet", err)
	for _, closed := range []bool{false, true} {
		if closed {
			b.must(ticketing.CloseSale{})
			b.now += 5000
			b.must(ticketing.CancelRound{}) // closed before: that moment stays
		}
		b.commit(t.Context(), 0)
		p.moveAll(t.Context(), b.stream)
		want := ticketing.Millis(0)
		if closed {
			want = saleDay
		}
		if at, err := db.SaleClosedAt(t.Context(), b.id); err != nil || at != want {
			t.Errorf("closed at %d, %v, want %d", at, err, want)
		}
	}
}

func TestReadTablesOfUnknownStream(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	_, _, err := db.ReadTables(t.Context(), "round:999999")
	notFound(t, "an unknown stream", err)
}

// What the relay asks: who is behind, what comes next, and a mark that never goes back.
func TestRelayMarks(t *testing.T) {
	dsn := freshDSN(t)
	db := openDB(t, dsn)
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	for i := range 4 {
		b.reserve(ticketing.UserID(i+1), i)
		b.commit(t.Context(), 1)
	}
	behind := func(want ...ticketing.Stream) {
		t.Helper()
		got, next, err := db.Behind(t.Context(), "", 100)
		if next != "" {
			t.Errorf("a hundred streams were not enough: %s", next)
		}
		got = slices.DeleteFunc(got, func(s ticketing.Stream) bool { return strings.HasPrefix(string(s), "catalogue:") }) // there are those too
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("behind %v, %v, want %v", got, err, want)
		}
	}
	behind(b.stream)
	after := func(seq uint64, maxBytes int) ([]ticketing.Chunk, error) {
		found, err := db.ChunksAfter(t.Context(), map[ticketing.Stream]uint64{b.stream: seq, "round:999999": 0}, maxBytes)
		return found[b.stream], err
	}
	relayed := func() (uint64, error) {
		marks, err := db.Relayed(t.Context(), []ticketing.Stream{b.stream, "round:999999"})
		return marks[b.stream], err
	}
	mark := func(seq uint64) error {
		return db.SetRelayed(t.Context(), map[ticketing.Stream]uint64{b.stream: seq, "round:999999": 1})
	}
	all, err := after(1, 1<<20)
	if err != nil || len(all) != 4 || all[0].From != 2 || all[3].To != b.head.To || all[0].Writer != b.writer {
		t.Fatalf("chunks %+v, %v", all, err)
	}
	if some, err := after(1, len(all[0].Payload)+1); err != nil || len(some) != 2 {
		t.Errorf("%d chunks for a little more than one's bytes, %v", len(some), err)
	}
	if one, err := after(1, 1); err != nil || len(one) != 1 || string(one[0].Payload) != string(all[0].Payload) {
		t.Errorf("chunks %+v for one byte, %v", one, err)
	}
	if none, err := after(b.head.To, 1<<20); err != nil || len(none) != 0 {
		t.Errorf("after the end: %+v, %v", none, err)
	}
	b.write(t.Context(), []ticketing.Event{{At: b.now, Fact: ticketing.SalePaused{}}, {At: b.now, Fact: ticketing.SaleOpened{}}})
	if inside, err := after(b.head.To-1, 1<<20); err != nil || len(inside) != 1 || inside[0].From != b.head.To-1 {
		t.Errorf("inside a chunk: %+v, %v", inside, err)
	}
	for _, seq := range []uint64{3, b.head.To, 2} {
		if err := mark(seq); err != nil {
			t.Fatal(err)
		}
	}
	if at, err := relayed(); err != nil || at != b.head.To {
		t.Errorf("relayed up to %d, %v", at, err)
	}
	behind()
	rewound := func(age time.Duration, want uint64) {
		t.Helper()
		if err := db.RewindRelayed(t.Context(), age); err != nil {
			t.Fatal(err)
		}
		if at, err := relayed(); err != nil || at != want {
			t.Errorf("relayed up to %d after going back %s, %v, want %d", at, age, err, want)
		}
	}
	exec(t, superuser(t, dsn), `UPDATE journal SET at = at - interval '1 hour' WHERE to_seq <= 3`)
	rewound(24*time.Hour, 0)
	rewound(time.Minute, 0) // never forward
	if err := mark(b.head.To); err != nil {
		t.Fatal(err)
	}
	rewound(time.Minute, 3)
	behind(b.stream)
	rewound(0, 0)
}

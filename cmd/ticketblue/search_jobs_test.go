package main

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/persistence"
	"ticketblue/search"
	"ticketblue/search/postgres"
	"ticketblue/search/typesense/fake"
	"ticketblue/ticketing"
)

// watched is a gallery with its search server.
type watched struct {
	*gallery
	server *fake.Server
}

// closedAccount is a gallery whose index has a reservation of somebody who has closed his account since.
func closedAccount(t *testing.T) (l *watched, names *renaming, forget func(age time.Duration) error, kept func() string) {
	t.Helper()
	server, where := startTypesense(t)
	where.Reservations = true
	l = &watched{openGallery(t, 0, where), server}
	user := ticketing.User{Email: "gil@example.com", Name: "홍길동", Role: ticketing.Customer, CreatedAt: l.now()}
	if id, err := l.store.CreateUser(t.Context(), user); err != nil || id != visitor {
		t.Fatal(id, err)
	}
	round := l.round(l.performance("처음 공연", l.hall("어느 홀")), 48)
	l.do(round, ticketing.OpenSale{})
	l.buy(round, visitor, "A-1-1")
	l.agrees()
	kept = func() string { return exported(t, where) }
	if !strings.Contains(kept(), "홍길동") {
		t.Fatal("the index does not have the name")
	}
	run(t, l.store.dsn, `UPDATE users SET withdrawn_at = now(), email = NULL, name = '', password_hash = '' WHERE id = $1`, int64(visitor))
	names = &renaming{store: l.store, sync: l.sync, projector: l.projector, log: slog.New(slog.DiscardHandler), owns: func() bool { return true }, wait: answerLimit}
	which := ticketing.ReservationChoice{Users: []ticketing.UserID{visitor}}
	forget = func(age time.Duration) error { return names.work(t.Context(), indexJob(which, l.now().Add(-age)).Args) }
	return l, names, forget, kept
}

// TestForgottenWhileTablesAreRebuilt: a closed account's name leaves the index also when its time comes while the read tables
// are being folded anew and have none of its reservations.
func TestForgottenWhileTablesAreRebuilt(t *testing.T) {
	l, names, forget, kept := closedAccount(t)
	if err := l.projector.Close(t.Context()); err != nil { // nobody folds
		t.Fatal(err)
	}
	names.wait, names.projector = 100*time.Millisecond, persistence.NewProjector(l.store.DB, persistence.ProjectorOptions{})
	run(t, l.store.dsn, `TRUNCATE reservations, reservation_seats, orders, round_states, coupons, campaign_states; UPDATE streams SET projected_seq = 0`)
	var again interface{ Later() time.Duration }
	if err := forget(0); !errors.As(err, &again) {
		t.Errorf("with empty tables: %v", err)
	}
	names.projector.Start()
	defer func() {
		if err := names.projector.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	names.wait = answerLimit
	if err := forget(0); err != nil {
		t.Fatal(err)
	}
	if text := kept(); strings.Contains(text, "홍길동") || text == "" {
		t.Errorf("the index keeps %q", text)
	}
}

// TestForgottenByTheOwner: who stands by leaves names to the owner, whose rebuild must hear of them; and where reservations
// are not kept, an index that was made of them before is not whole any more.
func TestForgottenByTheOwner(t *testing.T) {
	l, names, forget, kept := closedAccount(t)
	names.owns = func() bool { return false }
	var again interface{ Later() time.Duration }
	if err := forget(0); !errors.As(err, &again) || !strings.Contains(kept(), "홍길동") {
		t.Errorf("who stands by: %v", err)
	}
	names.owns = func() bool { return true }
	if err := forget(0); err != nil || strings.Contains(kept(), "홍길동") {
		t.Errorf("the owner: %v", err)
	}
	names.sync = search.NewSync(postgres.New(nil), l.store, slog.New(slog.DiscardHandler), prometheus.NewRegistry()) // it keeps none
	if name, err := l.store.SearchIndex(t.Context(), ticketing.FindReservations); err != nil || name == "" {
		t.Fatalf("%q %v", name, err)
	}
	l.stop()
	if err := forget(0); err != nil {
		t.Error(err)
	}
	if name, err := l.store.SearchIndex(t.Context(), ticketing.FindReservations); err != nil || name != "" {
		t.Errorf("%q is whole, %v", name, err)
	}
}

// TestForgottenWhileFrozen: it does so as well when a round is frozen of which the tables lack the reservations, once they have them.
func TestForgottenWhileFrozen(t *testing.T) {
	l, names, forget, kept := closedAccount(t)
	if err := l.projector.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, l.store.dsn, `TRUNCATE reservations, reservation_seats, orders, round_states, coupons, campaign_states;
		UPDATE streams SET projected_seq = 0, frozen_at = now(), frozen_reason = 'a test' WHERE stream LIKE 'round%'`)
	names.projector = persistence.NewProjector(l.store.DB, persistence.ProjectorOptions{})
	names.projector.Start()
	defer func() {
		if err := names.projector.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	var again interface{ Later() time.Duration }
	if err := forget(0); !errors.Is(err, errLacking) || !errors.As(err, &again) {
		t.Errorf("with a frozen round: %v", err)
	}
	if err := names.projector.Rebuild(t.Context()); err != nil { // another chance
		t.Fatal(err)
	}
	if err := forget(0); err != nil {
		t.Fatal(err)
	}
	if text := kept(); strings.Contains(text, "홍길동") || text == "" {
		t.Errorf("the index keeps %q", text)
	}
}

// TestRenamedWhileFrozen: what the tables have gets its new name while a frozen round keeps a reservation from them, however
// many slices that takes; when they have that one too, all are looked at once more.
func TestRenamedWhileFrozen(t *testing.T) {
	const slice = 10_000 // reservations
	l, names, _, kept := closedAccount(t)
	if err := l.projector.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, l.store.dsn, `INSERT INTO reservations SELECT round, number + i, user_id, status, amount, held_at, expires_at, ended_at, attempt, refund_due, seq, seats, prices
		  FROM reservations, generate_series(1, $1) i;
		DELETE FROM reservations WHERE number = 1; UPDATE performances SET title = '나중 공연';
		UPDATE streams SET projected_seq = projected_seq - 1, frozen_at = now(), frozen_reason = 'a test' WHERE stream LIKE 'round%'`, slice+1)
	names.projector = persistence.NewProjector(l.store.DB, persistence.ProjectorOptions{})
	names.projector.Start()
	defer func() {
		if err := names.projector.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	work := func(a indexArgs, want error) indexArgs {
		t.Helper()
		next, err := names.refresh(t.Context(), a)
		for limit := time.Now().Add(answerLimit); !errors.Is(err, want) && time.Now().Before(limit); {
			next, err = names.refresh(t.Context(), a) // a machine that stands still is no answer
		}
		if !errors.Is(err, want) {
			t.Fatalf("%+v: %v, want %v", a, err, want)
		}
		return next
	}
	second := work(indexArgs{Which: ticketing.ReservationChoice{Performance: 1}, At: l.now()}, nil)
	if second.After == "" {
		t.Fatal("one slice was all")
	}
	work(second, errLacking)
	if text := kept(); strings.Count(text, "나중 공연") != slice+1 || strings.Count(text, "처음 공연") != 1 {
		t.Fatalf("%d have the new name, %d the old one", strings.Count(text, "나중 공연"), strings.Count(text, "처음 공연"))
	}
	if err := names.projector.Rebuild(t.Context()); err != nil { // another chance: they have what was lacking
		t.Fatal(err)
	}
	if next := work(second, nil); next.After != "" || strings.Contains(kept(), "처음 공연") {
		t.Errorf("%+v; the index keeps the old name: %t", next, strings.Contains(kept(), "처음 공연"))
	}
}

// TestForgottenAfterDays: it does so as well when the search server was away for longer than other jobs are tried.
func TestForgottenAfterDays(t *testing.T) {
	l, _, forget, kept := closedAccount(t)
	l.server.SetDown(true)
	for age, wait := range map[time.Duration][2]time.Duration{0: {firstAgain, lastAgain / 2}, 30 * 24 * time.Hour: {lastAgain, lastAgain}} {
		var again interface{ Later() time.Duration }
		if err := forget(age); !errors.As(err, &again) || again.Later() < wait[0] || again.Later() > wait[1] { // the attempt took some of it
			t.Errorf("%s after the account was closed: %v, want another try after %s", age, err, wait)
		}
	}
	l.server.SetDown(false)
	if err := forget(30 * 24 * time.Hour); err != nil {
		t.Error(err)
	}
	if text := kept(); strings.Contains(text, "홍길동") || text == "" {
		t.Errorf("the index keeps %q", text)
	}
}

package persistence

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

func plainPlan(t *testing.T, seats int) *ticketing.Plan {
	t.Helper()
	plan, err := ticketing.PlainPlan(seats)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func notFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("%s: %v, want ErrNotFound", what, err)
	}
}

func TestHalls(t *testing.T) {
	db := openDB(t, freshDSN(t))
	small, large := plainPlan(t, 10), plainPlan(t, 20)
	var made []ticketing.Hall
	for i, plan := range []*ticketing.Plan{small, large, small, small, large} {
		hall, err := db.CreateHall(t.Context(), ticketing.Hall{Name: fmt.Sprintf("홀 %d", i)}, plan)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, hall)
	}
	if made[1].Seats != 20 || made[1].PlanHash != large.Hash() || made[1].Name != "홀 1" {
		t.Errorf("made %+v", made[1])
	}
	var plans int
	if err := db.pool.QueryRow(t.Context(), `SELECT count(*) FROM plans`).Scan(&plans); err != nil || plans != 2 {
		t.Errorf("%d plans kept, %v", plans, err)
	}
	if got, err := db.Hall(t.Context(), made[2].ID); err != nil || got != made[2] {
		t.Errorf("hall %+v, %v", got, err)
	}
	var listed []ticketing.Hall
	for after := int64(0); ; {
		page, err := db.Halls(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		listed = append(listed, page...)
		after = page[len(page)-1].ID
	}
	if !reflect.DeepEqual(listed, made) {
		t.Errorf("listed %+v", listed)
	}
	_, err := db.Hall(t.Context(), 4711)
	notFound(t, "hall", err)
}

func TestPlansAreShared(t *testing.T) {
	dsn := freshDSN(t)
	db := openDB(t, dsn)
	plan := plainPlan(t, 1000)
	if _, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "hall"}, plan); err != nil {
		t.Fatal(err)
	}
	got := make([]*ticketing.Plan, 8)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			var err error
			if got[i], err = db.Plan(t.Context(), plan.Hash()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, p := range got {
		if p == nil || p != got[0] || p.Hash() != plan.Hash() || len(p.Seats) != 1000 {
			t.Fatal("not one shared copy")
		}
	}
	for i := range 3 * maxCachedPlans { // asking for what is not there keeps nothing and pushes nothing out
		_, err := db.Plan(t.Context(), ticketing.Hash{byte(i), 1})
		notFound(t, "plan", err)
	}
	if again, err := db.Plan(t.Context(), plan.Hash()); err != nil || again != got[0] {
		t.Error("pushed out of the cache", err)
	}
	exec(t, superuser(t, dsn), `UPDATE plans SET body = convert_to(replace(convert_from(body, 'UTF8'), '"A"', '"B"'), 'UTF8')`)
	if _, err := openDB(t, dsn).Plan(t.Context(), plan.Hash()); err == nil {
		t.Error("believed a layout that is not the one its name says")
	}
}

func TestPerformances(t *testing.T) {
	db := openDB(t, freshDSN(t))
	hall, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "큰 홀"}, plainPlan(t, 10))
	if err != nil {
		t.Fatal(err)
	}
	want := ticketing.Performance{Title: "레미제라블", Category: "musical", HallID: hall.ID, DurationMinutes: 170,
		Prices: map[string]ticketing.KRW{"R": 150_000, "S": 90_000}}
	made, err := db.CreatePerformance(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	want.ID, want.HallName, want.From, want.To, want.Version = made.ID, "큰 홀", made.From, made.From.AddYears(1), 1
	if made.ID == 0 || !reflect.DeepEqual(made, want) {
		t.Errorf("made %+v, want %+v", made, want)
	}
	if got, err := db.Performance(t.Context(), made.ID); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	second, err := db.CreatePerformance(t.Context(), ticketing.Performance{Title: "둘", HallID: hall.ID, Prices: want.Prices})
	if err != nil {
		t.Fatal(err)
	}
	if page, err := db.Performances(t.Context(), ticketing.PerformanceFilter{}, ticketing.PerformanceCursor{}, 1); err != nil || len(page) != 1 || page[0].ID != made.ID {
		t.Errorf("page %+v, %v", page, err)
	}
	if page, err := db.Performances(t.Context(), ticketing.PerformanceFilter{}, made.Cursor(), 10); err != nil || len(page) != 1 || page[0].ID != second.ID {
		t.Errorf("page %+v, %v", page, err)
	}
	_, err = db.Performance(t.Context(), 4711)
	notFound(t, "performance", err)
	_, err = db.CreatePerformance(t.Context(), ticketing.Performance{Title: "nowhere", HallID: 4711, Prices: want.Prices})
	notFound(t, "hall of a performance", err)
	_, err = db.RoundsOf(t.Context(), 4711)
	notFound(t, "performance of rounds", err)
	if rounds, err := db.RoundsOf(t.Context(), made.ID); err != nil || len(rounds) != 0 {
		t.Errorf("rounds %+v, %v", rounds, err)
	}
}

// plannedRound is a round that can be created.
func plannedRound(t *testing.T, db *DB, startsAt ticketing.Millis) ticketing.RoundInfo {
	t.Helper()
	plan := plainPlan(t, 10)
	hall, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "hall"}, plan)
	if err != nil {
		t.Fatal(err)
	}
	p, err := db.CreatePerformance(t.Context(), ticketing.Performance{Title: "title", HallID: hall.ID, Prices: map[string]ticketing.KRW{"standard": 1}, From: "2026-01-01", To: "2029-12-31"})
	if err != nil {
		t.Fatal(err)
	}
	return ticketing.RoundInfo{PerformanceID: p.ID, PlanHash: plan.Hash(), StartsAt: startsAt, Terms: ticketing.Terms{
		Prices: []ticketing.KRW{50_000}, OpensAt: startsAt - 9_000_001, ClosesAt: startsAt - 1001, StartsAt: startsAt,
		HoldMillis: 300_000, PayMillis: 600_000, MaxPerUser: 4, CancelUntil: startsAt - 5000, CancelFee: 10}}
}

// A round is born with its stream, or not at all.
func TestRounds(t *testing.T) {
	db := openDB(t, freshDSN(t))
	const startsAt = 1_800_000_000_123
	want := plannedRound(t, db, startsAt)
	planned := ticketing.Event{At: 1_700_000_000_000, Fact: ticketing.RoundPlanned{Plan: want.PlanHash, Terms: want.Terms}}
	payload, w := ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, []ticketing.Event{planned})), newWriter()
	made, err := db.CreateRound(t.Context(), want, payload, w)
	if err != nil {
		t.Fatal(err)
	}
	want.ID, want.Version = made.ID, 1
	if made.ID == 0 || !reflect.DeepEqual(made, want) {
		t.Errorf("made %+v, want %+v", made, want)
	}
	if got, err := db.Round(t.Context(), made.ID); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v, %v", got, want, err)
	}

	stream := ticketing.RoundStream(made.ID)
	h, err := db.Load(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	if h.Plan == nil || h.Plan.Hash() != want.PlanHash || h.Head != (ticketing.Head{From: 1, To: 1, Writer: w}) || len(h.Tail) != 1 {
		t.Errorf("history %+v", h)
	}
	if _, err := ticketing.Restore(stream, h); err != nil {
		t.Errorf("restoring: %v", err)
	}
	if due, err := db.Due(t.Context(), want.Terms.OpensAt, 10); err != nil || len(due) != 1 || due[0] != stream {
		t.Errorf("due when the sale opens: %v, %v", due, err)
	}
	if due, err := db.Due(t.Context(), want.Terms.OpensAt-1, 10); err != nil || len(due) != 0 {
		t.Errorf("due before the sale opens: %v, %v", due, err)
	}

	earlier := want
	earlier.StartsAt -= 24 * 3600 * 1000
	earlier.Terms.StartsAt, earlier.Terms.CancelUntil = earlier.StartsAt, 0
	second, err := db.CreateRound(t.Context(), earlier, payload, newWriter())
	if err != nil {
		t.Fatal(err)
	}
	rounds, err := db.RoundsOf(t.Context(), want.PerformanceID)
	if err != nil || !reflect.DeepEqual(rounds, []ticketing.RoundInfo{second, made}) {
		t.Errorf("rounds %+v, %v", rounds, err)
	}
	_, err = db.Round(t.Context(), 4711)
	notFound(t, "round", err)
}

func TestRoundsThatCannotBe(t *testing.T) {
	db := openDB(t, freshDSN(t))
	for name, c := range map[string]struct {
		change  func(*ticketing.RoundInfo)
		payload string
		check   func(*testing.T, error)
	}{
		"no such performance": {func(r *ticketing.RoundInfo) { r.PerformanceID = 4711 }, "x",
			func(t *testing.T, err error) { notFound(t, "performance", err) }},
		"no such plan": {func(r *ticketing.RoundInfo) { r.PlanHash[0]++ }, "x",
			func(t *testing.T, err error) { notFound(t, "plan", err) }},
		"two beginnings": {func(r *ticketing.RoundInfo) { r.StartsAt++ }, "x",
			func(t *testing.T, err error) {
				if invalid := (*ticketing.Invalid)(nil); !errors.As(err, &invalid) {
					t.Error(err)
				}
			}},
		"no first event": {func(*ticketing.RoundInfo) {}, "",
			func(t *testing.T, err error) {
				if err == nil {
					t.Error("a stream without birth")
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			r := plannedRound(t, db, 1_800_000_000_000)
			c.change(&r)
			_, err := db.CreateRound(t.Context(), r, []byte(c.payload), newWriter())
			c.check(t, err)
		})
	}
	all, err := db.Streams(t.Context())
	all = slices.DeleteFunc(all, func(s ticketing.Stream) bool { return !strings.Contains(string(s), "round") }) // halls and performances there are
	if err != nil || len(all) != 0 {
		t.Errorf("left behind: %v, %v", all, err)
	}
	var rounds int
	if err := db.pool.QueryRow(t.Context(), `SELECT count(*) FROM rounds`).Scan(&rounds); err != nil || rounds != 0 {
		t.Errorf("left behind: %d rounds, %v", rounds, err)
	}
}

func TestAccounts(t *testing.T) {
	db := openDB(t, freshDSN(t))
	want := ticketing.User{Email: "kim@example.com", Name: "김", Language: "ko", PasswordHash: "$argon2id$x", Role: ticketing.Admin}
	var err error
	if want.ID, err = db.CreateUser(t.Context(), want); err != nil || want.ID == 0 {
		t.Fatal(want.ID, err)
	}
	got, err := db.UserByEmail(t.Context(), want.Email)
	if err != nil || time.Since(got.CreatedAt).Abs() > time.Minute {
		t.Errorf("got %+v, %v", got, err)
	}
	got.CreatedAt = time.Time{}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := db.CreateUser(t.Context(), want); !errors.Is(err, ticketing.ErrEmailTaken) || strings.Contains(err.Error(), want.Email) {
		t.Errorf("twice: %v", err)
	}
	_, err = db.UserByEmail(t.Context(), "nobody@example.com")
	notFound(t, "account", err)
	if _, err := db.CreateUser(t.Context(), ticketing.User{Email: "x@example.com", Role: "king"}); err == nil {
		t.Error("made a king")
	}
}

func TestAccountsInBulk(t *testing.T) {
	db := openDB(t, freshDSN(t))
	users := make([]ticketing.User, 5000)
	for i := range users {
		users[i] = ticketing.User{Email: fmt.Sprintf("c%d@example.com", i), Name: fmt.Sprint(i), Role: ticketing.Customer}
	}
	sent, told := 0, 0
	ids, err := db.CreateUsers(t.Context(), users, func(rows int) { sent, told = sent+rows, told+1 })
	if err != nil || len(ids) != len(users) {
		t.Fatal(len(ids), err)
	}
	if sent != len(users) || told < 10 {
		t.Errorf("told %d times of %d rows: nobody sees them go", told, sent)
	}
	for _, i := range []int{0, 17, 4999} {
		if u, err := db.UserByEmail(t.Context(), users[i].Email); err != nil || u.ID != ids[i] || u.Name != users[i].Name || u.CreatedAt.IsZero() {
			t.Errorf("account %d: %+v, %v", i, u, err)
		}
	}
	if id, err := db.CreateUser(t.Context(), ticketing.User{Email: "next@example.com", Role: ticketing.Customer}); err != nil || id <= ids[len(ids)-1] {
		t.Errorf("next id %d, %v", id, err)
	}
	again := []ticketing.User{{Email: "new@example.com", Role: ticketing.Customer}, users[3]}
	if _, err := db.CreateUsers(t.Context(), again, nil); !errors.Is(err, ticketing.ErrEmailTaken) {
		t.Errorf("twice: %v", err)
	}
	_, err = db.UserByEmail(t.Context(), "new@example.com")
	notFound(t, "half of a refused bulk", err)
	if ids, err := db.CreateUsers(t.Context(), nil, nil); err != nil || len(ids) != 0 {
		t.Errorf("none: %v, %v", ids, err)
	}
}

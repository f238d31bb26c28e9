package persistence

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// searchable is two rounds of differently named performances with reservations of three customers.
func searchable(t *testing.T) (*DB, map[string]ticketing.Reservation) {
	t.Helper()
	dsn := freshDSN(t)
	db := openDB(t, dsn)
	for _, u := range []ticketing.User{
		{Email: "hong@example.com", Name: "홍길동"}, {Email: "kim@example.com", Name: "Kim Yuna"}, {Email: "gone@example.com", Name: "홍길순"},
	} {
		u.PasswordHash, u.Role = "x", ticketing.Customer
		if _, err := db.CreateUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	p := newHandDriven(t, db, ProjectorOptions{})
	made := map[string]ticketing.Reservation{}
	for i, title := range []string{"레미제라블", "100% TWENTY"} {
		b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
		exec(t, superuser(t, dsn), `UPDATE performances SET title = $1 WHERE id = (SELECT max(id) FROM performances)`, title)
		b.now += ticketing.Millis(i) * ticketing.Millis(24*time.Hour/time.Millisecond)
		for user := range 3 {
			b.now += 1000
			b.reserve(ticketing.UserID(user+1), user, user+8) // 1,000 and 2,000 won
		}
		b.now += 1000
		n := b.reserve(1, 15)
		b.must(ticketing.ReleaseReservation{User: 1, Number: n})
		b.commit(t.Context(), 0)
		p.moveAll(t.Context(), b.stream)
		for number, r := range b.views {
			made[fmt.Sprintf("%d-%d", i+1, number)] = r
		}
	}
	exec(t, superuser(t, dsn), `UPDATE users SET withdrawn_at = now(), email = NULL, name = '', password_hash = '' WHERE id = 3`)
	return db, made
}

// Each filter lets through what it should, alone and with others; a count agrees with the list.
func TestReservationSearch(t *testing.T) {
	db, made := searchable(t)
	first := ticketing.DayOf(saleDay)
	for _, c := range []struct {
		name string
		f    ticketing.ReservationFilter
		want string
	}{
		{"all", ticketing.ReservationFilter{}, "2-4 2-3 2-2 2-1 1-4 1-3 1-2 1-1"},
		{"the middle of a name", ticketing.ReservationFilter{User: "길동"}, "2-4 2-1 1-4 1-1"},
		{"one syllable", ticketing.ReservationFilter{User: "홍"}, "2-4 2-1 1-4 1-1"},
		{"a name in another case", ticketing.ReservationFilter{User: "yuNA"}, "2-2 1-2"},
		{"an e-mail", ticketing.ReservationFilter{User: "KIM@example.com"}, "2-2 1-2"},
		{"a part of an e-mail", ticketing.ReservationFilter{User: "example.com"}, ""},
		{"a closed account", ticketing.ReservationFilter{User: "홍길순"}, ""},
		{"letters, but elsewhere", ticketing.ReservationFilter{User: "동길"}, ""},
		{"a pattern of LIKE", ticketing.ReservationFilter{User: "%"}, ""},
		{"the middle of a title", ticketing.ReservationFilter{Title: "제라"}, "1-4 1-3 1-2 1-1"},
		{"a sign in a title", ticketing.ReservationFilter{Title: "0% t"}, "2-4 2-3 2-2 2-1"},
		{"the first day", ticketing.ReservationFilter{From: first, To: first}, "1-4 1-3 1-2 1-1"},
		{"later", ticketing.ReservationFilter{From: first, To: ticketing.DayOf(saleDay + 24*60*60*1000)}, "2-4 2-3 2-2 2-1 1-4 1-3 1-2 1-1"},
		{"from the next day", ticketing.ReservationFilter{From: ticketing.DayOf(saleDay + 24*60*60*1000)}, "2-4 2-3 2-2 2-1"},
		{"a status", ticketing.ReservationFilter{Status: ticketing.Released}, "2-4 1-4"},
		{"at least", ticketing.ReservationFilter{Min: 3000}, "2-3 2-2 2-1 1-3 1-2 1-1"},
		{"at most", ticketing.ReservationFilter{Max: 2999}, "2-4 1-4"},
		{"between", ticketing.ReservationFilter{Min: 2000, Max: 2000}, "2-4 1-4"},
		{"all seven", ticketing.ReservationFilter{User: "홍길동", Title: "TWENTY", From: first, To: "2030-01-01", Status: ticketing.Released, Min: 1, Max: 5000}, "2-4"},
	} {
		list, err := db.SearchReservations(t.Context(), c.f, ticketing.NewestFirst, ticketing.ReservationPlace{}, MaxPage)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got []string
		for _, r := range list {
			got = append(got, r.ID.String())
			if want := made[r.ID.String()]; fmt.Sprintf("%+v", r.Reservation) != fmt.Sprintf("%+v", want) {
				t.Errorf("%s: %+v, want %+v", c.name, r.Reservation, want)
			}
			if who := [...]string{"", "홍길동 hong@example.com", "Kim Yuna kim@example.com", " "}[r.User]; r.Name+" "+r.Email != who {
				t.Errorf("%s: %s is %q %q", c.name, r.ID, r.Name, r.Email)
			}
		}
		if got := fmt.Sprint(got); got != "["+c.want+"]" {
			t.Errorf("%s: found %s, want [%s]", c.name, got, c.want)
		}
		if n, err := db.CountReservations(t.Context(), c.f, 100); err != nil || n != len(list) {
			t.Errorf("%s: counted %d of %d, %v", c.name, n, len(list), err)
		}
	}
	if n, err := db.CountReservations(t.Context(), ticketing.ReservationFilter{}, 3); err != nil || n != 3 {
		t.Errorf("counted %d, %v, want no more than 3", n, err)
	}
}

// What was paid is shown with the reservation, whatever became of it since.
func TestMoneyOfWhatIsFound(t *testing.T) {
	db := openDB(t, freshDSN(t)) // nobody else's reservations
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	p := newHandDriven(t, db, ProjectorOptions{})
	pay := func(user ticketing.UserID, coupon string, amount ticketing.KRW, seats ...int) uint32 {
		t.Helper()
		n := b.reserve(user, seats...)
		b.must(ticketing.StartPayment{User: user, Number: n, Coupon: coupon})
		if coupon != "" {
			b.must(ticketing.PricePayment{Number: n, Attempt: 1, Amount: amount})
		}
		b.must(ticketing.ConfirmPayment{User: user, Number: n, Attempt: 1, Amount: amount, PaymentKey: "pk"})
		b.must(ticketing.ApprovePayment{Number: n, Attempt: 1})
		return n
	}
	price := b.views[b.reserve(9, 15)].Amount // held, and nothing paid
	kept := pay(1, "3-1", price-300, 8)
	free := pay(2, "3-2", 0, 9)
	back := pay(3, "", price, 10)
	owed := pay(4, "", price, 11)
	b.must(ticketing.CancelReservation{User: 3, Number: back})
	b.must(ticketing.SettleRefund{Number: back, Attempt: 1})
	b.must(ticketing.CancelReservation{User: 4, Number: owed})
	b.commit(t.Context(), 0)
	p.moveAll(t.Context(), b.stream)
	refund := b.views[owed].RefundDue
	want := map[uint32]ticketing.ReservationMoney{
		kept: {Paid: price - 300, Discount: 300, Coupon: "3-1"}, free: {Discount: price, Coupon: "3-2"},
		back: {Paid: price, Refunded: refund}, owed: {Paid: price, Owed: refund},
	}
	list, err := db.SearchReservations(t.Context(), ticketing.ReservationFilter{}, ticketing.NewestFirst, ticketing.ReservationPlace{}, MaxPage)
	if err != nil || len(list) != 5 || refund <= 0 {
		t.Fatalf("%d found, %v; %d to go back", len(list), err, refund)
	}
	for _, r := range list {
		if r.Money != want[r.ID.Number] {
			t.Errorf("%s, %s: %+v, want %+v", r.ID, r.Status, r.Money, want[r.ID.Number])
		}
	}
}

// Pages of every order, one after the other, are the whole list once.
func TestReservationSearchInPages(t *testing.T) {
	db, _ := searchable(t)
	for order, want := range map[ticketing.ReservationOrder]string{
		ticketing.NewestFirst:  "[2-4 2-3 2-2 2-1 1-4 1-3 1-2 1-1]",
		ticketing.OldestFirst:  "[1-1 1-2 1-3 1-4 2-1 2-2 2-3 2-4]",
		ticketing.HighestFirst: "[2-3 2-2 2-1 1-3 1-2 1-1 2-4 1-4]",
		ticketing.LowestFirst:  "[1-4 2-4 1-1 1-2 1-3 2-1 2-2 2-3]",
	} {
		for size := 1; size <= 9; size += 2 {
			var got []string
			var after ticketing.ReservationPlace
			for {
				page, err := db.SearchReservations(t.Context(), ticketing.ReservationFilter{}, order, after, size)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page {
					got = append(got, r.ID.String())
				}
				if len(page) < size {
					break
				}
				after = page[size-1].Place(order)
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%s by %d: %v, want %s", order, size, got, want)
			}
		}
	}
}

// A search among many costs what it shows: no plan reads a whole table. MANY_RESERVATIONS=1000000 makes it the
// measurement of docs/performance.md.
func TestSearchAmongManyReservations(t *testing.T) {
	many, measured := 200_000, false
	if text := os.Getenv("MANY_RESERVATIONS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < many {
			t.Fatalf("MANY_RESERVATIONS=%s: a number from %d on", text, many)
		}
		many, measured = n, true
	}
	dsn := freshDSN(t)
	db, admin := openDB(t, dsn), superuser(t, dsn)
	if _, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "H"}, plainPlan(t, 3)); err != nil {
		t.Fatal(err)
	}
	exec(t, admin, `INSERT INTO users (email, email_hash, name, password_hash, role)
		SELECT i || '@example.com', sha256(convert_to(i::text, 'UTF8')), chr(44032 + i % 97) || chr(45000 + i % 89) || chr(46000 + i % 83), 'x', 'customer' FROM generate_series(1, 20000) i`)
	exec(t, admin, `INSERT INTO performances (title, category, hall_id, duration_minutes, prices, from_day, to_day)
		SELECT '공연 ' || chr(44032 + i % 97) || chr(45000 + i % 89), 'concert', 1, 90, '{"standard": 1}', date '2020-01-01', date '2030-01-01' FROM generate_series(1, 2000) i`)
	exec(t, admin, `INSERT INTO rounds (performance_id, plan_hash, starts_at, opens_at, closes_at, cancel_fee, prices, hold_ms, pay_ms, max_per_user)
		SELECT i, hash, now(), now(), now(), 0, '{1}', 1, 1, 1 FROM plans, generate_series(1, 2000) i`)
	exec(t, admin, `INSERT INTO reservations (round, number, user_id, status, amount, held_at, attempt, refund_due, seq, seats, prices)
		SELECT 1 + i % 2000, i, 1 + i % 20000, (ARRAY['confirmed', 'released', 'expired'])[1 + i % 3], 1000 * (i % 500),
		       timestamptz '2026-01-01' + i * interval '1 minute', 0, 0, 1, '{0}', '{1}' FROM generate_series(1, $1::int) i`, many)
	exec(t, admin, `ANALYZE`)
	tenth := float64(many / 10) // of the reservations: a filter that lets hardly anything through walks past others
	name, title := string(rune(44032+7))+string(rune(45000+7)), string(rune(44032+7))+string(rune(45000+7))
	for name, f := range map[string]ticketing.ReservationFilter{
		"all": {}, "of a customer": {User: name}, "by e-mail": {User: "77@example.com"}, "of a performance": {Title: title},
		"of a day": {From: "2026-03-03", To: "2026-03-03"}, "of a status": {Status: ticketing.Released}, "of an amount": {Min: 77_000, Max: 77_000},
		"all seven": {User: name, Title: title, From: "2026-01-01", To: "2026-12-31", Status: ticketing.Confirmed, Min: 1, Max: 400_000},
	} {
		for _, order := range []ticketing.ReservationOrder{ticketing.NewestFirst, ticketing.LowestFirst} {
			sql, args := searchSQL(f, order, ticketing.ReservationPlace{}, 21)
			within(t, tenth, admin, fmt.Sprintf("%s, %s", name, order), sql, args...)
			place := ticketing.ReservationPlace{Key: 50_000, ID: ticketing.ReservationID{Round: 7, Number: 7}}
			if !order.ByAmount() {
				place.Key = int64(ticketing.Day("2026-04-01").Start())
			}
			sql, args = searchSQL(f, order, place, 21)
			within(t, tenth, admin, fmt.Sprintf("%s, %s, further on", name, order), sql, args...)
		}
		some := []ticketing.ReservationID{{Round: 8, Number: 7}, {Round: 9, Number: 8}, {Round: 4000, Number: 1}}
		sql, args := amongSQL(some, f, ticketing.NewestFirst)
		within(t, tenth, admin, name+", among a few", sql, args...)
		sql, args = countSQL(f, 100)
		within(t, tenth, admin, name+", counted", sql, args...)
		if measured {
			timed(t, db, name, f)
		}
	}
	for name, which := range map[string]ticketing.ReservationChoice{
		"a performance's": {Performance: 9}, "a customer's": {Users: []ticketing.UserID{9}}, "a round's": {Round: 9, Whole: true},
		"some of a round's": {Round: 9, Numbers: []uint32{8, 2008}, Users: []ticketing.UserID{9, 10}},
	} {
		sql, args := namingSQL(which, 0, 0, 500)
		within(t, tenth, admin, name, sql, args...)
	}
	list, err := db.SearchReservations(t.Context(), ticketing.ReservationFilter{User: name, Title: title}, ticketing.NewestFirst, ticketing.ReservationPlace{}, MaxPage)
	if err != nil || len(list) == 0 || !slices.IsSortedFunc(list, func(a, b ticketing.FoundReservation) int { return int(b.HeldAt - a.HeldAt) }) {
		t.Errorf("%d, %v", len(list), err)
	}
}

// timed logs how long the first page and its count take, as the api asks for them.
func timed(t *testing.T, db *DB, name string, f ticketing.ReservationFilter) {
	t.Helper()
	const times, counted = 100, 10_001
	var all []time.Duration
	found := 0
	for range times {
		began := time.Now()
		if _, err := db.SearchReservations(t.Context(), f, ticketing.NewestFirst, ticketing.ReservationPlace{}, 21); err != nil {
			t.Fatal(err)
		}
		var err error
		if found, err = db.CountReservations(t.Context(), f, counted); err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	t.Logf("%-16s p50 %s, p99 %s, worst %s, %d found", name, all[times/2-1], all[times*99/100-1], all[times-1], found)
}

package persistence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// tasksNow is 1 December 2026, 10:00 in Seoul.
var tasksNow = time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)

// taskHouse is a database with tasks, whose jobs and changes of accounts are written down with the transactions that
// make them.
type taskHouse struct {
	t    *testing.T
	db   *DB
	root *pgx.Conn
}

func newTaskHouse(t *testing.T) *taskHouse {
	t.Helper()
	dsn := freshDSN(t)
	h := &taskHouse{t: t, db: openDB(t, dsn), root: superuser(t, dsn)}
	exec(t, h.root, `
		CREATE TABLE sent (key text);
		CREATE TABLE touched (what text, id bigint);
		GRANT ALL ON sent, touched TO ticketblue_app;
		CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF OLD.dormancy_warned_at IS DISTINCT FROM NEW.dormancy_warned_at THEN INSERT INTO touched VALUES ('warned', NEW.id); END IF;
			IF OLD.withdrawn_at IS DISTINCT FROM NEW.withdrawn_at THEN INSERT INTO touched VALUES ('closed', NEW.id); END IF;
			RETURN NULL; END $$;
		CREATE TRIGGER touch AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
		INSERT INTO plans (hash, seats, body) VALUES (sha256('p'), 1, '');
		INSERT INTO halls (name, plan_hash) VALUES ('H', sha256('p'))`)
	h.db.enqueue = func(ctx context.Context, tx pgx.Tx, jobs []ticketing.Job) error {
		var keys []string
		for _, j := range jobs {
			if j.Kind != WorkTask {
				keys = append(keys, j.Key)
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO sent SELECT unnest($1::text[])`, keys)
		return err
	}
	h.db.noticeJob = func(n ticketing.Notice) ticketing.Job { return ticketing.Job{Kind: string(n.Kind), Key: n.Fact} }
	if err := h.db.KeepTasks(t.Context(), Tasks(), tasksNow.AddDate(-1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	return h
}

// show adds a performance whose only rounds are as given, and returns the first round's id.
func (h *taskHouse) show(lastDay ticketing.Day, minutes int, startsAt ...time.Time) (performance, round int64) {
	h.t.Helper()
	err := h.root.QueryRow(h.t.Context(), `
		INSERT INTO performances (title, category, hall_id, duration_minutes, prices, from_day, to_day)
		VALUES ('T', 'concert', 1, $1, '{}', $2::text::date, $2::text::date) RETURNING id`, minutes, string(lastDay)).Scan(&performance)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, at := range startsAt {
		var id int64
		err := h.root.QueryRow(h.t.Context(), `
			INSERT INTO rounds (performance_id, plan_hash, starts_at, opens_at, closes_at, cancel_fee, prices, hold_ms, pay_ms, max_per_user)
			VALUES ($1, sha256('p'), $2::timestamptz, $2::timestamptz - interval '30 days', $2, 0, '{1}', 1, 1, 4) RETURNING id`, performance, at).Scan(&id)
		if err != nil {
			h.t.Fatal(err)
		}
		if round == 0 {
			round = id
		}
		exec(h.t, h.root, `INSERT INTO streams (stream) VALUES ('round:' || $1::bigint)`, id)
	}
	return performance, round
}

// reserve adds reservations from..to of a round, each of the user with its number.
func (h *taskHouse) reserve(round int64, from, to int, status string) {
	h.t.Helper()
	exec(h.t, h.root, `
		INSERT INTO reservations (round, number, user_id, status, amount, held_at, expires_at, attempt, refund_due, seq, seats, prices)
		SELECT $1, n, n, $4, 1, $5, CASE WHEN $4 = 'held' THEN $5::timestamptz END, 0, 0, 1, '{}', '{}' FROM generate_series($2::int, $3::int) n`,
		round, from, to, status, tasksNow.AddDate(0, 0, -1))
}

// users adds accounts from..to who logged in last so long ago.
func (h *taskHouse) users(from, to int, lastLogin time.Time) {
	h.t.Helper()
	exec(h.t, h.root, `
		INSERT INTO users (id, email, email_hash, name, password_hash, role, last_login_at, created_at)
		SELECT n, 'u' || n || '@example.com', sha256(('u' || n)::bytea), 'N', 'p', 'customer', $3, '2010-01-01' FROM generate_series($1::int, $2::int) n`,
		from, to, lastLogin)
}

// run starts a task by hand and works it to its end.
func (h *taskHouse) run(task string, dry bool, now time.Time) ticketing.TaskRun {
	h.t.Helper()
	run, err := h.db.StartRun(h.t.Context(), task, 9, dry, now)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.work(run.ID)
}

func (h *taskHouse) work(id int64) ticketing.TaskRun {
	h.t.Helper()
	for more := true; more; {
		var err error
		if more, err = h.db.StepRun(h.t.Context(), id); err != nil {
			h.t.Fatal(err)
		}
	}
	run, err := h.db.TaskRun(h.t.Context(), id)
	if err != nil || run.State != ticketing.TaskDone || run.EndedAt.IsZero() {
		h.t.Fatalf("ended as %+v, %v", run, err)
	}
	return run
}

// counts is how often each text of a column is there.
func (h *taskHouse) counts(sql string, args ...any) map[string]int {
	h.t.Helper()
	rows, err := h.root.Query(h.t.Context(), sql, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	found := map[string]int{}
	var text string
	if _, err := pgx.ForEachRow(rows, []any{&text}, func() error { found[text]++; return nil }); err != nil {
		h.t.Fatal(err)
	}
	return found
}

const (
	sentSQL    = `SELECT key FROM sent`
	touchedSQL = `SELECT what || ':' || id FROM touched`
)

func years(n int) time.Time { return tasksNow.AddDate(-n, 0, 0) }

func want(t *testing.T, what string, run ticketing.TaskRun, looked, done, kept int64) {
	t.Helper()
	if run.Count != (ticketing.TaskCount{Looked: looked, Done: done, Kept: kept}) {
		t.Errorf("%s: %+v, want looked %d, done %d, kept %d", what, run.Count, looked, done, kept)
	}
}

// Warned once at two years; closed at three, if warned in time; never with a live ticket or money under way.
func TestDormancy(t *testing.T) {
	h := newTaskHouse(t)
	h.users(1, 10, years(1))                 // active
	h.users(11, 20, years(2).Add(time.Hour)) // an hour short of it
	h.users(21, 30, years(2))                // to be warned
	h.users(31, 40, years(4))                // the same, and closed a month later
	exec(t, h.root, `UPDATE users SET role = 'admin' WHERE id = 40`)
	_, soon := h.show("2026-12-31", 60, tasksNow.AddDate(0, 6, 0))
	_, past := h.show("2026-11-01", 60, tasksNow.AddDate(0, -1, 0))
	h.reserve(soon, 31, 31, "confirmed")
	h.reserve(soon, 32, 32, "held")
	h.reserve(soon, 33, 33, "paying")
	h.reserve(past, 34, 34, "canceled")
	exec(t, h.root, `UPDATE reservations SET refund_due = 1 WHERE number = 34`)
	h.reserve(past, 35, 35, "confirmed") // over
	h.reserve(soon, 36, 36, "expired")
	exec(t, h.root, `INSERT INTO orders (round, number, attempt, state, coupon, amount, refund, payment_key, pay_by, seq)
		VALUES ($1, 35, 1, 'paid', '', 1000, 0, 'k', now(), 1)`, past)

	want(t, "nobody is closed who was not warned", h.run(TaskDormantUsers, false, tasksNow), 40, 0, 0)
	want(t, "dry", h.run(TaskDormantAlert, true, tasksNow), 40, 19, 0)
	if len(h.counts(sentSQL)) != 0 {
		t.Error("a dry run told somebody")
	}
	want(t, "warned", h.run(TaskDormantAlert, false, tasksNow), 40, 19, 0)
	want(t, "warned again", h.run(TaskDormantAlert, false, tasksNow.Add(time.Minute)), 40, 0, 0)
	sent := h.counts(sentSQL)
	if len(sent) != 19 || sent[fmt.Sprintf("dormancy:31@%d", years(4).UnixMilli())] != 1 {
		t.Errorf("told %v", sent)
	}
	want(t, "too soon after the warning", h.run(TaskDormantUsers, false, tasksNow.Add(WarnedBefore-time.Second)), 40, 0, 0)
	exec(t, h.root, `UPDATE users SET last_login_at = $1 WHERE id = 37`, tasksNow.Add(time.Hour)) // the warning has worked
	later := tasksNow.Add(WarnedBefore)
	want(t, "dry", h.run(TaskDormantUsers, true, later), 40, 4, 4)
	want(t, "closed", h.run(TaskDormantUsers, false, later.Add(time.Second)), 40, 4, 4)
	closed := h.counts(`SELECT id::text FROM users WHERE withdrawn_at IS NOT NULL AND email IS NULL AND name = '' AND email_hash IS NOT NULL`)
	if got := slices.Sorted(maps.Keys(closed)); !slices.Equal(got, []string{"35", "36", "38", "39"}) {
		t.Errorf("closed %v", got)
	}
	if rows := h.counts(`SELECT number::text FROM reservations`); len(rows) != 6 {
		t.Errorf("reservations left: %v", rows)
	}
	if rows := h.counts(`SELECT payment_key FROM orders`); rows["k"] != 1 {
		t.Error("a payment record is gone")
	}
	want(t, "who was closed is not closed again", h.run(TaskDormantUsers, false, later.Add(time.Minute)), 40, 0, 4)

	_, err := h.db.UserByEmail(t.Context(), "u31@example.com") // with his paid ticket
	if err != nil {
		t.Error(err)
	}
}

// Whoever logs in again and stays away again is warned again.
func TestDormancyTwice(t *testing.T) {
	h := newTaskHouse(t)
	h.users(1, 1, years(2))
	want(t, "first", h.run(TaskDormantAlert, false, tasksNow), 1, 1, 0)
	exec(t, h.root, `UPDATE users SET last_login_at = $1`, tasksNow.Add(time.Hour))
	want(t, "awake", h.run(TaskDormantAlert, false, tasksNow.AddDate(1, 11, 0)), 1, 0, 0)
	want(t, "second", h.run(TaskDormantAlert, false, tasksNow.AddDate(2, 1, 0)), 1, 1, 0)
	if sent := h.counts(sentSQL); len(sent) != 2 {
		t.Errorf("told %v", sent)
	}
}

func TestReminder(t *testing.T) {
	h := newTaskHouse(t)
	tomorrow := time.Date(2026, 12, 2, 0, 0, 0, 0, time.FixedZone("", 9*3600))
	_, first := h.show("2026-12-31", 60, tomorrow, tomorrow.Add(24*time.Hour-time.Minute), tomorrow.Add(-time.Second), tomorrow.Add(24*time.Hour))
	for round := first; round < first+4; round++ {
		h.reserve(round, 1, 3, "confirmed")
		h.reserve(round, 4, 5, "canceled")
	}
	_, gone := h.show("2026-12-31", 60, tomorrow)
	h.reserve(gone, 1, 3, "confirmed")
	exec(t, h.root, `UPDATE rounds SET deleted_at = now() WHERE id = $1`, gone)
	want(t, "told", h.run(TaskReminder, false, tasksNow), 6, 6, 0)
	want(t, "again, before anybody was told", h.run(TaskReminder, false, tasksNow.Add(time.Hour)), 6, 6, 0)
	sent := h.counts(sentSQL)
	for fact := range sent {
		if err := h.db.PostNotice(t.Context(), ticketing.Notice{Fact: fact, Kind: ticketing.NoticeReminder, User: 1}, true, nil); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "again", h.run(TaskReminder, true, tasksNow.Add(2*time.Hour)), 6, 0, 0)
	want(t, "again, not dry", h.run(TaskReminder, false, tasksNow.Add(2*time.Hour)), 6, 0, 0)
	h.reserve(first, 9, 9, "confirmed")
	want(t, "one more", h.run(TaskReminder, false, tasksNow.Add(2*time.Hour)), 7, 1, 0)
	if len(sent) != 6 || sent["reminder:1-1"] != 2 || sent["reminder:2-3"] != 2 { // one key: whoever enqueues passes over the second
		t.Errorf("told %v", sent)
	}
	want(t, "late: what has begun is not reminded of", h.run(TaskReminder, false, tomorrow.Add(-time.Hour)), 7, 1, 0)
}

func TestReviewPrompt(t *testing.T) {
	h := newTaskHouse(t)
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) // 21:00 in Seoul
	show, over := h.show("2026-12-31", 90, now.Add(-90*time.Minute), now.Add(-24*time.Hour), now.Add(-89*time.Minute), now.Add(-50*time.Hour))
	for round := over; round < over+4; round++ {
		h.reserve(round, int(round)*10, int(round)*10+1, "confirmed")
	}
	h.reserve(over, 21, 21, "confirmed") // user 21 has seen it twice
	h.reserve(over, 99, 99, "confirmed")
	exec(t, h.root, `INSERT INTO reviews (performance_id, user_id, round, number, rate, body, created_at) VALUES ($1, 99, $2, 99, 5, '', now())`, show, over)
	want(t, "told", h.run(TaskReview, false, now), 5, 5, 0)
	sent := h.counts(sentSQL)
	if got := slices.Sorted(maps.Keys(sent)); !slices.Equal(got, []string{"review:1/10", "review:1/11", "review:1/20", "review:1/21"}) {
		t.Errorf("told %v", sent)
	}
}

func TestTimedOut(t *testing.T) {
	h := newTaskHouse(t)
	_, on := h.show("2026-12-31", 60, tasksNow.AddDate(0, 0, 1))
	_, old := h.show("2026-12-31", 60, tasksNow.Add(-OverdueWindow-time.Hour))
	h.reserve(old, 1, 5, "held")
	h.reserve(on, 1, 5, "confirmed")
	run := h.run(TaskTimedOut, false, tasksNow)
	want(t, "none", run, 0, 0, 0)
	if run.Problem != "" {
		t.Error(run.Problem)
	}
	h.reserve(on, 6, 8, "held") // until yesterday
	h.reserve(on, 9, 9, "held")
	exec(t, h.root, `UPDATE reservations SET expires_at = $1 WHERE number = 9`, tasksNow.Add(-OverdueGrace)) // just now
	run = h.run(TaskTimedOut, false, tasksNow)
	want(t, "some", run, 4, 3, 0)
	if run.Problem == "" {
		t.Error("nothing is said")
	}
}

func TestOldPerformances(t *testing.T) {
	h := newTaskHouse(t)
	long := years(11)
	old, first := h.show("2016-11-30", 60, long, long.Add(time.Hour))
	h.reserve(first, 1, 3, "confirmed")
	h.reserve(first+1, 1, 2, "canceled")
	exec(t, h.root, `INSERT INTO orders (round, number, attempt, state, coupon, amount, refund, payment_key, pay_by, seq) VALUES ($1, 1, 1, 'paid', '', 1, 0, '', now(), 1)`, first)
	exec(t, h.root, `INSERT INTO round_states VALUES ($1, sha256('p'), 'closed', false, '{}', now(), now(), now())`, first)
	exec(t, h.root, `INSERT INTO posters (performance_id, name, extension, widths) VALUES ($1, 'p', 'jpg', '{320}')`, old)
	exec(t, h.root, `INSERT INTO reviews (performance_id, user_id, round, number, rate, body, created_at) VALUES ($1, 1, $2, 1, 5, '', now())`, old, first)
	exec(t, h.root, `INSERT INTO streams (stream) VALUES ('catalogue:review:1')`)
	owing, due := h.show("2016-11-30", 60, long)
	h.reserve(due, 1, 1, "canceled")
	exec(t, h.root, `UPDATE reservations SET refund_due = 5 WHERE round = $1`, due)
	young, kept := h.show("2016-12-02", 60, long)
	h.reserve(kept, 1, 1, "confirmed")

	before := h.counts(`SELECT stream FROM streams WHERE retired_at IS NULL`)
	want(t, "dry", h.run(TaskOldPerformances, true, tasksNow), 2, 1, 1)
	if after := h.counts(`SELECT stream FROM streams WHERE retired_at IS NULL`); !maps.Equal(before, after) || len(h.counts(sentSQL)) != 0 {
		t.Errorf("a dry run has done something: %v", after)
	}
	h.db.indexJob = func(which ticketing.ReservationChoice, _ time.Time) ticketing.Job {
		return ticketing.Job{Kind: "index", Key: fmt.Sprintf("index %d", len(which.IDs))}
	}
	want(t, "taken away", h.run(TaskOldPerformances, false, tasksNow), 2, 1, 1)
	for what, sql := range map[string]string{
		"performances": `SELECT id::text FROM performances WHERE deleted_at IS NULL`, "rounds": `SELECT performance_id::text FROM rounds WHERE deleted_at IS NULL`,
		"reservations": `SELECT o.performance_id::text FROM reservations r JOIN rounds o ON o.id = r.round`,
	} {
		if got := h.counts(sql); !maps.Equal(got, map[string]int{fmt.Sprint(owing): 1, fmt.Sprint(young): 1}) {
			t.Errorf("%s left of %v", what, got)
		}
	}
	for _, table := range []string{"orders", "round_states", "posters", "reviews"} {
		if got := h.counts(`SELECT 'x' FROM ` + table); len(got) != 0 {
			t.Errorf("%s has %d rows left", table, got["x"])
		}
	}
	left := h.counts(`SELECT stream FROM streams WHERE retired_at IS NULL`)
	if !maps.Equal(left, map[string]int{"round:3": 1, "round:4": 1}) {
		t.Errorf("streams left: %v", left)
	}
	if sent := h.counts(sentSQL); sent["poster:p:replaced"] != 1 || sent["index 5"] != 1 {
		t.Errorf("the poster's files stay, or reservations in an index: %v", sent)
	}
	if _, err := h.db.Load(t.Context(), ticketing.RoundStream(ticketing.RoundID(first))); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("its machine may be woken: %v", err)
	}
	want(t, "again", h.run(TaskOldPerformances, false, tasksNow.Add(time.Minute)), 1, 0, 1)
}

// TestOldNotices: what was told ten years ago goes with the old performances, page by page; what waits, and what is younger, stays.
func TestOldNotices(t *testing.T) {
	h := newTaskHouse(t)
	const many = purgedPerPortion + 3
	told := func(name string, n int, at time.Time, state string) {
		exec(t, h.root, `
			INSERT INTO notices (fact, channel, notice, state, created_at) SELECT $1 || i, 'mail', '{}', $4, $3 FROM generate_series(1, $2::int) i`, name, n, at, state)
		exec(t, h.root, `
			INSERT INTO inbox (user_id, at, fact, kind, round, number, amount) SELECT i, $3, $1 || i, 'reminder', 1, i, 0 FROM generate_series(1, $2::int) i
			ON CONFLICT DO NOTHING`, name, n, at)
	}
	told("old", many, years(OldYears).Add(-time.Hour), "sent")
	told("young", 2, years(OldYears).Add(time.Hour), "dead")
	exec(t, h.root, `INSERT INTO notices (fact, channel, notice, state, created_at) VALUES ('waits', 'mail', '{}', 'waiting', $1)`, years(OldYears+1))
	left := func() (int, int) {
		return h.counts(`SELECT 'n' FROM notices`)["n"], h.counts(`SELECT 'i' FROM inbox`)["i"]
	}
	h.run(TaskOldPerformances, true, tasksNow)
	if n, i := left(); n != many+3 || i != many+2 {
		t.Errorf("a dry run left %d notices, %d in the inbox", n, i)
	}
	run := h.run(TaskOldPerformances, false, tasksNow)
	if n, i := left(); n != 3 || i != 2 || run.Portions != 2 {
		t.Errorf("%d notices and %d in the inbox are left after %d portions", n, i, run.Portions)
	}
	want(t, "nothing is counted", run, 0, 0, 0)
}

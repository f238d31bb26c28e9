package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/api/auth"
	"ticketblue/persistence"
	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// What the clock's house has for each job: more than a portion, of which the second is where the program dies.
const (
	clockAccounts = 2500 // most of them have logged in lately
	clockRounds   = 4    // tomorrow, as many over, as many on sale with unpaid seats, as many old
	clockTickets  = 10   // of each
)

// clockHouse is a database with work for every job, the program's data, an admin's token, and a customer who has bought
// a ticket and not been seen for years.
type clockHouse struct {
	t          *testing.T
	data, dsn  string
	admin, kim string // tokens
	ticket     string // Kim's
	root       *pgx.Conn
}

func newClockHouse(t *testing.T) *clockHouse {
	t.Helper()
	h := &clockHouse{t: t, data: t.TempDir(), dsn: pgtest.DSN(t)}
	flags := storeFlags{Data: h.data, DatabaseURL: h.dsn, LogLevel: "error"}
	s, err := flags.openOwn(t.Context(), flags.logger())
	if err != nil {
		t.Fatal(err)
	}
	boss, err := s.CreateUser(t.Context(), ticketing.User{Email: "boss@example.com", Name: "Boss", Role: ticketing.Admin})
	if err != nil {
		t.Fatal(err)
	}
	kim, err := s.CreateUser(t.Context(), ticketing.User{Email: "kim@example.com", Name: "Kim", Role: ticketing.Customer})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := auth.NewTokens(s.tokens, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var err2 error
	h.admin, err = tokens.Mint(boss, ticketing.Admin)
	h.kim, err2 = tokens.Mint(kim, ticketing.Customer)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	round, labels := planPricedRound(t, s, 10, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if h.root, err = pgx.Connect(t.Context(), h.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.root.Close(context.Background()) })
	// The calendar's own moments are no part of it, should one come while the test runs.
	h.count(`WITH kept AS (INSERT INTO tasks (name, since) SELECT n, now() + interval '1 day' FROM unnest($1::text[]) n RETURNING 1) SELECT count(*) FROM kept`,
		append(persistence.Tasks(), taskReconcile))
	h.buy(round, labels[0])
	h.fill(kim)
	return h
}

// buy is a real ticket, by the program.
func (h *clockHouse) buy(round ticketing.RoundID, seat string) {
	h.t.Helper()
	s := startServer(h.t, h.data, "--database-url", h.dsn)
	held := mustAsk(h.t, http.StatusCreated, "POST", fmt.Sprintf("%s/v1/rounds/%d/reservations", s.url, round), h.kim, map[string]any{"seats": []string{seat}}, "Idempotency-Key", "1")
	h.ticket = held.body["id"].(string)
	mustAsk(h.t, http.StatusOK, "POST", s.url+"/v1/reservations/"+h.ticket+"/payment", h.kim, map[string]any{})
	mustAsk(h.t, http.StatusOK, "POST", s.url+"/v1/payments/confirm", h.kim, map[string]any{"order_id": h.ticket + "-1", "amount": 0})
	poll(h.t, "Kim's mail and Slack message in the outbox", func() bool { return h.count(`SELECT count(*) FROM notices WHERE state = 'sent'`) == 2 })
	s.stop()
}

func (h *clockHouse) count(sql string, args ...any) (n int) {
	h.t.Helper()
	if err := h.root.QueryRow(h.t.Context(), sql, args...).Scan(&n); err != nil {
		h.t.Fatal(sql, err)
	}
	return n
}

// fill makes the work. Whatever is to happen once is written down by triggers when it does.
func (h *clockHouse) fill(kim ticketing.UserID) {
	h.t.Helper()
	_, err := h.root.Exec(h.t.Context(), fmt.Sprintf(`
		UPDATE users SET last_login_at = now() - interval '4 years', dormancy_warned_at = now() - interval '1 year' WHERE id = %[1]d;
		INSERT INTO users (email, email_hash, name, password_hash, role, last_login_at)
		SELECT 'u' || n || '@example.com', sha256(('u' || n)::bytea), 'N', 'p', 'customer',
		       now() - CASE n %% 40 WHEN 0 THEN interval '30 months' WHEN 1 THEN interval '40 months' ELSE interval '1 day' END
		  FROM generate_series(1, %[2]d) n;
		UPDATE users SET dormancy_warned_at = now() - interval '1 year' WHERE last_login_at < now() - interval '3 years';
		CREATE TABLE happened (what text, id text);
		GRANT ALL ON happened TO ticketblue_app;
		CREATE FUNCTION happen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF TG_OP = 'DELETE' THEN INSERT INTO happened VALUES ('purged', OLD.round || '-' || OLD.number);
			ELSE INSERT INTO happened VALUES (TG_ARGV[0], NEW.id); END IF;
			RETURN NULL; END $$;
		CREATE TRIGGER closed AFTER UPDATE OF withdrawn_at ON users FOR EACH ROW EXECUTE FUNCTION happen('closed');
		CREATE TRIGGER warned AFTER UPDATE OF dormancy_warned_at ON users FOR EACH ROW EXECUTE FUNCTION happen('warned');
		CREATE TRIGGER retired AFTER UPDATE OF deleted_at ON performances FOR EACH ROW EXECUTE FUNCTION happen('retired');
		CREATE TRIGGER purged AFTER DELETE ON reservations FOR EACH ROW EXECUTE FUNCTION happen()`, kim, clockAccounts))
	if err != nil {
		h.t.Fatal(err)
	}
	day := 24 * time.Hour
	tomorrow := ticketing.DayOf(ticketing.MillisOf(time.Now())).Start().Time().Add(day + 15*time.Hour)
	h.shows("now() + interval '1 day'", tomorrow, "confirmed")
	h.shows("now()", time.Now().Add(-3*time.Hour), "confirmed")
	h.shows("now() + interval '9 days'", time.Now().Add(9*day), "held")
	h.shows("now() - interval '11 years'", time.Now().AddDate(-11, 0, 0), "confirmed")
	_, err = h.root.Exec(h.t.Context(), `
		INSERT INTO posters (performance_id, name, extension, widths) SELECT id, 'old-' || id, 'png', '{100}' FROM performances WHERE to_day < now() - interval '10 years'`)
	if err != nil {
		h.t.Fatal(err)
	}
}

// shows adds performances of one round each, with reservations of customers who have logged in lately.
func (h *clockHouse) shows(lastDay string, startsAt time.Time, status string) {
	h.t.Helper()
	for range clockRounds {
		_, err := h.root.Exec(h.t.Context(), fmt.Sprintf(`
			WITH show AS (INSERT INTO performances (title, category, hall_id, duration_minutes, prices, from_day, to_day)
			              SELECT 'Show', 'concert', id, 60, '{}', %[1]s, %[1]s FROM halls LIMIT 1 RETURNING id),
			round AS (INSERT INTO rounds (performance_id, plan_hash, starts_at, opens_at, closes_at, cancel_fee, prices, hold_ms, pay_ms, max_per_user)
			          SELECT show.id, h.plan_hash, $1, $1::timestamptz - interval '30 days', $1, 0, '{1}', 1, 1, 4 FROM show, halls h LIMIT 1 RETURNING id)
			INSERT INTO reservations (round, number, user_id, status, amount, held_at, expires_at, attempt, refund_due, seq, seats, prices)
			SELECT round.id, row_number() OVER (), u.id, $2, 1, now(), CASE WHEN $2 = 'held' THEN now() - interval '1 hour' END, 0, 0, 1, '{0}', '{1}'
			  FROM round, (SELECT id FROM users WHERE role = 'customer' AND last_login_at > now() - interval '2 days' ORDER BY id LIMIT %[2]d) u`,
			lastDay, clockTickets), startsAt, status)
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// lastRun is the newest run of a job as an admin sees it.
func (h *clockHouse) lastRun(s *server, task string) (r struct {
	State                        string
	Portions, Looked, Done, Kept int
	Problem                      string
}) {
	h.t.Helper()
	a := mustAsk(h.t, http.StatusOK, "GET", s.url+"/v1/admin/jobs/"+task+"/runs?limit=1", h.admin, nil)
	text, err := json.Marshal(a.body["items"].([]any)[0])
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// All jobs are started, and the program is killed (-9) while each of them is in the middle: a portion is committed, and of the
// next all is done but the commit. After a start each goes on by itself: every row exactly once, every count exact,
// everybody told once by mail and in his inbox, and the paid ticket of a dormant customer is there.
func TestEveryJobKilledInTheMiddle(t *testing.T) {
	h, p := newClockHouse(t), newPost(t)
	p.about = "Message-ID" // all mails
	p.mend()
	t.Setenv("TB_SMTP_URL", p.smtpURL)
	holdRuns(t, h.root, `NEW.portions = 2 OR NEW.task = 'reconcile-payments'`)
	tasks := append(persistence.Tasks(), taskReconcile)
	first := startServer(t, h.data, "--database-url", h.dsn)
	for _, task := range tasks {
		mustAsk(t, http.StatusCreated, "POST", first.url+"/v1/admin/jobs/"+task+"/runs", h.admin, map[string]any{})
	}
	poll(t, "all jobs in the middle", func() bool {
		return h.count(`SELECT count(*) FROM (`+waitingRuns+`) w`) == len(tasks)
	})
	h.awaitTold() // a mail that is under way at the kill may rightly come twice
	first.kill()
	if n := h.count(`SELECT count(*) FROM task_runs WHERE portions = 1 AND state = 'running'`); n != len(persistence.Tasks()) {
		t.Errorf("%d jobs were killed behind their first portion", n)
	}
	letRuns(t, h.root)
	second := startServer(t, h.data, "--database-url", h.dsn)
	for _, task := range tasks {
		poll(t, "the end of "+task, func() bool { return h.lastRun(second, task).State == "done" })
	}
	h.checkRuns(second)
	h.checkTold(p)
	h.checkTicket(second)
	second.stop()
}

func (h *clockHouse) checkRuns(s *server) {
	h.t.Helper()
	const accounts = clockAccounts + 2
	for task, want := range map[string]struct{ looked, done, kept int }{
		persistence.TaskDormantAlert:    {accounts, clockAccounts / 40, 0},
		persistence.TaskDormantUsers:    {accounts, clockAccounts/40 + 1, 1}, // Kim is kept
		persistence.TaskReminder:        {clockRounds * clockTickets, clockRounds * clockTickets, 0},
		persistence.TaskReview:          {clockRounds * clockTickets, clockRounds * clockTickets, 0},
		persistence.TaskTimedOut:        {clockRounds * clockTickets, clockRounds * clockTickets, 0}, // an alarm, told of each once
		persistence.TaskOldPerformances: {clockRounds, clockRounds, 0},
	} {
		r := h.lastRun(s, task)
		if r.Looked != want.looked || r.Done != want.done || r.Kept != want.kept || r.Portions < 3 || (r.Problem == "") != (task != persistence.TaskTimedOut) {
			h.t.Errorf("%s: %+v, want %+v", task, r, want)
		}
	}
	for what, want := range map[string]int{
		"closed": clockAccounts/40 + 1, "warned": clockAccounts / 40, "retired": clockRounds, "purged": clockRounds * clockTickets,
	} {
		if n := h.count(`SELECT count(*) FROM happened WHERE what = $1`, what); n != want {
			h.t.Errorf("%s: %d times, want %d", what, n, want)
		}
		if n := h.count(`SELECT count(DISTINCT id) FROM happened WHERE what = $1`, what); n != want {
			h.t.Errorf("%s: %d different, want %d", what, n, want)
		}
	}
	poll(h.t, "the old posters' files", func() bool {
		return h.count(`SELECT count(*) FROM river_job WHERE kind = 'poster_unused' AND state = 'completed'`) == clockRounds
	})
	if n := h.count(`SELECT count(*) FROM river_job WHERE kind = 'poster_unused'`); n != clockRounds {
		h.t.Errorf("%d jobs for %d posters", n, clockRounds)
	}
}

// awaitTold waits until nobody is left to be told.
func (h *clockHouse) awaitTold() {
	h.t.Helper()
	poll(h.t, "the end of all notices", func() bool {
		return h.count(`SELECT count(*) FROM river_job WHERE kind LIKE 'notice%' AND state <> 'completed'`) == 0
	})
}

// checkTold wants a mail and an item in the inbox for each notice.
func (h *clockHouse) checkTold(p *post) {
	h.t.Helper()
	const told = clockAccounts/40 + 2*clockRounds*clockTickets
	poll(h.t, "all mails", func() bool { mails, _, _ := p.got(); return mails >= told })
	h.awaitTold()
	if mails, most, _ := p.got(); mails != told || most != 1 {
		h.t.Errorf("%d mails, one of them %d times, want %d", mails, most, told)
	}
	for _, table := range []string{"notices", "inbox"} {
		if n := h.count(`SELECT count(*) FROM ` + table + ` WHERE split_part(fact, ':', 1) IN ('reminder', 'review', 'dormancy')`); n != told {
			h.t.Errorf("%d rows of %s, want %d", n, table, told)
		}
	}
}

// checkTicket wants Kim's account and ticket as they were.
func (h *clockHouse) checkTicket(s *server) {
	h.t.Helper()
	mustAsk(h.t, http.StatusOK, "GET", s.url+"/v1/me", h.kim, nil)
	if got := mustAsk(h.t, http.StatusOK, "GET", s.url+"/v1/reservations/"+h.ticket, h.kim, nil).body["status"]; got != "confirmed" {
		h.t.Errorf("the ticket of a dormant customer is %v", got)
	}
}

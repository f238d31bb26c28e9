package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/api/auth"
	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// poll asks every few milliseconds until the answer is yes.
func poll(t *testing.T, what string, yes func() bool) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(startLimit)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// dormantHouse is a database with sleepers who are all to be closed, but for one with a paid ticket, and an admin's token.
func dormantHouse(t *testing.T, data, dsn string, sleepers int) (admin string, root *pgx.Conn) {
	t.Helper()
	flags := storeFlags{Data: data, DatabaseURL: dsn, LogLevel: "error"}
	s, err := flags.openOwn(t.Context(), flags.logger())
	if err != nil {
		t.Fatal(err)
	}
	boss, err := s.CreateUser(t.Context(), ticketing.User{Email: "boss@example.com", Name: "Boss", Role: ticketing.Admin})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := auth.NewTokens(s.tokens, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if admin, err = tokens.Mint(boss, ticketing.Admin); err != nil {
		t.Fatal(err)
	}
	round, _ := planRound(t, s, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if root, err = pgx.Connect(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close(context.Background()) })
	_, err = root.Exec(t.Context(), fmt.Sprintf(`
		INSERT INTO users (email, email_hash, name, password_hash, role, last_login_at, dormancy_warned_at)
		SELECT 'u' || n || '@example.com', sha256(('u' || n)::bytea), 'N', 'p', 'customer', now() - interval '4 years', now() - interval '1 year'
		  FROM generate_series(1, %d) n;
		INSERT INTO reservations (round, number, user_id, status, amount, held_at, attempt, refund_due, seq, seats, prices)
		SELECT %d, 1, id, 'confirmed', 50000, now(), 1, 0, 1, '{0}', '{50000}' FROM users WHERE email = 'u1@example.com';
		CREATE TABLE closed (id bigint);
		GRANT ALL ON closed TO ticketblue_app;
		CREATE FUNCTION closing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO closed VALUES (NEW.id); RETURN NULL; END $$;
		CREATE TRIGGER closing AFTER UPDATE OF withdrawn_at ON users FOR EACH ROW EXECUTE FUNCTION closing()`, sleepers, round))
	if err != nil {
		t.Fatal(err)
	}
	return admin, root
}

// waitingRuns are the sessions that holdRuns keeps waiting.
const waitingRuns = `SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 8 AND NOT granted`

// holdRuns has every run that fulfils the condition wait at its commit: Postgres limits the time of statements and locks,
// not that of a commit, so there each waits for as long as the test needs.
func holdRuns(t *testing.T, root *pgx.Conn, when string) {
	t.Helper()
	_, err := root.Exec(t.Context(), `
		CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(8, 8); RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER wait AFTER UPDATE OF portions ON task_runs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (`+when+`) EXECUTE FUNCTION wait();
		SELECT pg_advisory_lock(8, 8)`)
	if err != nil {
		t.Fatal(err)
	}
}

// letRuns ends what holdRuns has begun, when the program is dead: Postgres would notice that only behind the commit.
func letRuns(t *testing.T, root *pgx.Conn) {
	t.Helper()
	for _, sql := range []string{`SELECT pg_terminate_backend(pid) FROM (` + waitingRuns + `) w`, `DROP TRIGGER wait ON task_runs`, `SELECT pg_advisory_unlock_all()`} {
		if _, err := root.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// The program is killed in the middle of a job, and started again: the job goes on by itself, every account is closed
// exactly once, and the one with a paid ticket survives.
func TestJobKilledInTheMiddle(t *testing.T) {
	const sleepers = 20_000
	data, dsn := t.TempDir(), pgtest.DSN(t)
	admin, root := dormantHouse(t, data, dsn, sleepers)
	run := func(s *server) (r struct {
		ID                           int64
		State                        string
		Portions, Looked, Done, Kept int64
	}) {
		t.Helper()
		a := mustAsk(t, http.StatusOK, "GET", s.url+"/v1/admin/jobs/dormant-users/runs?limit=1", admin, nil)
		text, err := json.Marshal(a.body["items"].([]any)[0])
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	holdRuns(t, root, `NEW.portions = 3`)
	first := startServer(t, data, "--database-url", dsn)
	mustAsk(t, http.StatusCreated, "POST", first.url+"/v1/admin/jobs/dormant-users/runs", admin, map[string]any{})
	poll(t, "two portions", func() bool { return run(first).Portions == 2 })
	first.kill()
	letRuns(t, root)
	var done int
	if err := root.QueryRow(t.Context(), `SELECT count(*) FROM closed`).Scan(&done); err != nil || done == 0 || done >= sleepers-1 {
		t.Fatalf("killed when %d of %d were done: not in the middle, %v", done, sleepers, err)
	}
	second := startServer(t, data, "--database-url", dsn)
	poll(t, "the end of the run", func() bool { return run(second).State == "done" })
	if r := run(second); r.ID != 1 || r.Done != sleepers-1 || r.Kept != 1 || r.Looked != sleepers+1 {
		t.Errorf("%+v", r)
	}
	var times, accounts, left int
	err := root.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM closed), (SELECT count(DISTINCT id) FROM closed),
		       (SELECT count(*) FROM users WHERE role = 'customer' AND withdrawn_at IS NULL AND email = 'u1@example.com')`).Scan(&times, &accounts, &left)
	if err != nil || times != sleepers-1 || accounts != sleepers-1 || left != 1 {
		t.Errorf("closed %d times %d accounts; the one with a ticket: %d; %v", times, accounts, left, err)
	}
	second.stop()
}

// eventLines are the lines of an event log's file by their ids.
func eventLines(t *testing.T, path string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") { // it is being written
			break
		}
		var l struct {
			Event struct{ ID, Action string }
			Error struct{ Code string }
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		id := l.Event.ID
		if l.Error.Code != "" {
			id = l.Error.Code
		}
		found[id+" "+l.Event.Action]++
	}
	return found
}

// What is committed and what is refused is in the event log, once, also after a restart.
func TestEventLogOfTheProgram(t *testing.T) {
	o := newOffice(t, 10, 2)
	path := filepath.Join(t.TempDir(), "events.json")
	reserve := func(s *server, user, seat, want int) {
		t.Helper()
		mustAsk(t, want, "POST", fmt.Sprintf("%s/v1/rounds/%d/reservations", s.url, o.round), o.tokens[user],
			map[string]any{"seats": []string{o.labels[seat]}}, "Idempotency-Key", fmt.Sprintf("s3cret-%d", seat))
	}
	await := func(line string) {
		t.Helper()
		poll(t, line, func() bool {
			_, err := os.Stat(path)
			return err == nil && eventLines(t, path)[line] > 0
		})
	}
	first := startServer(t, o.data, "--event-log-file", path)
	reserve(first, 0, 0, http.StatusCreated)
	reserve(first, 1, 0, http.StatusConflict)
	await("seat_taken reservation-refused")
	await(fmt.Sprintf("round:%d@4 reservation-held", o.round))
	first.stop()
	second := startServer(t, o.data, "--event-log-file", path)
	reserve(second, 1, 1, http.StatusCreated)
	await(fmt.Sprintf("round:%d@6 reservation-held", o.round))
	second.stop()
	for line, times := range eventLines(t, path) {
		if times != 1 {
			t.Errorf("%q is there %d times", line, times)
		}
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), "s3cret") {
		t.Errorf("an idempotency key is in the log: %v", err)
	}
}

package main

import (
	"bytes"
	"cmp"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// openTestStore is a store of this test alone.
func openTestStore(t *testing.T) *store {
	t.Helper()
	flags := storeFlags{Data: t.TempDir(), LogLevel: "error"}
	s, err := flags.openOwn(t.Context(), flags.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// What an admin could not have made by hand must not be there either: asked of the tables, not of who filled them.
var impossible = map[string]string{
	"a round outside of its performance's days": `SELECT count(*) FROM rounds r JOIN performances p ON p.id = r.performance_id
		WHERE (r.starts_at AT TIME ZONE 'Asia/Seoul')::date NOT BETWEEN p.from_day AND p.to_day`,
	"two showings in one hall at once": `SELECT count(*) FROM rounds a JOIN performances p ON p.id = a.performance_id
		JOIN performances q ON q.hall_id = p.hall_id JOIN rounds b ON b.performance_id = q.id AND b.id <> a.id
		WHERE b.starts_at >= a.starts_at AND b.starts_at < a.starts_at + make_interval(mins => p.duration_minutes + 60)`,
	"a round in another plan than its hall's": `SELECT count(*) FROM rounds r JOIN performances p ON p.id = r.performance_id
		JOIN halls h ON h.id = p.hall_id WHERE h.plan_hash <> r.plan_hash`,
	"a thing without its stream": `SELECT count(*) FROM (SELECT 'catalogue:hall:' || id s FROM halls UNION ALL SELECT 'catalogue:performer:' || id FROM performers
		UNION ALL SELECT 'catalogue:performance:' || id FROM performances UNION ALL SELECT 'catalogue:round:' || id FROM rounds
		UNION ALL SELECT 'round:' || id FROM rounds) x WHERE NOT EXISTS (SELECT FROM streams WHERE stream = s) OR NOT EXISTS (SELECT FROM journal WHERE stream = s)`,
	"a round that nobody wakes": `SELECT count(*) FROM rounds r JOIN streams s ON s.stream = 'round:' || r.id WHERE s.wake_at IS DISTINCT FROM r.opens_at`,
}

func wantPossible(t *testing.T, s *store) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	for what, sql := range impossible {
		if n := countOf(t, conn, sql); n != 0 {
			t.Errorf("%s, %d times", what, n)
		}
	}
	shown := new(progress)
	report, err := verify(t.Context(), s, nil, shown)
	if err != nil || !report.OK || shown.done == 0 || shown.done != shown.total {
		t.Errorf("verify: %v, %+v, shown %d of %d", err, report, shown.done, shown.total)
	}
	return conn
}

func countOf(t *testing.T, conn *pgx.Conn, sql string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func TestSeedCatalogue(t *testing.T) {
	if fullCatalogue.rows() != 100_000 {
		t.Errorf("the catalogue has %d rows", fullCatalogue.rows())
	}
	s, size := openTestStore(t), catalogueSize{halls: 5, performers: 195, performances: 250, links: 260, rounds: 300}
	shown := newProgress(os.Stderr, "rows", size.rows())
	if err := seedCatalogue(t.Context(), s, size, 7, shown); err != nil {
		t.Fatal(err)
	}
	if shown.done != size.rows() {
		t.Errorf("counted %d rows of %d", shown.done, size.rows())
	}
	conn := wantPossible(t, s)
	fingerprint := func() (text string) {
		t.Helper()
		err := conn.QueryRow(t.Context(), `SELECT (SELECT string_agg(name || address, ';' ORDER BY id) FROM halls) || (SELECT string_agg(name || birth, ';' ORDER BY id) FROM performers)
			|| (SELECT string_agg(title || prices || to_day, ';' ORDER BY id) FROM performances) || (SELECT string_agg(starts_at::text, ';' ORDER BY id) FROM rounds)`).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for table, want := range map[string]int{
		"halls": size.halls, "performers": size.performers, "performances": size.performances, "performance_performers": size.links, "rounds": size.rounds,
		"rounds WHERE closes_at < now()": 2 * size.halls, "rounds WHERE now() BETWEEN opens_at AND closes_at": 4 * size.halls,
	} {
		if n := countOf(t, conn, "SELECT count(*) FROM "+table); n < want-size.halls || n > want+size.halls || !strings.Contains(table, " ") && n != want {
			t.Errorf("%d %s, want %d", n, table, want)
		}
	}
	before := fingerprint()
	if err := seedCatalogue(t.Context(), s, size, 7, shown); err == nil || !strings.Contains(err.Error(), "--seed 7 is here already") {
		t.Errorf("twice: %v", err)
	}
	if fingerprint() != before {
		t.Error("the second time changed something")
	}
	if err := seedCatalogue(t.Context(), s, size, 8, shown); err != nil {
		t.Errorf("another one: %v", err)
	}
	other := openTestStore(t)
	if err := seedCatalogue(t.Context(), other, size, 7, shown); err != nil {
		t.Fatal(err)
	}
	if conn = wantPossible(t, other); fingerprint() != before {
		t.Error("the same seed made something else")
	}
}

// TestSeedProgram: the sizes as a person asks for them, and what they refuse.
func TestSeedProgram(t *testing.T) {
	data := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 1, "say what to make"},
		{[]string{"--size", "users", "--customers", "5"}, 1, "say what to make"},
		{[]string{"--customers", "5"}, 1, "needs --tokens"},
		{[]string{"--size", "huge"}, 1, `must be one of`},
		{[]string{"--size", "users"}, 0, "made 10000 users, user-1@seed-1.invalid to user-10000@seed-1.invalid: 10000 rows in"},
		{[]string{"--size", "users"}, 1, "the users of --seed 1 are here already"},
		{[]string{"--size", "demo"}, 0, "admin@ticketblue.test"},
		{[]string{"--size", "demo"}, 1, "the catalogue is not empty"},
		{[]string{"--customers", "3", "--tokens", filepath.Join(data, "tokens")}, 0, "made 3 customers"},
	} {
		out, code := runProgram(t, append([]string{"seed", "--data", data}, c.args...)...)
		if (code != 0) != (c.code != 0) || !strings.Contains(out, c.says) {
			t.Errorf("seed %q exits with %d, want %d with %q:\n%s", c.args, code, c.code, c.says, out)
		}
		if strings.Contains(out, "█") || strings.Contains(out, "\r") {
			t.Errorf("seed %q draws a bar where nobody looks:\n%q", c.args, out)
		}
	}
	s := startServer(t, data)
	logIn(t, s)
	list := mustAsk(t, http.StatusOK, "GET", s.url+"/v1/performances", "", nil)
	for _, item := range list.body["items"].([]any) {
		show := item.(map[string]any)
		poster, _ := show["poster"].(map[string]any)
		if poster == nil {
			t.Errorf("%v has no poster", show["title"])
			continue
		}
		for _, path := range poster["widths"].(map[string]any) {
			if resp, err := client.Get(s.url + path.(string)); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%v: %v, %v", path, resp, err)
			} else {
				resp.Body.Close()
			}
		}
	}
	if n := len(list.body["items"].([]any)); n != len(demoShows) {
		t.Errorf("%d performances", n)
	}
	if report := s.verify(); !report.OK {
		t.Errorf("%v", report.Problems)
	}
}

func TestDemoCatalogue(t *testing.T) {
	s := openTestStore(t)
	if _, err := createAccount(t.Context(), s, "customer", customer(0), "김하늘", thePassword); err != nil {
		t.Fatal(err)
	}
	if err := (demo{store: s}).catalogue(t.Context(), customer(0)); err != nil {
		t.Fatal(err)
	}
	conn := wantPossible(t, s)
	for what, where := range map[string]string{"past": "closes_at < now()", "on sale": "now() BETWEEN opens_at AND closes_at", "coming": "opens_at > now()"} {
		if n := countOf(t, conn, "SELECT count(*) FROM rounds WHERE "+where); n < 2 {
			t.Errorf("%d rounds are %s", n, what)
		}
	}
	for i := range demoShows {
		p, err := s.Performance(t.Context(), int64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		hall, err := s.Hall(t.Context(), p.HallID)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := s.Plan(t.Context(), hall.PlanHash)
		if err == nil {
			err = cmp.Or(p.Validate(), p.CheckPrices(plan.Grades))
		}
		if err != nil {
			t.Errorf("%s: %v", p.Title, err)
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, shown: true, what: "Making", total: 10}
	p.add(4)
	p.add(6)
	p.end()
	for _, want := range []string{"Making ████████████░", " 4 of 10", "█ 10 of 10", "\x1b[K"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
}

func TestDrawnPosters(t *testing.T) {
	seen := map[string]bool{}
	for _, number := range []uint64{0, 1, 0} {
		picture, err := drawPoster(number)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(picture)] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d pictures of two numbers", len(seen))
	}
}

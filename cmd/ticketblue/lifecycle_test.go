package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketblue/persistence/embedded"
	"ticketblue/ticketing"

	"github.com/jackc/pgx/v5"
)

// quickStop is what a person at the keyboard accepts after Ctrl-C, two seconds, and as much again and more for the race
// detector and other packages' tests beside it: what holds a stop up takes ten or more, each time. A disk that stalls does
// so now and then, hence the quickest of several stops counts.
const quickStop = 5 * time.Second

// wantQuick wants one of these stops to have been quick.
func wantQuick(t *testing.T, stops ...time.Duration) {
	t.Helper()
	if slices.Min(stops) > quickStop {
		t.Errorf("Ctrl-C took %s, at most %s is fine", stops, quickStop)
	}
}

// runProgram runs a short command and returns its output and exit code.
func runProgram(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := program(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func TestDemoSurvivesRestarts(t *testing.T) {
	if err := (&node{cmd: serveCmd{Demo: true}}).ready(t.Context()); err == nil || !strings.Contains(err.Error(), "demo") {
		t.Errorf("ready before the demo is in: %v", err)
	}
	data := t.TempDir()
	s := startServer(t, data, "--demo")
	mustAsk(t, 200, "GET", s.ops+"/readyz", "", nil)
	token := logIn(t, s)
	rounds := mustAsk(t, 200, "GET", s.url+"/v1/rounds/1", "", nil)
	if total := rounds.body["totals"].(map[string]any); rounds.body["status"] != "open" || total["free"] != 20007.0 {
		t.Fatalf("the demo's round is %v with %v", rounds.body["status"], total)
	}
	wantPast(t, s)
	made := mustAsk(t, 201, "POST", s.url+"/v1/rounds/1/reservations", token, `{"seats":["A-1-1","A-1-2"]}`, "Idempotency-Key", "k1")
	id := made.body["id"].(string)
	stopped := s.stop()
	if _, left := readServerFile(data); left {
		t.Error("the server file is left behind after an ordered stop")
	}

	s = startServer(t, data, "--demo")
	token = logIn(t, s) // the same log-in as before
	if a := mustAsk(t, 200, "GET", s.url+"/v1/reservations/"+id, token, nil); a.body["status"] != "held" {
		t.Fatalf("after the restart the reservation is %v", a.body)
	}
	again := mustAsk(t, 201, "POST", s.url+"/v1/rounds/1/reservations", token, `{"seats":["A-1-1","A-1-2"]}`, "Idempotency-Key", "k1")
	if again.body["id"] != id || again.header.Get("Idempotency-Replayed") != "true" {
		t.Fatalf("the key made %v after the restart, replayed %q", again.body, again.header.Get("Idempotency-Replayed"))
	}
	s.kill()

	s = startServer(t, data, "--demo")
	token = logIn(t, s)
	released := mustAsk(t, 200, "DELETE", s.url+"/v1/reservations/"+id, token, nil)
	mine := mustAsk(t, 200, "GET", s.url+"/v1/reservations", token, nil, "TB-Position", released.header.Get("TB-Position"))
	if items := mine.body["items"].([]any); len(items) != 1 || items[0].(map[string]any)["status"] != "released" {
		t.Fatalf("my reservations, right after the release: %v", mine.body)
	}
	if out, code := runProgram(t, "rebuild", "--data", data); code != 0 {
		t.Fatalf("rebuild exits with %d:\n%s", code, out)
	}
	if out, code := runProgram(t, "rebuild", "--broadcast", "--data", data); code != 0 {
		t.Fatalf("rebuild --broadcast exits with %d:\n%s", code, out)
	}
	out, code := runProgram(t, "verify", "--data", data)
	if code != 0 || !strings.HasPrefix(out, "PASS") || !strings.Contains(out, "live state") {
		t.Fatalf("verify beside the server exits with %d:\n%s", code, out)
	}
	out, code = runProgram(t, "journal", "round:1", "--data", data)
	if code != 0 || !strings.Contains(out, `"event":"seats_held"`) || !strings.Contains(out, `"event":"hold_released"`) {
		t.Fatalf("journal exits with %d:\n%s", code, out)
	}
	wantQuick(t, stopped, s.stop())
	out, code = runProgram(t, "verify", "--json", "--data", data)
	var report verifyReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || !report.OK || report.Live {
		t.Fatalf("verify without a server exits with %d, %v:\n%s", code, err, out)
	}
}

// TestDemoCustomerGone: a customer who has closed his account, whose address nobody has again, does not keep the demo from starting.
func TestDemoCustomerGone(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, data, "--demo")
	account := demoAccount(t, data, ticketing.Customer)
	mustAsk(t, 204, "POST", s.url+"/v1/me/withdraw", logInAs(t, s, ticketing.Customer), map[string]any{"password": account.Password})
	s.stop()
	s = startServer(t, data, "--demo")
	logInAs(t, s, ticketing.Customer)
	if again := demoAccount(t, data, ticketing.Customer); again.Email == account.Email {
		t.Errorf("%s is there again", again.Email)
	}
}

// wantPast: the demo's shows have reviews by guests, and its customer, who was a guest too, has something in the inbox
// and may still write one.
func wantPast(t *testing.T, s *server) {
	t.Helper()
	mine := logInAs(t, s, ticketing.Customer)
	for title, count := range map[string]int{"어린 왕자": len(demoPlayReviews), "서울 호랑이 대 부산 갈매기": len(demoGameReviews)} {
		shows := mustAsk(t, 200, "GET", s.url+"/v1/performances", "", nil).body["items"].([]any)
		i := slices.IndexFunc(shows, func(x any) bool { return x.(map[string]any)["title"] == title })
		show := shows[i].(map[string]any)
		rating := show["rating"].(map[string]any)
		if rating["count"] != float64(count) || rating["average"].(float64) < 3 {
			t.Errorf("%s is rated %v, want %d reviews", title, rating, count)
		}
		page := mustAsk(t, 200, "GET", fmt.Sprintf("%s/v1/performances/%.0f/reviews?limit=4", s.url, show["id"]), "", nil)
		if n := len(page.body["items"].([]any)); n != 4 || page.body["next"] == nil {
			t.Errorf("%s: a page of %d reviews, next %v", title, n, page.body["next"])
		}
		reviews := fmt.Sprintf("%s/v1/performances/%.0f/reviews", s.url, show["id"])
		mustAsk(t, 201, "POST", reviews, mine, `{"rate":5,"text":"좋았습니다"}`)
		mustAsk(t, 409, "POST", reviews, mine, `{"rate":1}`)
	}
	poll(t, "the customer's inbox", func() bool {
		inbox := mustAsk(t, 200, "GET", s.url+"/v1/inbox", mine, nil)
		kinds := map[any]int{}
		for _, item := range inbox.body["items"].([]any) {
			kinds[item.(map[string]any)["kind"]]++
		}
		return kinds["confirmed"] == 2 && kinds["held"] == 2 && kinds["coupon"] == 1
	})
}

func logIn(t *testing.T, s *server) string {
	t.Helper()
	return logInAs(t, s, ticketing.Admin)
}

// logInAs gives a token of the demo's admin or customer.
func logInAs(t *testing.T, s *server, role ticketing.Role) string {
	t.Helper()
	return mustAsk(t, 200, "POST", s.url+"/v1/auth/login", "", demoAccount(t, s.data, role)).body["access_token"].(string)
}

func demoAccount(t *testing.T, data string, role ticketing.Role) (account login) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(data, "demo-"+string(role)+".json"))
	if err == nil {
		err = json.Unmarshal(body, &account)
	}
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// TestSnapshots: a stopped server leaves a snapshot; the next start uses it; a damaged one is noticed and harms
// nobody.
func TestSnapshots(t *testing.T) {
	o := newOffice(t, 500, crashClients*10)
	c := newCrowd(t, o, 1)
	buySome := func(s *server) {
		c.serverUp(s.url)
		c.resume()
		c.awaitAcks(100)
		c.pause()
		c.judge(s)
	}
	s := startServer(t, o.data, "--bench")
	buySome(s)
	s.stop()
	if n := snapshots(t, o.data); n != 1 {
		t.Fatalf("an ordered stop left %d snapshots", n)
	}
	s = startServer(t, o.data, "--bench")
	buySome(s)
	s.kill() // from here on: the snapshot of the stop before, and a tail
	s = startServer(t, o.data, "--bench")
	buySome(s)
	s.stop()

	damageSnapshots(t, o.data)
	out, code := runProgram(t, "verify", "--data", o.data)
	if code != 1 || !strings.HasPrefix(out, "FAIL") || !strings.Contains(out, "snapshot") {
		t.Fatalf("verify of a damaged snapshot exits with %d:\n%s", code, out)
	}
	s = startServer(t, o.data, "--bench")
	c.serverUp(s.url)
	c.resume()
	c.awaitAcks(50)
	c.pause()
	c.judgeOneByOne(s)
	s.stop()
	if out, code := runProgram(t, "verify", "--data", o.data); code != 0 {
		t.Fatalf("the damaged snapshot was not replaced; verify exits with %d:\n%s", code, out)
	}
}

// inDatabase runs on the private Postgres of a stopped server.
func inDatabase(t *testing.T, data string, do func(*pgx.Conn) error) {
	t.Helper()
	ctx := t.Context()
	server, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(data, "postgres"), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, server.DSN())
	if err == nil {
		err = do(conn)
	}
	if conn != nil {
		_ = conn.Close(ctx) // the server stops next
	}
	if err != nil {
		t.Error(err)
	}
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func snapshots(t *testing.T, data string) (n int) {
	t.Helper()
	inDatabase(t, data, func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), `SELECT count(*) FROM snapshots WHERE stream LIKE 'round:%'`).Scan(&n)
	})
	return n
}

// damageSnapshots flips one bit in each.
func damageSnapshots(t *testing.T, data string) {
	t.Helper()
	inDatabase(t, data, func(conn *pgx.Conn) error {
		tag, err := conn.Exec(t.Context(), `UPDATE snapshots SET state = set_bit(state, $1, 1 - get_bit(state, $1)) WHERE stream LIKE 'round:%'`, int64(rand.IntN(300*8)))
		if err == nil && tag.RowsAffected() == 0 {
			err = fmt.Errorf("there is no snapshot to damage")
		}
		return err
	})
}

func TestDoctor(t *testing.T) {
	data := t.TempDir()
	says := func(where string, sound func(out string) bool, args ...string) {
		t.Helper()
		var out string
		var code int
		poll(t, where+" doctor is content", func() bool { // a machine that stalls is unwell for a moment, and called so
			out, code = runProgram(t, append([]string{"doctor", "--data", data}, args...)...)
			t.Logf("%s doctor exits with %d:\n%s", where, code, out)
			return code == 0 && sound(out)
		})
	}
	says("on a sound machine", func(out string) bool {
		return !strings.Contains(out, "FAIL") && strings.Contains(out, "postgres")
	}, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	s := startServer(t, data)
	says("beside a server", func(out string) bool {
		return strings.Contains(out, "running as process") && strings.Contains(out, "clocks") && !strings.Contains(out, "stand still")
	})
	s.stop()
	s = startServer(t, data, "--nats-url", "nats://127.0.0.1:9")
	says("beside a server without NATS", func(out string) bool { return strings.Contains(out, "warn  readiness        live maps stand still") })
	s.stop()
	sick := program("doctor", "--data", "/proc/nowhere")
	sick.Env = append(sick.Env, "TB_POSTGRES_BIN=/nowhere")
	text, err := sick.CombinedOutput()
	if err == nil || !bytes.Contains(text, []byte("FAIL  postgres")) || !bytes.Contains(text, []byte("FAIL  disk")) {
		t.Fatalf("doctor on a sick machine: %v\n%s", err, text)
	}
}

// TestStopIsQuickWhileOperatorsLook: a profile that has twenty seconds to go must not hold up the stop.
func TestStopIsQuickWhileOperatorsLook(t *testing.T) {
	data := t.TempDir()
	var stops []time.Duration
	for len(stops) < 3 && (len(stops) == 0 || slices.Min(stops) > quickStop) {
		s := startServer(t, data)
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.ops, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }() // the server has closed it
		if _, err := io.WriteString(conn, "GET /debug/pprof/trace?seconds=20 HTTP/1.1\r\nHost: ops\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil { // the answer has begun
			t.Fatal(err)
		}
		stops = append(stops, s.stop())
	}
	wantQuick(t, stops...)
}

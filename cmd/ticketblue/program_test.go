package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ticketblue/api/auth"
	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// The tests of this package run the whole program in processes of its own: the test binary, started again as
// ticketblue.

const asProgram = "TB_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(pgtest.Main(m))
}

const (
	startLimit  = 3 * time.Minute // a start takes seconds, and on a machine that compiles and tests beside it a minute
	answerLimit = 30 * time.Second
	endLimit    = startLimit // for what comes of itself in the end: by events, jobs, a second delivery after half a minute
)

func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// server is a running `ticketblue serve`.
type server struct {
	t    *testing.T
	data string
	cmd  *exec.Cmd
	url  string
	ops  string
	gone chan struct{}
	err  bytes.Buffer
}

// startServer returns when the program says that it is ready.
func startServer(t *testing.T, data string, args ...string) *server {
	t.Helper()
	cmd := program(append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"}, args...)...)
	return awaitServer(t, data, cmd)
}

// awaitServer starts a command that runs `ticketblue serve`.
func awaitServer(t *testing.T, data string, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, data: data, cmd: cmd, gone: make(chan struct{})}
	s.cmd.Stderr = &s.err
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.clear)
	ready := make(chan struct{})
	go s.follow(out, ready)
	select {
	case <-ready:
	case <-s.gone:
		t.Fatalf("the program ended while starting:\n%s", s.err.String())
	case <-time.After(startLimit):
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // it tells what it is at, and ends
		<-s.gone
		t.Fatalf("the program was not ready after %s:\n%s", startLimit, s.err.String())
	}
	// By way of the process, for it may see another disk there than we do.
	file, ok := readServerFile(fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, data))
	if !ok {
		t.Fatal("the server file is missing")
	}
	s.url, s.ops = file.URL, file.OpsURL
	return s
}

func (s *server) follow(out io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(out)
	said := false
	for lines.Scan() {
		if !said && strings.HasPrefix(lines.Text(), "Ticket Blue is ready") {
			said = true
			close(ready)
		}
	}
	_ = s.cmd.Wait() // how it ended is asked of ProcessState
	close(s.gone)
}

// kill is kill -9; it returns when the process is gone.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may be gone already
	<-s.gone
}

// clear kills the program and waits for its private Postgres, which stops by itself then, and until it has stopped writes
// into the directory that is about to be removed.
func (s *server) clear() {
	s.kill()
	again, limit := time.NewTicker(10*time.Millisecond), time.After(endLimit)
	defer again.Stop()
	for {
		pid, err := readPostmaster(s.data)
		if err != nil || syscall.Kill(pid, 0) != nil {
			return
		}
		select {
		case <-again.C:
		case <-limit:
			return
		}
	}
}

// stop is Ctrl-C; it returns how long the program took to end and fails the test unless it ended well.
func (s *server) stop() time.Duration {
	s.t.Helper()
	asked := time.Now()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.gone:
	case <-time.After(stopLimit + answerLimit):
		s.t.Fatal("the program does not stop")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Fatalf("the program stopped with exit code %d:\n%s", code, s.err.String())
	}
	return time.Since(asked)
}

// postmaster is the process id of the server's private Postgres.
func (s *server) postmaster() int {
	s.t.Helper()
	pid, err := readPostmaster(s.data)
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

func readPostmaster(data string) (int, error) {
	body, err := os.ReadFile(filepath.Join(data, "postgres", "pgdata", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(body), "\n")
	return strconv.Atoi(first)
}

// verify asks the running server for its report.
func (s *server) verify() *verifyReport {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	report, err := askServer(ctx, s.ops)
	if err != nil {
		s.t.Fatalf("verify: %v\n%s", err, s.err.String())
	}
	return report
}

// answer is what came back over HTTP.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

var client = &http.Client{
	Timeout:   answerLimit,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

// doer sends requests.
type doer interface {
	Do(*http.Request) (*http.Response, error)
}

// patient asks again for as long as it is answered 503, as that wants: a machine whose disk stalls, or that tests other
// things meanwhile, says so to anybody at any time.
type patient struct{}

func (patient) Do(req *http.Request) (*http.Response, error) {
	again, limit := time.NewTicker(100*time.Millisecond), time.After(answerLimit)
	defer again.Stop()
	for {
		resp, err := client.Do(req)
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
			return resp, err
		}
		select {
		case <-limit:
			return resp, nil
		case <-again.C:
		}
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// ask sends a request with optional JSON body; headers come in pairs.
func ask(method, url, token string, body any, headers ...string) (answer, error) {
	return askBy(client, method, url, token, body, headers...)
}

// askAgain is ask, and again after a 503.
func askAgain(method, url, token string, body any, headers ...string) (answer, error) {
	return askBy(patient{}, method, url, token, body, headers...)
}

func askBy(by doer, method, url, token string, body any, headers ...string) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(method, url, reader)
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := by.Do(req)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: map[string]any{}}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			return a, fmt.Errorf("%s %s answered %d with %q: %w", method, url, a.status, text, err)
		}
	}
	return a, nil
}

// mustAsk wants an answer with this status, and has patience where that is not a 503.
func mustAsk(t testing.TB, want int, method, url, token string, body any, headers ...string) answer {
	t.Helper()
	by := doer(patient{})
	if want == http.StatusServiceUnavailable {
		by = client
	}
	a, err := askBy(by, method, url, token, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != want {
		t.Fatalf("%s %s answered %d %v, want %d", method, url, a.status, a.body, want)
	}
	return a
}

// office is a data directory with one hall and one round, planned without HTTP, and tokens for its customers.
type office struct {
	data   string
	round  ticketing.RoundID
	labels []string
	tokens []string // of users 1, 2, ...
	prober string   // token of one more, who is not in the crowd
}

// newOffice plans a round of so many seats for so many customers; its holds last a day and each customer may have
// twenty seats.
func newOffice(t *testing.T, seats, customers int) *office {
	t.Helper()
	ctx := t.Context()
	flags := storeFlags{Data: t.TempDir(), LogLevel: "error"}
	s, err := flags.openOwn(ctx, flags.logger())
	if err != nil {
		t.Fatal(err)
	}
	o := &office{data: flags.Data}
	o.round, o.labels = planRound(t, s, seats)
	tokens, err := auth.NewTokens(s.tokens, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if o.prober, err = tokens.Mint(ticketing.UserID(customers+1), ticketing.Customer); err != nil {
		t.Fatal(err)
	}
	for i := range customers {
		token, err := tokens.Mint(ticketing.UserID(i+1), ticketing.Customer)
		if err != nil {
			t.Fatal(err)
		}
		o.tokens = append(o.tokens, token)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return o
}

func planRound(t *testing.T, s *store, seats int) (ticketing.RoundID, []string) {
	t.Helper()
	return planPricedRound(t, s, seats, 50_000)
}

func planPricedRound(t *testing.T, s *store, seats int, price ticketing.KRW) (ticketing.RoundID, []string) {
	t.Helper()
	ctx := t.Context()
	plan, err := ticketing.PlainPlan(seats)
	if err != nil {
		t.Fatal(err)
	}
	hall, err := s.CreateHall(ctx, ticketing.Hall{Name: "Hall"}, plan)
	if err != nil {
		t.Fatal(err)
	}
	show, err := s.CreatePerformance(ctx, ticketing.Performance{
		Title: "Show", Category: "musical", HallID: hall.ID, DurationMinutes: 90, Prices: map[string]ticketing.KRW{"standard": price},
	})
	if err != nil {
		t.Fatal(err)
	}
	now, day := ticketing.MillisOf(time.Now()), 24*time.Hour
	round, err := s.CreateRound(ctx, ticketing.RoundInfo{
		PerformanceID: show.ID, PlanHash: plan.Hash(), StartsAt: now.Add(3 * day),
		Terms: ticketing.Terms{
			Prices: []ticketing.KRW{price}, OpensAt: now, ClosesAt: now.Add(2 * day), StartsAt: now.Add(3 * day),
			HoldMillis: ticketing.Millis(day.Milliseconds()), PayMillis: 600_000, MaxPerUser: ticketing.MaxSeatsPerRequest,
			CancelUntil: now.Add(2 * day), CancelFee: 10,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	labels := make([]string, seats)
	for i := range labels {
		labels[i] = plan.Label(ticketing.SeatIndex(i))
	}
	return round.ID, labels
}

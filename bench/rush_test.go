package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"ticketblue/bench/judge"
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// parse reads a command line as main does.
func parse(t *testing.T, args ...string) (*Rush, error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("kong exits") }), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"rush"}, args...))
	return &c.Rush, err
}

// runFake runs a small rush against the fake with a fault.
func runFake(t *testing.T, fault string, args ...string) (bool, string, *report.Report) {
	t.Helper()
	t.Setenv(fakeFault, fault)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // a program built with -race dawdles for a second otherwise
	t.Setenv("TMPDIR", t.TempDir())         // also where the evidence of a FAIL is kept
	file := filepath.Join(t.TempDir(), "report.json")
	r, err := parse(t, append([]string{
		"--ticketblue", os.Args[0], "--seats", "200", "--attempts", "2000", "--noop", "50ms", "--connections", "16",
		"--deadline", inTime.String(), "--json", file,
	}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	pass := r.run(t.Context(), &out, report.NewProgress(io.Discard, false))
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rep := &report.Report{}
	if err := json.Unmarshal(body, rep); err != nil {
		t.Fatal(err)
	}
	if line, _, _ := strings.Cut(out.String(), "\n"); line != rep.Line {
		t.Errorf("the first line is %q, the report's %q", line, rep.Line)
	}
	return pass, out.String(), rep
}

func TestAnHonestServerPasses(t *testing.T) {
	acks := filepath.Join(t.TempDir(), "acks")
	page := filepath.Join(t.TempDir(), "report.html")
	profile := filepath.Join(t.TempDir(), "cpu.prof")
	pass, out, rep := runFake(t, noFault, "--acks", acks, "--html", page, "--profile", profile)
	if !pass || !strings.HasPrefix(out, "PASS  200 of 200 seats taken") {
		t.Fatal(out)
	}
	final := 0
	for _, n := range rep.Crowd.Codes {
		final += n
	}
	if rep.Crowd.Arrived != 2000 || final != 2000 || rep.Dropped != 0 || rep.Crowd.Codes["seat_taken"] == 0 {
		t.Errorf("%+v", rep.Crowd)
	}
	if rep.Maps.Latency.Count == 0 || rep.Noop.Ratio <= 0 {
		t.Errorf("%d looks, no-op %+v", rep.Maps.Latency.Count, rep.Noop)
	}
	body, err := os.ReadFile(acks)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(body), "\n"); n != rep.Verdict.Acks || n == 0 {
		t.Errorf("%d acks in the file, %d judged", n, rep.Verdict.Acks)
	}
	if body, err = os.ReadFile(page); err != nil || !strings.Contains(string(body), "PASS") {
		t.Error(err)
	}
	if body, err = os.ReadFile(profile); err != nil || len(body) == 0 {
		t.Errorf("%d bytes of profile, %v", len(body), err)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestSteadyArrivalsKeepTheirTimes(t *testing.T) {
	pass, out, rep := runFake(t, noFault, "--arrivals", "steady", "--rate", "4000", "--looks", "0")
	if !pass || rep.Maps.Latency.Count != 0 || rep.Noop.Ratio <= 0 {
		t.Fatal(out)
	}
	var crowd float64
	for _, s := range rep.Steps {
		if s.Name == "crowd" {
			crowd = s.Seconds
		}
	}
	if crowd < 0.4 {
		t.Errorf("2,000 attempts at 4,000/s took %.2f s", crowd)
	}
}

// Answers that get lost and servers that are busy are no fault, as long as a repeated key is the same attempt.
func TestLostAnswersAreAskedAgain(t *testing.T) {
	pass, out, rep := runFake(t, "flaky")
	if !pass || rep.Crowd.Retried == 0 {
		t.Errorf("%d retried: %s", rep.Crowd.Retried, out)
	}
}

func TestTheJudgeBites(t *testing.T) {
	for fault, want := range map[string]judge.Kind{
		"oversells":             judge.Oversold,
		"loses":                 judge.Lost,
		"loses and sells again": judge.Oversold,
		"swaps":                 judge.Lost,
		"leaks":                 judge.Leaked,
		"denies":                judge.Orphaned,
		"forgets keys":          judge.Orphaned,
		"no limit":              judge.OverLimit,
		"miscount":              judge.Miscounted,
		"audit":                 judge.Audited,
		"asleep":                judge.Audited, // verify without the live state
	} {
		t.Run(fault, func(t *testing.T) {
			pass, out, rep := runFake(t, fault, "--noop", "0", "--customers", "60")
			if pass || !strings.HasPrefix(out, "FAIL ") || rep.Verdict.Found[want] == 0 {
				t.Errorf("want %s: %s", want, out)
			}
		})
	}
}

func TestARunThatCannotFinishFails(t *testing.T) {
	for name, args := range map[string][]string{
		"no program":         {"--ticketblue", "/nowhere/ticketblue"},
		"no server":          {"--target", "http://127.0.0.1:1", "--data", t.TempDir()},
		"time is over":       {"--deadline", "50ms"},
		"unwritable page":    {"--html", "/nowhere/report.html", "--noop", "0"},
		"too few customers":  {"--customers", "60", "--attempts", "20000"},
		"server that ends":   {"--ticketblue", "/bin/false"},
		"unwritable promise": {"--acks", "/dev/full"},
	} {
		t.Run(name, func(t *testing.T) {
			pass, out, _ := runFake(t, noFault, args...)
			if pass || !strings.HasPrefix(out, "FAIL  the r") {
				t.Error(out)
			}
		})
	}
}

func TestAnInterruptedRunStopsItsServer(t *testing.T) {
	t.Setenv(fakeFault, noFault)
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	data := t.TempDir()
	r, err := parse(t, "--ticketblue", os.Args[0], "--data", data, "--seats", "200", "--attempts", "2000", "--noop", "0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	progress := report.NewProgress(cancelAt{"crowd", cancel}, false)
	if r.run(ctx, io.Discard, progress) {
		t.Error("an interrupted run passed")
	}
	if _, err := os.Stat(filepath.Join(data, "server.json")); !os.IsNotExist(err) {
		t.Errorf("the server's file is still there: %v", err)
	}
}

// cancelAt is an output that cancels when a word is written.
type cancelAt struct {
	word   string
	cancel func()
}

func (c cancelAt) Write(b []byte) (int, error) {
	if strings.Contains(string(b), c.word) {
		c.cancel()
	}
	return len(b), nil
}

func TestFlags(t *testing.T) {
	r, err := parse(t)
	if err != nil || r.Customers != 50_000 || r.Rate != spikeRate || r.Seats != 20_007 || r.Deadline != 10*time.Minute {
		t.Errorf("%+v %v", r, err)
	}
	if r, err = parse(t, "--arrivals", "steady", "--seats", "100", "--attempts", "8"); err != nil || r.Rate != steadyRate || r.Customers != 50 {
		t.Errorf("%+v %v", r, err)
	}
	for _, bad := range [][]string{
		{"--target", "http://127.0.0.1:1"}, {"--seats", "0"}, {"--attempts", "0"}, {"--customers", "10"},
		{"--rate", "-1"}, {"--looks", "2"}, {"--deadline", "1h"}, {"--timeout", "0"}, {"--arrivals", "flood"}, {"--connections", "0"},
	} {
		if _, err := parse(t, bad...); err == nil {
			t.Errorf("%v were taken", bad)
		}
	}
}

func TestABodyIsWhatTheContractSays(t *testing.T) {
	s, err := newSale(&stage{round: 42, labels: []string{"A-1-1", `B"-1-2`}}, nil, nil, "run", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Seats []string }
	if err := json.Unmarshal(s.body(load.Block{First: 0, Count: 2}), &got); err != nil || len(got.Seats) != 2 || got.Seats[1] != `B"-1-2` {
		t.Errorf("%v %v", got, err)
	}
	if s.hot != "/v1/rounds/42/reservations" {
		t.Error(s.hot)
	}
}

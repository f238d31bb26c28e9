package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

func parseRun(t *testing.T, args ...string) (*Run, error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("kong exits") }), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"run"}, args...))
	return &c.Run, err
}

// runWorkload runs a small workload against the fake with a fault.
func runWorkload(t *testing.T, fault string, args ...string) (bool, string, *report.Trial) {
	t.Helper()
	t.Setenv(fakeFault, fault)
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	t.Setenv("TMPDIR", t.TempDir())
	file := filepath.Join(t.TempDir(), "trial.json")
	r, err := parseRun(t, append([]string{
		"--ticketblue", os.Args[0], "--seats", "400", "--rounds", "1", "--customers", "400", "--connections", "8", "--seconds", "0.2",
		"--slice", "100ms", "--viewers", "3", "--settle", "1s", "--json", file,
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
	trial := &report.Trial{}
	if err := json.Unmarshal(body, trial); err != nil {
		t.Fatal(err)
	}
	return pass, out.String(), trial
}

func TestWorkloadsOnAnHonestServerPass(t *testing.T) {
	for workload, want := range map[string][]string{
		"spread": {load.Granted}, "hot": {load.Granted, "seat_taken"}, "soldout": {"seat_taken"}, "map": {load.Granted, "map"},
	} {
		t.Run(workload, func(t *testing.T) {
			pass, out, trial := runWorkload(t, noFault, "--workload", workload)
			if !pass || !strings.HasPrefix(out, "PASS  ") || trial.Median.Noop == 0 || trial.Median.AnsweredRatio == 0 {
				t.Fatal(out)
			}
			for _, code := range want {
				if trial.Repeats[0].Crowd.Codes[code] == 0 {
					t.Errorf("no answer %s: %v", code, trial.Repeats[0].Crowd.Codes)
				}
			}
			if workload == "soldout" && trial.Median.OK > 0 {
				t.Errorf("a sold-out round sells: %v", trial.Repeats[0].Crowd.Codes)
			}
			if workload == "map" && trial.Repeats[0].ViewerEvents == 0 {
				t.Error("viewers saw nothing")
			}
		})
	}
}

func TestRepeatsAreOnNewDatabasesAtTheOfferedRate(t *testing.T) {
	pass, out, trial := runWorkload(t, noFault, "--repeat", "2", "--rate", "200")
	if !pass || len(trial.Repeats) != 2 {
		t.Fatal(out)
	}
	for _, m := range trial.Repeats {
		if m.Crowd.Arrived != 40 || m.Verdict.Acks != m.Crowd.Codes[load.Granted] {
			t.Errorf("%d arrived in 0.2 s at 200/s, %d acks, %v", m.Crowd.Arrived, m.Verdict.Acks, m.Crowd.Codes)
		}
	}
}

func TestBusyServersAreAskedAgain(t *testing.T) {
	if pass, out, _ := runWorkload(t, "flaky"); !pass {
		t.Error(out)
	}
}

func TestTheJudgeBitesInWorkloads(t *testing.T) {
	for fault, workload := range map[string]string{
		"oversells": "hot", "loses": "spread", "leaks": "spread", "audit": "hot", "silent": "map",
	} {
		t.Run(fault, func(t *testing.T) {
			if pass, out, _ := runWorkload(t, fault, "--workload", workload); pass || !strings.HasPrefix(out, "FAIL  ") {
				t.Error(out)
			}
		})
	}
}

func TestRunFlags(t *testing.T) {
	r, err := parseRun(t)
	if err != nil || r.customers() != 40_000 || r.seats(spreadSeats) != 5_000 {
		t.Errorf("%+v %v", r, err)
	}
	for _, bad := range [][]string{
		{"--workload", "cold"}, {"--seconds", "0"}, {"--slice", "1ms"}, {"--repeat", "0"}, {"--seats", "3"}, {"--rate", "-1"},
		{"--customers", "25000"}, {"--connections", "0"},
	} {
		if _, err := parseRun(t, bad...); err == nil {
			t.Errorf("%v were taken", bad)
		}
	}
	if r, _ = parseRun(t, "--ticketblue", "/bin/false"); r.run(t.Context(), io.Discard, report.NewProgress(io.Discard, false)) {
		t.Error("a server that ends passed")
	}
}

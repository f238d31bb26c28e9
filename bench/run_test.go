package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
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
		"--slice", "100ms", "--viewers", "3", "--settle", inTime.String(), "--json", file,
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
			problem := ""
			for range 3 { // in a tenth of a second a machine may do nothing at all, now and then
				pass, out, trial := runWorkload(t, noFault, "--workload", workload)
				if problem = notHonest(workload, want, pass, out, trial); problem == "" {
					return
				}
				t.Log(problem)
			}
			t.Error(problem)
		})
	}
}

// notHonest is what a run against an honest server lacks; "" when it has all.
func notHonest(workload string, want []string, pass bool, out string, trial *report.Trial) string {
	if !pass || !strings.HasPrefix(out, "PASS  ") || trial.Median.Noop == 0 || trial.Median.AnsweredRatio == 0 {
		return out
	}
	for _, code := range want {
		if trial.Repeats[0].Crowd.Codes[code] == 0 {
			return fmt.Sprintf("no answer %s: %v", code, trial.Repeats[0].Crowd.Codes)
		}
	}
	if workload == "soldout" && trial.Median.OK > 0 {
		return fmt.Sprintf("a sold-out round sells: %v", trial.Repeats[0].Crowd.Codes)
	}
	if workload == "map" && trial.Repeats[0].ViewerEvents == 0 {
		return "viewers saw nothing"
	}
	return ""
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

func TestTheSplitSharesOutTheServersTime(t *testing.T) {
	dir := t.TempDir()
	page, profile := filepath.Join(dir, "run.html"), filepath.Join(dir, "cpu.pprof")
	pass, out, trial := runWorkload(t, noFault, "--workload", "soldout", "--seconds", "0.3", "--profile", profile, "--html", page)
	if !pass || !strings.Contains(out, "journal writer") || !strings.Contains(out, "bar: answered/s over no-op") {
		t.Fatal(out)
	}
	// The fake always answers with the same profile of 2.37 s: one for each of the three slices.
	sampled := 0.0
	for _, seconds := range trial.Repeats[0].Sampled {
		sampled += seconds
	}
	if math.Abs(sampled-3*2.37) > 0.01 {
		t.Errorf("%.2f s of samples: %v", sampled, trial.Repeats[0].Sampled)
	}
	parts, server := trial.Parts(), 0.0
	for _, p := range parts[:len(parts)-1] {
		server += p.Median
	}
	if parts[len(parts)-1].Name != "Postgres" || math.Abs(server-trial.Median.ServerCPU) > 0.01 {
		t.Errorf("parts of %.1f us in all, want %.1f: %+v", server, trial.Median.ServerCPU, parts)
	}
	for _, file := range []string{page, profile} {
		if body, err := os.ReadFile(file); err != nil || len(body) == 0 {
			t.Errorf("%s: %d bytes, %v", file, len(body), err)
		}
	}
}

func TestHalfOfPeakIsAnOpenLoopAfterTheLoad(t *testing.T) {
	// Few connections keep the fake from selling everything before.
	args := []string{"--half-of-peak", "--seats", "12000", "--customers", "6001", "--connections", "1", "--seconds", "0.1"}
	pass, out, trial := runWorkload(t, noFault, args...)
	for tries := 1; !pass && tries < 3; tries++ { // a machine may do nothing at all in a tenth of a second
		pass, out, trial = runWorkload(t, noFault, args...)
	}
	if !pass || !strings.Contains(out, "bar: p99 at half of peak") {
		t.Fatal(out)
	}
	m := trial.Repeats[0]
	if want := int(m.HalfRate * 0.1); m.HalfRate*2 < m.Figures.Answered*0.99 || m.HalfRate*2 > m.Figures.Answered*1.01 || m.Half.Arrived != want {
		t.Errorf("%.0f/s answered, then %d offered at %.0f/s, want %d", m.Figures.Answered, m.Half.Arrived, m.HalfRate, want)
	}
	if m.Verdict.Acks != m.Crowd.Codes[load.Granted]+m.Half.Codes[load.Granted] {
		t.Errorf("%d acks judged, %v and %v answered", m.Verdict.Acks, m.Crowd.Codes, m.Half.Codes)
	}
	if pass, out, _ = runWorkload(t, noFault, "--half-of-peak", "--connections", "1", "--seats", "100", "--customers", "51"); pass || !strings.Contains(out, "half of peak needs") {
		t.Error(out)
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
			if pass, out, _ := runWorkload(t, fault, "--workload", workload, "--settle", "1s"); pass || !strings.HasPrefix(out, "FAIL  ") {
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
		{"--customers", "25000"}, {"--connections", "0"}, {"--noop", "-1s"}, {"--half-of-peak", "--rate", "5"},
	} {
		if _, err := parseRun(t, bad...); err == nil {
			t.Errorf("%v were taken", bad)
		}
	}
	if r, _ = parseRun(t, "--ticketblue", "/bin/false"); r.run(t.Context(), io.Discard, report.NewProgress(io.Discard, false)) {
		t.Error("a server that ends passed")
	}
}

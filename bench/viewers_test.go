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
)

// watchFake runs a small audience against the fake with a fault.
func watchFake(t *testing.T, fault string, args ...string) (bool, string, *audience) {
	t.Helper()
	t.Setenv(fakeFault, fault)
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	t.Setenv("TMPDIR", t.TempDir())
	file := filepath.Join(t.TempDir(), "report.json")
	var c cli
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("kong exits") }), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{
		"viewers", "--ticketblue", os.Args[0], "--seats", "9000", "--viewers", "20", "--seconds", "3", "--changes", "50", "--json", file, "--settle", inTime.String(),
	}, args...)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	pass := c.Viewers.run(t.Context(), &out, io.Discard)
	a := &audience{}
	if body, err := os.ReadFile(file); err != nil || json.Unmarshal(body, a) != nil {
		t.Fatal(err, out.String())
	}
	if line, _, _ := strings.Cut(out.String(), "\n"); line != a.Line || pass != a.Pass {
		t.Errorf("the first line is %q, the report's %q", line, a.Line)
	}
	return pass, out.String(), a
}

func TestViewersSeeEveryChange(t *testing.T) {
	pass, out, a := watchFake(t, noFault, "--bound", "10s")
	if !pass || !strings.HasPrefix(out, "PASS  20 viewers saw ") {
		t.Fatal(out)
	}
	if a.Changes < 50 || a.Delta.Count != int64(20*a.Changes) || a.Events < 20*a.Changes || a.Bytes < 20*9000 || a.Reopened != 0 || a.Watched == 0 {
		t.Errorf("%+v", a)
	}
}

// Streams that end are opened again, and nothing is missed.
func TestViewersComeBack(t *testing.T) {
	pass, out, a := watchFake(t, "hangs up", "--bound", "10s")
	if !pass || a.Reopened == 0 {
		t.Fatalf("%d opened again: %s", a.Reopened, out)
	}
}

func TestViewersBite(t *testing.T) {
	for fault, found := range map[string]func(a *audience) bool{
		"silent":           func(a *audience) bool { return a.Missed > 0 },
		"forgets a change": func(a *audience) bool { return a.Wrong == 20 },
		"late":             func(a *audience) bool { return a.Delta.P99 > 40 },
	} {
		t.Run(fault, func(t *testing.T) {
			args := []string{"--bound", "10s", "--settle", "1s"}
			if fault == "late" {
				args = []string{"--bound", "40ms", "--changes", "20"}
			}
			if pass, out, a := watchFake(t, fault, args...); pass || !found(a) {
				t.Error(out)
			}
		})
	}
}

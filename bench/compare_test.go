package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ticketblue/bench/report"
)

// The fake is both: what is compared here is only how.
func TestPeersAreMeasuredByTurnsAndCompared(t *testing.T) {
	t.Setenv(fakeFault, noFault)
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	t.Setenv("TMPDIR", t.TempDir())
	dir := t.TempDir()
	// The fake takes the command first, so it is called as a peer by a script that drops --kind NAME.
	script := filepath.Join(dir, "peer")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nshift 2\nexec "+os.Args[0]+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := &Peers{
		Kinds: []string{"unique"}, Workloads: []string{"spread"}, Repeat: 2, Seconds: 0.1, Slice: 100 * time.Millisecond, Connections: 4,
		Rounds: 1, Seats: 400, Ticketblue: os.Args[0], Program: script,
		JSON: filepath.Join(dir, "peers.json"), HTML: filepath.Join(dir, "peers.html"),
	}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if !p.run(t.Context(), &out, report.NewProgress(io.Discard, false)) || !strings.HasPrefix(out.String(), "PASS  ") {
		t.Fatal(out.String())
	}
	var c report.Comparison
	body, err := os.ReadFile(p.JSON)
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	if err != nil || len(c.Entries) != 2 || len(c.Entries[1].Trial.Repeats) != 2 || c.Entries[1].Who != "unique" {
		t.Fatalf("%v %s", err, body)
	}
	tables := c.Tables()
	if rows := tables[0].Rows; len(tables) != 1 || rows[0].OursOver != 1 || rows[1].OursOver != rows[0].Rate/rows[1].Rate {
		t.Errorf("%+v", tables)
	}
	if page, err := os.ReadFile(p.HTML); err != nil || !strings.Contains(string(page), "every run was judged PASS") {
		t.Error(err)
	}
	out.Reset()
	if err := (&Compare{p.JSON, p.JSON}).run(&out); err != nil || !strings.Contains(out.String(), "+0.0 %") {
		t.Errorf("%v %s", err, out.String())
	}
	if err := (&Compare{p.JSON, p.HTML}).run(&out); err == nil {
		t.Error("a page was compared")
	}
	p.Program = "/bin/false"
	if p.run(t.Context(), &out, report.NewProgress(io.Discard, false)) {
		t.Error("a peer that cannot run passed")
	}
}

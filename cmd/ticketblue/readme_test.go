package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tourPatience is what a person has who takes the tour on a machine that stalls: who is answered 503 asks again, who
// watches sees the map before he leaves, and what was done is in the lists before the next step.
const tourPatience = `set -eu
curl() {
	case " $* " in *" -w "*) command curl "$@"; return;; esac
	local status
	for _ in $(seq 600); do
		status=$(command curl -o answer -w '%{http_code}' "$@")
		if [ "$status" != 503 ]; then break; fi
		sleep 0.1
	done
	cat answer
}
timeout() {
	local seen seconds
	for seconds in 1 3 9 27; do
		seen=$(command timeout $seconds "${@:2}" || true)
		if [[ $seen == *$'\ndata: '* ]]; then break; fi
	done
	printf '%s\n' "$seen"
}
settled() {
	if [ -z "${TOKEN:-}" ]; then return; fi
	local seq
	seq=$(curl -s $URL/v1/rounds/1 | grep -oE '"seq":[0-9]+' | head -1 | cut -d: -f2)
	curl -s $URL/v1/reservations -H "authorization: Bearer $TOKEN" -H "TB-Position: round:1@$seq" >/dev/null
}
`

// TestReadmeTour pastes the README's tour into a shell beside a server with the demo, and compares what comes out
// with what the README shows. README_UPDATE=1 writes what came out into the README.
func TestReadmeTour(t *testing.T) {
	const readmePath = "../../README.md"
	body, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	readme := string(body)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```\n```text\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(blocks) < 5 {
		t.Fatalf("the README's tour has %d steps", len(blocks))
	}
	dir := t.TempDir()
	s := startServer(t, filepath.Join(dir, "data"), "--demo")
	layTable(t, dir)
	poll(t, "the index of a fresh demo", func() bool {
		a := mustAsk(t, 200, "GET", s.url+"/v1/search?kind=performance", "", nil)
		return a.body["performances"].(map[string]any)["count"] == float64(len(demoShows))
	})
	const cut = "---- next step ----"
	var script strings.Builder
	script.WriteString(tourPatience)
	for _, b := range blocks {
		fmt.Fprintf(&script, "%s\necho '%s'\nsettled\n", strings.ReplaceAll(b[1], "http://127.0.0.1:8080", s.url), cut)
	}
	shell := exec.Command("bash", "-c", script.String())
	shell.Dir = dir
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour breaks: %v\n%s", err, out)
	}
	steps := strings.Split(string(out), cut+"\n")
	for i, b := range blocks {
		if os.Getenv("README_UPDATE") != "" {
			readme = strings.Replace(readme, b[0], "```sh\n"+b[1]+"```\n```text\n"+steps[i]+"```", 1)
			continue
		}
		if got, want := timeless(steps[i]), timeless(b[2]); got != want {
			t.Errorf("the tour's step\n%s\nprints\n%s\nthe README shows\n%s", b[1], got, want)
		}
	}
	if readme != string(body) {
		if err := os.WriteFile(readmePath, []byte(readme), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// layTable puts bin/ticketblue where the tour expects it.
func layTable(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	wrapper := fmt.Sprintf("#!/bin/sh\n%s=1 exec %s \"$@\"\n", asProgram, self)
	if err := os.WriteFile(filepath.Join(dir, "bin", "ticketblue"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
}

var timeBound = regexp.MustCompile(`\d{4}-\d\d-\d\d(?:T[0-9:.]+Z?)?|\b1[0-9]{12}\b|[0-9a-f]{32}-[0-9a-f]{8}|[0-9a-f-]{36}`)

// timeless takes moments, and names of requests and pictures, out of an output: all else is the same each time.
func timeless(s string) string { return timeBound.ReplaceAllString(strings.TrimSpace(s), "T") }

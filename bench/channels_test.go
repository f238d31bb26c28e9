package main

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/report"
)

// The real program, a real mail server and a real webhook, small: what is confirmed while both are dead is told once by
// each when they are back. How fast it was means nothing here.
func TestChannels(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ticketblue")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", program, "../cmd/ticketblue").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("TMPDIR", t.TempDir())
	c := &Channels{
		Turns: Turns{Pairs: 2, Slice: 300 * time.Millisecond, Ticketblue: program, rounds: 4, seats: 12000, customers: 12400}, Paid: 50, Bound: 0.01,
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if pass := c.run(t.Context(), &out, report.NewProgress(io.Discard, false)); !pass {
		t.Fatal(out.String())
	}
	for _, want := range []string{`PASS  `, `confirmed: [1-9]`, `told in: \[[1-9]\d* in [\d.]+ s [1-9]\d* in [\d.]+ s\]`, `of these refusing`, `of these hanging`} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
}

// The post finds what came twice, what never came, and what nobody owed.
func TestPostCounts(t *testing.T) {
	for name, c := range map[string]struct {
		mails, slack map[string]int
		want         string
	}{
		"once":   {map[string]int{"1-1": 1, "1-2": 1}, map[string]int{"1-1": 1, "1-2": 1}, ""},
		"twice":  {map[string]int{"1-1": 2, "1-2": 1}, map[string]int{"1-1": 1, "1-2": 1}, "by mail 1 of 2"},
		"never":  {map[string]int{"1-1": 1, "1-2": 1}, map[string]int{"1-1": 1}, "by Slack 1 of 2"},
		"unowed": {map[string]int{"1-1": 1, "1-2": 1, "1-3": 1}, map[string]int{"1-1": 1, "1-2": 1}, "3 were told of"},
	} {
		p := &post{mails: c.mails, slack: c.slack}
		err := p.check([]string{"1-1", "1-2"})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// So many are paid for, and no burst makes good what was not taken up.
func TestPayerKeepsItsPace(t *testing.T) {
	p, now, due := &payer{every: 10 * time.Millisecond}, time.Unix(1000, 0), 0
	for range 1000 { // a second
		now = now.Add(time.Millisecond)
		if p.due(now) {
			due++
		}
	}
	if due < 99 || due > 101 {
		t.Errorf("%d in a second", due)
	}
	now = now.Add(time.Minute)
	if at := [3]bool{p.due(now), p.due(now), p.due(now)}; at != [3]bool{true, true, false} {
		t.Errorf("a pause is followed by %v, want two", at)
	}
	p.pay(nil, 0, client.Answer{Body: []byte(`nonsense`)})
}

func TestChannelsFlags(t *testing.T) {
	for _, bad := range []Channels{{Paid: 0, Bound: 1}, {Paid: 1e5, Bound: 1}, {Paid: 1, Bound: 0}, {Paid: 1, Bound: 1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

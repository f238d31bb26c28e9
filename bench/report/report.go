// Package report tells people and programs what a run found: progress while it runs, then text, JSON and one
// self-contained HTML page. Correctness comes first everywhere.
package report

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"ticketblue/bench/judge"
	"ticketblue/bench/load"
)

// Report is all that a run found.
type Report struct {
	Pass     bool           `json:"pass"`
	Line     string         `json:"line"` // starts with PASS or FAIL
	Started  time.Time      `json:"started"`
	Config   map[string]any `json:"config"`
	Machine  Machine        `json:"machine"`
	Verdict  judge.Verdict  `json:"verdict"`
	Crowd    load.Summary   `json:"reservations"` // the crowd's attempts
	Maps     load.Summary   `json:"maps"`         // looks at the seat map
	Late     int            `json:"late"`
	Dropped  int            `json:"dropped"`
	OwnCPU   float64        `json:"generator_cpu_seconds"` // what this program itself used while the crowd was in
	Resolved int            `json:"asked_again"`           // attempts whose answer was lost, asked again until answered
	Sweep    Sweep          `json:"sweep"`
	Noop     Noop           `json:"noop"`
	Steps    []Step         `json:"steps"`
	Kept     string         `json:"kept,omitempty"` // directory with the server's data and log, after a FAIL
}

// Machine is where the run happened, generator and server together unless the target was elsewhere.
type Machine struct {
	Cores  int    `json:"cores"`
	Go     string `json:"go"`
	System string `json:"system"`
	Commit string `json:"commit,omitempty"` // of the bench program; "+" when built from changed files
}

// ThisMachine describes the machine this program runs on.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return m
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			m.Commit = s.Value + m.Commit
		case s.Key == "vcs.modified" && s.Value == "true":
			m.Commit += "+"
		}
	}
	return m
}

// Sweep is how the seats that the crowd had left over were sold.
type Sweep struct {
	Passes  int `json:"passes"`
	Asked   int `json:"asked"`
	Granted int `json:"granted"`
}

// Noop compares the rush with a request that does nothing: same token check, body and answer size.
type Noop struct {
	Before float64 `json:"before_per_second"` // 0 when the server has no such endpoint
	After  float64 `json:"after_per_second"`
	Ratio  float64 `json:"ratio"` // reservations answered per second in the rush's steady part, over the mean of both
}

// Step is how long a part of the run took.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Counted is a code and how often it was the final answer.
type Counted struct {
	Code  string
	Count int
}

// ByCode lists a summary's final answers, the most frequent first.
func ByCode(codes map[string]int) []Counted {
	var list []Counted
	for code, n := range codes {
		list = append(list, Counted{code, n})
	}
	slices.SortFunc(list, func(a, b Counted) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Code, b.Code)
	})
	return list
}

// WriteJSON writes the report to a file.
func (r *Report) WriteJSON(path string) error {
	return WriteJSON(path, r)
}

// WriteText writes the report for a terminal. Its first line starts with PASS or FAIL.
func (r *Report) WriteText(w io.Writer) {
	fmt.Fprintln(w, r.Line)
	for _, k := range judge.Kinds {
		for i, example := range r.Verdict.Examples[k] {
			if i == 3 {
				fmt.Fprintf(w, "  %-10s ... %d in all\n", k, r.Verdict.Found[k])
				break
			}
			fmt.Fprintf(w, "  %-10s %s\n", k, example)
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "%-26s %9s %9s %9s %9s %9s %9s\n", "milliseconds", "count", "p50", "p90", "p99", "p99.9", "max")
	for _, row := range r.rows() {
		t := row.Times
		fmt.Fprintf(w, "%-26s %9d %9.1f %9.1f %9.1f %9.1f %9.1f\n", row.Name, t.Count, t.P50, t.P90, t.P99, t.P999, t.Max)
	}
	fmt.Fprintln(w)
	for _, c := range ByCode(r.Crowd.Codes) {
		fmt.Fprintf(w, "%-26s %9d\n", c.Code, c.Count)
	}
	fmt.Fprintln(w)
	for _, f := range r.figures() {
		fmt.Fprintf(w, "%-26s %s\n", f.Name, f.Value)
	}
}

type timesRow struct {
	Name  string
	Times load.Times
}

func (r *Report) rows() []timesRow {
	return []timesRow{
		{"reserve, intended start", r.Crowd.Latency},
		{"reserve, one request", r.Crowd.Service},
		{"seat map, intended start", r.Maps.Latency},
		{"seat map, one request", r.Maps.Service},
	}
}

type figure struct{ Name, Value string }

func (r *Report) figures() []figure {
	fs := []figure{
		{"arrived", fmt.Sprintf("%d (%d late by more than %v, %d dropped at the deadline)",
			r.Crowd.Arrived, r.Late, load.LateAfter, r.Dropped)},
		{"answered per second", fmt.Sprintf("%.0f (steady part)", r.Crowd.SteadyPer)},
		{"generator", fmt.Sprintf("%.1f s of CPU, %.0f us per request", r.OwnCPU, 1e6*r.OwnCPU/float64(max(1, r.Crowd.Sent+r.Maps.Sent)))},
		{"retried", fmt.Sprintf("%d requests; %d attempts asked again after the crowd", r.Crowd.Retried, r.Resolved)},
		{"sweep", fmt.Sprintf("%d granted of %d asked in %d passes", r.Sweep.Granted, r.Sweep.Asked, r.Sweep.Passes)},
	}
	if r.Noop.Ratio > 0 {
		fs = append(fs,
			figure{"no-op per second", fmt.Sprintf("%.0f before, %.0f after", r.Noop.Before, r.Noop.After)},
			figure{"ratio to no-op", fmt.Sprintf("%.2f", r.Noop.Ratio)})
	} else {
		fs = append(fs, figure{"ratio to no-op", "not measured"})
	}
	if r.Kept != "" {
		fs = append(fs, figure{"the server's data and log", r.Kept})
	}
	return append(fs,
		figure{"took", r.took()},
		figure{"machine", fmt.Sprintf("%d cores, %s, %s", r.Machine.Cores, r.Machine.Go, r.Machine.System)})
}

func (r *Report) took() string {
	var parts []string
	for _, s := range r.Steps {
		parts = append(parts, fmt.Sprintf("%s %.1f s", s.Name, s.Seconds))
	}
	return strings.Join(parts, ", ")
}

package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Comparison is many trials, measured by turns.
type Comparison struct {
	Pass    bool           `json:"pass"`
	Ours    string         `json:"ours"`
	Started time.Time      `json:"started"`
	Machine Machine        `json:"machine"`
	Config  map[string]any `json:"config"`
	Entries []Entry        `json:"entries"`
}

// Entry is one trial of a comparison.
type Entry struct {
	Workload string `json:"workload"`
	Who      string `json:"who"`
	Trial    *Trial `json:"trial"`
}

// NewComparison is a comparison with ours, which everybody else is compared with.
func NewComparison(ours string, config map[string]any) *Comparison {
	return &Comparison{Pass: true, Ours: ours, Started: time.Now(), Machine: ThisMachine(), Config: config}
}

// Add takes in a trial that is complete.
func (c *Comparison) Add(workload, who string, t *Trial) {
	c.Pass = c.Pass && t.Pass
	c.Entries = append(c.Entries, Entry{workload, who, t})
}

// Row is a line of a comparison's table.
type Row struct {
	Who      string
	Pass     bool
	F        Figures
	Rate     float64 // what the workload is about: yes, or answers, per second
	OursOver float64 // ours over this one's
	Share    float64 // of the largest rate, in percent
	Each     []float64
}

// Table is the comparison in one workload.
type Table struct {
	Workload string
	By       string // what Rate counts
	Rows     []Row
}

// Tables are all of them. Spread counts what was granted; where nearly everything is refused, answers count.
func (c *Comparison) Tables() []Table {
	var tables []Table
	for _, e := range c.Entries {
		if n := len(tables); n == 0 || tables[n-1].Workload != e.Workload {
			tables = append(tables, Table{Workload: e.Workload, By: "answered/s"})
		}
		t := &tables[len(tables)-1]
		rate := func(f Figures) float64 { return f.Answered }
		if e.Workload == "spread" {
			t.By, rate = "ok/s", func(f Figures) float64 { return f.OK }
		}
		row := Row{Who: e.Who, Pass: e.Trial.Pass, F: e.Trial.Median, Rate: rate(e.Trial.Median)}
		for _, m := range e.Trial.Repeats {
			row.Each = append(row.Each, rate(m.Figures))
		}
		t.Rows = append(t.Rows, row)
	}
	for _, t := range tables {
		ours, largest := 0.0, 0.0
		for _, r := range t.Rows {
			largest = max(largest, r.Rate)
			if r.Who == c.Ours {
				ours = r.Rate
			}
		}
		for i := range t.Rows {
			if r := &t.Rows[i]; r.Rate > 0 {
				r.OursOver, r.Share = ours/r.Rate, 100*r.Rate/largest
			}
		}
	}
	return tables
}

// WriteText writes the tables for a terminal.
func (c *Comparison) WriteText(w io.Writer) {
	fmt.Fprintln(w, map[bool]string{true: "PASS  every run was judged: nothing sold twice, lost or leaked", false: "FAIL"}[c.Pass])
	for _, e := range c.Entries {
		if !e.Trial.Pass {
			fmt.Fprintf(w, "  %s %s: %s %v\n", e.Workload, e.Who, e.Trial.Line, e.Trial.Problems)
		}
	}
	for _, t := range c.Tables() {
		fmt.Fprintf(w, "\n%-12s %10s %8s %9s %9s %8s %8s %8s %8s %7s   each\n", t.Workload, t.By, "ours/it", "no-op/s", "/no-op", "p50 ms", "p99 ms", "srv us", "pg us", "redis")
		for _, r := range t.Rows {
			over := 0.0
			if r.F.Noop > 0 {
				over = r.Rate / r.F.Noop
			}
			fmt.Fprintf(w, "%-12s %10.0f %8.2f %9.0f %9.3f %8.2f %8.2f %8.1f %8.1f %7.1f  ", r.Who, r.Rate, r.OursOver, r.F.Noop, over, r.F.P50, r.F.P99, r.F.ServerCPU, r.F.PostgresCPU, r.F.RedisCPU)
			for _, each := range r.Each {
				fmt.Fprintf(w, " %.0f", each)
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintln(w, "\nFigures are medians. CPU is per yes (per answer in soldout). redis-lua is NOT DURABLE.")
}

//go:embed compare.html
var comparePage string

var compareTemplate = pageOf(comparePage)

// WriteHTML writes the comparison to a file as one page that loads nothing from anywhere.
func (c *Comparison) WriteHTML(path string) error {
	return draw(path, compareTemplate, map[string]any{"C": c, "Tables": c.Tables()})
}

// Found is one of the files that bench writes, as far as figures are concerned.
type Found map[string]Figures

// ReadFigures reads the figures of a run (one) or of a comparison with peers (many), by "workload" or "workload who".
func ReadFigures(path string) (Found, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Workload string
		Median   *Figures
		Entries  []Entry
	}
	if err := json.Unmarshal(body, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	found := Found{}
	if file.Median != nil {
		found[file.Workload] = *file.Median
	}
	for _, e := range file.Entries {
		found[e.Workload+" "+e.Who] = e.Trial.Median
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s is no file of bench run or bench peers", path)
	}
	return found, nil
}

// WriteDifference writes both figures of everything that is in a and b, and by how many percent b is more.
func WriteDifference(w io.Writer, a, b Found, names []string) {
	for _, name := range names {
		before, after := a[name], b[name]
		fmt.Fprintf(w, "%-28s %12s %12s %10s\n", name, "first", "second", "change")
		for _, figure := range AllFigures {
			x, y := *figure.Of(&before), *figure.Of(&after)
			if x == 0 && y == 0 {
				continue
			}
			change := "-"
			if x != 0 {
				change = fmt.Sprintf("%+.1f %%", 100*(y-x)/x)
			}
			fmt.Fprintf(w, "%-28s %12s %12s %10s\n", figure.Name, fmt.Sprintf(figure.Format, x), fmt.Sprintf(figure.Format, y), change)
		}
		fmt.Fprintln(w)
	}
}

package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"ticketblue/bench/judge"
	"ticketblue/bench/load"
)

// Trial is a workload, measured once or more often, each time on a new database.
type Trial struct {
	Pass     bool           `json:"pass"`
	Line     string         `json:"line"` // starts with PASS or FAIL
	Workload string         `json:"workload"`
	Program  string         `json:"program"`
	Started  time.Time      `json:"started"`
	Config   map[string]any `json:"config"`
	Machine  Machine        `json:"machine"`
	Median   Figures        `json:"median"` // figure by figure
	Repeats  []Measured     `json:"repeats"`
	Problems []string       `json:"problems,omitempty"`
}

// Measured is all that one repeat found.
type Measured struct {
	Figures         Figures            `json:"figures"`
	Seconds         float64            `json:"seconds"` // of load
	Crowd           load.Summary       `json:"requests"`
	Reads           load.Summary       `json:"maps"`
	Late            int                `json:"late"`
	Rates           []float64          `json:"answered_per_second"` // each slice
	Noops           []float64          `json:"noop_per_second"`     // each slice
	ProjectionsLate []float64          `json:"projections_caught_up_seconds"`
	RelayLate       []float64          `json:"relay_caught_up_seconds"`
	ServerCPU       float64            `json:"server_cpu_seconds"` // load and catching up
	PostgresCPU     float64            `json:"postgres_cpu_seconds"`
	RedisCPU        float64            `json:"redis_cpu_seconds"`
	GeneratorCPU    float64            `json:"generator_cpu_seconds"`
	ViewerEvents    int                `json:"viewer_events"`
	WrongMaps       int                `json:"wrong_maps"`
	HalfRate        float64            `json:"half_of_peak_offered_per_second"`
	Half            load.Summary       `json:"half_of_peak"` // requests at that rate, after the load
	HalfLate        int                `json:"half_of_peak_late"`
	Sampled         map[string]float64 `json:"sampled_cpu_seconds,omitempty"` // of the server, by part, from profiles of load and catching up
	Verdict         judge.Verdict      `json:"verdict"`
	Kept            string             `json:"kept,omitempty"` // directory with the server's data and log, after a FAIL
}

// Figures are what is compared. Rates are per second of load, CPU is in microseconds per yes (per answer where nothing
// is granted) and counts what it took to catch up afterwards, times are in milliseconds.
type Figures struct {
	OK             float64 `json:"ok_per_second"`
	Answered       float64 `json:"answered_per_second"`
	Noop           float64 `json:"noop_per_second"`
	OKRatio        float64 `json:"ok_ratio"`
	AnsweredRatio  float64 `json:"answered_ratio"`
	SustainedRatio float64 `json:"sustained_ratio"` // yes per second of load and of catching up, over the no-op
	P50            float64 `json:"p50_ms"`
	P99            float64 `json:"p99_ms"`
	YesP99         float64 `json:"granted_p99_ms"`
	ReadP99        float64 `json:"map_p99_ms"`
	HalfRate       float64 `json:"half_of_peak_per_second"` // offered
	HalfP50        float64 `json:"half_of_peak_p50_ms"`
	HalfP99        float64 `json:"half_of_peak_p99_ms"`
	ServerCPU      float64 `json:"server_us"`
	PostgresCPU    float64 `json:"postgres_us"`
	RedisCPU       float64 `json:"redis_us"`
	GeneratorCPU   float64 `json:"generator_us_per_request"`
	Projections    float64 `json:"projections_caught_up_s"` // the longest
	Relay          float64 `json:"relay_caught_up_s"`
}

// Figure names one of the figures.
type Figure struct {
	Name   string
	Format string
	Of     func(*Figures) *float64
}

// AllFigures in the order in which they are shown.
var AllFigures = []Figure{
	{"ok/s", "%.0f", func(f *Figures) *float64 { return &f.OK }},
	{"answered/s", "%.0f", func(f *Figures) *float64 { return &f.Answered }},
	{"no-op/s", "%.0f", func(f *Figures) *float64 { return &f.Noop }},
	{"ok/s over no-op", "%.3f", func(f *Figures) *float64 { return &f.OKRatio }},
	{"answered/s over no-op", "%.3f", func(f *Figures) *float64 { return &f.AnsweredRatio }},
	{"sustained over no-op", "%.3f", func(f *Figures) *float64 { return &f.SustainedRatio }},
	{"p50, ms", "%.2f", func(f *Figures) *float64 { return &f.P50 }},
	{"p99, ms", "%.2f", func(f *Figures) *float64 { return &f.P99 }},
	{"p99 of a yes, ms", "%.2f", func(f *Figures) *float64 { return &f.YesP99 }},
	{"p99 of a map, ms", "%.2f", func(f *Figures) *float64 { return &f.ReadP99 }},
	{"half of peak, offered/s", "%.0f", func(f *Figures) *float64 { return &f.HalfRate }},
	{"p50 at half of peak, ms", "%.2f", func(f *Figures) *float64 { return &f.HalfP50 }},
	{"p99 at half of peak, ms", "%.2f", func(f *Figures) *float64 { return &f.HalfP99 }},
	{"server, us", "%.1f", func(f *Figures) *float64 { return &f.ServerCPU }},
	{"postgres, us", "%.1f", func(f *Figures) *float64 { return &f.PostgresCPU }},
	{"redis, us", "%.1f", func(f *Figures) *float64 { return &f.RedisCPU }},
	{"generator, us/request", "%.1f", func(f *Figures) *float64 { return &f.GeneratorCPU }},
	{"lists caught up, s", "%.2f", func(f *Figures) *float64 { return &f.Projections }},
	{"relay caught up, s", "%.2f", func(f *Figures) *float64 { return &f.Relay }},
}

// NewTrial is a trial without a repeat.
func NewTrial(workload, program string, config map[string]any) *Trial {
	return &Trial{Pass: true, Workload: workload, Program: program, Started: time.Now(), Config: config, Machine: ThisMachine()}
}

// Add takes in a repeat, and the reason why it did not finish.
func (t *Trial) Add(m Measured, err error) {
	m.sum()
	t.Repeats = append(t.Repeats, m)
	if err != nil {
		t.Fail(err)
	}
	if m.WrongMaps > 0 {
		t.Fail(fmt.Errorf("%d viewers have a wrong map", m.WrongMaps))
	}
}

// Fail notes that the trial is not a PASS.
func (t *Trial) Fail(err error) {
	t.Pass = false
	t.Problems = append(t.Problems, err.Error())
}

func (m *Measured) sum() {
	f := &m.Figures
	yes, answered := m.Crowd.Codes[load.Granted], 0
	for _, n := range m.Crowd.Codes {
		answered += n
	}
	over := func(n, by float64) float64 {
		if by == 0 {
			return 0
		}
		return n / by
	}
	f.OK, f.Answered, f.Noop = over(float64(yes), m.Seconds), over(float64(answered), m.Seconds), Median(m.Noops)
	f.OKRatio, f.AnsweredRatio = over(f.OK, f.Noop), over(f.Answered, f.Noop)
	caughtUp := 0.0
	for i := range m.RelayLate {
		caughtUp += max(m.RelayLate[i], m.ProjectionsLate[i])
	}
	f.SustainedRatio = over(over(float64(yes), m.Seconds+caughtUp), f.Noop)
	f.P50, f.P99, f.YesP99, f.ReadP99 = m.Crowd.Latency.P50, m.Crowd.Latency.P99, m.Crowd.Yes.P99, m.Reads.Latency.P99
	f.HalfRate, f.HalfP50, f.HalfP99 = m.HalfRate, m.Half.Latency.P50, m.Half.Latency.P99
	per := float64(yes)
	if yes == 0 {
		per = float64(answered)
	}
	f.ServerCPU, f.PostgresCPU, f.RedisCPU = over(1e6*m.ServerCPU, per), over(1e6*m.PostgresCPU, per), over(1e6*m.RedisCPU, per)
	f.GeneratorCPU = over(1e6*m.GeneratorCPU, float64(answered))
	if len(m.RelayLate) > 0 {
		f.Projections, f.Relay = slices.Max(m.ProjectionsLate), slices.Max(m.RelayLate)
	}
}

// Median is the middle, or the mean of the two in the middle; 0 of nothing.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Sum fills in the medians and the line.
func (t *Trial) Sum() {
	for _, figure := range AllFigures {
		var values []float64
		for i := range t.Repeats {
			values = append(values, *figure.Of(&t.Repeats[i].Figures))
		}
		*figure.Of(&t.Median) = Median(values)
	}
	var all judge.Verdict
	for _, m := range t.Repeats {
		all.Add(m.Verdict)
	}
	t.Pass = t.Pass && all.Pass() && len(t.Repeats) > 0
	t.Line = strings.Replace(all.Line(), "PASS", map[bool]string{true: "PASS", false: "FAIL"}[t.Pass], 1)
}

// WriteText writes the trial for a terminal. Its first line starts with PASS or FAIL.
func (t *Trial) WriteText(w io.Writer) {
	fmt.Fprintln(w, t.Line)
	for _, p := range t.Problems {
		fmt.Fprintln(w, "  ", p)
	}
	for _, m := range t.Repeats {
		for _, k := range judge.Kinds {
			for _, example := range m.Verdict.Examples[k][:min(3, len(m.Verdict.Examples[k]))] {
				fmt.Fprintf(w, "  %-10s %s\n", k, example)
			}
		}
		if m.Kept != "" {
			fmt.Fprintf(w, "   the server's data and log: %s\n", m.Kept)
		}
	}
	fmt.Fprintf(w, "\n%-24s %10s   %s\n", t.Workload, "median", "each repeat")
	for _, figure := range t.figures() {
		fmt.Fprintf(w, "%-24s %10s  ", figure.Name, fmt.Sprintf(figure.Format, *figure.Of(&t.Median)))
		for i := range t.Repeats {
			fmt.Fprintf(w, " "+figure.Format, *figure.Of(&t.Repeats[i].Figures))
		}
		fmt.Fprintln(w)
	}
	if n := len(t.Repeats); n > 0 {
		fmt.Fprintf(w, "%-24s", "answers of the last")
		for _, c := range ByCode(t.Repeats[n-1].Crowd.Codes) {
			fmt.Fprintf(w, " %s %d", c.Code, c.Count)
		}
		fmt.Fprintln(w)
	}
	t.writeBars(w)
	t.writeSplit(w)
}

// figures are those that any repeat has.
func (t *Trial) figures() []Figure {
	return slices.DeleteFunc(slices.Clone(AllFigures), func(f Figure) bool {
		return !slices.ContainsFunc(t.Repeats, func(m Measured) bool { return *f.Of(&m.Figures) != 0 })
	})
}

// WriteJSON writes what was found to a file.
func WriteJSON(path string, found any) error {
	body, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	return os.WriteFile(path, append(body, '\n'), 0o644)
}

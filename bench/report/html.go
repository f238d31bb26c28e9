package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"math"
	"os"
	"slices"

	"ticketblue/bench/judge"
	"ticketblue/bench/load"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

type finding struct {
	Kind     judge.Kind
	Count    int
	Examples []string
}

// WriteHTML writes the report to a file as one page that loads nothing from anywhere.
func (r *Report) WriteHTML(path string) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, r.pageData()); err != nil {
		return fmt.Errorf("drawing the report: %w", err)
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func (r *Report) pageData() map[string]any {
	var findings []finding
	for _, k := range judge.Kinds {
		findings = append(findings, finding{k, r.Verdict.Found[k], r.Verdict.Examples[k]})
	}
	type bar struct {
		Counted
		Percent float64
	}
	var bars []bar
	total := 0
	for _, n := range r.Crowd.Codes {
		total += n
	}
	for _, c := range ByCode(r.Crowd.Codes) {
		bars = append(bars, bar{c, 100 * float64(c.Count) / float64(total)})
	}
	var settings []figure
	for _, name := range slices.Sorted(maps.Keys(r.Config)) {
		settings = append(settings, figure{name, fmt.Sprint(r.Config[name])})
	}
	series := r.Crowd.Series
	return map[string]any{
		"Report": r, "Findings": findings, "Bars": bars, "Rows": r.rows(), "Figures": r.figures(), "Settings": settings,
		"LatencyChart": chart("ms", []curve{
			curveOf("max", "c3", series, func(p load.Point) float64 { return ifAny(p, p.Max) }),
			curveOf("p99", "c2", series, func(p load.Point) float64 { return ifAny(p, p.P99) }),
			curveOf("p50", "c1", series, func(p load.Point) float64 { return ifAny(p, p.P50) }),
		}),
		"RateChart": chart("/s", []curve{
			curveOf("answers", "c1", series, func(p load.Point) float64 { return p.Answers }),
			curveOf("granted", "c2", series, func(p load.Point) float64 { return p.Granted }),
		}),
	}
}

// ifAny leaves slices without an answer out of a latency curve: no answer is not a quick one.
func ifAny(p load.Point, ms float64) float64 {
	if p.Answers == 0 {
		return math.NaN()
	}
	return ms
}

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

//go:embed style.html
var style string

var pageTemplate = pageOf(page)

// pageOf is a template that may use the style all pages share.
func pageOf(body string) *template.Template {
	return template.Must(template.Must(template.New("page").Parse(style)).Parse(body))
}

// draw fills in a page and writes it to a file.
func draw(path string, page *template.Template, data any) error {
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return fmt.Errorf("drawing the report: %w", err)
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

type finding struct {
	Kind     judge.Kind
	Count    int
	Examples []string
}

// WriteHTML writes the report to a file as one page that loads nothing from anywhere.
func (r *Report) WriteHTML(path string) error {
	return draw(path, pageTemplate, r.pageData())
}

func (r *Report) pageData() map[string]any {
	var findings []finding
	for _, k := range judge.Kinds {
		findings = append(findings, finding{k, r.Verdict.Found[k], r.Verdict.Examples[k]})
	}
	return map[string]any{
		"Report": r, "Findings": findings, "Bars": codeBars(r.Crowd.Codes), "Rows": r.rows(), "Figures": r.figures(), "Settings": settings(r.Config),
		"LatencyChart": latencyChart(r.Crowd.Series),
		"RateChart": chart("/s", []curve{
			curveOf("answers", "c1", r.Crowd.Series, func(p load.Point) float64 { return p.Answers }),
			curveOf("granted", "c2", r.Crowd.Series, func(p load.Point) float64 { return p.Granted }),
		}),
	}
}

// codeBar is how often a code was the final answer.
type codeBar struct {
	Counted
	Percent float64
}

func codeBars(codes map[string]int) (bars []codeBar) {
	total := 0
	for _, n := range codes {
		total += n
	}
	for _, c := range ByCode(codes) {
		bars = append(bars, codeBar{c, 100 * float64(c.Count) / float64(total)})
	}
	return bars
}

func settings(config map[string]any) (all []figure) {
	for _, name := range slices.Sorted(maps.Keys(config)) {
		all = append(all, figure{name, fmt.Sprint(config[name])})
	}
	return all
}

func latencyChart(series []load.Point) template.HTML {
	return chart("ms", []curve{
		curveOf("max", "c3", series, func(p load.Point) float64 { return ifAny(p, p.Max) }),
		curveOf("p99", "c2", series, func(p load.Point) float64 { return ifAny(p, p.P99) }),
		curveOf("p50", "c1", series, func(p load.Point) float64 { return ifAny(p, p.P50) }),
	})
}

// ifAny leaves slices without an answer out of a latency curve: no answer is not a quick one.
func ifAny(p load.Point, ms float64) float64 {
	if p.Answers == 0 {
		return math.NaN()
	}
	return ms
}

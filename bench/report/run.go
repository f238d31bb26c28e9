package report

import (
	_ "embed"
	"fmt"
	"html/template"
)

//go:embed run.html
var runPage string

var runTemplate = pageOf(runPage)

// WriteHTML writes the trial to a file as one page that loads nothing from anywhere.
func (t *Trial) WriteHTML(path string) error {
	type row struct {
		Name, Median string
		Each         []string
	}
	var rows []row
	for _, f := range t.figures() {
		r := row{Name: f.Name, Median: fmt.Sprintf(f.Format, *f.Of(&t.Median))}
		for i := range t.Repeats {
			r.Each = append(r.Each, fmt.Sprintf(f.Format, *f.Of(&t.Repeats[i].Figures)))
		}
		rows = append(rows, r)
	}
	type repeat struct {
		Number        int
		Rate, Latency template.HTML
		Half          template.HTML // empty: not measured
		Codes         []codeBar
	}
	var repeats []repeat
	for i := range t.Repeats {
		m := &t.Repeats[i]
		r := repeat{Number: i + 1, Rate: m.rateChart(), Latency: latencyChart(m.Crowd.Series), Codes: codeBars(m.Crowd.Codes)}
		if m.HalfRate > 0 {
			r.Half = latencyChart(m.Half.Series)
		}
		repeats = append(repeats, r)
	}
	return draw(path, runTemplate, map[string]any{
		"T": t, "Rows": rows, "Repeats": repeats, "Bars": t.Bars(), "Parts": t.Parts(), "Settings": settings(t.Config),
	})
}

// rateChart is what was answered per second of load in each slice, and the no-op around it.
func (m *Measured) rateChart() template.HTML {
	length := 0.0
	if n := len(m.Rates); n > 0 {
		length = m.Seconds / float64(n)
	}
	answers, noops := curve{name: "answers", class: "c1"}, curve{name: "no-op", class: "c3"}
	for i, rate := range m.Rates {
		answers.x, answers.y = append(answers.x, (float64(i)+0.5)*length), append(answers.y, rate)
	}
	for i, rate := range m.Noops {
		noops.x, noops.y = append(noops.x, float64(i)*length), append(noops.y, rate)
	}
	return chart("/s", []curve{answers, noops})
}

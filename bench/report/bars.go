package report

import (
	"fmt"
	"io"
)

// Bar is what a figure of a workload is asked to reach. It is shown beside the figure and is no part of PASS: a slow
// machine makes nothing wrong.
type Bar struct {
	Workload string
	Figure   string // one of AllFigures
	AtMost   bool   // else at least
	Limit    float64
	Aim      float64
	when     func(m *Measured) bool // whether it was measured as the bar wants it; nil: always
}

// sustainedFor is the load, in seconds without a pause, for which the sustained ratio is asked.
const sustainedFor = 59

// bars are those of the workloads. Ratios are within one run; peers and growth have theirs in their own reports.
var bars = []Bar{
	{Workload: "spread", Figure: "ok/s over no-op", Limit: 0.55, Aim: 0.80},
	{Workload: "spread", Figure: "sustained over no-op", Limit: 0.40, Aim: 0.60, when: func(m *Measured) bool {
		return len(m.Rates) > 0 && m.Seconds/float64(len(m.Rates)) >= sustainedFor
	}},
	{Workload: "spread", Figure: "p99, ms", AtMost: true, Limit: 12, Aim: 6, when: func(m *Measured) bool {
		return m.Crowd.Arrived == 0 // at peak, which an offered rate is not
	}},
	{Workload: "spread", Figure: "p99 at half of peak, ms", AtMost: true, Limit: 8, Aim: 4, when: func(m *Measured) bool { return m.HalfRate > 0 }},
	{Workload: "hot", Figure: "answered/s over no-op", Limit: 0.75, Aim: 0.90},
	{Workload: "soldout", Figure: "answered/s over no-op", Limit: 0.85, Aim: 0.95},
}

// Reached is a bar and what was reached.
type Reached struct {
	Name  string
	Value string
	Asked string
	Aim   string
	Met   bool
}

// Bars are those that the trial's workload has, with medians.
func (t *Trial) Bars() []Reached {
	var all []Reached
	for _, b := range bars {
		if b.Workload != t.Workload || len(t.Repeats) == 0 || b.when != nil && !b.when(&t.Repeats[0]) {
			continue
		}
		for _, f := range AllFigures {
			if f.Name != b.Figure {
				continue
			}
			value, sign := *f.Of(&t.Median), ">="
			met := value >= b.Limit
			if b.AtMost {
				sign, met = "<=", value <= b.Limit && value > 0
			}
			all = append(all, Reached{
				Name: f.Name, Value: fmt.Sprintf(f.Format, value), Asked: fmt.Sprintf(sign+" %g", b.Limit), Aim: fmt.Sprintf("%g", b.Aim), Met: met,
			})
		}
	}
	return all
}

func (t *Trial) writeBars(w io.Writer) {
	for _, v := range t.Bars() {
		fmt.Fprintf(w, "bar: %-24s %10s   %-8s %s (aim %s)\n", v.Name, v.Value, v.Asked, map[bool]string{true: "met", false: "MISSED"}[v.Met], v.Aim)
	}
}

package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"ticketblue/bench/load"
)

// curve is one line of a chart over time. curveOf leaves out points whose y is NaN.
type curve struct {
	name, class string
	x, y        []float64
}

func curveOf(name, class string, series []load.Point, y func(load.Point) float64) curve {
	c := curve{name: name, class: class}
	for _, p := range series {
		if math.IsNaN(y(p)) {
			continue
		}
		c.x = append(c.x, p.Second)
		c.y = append(c.y, y(p))
	}
	return c
}

// Size of a chart and its margins, in SVG units.
const (
	chartWidth  = 720.0
	chartHeight = 240.0
	marginLeft  = 64.0
	marginRest  = 28.0
)

// chart draws curves over seconds as an inline SVG. Names and units are ours and need no escaping.
func chart(unit string, curves []curve) template.HTML {
	maxX, maxY := 0.0, 0.0
	for _, c := range curves {
		for i := range c.x {
			maxX, maxY = max(maxX, c.x[i]), max(maxY, c.y[i])
		}
	}
	stepX, stepY := niceStep(maxX), niceStep(maxY)
	topX, topY := max(maxX, stepX/1e3), math.Ceil(maxY/stepY)*stepY
	if topY == 0 {
		topY = stepY
	}
	px := func(x float64) float64 { return marginLeft + x/topX*(chartWidth-marginLeft-marginRest) }
	py := func(y float64) float64 { return chartHeight - marginRest - y/topY*(chartHeight-2*marginRest) }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img">`, chartWidth, chartHeight)
	for y := 0.0; y <= topY*1.0001; y += stepY {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, px(0), px(topX), py(y), py(y))
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="end">%g</text>`, px(0)-6, py(y)+4, round(y))
	}
	for x := 0.0; x <= topX*1.0001; x += stepX {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%g s</text>`, px(x), chartHeight-8, round(x))
	}
	for i, c := range curves {
		var points strings.Builder
		for j := range c.x {
			fmt.Fprintf(&points, "%.1f,%.1f ", px(c.x[j]), py(c.y[j]))
		}
		fmt.Fprintf(&b, `<polyline class="%s" points="%s"/>`, c.class, strings.TrimSpace(points.String()))
		fmt.Fprintf(&b, `<text class="%s" x="%.1f" y="16">%s %s</text>`, c.class, marginLeft+float64(i)*110, c.name, unit)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// niceStep is 1, 2 or 5 times a power of ten, so that a span has about five of them.
func niceStep(span float64) float64 {
	if span <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(span/5)))
	for _, f := range []float64{1, 2, 5} {
		if span/(f*power) <= 6 {
			return f * power
		}
	}
	return 10 * power
}

// round takes away the dust that adding steps leaves.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }

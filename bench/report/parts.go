package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Part is what one part of the server, or another process, needs of CPU: microseconds per yes (per answer where nothing
// is granted).
type Part struct {
	Name   string
	Median float64
	Share  float64 // of all parts, in percent
	Each   []float64
}

// Parts splits the CPU time per yes, the largest part first, Postgres and Redis at the end. The time of all processes is
// the system's own count; profiles only share the server's out. There are none without profiles.
func (t *Trial) Parts() []Part {
	names := map[string]bool{}
	for _, m := range t.Repeats {
		for name := range m.Sampled {
			names[name] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	var parts []Part
	for _, name := range slices.Sorted(maps.Keys(names)) {
		parts = append(parts, t.part(name, func(m *Measured) float64 {
			all := 0.0
			for _, seconds := range m.Sampled {
				all += seconds
			}
			return m.Figures.ServerCPU * m.Sampled[name] / all
		}))
	}
	slices.SortStableFunc(parts, func(a, b Part) int { return cmp.Compare(b.Median, a.Median) })
	parts = append(parts, t.part("Postgres", func(m *Measured) float64 { return m.Figures.PostgresCPU }))
	if redis := t.part("Redis", func(m *Measured) float64 { return m.Figures.RedisCPU }); redis.Median > 0 {
		parts = append(parts, redis)
	}
	sum := 0.0
	for _, p := range parts {
		sum += p.Median
	}
	for i := range parts {
		parts[i].Share = 100 * parts[i].Median / sum
	}
	return parts
}

func (t *Trial) part(name string, of func(*Measured) float64) Part {
	p := Part{Name: name}
	for i := range t.Repeats {
		if len(t.Repeats[i].Sampled) > 0 {
			p.Each = append(p.Each, of(&t.Repeats[i]))
		}
	}
	p.Median = Median(p.Each)
	return p
}

func (t *Trial) writeSplit(w io.Writer) {
	parts := t.Parts()
	if len(parts) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-24s %10s %6s   each repeat\n", "CPU, us", "median", "share")
	for _, p := range parts {
		fmt.Fprintf(w, "%-24s %10.1f %5.0f%%  ", p.Name, p.Median, p.Share)
		for _, us := range p.Each {
			fmt.Fprintf(w, " %.1f", us)
		}
		fmt.Fprintln(w)
	}
}

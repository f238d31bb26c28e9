package report

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"ticketblue/bench/load"
)

// How often progress is shown on a terminal and elsewhere.
const (
	redrawEvery = 500 * time.Millisecond
	lineEvery   = 5 * time.Second
)

// Progress shows how a run is doing, redrawn in place on a terminal, as a line now and then elsewhere.
type Progress struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex
	step  string
	since time.Time
	steps []Step
	view  func() View
	drawn int // lines on the terminal that the next drawing replaces
}

// View is what there is to see of a crowd.
type View struct {
	load.Now
	Attempts int // of the whole run
	Held     int // seats that customers were told are theirs
	Seats    int
}

// NewProgress shows progress on out.
func NewProgress(out io.Writer, terminal bool) *Progress {
	return &Progress{out: out, terminal: terminal}
}

// IsTerminal tells whether a file is a character device: a person may be watching.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Step ends the step before and starts another. view may be nil: then only the name is shown.
func (p *Progress) Step(name string, view func() View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	p.step, p.since, p.view = name, time.Now(), view
	if !p.terminal {
		fmt.Fprintln(p.out, name)
	}
}

// Done ends the last step, clears the terminal's view, and returns how long each step took.
func (p *Progress) Done() []Step {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	return p.steps
}

func (p *Progress) finish() {
	if p.step == "" {
		return
	}
	took := time.Since(p.since).Seconds()
	p.steps = append(p.steps, Step{p.step, took})
	if p.terminal {
		p.erase()
		fmt.Fprintf(p.out, "%-10s %6.1f s\n", p.step, took)
	}
	p.step = ""
}

// Run redraws until ctx ends.
func (p *Progress) Run(ctx context.Context) {
	every := lineEvery
	if p.terminal {
		every = redrawEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.draw()
		}
	}
}

func (p *Progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.step == "" {
		return
	}
	lines := []string{fmt.Sprintf("%-10s %6.1f s", p.step, time.Since(p.since).Seconds())}
	if p.view != nil {
		lines = append(lines, p.view().lines()...)
	}
	if !p.terminal {
		fmt.Fprintln(p.out, strings.Join(lines, " | "))
		return
	}
	p.erase()
	fmt.Fprintln(p.out, strings.Join(lines, "\n"))
	p.drawn = len(lines)
}

// erase moves up over what was drawn and clears it.
func (p *Progress) erase() {
	if p.drawn > 0 {
		fmt.Fprintf(p.out, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

func (v View) lines() []string {
	answered := 0
	for _, n := range v.Codes {
		answered += n
	}
	rate := 0.0
	if v.Since > 0 {
		rate = float64(answered) / v.Since.Seconds()
	}
	var codes []string
	for _, c := range ByCode(v.Codes) {
		codes = append(codes, fmt.Sprintf("%s %d", c.Code, c.Count))
	}
	return []string{
		fmt.Sprintf("arrived %d of %d, in flight %d, retried %d", v.Arrived, v.Attempts, v.InFlight, v.Retried),
		fmt.Sprintf("answered %d (%.0f/s), p50 %.1f ms, p99 %.1f ms", answered, rate, v.P50, v.P99),
		fmt.Sprintf("seats %s %d of %d", meterBar(v.Held, v.Seats), v.Held, v.Seats),
		strings.Join(codes, ", "),
	}
}

func meterBar(part, whole int) string {
	const width = 30
	full := 0
	if whole > 0 {
		full = min(width, part*width/whole)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

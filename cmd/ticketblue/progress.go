package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// redrawEvery is how often a bar changes.
const redrawEvery = 100 * time.Millisecond

// progress shows a bar while much is done, where a person watches. The zero progress shows nothing.
type progress struct {
	out     io.Writer
	shown   bool // out is a terminal
	what    string
	total   int
	done    int
	started time.Time
	drawn   time.Time
}

// newProgress begins to count towards total.
func newProgress(out *os.File, what string, total int) *progress {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &progress{out: out, shown: terminal, what: what, total: total, started: time.Now()}
}

// add counts more of what is done.
func (p *progress) add(n int) {
	p.done += n
	if p.shown && (time.Since(p.drawn) >= redrawEvery || p.done >= p.total) {
		p.drawn = time.Now()
		const width = 30
		full := min(width, p.done*width/max(p.total, 1))
		fmt.Fprintf(p.out, "\r%s %s%s %d of %d", p.what, strings.Repeat("█", full), strings.Repeat("░", width-full), p.done, p.total)
	}
}

// say shows a line where no bar is.
func (p *progress) say(line string) {
	if p.shown {
		fmt.Fprintln(p.out, line)
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// speed says how much was done how fast.
func (p *progress) speed() string {
	took := time.Since(p.started)
	return fmt.Sprintf("%d rows in %.1f s, %.0f a second", p.done, took.Seconds(), float64(p.done)/took.Seconds())
}

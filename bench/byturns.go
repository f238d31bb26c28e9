package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ticketblue/bench/report"
)

// Turns are the flags of commands that compare the spread workload with itself while something is wrong.
type Turns struct {
	Pairs int           `default:"20" help:"Slices without, and as many with what is wrong, by turns."`
	Slice time.Duration `default:"500ms" help:"Length of each."`

	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`

	rounds, seats, customers int // other than usual; tests are small
}

const turnsRounds = 400 // enough seats for all slices

// Validate checks the flags; kong calls it.
func (t *Turns) Validate() error {
	if t.Pairs < 2 || t.Pairs > 200 || t.Slice < 100*time.Millisecond {
		return errors.New("--pairs must be between 2 and 200, --slice at least 100ms")
	}
	return nil
}

// wrong is what is wrong in every other slice.
type wrong struct {
	name    string  // of such slices
	bound   float64 // PASS needs this ratio of answers per second in them to those in the others
	env     []string
	disturb func(target string) (end func() error, err error)
	always  func(target string, wrong bool) (end func() error, err error) // what goes on in all slices, wrong or not; optional
	settle  func() error                                                  // after every slice, before anything else is measured; optional
	check   func() error                                                  // after the last slice: what else must be so; optional
	ways    []string                                                      // in which it is wrong, by turns; optional
	pay     *payer                                                        // pays for reservations in all slices; optional
}

// run plays the workload and judges it: everything of run, and the ratio.
func (t *Turns) run(ctx context.Context, out io.Writer, progress *report.Progress, w wrong) bool {
	// The first slice belongs to neither: the program is still warming up.
	run := &Run{
		Workload: workloadSpread, Seconds: float64(2*t.Pairs+1) * t.Slice.Seconds(), Slice: t.Slice, Repeat: 1, Rounds: cmp.Or(t.rounds, turnsRounds),
		Seats: t.seats, Customers: t.customers,
		Connections: 128, Settle: 10 * time.Second, Timeout: 30 * time.Second, Seed: 1, Ticketblue: t.Ticketblue,
		env: w.env, pay: w.pay, disturb: w.turn,
	}
	if err := run.Validate(); err != nil {
		fmt.Fprintln(out, "FAIL ", err)
		return false
	}
	var without, with []float64
	ratio := 0.0
	pass := run.runJudged(ctx, out, progress, t.JSON, func(trial *report.Trial) {
		for i, rate := range trial.Repeats[0].Rates[min(1, len(trial.Repeats[0].Rates)):] {
			if i%2 == 0 {
				without = append(without, rate)
			} else {
				with = append(with, rate)
			}
		}
		if ratio = report.Median(with) / report.Median(without); !(ratio >= w.bound) { // also when there is none
			trial.Fail(fmt.Errorf("answers with %s over answers without: %.3f, want at least %.2f", w.name, ratio, w.bound))
		}
		if w.check == nil {
			return
		}
		if err := w.check(); err != nil {
			trial.Fail(err)
		}
	})
	fmt.Fprintf(out, "answered/s, medians: without %.0f, with %s %.0f, ratio %.3f\n", report.Median(without), w.name, report.Median(with), ratio)
	fmt.Fprintf(out, "  without %.0f\n  with    %.0f\n", without, with)
	for i, way := range w.ways {
		var rates []float64
		for n := i; n < len(with); n += len(w.ways) {
			rates = append(rates, with[n])
		}
		fmt.Fprintf(out, "  of these %s: %.0f, ratio %.3f\n", way, report.Median(rates), report.Median(rates)/report.Median(without))
	}
	return pass
}

// turn begins a slice, the first being 0, and returns what ends it.
func (w wrong) turn(target string, slice int) (func() error, error) {
	var ends []func() error
	isWrong := slice > 0 && slice%2 == 0
	if isWrong {
		end, err := w.disturb(target)
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	if w.always != nil {
		end, err := w.always(target, isWrong)
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	if w.settle != nil {
		ends = append(ends, w.settle)
	}
	return func() (err error) {
		for _, end := range ends {
			err = errors.Join(err, end())
		}
		return err
	}, nil
}

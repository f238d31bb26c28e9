package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ticketblue/bench/report"
)

// Run is the command's flags.
type Run struct {
	Workload string `enum:"spread,hot,soldout,map,mixed" default:"spread" help:"spread: many rounds, one order of ten for seats that are gone. hot: one round, ten orders for each that can be granted. soldout: one round without a seat left. map: seat maps by ETag and live viewers beside reservations. mixed: all of these."`

	Seconds     float64       `default:"6" help:"Load per repeat, in whole slices and without the no-op between. Less when the seats are gone earlier."`
	Slice       time.Duration `default:"1s" help:"Load and no-op alternate in slices of this length; after each slice of load the read tables and the relay may catch up."`
	Repeat      int           `default:"1" help:"Repeats, each with a new database; figures are medians."`
	Rounds      int           `default:"200" help:"Rounds of spread."`
	Seats       int           `help:"Seats per round. Default: 5000 for the rounds of spread, 50000 for the others."`
	Connections int           `default:"128" help:"Keep-alive connections, and so requests in flight, at most."`
	Customers   int           `placeholder:"N" help:"Customers. Default: 20000, or 4 for every 5 seats."`
	Viewers     int           `default:"200" help:"Live viewers of the hot round, in map and mixed."`
	Settle      time.Duration `default:"10s" help:"Time for the last delta to reach every viewer."`
	Noop        time.Duration `placeholder:"D" help:"How long each turn of the no-op is. Default: a slice."`
	Rate        float64       `placeholder:"N" help:"Offer that many requests per second whatever the answers do (open loop). Default: closed loop."`
	Timeout     time.Duration `default:"30s" help:"Time for one request."`
	Seed        uint64        `default:"1" help:"Seed of everything random."`

	HalfOfPeak bool `help:"Afterwards offer half of what was answered per second, as an open loop, for as long again: latency at half of peak."`
	Split      bool `help:"CPU per reservation by part of the server, from CPU profiles of all slices and of catching up."`

	Best bool `help:"Ask for as many of the best available seats instead of certain ones."`

	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	HTML       string `placeholder:"FILE" type:"path" help:"Write a page with charts; it needs nothing else."`
	Profile    string `placeholder:"FILE" type:"path" help:"Save a CPU profile of the server, of the first repeat's second slice and of catching up; implies --split."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The program to load, with flags if it has any: bin/ticketblue, or bin/peers --kind row-lock."`

	disturb func(target string, slice int) (end func() error, err error) // what is done to the program during a slice
	env     []string                                                     // more of it for the program
	pay     *payer                                                       // pays for some of what is granted, which costs nothing then
}

const (
	spreadSeats  = 5_000
	hotSeats     = 50_000
	minCustomers = 20_000
	runPerUser   = 20 // the most there is: customers' limits are not what is measured
	runWithin    = 14 * time.Minute
)

// Validate checks the flags and fills in what depends on others; kong calls it.
func (r *Run) Validate() error {
	switch {
	case r.Seconds <= 0, r.Seconds > 600, r.Slice < 100*time.Millisecond:
		return errors.New("--seconds must be above 0 and at most 600, --slice at least 100ms")
	case r.Repeat < 1, r.Rounds < 1, r.Connections < 1, r.Viewers < 0, r.Rate < 0, r.Timeout <= 0, r.Settle <= 0:
		return errors.New("--repeat, --rounds, --connections, --timeout and --settle must be above 0, --viewers and --rate not below")
	case r.Noop < 0, r.HalfOfPeak && r.Rate > 0:
		return errors.New("--noop must not be below 0, and --half-of-peak finds its rate itself: not with --rate")
	case r.Seats < 0 || r.Seats > 0 && r.Seats < 100:
		return errors.New("--seats must be at least 100")
	}
	if least := r.customers() * leastParty; least <= r.seats(hotSeats) {
		return fmt.Errorf("--customers must be above %d: every order has a buyer of its own", r.seats(hotSeats)/leastParty)
	}
	return nil
}

func (r *Run) seats(otherwise int) int {
	if r.Seats > 0 {
		return r.Seats
	}
	return otherwise
}

func (r *Run) customers() int {
	if r.Customers > 0 {
		return r.Customers
	}
	return max(minCustomers, r.seats(hotSeats)*4/5)
}

// run runs all repeats, writes the reports, and tells whether every one of them passed.
func (r *Run) run(ctx context.Context, out io.Writer, progress *report.Progress) bool {
	return r.runJudged(ctx, out, progress, r.JSON, func(*report.Trial) {})
}

// runJudged is run with one more judge.
func (r *Run) runJudged(ctx context.Context, out io.Writer, progress *report.Progress, file string, judge func(*report.Trial)) bool {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go progress.Run(ctx)
	trial := report.NewTrial(r.Workload, r.Ticketblue, r.config())
	for n := range r.Repeat {
		m, err := r.repeat(ctx, n, progress)
		trial.Add(m, err)
		if ctx.Err() != nil {
			break
		}
	}
	judge(trial)
	trial.Sum()
	if r.HTML != "" {
		if err := trial.WriteHTML(r.HTML); err != nil {
			trial.Fail(err)
		}
	}
	if file != "" {
		if err := report.WriteJSON(file, trial); err != nil {
			trial.Fail(err)
		}
	}
	trial.WriteText(out)
	return trial.Pass
}

func (r *Run) config() map[string]any {
	return map[string]any{
		"seconds": r.Seconds, "slice": r.Slice.String(), "noop": cmp.Or(r.Noop, r.Slice).String(), "repeat": r.Repeat, "rounds": r.Rounds, "seats": r.Seats,
		"connections": r.Connections, "customers": r.customers(), "viewers": r.Viewers, "rate": r.Rate, "best": r.Best, "seed": r.Seed,
	}
}

// repeat is one measurement on a server of its own with a new database.
func (r *Run) repeat(ctx context.Context, n int, progress *report.Progress) (m report.Measured, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runWithin, fmt.Errorf("the deadline of %v is over", runWithin))
	defer cancel()
	words := strings.Fields(r.Ticketblue)
	if len(words) == 0 {
		return m, errors.New("--ticketblue names no program")
	}
	b := binary{path: words[0], args: words[1:], env: r.env}
	err = b.onServer(ctx, "", &m.Kept, func(target string, b binary) error {
		return r.measure(ctx, n, target, b, progress, &m)
	})
	return m, err
}

package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"ticketblue/bench/report"
)

// Peers is the command's flags.
type Peers struct {
	Kinds     []string `default:"redis-lock,row-lock,optimistic,skip-locked,unique,redis-lua" help:"Kinds of bin/peers."`
	Workloads []string `enum:"spread,hot,soldout" default:"spread,hot,soldout" help:"Workloads, one after the other: ${enum}."`

	Repeat      int           `default:"2" help:"Rounds of measurements: each measures every kind and every workload once, each on a new database. Figures are medians."`
	Seconds     float64       `default:"2" help:"Load per measurement."`
	Slice       time.Duration `default:"1s" help:"As of run."`
	Connections int           `default:"128" help:"Keep-alive connections."`
	Rounds      int           `default:"200" help:"Rounds of spread."`
	Seats       int           `default:"2000" help:"Seats per round of spread; the one round of the others has 50000."`

	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	HTML       string `placeholder:"FILE" type:"path" help:"Write a page with charts."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
	Program    string `default:"bin/peers" placeholder:"PROGRAM" help:"The program that is the peers."`
}

// ours is the name of Ticket Blue in the table.
const ours = "ticketblue"

// Validate checks the flags; kong calls it.
func (p *Peers) Validate() error {
	for _, workload := range p.Workloads {
		r := p.trial(ours, workload)
		if err := r.Validate(); err != nil {
			return err
		}
	}
	if len(p.Kinds) == 0 {
		return errors.New("--kinds names none")
	}
	return nil
}

// trial is how one of them is measured.
func (p *Peers) trial(who, workload string) *Run {
	r := &Run{
		Workload: workload, Seconds: p.Seconds, Slice: p.Slice, Repeat: p.Repeat, Rounds: p.Rounds, Connections: p.Connections,
		Timeout: 30 * time.Second, Settle: time.Second, Seed: 1, Ticketblue: p.Ticketblue,
	}
	if workload == workloadSpread {
		r.Seats = p.Seats
	}
	if who != ours {
		r.Ticketblue = p.Program + " --kind " + who
		r.Best = who == "skip-locked"
	}
	return r
}

// run measures all of them by turns, so that what happens to the machine happens to all, and tells whether every one of
// them was honest.
func (p *Peers) run(ctx context.Context, out io.Writer, progress *report.Progress) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go progress.Run(ctx)
	names := append([]string{ours}, p.Kinds...)
	c := report.NewComparison(names[0], map[string]any{
		"repeat": p.Repeat, "seconds": p.Seconds, "slice": p.Slice.String(), "connections": p.Connections, "rounds": p.Rounds, "seats": p.Seats,
	})
	for _, workload := range p.Workloads {
		trials := make([]*report.Trial, len(names))
		for i, who := range names {
			r := p.trial(who, workload)
			trials[i] = report.NewTrial(workload, r.Ticketblue, r.config())
		}
		for n := range p.Repeat {
			order := slices.Concat(names[n%len(names):], names[:n%len(names)]) // nobody is always the first
			for _, who := range order {
				if ctx.Err() != nil {
					break
				}
				progress.Step(workload+" "+who, nil)
				m, err := p.trial(who, workload).repeat(ctx, n, progress)
				trials[slices.Index(names, who)].Add(m, err)
			}
		}
		for i, who := range names {
			trials[i].Sum()
			c.Add(workload, who, trials[i])
		}
	}
	c.WriteText(out)
	for _, file := range []struct {
		path  string
		write func(string) error
	}{{p.HTML, c.WriteHTML}, {p.JSON, func(path string) error { return report.WriteJSON(path, c) }}} {
		if file.path == "" {
			continue
		}
		if err := file.write(file.path); err != nil {
			c.Pass = false
			_, _ = io.WriteString(out, "FAIL  the report could not be written: "+err.Error()+"\n")
		}
	}
	return c.Pass && ctx.Err() == nil
}

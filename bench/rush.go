package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/judge"
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// Rush is the command's flags.
type Rush struct {
	Target string `placeholder:"URL" help:"Address of a running server, such as http://127.0.0.1:8080; needs --data. Default: start one, and stop it afterwards."`
	Data   string `placeholder:"DIR" type:"path" help:"The server's data directory (for admin create, seed and verify). Default: a temporary one, removed after a PASS and kept after a FAIL."`

	Seats     int           `default:"20007" help:"Seats of the hall."`
	Attempts  int           `default:"200000" help:"Attempts of the crowd, each for 1 to 4 neighbouring seats with a key of its own. Every seat is wanted about attempts*2.5/seats times."`
	Customers int           `placeholder:"N" help:"Customers who make the attempts, in turns. Default: a quarter of the attempts, and enough to buy all seats."`
	Arrivals  load.Arrivals `enum:"spike,steady" default:"spike" help:"spike: everybody at once. steady: a Poisson process. Both are open loops: an attempt's time does not depend on answers."`
	Rate      float64       `placeholder:"N" help:"Attempts offered per second. Default: 100000 for spike, 2000 for steady."`
	Looks     float64       `default:"0.05" help:"Share of the customers (0 to 1) who look at the seat map before their first attempt. Reported apart."`

	Connections int           `default:"128" help:"Keep-alive connections, and so requests in flight, at most."`
	Timeout     time.Duration `default:"10s" help:"Time for one request; after it the answer counts as lost and the same key is sent again."`
	Deadline    time.Duration `default:"10m" help:"Time for the whole run, at most 14m (access tokens live 15). Attempts that cannot start in half of it are dropped and reported."`
	Noop        time.Duration `default:"3s" help:"How long to measure POST /bench/noop before and after the rush, for the ratio. 0: not at all. A server of your own has it with serve --bench."`
	Seed        uint64        `default:"1" help:"Seed of everything random: same seed, same attempts at the same times."`

	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	HTML       string `placeholder:"FILE" type:"path" help:"Write a page with charts; it needs nothing else."`
	Acks       string `placeholder:"FILE" type:"path" help:"Append each yes to this file, one JSON object per line, and fsync it before it is counted."`
	Profile    string `placeholder:"FILE" type:"path" help:"Save a CPU profile of the server, taken while the crowd is in."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
	NoTUI      bool   `name:"no-tui" help:"Progress as a line every 5 s even on a terminal."`
}

const (
	maxDeadline = 14 * time.Minute
	crowdShare  = 2 // the crowd gets the deadline over this; the rest is for asking again, sweeping and judging
	spikeRate   = 100_000
	steadyRate  = 2_000
)

// Validate checks the flags and fills in what depends on others; kong calls it.
func (r *Rush) Validate() error {
	if r.Customers == 0 {
		r.Customers = max(r.Attempts/4, 2*r.Seats/maxPerUser, 1)
	}
	if r.Rate == 0 {
		r.Rate = spikeRate
		if r.Arrivals == load.Steady {
			r.Rate = steadyRate
		}
	}
	switch {
	case r.Target != "" && r.Data == "":
		return errors.New("--target needs --data, the data directory of that server")
	case r.Seats < 1, r.Attempts < 1, r.Customers < 1, r.Connections < 1:
		return errors.New("--seats, --attempts, --customers and --connections must be at least 1")
	case r.Customers*maxPerUser < r.Seats:
		return fmt.Errorf("--customers must be at least %d: each may buy %d seats", (r.Seats+maxPerUser-1)/maxPerUser, maxPerUser)
	case r.Rate <= 0, r.Looks < 0, r.Looks > 1:
		return errors.New("--rate must be above 0 and --looks between 0 and 1")
	case r.Deadline <= 0, r.Deadline > maxDeadline, r.Timeout <= 0, r.Noop < 0:
		return fmt.Errorf("--deadline must be at most %v and --timeout above 0", maxDeadline)
	}
	return nil
}

// run runs the whole rush, writes the reports, and tells whether it passed.
func (r *Rush) run(ctx context.Context, out io.Writer, progress *report.Progress) bool {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Deadline, fmt.Errorf("the deadline of %v is over", r.Deadline))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go progress.Run(ctx)

	rep := &report.Report{Started: time.Now(), Machine: report.ThisMachine()}
	err := binary{path: r.Ticketblue, data: r.Data}.onServer(ctx, r.Target, &rep.Kept, func(target string, b binary) error { return r.rush(ctx, stop, target, b, progress, rep) })
	rep.Steps, rep.Config = progress.Done(), r.config()
	if err != nil {
		// Nothing was judged, or something could not be cleaned up: neither is a PASS.
		rep.Pass, rep.Line = false, fmt.Sprintf("FAIL  the run did not finish: %v", err)
	}
	// JSON last: it tells of a page that could not be written.
	for _, file := range []struct {
		path  string
		write func(string) error
	}{{r.HTML, rep.WriteHTML}, {r.JSON, rep.WriteJSON}} {
		if file.path == "" {
			continue
		}
		if err := file.write(file.path); err != nil {
			rep.Pass, rep.Line = false, fmt.Sprintf("FAIL  the report could not be written: %v (%s)", err, rep.Line)
		}
	}
	rep.WriteText(out)
	return rep.Pass
}

func (r *Rush) config() map[string]any {
	return map[string]any{
		"target": r.Target, "seats": r.Seats, "attempts": r.Attempts, "customers": r.Customers, "arrivals": r.Arrivals,
		"rate": r.Rate, "looks": r.Looks, "connections": r.Connections, "timeout": r.Timeout.String(),
		"deadline": r.Deadline.String(), "noop": r.Noop.String(), "seed": r.Seed,
	}
}

// rush is the run on a server that is ready.
func (r *Rush) rush(ctx context.Context, stop context.CancelCauseFunc, target string, b binary, progress *report.Progress, rep *report.Report) (err error) {
	c, err := client.New(target, r.Connections, r.Timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	acks, err := newAckLog(r.Acks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, acks.close()) }()
	rng := rand.New(rand.NewPCG(r.Seed, 0))

	progress.Step("prepare", nil)
	s, err := r.prepare(ctx, c, b, acks)
	if err != nil {
		return err
	}
	s.stop, s.data = stop, b.data
	wishes, err := load.Wishes(r.Attempts, s.joins, r.Customers, r.Looks, rng)
	if err != nil {
		return err
	}
	progress.Step("no-op", nil)
	if r.Noop > 0 {
		s.warmUp(ctx, r.Connections, wishes)
	}
	if rep.Noop.Before, err = s.noop(ctx, r.Connections, r.Noop, wishes); err != nil {
		return err
	}
	unanswered, err := r.sell(ctx, s, wishes, rng, progress, rep)
	if err != nil {
		return err
	}
	progress.Step("no-op", nil)
	if rep.Noop.After, err = s.noop(ctx, r.Connections, r.Noop, wishes); err != nil {
		return err
	}
	if noop := (rep.Noop.Before + rep.Noop.After) / 2; noop > 0 {
		rep.Noop.Ratio = rep.Crowd.SteadyPer / noop
	}
	progress.Step("judge", nil)
	return r.judge(ctx, s, b, unanswered, rep)
}

// prepare makes the admin, the customers, the hall, the performance and the open round.
func (r *Rush) prepare(ctx context.Context, c *client.Client, b binary, acks *ackLog) (*sale, error) {
	run := "rush-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	email := run + "@bench.example"
	password, err := b.admin(ctx, email)
	if err != nil {
		return nil, err
	}
	admin, err := logIn(ctx, c, email, password)
	if err != nil {
		return nil, err
	}
	tokens, err := b.customers(ctx, r.Customers)
	if err != nil {
		return nil, err
	}
	st, err := setStage(ctx, c, admin, r.Seats)
	if err != nil {
		return nil, err
	}
	return newSale(st, c, tokens, run, acks)
}

// sell lets the crowd in, asks again for every answer that was lost, and sells what is left. It returns the keys
// that never got a final answer.
func (r *Rush) sell(ctx context.Context, s *sale, wishes []load.Wish, rng *rand.Rand, progress *report.Progress, rep *report.Report) ([]string, error) {
	crowd := &load.Crowd{
		Workers: r.Connections, Offsets: load.Schedule(r.Arrivals, r.Attempts, r.Rate, rng),
		Retry: load.DefaultRetry, Seed: r.Seed, Asked: load.NewMeter(), Looked: load.NewMeter(),
		Looks: func(i int) bool { return wishes[i].Look },
		Look:  func(int) load.Outcome { return s.look() },
		Ask: func(i int) load.Outcome {
			return s.reserve(wishes[i].Customer, wishes[i].Block, s.key("crowd", i))
		},
	}
	view := func() report.View {
		return report.View{Now: crowd.Asked.Now(), Attempts: r.Attempts, Held: s.acks.seatsHeld(), Seats: r.Seats}
	}
	progress.Step("crowd", view)
	crowdCtx, cancel := context.WithTimeout(ctx, r.Deadline/crowdShare)
	defer cancel()
	finishProfile, err := profileInto(ctx, r.Profile, s.data)
	if err != nil {
		return nil, err
	}
	cpu := cpuSeconds()
	went := crowd.Run(crowdCtx)
	rep.OwnCPU = cpuSeconds() - cpu
	rep.Crowd, rep.Maps, rep.Late, rep.Dropped = crowd.Asked.Summary(), crowd.Looked.Summary(), went.Late, went.Dropped
	if err := finishProfile(); err != nil {
		return nil, err
	}
	progress.Step("sweep", view)
	rep.Resolved = len(went.GaveUp)
	var unanswered []string
	for _, i := range load.Insist(ctx, r.Connections, len(went.GaveUp), load.DefaultRetry, func(i int) load.Outcome {
		return crowd.Ask(went.GaveUp[i])
	}) {
		unanswered = append(unanswered, s.key("crowd", went.GaveUp[i]))
	}
	left, err := s.sweep(ctx, r.Connections, rng)
	rep.Sweep = report.Sweep{Passes: left.passes, Asked: left.asked, Granted: left.granted}
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause
	}
	return append(unanswered, left.unanswered...), err
}

// judge gathers the evidence and puts the verdict into the report.
func (r *Rush) judge(ctx context.Context, s *sale, b binary, unanswered []string, rep *report.Report) error {
	api, err := s.evidence(ctx, r.Connections)
	if err != nil {
		return err
	}
	audit, err := b.verify(ctx, s.round)
	if err != nil {
		return err
	}
	rep.Verdict = judge.Judge(judge.Case{
		MaxPerUser: maxPerUser, WantFull: true, Acks: s.acks.all(), Unanswered: unanswered,
		Unexpected: s.surprises(), API: api, Audit: audit,
	})
	rep.Pass, rep.Line = rep.Verdict.Pass(), rep.Verdict.Line()
	if !rep.Pass {
		return errFailed
	}
	return nil
}

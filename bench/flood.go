package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// Flood is the command's flags.
type Flood struct {
	Turns  `embed:""`
	Logins float64 `default:"200" help:"Log-ins per second in every other slice, each to another account and with a wrong password."`
	Bound  float64 `default:"0.9" help:"PASS needs at least this ratio of answers per second, beside the flood over without it."`
}

// floodConnections are enough for all log-ins that wait at the same time.
const floodConnections = 1024

// Validate checks the flags; kong calls it.
func (f *Flood) Validate() error {
	if f.Logins <= 0 || f.Logins > 10_000 || f.Bound <= 0 {
		return errors.New("--logins must be above 0 and at most 10000, --bound above 0")
	}
	return f.Turns.Validate()
}

// run plays the spread workload. A log-in of a slice that is over is waited for before the next one begins.
func (f *Flood) run(ctx context.Context, out io.Writer, progress *report.Progress) bool {
	answers := load.NewMeter()
	late := 0
	var number atomic.Int64
	pass := f.Turns.run(ctx, out, progress, wrong{name: "the flood", bound: f.Bound, disturb: func(target string) (func() error, error) {
		c, err := client.New(target, floodConnections, 30*time.Second)
		if err != nil {
			return nil, err
		}
		crowd := &load.Crowd{
			Workers: floodConnections, Retry: load.Retry{Tries: 1}, Asked: answers, Looked: load.NewMeter(),
			Offsets: load.Schedule(load.Steady, int(f.Logins*f.Slice.Seconds()), f.Logins, rand.New(rand.NewPCG(1, uint64(number.Load())))),
			Ask:     func(int) load.Outcome { return tryLogin(c, number.Add(1)) },
		}
		done := make(chan load.Report, 1)
		go func() { done <- crowd.Run(ctx) }()
		return func() error {
			late += (<-done).Late
			c.Close()
			return nil
		}, nil
	}})
	sum := answers.Summary()
	fmt.Fprintf(out, "log-ins: %v, ms p50 %.0f p99 %.0f, %d sent late\n", sum.Codes, sum.Latency.P50, sum.Latency.P99, late)
	if sum.Codes["credentials_invalid"] == 0 || sum.Codes[load.Granted] > 0 {
		fmt.Fprintln(out, "FAIL  the flood was not answered as log-ins with wrong passwords are")
		return false
	}
	return pass
}

// tryLogin is one log-in with a wrong password. An account that does not exist costs the server what one costs that does.
func tryLogin(c *client.Client, number int64) load.Outcome {
	body := []byte(`{"email":"flood-` + strconv.FormatInt(number, 10) + `@bench.example","password":"wrong-password-1"}`)
	answer, err := c.Do(client.Request{Method: "POST", Path: "/v1/auth/login", Body: body})
	switch {
	case err != nil:
		return load.Outcome{Code: "connection"}
	case answer.Status < 300:
		return load.Outcome{}
	}
	return load.Outcome{Code: answer.QuickCode()}
}

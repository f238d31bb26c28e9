package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"strings"
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

	Honest      float64 `default:"3" help:"Log-ins per second in all slices with the right password, from browsers that have logged in before: what a flood adds is all that differs."`
	HonestBound float64 `default:"0.9" help:"PASS needs at least this share of those beside the flood to get in."`
}

// floodConnections are enough for all log-ins that wait at the same time.
const floodConnections = 1024

// honestAccounts log in beside the flood, by turns.
const honestAccounts = 8

// Validate checks the flags; kong calls it.
func (f *Flood) Validate() error {
	if f.Logins <= 0 || f.Logins > 10_000 || f.Honest <= 0 || f.Honest > 100 || f.Bound <= 0 {
		return errors.New("--logins must be above 0 and at most 10000, --honest at most 100, --bound above 0")
	}
	return f.Turns.Validate()
}

// run plays the spread workload. A log-in of a slice that is over is waited for before the next one begins.
func (f *Flood) run(ctx context.Context, out io.Writer, progress *report.Progress) bool {
	r := &flooding{Flood: f, wrong: load.NewMeter(), right: load.NewMeter(), calm: load.NewMeter()}
	pass := f.Turns.run(ctx, out, progress, wrong{
		name: "the flood", bound: f.Bound, check: r.check,
		disturb: func(target string) (func() error, error) { return r.flood(ctx, target) },
		always:  func(target string, flooded bool) (func() error, error) { return r.honest(ctx, target, flooded) },
	})
	sum := r.wrong.Summary()
	fmt.Fprintf(out, "log-ins of the flood: %v, ms p50 %.0f p99 %.0f, %d sent late\n", sum.Codes, sum.Latency.P50, sum.Latency.P99, r.late)
	for name, meter := range map[string]*load.Meter{"beside the flood": r.right, "without it": r.calm} {
		sum := meter.Summary()
		fmt.Fprintf(out, "known browsers' log-ins %s: %v, ms p50 %.0f p99 %.0f\n", name, sum.Codes, sum.Latency.P50, sum.Latency.P99)
	}
	return pass
}

// flooding is what has been tried so far.
type flooding struct {
	*Flood
	wrong, right, calm *load.Meter // calm: those who are right while there is no flood
	number             atomic.Int64
	late               int
	browsers           []*browser // made before the first slice
}

// flood begins one. What is under way at the end of a slice is waited for before the next one begins.
func (r *flooding) flood(ctx context.Context, target string) (end func() error, err error) {
	c, err := client.New(target, floodConnections, 30*time.Second)
	if err != nil {
		return nil, err
	}
	flood := r.crowd(ctx, r.Logins, r.wrong, func(int) load.Outcome { return tryLogin(c, r.number.Add(1)) })
	return func() error {
		r.late += (<-flood).Late
		c.Close()
		return nil
	}, nil
}

// honest begins the log-ins of people who know their passwords.
func (r *flooding) honest(ctx context.Context, target string, flooded bool) (end func() error, err error) {
	if r.browsers == nil {
		if r.browsers, err = newBrowsers(target, honestAccounts); err != nil {
			return nil, err
		}
	}
	meter := r.calm
	if flooded {
		meter = r.right
	}
	honest := r.crowd(ctx, r.Honest, meter, func(int) load.Outcome {
		return r.browsers[int(r.number.Add(1))%len(r.browsers)].logIn(target)
	})
	return func() error {
		<-honest
		return nil
	}, nil
}

func (r *flooding) crowd(ctx context.Context, rate float64, meter *load.Meter, ask func(i int) load.Outcome) chan load.Report {
	crowd := &load.Crowd{
		Workers: floodConnections, Retry: load.Retry{Tries: 1}, Asked: meter, Looked: load.NewMeter(), Ask: ask,
		Offsets: load.Schedule(load.Steady, int(rate*r.Slice.Seconds()), rate, rand.New(rand.NewPCG(1, uint64(r.number.Load())))),
	}
	done := make(chan load.Report, 1)
	go func() { done <- crowd.Run(ctx) }()
	return done
}

// check wants the flood refused for being wrong, and those who are known let in.
func (r *flooding) check() error {
	wrong, right := r.wrong.Summary().Codes, r.right.Summary().Codes
	if wrong["credentials_invalid"] == 0 || wrong[load.Granted] > 0 {
		return errors.New("the flood was not answered as log-ins with wrong passwords are")
	}
	all := 0
	for _, n := range right {
		all += n
	}
	if in := float64(right[load.Granted]) / float64(max(all, 1)); in < r.HonestBound {
		return fmt.Errorf("%.0f%% of the log-ins from known browsers got in, want at least %.0f%%", 100*in, 100*r.HonestBound)
	}
	return nil
}

// browser has logged in to its account before.
type browser struct {
	http *http.Client
	body string
}

func newBrowsers(target string, n int) ([]*browser, error) {
	all := make([]*browser, n)
	for i := range all {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		credentials := fmt.Sprintf(`"email":"honest-%d@bench.example","password":"blue-ticket-7"`, i)
		all[i] = &browser{&http.Client{Jar: jar, Timeout: 30 * time.Second}, "{" + credentials + "}"}
		if a := all[i].post(target+"/v1/auth/signup", "{"+credentials+`,"name":"Kim"}`); a.Code != load.Granted {
			return nil, fmt.Errorf("signing up for the flood: %s", a.Code)
		}
		if a := all[i].logIn(target); a.Code != load.Granted {
			return nil, fmt.Errorf("logging in before the flood: %s", a.Code)
		}
	}
	return all, nil
}

func (b *browser) logIn(target string) load.Outcome { return b.post(target+"/v1/auth/login", b.body) }

func (b *browser) post(url, body string) load.Outcome {
	resp, err := b.http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return load.Outcome{Code: "connection"}
	}
	defer resp.Body.Close()
	if resp.StatusCode < 300 {
		return load.Outcome{Code: load.Granted}
	}
	return load.Outcome{Code: "status " + strconv.Itoa(resp.StatusCode)}
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// Reads is the command's flags.
type Reads struct {
	Seats       int           `default:"50000" help:"Seats of the round; half of them, here and there, are held."`
	Slice       time.Duration `default:"2s" help:"How long one kind of request is sent, in a closed loop, before it is the next one's turn."`
	Repeat      int           `default:"3" help:"Turns of each kind; figures are medians."`
	Connections int           `default:"128" help:"Keep-alive connections, and so requests in flight."`
	JSON        string        `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Ticketblue  string        `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
}

// reading is one kind of request and what came of it.
type reading struct {
	Name   string    `json:"name"`
	Bytes  int       `json:"bytes"` // of the body
	Runs   []float64 `json:"requests_per_second"`
	CPU    []float64 `json:"server_us"` // per request
	Per    float64   `json:"median_per_second"`
	Micros float64   `json:"median_server_us"`
	Ratio  float64   `json:"ratio_to_noop"`

	P50  float64 `json:"p50_ms"` // of all its turns
	P99  float64 `json:"p99_ms"`
	Mean float64 `json:"mean_ms"`

	request client.Request
	paths   []string // of it by turns, when set
	status  int
	times   *load.Meter
}

func (k *reading) ask(i int) client.Request {
	r := k.request
	if len(k.paths) > 0 {
		r.Path = k.paths[i%len(k.paths)]
	}
	return r
}

// run measures, writes the report, and tells whether every answer was what it should be.
func (r *Reads) run(ctx context.Context, out io.Writer) bool {
	var kinds []*reading
	var kept string
	err := binary{path: r.Ticketblue}.onServer(ctx, "", &kept, func(target string, b binary) (err error) {
		kinds, err = r.measure(ctx, target, b)
		return err
	})
	if err == nil && r.JSON != "" {
		err = report.WriteJSON(r.JSON, kinds)
	}
	if err != nil {
		fmt.Fprintln(out, "FAIL  the run did not finish:", err, kept)
		return false
	}
	fmt.Fprint(out, "PASS  every answer was the one asked for\n\n")
	writeReadings(out, kinds)
	return true
}

func writeReadings(out io.Writer, kinds []*reading) {
	fmt.Fprintf(out, "%-16s %8s %9s %10s %8s %8s %8s %8s   %s\n", "", "bytes", "a second", "server us", "÷ no-op", "mean ms", "p50", "p99", "all runs")
	for _, k := range kinds {
		fmt.Fprintf(out, "%-16s %8d %9.0f %10.1f %8.2f %8.2f %8.2f %8.2f   %.0f\n", k.Name, k.Bytes, k.Per, k.Micros, k.Ratio, k.Mean, k.P50, k.P99, k.Runs)
	}
}

func (r *Reads) measure(ctx context.Context, target string, b binary) ([]*reading, error) {
	c, err := client.New(target, r.Connections, dialWithin)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	server, err := readServerFile(b.data)
	if err != nil {
		return nil, err
	}
	s, err := r.prepare(ctx, c, b)
	if err != nil {
		return nil, err
	}
	kinds, err := r.kinds(s)
	if err != nil {
		return nil, err
	}
	return kinds, r.alternate(ctx, c, kinds, server.PID)
}

// alternate gives each kind its turns.
func (r *Reads) alternate(ctx context.Context, c *client.Client, kinds []*reading, server int) error {
	for _, k := range kinds {
		k.times = load.NewMeter()
	}
	for range r.Repeat {
		for _, k := range kinds {
			if err := r.turn(ctx, c, k, server); err != nil {
				return err
			}
		}
	}
	for _, k := range kinds {
		k.Per, k.Micros = report.Median(k.Runs), report.Median(k.CPU)
		k.Ratio = k.Per / kinds[0].Per
		times := k.times.Summary().Service
		k.Mean, k.P50, k.P99 = times.Mean, times.P50, times.P99
	}
	return nil
}

// prepare makes a round of which every other pair of seats is held.
func (r *Reads) prepare(ctx context.Context, c *client.Client, b binary) (*sale, error) {
	g := &Growth{Connections: r.Connections}
	sales, err := g.prepare(ctx, c, b, &grown{Rounds: 1, Seats: r.Seats})
	if err != nil {
		return nil, err
	}
	s := sales[0]
	pairs := rand.New(rand.NewPCG(1, 0)).Perm(r.Seats / 2)[:r.Seats/4]
	var refused atomic.Int64
	load.Each(ctx, r.Connections, len(pairs), func(i int) {
		answer, err := c.Do(client.Request{
			Method: "POST", Path: s.hot, Token: s.tokens[i%len(s.tokens)], Key: s.key("fill", i), Body: s.body(load.Block{First: 2 * pairs[i], Count: 2}),
		})
		if err != nil || answer.Status != 201 {
			refused.Add(1)
		}
	})
	if n := refused.Load(); n > 0 {
		return nil, fmt.Errorf("%d of %d reservations were not granted", n, len(pairs))
	}
	return s, nil
}

// kinds are the no-op, which must be first, and the reads. One request of each is sent.
func (r *Reads) kinds(s *sale) ([]*reading, error) {
	status, err := s.status(s.client)
	if err != nil {
		return nil, err
	}
	seats, plan := s.path()+"/seats", "/v1/plans/"+status.Plan
	first, err := s.client.Do(client.Request{Method: "GET", Path: seats})
	if err != nil {
		return nil, err
	}
	kinds := []*reading{
		{Name: "no-op", status: 201, request: client.Request{Method: "POST", Path: "/bench/noop", Token: s.tokens[0], Key: s.key("noop", 0), Body: s.body(load.Block{Count: 2})}},
		{Name: "seats, 304", status: 304, request: client.Request{Method: "GET", Path: seats, ETag: first.ETag}},
		{Name: "seats, gzip", status: 200, request: client.Request{Method: "GET", Path: seats, Gzip: true}},
		{Name: "seats, identity", status: 200, request: client.Request{Method: "GET", Path: seats}},
		{Name: "plan, gzip", status: 200, request: client.Request{Method: "GET", Path: plan, Gzip: true}},
	}
	for _, k := range kinds {
		answer, err := s.client.Do(k.request)
		if err != nil || answer.Status != k.status {
			return nil, errors.Join(fmt.Errorf("%s: status %d, want %d: %.200s", k.Name, answer.Status, k.status, answer.Body), err)
		}
		k.Bytes = len(answer.Body)
	}
	return kinds, nil
}

// turn sends one kind of request for a while.
func (r *Reads) turn(ctx context.Context, c *client.Client, k *reading, server int) error {
	ctx, cancel := context.WithTimeout(ctx, r.Slice)
	defer cancel()
	var wrong, right atomic.Int64
	before, began := usageOf(server), time.Now()
	load.Each(ctx, r.Connections, maxNoops, func(i int) {
		sent := time.Since(began)
		answer, err := c.Do(k.ask(i))
		k.times.Answer(load.Sample{Intended: sent, Begin: sent, End: time.Since(began)})
		if err != nil || answer.Status != k.status {
			wrong.Add(1)
			return
		}
		right.Add(1)
	})
	took, used := time.Since(began), usageOf(server).since(before)
	if wrong.Load() > 0 || right.Load() == 0 {
		return fmt.Errorf("%s: %d answers were wrong, %d right", k.Name, wrong.Load(), right.Load())
	}
	k.Runs = append(k.Runs, float64(right.Load())/took.Seconds())
	k.CPU = append(k.CPU, used.Server*1e6/float64(right.Load()))
	return nil
}

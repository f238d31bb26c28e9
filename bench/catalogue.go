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
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// Catalogue is the command's flags.
type Catalogue struct {
	Slice       time.Duration `default:"2s" help:"How long one kind of request is sent, in a closed loop, before it is the next one's turn."`
	Repeat      int           `default:"3" help:"Turns of each kind; figures are medians."`
	Connections int           `default:"64" help:"Keep-alive connections, and so requests in flight."`
	Requests    int           `default:"10000" help:"Requests for the list of performances, in an open loop."`
	Over        time.Duration `default:"30s" help:"The time over which they come."`
	Data        string        `placeholder:"DIR" type:"path" help:"A data directory whose catalogue is there already, with at least 100 performances that have performers. Without it a new one gets a catalogue by 'ticketblue seed --size catalogue'."`
	JSON        string        `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Ticketblue  string        `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
}

// catalogued is the report.
type catalogued struct {
	Kinds []*reading   `json:"kinds"`
	List  load.Summary `json:"list"`
	Late  int          `json:"late"` // requests of the list that began late, by the generator's fault
}

// shown is how many performances are asked about, by turns: the first page of the list.
const shown = 100

// run measures, writes the report, and tells whether every answer was what it should be.
func (r *Catalogue) run(ctx context.Context, out io.Writer) bool {
	var found catalogued
	var kept string
	err := binary{path: r.Ticketblue, data: r.Data}.onServer(ctx, "", &kept, func(target string, b binary) error {
		return r.measure(ctx, target, b, &found)
	})
	if err == nil && r.JSON != "" {
		err = report.WriteJSON(r.JSON, found)
	}
	if err != nil {
		fmt.Fprintln(out, "FAIL  the run did not finish:", err, kept)
		return false
	}
	fmt.Fprint(out, "PASS  every answer was the one asked for\n\n")
	writeReadings(out, found.Kinds)
	l := found.List.Latency
	fmt.Fprintf(out, "\nlist, %d in %v: average %.2f ms, p50 %.2f, p99 %.2f, max %.2f; answers %v, %d began late\n",
		r.Requests, r.Over, l.Mean, l.P50, l.P99, l.Max, found.List.Codes, found.Late)
	return true
}

func (r *Catalogue) measure(ctx context.Context, target string, b binary, found *catalogued) error {
	c, err := client.New(target, r.Connections, dialWithin)
	if err != nil {
		return err
	}
	defer c.Close()
	server, err := readServerFile(b.data)
	if err != nil {
		return err
	}
	if r.Data == "" {
		if _, err := b.run(ctx, "seed", "--size", "catalogue"); err != nil {
			return err
		}
	}
	tokens, err := b.customers(ctx, 1)
	if err != nil {
		return err
	}
	if found.Kinds, err = r.kinds(c, tokens[0]); err != nil {
		return err
	}
	turns := &Reads{Slice: r.Slice, Repeat: r.Repeat, Connections: r.Connections}
	if err := turns.alternate(ctx, c, found.Kinds, server.PID); err != nil {
		return err
	}
	found.List, found.Late, err = r.list(ctx, c)
	return err
}

// kinds are the no-op, which must be first, and the six reads that the catalogue keeps answers of.
func (r *Catalogue) kinds(c *client.Client, token string) ([]*reading, error) {
	type item struct {
		ID   int64
		Hall struct{ ID int64 }
	}
	var first struct{ Items []item }
	if err := c.Call(client.Request{Method: "GET", Path: "/v1/performances?limit=" + strconv.Itoa(shown)}, nil, 200, &first); err != nil {
		return nil, err
	}
	kinds := []*reading{
		{Name: "no-op", status: 201, request: client.Request{Method: "POST", Path: "/bench/noop", Token: token, Key: "noop", Body: []byte(`{"seats":["A-1-1","A-1-2"]}`)}},
		{Name: "hall"}, {Name: "performance"}, {Name: "its rounds"}, {Name: "its reviews"}, {Name: "its performers"}, {Name: "performer"},
	}
	for _, p := range first.Items {
		of := "/v1/performances/" + strconv.FormatInt(p.ID, 10)
		var cast struct{ Items []item }
		if err := c.Call(client.Request{Method: "GET", Path: of + "/performers"}, nil, 200, &cast); err != nil {
			return nil, err
		}
		kinds[1].paths = append(kinds[1].paths, "/v1/halls/"+strconv.FormatInt(p.Hall.ID, 10))
		kinds[2].paths = append(kinds[2].paths, of)
		kinds[3].paths = append(kinds[3].paths, of+"/rounds")
		kinds[4].paths = append(kinds[4].paths, of+"/reviews")
		kinds[5].paths = append(kinds[5].paths, of+"/performers")
		for _, performer := range cast.Items {
			kinds[6].paths = append(kinds[6].paths, "/v1/performers/"+strconv.FormatInt(performer.ID, 10))
		}
	}
	if len(first.Items) < shown || len(kinds[6].paths) == 0 {
		return nil, errors.New("the catalogue has too little in it")
	}
	for _, k := range kinds[1:] {
		k.request, k.status = client.Request{Method: "GET"}, 200
	}
	for _, k := range kinds {
		answer, err := c.Do(k.ask(0))
		if err != nil || answer.Status != k.status {
			return nil, errors.Join(fmt.Errorf("%s: status %d, want %d: %.200s", k.Name, answer.Status, k.status, answer.Body), err)
		}
		k.Bytes = len(answer.Body)
	}
	return kinds, nil
}

// list asks for the first page as often and in the time that was asked for, however long the answers take.
func (r *Catalogue) list(ctx context.Context, c *client.Client) (load.Summary, int, error) {
	rate := float64(r.Requests) / r.Over.Seconds()
	crowd := &load.Crowd{
		Workers: r.Connections, Offsets: load.Schedule(load.Steady, r.Requests, rate, rand.New(rand.NewPCG(1, 0))),
		Asked: load.NewMeter(), Looked: load.NewMeter(),
		Ask: func(int) load.Outcome {
			answer, err := c.Do(client.Request{Method: "GET", Path: "/v1/performances"})
			switch {
			case err != nil:
				return load.Outcome{Code: "connection"}
			case answer.Status != 200:
				return load.Outcome{Code: answer.Code()}
			}
			return load.Outcome{}
		},
	}
	left := crowd.Run(ctx)
	sum := crowd.Asked.Summary()
	if yes := sum.Codes[load.Granted]; yes != r.Requests {
		return sum, left.Late, fmt.Errorf("%d of %d requests for the list were answered: %v", yes, r.Requests, sum.Codes)
	}
	return sum, left.Late, nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// Growth is the command's flags.
type Growth struct {
	Rounds       []int         `default:"1,100,10000" help:"How many rounds there are, of the smallest number of seats; the load is spread over them."`
	Seats        []int         `default:"1000,10000,100000" help:"How many seats a single round has."`
	Reservations int           `default:"20000" help:"Reservations of two seats, each made and given back, per case."`
	Repeat       int           `default:"3" help:"Repeats of every case, by turns; figures are medians."`
	Connections  int           `default:"64" help:"Keep-alive connections, and so requests in flight."`
	Bound        float64       `default:"1.5" help:"FAIL when the largest case costs more CPU per reservation than this many times the smallest."`
	Timeout      time.Duration `default:"30s" help:"Time for one request."`
	JSON         string        `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Profile      string        `placeholder:"FILE" type:"path" help:"Save a CPU profile of the server, taken while the most rounds are loaded and caught up with, in the first repeat."`
	Ticketblue   string        `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
}

const (
	growthWithin    = 10 * time.Minute // one case
	growthCustomers = 5_000
	growthWarmUp    = 10 // one in so many reservations before anything is measured
	growthSample    = 8  // rounds whose lists are waited for; the projector takes streams as they come
)

// grown is a case: so many rounds of so many seats.
type grown struct {
	Rounds   int        `json:"rounds"`
	Seats    int        `json:"seats"`
	Runs     []growthIn `json:"runs"`
	Server   float64    `json:"server_us"` // medians, of CPU per reservation
	Postgres float64    `json:"postgres_us"`
	Both     float64    `json:"both_us"`
	PerSec   float64    `json:"reservations_per_second"`
}

// growthIn is one run of a case: microseconds of CPU per reservation made and given back, read tables and relay
// included.
type growthIn struct {
	Server   float64 `json:"server_us"`
	Postgres float64 `json:"postgres_us"`
	PerSec   float64 `json:"reservations_per_second"`
	RSS      int64   `json:"server_rss_bytes"`
}

// growth is the report.
type growth struct {
	Pass    bool           `json:"pass"`
	Line    string         `json:"line"`
	Machine report.Machine `json:"machine"`
	Cases   []*grown       `json:"cases"`
	Rounds  float64        `json:"ratio_rounds"` // the most rounds over the fewest
	Seats   float64        `json:"ratio_seats"`
	Kept    string         `json:"kept,omitempty"`
}

// Validate checks the flags; kong calls it.
func (g *Growth) Validate() error {
	if len(g.Rounds) == 0 || len(g.Seats) == 0 || g.Reservations < 100 || g.Repeat < 1 || g.Connections < 1 || g.Timeout <= 0 {
		return errors.New("--rounds and --seats must name sizes, --reservations be at least 100, --repeat, --connections and --timeout above 0")
	}
	for _, seats := range g.Seats {
		if seats < 4*g.Connections { // blocks in use at the same time must differ
			return fmt.Errorf("--seats must be at least %d, for %d connections", 4*g.Connections, g.Connections)
		}
	}
	return nil
}

// cases are the sizes along both ways of growing; the smallest is on both.
func (g *Growth) cases() []*grown {
	var all []*grown
	for _, rounds := range g.Rounds {
		all = append(all, &grown{Rounds: rounds, Seats: g.Seats[0]})
	}
	for _, seats := range g.Seats {
		if seats != g.Seats[0] || g.Rounds[0] != 1 {
			all = append(all, &grown{Rounds: 1, Seats: seats})
		}
	}
	return all
}

// run measures every case, writes the report, and tells whether growth stayed within the bound.
func (g *Growth) run(ctx context.Context, out, progress io.Writer) bool {
	found := &growth{Machine: report.ThisMachine(), Cases: g.cases()}
	err := g.measure(ctx, found, progress)
	if err == nil {
		err = found.judge(g)
	}
	if err != nil {
		found.Pass, found.Line = false, fmt.Sprintf("FAIL  the run did not finish: %v", err)
	}
	if g.JSON != "" {
		if err := report.WriteJSON(g.JSON, found); err != nil {
			found.Pass, found.Line = false, fmt.Sprintf("FAIL  the report could not be written: %v", err)
		}
	}
	found.write(out)
	return found.Pass
}

func (g *Growth) measure(ctx context.Context, found *growth, progress io.Writer) error {
	for n := range g.Repeat {
		for _, c := range found.Cases {
			fmt.Fprintf(progress, "repeat %d: %d rounds of %d seats\n", n+1, c.Rounds, c.Seats)
			ctx, cancel := context.WithTimeout(ctx, growthWithin)
			err := binary{path: g.Ticketblue}.onServer(ctx, "", &found.Kept, func(target string, b binary) error {
				run, err := g.one(ctx, target, b, c)
				c.Runs = append(c.Runs, run)
				return err
			})
			cancel()
			if err != nil {
				return fmt.Errorf("%d rounds of %d seats: %w", c.Rounds, c.Seats, err)
			}
		}
	}
	return nil
}

// one measures a case on a server with a new database.
func (g *Growth) one(ctx context.Context, target string, b binary, size *grown) (found growthIn, err error) {
	c, err := client.New(target, g.Connections, g.Timeout)
	if err != nil {
		return found, err
	}
	defer c.Close()
	server, err := readServerFile(b.data)
	if err != nil {
		return found, err
	}
	sales, err := g.prepare(ctx, c, b, size)
	if err != nil {
		return found, err
	}
	if err := g.sell(ctx, sales, 0, g.Reservations/growthWarmUp, server); err != nil {
		return found, err
	}
	file := ""
	if size.Rounds == g.Rounds[len(g.Rounds)-1] && len(size.Runs) == 0 {
		file = g.Profile
	}
	finishProfile, err := profileInto(ctx, file, b.data)
	if err != nil {
		return found, err
	}
	before, began := usageOf(server.PID), time.Now()
	if err := g.haggle(ctx, sales, g.Reservations/growthWarmUp, g.Reservations); err != nil {
		return found, err
	}
	found.PerSec = float64(g.Reservations) / time.Since(began).Seconds()
	if _, err := drain(ctx, sample(sales), server.OpsURL); err != nil {
		return found, err
	}
	used := usageOf(server.PID).since(before)
	each := 1e6 / float64(g.Reservations)
	found.Server, found.Postgres, found.RSS = used.Server*each, used.Postgres*each, rss(server.PID)
	if err := finishProfile(); err != nil {
		return found, err
	}
	audits, err := b.audits(ctx)
	if err == nil && !audits.whole.OK {
		err = fmt.Errorf("verify found %v", audits.whole.Problems)
	}
	return found, err
}

// prepare makes customers and rounds; every round has been asked once, and so is in memory.
func (g *Growth) prepare(ctx context.Context, c *client.Client, b binary, size *grown) ([]*sale, error) {
	run := "growth-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	email := run + "@bench.example"
	password, err := b.admin(ctx, email)
	if err != nil {
		return nil, err
	}
	admin, err := logIn(ctx, c, email, password)
	if err != nil {
		return nil, err
	}
	tokens, err := b.customers(ctx, growthCustomers)
	if err != nil {
		return nil, err
	}
	stages, err := setStages(ctx, c, admin, terms{seats: size.Seats, rounds: size.Rounds, perUser: runPerUser})
	if err != nil {
		return nil, err
	}
	base, err := newSale(stages[0], c, tokens, run, nil)
	if err != nil {
		return nil, err
	}
	sales := make([]*sale, len(stages))
	for i, st := range stages {
		sales[i] = base.of(st, nil)
	}
	return sales, nil
}

// sell is haggle with everything that follows it.
func (g *Growth) sell(ctx context.Context, sales []*sale, first, n int, server serverFile) error {
	if err := g.haggle(ctx, sales, first, n); err != nil {
		return err
	}
	_, err := drain(ctx, sample(sales), server.OpsURL)
	return err
}

func sample(sales []*sale) []*sale { return sales[:min(growthSample, len(sales))] }

// haggle makes reservations first to first+n and gives each back, over all rounds in turn, and so that no two want the
// same seats. Nothing is refused.
func (g *Growth) haggle(ctx context.Context, sales []*sale, first, n int) error {
	var fault atomic.Pointer[error]
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := load.Each(ctx, g.Connections, n, func(i int) {
		if err := haggleOnce(sales, first+i); err != nil && fault.CompareAndSwap(nil, &err) {
			cancel()
		}
	})
	if err := fault.Load(); err != nil {
		return *err
	}
	if started < n {
		return ctx.Err()
	}
	return nil
}

func haggleOnce(sales []*sale, i int) error {
	s, customer := sales[i%len(sales)], i%growthCustomers
	block := load.Block{First: i / len(sales) % (len(s.labels) / 2) * 2, Count: 2}
	r := client.Request{Method: "POST", Path: s.hot, Token: s.tokens[customer], Key: s.key("growth", i), Body: s.body(block)}
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	var made struct{ ID string }
	if answer.Status != 201 || json.Unmarshal(answer.Body, &made) != nil {
		return fmt.Errorf("reserving: status %d: %.200s", answer.Status, answer.Body)
	}
	answer, err = s.client.Do(client.Request{Method: "DELETE", Path: "/v1/reservations/" + made.ID, Token: s.tokens[customer]})
	if err == nil && answer.Status != 200 {
		err = fmt.Errorf("giving back: status %d: %.200s", answer.Status, answer.Body)
	}
	return err
}

// judge fills in medians, ratios and the line.
func (f *growth) judge(g *Growth) error {
	for _, c := range f.Cases {
		var server, postgres, both, rate []float64
		for _, r := range c.Runs {
			server, postgres, rate = append(server, r.Server), append(postgres, r.Postgres), append(rate, r.PerSec)
			both = append(both, r.Server+r.Postgres)
		}
		c.Server, c.Postgres, c.Both, c.PerSec = report.Median(server), report.Median(postgres), report.Median(both), report.Median(rate)
	}
	smallest, most, largest := f.Cases[0], f.Cases[len(g.Rounds)-1], f.Cases[len(f.Cases)-1]
	if smallest.Both == 0 {
		return errors.New("the server's CPU time cannot be told on this machine")
	}
	f.Rounds, f.Seats = most.Both/smallest.Both, largest.Both/smallest.Both
	f.Pass = max(f.Rounds, f.Seats) <= g.Bound
	f.Line = fmt.Sprintf("%s  CPU per reservation: %d rounds ÷ %d %.2f, %d seats ÷ %d %.2f; bound %.2f",
		map[bool]string{true: "PASS", false: "FAIL"}[f.Pass], most.Rounds, smallest.Rounds, f.Rounds, largest.Seats, smallest.Seats, f.Seats, g.Bound)
	return nil
}

func (f *growth) write(w io.Writer) {
	fmt.Fprintln(w, f.Line)
	fmt.Fprintf(w, "\n%8s %8s %10s %12s %8s %10s %9s   %s\n", "rounds", "seats", "server us", "Postgres us", "both us", "made a s", "RSS MiB", "both us, all runs")
	for _, c := range f.Cases {
		var runs []float64
		var memory int64
		for _, r := range c.Runs {
			runs, memory = append(runs, math.Round(r.Server+r.Postgres)), max(memory, r.RSS)
		}
		fmt.Fprintf(w, "%8d %8d %10.0f %12.0f %8.0f %10.0f %9d   %v\n", c.Rounds, c.Seats, c.Server, c.Postgres, c.Both, c.PerSec, memory>>20, runs)
	}
	fmt.Fprintf(w, "%d cores, %s, %s\n", f.Machine.Cores, f.Machine.Go, f.Machine.System)
	if f.Kept != "" {
		fmt.Fprintf(w, "the server's data and log: %s\n", f.Kept)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ticketblue/bench/report"
)

// Locks is the command's flags.
type Locks struct {
	Kinds    []string      `default:"no-lock,optimistic,row-lock,redis-lock,one-statement" help:"Ways of counting, of bin/peers --coupons."`
	Stock    int           `default:"10000" help:"Coupons."`
	Users    int           `default:"12000" help:"Customers, who ask once each: more than there are coupons."`
	Threads  int           `default:"30" help:"Requests in flight."`
	Noop     time.Duration `default:"500ms" help:"How long to measure the no-op before and after."`
	Slices   int           `default:"1" help:"Of claims, with the no-op between."`
	FullWait time.Duration `name:"timeout" default:"30s" help:"Time for one request."`

	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
	Program    string `default:"bin/peers" placeholder:"PROGRAM" help:"The program that is the peers."`
}

// Validate checks the flags; kong calls it.
func (l *Locks) Validate() error {
	if len(l.Kinds) == 0 {
		return errors.New("--kinds names none")
	}
	c := l.claims("")
	return c.Validate()
}

// claims is how one of them is measured.
func (l *Locks) claims(program string) *Claims {
	return &Claims{
		Stock: l.Stock, Users: l.Users, Clients: 1, Attempts: l.Users, Slices: l.Slices, Noop: l.Noop, Connections: l.Threads,
		Timeout: l.FullWait, Ticketblue: program,
	}
}

// lockReport is one line of the table.
type lockReport struct {
	Name string `json:"name"`
	*claimsReport
}

// locksReport is all that a run found.
type locksReport struct {
	Pass    bool           `json:"pass"`
	Line    string         `json:"line"`
	Machine report.Machine `json:"machine"`
	Config  map[string]int `json:"config"`
	Kinds   []lockReport   `json:"kinds"`
}

// run measures one after the other and tells whether Ticket Blue was exact: of the others that is what is to be found out.
func (l *Locks) run(ctx context.Context, out io.Writer) bool {
	rep := locksReport{Machine: report.ThisMachine(), Config: map[string]int{"stock": l.Stock, "users": l.Users, "threads": l.Threads}}
	for _, name := range append([]string{ours}, l.Kinds...) {
		program := l.Ticketblue
		if name != ours {
			program = l.Program + " --kind unique --coupons " + name
		}
		one, err := l.one(ctx, program)
		if err != nil {
			rep.Line = fmt.Sprintf("FAIL  %s did not finish: %v", name, err)
			break
		}
		rep.Kinds = append(rep.Kinds, lockReport{name, one})
	}
	rep.Pass = rep.Line == "" && rep.Kinds[0].Pass
	if rep.Line == "" {
		rep.Line = fmt.Sprintf("%s  %d coupons, %d customers, %d threads", map[bool]string{true: "PASS", false: "FAIL"}[rep.Pass], l.Stock, l.Users, l.Threads)
	}
	rep.write(out)
	if l.JSON != "" {
		if err := report.WriteJSON(l.JSON, rep); err != nil {
			fmt.Fprintln(out, "FAIL  the report could not be written:", err)
			return false
		}
	}
	return rep.Pass
}

// one measures one program with a new database, and leaves nothing behind.
func (l *Locks) one(ctx context.Context, program string) (*claimsReport, error) {
	ctx, cancel := context.WithTimeout(ctx, claimsWithin)
	defer cancel()
	words := strings.Fields(program)
	rep := &claimsReport{Findings: []string{}}
	err := binary{path: words[0], args: words[1:]}.onServer(ctx, "", &rep.Kept, func(target string, b binary) error {
		return l.claims(program).claim(ctx, target, b, rep)
	})
	if rep.Kept != "" && err == nil {
		err = os.RemoveAll(rep.Kept)
	}
	return rep, err
}

func (r *locksReport) write(out io.Writer) {
	fmt.Fprintln(out, r.Line)
	fmt.Fprintf(out, "%-14s %8s %9s %7s %7s %8s %8s %8s %8s  %s\n", "", "seconds", "claims/s", "ratio", "p50 ms", "p99 ms", "told yes", "coupons", "counted", "exact")
	for _, k := range r.Kinds {
		exact := "yes"
		if !k.Pass {
			exact = fmt.Sprintf("no: %d findings, as %s", len(k.Findings), k.Findings[0])
		}
		asked, rate := r.Config["users"], 0.0
		for _, s := range k.PerSec {
			rate += s / float64(len(k.PerSec))
		}
		fmt.Fprintf(out, "%-14s %8.2f %9.0f %7.3f %7.1f %8.1f %8d %8d %8d  %s\n", k.Name, float64(asked)/rate, rate, k.Ratio,
			k.Answers.Latency.P50, k.Answers.Latency.P99, k.Told, k.Coupons, k.Counted, exact)
		fmt.Fprintf(out, "%-14s %v\n", "", k.Answers.Codes)
	}
}

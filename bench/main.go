// Command bench sells a round out over HTTP as a crowd of customers would, or watches its live map as a crowd, measures
// it, and judges it: nothing sold twice, nothing promised and lost, no seat leaked, no map wrong or late. It is a black
// box: it speaks HTTP and runs the ticketblue binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"ticketblue/bench/report"
)

type cli struct {
	Run       Run       `cmd:"" help:"A workload by turns with a request that does nothing, each repeat on a new database. Prints PASS or FAIL first; exit code 1 on FAIL."`
	Outage    Outage    `cmd:"" help:"Reservations while NATS is stopped in every other slice. Prints PASS or FAIL first; exit code 1 on FAIL."`
	Channels  Channels  `cmd:"" help:"Reservations while the mail server and Slack are dead in every other slice. Prints PASS or FAIL first; exit code 1 on FAIL."`
	Flood     Flood     `cmd:"" help:"Reservations beside a flood of log-ins in every other slice. Prints PASS or FAIL first; exit code 1 on FAIL."`
	Peers     Peers     `cmd:"" help:"Workloads on Ticket Blue and, by turns, on what people would use instead (bin/peers). Prints PASS or FAIL first; exit code 1 on FAIL."`
	Compare   Compare   `cmd:"" help:"By how many percent the figures of two files of run or peers differ."`
	Rush      Rush      `cmd:"" help:"A crowd wants one round's seats. Prints PASS or FAIL first; exit code 1 on FAIL."`
	Growth    Growth    `cmd:"" help:"CPU per reservation as rounds and seats become many. Prints PASS or FAIL first; exit code 1 on FAIL."`
	Reads     Reads     `cmd:"" help:"Plan and seat map of a large round, by turns with a request that does nothing."`
	Catalogue Catalogue `cmd:"" help:"Six reads of the catalogue by turns with a request that does nothing, and its list of performances in an open loop."`
	Search    Search    `cmd:"" help:"Searches of a large catalogue by the index and, by turns, by SQL, one at a time; then how long until an edit is found."`
	Claims    Claims    `cmd:"" help:"Customers claim the coupons of a campaign, by turns with a request that does nothing. Prints PASS or FAIL first; exit code 1 on FAIL."`
	Locks     Locks     `cmd:"" help:"Coupons of one campaign on Ticket Blue and on programs that count them with no lock, versions, a row lock, a lock in Redis, in one statement. Exit code 1 unless Ticket Blue was exact."`
	Bulk      Bulk      `cmd:"" help:"Many rows changed one by one, batched, by unnest and by COPY, counted afterwards. Prints PASS or FAIL first; exit code 1 on FAIL."`
	Viewers   Viewers   `cmd:"" help:"Many watch one round's map while seats change. Prints PASS or FAIL first; exit code 1 on FAIL."`
}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("bench"), kong.UsageOnError(),
		kong.Description("Load runs against Ticket Blue, each ending with a judgment."))
	chosen, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var pass bool
	switch chosen.Command() {
	case "run":
		pass = c.Run.run(ctx, os.Stdout, report.NewProgress(os.Stderr, false))
	case "growth":
		pass = c.Growth.run(ctx, os.Stdout, os.Stderr)
	case "reads":
		pass = c.Reads.run(ctx, os.Stdout)
	case "catalogue":
		pass = c.Catalogue.run(ctx, os.Stdout)
	case "search":
		pass = c.Search.run(ctx, os.Stdout)
	case "outage":
		pass = c.Outage.run(ctx, os.Stdout, report.NewProgress(os.Stderr, false))
	case "channels":
		pass = c.Channels.run(ctx, os.Stdout, report.NewProgress(os.Stderr, false))
	case "flood":
		pass = c.Flood.run(ctx, os.Stdout, report.NewProgress(os.Stderr, false))
	case "peers":
		pass = c.Peers.run(ctx, os.Stdout, report.NewProgress(os.Stderr, false))
	case "compare <first> <second>":
		err = c.Compare.run(os.Stdout)
		parser.FatalIfErrorf(err)
		pass = true
	case "claims":
		pass = c.Claims.run(ctx, os.Stdout)
	case "locks":
		pass = c.Locks.run(ctx, os.Stdout)
	case "bulk":
		pass = c.Bulk.run(ctx, os.Stdout)
	case "viewers":
		pass = c.Viewers.run(ctx, os.Stdout, os.Stderr)
	default:
		terminal := !c.Rush.NoTUI && report.IsTerminal(os.Stderr)
		pass = c.Rush.run(ctx, os.Stdout, report.NewProgress(os.Stderr, terminal))
	}
	if !pass {
		stop()
		os.Exit(1)
	}
}

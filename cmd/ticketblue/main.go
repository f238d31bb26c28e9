package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is every command with every setting; kong makes flags, TB_ variables and --help of it.
type cli struct {
	Serve     serveCmd     `cmd:"" help:"Run the service."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database's tables up to date and stop."`
	Seed      seedCmd      `cmd:"" help:"Fill the database: a demo, 10,000 users, a catalogue of 100,000 rows, or customers with access tokens for load tests."`
	Admin     adminCmd     `cmd:"" help:"Manage admins."`
	Verify    verifyCmd    `cmd:"" help:"Replay the journal and compare it with snapshots, read tables and live state, and the search index with the database; exit 1 on any difference."`
	Reconcile reconcileCmd `cmd:"" help:"Hold the orders of the journal against the payment provider's books; exit 1 on money without a ticket, or a ticket without its money."`
	Journal   journalCmd   `cmd:"" help:"Print a stream's events as JSON lines."`
	Rebuild   rebuildCmd   `cmd:"" help:"Empty the read tables and fold them again from the journal; with --broadcast, empty JetStream and send everything again, also what is too old to be sent by itself."`
	Notices   noticesCmd   `cmd:"" help:"See what customers and staff were told, and retry what was given up."`
	Ticket    ticketCmd    `cmd:"" help:"Verify tickets."`
	Doctor    doctorCmd    `cmd:"" help:"Look at everything the service needs, and say what to do about what is missing."`
	Openapi   openapiCmd   `cmd:"" help:"Print the OpenAPI document."`
}

// errDiffers makes the program exit with 1 after it has printed what differs.
var errDiffers = errors.New("verify found differences")

func main() {
	var c cli
	parsed := kong.Parse(&c, kong.Name("ticketblue"), kong.UsageOnError(),
		kong.Description("Ticket Blue sells reserved seats when a crowd arrives at the same second. "+
			"Beside the flags, TB_TOKEN_KEY (hexadecimal, at least 64 digits) gives the key of access tokens and "+
			"TB_POSTGRES_BIN the directory of initdb and postgres. Unless GOGC and GOMEMLIMIT say otherwise, serve collects "+
			"garbage at 17 times what is live, and as often as it takes to stay within half of the machine's memory."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(); err != nil {
		if !errors.Is(err, errDiffers) && !errors.Is(err, errOrphans) {
			fmt.Fprintln(os.Stderr, "ticketblue:", err)
		}
		stop()
		os.Exit(1) //nolint:gocritic // stop has just run
	}
}

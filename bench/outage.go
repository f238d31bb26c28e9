package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"ticketblue/bench/report"
)

// Outage is the command's flags.
type Outage struct {
	Pairs int           `default:"20" help:"Slices with NATS there, and as many with NATS stopped, by turns."`
	Slice time.Duration `default:"500ms" help:"Length of each."`
	Bound float64       `default:"0.95" help:"PASS needs at least this ratio of answers per second, NATS stopped over NATS there."`

	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
}

const (
	outageRounds  = 400 // enough seats for all slices
	natsPatience  = 10 * time.Second
	natsMaxMemory = 256 << 20
	natsMaxStore  = 4 << 30
)

// Validate checks the flags; kong calls it.
func (o *Outage) Validate() error {
	if o.Pairs < 2 || o.Pairs > 200 || o.Slice < 100*time.Millisecond || o.Bound <= 0 {
		return errors.New("--pairs must be between 2 and 200, --slice at least 100ms, --bound above 0")
	}
	return nil
}

// run plays the spread workload. Before each slice is judged, NATS is back and the relay has caught up: what was sold
// while it was away arrives as well.
func (o *Outage) run(ctx context.Context, out io.Writer, progress *report.Progress) bool {
	n, err := newNATS()
	if err != nil {
		fmt.Fprintln(out, "FAIL ", err)
		return false
	}
	defer n.remove()
	// The first slice belongs to neither: the program is still warming up.
	run := &Run{
		Workload: workloadSpread, Seconds: float64(2*o.Pairs+1) * o.Slice.Seconds(), Slice: o.Slice, Repeat: 1, Rounds: outageRounds,
		Connections: 128, Settle: 10 * time.Second, Timeout: 30 * time.Second, Seed: 1, Ticketblue: o.Ticketblue,
		env: []string{"TB_NATS_URL=" + n.url()}, disturb: func(slice int) (func() error, error) {
			if slice == 0 || slice%2 == 1 {
				return func() error { return nil }, nil
			}
			n.stop()
			return n.start, nil
		},
	}
	if err := run.Validate(); err != nil {
		fmt.Fprintln(out, "FAIL ", err)
		return false
	}
	var there, away []float64
	pass := run.runJudged(ctx, out, progress, o.JSON, func(t *report.Trial) {
		for i, rate := range t.Repeats[0].Rates[min(1, len(t.Repeats[0].Rates)):] {
			if i%2 == 0 {
				there = append(there, rate)
			} else {
				away = append(away, rate)
			}
		}
		if ratio := report.Median(away) / report.Median(there); !(ratio >= o.Bound) { // also when there is none
			t.Fail(fmt.Errorf("answers with NATS stopped over answers with NATS there: %.3f, want at least %.2f", ratio, o.Bound))
		}
	})
	fmt.Fprintf(out, "answered/s, medians: NATS there %.0f, NATS stopped %.0f, ratio %.3f\n", report.Median(there), report.Median(away),
		report.Median(away)/report.Median(there))
	fmt.Fprintf(out, "  there   %.0f\n  stopped %.0f\n", there, away)
	return pass
}

// nats is a NATS server of our own with an address that stays, stopped and started again on the same directory.
type nats struct {
	options natsserver.Options
	running *natsserver.Server
}

func newNATS() (*nats, error) {
	dir, err := os.MkdirTemp("", "ticketblue-bench-nats-")
	if err != nil {
		return nil, err
	}
	n := &nats{options: natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
		JetStreamMaxMemory: natsMaxMemory, JetStreamMaxStore: natsMaxStore, MaxPayload: 8 << 20, MaxPending: 64 << 20,
	}}
	return n, n.start()
}

func (n *nats) url() string { return n.running.ClientURL() }

func (n *nats) start() error {
	options := n.options
	s, err := natsserver.NewServer(&options)
	if err != nil {
		return fmt.Errorf("configuring NATS: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(natsPatience) {
		s.Shutdown()
		return errors.New("NATS did not start")
	}
	n.options.Port = options.Port // from now on the same
	n.running = s
	return nil
}

func (n *nats) stop() {
	n.running.Shutdown()
	n.running.WaitForShutdown()
}

func (n *nats) remove() {
	n.stop()
	_ = os.RemoveAll(n.options.StoreDir) // nobody needs it
}

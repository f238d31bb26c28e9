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
	Turns `embed:""`
	Bound float64 `default:"0.95" help:"PASS needs at least this ratio of answers per second, NATS stopped over NATS there."`
}

const (
	natsPatience  = 10 * time.Second
	natsMaxMemory = 256 << 20
	natsMaxStore  = 4 << 30
)

// Validate checks the flags; kong calls it.
func (o *Outage) Validate() error {
	if o.Bound <= 0 {
		return errors.New("--bound must be above 0")
	}
	return o.Turns.Validate()
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
	return o.Turns.run(ctx, out, progress, wrong{
		name: "NATS stopped", bound: o.Bound, env: []string{"TB_NATS_URL=" + n.url()},
		disturb: func(string) (func() error, error) { n.stop(); return n.start, nil },
	})
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

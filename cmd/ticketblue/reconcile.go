package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"ticketblue/payments"
	"ticketblue/payments/faketoss"
	"ticketblue/ticketing"
)

type reconcileCmd struct {
	Store storeFlags `embed:""`
	Toss  tossFlags  `embed:""`
	JSON  bool       `name:"json" help:"Print the report as JSON, with every order that does not agree."`
	Days  int        `default:"14" help:"How far back the provider's own ledger is read for payments that no order names (${default})."`
}

const reconcileLimit = 10 * time.Minute

// errOrphans makes the program exit with 1 after it has printed the orders.
var errOrphans = errors.New("reconcile found orders and money that do not agree")

// Run asks the server that holds the data directory, else opens the directory itself.
func (c reconcileCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileLimit)
	defer cancel()
	report, err := c.report(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(report)
	} else {
		err = printReconciliation(os.Stdout, report)
	}
	if err == nil && !report.OK {
		err = errOrphans
	}
	return err
}

func (c reconcileCmd) report(ctx context.Context) (*payments.Reconciliation, error) {
	if server, ok := readServerFile(c.Store.Data); ok && server.Store == c.Store.storeName() {
		report := new(payments.Reconciliation)
		if err := postOps(ctx, fmt.Sprintf("%s/reconcile?days=%d", server.OpsURL, c.Days), report); !errors.Is(err, errNoServer) {
			return report, err
		}
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return nil, err
	}
	var fake *faketoss.Toss
	file := filepath.Join(c.Store.Data, fakeTossFile)
	if _, err := os.Stat(file); err == nil && c.Toss.ClientKey == "" {
		if fake, err = faketoss.Open(faketoss.Options{File: file}); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		defer func() { _ = fake.Close() }() // it was only read
	}
	gateway, err := c.Toss.gateway(fake)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	report, err := reconcile(ctx, s, gateway, time.Time{}, c.Days)
	return report, errors.Join(err, s.Close())
}

// reconcile holds the journal's orders against the provider's books.
// Since a moment: only of rounds where something has happened.
func reconcile(ctx context.Context, s *store, gateway *payments.Toss, since time.Time, days int) (*payments.Reconciliation, error) {
	rounds, err := s.RoundsWithOrders(ctx, since)
	if err != nil {
		return nil, err
	}
	r := payments.Reconciler{Orders: s.ordersOf, Calls: s.CallsOf}
	if gateway != nil {
		r.Gateway = gateway
	}
	now := time.Now()
	return r.Rounds(ctx, rounds, now.AddDate(0, 0, -days), now)
}

// ordersOf are all orders of a round, by its journal.
func (s *store) ordersOf(ctx context.Context, round ticketing.RoundID) ([]ticketing.Order, error) {
	history, err := s.LoadAll(ctx, ticketing.RoundStream(round))
	if err != nil {
		return nil, err
	}
	fold := payments.NewFold(round)
	for _, chunk := range history.Tail {
		events, err := ticketing.DecodeChunk(chunk.Payload)
		if err != nil {
			return nil, fmt.Errorf("chunk %d of round %d: %w", chunk.From, round, err)
		}
		for _, e := range events {
			fold.Apply(e)
		}
	}
	return fold.Orders(), nil
}

func printReconciliation(w io.Writer, r *payments.Reconciliation) error {
	var out bytes.Buffer
	verdict := "PASS"
	if !r.OK {
		verdict = "FAIL"
	}
	fmt.Fprintf(&out, "%s  %d orders: %d agree with the provider, %d under way, %d orphans, %d unproven\n",
		verdict, r.Orders, r.Agree, r.Underway, r.Orphans, r.Unproven)
	for _, l := range r.Lines {
		fmt.Fprintf(&out, "  %s: order %s, %s of %d won (refund %d), reservation %s, the provider has %d", l.Verdict, l.Order, l.State, l.Amount, l.Refund, l.Reservation, l.Has)
		if l.Why != "" {
			fmt.Fprintf(&out, ": %s", l.Why)
		}
		fmt.Fprintln(&out)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// reconciled is what the operations port answers.
func (n *node) reconciled(ctx context.Context, days int) (json.RawMessage, error) {
	report, err := reconcile(ctx, n.store, n.gateway, time.Time{}, days)
	if err != nil {
		return nil, err
	}
	return json.Marshal(report)
}

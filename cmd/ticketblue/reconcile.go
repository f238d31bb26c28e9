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
	"slices"
	"time"

	"ticketblue/jobs"
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

// taskReconcile looks after what jobs may have given up, and proves that money and tickets agree.
const (
	taskReconcile  = "reconcile-payments"
	reconcileSince = 48 * time.Hour // rounds that are looked at by the clock; all others were before
	reconcileDays  = 2
	unsettledPage  = 1000
	unsettledAfter = time.Hour // since an order can no longer be confirmed: its own jobs have had their turn
)

// tasks is the timetable with what only a node can do.
func (n *node) tasks() []jobs.Entry {
	entries := slices.Clone(timetable)
	for i, e := range entries {
		if e.Task == taskReconcile {
			entries[i].Do = n.reconcileTask
		}
	}
	return entries
}

// reconcileTask gives every order that is not settled, and every coupon whose order's time is long over, a new job, and
// then compares.
func (n *node) reconcileTask(ctx context.Context, run ticketing.TaskRun) (count ticketing.TaskCount, err error) {
	if !run.DryRun {
		if count.Kept, err = n.askAgain(ctx, ticketing.MillisOf(run.BeganAt)); err != nil {
			return count, err
		}
	}
	report, err := reconcile(ctx, n.store, n.gateway, run.BeganAt.Add(-reconcileSince), reconcileDays)
	if err != nil {
		return count, err
	}
	count.Looked, count.Done = int64(report.Orders), int64(report.Orphans)
	for _, l := range report.Lines {
		if l.Verdict == payments.Orphan {
			n.log.Error("money and tickets do not agree: a person must look", "order", l.Order, "state", l.State, "provider_has", l.Has, "why", l.Why)
		}
	}
	return count, nil
}

// askAgain enqueues jobs for orders and coupons that wait; the same for the same run.
func (n *node) askAgain(ctx context.Context, at ticketing.Millis) (asked int64, err error) {
	var after ticketing.OrderID
	since := at.Add(-unsettledAfter) // or earlier in truth: the provider is looked at before it is asked for anything
	for {
		page, err := n.store.OrdersUnsettled(ctx, since, after, unsettledPage)
		if err != nil {
			return asked, err
		}
		var again []ticketing.Job
		for _, id := range page {
			again = append(again, payments.OrderJob(payments.JobSettle, id, since))
		}
		if err := n.store.EnqueueAll(ctx, again); err != nil {
			return asked, err
		}
		if asked += int64(len(page)); len(page) < unsettledPage {
			break
		}
		after = page[len(page)-1]
	}
	waiting, err := n.store.WaitingCoupons(ctx, at, unsettledPage)
	if err != nil {
		return asked, err
	}
	var again []ticketing.Job
	for _, k := range waiting {
		again = append(again, payments.OrderJob(payments.JobCoupon, k.Order, at))
	}
	return asked + int64(len(waiting)), n.store.EnqueueAll(ctx, again)
}

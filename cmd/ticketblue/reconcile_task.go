package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/jobs"
	"ticketblue/payments"
	"ticketblue/ticketing"
)

// taskReconcile looks after what jobs may have given up, and proves that money and tickets agree.
const (
	taskReconcile  = "reconcile-payments"
	reconcileSince = 48 * time.Hour // rounds that are looked at by the clock; all others were before
	reconcileDays  = 2
	unsettledPage  = 1000
	maxOrphansTold = 20        // lines in the log
	unsettledAfter = time.Hour // since an order can no longer be confirmed: its own jobs have had their turn
)

// tasks is the timetable with what only a node can do.
func (n *node) tasks() []jobs.Entry {
	entries := slices.Clone(timetable)
	for i, e := range entries {
		if e.Task == taskReconcile {
			entries[i].Do = n.reconciliations().task
		}
	}
	return entries
}

// reconciliations are the runs of taskReconcile. To ask a provider about every order may take longer than an attempt of
// a job may (jobs.JobLimit): the comparison goes on beside the attempts, and each looks in and is worked again.
type reconciliations struct {
	begin   func(ctx context.Context, run ticketing.TaskRun) (asked int64, err error)
	compare func(ctx context.Context, run ticketing.TaskRun) (*payments.Reconciliation, error)
	found   func(*payments.Reconciliation)
	life    context.Context // of the node: with it the comparison ends

	mu  sync.Mutex
	now *comparison // nil: none is under way
}

type comparison struct {
	run    int64
	asked  int64
	done   chan struct{}
	report *payments.Reconciliation // when done, with err
	err    error
}

const (
	compareLimit = 30 * time.Minute // one comparison; another attempt begins it anew
	lookIn       = 10 * time.Second // of an attempt that waits for it
)

// underWay says that a comparison is not done. It is no failure: the job is worked again.
type underWay struct{}

func (underWay) Error() string        { return "the provider is still being asked about the orders" }
func (underWay) Later() time.Duration { return time.Second }

// reconciliations gives every order that is not settled, and every coupon whose order's time is long over, a new job, and
// then compares.
func (n *node) reconciliations() *reconciliations {
	orphans := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "ticketblue", Subsystem: "payments", Name: "orphans",
		Help: "Orders of which money and tickets did not agree, by the last run of reconcile-payments on this node.",
	})
	n.registry.MustRegister(orphans)
	life, end := context.WithCancel(context.Background())
	n.atStop("reconciliation", func(context.Context) error { end(); return nil })
	return &reconciliations{
		life: life,
		begin: func(ctx context.Context, run ticketing.TaskRun) (int64, error) {
			if run.DryRun {
				return 0, nil
			}
			return n.askAgain(ctx, ticketing.MillisOf(run.BeganAt))
		},
		compare: func(ctx context.Context, run ticketing.TaskRun) (*payments.Reconciliation, error) {
			return reconcile(ctx, n.store, n.gateway, run.BeganAt.Add(-reconcileSince), reconcileDays)
		},
		found: func(report *payments.Reconciliation) {
			orphans.Set(float64(report.Orphans))
			n.tellOrphans(report)
		},
	}
}

// tellOrphans has a line in the log for each of the first orphans, and one that counts them all.
func (n *node) tellOrphans(report *payments.Reconciliation) {
	if report.Orphans == 0 {
		return
	}
	n.log.Error("money and tickets do not agree: a person must look", "orphans", report.Orphans, "orders", report.Orders)
	told := 0
	for _, l := range report.Lines {
		if l.Verdict == payments.Orphan && told < maxOrphansTold {
			told++
			n.log.Error("an orphan", "order", l.Order, "state", l.State, "provider_has", l.Has, "why", l.Why)
		}
	}
}

// task begins the run's comparison or looks in on it. Looked are the orders, done the orphans, kept what was asked again.
func (r *reconciliations) task(ctx context.Context, run ticketing.TaskRun) (count ticketing.TaskCount, err error) {
	c, err := r.of(ctx, run)
	if err != nil {
		return count, err
	}
	patience := time.NewTimer(lookIn)
	defer patience.Stop()
	select {
	case <-c.done:
	case <-patience.C:
		return count, underWay{}
	case <-ctx.Done():
		return count, underWay{}
	}
	r.mu.Lock()
	r.now = nil
	r.mu.Unlock()
	if c.err != nil {
		return count, c.err
	}
	r.found(c.report)
	return ticketing.TaskCount{Looked: int64(c.report.Orders), Done: int64(c.report.Orphans), Kept: c.asked}, nil
}

func (c *comparison) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// of is the run's comparison, which begins if it is not under way.
func (r *reconciliations) of(ctx context.Context, run ticketing.TaskRun) (*comparison, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != nil && r.now.run == run.ID {
		return r.now, nil
	}
	if r.now != nil && !r.now.over() {
		return nil, underWay{} // another run's: one at a time
	}
	asked, err := r.begin(ctx, run)
	if err != nil {
		return nil, err
	}
	c := &comparison{run: run.ID, asked: asked, done: make(chan struct{})}
	r.now = c
	go func() {
		defer close(c.done)
		ctx, cancel := context.WithTimeout(r.life, compareLimit)
		defer cancel()
		c.report, c.err = r.compare(ctx, run)
	}()
	return c, nil
}

// settleAgain enqueues a job for every order that is not settled and whose time is over before a moment; since is when
// the saga is to think it began.
func (n *node) settleAgain(ctx context.Context, before, since ticketing.Millis) (asked int64, err error) {
	var after ticketing.OrderID
	for {
		page, err := n.store.OrdersUnsettled(ctx, before, after, unsettledPage)
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
			return asked, nil
		}
		after = page[len(page)-1]
	}
}

// takeUp gives the orders that an earlier life of the program has left in the middle a job at once: their own job waits
// for a handler that is dead (payments.HandlerHead), or died with it and is River's to find. To take the steps from the
// beginning is safe, for the provider knows a repeat.
func (n *node) takeUp(ctx context.Context) {
	now := ticketing.MillisOf(time.Now())
	asked, err := n.settleAgain(ctx, now.Add(unsettledAfter), now)
	switch {
	case err != nil:
		n.log.Warn("orders that were left in the middle wait for their own jobs", "err", err)
	case asked > 0:
		n.log.Info("orders that were left in the middle are taken up", "orders", asked)
	}
}

// askAgain enqueues jobs for orders and coupons that wait; the same for the same run.
func (n *node) askAgain(ctx context.Context, at ticketing.Millis) (asked int64, err error) {
	since := at.Add(-unsettledAfter) // or earlier in truth: the provider is looked at before it is asked for anything
	if asked, err = n.settleAgain(ctx, since, since); err != nil {
		return asked, err
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

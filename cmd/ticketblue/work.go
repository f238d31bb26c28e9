package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ticketblue/jobs"
	"ticketblue/notify"
	"ticketblue/payments"
	"ticketblue/persistence"
	"ticketblue/ticketing"
)

// kinds are all the kinds of job there are. Every process that opens the database may enqueue them; only serve
// works them.
var kinds = slices.Concat([]string{persistence.PosterUnused, persistence.MailPasswordReset, persistence.GiveWelcome, jobs.TaskDue, jobs.TaskRun, indexJobKind}, payments.Kinds, notify.Kinds)

// startJobs begins to work what was enqueued, here or by another process.
func (n *node) startJobs(ctx context.Context) error {
	work := n.store.jobs
	work.Register(persistence.PosterUnused, n.posterUnused)
	work.Register(persistence.GiveWelcome, gifts{n.actors, n.log}.welcome)
	names := &renaming{store: n.store, sync: n.sync, projector: n.projector, log: n.log, owns: n.ownership.Valid, wait: wholeWithin}
	work.Register(indexJobKind, names.work)
	n.registerNotices()
	n.registerPayments()
	work.Keep(n.tasks(), n.store, time.Now)
	if err := work.Start(ctx); err != nil {
		return err
	}
	n.atStop("jobs", work.Stop)
	n.atStop("notices", func(context.Context) error { n.notifier.Close(); return nil }) // first: a job may wait for a channel
	return nil
}

// posterUnused deletes the files of a poster that no performance has, or has any more.
func (n *node) posterUnused(ctx context.Context, args []byte) error {
	var poster ticketing.Poster
	if err := json.Unmarshal(args, &poster); err != nil {
		return fmt.Errorf("reading a poster: %w", err)
	}
	used, err := n.store.PosterUsed(ctx, poster.Name)
	if err != nil || used {
		return err
	}
	for _, file := range poster.Files() {
		err = errors.Join(err, n.blobs.Delete(ctx, file))
	}
	return err
}

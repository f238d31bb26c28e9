package main

import "context"

// kinds are all the kinds of job there are. Every process that opens the database may enqueue them; only serve
// works them.
var kinds = []string{}

// startJobs begins to work what was enqueued, here or by another process.
func (n *node) startJobs(ctx context.Context) error {
	if err := n.store.jobs.Start(ctx); err != nil {
		return err
	}
	n.atStop("jobs", n.store.jobs.Stop)
	return nil
}

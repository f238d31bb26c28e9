package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"riverqueue.com/riverui"
)

// UI is River's own pages under a path such as "/jobs": every job with its attempts and errors, to be looked at, retried,
// canceled, and the queue to be paused. It comes after Start and asks the database in the background until ctx ends. It
// has no log-in: it belongs where only operators reach it. Arguments of jobs are hidden until asked for.
func (j *Jobs) UI(ctx context.Context, path string) (http.Handler, error) {
	if j.worker == nil {
		return nil, errors.New("jobs: the pages come after Start")
	}
	pages, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: riverui.NewEndpoints(j.worker, nil), Logger: j.opts.Log, Prefix: path, JobListHideArgsByDefault: true,
	})
	if err == nil {
		err = pages.Start(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("jobs: River's pages: %w", err)
	}
	return pages, nil
}

package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"ticketblue/persistence"
	"ticketblue/search"
	"ticketblue/ticketing"
)

// indexJobKind looks after reservations in the index whose customer or performance has another name now.
const indexJobKind = "index_reservations"

type indexArgs struct {
	Which ticketing.ReservationChoice `json:"which"`
	After string                      `json:"after,omitempty"`
	At    time.Time                   `json:"at"`
	Lacks bool                        `json:"lacks,omitempty"` // the tables did not have all of those before After
}

func indexJob(which ticketing.ReservationChoice, at time.Time) ticketing.Job {
	return indexArgs{Which: which, At: at}.job()
}

func (a indexArgs) job() ticketing.Job {
	args, _ := json.Marshal(a) // numbers and a time
	return ticketing.Job{Kind: indexJobKind, Key: fmt.Sprintf("%s:%x", indexJobKind, sha256.Sum256(args)), Args: args}
}

// renaming works those jobs.
type renaming struct {
	store     *store
	sync      *search.Sync
	projector *persistence.Projector
	log       *slog.Logger
	owns      func() bool   // the streams
	wait      time.Duration // for the read tables, in one attempt; default wholeWithin
	whole     atomic.Int64  // file of reservations that is known to have had all of them; 0: none
	warnedAt  atomic.Int64  // ms
}

const (
	wholeWithin = 20 * time.Second // below what a job may take
	warnEvery   = 15 * time.Minute
	warnAfter   = time.Minute // of a name's being old
	firstAgain  = time.Second
	lastAgain   = 15 * time.Minute
)

// notRenamed is never given up: what is left in the index may be the name of somebody who wants to be forgotten. The longer
// it has been so, the longer is the pause.
type notRenamed struct {
	error
	age time.Duration
}

func (n notRenamed) Unwrap() error        { return n.error }
func (n notRenamed) Later() time.Duration { return min(max(n.age/4, firstAgain), lastAgain) }

// errStandsBy: the job is the owner's.
var errStandsBy = errors.New("this node does not own the streams")

// errEmptied: what was looked at may have lacked some.
var errEmptied = errors.New("the read tables are being rebuilt")

// errLacking: rounds that contradict themselves are not in them, and the index may have reservations of theirs.
var errLacking = errors.New("the read tables lack events of frozen rounds (doctor names those)")

// work refreshes a slice, and leaves the next one to another job.
func (r *renaming) work(ctx context.Context, args []byte) error {
	var a indexArgs
	if err := json.Unmarshal(args, &a); err != nil {
		return fmt.Errorf("looking after reservations in the search index: %w", err)
	}
	next, err := a, errStandsBy
	if r.owns() { // whoever rebuilds must hear of it, and only the owner does
		next, err = r.refresh(ctx, a)
	}
	if err == nil && next.After != "" {
		err = r.store.EnqueueAll(ctx, []ticketing.Job{next.job()})
	}
	if err == nil {
		return nil
	}
	age, now := time.Since(a.At), time.Now().UnixMilli()
	if last := r.warnedAt.Load(); age > warnAfter && now-last > warnEvery.Milliseconds() && r.warnedAt.CompareAndSwap(last, now) {
		r.log.Warn("names in the search index are old, perhaps of closed accounts; trying again", "since", a.At, "err", err)
	}
	return fmt.Errorf("looking after reservations in the search index: %w", notRenamed{err, age})
}

// refresh does it with tables that have all reservations, from its beginning to its end: while they are folded anew, those
// to be refreshed may not be there yet. What is there is refreshed in any case, slice by slice; the last one waits for what
// frozen rounds keep from the tables, and then all of it is done once more.
func (r *renaming) refresh(ctx context.Context, a indexArgs) (next indexArgs, err error) {
	file, err := r.store.ReservationsFile(ctx)
	if err != nil {
		return a, err
	}
	lacks := false
	if file != r.whole.Load() {
		limited, cancel := context.WithTimeout(ctx, r.wait)
		defer cancel()
		if err := r.projector.AwaitCommitted(limited); err != nil {
			return a, err
		}
		if lacks, err = r.projector.Lacks(limited); err != nil { // only a rebuild thaws, which is noticed below
			return a, err
		}
	}
	if a.Lacks && !lacks {
		a.After, a.At = "", time.Now() // at another time, for no job is enqueued twice
	}
	a.Lacks = lacks
	if a.After, err = r.sync.RefreshReservations(ctx, a.Which, a.After); err != nil {
		return a, err
	}
	if lacks && a.After == "" {
		return a, errLacking
	}
	if lacks {
		return a, nil
	}
	after, err := r.store.ReservationsFile(ctx)
	if err == nil && after != file {
		err = errEmptied
	}
	if err == nil {
		r.whole.Store(file)
	}
	return a, err
}

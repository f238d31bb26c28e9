package persistence

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ticketblue/ticketing"
)

// streamWork is one stream's part of a pass.
type streamWork struct {
	stream  ticketing.Stream
	after   uint64 // projected before
	effects uint64 // jobs of events up to here are enqueued
	until   uint64 // projected when the pass has been committed
	events  []ticketing.Event
	more    bool          // the journal may have more
	fold    *roundFold    // of a round's stream
	coupons *campaignFold // of a campaign's stream
	failed  error         // this stream stays where it is
}

// moved tells whether a pass has changed what the tables say of the round itself.
func (w *streamWork) moved() bool { return w.failed == nil && w.fold != nil && w.fold.state.changed }

// project brings streams a batch further, in one transaction: their rows, their marks and their jobs, or nothing
// of it. Streams whose events do not fit come back failed and do not hold up the others.
func (p *Projector) project(ctx context.Context, conn *pgx.Conn, streams []ticketing.Stream) (work []*streamWork, err error) {
	ctx, cancel := context.WithTimeout(ctx, PassDeadline)
	defer cancel()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if work, err = p.lock(ctx, tx, streams); err != nil || len(work) == 0 {
			return err
		}
		if err := p.readOn(ctx, tx, work); err != nil {
			return err
		}
		if err := p.foldAll(ctx, tx, work); err != nil {
			return err
		}
		return p.write(ctx, tx, work)
	})
	if err == nil {
		if slices.ContainsFunc(work, (*streamWork).moved) {
			p.opts.Moved()
		}
		p.kept.put(work)
	}
	return work, err
}

// lock takes the streams from other projectors until the pass is over, and reads their marks.
func (p *Projector) lock(ctx context.Context, tx pgx.Tx, streams []ticketing.Stream) (work []*streamWork, err error) {
	var batch pgx.Batch
	batch.Queue(lockSharedSQL, int64(projectorLock))
	batch.Queue(lockEachSQL, lockKeys(streams))
	batch.Queue(marksSQL, streams).Query(func(rows pgx.Rows) error { // sees what was committed before the locks came free
		work, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*streamWork, error) {
			w := &streamWork{}
			err := row.Scan(&w.stream, &w.after, &w.effects)
			w.until = w.after
			return w, err
		})
		return err
	})
	return work, tx.SendBatch(ctx, &batch).Close()
}

// readOn reads what comes next in each stream.
func (p *Projector) readOn(ctx context.Context, tx pgx.Tx, work []*streamWork) error {
	streams, after := make([]ticketing.Stream, len(work)), make([]uint64, len(work))
	for i, w := range work {
		streams[i], after[i] = w.stream, w.after
	}
	share := max(p.passBytes/len(work), 1) // one chunk at least
	found, err := p.db.nextChunks(ctx, tx, streams, after, share)
	if err != nil {
		return err
	}
	for _, w := range work {
		size := 0
		for _, c := range found[w.stream] {
			if w.failed = w.take(c); w.failed != nil {
				break
			}
			size += len(c.Payload)
		}
		w.more = size >= share || len(found[w.stream]) >= maxChunksRead
	}
	return nil
}

func (w *streamWork) take(c ticketing.Chunk) error {
	if c.From != w.until+1 {
		return contradicts("the journal has a gap: chunk %d..%d follows %d", c.From, c.To, w.until)
	}
	events, err := ticketing.DecodeChunk(c.Payload)
	if err != nil {
		return fmt.Errorf("chunk %d..%d: %w", c.From, c.To, err) // perhaps of a newer program: trying again may help
	}
	if uint64(len(events)) != c.To-c.From+1 {
		return contradicts("chunk %d..%d holds %d events", c.From, c.To, len(events))
	}
	w.events = append(w.events, events...)
	w.until = c.To
	return nil
}

// foldAll loads what the events touch and takes them in.
func (p *Projector) foldAll(ctx context.Context, tx pgx.Tx, work []*streamWork) error {
	if err := foldCampaigns(ctx, tx, work); err != nil {
		return err
	}
	fs, wants := folds{}, newWanted()
	for _, w := range work {
		id, ok := w.stream.Round()
		if !ok || w.failed != nil || len(w.events) == 0 {
			continue
		}
		var known bool
		if w.fold, known = p.kept.take(w.stream, w.after); !known {
			w.fold = newRoundFold(id)
			wants.whole = append(wants.whole, int64(id))
		}
		fs[id] = w.fold
		wants.want(w.fold, w.events)
	}
	if len(fs) == 0 {
		return nil
	}
	if len(wants.whole) > 0 {
		if err := fs.loadStates(ctx, tx, wants.whole); err != nil {
			return err
		}
	}
	if err := fs.loadRows(ctx, tx, wants); err != nil {
		return err
	}
	for _, w := range work {
		if w.fold == nil {
			continue
		}
		if err := p.givePlan(ctx, w); err != nil {
			return err
		}
		w.failed = w.fold.apply(w.after+1, w.events)
	}
	return nil
}

// givePlan finds the seat layout of a round: the stored one's, or that of the event that plans it.
func (p *Projector) givePlan(ctx context.Context, w *streamWork) (err error) {
	hash := w.fold.state.planHash
	if planned, first := w.events[0].Fact.(ticketing.RoundPlanned); first && w.fold.state.phase == 0 {
		hash = planned.Plan
	}
	w.fold.plan, err = p.db.Plan(ctx, hash)
	return err
}

// write sends all of the pass: rows, marks, jobs.
func (p *Projector) write(ctx context.Context, tx pgx.Tx, work []*streamWork) error {
	fs, cs := folds{}, campaignFolds{}
	var moved []*streamWork
	var jobs []ticketing.Job
	for _, w := range work {
		if w.failed != nil {
			w.until = w.after
		}
		if w.until == w.after {
			continue
		}
		moved = append(moved, w)
		jobs = append(jobs, p.effects(w)...)
		if w.fold != nil {
			fs[w.fold.id] = w.fold
		}
		if w.coupons != nil {
			cs[w.coupons.id] = w.coupons
		}
	}
	if len(moved) == 0 {
		return nil
	}
	var batch pgx.Batch
	fs.queue(&batch)
	cs.queue(&batch)
	batch.Queue(moveMarksSQL, moveMarksArgs(moved)...).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(len(moved)) {
			return errors.New("another projector moved a stream that was locked")
		}
		return nil
	})
	if len(jobs) > 0 {
		if err := p.db.enqueue(ctx, tx, jobs); err != nil {
			return enqueueError{err}
		}
	}
	return tx.SendBatch(ctx, &batch).Close() // the marks last: their rows are others', too
}

// effects are the jobs of a stream's events, once and for ever: those made before are not made again when the
// tables are.
func (p *Projector) effects(w *streamWork) (jobs []ticketing.Job) {
	for i, e := range w.events {
		if seq := w.after + 1 + uint64(i); seq > w.effects {
			jobs = append(jobs, p.opts.EffectsOf(w.stream, seq, e)...)
		}
	}
	return jobs
}

// enqueueError is a failure of the jobs' room. It says nothing about the stream.
type enqueueError struct{ error }

func (e enqueueError) Unwrap() error { return e.error }
func (e enqueueError) Error() string { return "enqueueing jobs: " + e.error.Error() }

// isContradiction: trying again will not help, the stream or its rows must be looked at. A seat that two live
// reservations have is one.
func isContradiction(err error) bool {
	var jobs enqueueError
	if errors.As(err, &jobs) {
		return false
	}
	var c contradiction
	return errors.As(err, &c) || isDataError(err)
}

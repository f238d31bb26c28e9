package persistence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// ErrTooManyWait: MaxWaiting callers of AwaitProjected wait already.
var ErrTooManyWait = errors.New("too many wait for the read tables")

// waiter waits until its stream is projected up to seq.
type waiter struct {
	seq     uint64
	reached chan struct{} // closed
}

// Projected is the last seq of the stream that is in the read tables. It returns ticketing.ErrNotFound for an
// unknown stream.
func (db *DB) Projected(ctx context.Context, s ticketing.Stream) (uint64, error) {
	seq, err := one(ctx, db, pgx.RowTo[uint64], `SELECT projected_seq FROM streams WHERE stream = $1`, string(s))
	if err != nil {
		return 0, fmt.Errorf("how far %s is projected: %w", s, err)
	}
	return seq, nil
}

// Projected is the same of the projector's database.
func (p *Projector) Projected(ctx context.Context, s ticketing.Stream) (uint64, error) {
	return p.db.Projected(ctx, s)
}

// AwaitProjected waits until the read tables hold the stream's event seq, as long as ctx allows: then it returns
// the error of ctx. It returns ticketing.ErrNotFound for an unknown stream, and ErrTooManyWait.
func (p *Projector) AwaitProjected(ctx context.Context, s ticketing.Stream, seq uint64) error {
	w, err := p.await(s, seq)
	if w == nil {
		return err
	}
	defer p.leave(s, w)
	// It may have been projected before we came, or by another process.
	if at, err := p.db.Projected(ctx, s); err != nil || at >= seq {
		return err
	}
	p.Hint(s)
	signal(p.hurry)
	select {
	case <-w.reached:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s@%d in the read tables: %w", s, seq, ctx.Err())
	}
}

// AwaitCommitted waits until the read tables hold all that had been committed when it was called, but for frozen streams, as
// long as ctx allows: then it returns the error of ctx. Also ErrTooManyWait.
func (p *Projector) AwaitCommitted(ctx context.Context) error {
	for {
		heads, err := many(ctx, p.db, pgx.RowToStructByPos[streamHead], headsSQL, MaxHints)
		if err != nil {
			return fmt.Errorf("looking for what is not in the read tables: %w", err)
		}
		if err := p.awaitAll(ctx, heads); err != nil || len(heads) < MaxHints {
			return err
		}
	}
}

type streamHead struct {
	Stream ticketing.Stream
	Seq    uint64
}

const headsSQL = `
SELECT stream, head FROM (
  SELECT s.stream, s.projected_seq, (SELECT j.to_seq FROM journal j WHERE j.stream = s.stream ORDER BY j.from_seq DESC LIMIT 1) AS head
    FROM streams s WHERE s.frozen_at IS NULL) f
 WHERE head > projected_seq ORDER BY stream LIMIT $1`

// Lacks tells whether frozen rounds have events that are not in the read tables, and will not be until a person has looked.
func (p *Projector) Lacks(ctx context.Context) (bool, error) {
	lacks, err := one(ctx, p.db, pgx.RowTo[bool], `SELECT EXISTS (`+aheadOf+`projected_seq AND s.frozen_at IS NOT NULL AND s.stream LIKE 'round:%')`)
	if err != nil {
		return false, fmt.Errorf("looking for what frozen rounds keep from the read tables: %w", err)
	}
	return lacks, nil
}

// awaitAll waits for several streams at the same time.
func (p *Projector) awaitAll(ctx context.Context, heads []streamHead) error {
	waiters := make([]*waiter, 0, len(heads))
	for _, h := range heads {
		w, err := p.await(h.Stream, h.Seq)
		if err != nil {
			return err
		}
		if w == nil {
			continue
		}
		defer p.leave(h.Stream, w)
		waiters = append(waiters, w)
		p.Hint(h.Stream)
	}
	signal(p.hurry)
	for _, w := range waiters {
		select {
		case <-w.reached:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d streams in the read tables: %w", len(waiters), ctx.Err())
		}
	}
	return nil
}

// await registers a waiter; nil when there is nothing to wait for.
func (p *Projector) await(s ticketing.Stream, seq uint64) (*waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.marks[s] >= seq {
		return nil, nil
	}
	if p.stats.Waiting >= MaxWaiting {
		return nil, ErrTooManyWait
	}
	p.stats.Waiting++
	w := &waiter{seq: seq, reached: make(chan struct{})}
	p.waiters[s] = append(p.waiters[s], w)
	return w, nil
}

func (p *Projector) leave(s ticketing.Stream, w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Waiting--
	left := slices.DeleteFunc(p.waiters[s], func(other *waiter) bool { return other == w })
	if len(left) == 0 {
		delete(p.waiters, s)
	} else {
		p.waiters[s] = left
	}
}

// mark notes how far a stream is, and wakes whoever waits for that; p.mu is held.
func (p *Projector) mark(s ticketing.Stream, seq uint64) {
	if len(p.marks) >= maxMarks {
		clear(p.marks) // who asks looks into the table
	}
	p.marks[s] = seq
	p.waiters[s] = slices.DeleteFunc(p.waiters[s], func(w *waiter) bool {
		if w.seq <= seq {
			close(w.reached)
		}
		return w.seq <= seq
	})
	if len(p.waiters[s]) == 0 {
		delete(p.waiters, s)
	}
}

// Rebuild empties the read tables and folds them again from the first event, without enqueueing any job a second
// time. Readers see less than there is meanwhile; the program may go on. Marks that froze streams are taken away:
// who contradicts himself is found out again, and named in the error.
func (p *Projector) Rebuild(ctx context.Context) error {
	conn, err := p.connect(ctx)
	if err != nil {
		return fmt.Errorf("rebuilding the read tables: %w", err)
	}
	defer p.disconnect(conn)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		defer p.forgetMarks() // before others see empty tables: who waits for all that was committed must wait
		return emptyTables(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("emptying the read tables: %w", err)
	}
	// A pass that was done just before may have noted its own meanwhile.
	p.forgetMarks()
	other := NewProjector(p.db, p.opts) // a rival to p, which both are made for
	for {
		worked, more, err := other.step(ctx, conn)
		if err != nil {
			return fmt.Errorf("rebuilding the read tables: %w", err)
		}
		if more {
			if p.opts.Busy() {
				other.rest(ctx, worked, true)
			}
			continue
		}
		left, err := other.left(ctx, conn)
		if err != nil {
			return fmt.Errorf("rebuilding the read tables: %w", err)
		}
		if !left {
			return other.failures()
		}
		other.sweepSoon()
	}
}

// emptyTables waits until no pass is under way, and keeps new ones waiting.
func emptyTables(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, lockAllSQL, int64(projectorLock)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `TRUNCATE reservations, reservation_seats, orders, round_states, coupons, campaign_states`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE streams SET projected_seq = 0, frozen_at = NULL, frozen_reason = NULL WHERE retired_at IS NULL`)
	return err
}

// left tells whether streams are behind that have not failed.
func (p *Projector) left(ctx context.Context, conn *pgx.Conn) (bool, error) {
	behind, err := p.behind(ctx, conn)
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(behind, func(s ticketing.Stream) bool { return p.failing[s] == nil }), nil
}

func (p *Projector) failures() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all error
	for _, s := range slices.Sorted(maps.Keys(p.failing)) {
		all = errors.Join(all, fmt.Errorf("%s could not be rebuilt: %w", s, p.failing[s]))
	}
	return all
}

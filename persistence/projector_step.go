package persistence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// step is one pass over some of the streams that have something new. More says that there was more than a pass takes;
// what was committed meanwhile is no reason to hurry, for the next pass costs less for having waited. An error means
// that the connection must go.
func (p *Projector) step(ctx context.Context, conn *pgx.Conn) (worked time.Duration, more bool, err error) {
	if err := p.sweepIfDue(ctx, conn); err != nil {
		return 0, false, err
	}
	began := time.Now()
	streams, behind := p.take(began)
	if len(streams) == 0 {
		return 0, false, nil
	}
	p.backlog = false
	err = p.pass(ctx, conn, streams)
	worked = time.Since(began)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.LastPass = worked
	if err != nil {
		for _, s := range streams {
			p.hinted[s] = hint{head: p.hinted[s].head}
		}
	}
	return worked, behind || p.backlog && !p.crowd || p.sweep, err
}

// sweepIfDue looks for streams whose journal is ahead, hinted at or not.
func (p *Projector) sweepIfDue(ctx context.Context, conn *pgx.Conn) error {
	p.mu.Lock()
	due := p.sweep
	p.sweep = false
	p.mu.Unlock()
	if !due {
		return nil
	}
	found, err := p.behind(ctx, conn)
	if err == nil {
		err = p.tellFrozen(ctx) // another process may have found a contradiction: whoever serves must know
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.sweep = true
		return fmt.Errorf("looking for streams to project: %w", err)
	}
	p.leftOver = len(found) == MaxHints
	for _, s := range found {
		if _, known := p.hinted[s]; !known {
			p.hinted[s] = hint{}
		}
	}
	return nil
}

func (p *Projector) behind(ctx context.Context, q querier) ([]ticketing.Stream, error) {
	rows, err := q.Query(ctx, aheadOf+`projected_seq AND s.frozen_at IS NULL ORDER BY s.stream LIMIT $1`, MaxHints)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[ticketing.Stream])
}

// take picks the streams of the next pass, and says whether there is a backlog.
func (p *Projector) take(now time.Time) (streams []ticketing.Stream, behind bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.countCrowd(now)
	if p.crowd {
		if streams, behind = p.takeFew(now); !behind {
			return streams, false
		}
	}
	p.passBytes = p.opts.PassBytes
	for s := range p.hinted {
		if len(streams) >= p.opts.PassStreams {
			break
		}
		delete(p.hinted, s)
		streams = append(streams, s)
	}
	if len(p.hinted) == 0 && p.leftOver {
		p.sweep, p.leftOver = true, false
	}
	return streams, len(p.hinted) > 0
}

// takeFew picks those that somebody waits for and some that have grown for long enough. Behind says that others have
// for too long. p.mu is held.
func (p *Projector) takeFew(now time.Time) (streams []ticketing.Stream, behind bool) {
	p.passBytes = min(p.opts.PassBytes, crowdBytes)
	events := uint64(0)
	pick := func(s ticketing.Stream, h hint) bool {
		if events >= crowdEvents || len(streams) >= min(crowdStreams, p.opts.PassStreams) {
			return false
		}
		events += h.beyond(p.marks[s])
		delete(p.hinted, s)
		streams = append(streams, s)
		return true
	}
	for s := range p.waiters {
		if h, hinted := p.hinted[s]; hinted && !pick(s, h) {
			break
		}
	}
	for s, h := range p.hinted {
		age := now.Sub(h.since)
		if h.since.IsZero() {
			age = crowdLag
		}
		if age >= crowdLag && !pick(s, h) && age >= crowdBehind {
			return streams, true
		}
	}
	return streams, false
}

// countCrowd looks now and then whether a crowd is buying. p.mu is held.
func (p *Projector) countCrowd(now time.Time) {
	elapsed := now.Sub(p.counted)
	if elapsed < crowdWindow {
		return
	}
	p.crowd = float64(p.heard) >= crowdRate*elapsed.Seconds()
	p.heard, p.counted = 0, now
}

// pass moves the streams, together if that goes, else one by one, so that a bad one holds up nobody else.
func (p *Projector) pass(ctx context.Context, conn *pgx.Conn, streams []ticketing.Stream) error {
	work, err := p.project(ctx, conn, streams)
	switch {
	case err == nil:
		return p.settle(ctx, work)
	case ctx.Err() != nil || conn.IsClosed():
		return err
	case len(streams) == 1:
		p.count(func(s *ProjectorStats) { s.Failed++ })
		return p.fail(ctx, streams[0], err)
	}
	p.count(func(s *ProjectorStats) { s.Failed++ })
	p.log.Warn("projector: pass failed, going on stream by stream", "streams", len(streams), "err", err)
	for i := range streams {
		if err := p.pass(ctx, conn, streams[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// settle tells whoever waits how far the streams are, and sorts out those that failed.
func (p *Projector) settle(ctx context.Context, work []*streamWork) error {
	p.mu.Lock()
	newest := ticketing.Millis(0)
	for _, w := range work {
		if w.failed != nil {
			p.stats.Failed++
			continue
		}
		delete(p.failing, w.stream)
		p.stats.Events += w.until - w.after
		if w.until > w.after {
			newest = max(newest, w.events[len(w.events)-1].At)
		}
		p.mark(w.stream, w.until)
		if w.more {
			p.hinted[w.stream] = hint{head: p.hinted[w.stream].head}
			p.backlog = true
		}
	}
	if newest != 0 {
		p.stats.Passes++
		p.stats.Lag = time.Since(newest.Time())
	}
	p.mu.Unlock()
	for _, w := range work {
		if w.failed == nil {
			continue
		}
		if err := p.fail(ctx, w.stream, w.failed); err != nil {
			return err
		}
	}
	return nil
}

// fail freezes a stream that contradicts itself. Another one is tried again by the next sweep.
func (p *Projector) fail(ctx context.Context, s ticketing.Stream, reason error) error {
	p.mu.Lock()
	p.failing[s] = reason
	p.mu.Unlock()
	if !isContradiction(reason) {
		p.log.Error("projector: stream left behind, trying again at the next sweep", "stream", s, "err", reason)
		return nil
	}
	p.log.Error("projector: stream frozen: it contradicts itself, a person must look", "stream", s, "err", reason)
	p.count(func(s *ProjectorStats) { s.Frozen++ })
	p.opts.Freeze(s, reason)
	return p.db.Freeze(ctx, s, reason.Error()) // not by the projector's connection, which does not wait for the disk
}

// connectAndTell opens the projector's connection. Whoever can freeze streams forgets them when the program ends
// and the table does not, so each is told again.
func (p *Projector) connectAndTell(ctx context.Context) (*pgx.Conn, error) {
	if err := p.tellFrozen(ctx); err != nil {
		return nil, err
	}
	return p.connect(ctx)
}

func (p *Projector) tellFrozen(ctx context.Context) error {
	frozen, err := p.db.Frozen(ctx)
	for _, f := range frozen {
		p.opts.Freeze(f.Stream, errors.New(f.Reason))
	}
	return err
}

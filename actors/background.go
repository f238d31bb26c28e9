package actors

import (
	"context"
	"errors"
	"fmt"
	"io"

	"ticketblue/ticketing"
)

// background runs I/O outside of the mailboxes, a few at once, each with a deadline. The error of a wait for a
// slot that took too long is ctx's.
func (s *System) background(do func(ctx context.Context)) {
	s.io.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.IOTimeout)
		defer cancel()
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		case <-ctx.Done():
		}
		do(ctx)
	})
}

// load brings a machine back and sends it to its shell.
func (s *System) load(c *cell, attempt uint64) {
	s.metrics.activations.Inc()
	s.background(func(ctx context.Context) {
		loaded := s.restore(ctx, c.stream)
		loaded.Attempt, loaded.Now = attempt, s.millis()
		if loaded.Err != nil && !errors.Is(loaded.Err, ticketing.ErrNotFound) {
			s.metrics.loadFailures.Inc()
			s.Log.Warn("loading a stream", "stream", c.stream, "error", loaded.Err)
		}
		c.send(loaded)
	})
}

func (s *System) restore(ctx context.Context, stream ticketing.Stream) Loaded {
	if err := ctx.Err(); err != nil {
		return Loaded{Err: err}
	}
	history, err := s.Journal.Load(ctx, stream)
	if err != nil {
		return Loaded{Err: err}
	}
	machine, err := fold(stream, history)
	if err != nil && history.Snapshot != nil {
		s.Log.Warn("a snapshot does not restore, replaying the whole stream", "stream", stream, "error", err)
		if history, err = s.Journal.LoadAll(ctx, stream); err != nil {
			return Loaded{Err: err}
		}
		machine, err = fold(stream, history)
	}
	if err != nil {
		return Loaded{Err: fmt.Errorf("%w: %w", ErrBroken, err)}
	}
	loaded := Loaded{Machine: machine, Head: history.Head}
	if history.Snapshot != nil {
		loaded.SnapshotSeq = history.Snapshot.Seq
	}
	s.random.Lock()
	defer s.random.Unlock()
	_, loaded.Err = io.ReadFull(s.Random, loaded.Writer[:])
	return loaded
}

func fold(stream ticketing.Stream, h ticketing.History) (m ticketing.Machine, err error) {
	defer recovered(&err)
	return ticketing.Restore(stream, h)
}

func (s *System) save(stream ticketing.Stream, snapshot ticketing.Snapshot) {
	s.background(func(ctx context.Context) {
		if err := s.Journal.SaveSnapshot(ctx, snapshot); err != nil {
			s.notWritten("saving a snapshot", stream, err)
		}
	})
}

// notWritten is no loss: the next start reads the stream's events instead. At a stop, when there may be thousands that the
// time did not suffice for, Shutdown tells how many.
func (s *System) notWritten(what string, stream ticketing.Stream, err error) {
	if s.draining.Load() {
		s.unwritten.Add(1)
		return
	}
	s.Log.Warn(what, "stream", stream, "error", err)
}

// park keeps a passivated stream's wake time. A stream whose wake time could not be kept stays awake instead,
// unless the process ends: the read tables know the time as well.
func (s *System) park(stream ticketing.Stream, p Passivate) {
	if !p.Park {
		s.live.Done()
		return
	}
	s.background(func(ctx context.Context) {
		defer s.live.Done()
		if err := s.Journal.Park(ctx, stream, p.WakeAt); err != nil {
			s.notWritten("parking a stream", stream, err)
			s.wake(stream)
		}
	})
}

// keepFrozen remembers over a restart that a stream is frozen. Where that fails it is frozen all the same, until the
// restart, and finds out again what is wrong with it.
func (s *System) keepFrozen(stream ticketing.Stream, reason error) {
	s.background(func(ctx context.Context) {
		if err := s.Journal.Freeze(ctx, stream, fmt.Sprint(reason)); err != nil {
			s.Log.Error("keeping that a stream is frozen", "stream", stream, "error", err)
		}
	})
}

package search

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ticketblue/ticketing"
)

// ReservationSource is the part of a source that an engine asks which keeps reservations.
type ReservationSource interface {
	// ReservationsNaming lists the reservations that a choice means, in the order of their ids, at most limit of them
	// after the given one; "" is before the first.
	ReservationsNaming(ctx context.Context, which ticketing.ReservationChoice, after string, limit int) ([]string, error)
	// ProjectedUpTo is the last event of each stream that the source has taken in; streams it does not know are left out.
	ProjectedUpTo(ctx context.Context, streams []ticketing.Stream) (map[ticketing.Stream]uint64, error)
}

// ErrNotYet says that the source does not have yet what somebody tells of it. It is no failure (Later).
var ErrNotYet error = notYet{}

type notYet struct{}

func (notYet) Error() string { return "search: the read tables are behind" }
func (notYet) Later() bool   { return true }

const (
	sourceWithin = 2 * time.Second // for the source to take in what it will have in a moment
	sourceEvery  = 50 * time.Millisecond
	sliceOf      = 20 * Batch // reservations that are refreshed before others have their turn
)

// ToldOfSales takes in what happened in streams of rounds, up to the events that are told: it waits a moment for the
// source, and returns ErrNotYet when that is behind for longer.
func (s *Sync) ToldOfSales(ctx context.Context, changes []Change) error {
	upTo, choices := map[ticketing.Stream]uint64{}, map[ticketing.Stream]*ticketing.ReservationChoice{}
	for _, c := range changes {
		round, ok := c.Stream.Round()
		if !ok {
			continue
		}
		which := choices[c.Stream]
		if which == nil {
			which = &ticketing.ReservationChoice{Round: round}
			choices[c.Stream] = which
		}
		for _, e := range c.Events {
			touched(which, e.Fact)
		}
		upTo[c.Stream] = max(upTo[c.Stream], c.From+uint64(len(c.Events))-1)
	}
	for stream, which := range choices {
		if !which.Whole && len(which.Numbers)+len(which.Users) == 0 {
			delete(upTo, stream) // such as the sale's opening
			delete(choices, stream)
		}
	}
	if err := s.awaitSource(ctx, upTo); err != nil {
		return err
	}
	for _, which := range choices {
		if err := s.refreshChosen(ctx, *which); err != nil {
			return err
		}
	}
	return nil
}

// touched adds what a fact may have changed. Seats move between holds of one customer.
func touched(which *ticketing.ReservationChoice, f ticketing.Fact) {
	number := uint32(0)
	switch f := f.(type) {
	case ticketing.SeatsHeld:
		number = f.Number
		which.Users = append(which.Users, f.User)
	case ticketing.HoldReleased:
		number = f.Number
	case ticketing.HoldLapsed:
		number = f.Number
	case ticketing.PaymentStarted:
		number = f.Number
	case ticketing.PaymentPriced:
		number = f.Number
	case ticketing.PaymentConfirming:
		number = f.Number
	case ticketing.PaymentDeclined:
		number = f.Number
	case ticketing.ReservationConfirmed:
		number = f.Number
	case ticketing.ReservationCanceled:
		number = f.Number
	case ticketing.RefundDue:
		number = f.Number
	case ticketing.Refunded:
		number = f.Number
	case ticketing.RoundCanceled:
		which.Whole = true
	}
	if number != 0 {
		which.Numbers = append(which.Numbers, number)
	}
}

// awaitSource waits until the source has events of streams.
func (s *Sync) awaitSource(ctx context.Context, upTo map[ticketing.Stream]uint64) error {
	if len(upTo) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sourceWithin)
	defer cancel()
	tick := time.NewTicker(sourceEvery)
	defer tick.Stop()
	for {
		streams := make([]ticketing.Stream, 0, len(upTo))
		for stream := range upTo {
			streams = append(streams, stream)
		}
		has, err := s.source.ProjectedUpTo(ctx, streams)
		if err != nil {
			return err
		}
		for stream, seq := range upTo {
			if has[stream] >= seq {
				delete(upTo, stream)
			}
		}
		if len(upTo) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d streams: %w", len(upTo), ErrNotYet)
		}
	}
}

func (s *Sync) refreshChosen(ctx context.Context, which ticketing.ReservationChoice) error {
	for after := ""; ; {
		next, err := s.RefreshReservations(ctx, which, after)
		if err != nil || next == "" {
			return err
		}
		after = next
	}
}

// RefreshReservations refreshes those that a choice means after one of them ("": from the first), and returns the one to
// go on after; "" when none is left. Where reservations are not kept, an index that was made before is not whole any more.
func (s *Sync) RefreshReservations(ctx context.Context, which ticketing.ReservationChoice, after string) (next string, err error) {
	if !slices.Contains(s.engine.Kinds(), ticketing.FindReservations) {
		return "", s.mark(ctx, ticketing.FindReservations, "")
	}
	for part := range slices.Chunk(which.IDs, Batch) {
		ids := make([]string, len(part))
		for i, id := range part {
			ids[i] = id.String()
		}
		if err := s.Refresh(ctx, ticketing.FindReservations, ids); err != nil {
			return "", err
		}
	}
	if len(which.IDs) > 0 {
		return "", nil
	}
	for done := 0; done < sliceOf; {
		ids, err := s.source.ReservationsNaming(ctx, which, after, Batch)
		if err != nil || len(ids) == 0 {
			return "", err
		}
		if err := s.Refresh(ctx, ticketing.FindReservations, ids); err != nil {
			return "", err
		}
		after, done = ids[len(ids)-1], done+len(ids)
		if len(ids) < Batch {
			return "", nil
		}
	}
	return after, nil
}

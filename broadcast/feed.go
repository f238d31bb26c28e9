package broadcast

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ticketblue/ticketing"
)

// feed is one round's live map and all who watch it.
type feed struct {
	hub    *Hub
	round  ticketing.RoundID
	stream ticketing.Stream
	ctx    context.Context
	stop   context.CancelFunc
	ready  chan struct{} // closed when there is a view, or never will be

	viewing int         // of the hub's mutex: viewers, and those who wait for ready
	linger  *time.Timer // of the hub's mutex: runs while viewing is 0

	mu       sync.Mutex
	err      error // why it ended
	view     *ticketing.View
	phase    ticketing.Phase // as last sent
	pending  map[ticketing.SeatIndex]ticketing.SeatState
	ring     ring
	snapshot ticketing.Frame // the newest one encoded; shared while few frames follow it
	viewers  map[*viewer]struct{}
}

// viewer is somebody who watches. Its channel is closed by whoever takes it out of the feed's set.
type viewer struct {
	frames   chan ticketing.Frame
	stopWait func() bool // the wait for the end of its context
}

func newFeed(h *Hub, round ticketing.RoundID) *feed {
	f := &feed{
		hub: h, round: round, stream: ticketing.RoundStream(round), ready: make(chan struct{}),
		pending: map[ticketing.SeatIndex]ticketing.SeatState{}, viewers: map[*viewer]struct{}{},
	}
	f.ctx, f.stop = context.WithCancel(context.Background())
	f.linger = time.AfterFunc(time.Hour, func() { h.retire(f) })
	f.linger.Stop()
	return f
}

// join makes a viewer of somebody who waited for ready.
func (f *feed) join(ctx context.Context, after uint64) (<-chan ticketing.Frame, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	first := f.first(after)
	v := &viewer{frames: make(chan ticketing.Frame, len(first)+viewerFrames)}
	for _, frame := range first {
		v.frames <- frame
	}
	f.viewers[v] = struct{}{}
	v.stopWait = context.AfterFunc(ctx, func() { f.part(v) })
	return v.frames, nil
}

// first is what a viewer gets before the live frames: what it missed, or a snapshot and what came after that.
func (f *feed) first(after uint64) []ticketing.Frame {
	if missed, ok := f.ring.after(after); ok && after <= f.view.Seq() {
		return missed
	}
	since, ok := f.ring.after(f.snapshot.Seq)
	if !f.snapshot.Snapshot || !ok || len(since) > snapshotReuse {
		f.hub.b.metrics.snapshots.Inc()
		f.snapshot = ticketing.Frame{Seq: f.view.Seq(), Snapshot: true,
			Data: f.hub.cfg.EncodeSnapshot(f.round, f.view.Seq(), f.view.States(), f.view.Phase())}
		since = nil
	}
	return append([]ticketing.Frame{f.snapshot}, since...)
}

// part ends one viewer.
func (f *feed) part(v *viewer) {
	f.mu.Lock()
	_, watching := f.viewers[v]
	if watching {
		delete(f.viewers, v)
		close(v.frames)
	}
	f.mu.Unlock()
	if watching {
		f.hub.leave(f, 1)
	}
}

// flush sends what has changed since the last frame, and reports whether there was anything.
func (f *feed) flush() bool {
	sent, cut := f.sendPending()
	if cut > 0 {
		f.hub.b.metrics.cut.Add(float64(cut))
		f.hub.leave(f, cut)
	}
	return sent
}

func (f *feed) sendPending() (sent bool, cut int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) == 0 && f.view.Phase() == f.phase {
		return false, 0
	}
	return true, f.send(f.delta())
}

func (f *feed) delta() ticketing.Delta {
	d := ticketing.Delta{Seq: f.view.Seq(), Phase: f.view.Phase(), Changes: make([]ticketing.SeatChange, 0, len(f.pending))}
	for seat, state := range f.pending {
		d.Changes = append(d.Changes, ticketing.SeatChange{Seat: seat, State: state})
	}
	slices.SortFunc(d.Changes, func(a, b ticketing.SeatChange) int { return cmp.Compare(a.Seat, b.Seat) })
	clear(f.pending)
	f.phase = d.Phase
	return d
}

// send gives a delta to everybody and cuts those who have no room for it.
func (f *feed) send(d ticketing.Delta) (cut int) {
	frame := ticketing.Frame{Seq: d.Seq, Data: f.hub.cfg.Encode(d)}
	f.ring.push(frame)
	f.hub.b.metrics.frames.Inc()
	for v := range f.viewers {
		select {
		case v.frames <- frame:
		default:
			delete(f.viewers, v)
			close(v.frames)
			v.stopWait()
			cut++
		}
	}
	return cut
}

// end closes every viewer's channel. Who waits for ready gets the error.
func (f *feed) end(err error) {
	f.hub.forget(f)
	f.mu.Lock()
	f.err = cmp.Or(err, ErrHubClosed)
	n := len(f.viewers)
	for v := range f.viewers {
		close(v.frames)
		v.stopWait()
	}
	clear(f.viewers)
	if f.view == nil {
		close(f.ready)
	}
	f.mu.Unlock()
	f.hub.leave(f, n)
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ticketing.ErrNotFound) {
		f.hub.b.log.Warn("a live map ended; its viewers come back", "round", int64(f.round), "viewers", n, "error", err)
	}
}

// ask takes the map from the owner. While the owner is away or has too much to do, those who watch already see a map that
// stands still, for OwnerPatience at most; those who wait for a first map are told at once. No lock is held meanwhile.
func (f *feed) ask() error {
	giveUp := time.Now().Add(f.hub.cfg.OwnerPatience)
	for wait := askAgainAfter; ; wait = min(2*wait, askAgainEvery) {
		err := f.resync()
		var owner *OwnerError
		if err == nil || f.view == nil || !errors.As(err, &owner) || !owner.passing() || time.Now().Add(wait).After(giveUp) {
			return err
		}
		if err := pause(f.ctx, wait); err != nil {
			return err
		}
	}
}

// resync takes the map from the owner, the first time or again. Viewers get the difference as one delta.
func (f *feed) resync() error {
	ctx, cancel := context.WithTimeout(f.ctx, askDeadline)
	defer cancel()
	answer := f.hub.cfg.Ask(ctx, f.stream, ticketing.ReadView{})
	if answer.Code != ticketing.OK {
		return &OwnerError{f.round, answer.Code}
	}
	view, err := ticketing.NewView(answer)
	if err != nil {
		return fmt.Errorf("broadcast: round %d: %w", f.round, err)
	}
	f.hub.b.metrics.resyncs.Inc()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch old := f.view; {
	case old == nil:
		f.view, f.phase, f.ring.base = view, view.Phase(), view.Seq()
		close(f.ready)
	case view.Seq() > old.Seq():
		before, now := old.States(), view.States()
		if len(before) != len(now) {
			return fmt.Errorf("broadcast: round %d has %d seats and had %d", f.round, len(now), len(before))
		}
		for i := range now {
			if now[i] != before[i] {
				f.pending[ticketing.SeatIndex(i)] = ticketing.SeatState(now[i])
			}
		}
		f.view = view
	}
	return nil
}

// take brings the view up to date with a message. It returns false when the message cannot follow the view.
func (f *feed) take(m message) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.to <= f.view.Seq() {
		return true
	}
	if m.from > f.view.Seq()+1 {
		return false
	}
	after := f.view.Seq()
	events, err := m.after(after)
	if err != nil {
		return false
	}
	for i, e := range events {
		changes, err := f.view.See(after+1+uint64(i), e)
		if err != nil {
			return false
		}
		for _, c := range changes {
			f.pending[c.Seat] = c.State
		}
	}
	return true
}

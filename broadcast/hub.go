package broadcast

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ticketblue/ticketing"
)

// The hub's pace and limits.
const (
	MaxViewers      = 20_000 // of all rounds on this node
	MaxRoundViewers = 15_000
	FrameEvery      = 100 * time.Millisecond // deltas are coalesced to ten a second
	Linger          = 5 * time.Second        // a round is kept up to date after its last viewer left: most come back

	viewerFrames  = 16      // a viewer this far behind is cut; what it missed before it came counts extra
	ringFrames    = 1024    // what a viewer that comes back may have missed
	ringBytes     = 8 << 20 // of their data, per round
	snapshotReuse = 8       // frames after a snapshot before it is encoded anew; less than viewerFrames
	askDeadline   = 3 * time.Second
	openDeadline  = 3 * time.Second
	OwnerPatience = 30 * time.Second // an owner may be away so long before its viewers are cut; meanwhile their map stands still
	askAgainAfter = 50 * time.Millisecond
	askAgainEvery = 2 * time.Second // at least, while the owner is away
	reopenAfter   = time.Second
	inactiveAfter = 30 * time.Second // JetStream forgets a consumer we left without a word
)

// ErrTooManyViewers is what errors.Is finds when a cap is reached.
var ErrTooManyViewers = errors.New("too many viewers of live maps")

// ErrHubClosed is returned by Watch after Close.
var ErrHubClosed = errors.New("broadcast: the hub is closed")

// OwnerError says that a round's owner did not show its map.
type OwnerError struct {
	Round ticketing.RoundID
	Code  ticketing.Code
}

func (e *OwnerError) Error() string {
	return fmt.Sprintf("broadcast: the owner of round %d answers %s", e.Round, e.Code)
}

// passing tells that the same question may soon be answered.
func (e *OwnerError) passing() bool {
	return e.Code == ticketing.CodeUnavailable || e.Code == ticketing.CodeBusy
}

// Is tells ticketing.ErrNotFound apart: there is no such round.
func (e *OwnerError) Is(target error) bool {
	return target == ticketing.ErrNotFound && e.Code == ticketing.CodeNotFound
}

// HubConfig is what a hub needs; zero durations and caps mean the constants above.
type HubConfig struct {
	Broadcaster *Broadcaster
	// Ask asks the owner of a stream. The hub asks ReadView only.
	Ask func(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result
	// Encode writes a delta, once for all viewers.
	Encode func(ticketing.Delta) []byte
	// EncodeSnapshot writes a whole map: one SeatState per seat in plan order, which is the hub's again afterwards.
	EncodeSnapshot func(round ticketing.RoundID, seq uint64, states []byte, phase ticketing.Phase) []byte

	FrameEvery      time.Duration
	Linger          time.Duration
	OwnerPatience   time.Duration
	MaxViewers      int
	MaxRoundViewers int
}

// Hub shows live maps of rounds to many viewers, each map by one consumer of JetStream and one view, however many watch.
type Hub struct {
	cfg     HubConfig
	b       *Broadcaster
	running sync.WaitGroup

	mu      sync.Mutex // never held together with a feed's
	feeds   map[ticketing.RoundID]*feed
	viewers int
	closed  bool
}

// NewHub makes a hub. Nothing runs in it until somebody watches.
func NewHub(cfg HubConfig) *Hub {
	if cfg.FrameEvery == 0 {
		cfg.FrameEvery = FrameEvery
	}
	if cfg.Linger == 0 {
		cfg.Linger = Linger
	}
	if cfg.OwnerPatience == 0 {
		cfg.OwnerPatience = OwnerPatience
	}
	if cfg.MaxViewers == 0 {
		cfg.MaxViewers = MaxViewers
	}
	if cfg.MaxRoundViewers == 0 {
		cfg.MaxRoundViewers = MaxRoundViewers
	}
	return &Hub{cfg: cfg, b: cfg.Broadcaster, feeds: map[ticketing.RoundID]*feed{}}
}

// Watch shows a round's map until ctx ends. After is the Seq of the last frame the viewer has had, 0 for none: then, or when
// that is too long ago, a snapshot comes first, else only what was missed. The channel is closed when ctx ends, when the
// viewer falls behind, or when the map cannot be shown any more, as after OwnerPatience without its owner; the viewer may come back at once with its last Seq.
//
// It returns ErrTooManyViewers at a cap, an *OwnerError when the owner is away or knows no such round, and ErrHubClosed.
func (h *Hub) Watch(ctx context.Context, round ticketing.RoundID, after uint64) (<-chan ticketing.Frame, error) {
	f, err := h.enter(round)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.ready:
	case <-ctx.Done():
		h.leave(f, 1)
		return nil, ctx.Err()
	}
	frames, err := f.join(ctx, after)
	if err != nil {
		h.leave(f, 1)
		return nil, err
	}
	return frames, nil
}

// enter counts a viewer in and returns the round's feed, started if need be.
func (h *Hub) enter(round ticketing.RoundID) (*feed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[round]
	switch {
	case h.closed:
		return nil, ErrHubClosed
	case h.viewers >= h.cfg.MaxViewers:
		return nil, fmt.Errorf("broadcast: %w: %d on this node", ErrTooManyViewers, h.viewers)
	case f != nil && f.viewing >= h.cfg.MaxRoundViewers:
		return nil, fmt.Errorf("broadcast: %w: %d of this round", ErrTooManyViewers, f.viewing)
	}
	if f == nil {
		f = newFeed(h, round)
		h.feeds[round] = f
		h.running.Go(f.run)
		h.b.metrics.rounds.Inc()
	}
	f.linger.Stop()
	f.viewing++
	h.viewers++
	h.b.metrics.viewers.Set(float64(h.viewers))
	return f, nil
}

// leave counts n viewers out; a feed without any ends after a while.
func (h *Hub) leave(f *feed, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.viewing -= n
	h.viewers -= n
	h.b.metrics.viewers.Set(float64(h.viewers))
	if f.viewing == 0 && !h.closed {
		f.linger.Reset(h.cfg.Linger)
	}
}

// retire ends a feed that nobody has watched for a while.
func (h *Hub) retire(f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.viewing == 0 { // else somebody came while the timer fired
		h.drop(f)
		f.stop()
	}
}

// forget makes room for a new feed of the round after this one ended.
func (h *Hub) forget(f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(f)
}

func (h *Hub) drop(f *feed) {
	if h.feeds[f.round] == f {
		delete(h.feeds, f.round)
		h.b.metrics.rounds.Dec()
	}
}

// Close ends every watch and waits until all is quiet.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for _, f := range h.feeds {
		f.linger.Stop()
		f.stop()
	}
	h.mu.Unlock()
	h.running.Wait()
}

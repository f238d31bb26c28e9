package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"ticketblue/ticketing"
)

// Seat maps are read far more often than they change, and by everybody alike: each is made once per seq, compressed
// once, and shared by all readers. How new it must be the owner's durable seq tells, which costs no question: an
// answer shows at least what had been acknowledged to anybody when its request arrived.

const (
	maxBoards    = 512                   // rounds whose newest map is kept; the largest takes 100 kB, and a tenth of that packed
	packFrom     = 1 << 10               // bytes; less is not worth compressing
	packInterval = 50 * time.Millisecond // between two compressions of one round: in a rush each map is old before it is packed
)

// seatMap is a round's map at a seq as it goes over the wire.
type seatMap struct {
	seq            uint64
	etag, position string
	plain          []byte
	packed         atomic.Pointer[[]byte] // gzip, once somebody wanted it
}

func newSeatMap(id ticketing.RoundID, r ticketing.Result) *seatMap {
	return &seatMap{seq: r.Seq, etag: seatsTag(r.Seq), position: positionOf(ticketing.RoundStream(id), r.Seq), plain: appendSeats(nil, r)}
}

func seatsTag(seq uint64) string { return `"` + strconv.FormatUint(seq, 10) + `"` }

// boards keeps the board of each round that is being looked at.
type boards = otter.Cache[ticketing.RoundID, *board]

func newBoards() *boards {
	return otter.Must(&otter.Options[ticketing.RoundID, *board]{MaximumSize: maxBoards})
}

// board shows one round's newest map. One request at a time asks the owner for a newer one; all others wait for it.
type board struct {
	newest   atomic.Pointer[seatMap]
	packedAt atomic.Int64 // Unix nanoseconds

	mu     sync.Mutex
	asking *asking // nil: nobody is
}

type asking struct {
	done chan struct{}
	err  error
}

var errAbandoned = errors.New("the request that asked for the seats failed")

// atLeast is the map at a seq or a later one.
func (b *board) atLeast(ctx context.Context, seq uint64, ask func() (*seatMap, error)) (*seatMap, error) {
	for {
		if m := b.newest.Load(); m != nil && m.seq >= seq {
			return m, nil
		}
		b.mu.Lock()
		a := b.asking
		if a == nil {
			a = &asking{done: make(chan struct{}), err: errAbandoned}
			b.asking = a
			b.mu.Unlock()
			return b.lead(a, ask)
		}
		b.mu.Unlock()
		select {
		case <-a.done:
			// What came may have been decided before seq: then the next one has not.
			if a.err != nil {
				return nil, a.err
			}
		case <-ctx.Done():
			return nil, problem(ticketing.CodeUnavailable, "The seats cannot be shown just now.")
		}
	}
}

func (b *board) lead(a *asking, ask func() (*seatMap, error)) (m *seatMap, err error) {
	defer func() {
		b.mu.Lock()
		b.asking = nil
		b.mu.Unlock()
		close(a.done)
	}()
	if m, err = ask(); err == nil {
		b.newest.Store(m)
	}
	a.err = err
	return m, err
}

// pack is the map compressed; nil when that is not worth it, or not yet.
func (b *board) pack(m *seatMap, now time.Time) ([]byte, error) {
	if packed := m.packed.Load(); packed != nil {
		return *packed, nil
	}
	last := b.packedAt.Load()
	since := time.Duration(now.UnixNano() - last)
	if len(m.plain) < packFrom || since >= 0 && since < packInterval || !b.packedAt.CompareAndSwap(last, now.UnixNano()) {
		return nil, nil
	}
	packed, err := compress(m.plain, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compressing seats: %w", err)
	}
	m.packed.Store(&packed)
	return packed, nil
}

func compress(plain []byte, level int) ([]byte, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, level)
	if err != nil {
		return nil, err
	}
	_, err = z.Write(plain)
	err = errors.Join(err, z.Close())
	return packed.Bytes(), err
}

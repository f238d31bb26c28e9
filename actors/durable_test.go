package actors

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// What Durable says is never behind an answer that somebody has, and never ahead of the journal: also while commits
// fail and machines come back.
func TestDurableIsBetweenAnswersAndJournal(t *testing.T) {
	const crowd, tries, seats = 64, 40, 3000
	m := newMemory(t, seats)
	defer m.close()
	luck := rand.New(rand.NewPCG(3, 4))
	m.fault = func(int) fault { // called under m.mu
		if luck.IntN(40) == 0 {
			return fault(1 + luck.IntN(3))
		}
		return sound
	}
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(t, m, nil)
	var known atomic.Int64
	var all sync.WaitGroup
	for user := 1; user <= crowd; user++ {
		all.Go(func() {
			luck := rand.New(rand.NewPCG(uint64(user), 7))
			for i := range tries {
				r := s.Do(t.Context(), stream, reserve(user, strconv.Itoa(i), 1+luck.IntN(seats)))
				seq, ok := s.Durable(stream)
				if !ok {
					continue
				}
				known.Add(1)
				if seq < r.Seq {
					t.Errorf("an answer rests on %d, durable is %d", r.Seq, seq)
				}
				if written := m.written(stream); seq > written {
					t.Errorf("the journal ends at %d, durable is %d", written, seq)
				}
			}
		})
	}
	all.Wait()
	if known.Load() == 0 {
		t.Error("it was never known")
	}
	shutdown(t, s)
	if _, ok := s.Durable(stream); ok {
		t.Error("known with nothing in memory")
	}
}

// written is the last event of the stream in the journal.
func (m *memory) written(s ticketing.Stream) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	chunks := m.chunks[s]
	return chunks[len(chunks)-1].To
}

func TestDurableIsNotKnown(t *testing.T) {
	m := newMemory(t, 10)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	var ahead atomic.Int64
	s, own := newSystem(t, m, func(c *Config) {
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	is := func(want bool, when string) {
		t.Helper()
		if _, known := s.Durable(stream); known != want {
			t.Errorf("%s: known %t", when, known)
		}
	}
	is(false, "before anybody asked")
	s.Do(t.Context(), stream, reserve(1, "k", 1))
	is(true, "with a machine in memory")
	ahead.Store(int64(2 * time.Hour))
	is(false, "when a hold has run out, ticked or not")
	ahead.Store(0)
	is(true, "with the clock back")
	own.lost.Store(true)
	is(false, "without ownership")
	loads := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.loads
	}
	before := loads()
	s.OwnershipLost()
	own.lost.Store(false)
	if _, known := s.Durable(stream); known && loads() == before {
		t.Error("known after a loss of ownership, by the old machine: others may have written")
	}
	s.Do(t.Context(), stream, ticketing.ReadSeats{})
	is(true, "after the machine was loaded again")
	s.Freeze(stream, ErrBroken)
	eventually(t, "the freeze", func() bool { _, known := s.Durable(stream); return !known })
	shutdown(t, s)
}

// While an answer is only just about to leave, what it rests on is known already.
func TestDurableIsKnownBeforeTheAnswerLeaves(t *testing.T) {
	m := newMemory(t, 10)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(t, m, nil)
	before := s.Do(t.Context(), stream, ticketing.ReadStatus{}).Seq
	r := &request{done: make(chan struct{})} // holds up whoever answers until it is received from
	r.Token, r.Cmd = r, reserve(1, "k", 1)
	s.inFlight.Add(1)
	took := make(chan delivery, 1)
	go func() { took <- s.cell(stream).deliver(r, 1) }() // whoever delivers may be the one who answers
	eventually(t, "the reservation to be known as durable", func() bool {
		seq, known := s.Durable(stream)
		return known && seq > before
	})
	<-r.done
	if got := <-took; got != delivered {
		t.Error(got)
	}
	shutdown(t, s)
}

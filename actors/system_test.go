package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ticketblue/ticketing"
)

type lease struct{ lost atomic.Bool }

func (l *lease) Valid() bool { return !l.lost.Load() }

// dice are seeded random bytes.
func dice(seed uint64) io.Reader { return rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}) }

func newSystem(t testing.TB, m *memory, change func(*Config)) (*System, *lease) {
	t.Helper()
	own := &lease{}
	c := Config{Journal: m, Ownership: own, Log: slog.New(slog.DiscardHandler), Clock: time.Now, Random: dice(1)}
	if change != nil {
		change(&c)
	}
	return New(c), own
}

func openTerms(hold time.Duration) ticketing.Terms {
	now := ticketing.MillisOf(time.Now())
	return ticketing.Terms{
		Prices: []ticketing.KRW{10_000}, OpensAt: now - 1, ClosesAt: now.Add(100 * time.Hour), StartsAt: now.Add(101 * time.Hour),
		HoldMillis: ticketing.Millis(hold.Milliseconds()), PayMillis: 60_000, MaxPerUser: 4,
	}
}

func reserve(user int, key string, seats ...int) ticketing.ReserveSeats {
	c := ticketing.ReserveSeats{User: ticketing.UserID(user)}
	for _, n := range seats {
		c.Seats = append(c.Seats, "A-1-"+strconv.Itoa(n))
	}
	c.Key = ticketing.DigestOf(strconv.Itoa(user), key)
	c.Body = ticketing.DigestOf(c.Seats...)
	return c
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// checkLeaks fails the test when goroutines outlive what it calls.
func checkLeaks(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		if !t.Failed() {
			eventually(t, fmt.Sprintf("goroutines to end (%d at first)", before), func() bool { return runtime.NumGoroutine() <= before })
		}
	})
}

func shutdown(t *testing.T, s *System) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestCrowd(t *testing.T) {
	const crowd, tries, seats = 512, 12, 3000
	checkLeaks(t)
	m := newMemory(t, seats)
	defer m.close()
	luck := rand.New(rand.NewPCG(1, 2))
	m.fault = func(int) fault { // called under m.mu
		if luck.IntN(40) == 0 {
			return fault(1 + luck.IntN(3))
		}
		return sound
	}
	streams := []ticketing.Stream{m.plant(1, openTerms(time.Hour)), m.plant(2, openTerms(time.Hour))}
	s, _ := newSystem(t, m, func(c *Config) { c.Shell.SnapshotEvery = 100 })
	type grant struct {
		stream ticketing.Stream
		number uint32
		user   ticketing.UserID
	}
	var mu sync.Mutex
	granted := map[grant]bool{}
	codes := map[ticketing.Code]int{}
	var wg sync.WaitGroup
	for user := 1; user <= crowd; user++ {
		wg.Go(func() {
			luck := rand.New(rand.NewPCG(uint64(user), 7))
			for i := range tries {
				stream := streams[luck.IntN(2)]
				cmd := reserve(user, strconv.Itoa(i), 1+luck.IntN(seats))
				r := s.Do(t.Context(), stream, cmd)
				for range 5 { // again with the same key
					if r.Code == ticketing.CodeUnavailable {
						r = s.Do(t.Context(), stream, cmd)
					}
				}
				mu.Lock()
				codes[r.Code]++
				if r.Code == ticketing.OK {
					granted[grant{stream, r.Reservation.ID.Number, r.Reservation.User}] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Log(codes)
	if codes[ticketing.OK] == 0 || codes[ticketing.CodeSeatTaken] == 0 {
		t.Error("the crowd was not served")
	}
	shutdown(t, s)
	for _, stream := range streams {
		for _, e := range m.facts(t, stream) {
			if held, ok := e.Fact.(ticketing.SeatsHeld); ok {
				delete(granted, grant{stream, held.Number, held.User})
			}
		}
	}
	if len(granted) > 0 {
		t.Errorf("acknowledged and lost: %v", granted)
	}
}

func TestLateRepliesAnswerNobodyElse(t *testing.T) {
	m := newMemory(t, 500)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(t, m, nil)
	s.Do(t.Context(), stream, ticketing.ReadStatus{})
	release := m.stall()
	var wg sync.WaitGroup
	for user := 1; user <= 50; user++ {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if r := s.Do(ctx, stream, reserve(user, "late", user)); r.Code != ticketing.CodeUnavailable {
				t.Errorf("answered without a commit: %+v", r)
			}
		})
	}
	wg.Wait()
	for user := 101; user <= 300; user++ { // these wait in the same queue, on requests from the same pool
		wg.Go(func() {
			r := s.Do(t.Context(), stream, reserve(user, "in time", user))
			if r.Code != ticketing.OK || r.Reservation.User != ticketing.UserID(user) {
				t.Errorf("user %d got %q for user %d", user, r.Code, r.Reservation.User)
			}
		})
	}
	eventually(t, "the second crowd", func() bool { return s.inFlight.Load() == 250 })
	release()
	wg.Wait()
	shutdown(t, s)
}

func TestGate(t *testing.T) {
	m := newMemory(t, 500)
	defer m.close()
	one, two := m.plant(1, openTerms(time.Hour)), m.plant(2, openTerms(time.Hour))
	s, _ := newSystem(t, m, func(c *Config) { c.PerStream, c.Total, c.SagaLane = 4, 6, 1 })
	s.Do(t.Context(), one, ticketing.ReadStatus{})
	s.Do(t.Context(), two, ticketing.ReadStatus{})
	release := m.stall()
	var wg sync.WaitGroup
	fill := func(stream ticketing.Stream, first, n int) {
		before := s.inFlight.Load()
		for user := first; user < first+n; user++ {
			wg.Go(func() {
				if r := s.Do(t.Context(), stream, reserve(user, "x", user)); r.Code != ticketing.OK {
					t.Errorf("user %d: %q", user, r.Code)
				}
			})
		}
		eventually(t, "the gate to fill", func() bool { return s.inFlight.Load() == before+int64(n) })
	}
	fill(one, 1, 4)
	if r := s.Do(t.Context(), one, reserve(5, "x", 5)); r.Code != ticketing.CodeBusy {
		t.Errorf("stream's cap: %q", r.Code)
	}
	fill(two, 6, 2)
	if r := s.Do(t.Context(), two, reserve(8, "x", 8)); r.Code != ticketing.CodeBusy {
		t.Errorf("total cap: %q", r.Code)
	}
	wg.Go(func() { // a payment under way has a lane of its own
		if r := s.Do(t.Context(), one, ticketing.ApprovePayment{Number: 99, Attempt: 1}); r.Code == ticketing.CodeBusy {
			t.Errorf("saga: %q", r.Code)
		}
	})
	eventually(t, "the saga's lane", func() bool { return s.inFlight.Load() == 7 })
	if r := s.Do(t.Context(), one, ticketing.ApprovePayment{Number: 99, Attempt: 1}); r.Code != ticketing.CodeBusy {
		t.Errorf("the lane has no end: %q", r.Code)
	}
	release()
	wg.Wait()
	if n := s.inFlight.Load(); n != 0 {
		t.Errorf("%d in flight at rest", n)
	}
	shutdown(t, s)
}

// TestPassivationRacesCommands lets streams passivate all the time while a crowd keeps asking: every command is
// answered by a live shell.
func TestPassivationRacesCommands(t *testing.T) {
	checkLeaks(t)
	m := newMemory(t, 100)
	defer m.close()
	stream := m.plant(1, openTerms(24*time.Hour))
	s, _ := newSystem(t, m, func(c *Config) { c.Shell.IdleAfter = time.Millisecond })
	var wg sync.WaitGroup
	for user := 1; user <= 8; user++ {
		wg.Go(func() {
			luck := rand.New(rand.NewPCG(uint64(user), 1))
			for range 150 {
				r := s.Do(t.Context(), stream, ticketing.ReadStatus{})
				if r.Code != ticketing.OK || r.Status.Phase != ticketing.Open {
					t.Errorf("%q, %v", r.Code, r.Status.Phase)
				}
				<-time.After(time.Duration(luck.IntN(4000)) * time.Microsecond)
			}
		})
	}
	wg.Wait()
	shutdown(t, s)
	if m.loads < 5 {
		t.Errorf("only %d activations: nothing raced", m.loads)
	}
	t.Logf("%d activations", m.loads)
}

func TestUnknownStreamLeavesNothingBehind(t *testing.T) {
	m := newMemory(t, 10)
	defer m.close()
	s, _ := newSystem(t, m, nil)
	for n := range 20 {
		if r := s.Do(t.Context(), ticketing.RoundStream(ticketing.RoundID(n+1)), ticketing.ReadStatus{}); r.Code != ticketing.CodeNotFound {
			t.Errorf("%q", r.Code)
		}
	}
	eventually(t, "cells to go", func() bool {
		n := 0
		s.each(func(*cell) { n++ })
		return n == 0
	})
	shutdown(t, s)
}

func TestOwnershipLostAndFoundAgain(t *testing.T) {
	m := newMemory(t, 100)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, own := newSystem(t, m, nil)
	s.Do(t.Context(), stream, ticketing.ReadStatus{})
	release := m.stall()
	answers := make(chan ticketing.Result, 1)
	go func() { answers <- s.Do(t.Context(), stream, reserve(1, "k", 1)) }()
	eventually(t, "the command", func() bool { return s.inFlight.Load() == 1 })
	own.lost.Store(true)
	s.OwnershipLost()
	if r := <-answers; r.Code != ticketing.CodeUnavailable {
		t.Fatalf("answered by a node that does not own: %q", r.Code)
	}
	if r := s.Do(t.Context(), stream, ticketing.ReadStatus{}); r.Code != ticketing.CodeUnavailable {
		t.Fatalf("%q", r.Code)
	}
	release()
	own.lost.Store(false)
	// The first try may meet the chunk that was in flight: its barrier is fenced then, and the answer unavailable.
	eventually(t, "service", func() bool { return s.Do(t.Context(), stream, reserve(1, "k", 1)).Code == ticketing.OK })
	shutdown(t, s)
}

// TestOwnershipLostBeforeTheWordOfIt: the lock was lost and has come back while the word of the loss still waits
// in the mailbox. What is in memory is stale: a rival may have sold in between.
func TestOwnershipLostBeforeTheWordOfIt(t *testing.T) {
	m := newMemory(t, 100)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(t, m, nil)
	s.Do(t.Context(), stream, ticketing.ReadStatus{})
	s.epoch.Add(1)
	if r := s.Do(t.Context(), stream, ticketing.ReadStatus{}); r.Code != ticketing.CodeUnavailable {
		t.Fatalf("%q from stale memory", r.Code)
	}
	s.OwnershipLost()
	if r := s.Do(t.Context(), stream, ticketing.ReadStatus{}); r.Code != ticketing.OK || m.loads != 2 {
		t.Fatalf("%q after %d loads", r.Code, m.loads)
	}
	shutdown(t, s)
}

func TestSnapshotThatDoesNotRestoreIsLeftAside(t *testing.T) {
	m := newMemory(t, 100)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(t, m, nil)
	granted := s.Do(t.Context(), stream, reserve(1, "k", 1))
	shutdown(t, s)
	damaged := m.snapshots[stream]
	damaged.State = slices.Clone(damaged.State)
	damaged.State[len(damaged.State)/2] ^= 1
	m.snapshots[stream] = damaged

	s, _ = newSystem(t, m, func(c *Config) { c.Random = dice(2) })
	r := s.Do(t.Context(), stream, ticketing.ReadReservation{User: 1, Number: granted.Reservation.ID.Number})
	if r.Code != ticketing.OK || !slices.Equal(r.Reservation.Seats, granted.Reservation.Seats) {
		t.Fatalf("%q %v", r.Code, r.Reservation)
	}
	shutdown(t, s)
}

func TestJournalThatPanics(t *testing.T) {
	m := newMemory(t, 100)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(t, m, nil)
	s.Do(t.Context(), stream, ticketing.ReadStatus{})
	s.Journal = &panicky{memory: m}
	if r := s.Do(t.Context(), stream, reserve(1, "k", 1)); r.Code != ticketing.CodeUnavailable {
		t.Fatalf("%q", r.Code)
	}
	eventually(t, "recovery", func() bool { return s.Do(t.Context(), stream, reserve(1, "k", 1)).Code == ticketing.OK })
	shutdown(t, s)
}

type panicky struct {
	*memory
	calls int
}

func (p *panicky) Append(w ticketing.WriterID, count int, records []byte) {
	if p.calls++; p.calls == 1 {
		panic("append")
	}
	p.memory.Append(w, count, records)
}

// In a bubble of synctest time passes as soon as everybody waits.

func TestHoldsExpireWithNobodyAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, 100)
		stream := m.plant(1, openTerms(time.Hour))
		s, _ := newSystem(t, m, nil)
		ctx, stop := context.WithCancel(t.Context())
		waker := make(chan struct{})
		go func() { s.Wake(ctx); close(waker) }()
		r := s.Do(t.Context(), stream, reserve(1, "k", 1))
		if r.Code != ticketing.OK {
			t.Fatalf("%q", r.Code)
		}
		<-time.After(30 * time.Minute) // idle for long: passivated, and parked until shortly before the expiry
		synctest.Wait()
		if at := m.parked[stream]; at != r.Reservation.ExpiresAt {
			t.Fatalf("parked until %d, expires at %d", at, r.Reservation.ExpiresAt)
		}
		<-time.After(30*time.Minute + time.Second)
		synctest.Wait()
		events := m.facts(t, stream)
		last := events[len(events)-1]
		if _, lapsed := last.Fact.(ticketing.HoldLapsed); !lapsed || last.At > r.Reservation.ExpiresAt+10 {
			t.Fatalf("last event %T at %d, due at %d", last.Fact, last.At, r.Reservation.ExpiresAt)
		}
		stop()
		<-waker
		shutdown(t, s)
		m.close()
	})
}

func TestWakeTimeThatCannotBeKeptIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, 100)
		stream := m.plant(1, openTerms(2*time.Hour))
		s, _ := newSystem(t, m, nil)
		m.parkError = errors.New("connection refused")
		r := s.Do(t.Context(), stream, reserve(1, "k", 1))
		<-time.After(30 * time.Minute)
		synctest.Wait()
		if at := m.parked[stream]; at != r.Reservation.ExpiresAt {
			t.Fatalf("parked until %d, expires at %d", at, r.Reservation.ExpiresAt)
		}
		shutdown(t, s)
		m.close()
	})
}

func TestJournalAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, 100)
		stream := m.plant(1, openTerms(time.Hour))
		m.loadError = errors.New("connection refused")
		s, _ := newSystem(t, m, nil)
		for range 20 {
			if r := s.Do(t.Context(), stream, ticketing.ReadStatus{}); r.Code != ticketing.CodeUnavailable {
				t.Fatalf("%q", r.Code)
			}
			<-time.After(time.Second)
		}
		if m.loads > 20 {
			t.Errorf("%d loads in 20 s", m.loads)
		}
		m.mu.Lock()
		m.loadError = nil
		m.mu.Unlock()
		<-time.After(retryMax + time.Second)
		if r := s.Do(t.Context(), stream, ticketing.ReadStatus{}); r.Code != ticketing.OK {
			t.Fatalf("%q", r.Code)
		}
		shutdown(t, s)
		m.close()
	})
}

// A cell made while ownership is lost must hear of the loss, or know of it: else it would stay silent for ever. So
// the loss is counted while no cell is being made.
func TestOwnershipIsNotLostWhileACellIsMade(t *testing.T) {
	m := newMemory(t, 4)
	defer m.close()
	s, _ := newSystem(t, m, nil)
	before := s.epoch.Load()
	s.spawning.Lock() // as the making of a cell does
	lost := make(chan struct{})
	go func() {
		s.OwnershipLost()
		close(lost)
	}()
	for range 10_000 {
		if s.epoch.Load() != before {
			s.spawning.Unlock()
			t.Fatal("ownership was lost between the making of a cell and its place in the registry")
		}
		runtime.Gosched()
	}
	s.spawning.Unlock()
	<-lost
	if s.epoch.Load() != before+1 {
		t.Fatal("the loss was not counted")
	}
}

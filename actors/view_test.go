package actors

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/ticketing"
)

// told is an answer that somebody has.
type told struct {
	cmd    ticketing.Command
	result ticketing.Result
	before uint64 // what somebody had been told before this was asked
}

// judgeAnswers holds answers against the journal: a refusal is what Act says on the events up to its seq, and nobody
// is told of a state older than somebody was told of before he asked.
func (m *memory) judgeAnswers(t *testing.T, stream ticketing.Stream, answers []told) {
	t.Helper()
	slices.SortFunc(answers, func(a, b told) int { return int(a.result.Seq) - int(b.result.Seq) })
	machine := ticketing.NewRound(1, m.plan)
	events := m.facts(t, stream)
	for _, a := range answers {
		if a.result.Seq > uint64(len(events)) {
			t.Fatalf("%+v is answered by events up to %d of %d", a.cmd, a.result.Seq, len(events))
		}
		for machine.Seq() < a.result.Seq {
			machine.Apply(events[machine.Seq()])
		}
		if a.result.Seq < a.before {
			t.Fatalf("%+v is answered by events up to %d, and somebody knew %d", a.cmd, a.result.Seq, a.before)
		}
		if a.result.Code == ticketing.OK {
			continue
		}
		if _, want := ticketing.Act(machine, a.cmd, machine.LastAt()); !reflect.DeepEqual(a.result, want) {
			t.Fatalf("%+v is answered\n%+v, and at %d that is\n%+v", a.cmd, a.result, machine.Seq(), want)
		}
	}
}

// Whatever a crowd is told, by the actor or by the view, is what the journal says at the answer's seq: also while
// commits fail, machines come back and ownership is lost.
func TestRefusalsAreInTheOrderOfTheJournal(t *testing.T) {
	const crowd, tries, seats = 64, 300, 60
	m := newMemory(t, seats)
	defer m.close()
	luck := rand.New(rand.NewPCG(5, 6))
	m.fault = func(int) fault { // called under m.mu
		if luck.IntN(200) == 0 {
			return fault(1 + luck.IntN(3))
		}
		return sound
	}
	stream := m.plant(1, openTerms(time.Hour))
	registry := prometheus.NewRegistry()
	s, own := newSystem(t, m, func(c *Config) {
		c.Shell.MirrorAfter, c.Shell.SnapshotEvery, c.Metrics = 3, 200, registry
	})
	var mu sync.Mutex
	var answers []told
	var known atomic.Uint64 // what somebody has been told
	ask := func(cmd ticketing.Command) ticketing.Result {
		before := known.Load()
		r := s.Do(t.Context(), stream, cmd)
		if r.Code == ticketing.CodeUnavailable || r.Code == ticketing.CodeBusy {
			return r
		}
		for old := known.Load(); old < r.Seq && !known.CompareAndSwap(old, r.Seq); old = known.Load() {
		}
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, told{cmd, r, before})
		return r
	}
	var all sync.WaitGroup
	for user := 1; user <= crowd; user++ {
		all.Go(func() {
			luck := rand.New(rand.NewPCG(uint64(user), 7))
			for i := range tries {
				from := 1 + luck.IntN(seats-2)
				r := ask(reserve(user, strconv.Itoa(i/2), from, from+1+luck.IntN(2))) // each key twice, with another body
				if luck.IntN(8) == 0 {
					best := ticketing.ReserveBest{User: ticketing.UserID(user), Count: 1 + luck.IntN(3)}
					best.Key, best.Body = ticketing.DigestOf("best", strconv.Itoa(user), strconv.Itoa(i)), ticketing.DigestOf(strconv.Itoa(best.Count))
					ask(best)
				}
				switch {
				case r.Code == ticketing.OK && luck.IntN(2) == 0:
					ask(ticketing.ReleaseReservation{User: ticketing.UserID(user), Number: r.Reservation.ID.Number})
				case user == 1 && i%100 == 50:
					own.lost.Store(true)
					s.OwnershipLost()
					own.lost.Store(false)
				}
			}
		})
	}
	all.Wait()
	viewed := counted(t, registry, "ticketblue_actors_viewed_total")
	codes := map[ticketing.Code]int{}
	for _, a := range answers {
		codes[a.result.Code]++
	}
	t.Logf("%d answers, %.0f by the view: %v", len(answers), viewed, codes)
	if viewed < crowd {
		t.Errorf("the view has answered %.0f times", viewed)
	}
	shutdown(t, s)
	m.judgeAnswers(t, stream, answers)
}

func counted(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// While the actor is held up the view says what nobody can contradict, and is silent as soon as anybody might.
func TestViewIsSilent(t *testing.T) {
	m := newMemory(t, 10)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	var ahead atomic.Int64
	s, own := newSystem(t, m, func(c *Config) {
		c.Shell.MirrorAfter = 1
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s.Do(t.Context(), stream, reserve(1, "k", 1))
	taken := reserve(2, "k", 1)
	s.Do(t.Context(), stream, taken)
	is := func(want bool, when string) {
		t.Helper()
		if r, ok := s.Refuse(stream, taken); ok != want || ok && r.Code != ticketing.CodeSeatTaken {
			t.Errorf("%s: %q, %t", when, r.Code, ok)
		}
	}
	awaitView(t, s, stream)
	is(true, "after a refusal")
	release := m.stall()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Do(t.Context(), stream, reserve(3, "k", 3))
	}()
	eventually(t, "the order to be on its way", func() bool { return s.cell(stream).silent.Load() != 0 })
	is(true, "while another order is on its way")
	ahead.Store(int64(viewSilent + time.Millisecond))
	is(false, "while the journal owes a word for long")
	ahead.Store(0)
	release()
	<-done
	is(true, "after its word")
	ahead.Store(int64(2 * time.Hour))
	is(false, "when the hold has run out, ticked or not")
	ahead.Store(0)
	own.lost.Store(true)
	is(false, "without ownership")
	s.OwnershipLost()
	own.lost.Store(false)
	is(false, "after a loss of ownership: others may have written")
	s.Do(t.Context(), stream, taken)
	eventually(t, "another copy", func() bool { _, ok := s.Refuse(stream, taken); return ok })
	s.Freeze(stream, ErrBroken)
	eventually(t, "the freeze", func() bool { _, ok := s.Refuse(stream, taken); return !ok })
	s.draining.Store(true)
	is(false, "while draining")
	s.draining.Store(false)
	shutdown(t, s)
}

// awaitView waits for the view that a refusal has made; its answer may leave first.
func awaitView(t *testing.T, s *System, stream ticketing.Stream) {
	t.Helper()
	eventually(t, "a view", func() bool { return s.cell(stream).view.Load() != nil })
}

// A view that is behind the stream says nothing until it has caught up, and who looks at it holds nobody up.
func TestViewThatIsBehindSaysNothing(t *testing.T) {
	m := newMemory(t, 10)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(t, m, func(c *Config) { c.Shell.MirrorAfter = 1 })
	s.Do(t.Context(), stream, reserve(1, "k", 1))
	taken := reserve(2, "k", 1)
	s.Do(t.Context(), stream, taken)
	awaitView(t, s, stream)
	v := s.cell(stream).view.Load()
	v.mu.RLock() // somebody looks, for long
	if r := s.Do(t.Context(), stream, reserve(3, "k", 3)); r.Code != ticketing.OK {
		t.Error(r.Code)
	}
	if r, ok := s.Refuse(stream, taken); ok {
		t.Errorf("it knows %d, and answers from %d", s.cell(stream).durable.Load(), r.Seq)
	}
	v.mu.RUnlock()
	yes := s.Do(t.Context(), stream, reserve(4, "k", 4))
	if r, ok := s.Refuse(stream, taken); !ok || r.Seq != yes.Seq {
		t.Errorf("caught up: %t, %d of %d", ok, r.Seq, yes.Seq)
	}
	shutdown(t, s)
}

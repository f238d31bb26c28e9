package actors

import (
	"runtime"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// TestMemoryOfAnIdleRound: thousands of rounds are on sale at the same time and almost all of them are quiet. What each
// costs is the heap of its machine, shell, actor and place in the registry, the plan being shared.
func TestMemoryOfAnIdleRound(t *testing.T) {
	const rounds, seats, most = 10_000, 1_000, 5 << 10 // bytes
	m := newMemory(t, seats)
	defer m.close()
	s, _ := newSystem(t, m, nil)
	before := heap()
	streams := make([]ticketing.Stream, rounds)
	for i := range streams {
		streams[i] = m.plant(ticketing.RoundID(i+1), openTerms(time.Hour))
	}
	for _, stream := range streams {
		if r := s.Do(t.Context(), stream, ticketing.ReadSeats{}); r.Code != ticketing.OK {
			t.Fatal(r.Code)
		}
	}
	m.mu.Lock()
	m.chunks = map[ticketing.Stream][]ticketing.Chunk{} // what others have on disk
	m.mu.Unlock()
	each := (heap() - before) / rounds
	t.Logf("%d bytes a round", each)
	if each > most {
		t.Errorf("an idle round of %d seats takes %d bytes, want at most %d", seats, each, most)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools still held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

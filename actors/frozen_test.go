package actors

import (
	"testing"
	"time"

	"ticketblue/ticketing"
)

// A history that does not fold freezes its stream, and the next process finds it frozen.
func TestFrozenStaysFrozenOverARestart(t *testing.T) {
	m := newMemory(t, 100)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	sound := m.chunks[stream][0]
	m.chunks[stream][0].Payload = []byte("no chunk")
	s, _ := newSystem(t, m, nil)
	frozen := func() bool { return s.Do(t.Context(), stream, reserve(1, "k", 1)).Code == ticketing.CodeFrozen }
	eventually(t, "the second break", frozen)
	shutdown(t, s) // waits for the mark
	m.chunks[stream][0] = sound
	s, _ = newSystem(t, m, func(c *Config) { c.Random = dice(2) })
	eventually(t, "the frozen stream after a restart", frozen)
	shutdown(t, s)
}

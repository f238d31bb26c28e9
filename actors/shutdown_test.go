package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

func TestShutdownLosesNothing(t *testing.T) {
	checkLeaks(t)
	m := newMemory(t, 100)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(t, m, nil)
	s.Do(t.Context(), stream, ticketing.ReadStatus{})
	release := m.stall()
	answers := make(chan ticketing.Result, 1)
	go func() { answers <- s.Do(t.Context(), stream, reserve(1, "k", 1)) }()
	eventually(t, "the command", func() bool { return s.inFlight.Load() == 1 })

	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(short); !errors.Is(err, ErrNotDrained) {
		t.Fatalf("shut down with a command in flight: %v", err)
	}
	if r := s.Do(t.Context(), stream, ticketing.ReadStatus{}); r.Code != ticketing.CodeUnavailable {
		t.Errorf("served while draining: %q", r.Code)
	}
	release()
	shutdown(t, s)
	r := <-answers
	if r.Code != ticketing.OK {
		t.Fatalf("in flight: %q", r.Code)
	}
	if m.snapshots[stream].Seq != r.Seq || m.parked[stream] != r.Reservation.ExpiresAt {
		t.Errorf("snapshot %d, parked %d after %+v", m.snapshots[stream].Seq, m.parked[stream], r)
	}
	m.facts(t, stream)
}

// lost is a journal whose time for snapshots and wake times is over.
type lost struct{ *memory }

func (lost) SaveSnapshot(context.Context, ticketing.Snapshot) error { return context.DeadlineExceeded }

func (lost) Park(context.Context, ticketing.Stream, ticketing.Millis) error {
	return context.DeadlineExceeded
}

// However many rounds cannot be written down at a stop, the log says so once.
func TestShutdownTellsOnce(t *testing.T) {
	checkLeaks(t)
	m := newMemory(t, 100)
	defer m.close()
	var said bytes.Buffer
	s, _ := newSystem(t, m, func(c *Config) { c.Journal, c.Log = lost{m}, slog.New(slog.NewTextHandler(&said, nil)) })
	const rounds = 20
	for id := range rounds {
		s.Do(t.Context(), m.plant(ticketing.RoundID(id+1), openTerms(time.Hour)), ticketing.ReadStatus{})
	}
	shutdown(t, s)
	if lines := strings.Count(said.String(), "\n"); lines != 1 || !strings.Contains(said.String(), fmt.Sprintf("writes=%d", 2*rounds)) {
		t.Errorf("the log has %d lines: %s", lines, said.String())
	}
}

package actors

import (
	"context"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// BenchmarkDo measures the way through the room and back, over a journal in memory.
func BenchmarkDo(b *testing.B) {
	m := newMemory(b, 1000)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(b, m, nil)
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute) // as the api's requests have
	defer cancel()
	s.Do(ctx, stream, ticketing.ReadStatus{})
	cmd := ticketing.Command(ticketing.ReleaseReservation{User: 1, Number: 1}) // a refusal
	b.SetParallelism(256)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r := s.Do(ctx, stream, cmd); r.Code != ticketing.CodeNotFound {
				b.Errorf("%q", r.Code)
				return
			}
		}
	})
	if err := s.Shutdown(b.Context()); err != nil {
		b.Error(err)
	}
}

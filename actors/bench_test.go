package actors

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// BenchmarkDo measures the way through the room and back, over a journal in memory: a command that looks at nothing,
// seats that somebody has, and seats that are held and given back.
func BenchmarkDo(b *testing.B) {
	b.Run("unknown", func(b *testing.B) {
		cmd := ticketing.Command(ticketing.ReleaseReservation{User: 1, Number: 99})
		benchmarkDo(b, func() func(*System, context.Context, ticketing.Stream) bool {
			return func(s *System, ctx context.Context, stream ticketing.Stream) bool {
				return s.Do(ctx, stream, cmd).Code == ticketing.CodeNotFound
			}
		})
	})
	b.Run("taken", func(b *testing.B) {
		cmd := ticketing.Command(ticketing.ReserveSeats{User: 2, Seats: []string{"A-1-1", "A-1-2"}, Key: ticketing.Digest{2}})
		benchmarkDo(b, func() func(*System, context.Context, ticketing.Stream) bool {
			return func(s *System, ctx context.Context, stream ticketing.Stream) bool {
				return s.Do(ctx, stream, cmd).Code == ticketing.CodeSeatTaken
			}
		})
	})
	b.Run("held", func(b *testing.B) {
		var users atomic.Int64
		benchmarkDo(b, func() func(*System, context.Context, ticketing.Stream) bool {
			user := ticketing.UserID(users.Add(1) + 10)
			seats := []string{ticketing.Seat{Section: "A", Row: "1", Number: int(user)}.Label()}
			n := 0
			return func(s *System, ctx context.Context, stream ticketing.Stream) bool {
				n++
				key := ticketing.Digest{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
				r := s.Do(ctx, stream, ticketing.ReserveSeats{User: user, Seats: seats, Key: key})
				return r.Code == ticketing.OK &&
					s.Do(ctx, stream, ticketing.ReleaseReservation{User: user, Number: r.Reservation.ID.Number}).Code == ticketing.OK
			}
		})
	})
}

func benchmarkDo(b *testing.B, customer func() func(*System, context.Context, ticketing.Stream) bool) {
	m := newMemory(b, 1000)
	defer m.close()
	stream := m.plant(1, openTerms(time.Hour))
	s, _ := newSystem(b, m, nil)
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute) // as the api's requests have
	defer cancel()
	held := s.Do(ctx, stream, ticketing.ReserveSeats{User: 1, Seats: []string{"A-1-1", "A-1-2"}, Key: ticketing.Digest{1}})
	if held.Code != ticketing.OK {
		b.Fatal(held.Code)
	}
	for _, crowd := range []int{1, 64} { // with one customer per core the mailbox is empty most of the time
		b.Run(fmt.Sprintf("crowd=%d", crowd), func(b *testing.B) {
			b.SetParallelism(crowd)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				ask := customer()
				for pb.Next() {
					if !ask(s, ctx, stream) {
						b.Error("unexpected answer")
						return
					}
				}
			})
		})
	}
	if err := s.Shutdown(b.Context()); err != nil {
		b.Error(err)
	}
}

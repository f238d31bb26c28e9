package persistence

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// BenchmarkRecovery is what stands between a start and the first answer of a round with a million events: reading them
// and folding them, in few large chunks as a rush leaves behind, and one by one as a calm sale does.
func BenchmarkRecovery(b *testing.B) {
	const events, seats = 1_000_000, 20_000
	plan, err := ticketing.PlainPlan(seats)
	if err != nil {
		b.Fatal(err)
	}
	for _, perChunk := range []int{50, 1} {
		b.Run(fmt.Sprintf("events/chunk=%d", perChunk), func(b *testing.B) {
			dsn := freshDSN(b)
			db := openDB(b, dsn)
			office := openBoxOffice(b.Context(), b, db, plan)
			office.commit(b.Context(), 0)
			office.haggle(b, superuser(b, dsn), events, perChunk)
			hash := ticketing.StateHash(office.round)
			var reading time.Duration
			b.ResetTimer()
			for b.Loop() {
				begun := time.Now()
				h, err := db.Load(b.Context(), office.stream)
				if err != nil {
					b.Fatal(err)
				}
				reading += time.Since(begun)
				m, err := ticketing.Restore(office.stream, h)
				if err != nil || ticketing.StateHash(m) != hash {
					b.Fatal("another state came back: ", err)
				}
			}
			b.ReportMetric(float64(reading.Milliseconds())/float64(b.N), "ms-reading/op")
		})
	}
}

// haggle makes the round's history long: customers take two seats and give them back.
func (b *boxOffice) haggle(t testing.TB, conn *pgx.Conn, events uint64, perChunk int) {
	t.Helper()
	var rows [][]any
	write := func() {
		head := ticketing.Head{From: b.head.To + 1, To: b.head.To + uint64(len(b.pending)), Writer: b.writer}
		rows = append(rows, []any{string(b.stream), int64(head.From), int64(head.To), int64(b.head.From), uuidOf(b.writer), uuidOf(b.writer),
			ticketing.ChunkPayload(len(b.pending), ticketing.EncodeEvents(nil, b.pending))})
		b.head, b.pending = head, b.pending[:0]
	}
	for n := 0; b.round.Seq() < events; n++ {
		b.now++
		i := ticketing.SeatIndex(2 * n % len(b.plan.Seats))
		user := ticketing.UserID(n % (len(b.plan.Seats) / 2))
		held, result := ticketing.Act(b.round, ticketing.ReserveSeats{
			User: user, Key: ticketing.DigestOf(fmt.Sprint(n)), Seats: []string{b.plan.Label(i), b.plan.Label(i + 1)},
		}, b.now)
		if result.Code != ticketing.OK {
			t.Fatal(result.Code)
		}
		back, _ := ticketing.Act(b.round, ticketing.ReleaseReservation{User: user, Number: result.Reservation.ID.Number}, b.now)
		for _, e := range append(held, back...) {
			if b.pending = append(b.pending, e); len(b.pending) >= perChunk {
				write()
			}
		}
	}
	if len(b.pending) > 0 {
		write()
	}
	_, err := conn.CopyFrom(t.Context(), pgx.Identifier{"journal"},
		[]string{"stream", "from_seq", "to_seq", "prev_from", "prev_writer", "writer", "payload"}, pgx.CopyFromRows(rows))
	if err != nil {
		t.Fatal(err)
	}
}

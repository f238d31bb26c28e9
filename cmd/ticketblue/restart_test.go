package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// TestRestartWithALongHistory starts the program on a round with many events, without a snapshot and with one, and asks
// for its seats. RESTART_EVENTS=1000000 makes it the measurement of docs/performance.md.
func TestRestartWithALongHistory(t *testing.T) {
	const seats = 20_000
	events, chunks := 20_000, []int{50}
	if text := os.Getenv("RESTART_EVENTS"); text != "" {
		var err error
		if events, err = strconv.Atoi(text); err != nil || events < 10 {
			t.Fatalf("RESTART_EVENTS=%s: a number from 10 on", text)
		}
		chunks = []int{50, 1} // as a rush leaves them behind, and as a calm sale does
	}
	for _, perChunk := range chunks {
		t.Run(fmt.Sprintf("%d events a chunk", perChunk), func(t *testing.T) {
			flags := storeFlags{Data: t.TempDir(), LogLevel: "error"}
			s, err := flags.openOwn(t.Context(), flags.logger())
			if err != nil {
				t.Fatal(err)
			}
			round, _ := planRound(t, s, seats)
			seq := haggle(t, s, ticketing.RoundStream(round), uint64(events), perChunk)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for _, snapshot := range []string{"without a snapshot", "with a snapshot"} { // which the first stop leaves behind
				begun := time.Now()
				server := startServer(t, flags.Data)
				ready := time.Since(begun)
				got := mustAsk(t, 200, "GET", fmt.Sprintf("%s/v1/rounds/%d", server.url, round), "", nil)
				t.Logf("%d events, %s: ready after %v, first answer after %v", seq, snapshot, ready, time.Since(begun))
				if total := got.body["totals"].(map[string]any); total["held"] != 2.0 || got.body["seq"].(float64) <= float64(seq) {
					t.Errorf("%s the round comes back at %v with %v, was at %d with two seats held", snapshot, got.body["seq"], total, seq)
				}
				server.stop()
			}
		})
	}
}

// haggle gives a round a long history: customers take two seats and give them back, but for the last. The read tables
// and the relay count as caught up, so that their work is not measured.
func haggle(t *testing.T, s *store, stream ticketing.Stream, events uint64, perChunk int) uint64 {
	t.Helper()
	history, err := s.Load(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ticketing.Restore(stream, history)
	if err != nil {
		t.Fatal(err)
	}
	head, now, plan := history.Head, m.LastAt(), history.Plan
	var rows [][]any
	var pending []ticketing.Event
	write := func(least int) {
		for len(pending) >= least && len(pending) > 0 {
			n := min(perChunk, len(pending))
			next := ticketing.Head{From: head.To + 1, To: head.To + uint64(n), Writer: head.Writer}
			rows = append(rows, []any{
				string(stream), int64(next.From), int64(next.To), int64(head.From), [16]byte(head.Writer), [16]byte(next.Writer),
				ticketing.ChunkPayload(n, ticketing.EncodeEvents(nil, pending[:n])),
			})
			head, pending = next, pending[n:]
		}
	}
	for n := 0; ; n++ {
		user, first := ticketing.UserID(1+n%(len(plan.Seats)/2)), ticketing.SeatIndex(2*n%len(plan.Seats))
		made, result := ticketing.Act(m, ticketing.ReserveSeats{
			User: user, Key: ticketing.DigestOf(strconv.Itoa(n)), Seats: []string{plan.Label(first), plan.Label(first + 1)},
		}, now)
		if result.Code != ticketing.OK {
			t.Fatal(result.Code)
		}
		pending = append(pending, made...)
		if m.Seq() >= events {
			break
		}
		made, _ = ticketing.Act(m, ticketing.ReleaseReservation{User: user, Number: result.Reservation.ID.Number}, now)
		pending = append(pending, made...)
		write(perChunk)
	}
	write(1)
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.CopyFrom(t.Context(), pgx.Identifier{"journal"},
		[]string{"stream", "from_seq", "to_seq", "prev_from", "prev_writer", "writer", "payload"}, pgx.CopyFromRows(rows))
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), `UPDATE streams SET projected_seq = $2, relayed_seq = $2 WHERE stream = $1`, string(stream), int64(head.To))
	if err != nil {
		t.Fatal(err)
	}
	return head.To
}

package api

import (
	"encoding/json"
	"slices"
	"testing"

	"ticketblue/ticketing"
)

// FuzzReserveBody: what is read by hand is read the same by the book.
func FuzzReserveBody(f *testing.F) {
	for _, body := range []string{
		`{"seats":["A-1-1"]}`, " { \"seats\" : [ \"가-1-1\" , \"A-1-2\" ] }\n", `{"seats":[]}`, `{"seats":["A\u002d1"]}`,
		`{"seats":["A"],"seats":["B"]}`, `{"seats":["A"]}}`, `{"seats":["A",]}`, `{"seats":["A"`, "{\"seats\":[\"\xff\"]}", `{"seats":["A""B"]}`,
		`{"best_available":{"count":2,"grade":"R","section":"가"}}`, `{"best_available":{"count":2},"seats":["A"]}`, `{"best_available":null}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		byHand, plain := readPlainSeats(raw)
		byBook, err := readAnyReserveBody(raw)
		if plain && (err != nil || !slices.Equal(byHand, byBook.Seats)) {
			t.Errorf("%q: %q by hand, %+v (%v) by the book", raw, byHand, byBook, err)
		}
		body, err := readReserveBody(raw)
		best := body.BestAvailable
		if err == nil && (best != nil) == (len(body.Seats) > 0) {
			t.Errorf("%q names %q and %+v", raw, body.Seats, best)
		}
		if err == nil && best != nil && (best.Count < 1 || best.Count > ticketing.MaxSeatsPerRequest || len(best.Grade) > 4*maxPlanName) {
			t.Errorf("%q asks for %+v", raw, best)
		}
	})
}

// FuzzReservationAnswer: what is written by hand is what encoding/json writes.
func FuzzReservationAnswer(f *testing.F) {
	f.Add("A-1-1", int64(1_790_000_000_123), int64(0))
	f.Add("가-<1>\u2028\"", int64(1_790_000_000_120), int64(1_790_000_300_000))
	f.Fuzz(func(t *testing.T, label string, held, expires int64) {
		const year3000 = 32503680000000
		if held < 1 || expires < 0 || held > year3000 || expires > year3000 {
			return
		}
		r := ticketing.Reservation{
			ID: ticketing.ReservationID{Round: 42, Number: 7}, Status: ticketing.Held, Seats: []string{label, "B"}, Amount: 1,
			HeldAt: ticketing.Millis(held), ExpiresAt: ticketing.Millis(expires),
		}
		want, err := json.Marshal(reservationBody{
			ID: "42-7", Round: 42, Status: "held", Seats: r.Seats, Amount: 1, HeldAt: r.HeldAt.Time(), ExpiresAt: moment(r.ExpiresAt), Seq: 9,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := appendReservation(nil, r, 9); string(got) != string(want) {
			t.Errorf("by hand  %s\nby json %s", got, want)
		}
	})
}

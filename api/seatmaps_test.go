package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// countSeatQuestions counts how often the owner is asked for all seats.
func countSeatQuestions(h *house) *atomic.Int64 {
	var asked atomic.Int64
	h.sales.before = func(_ context.Context, _ ticketing.Stream, cmd ticketing.Command) *ticketing.Result {
		if _, all := cmd.(ticketing.ReadSeats); all {
			asked.Add(1)
		}
		return nil
	}
	return &asked
}

const seatsOfOne = "/v1/rounds/1/seats"

func (h *house) seats(header map[string]string) (answer, seatsBody) {
	h.t.Helper()
	var body seatsBody
	a := h.do(call{method: "GET", path: seatsOfOne, header: header}).wantStatus(http.StatusOK)
	a.decode(&body)
	return a, body
}

// One map per seq for all readers, and never an old one for somebody who knows better.
func TestSeatMapsAreShared(t *testing.T) {
	h := withRound(t, nil)
	asked := countSeatQuestions(h)
	for range 5 {
		if _, body := h.seats(nil); body.Seats != ".........." {
			t.Fatalf("seats %s", body.Seats)
		}
	}
	h.reserve(customer, "k1", "A-1-3").wantStatus(http.StatusCreated)
	a, body := h.seats(nil)
	if body.Seats != "..h......." || a.header.Get(headerPosition) != fmt.Sprintf("round:1@%d", body.Seq) {
		t.Errorf("after the reservation %s %v", body.Seats, a.header)
	}
	known := map[string]string{"If-None-Match": a.header.Get("ETag")}
	for range 5 {
		b := h.do(call{method: "GET", path: seatsOfOne, header: known}).wantStatus(http.StatusNotModified)
		if b.header.Get("ETag") != a.header.Get("ETag") || b.header.Get(headerPosition) != a.header.Get(headerPosition) {
			t.Errorf("304 with %v", b.header)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the owner was asked %d times, want once per seq: 2", n)
	}
	h.clock.advance(10 * time.Minute) // the hold is over, whether a timer has gone off or not
	if _, body := h.seats(known); body.Seats != ".........." {
		t.Errorf("after the hold %s", body.Seats)
	}
	h.sales.asleep = true
	before := asked.Load()
	h.seats(nil)
	if asked.Load() != before+1 {
		t.Error("a machine that is not in memory was not asked")
	}
	h.do(call{method: "GET", path: "/v1/rounds/77/seats"}).wantStatus(http.StatusNotFound)
}

// Whoever has been told of his reservation sees it, however many read at the same time.
func TestSeatMapsShowWhatWasAnswered(t *testing.T) {
	h := withRound(t, nil)
	asked := countSeatQuestions(h)
	stop := make(chan struct{})
	var readers, buyers sync.WaitGroup
	var reads atomic.Int64
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					h.seats(nil)
					reads.Add(1)
				}
			}
		})
	}
	for seat := range 10 {
		buyers.Go(func() {
			user, key := ticketing.UserID(100+seat), fmt.Sprint("k", seat)
			for range 10 {
				var made struct{ ID string }
				h.reserve(user, key, fmt.Sprintf("A-1-%d", seat+1)).wantStatus(http.StatusCreated).decode(&made)
				if _, body := h.seats(nil); body.Seats[seat] != 'h' {
					t.Errorf("seat %d is not shown as held: %s", seat+1, body.Seats)
				}
				key += "+"
				h.do(call{method: "DELETE", path: "/v1/reservations/" + made.ID, token: h.token(user, ticketing.Customer)}).wantStatus(http.StatusOK)
				if _, body := h.seats(nil); body.Seats[seat] != '.' {
					t.Errorf("seat %d is not shown as free: %s", seat+1, body.Seats)
				}
			}
		})
	}
	buyers.Wait()
	close(stop)
	readers.Wait()
	t.Logf("%d reads and 200 of the buyers', %d questions", reads.Load(), asked.Load())
}

// A question that fails is everybody's failure who waited for it, and the next one is asked anew.
func TestSeatMapsAfterAFailure(t *testing.T) {
	h := withRound(t, nil)
	h.sales.before = func(context.Context, ticketing.Stream, ticketing.Command) *ticketing.Result {
		return &ticketing.Result{Code: ticketing.CodeUnavailable}
	}
	h.do(call{method: "GET", path: seatsOfOne}).wantStatus(http.StatusServiceUnavailable)
	h.sales.before = nil
	h.seats(nil)
}

func TestSeatMapsCompressed(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(admin, ticketing.Admin)
	h.do(call{"POST", "/v1/admin/halls", token, `{"name":"Large","seats":5000}`, nil}).wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/admin/performances", token, `{"title":"T","category":"concert","hall_id":2,` +
		`"duration_minutes":120,"prices":{"standard":132000}}`, nil}).wantStatus(http.StatusCreated)
	h.do(call{"POST", "/v1/admin/performances/2/rounds", token, h.roundTimes(), nil}).wantStatus(http.StatusCreated)
	get := func(round int, encoding string) answer {
		return h.do(call{method: "GET", path: fmt.Sprintf("/v1/rounds/%d/seats", round), header: map[string]string{"Accept-Encoding": encoding}}).wantStatus(http.StatusOK)
	}
	plain, packed := get(2, "identity"), get(2, "gzip")
	if packed.header.Get("Content-Encoding") != "gzip" || packed.header.Get("Vary") != "Accept-Encoding" || packed.header.Get("ETag") != plain.header.Get("ETag") {
		t.Fatalf("headers %v", packed.header)
	}
	if !bytes.Equal(packed.body, plain.body) {
		t.Error("it is another map")
	}
	if small := get(1, "gzip"); small.header.Get("Content-Encoding") != "" {
		t.Error("ten seats were compressed")
	}
	h.do(call{method: "POST", path: "/v1/admin/rounds/2/open", token: token}).wantStatus(http.StatusOK)
	if rushed := get(2, "gzip"); rushed.header.Get("Content-Encoding") != "" {
		t.Error("a map was compressed at once after the one before")
	}
	h.clock.advance(packInterval)
	if again := get(2, "gzip"); again.header.Get("Content-Encoding") != "gzip" {
		t.Error("a map was not compressed after a while")
	}
}

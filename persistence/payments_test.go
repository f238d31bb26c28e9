package persistence

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// What a round has forgotten is still in the tables, as one of them has each part of it.
func TestOrderOf(t *testing.T) {
	h := newTaskHouse(t)
	long := tasksNow.AddDate(0, 0, -2)
	h.users(7, 7, long)
	_, round := h.show("2026-11-20", 60, long)
	h.reserve(round, 7, 7, "expired")
	exec(t, h.root, `INSERT INTO orders (round, number, attempt, state, coupon, amount, refund, payment_key, pay_by, seq)
		VALUES ($1, 7, 1, 'declined', '3-1', NULL, 0, '', now(), 1), ($1, 7, 2, 'open', '3-2', 900, 0, '', now(), 2)`, round)
	id := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: ticketing.RoundID(round), Number: 7}, Attempt: 1}
	for attempt, want := range []ticketing.Order{
		{State: ticketing.OrderDeclined, Coupon: "3-1"},
		{State: ticketing.OrderOpen, Coupon: "3-2", Amount: 900, Priced: true},
	} {
		id.Attempt = uint32(attempt + 1)
		want.ID, want.User, want.Price, want.Reservation = id, 7, 1, ticketing.Expired
		if got, err := h.db.OrderOf(t.Context(), id); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	id.Attempt = 3
	if _, err := h.db.OrderOf(t.Context(), id); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("an order that never was: %v", err)
	}
}

// Messages about a payment are kept up to a limit, each once; those about others are not. Each that is kept is one job.
func TestHintsAreLimited(t *testing.T) {
	h := newTaskHouse(t)
	long := tasksNow.AddDate(0, 0, -2)
	h.users(7, 7, long)
	_, round := h.show("2026-11-20", 60, long)
	h.reserve(round, 7, 7, "expired")
	exec(t, h.root, `INSERT INTO orders (round, number, attempt, state, coupon, amount, refund, payment_key, pay_by, seq)
		VALUES ($1, 7, 1, 'confirming', '', 900, 0, 'known', now(), 1)`, round)
	jobs := 0
	h.db.enqueue = func(_ context.Context, _ pgx.Tx, list []ticketing.Job) error { jobs += len(list); return nil }
	hint := func(key, status string) bool {
		t.Helper()
		kept, err := h.db.KeepHint(t.Context(), ticketing.PaymentHint{Key: key, Status: status}, func(id ticketing.OrderID, _ ticketing.Millis) ticketing.Job {
			if id.Reservation.Number != 7 || id.Attempt != 1 {
				t.Errorf("a job about order %s", id)
			}
			return ticketing.Job{Kind: "hint", Key: status}
		})
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	for _, key := range []string{"unknown", ""} {
		if hint(key, "DONE") {
			t.Errorf("kept about %q", key)
		}
	}
	kept := 0
	for n := range MaxPaymentHints + 8 {
		for range 2 { // the second is a repeat
			if hint("known", fmt.Sprint("S", n)) {
				kept++
			}
		}
	}
	if kept != MaxPaymentHints || jobs != MaxPaymentHints {
		t.Errorf("%d kept, %d jobs, want %d", kept, jobs, MaxPaymentHints)
	}
}

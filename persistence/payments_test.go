package persistence

import (
	"errors"
	"testing"

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

package notify

import (
	"context"
	"testing"

	"ticketblue/ticketing"
)

func BenchmarkConfirmation(b *testing.B) {
	store := newFakeStore()
	n := New(Config{Store: store, TicketKey: testKey, PublicURL: "https://tickets.example", Log: quiet})
	d := ticketing.Delivery{Notice: ticketing.Notice{Fact: "round:42@17", Kind: ticketing.NoticeConfirmed, User: 3, Reservation: ticketing.ReservationID{Round: 42, Number: 7}}, Channel: ticketing.Mail}
	for b.Loop() {
		if _, err := n.compose(context.Background(), d); err != nil {
			b.Fatal(err)
		}
	}
}

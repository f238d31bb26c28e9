package payments

import (
	"context"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// forgetful is a round that has forgotten all its orders, and a campaign that listens.
type forgetful struct{ told []ticketing.Command }

func (f *forgetful) Do(_ context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	if _, ok := s.Campaign(); ok {
		f.told = append(f.told, cmd)
		return ticketing.Result{Code: ticketing.OK}
	}
	return ticketing.Result{Code: ticketing.CodeNotFound}
}

// readTables is Books that know some orders.
type readTables struct {
	Books
	orders map[ticketing.OrderID]ticketing.Order
}

func (b readTables) OrderOf(_ context.Context, id ticketing.OrderID) (ticketing.Order, error) {
	o, ok := b.orders[id]
	if !ok {
		return o, ticketing.ErrNotFound
	}
	return o, nil
}

// A node that was down for days finds its rounds without the orders whose coupons it owes.
func TestCouponsOfWhatIsForgotten(t *testing.T) {
	id := func(attempt uint32) ticketing.OrderID {
		return ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 42, Number: 7}, Attempt: attempt}
	}
	orders := map[ticketing.OrderID]ticketing.Order{
		id(1): {ID: id(1), State: ticketing.OrderDeclined, Reservation: ticketing.Expired, Coupon: "3-1"},
		id(2): {ID: id(2), State: ticketing.OrderOpen, Reservation: ticketing.Expired, Coupon: "3-2"},
	}
	campaign := &forgetful{}
	s := NewSettler(Options{Sales: campaign, Books: readTables{orders: orders}, Clock: time.Now})
	work := s.Works()[JobCoupon]
	if err := work(t.Context(), []byte(`{"round":42,"number":7,"since":1800000000000}`)); err != nil {
		t.Fatal(err)
	}
	want := []ticketing.Command{ticketing.ReturnCoupon{Number: 1, Order: id(1)}, ticketing.ReturnCoupon{Number: 2, Order: id(2)}}
	if len(campaign.told) != 2 || campaign.told[0] != want[0] || campaign.told[1] != want[1] {
		t.Errorf("the campaign was told %v, want %v", campaign.told, want)
	}
	if err := work(t.Context(), []byte(`{"round":42,"number":8,"attempt":1,"since":1800000000000}`)); err != nil {
		t.Errorf("of an order that nobody knows: %v", err)
	}
}

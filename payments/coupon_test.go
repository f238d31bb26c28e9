package payments

import (
	"testing"

	"ticketblue/ticketing"
)

func TestCharge(t *testing.T) {
	for _, c := range []struct{ price, taken, want ticketing.KRW }{
		{30_000, 0, 30_000}, {30_000, 5_000, 25_000}, {5_000, 5_000, 0}, {5_000, 6_000, 0}, {0, 0, 0}, {0, 100, 0},
		{5_000, 4_999, 100}, {5_000, 4_901, 100}, {5_000, 4_900, 100}, {5_000, 4_899, 101},
		{100, 1, 100}, {100, 99, 100}, {100, 100, 0}, {50, 0, 50}, {50, 20, 50}, {50, 50, 0}, {5_000, -1, 5_000},
	} {
		got := Charge(c.price, c.taken)
		if got != c.want {
			t.Errorf("%d with %d off: %d, want %d", c.price, c.taken, got, c.want)
		}
		if got > c.price || c.price >= MinCharge && !Chargeable(got) {
			t.Errorf("%d with %d off: %d cannot be charged", c.price, c.taken, got)
		}
	}
	for amount, want := range map[ticketing.KRW]bool{0: true, 1: false, 99: false, 100: true} {
		if Chargeable(amount) != want {
			t.Errorf("chargeable %d", amount)
		}
	}
}

func couponOrder(state ticketing.OrderState, status ticketing.ReservationStatus, priced bool) ticketing.Order {
	o := orderIn(state)
	o.Reservation, o.Priced, o.Coupon = status, priced, "3-4812"
	return o
}

func TestCouponBefore(t *testing.T) {
	o := couponOrder(ticketing.OrderOpen, ticketing.Paying, false)
	campaign, cmd, ok := ReserveFor(o, late)
	want := ticketing.ReserveCoupon{User: 1, Number: 4812, Order: orderID, Amount: price, Until: late}
	if !ok || campaign != 3 || cmd != want {
		t.Errorf("%v %d %+v", ok, campaign, cmd)
	}
	for name, o := range map[string]ticketing.Order{
		"no coupon":  orderIn(ticketing.OrderOpen),
		"priced":     couponOrder(ticketing.OrderOpen, ticketing.Paying, true),
		"lapsed":     couponOrder(ticketing.OrderOpen, ticketing.Expired, false),
		"confirming": couponOrder(ticketing.OrderConfirming, ticketing.Paying, false),
	} {
		if _, _, ok := ReserveFor(o, late); ok {
			t.Errorf("%s: a coupon is reserved", name)
		}
	}
	reserved := &ticketing.Coupon{Order: orderID, Taken: 29_950}
	decline, nothing := ticketing.Command(ticketing.DeclinePayment{Number: 7, Attempt: 2}), ticketing.Command(nil)
	for name, c := range map[string]struct {
		answer ticketing.Result
		want   ticketing.Command
	}{
		"reserved":            {ticketing.Result{Coupon: reserved}, ticketing.PricePayment{Number: 7, Attempt: 2, Amount: MinCharge}},
		"in use":              {ticketing.Result{Code: ticketing.CodeCouponInUse}, decline},
		"expired":             {ticketing.Result{Code: ticketing.CodeCouponExpired}, decline},
		"somebody else's":     {ticketing.Result{Code: ticketing.CodeNotFound}, decline},
		"nobody answers":      {ticketing.Result{Code: ticketing.CodeUnavailable}, nothing},
		"busy":                {ticketing.Result{Code: ticketing.CodeBusy}, nothing},
		"for another order":   {ticketing.Result{Coupon: &ticketing.Coupon{Order: anothers}}, nothing},
		"a yes without words": {ticketing.Result{}, nothing},
	} {
		if got := PriceWith(o, c.answer); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestCouponAfter(t *testing.T) {
	redeem := ticketing.Command(ticketing.RedeemCoupon{Number: 4812, Order: orderID})
	giveBack := ticketing.Command(ticketing.ReturnCoupon{Number: 4812, Order: orderID})
	for name, c := range map[string]struct {
		order ticketing.Order
		want  ticketing.Command
	}{
		"being paid":           {couponOrder(ticketing.OrderOpen, ticketing.Paying, true), nil},
		"being confirmed":      {couponOrder(ticketing.OrderConfirming, ticketing.Paying, true), nil},
		"canceled meanwhile":   {couponOrder(ticketing.OrderConfirming, ticketing.Canceled, true), nil},
		"no coupon":            {orderIn(ticketing.OrderPaid), nil},
		"paid":                 {couponOrder(ticketing.OrderPaid, ticketing.Confirmed, true), redeem},
		"lapsed":               {couponOrder(ticketing.OrderOpen, ticketing.Expired, true), giveBack},
		"released":             {couponOrder(ticketing.OrderOpen, ticketing.Released, false), giveBack},
		"declined":             {couponOrder(ticketing.OrderDeclined, ticketing.Held, true), giveBack},
		"declined, paid later": {couponOrder(ticketing.OrderDeclined, ticketing.Confirmed, true), giveBack},
		"canceled":             {couponOrder(ticketing.OrderRefundDue, ticketing.Canceled, true), giveBack},
		"canceled for nothing": {couponOrder(ticketing.OrderPaid, ticketing.Canceled, true), giveBack},
		"refunded":             {couponOrder(ticketing.OrderRefunded, ticketing.Canceled, true), giveBack},
	} {
		campaign, got, ok := CouponAfter(c.order)
		if ok != (c.want != nil) || got != c.want || ok && campaign != 3 {
			t.Errorf("%s: %d %+v, want %+v", name, campaign, got, c.want)
		}
	}
}

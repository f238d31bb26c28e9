package payments

import (
	"ticketblue/ticketing"
)

// Coupon and seats agree across two machines in steps: the round starts the order and names the coupon; the campaign
// reserves it for the order; the round prices the order. Each step may be taken again, and whatever comes between
// them, the round decides what becomes of the coupon.

// Charge is what an order over price costs when a coupon takes some off: less than MinCharge cannot be charged, so
// the discount shrinks until MinCharge is left. Nothing is left to charge when the coupon takes it all. A price below
// MinCharge is charged in full or not at all: see Chargeable.
func Charge(price, taken ticketing.KRW) ticketing.KRW {
	rest := max(price-max(taken, 0), 0)
	if rest > 0 && rest < MinCharge {
		return min(MinCharge, price)
	}
	return rest
}

// Chargeable: an order over this amount can be paid, by nothing or by a provider.
func Chargeable(amount ticketing.KRW) bool { return amount == 0 || amount >= MinCharge }

// ReserveFor is what to ask the coupon's campaign when an order that names one was started; false when the order
// names none, has its price, or cannot be paid any more. Until is when the order's time is over.
func ReserveFor(o ticketing.Order, until ticketing.Millis) (ticketing.CampaignID, ticketing.ReserveCoupon, bool) {
	id, ok := ticketing.ParseCouponID(o.Coupon)
	if !ok || o.State != ticketing.OrderOpen || o.Reservation != ticketing.Paying || o.Priced {
		return 0, ticketing.ReserveCoupon{}, false
	}
	return id.Campaign, ticketing.ReserveCoupon{User: o.User, Number: id.Number, Order: o.ID, Amount: o.Price, Until: until}, true
}

// PriceWith is what to tell the order's round when the campaign has answered ReserveFor: the price, or that the order
// is over when the coupon is refused; nil when the answer says nothing and ReserveFor must be asked again.
func PriceWith(o ticketing.Order, answer ticketing.Result) ticketing.Command {
	switch {
	case saysNothing(answer.Code):
		return nil
	case answer.Code != ticketing.OK:
		return decline(o)
	case answer.Coupon == nil || answer.Coupon.Order != o.ID:
		return nil
	}
	amount := Charge(o.Price, answer.Coupon.Taken)
	return ticketing.PricePayment{Number: o.ID.Reservation.Number, Attempt: o.ID.Attempt, Amount: amount}
}

// saysNothing: the shell's answers say nothing about what was asked.
func saysNothing(code ticketing.Code) bool {
	switch code {
	case ticketing.CodeUnavailable, ticketing.CodeBusy, ticketing.CodeFrozen, ticketing.CodeInternal:
		return true
	}
	return false
}

// CouponAfter is what to tell the coupon's campaign about an order that names it: that it was redeemed, or that the
// order gives it back. It is false while the order is not decided, or when it names no coupon.
func CouponAfter(o ticketing.Order) (ticketing.CampaignID, ticketing.Command, bool) {
	id, ok := ticketing.ParseCouponID(o.Coupon)
	undecided := o.State == ticketing.OrderConfirming || o.State == ticketing.OrderOpen && o.Reservation == ticketing.Paying
	switch {
	case !ok || undecided:
		return 0, nil, false
	case o.State == ticketing.OrderPaid && o.Reservation == ticketing.Confirmed:
		return id.Campaign, ticketing.RedeemCoupon{Number: id.Number, Order: o.ID}, true
	}
	return id.Campaign, ticketing.ReturnCoupon{Number: id.Number, Order: o.ID}, true
}

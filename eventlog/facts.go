package eventlog

import (
	"fmt"

	"ticketblue/ticketing"
)

// linesOf are the lines that a fact makes; none of what is no customer's business.
func (l *Log) linesOf(s ticketing.Stream, seq uint64, e ticketing.Event) []line {
	var lines []line
	add := func(dataset, action, outcome string, user ticketing.UserID, ours oursPart) {
		id := fmt.Sprintf("%s@%d", s, seq)
		if len(lines) > 0 {
			id += "/" + dataset
		}
		made := newLine(dataset, action, outcome, id, e.At.Time())
		made.Event.Sequence, made.User, made.Ours = seq, l.person(user), ours
		made.Ours.Stream = string(s)
		lines = append(lines, made)
	}
	if round, ok := s.Round(); ok {
		roundLines(round, e.Fact, add)
	}
	if campaign, ok := s.Campaign(); ok {
		couponLines(campaign, e.Fact, add)
	}
	return lines
}

type adder func(dataset, action, outcome string, user ticketing.UserID, ours oursPart)

func roundLines(round ticketing.RoundID, fact ticketing.Fact, add adder) {
	of := func(number uint32) oursPart {
		return oursPart{Round: int64(round), Reservation: ticketing.ReservationID{Round: round, Number: number}.String()}
	}
	order := func(number, attempt uint32, amount *ticketing.KRW) oursPart {
		ours := of(number)
		ours.Order, ours.Amount = fmt.Sprintf("%s-%d", ours.Reservation, attempt), amount
		return ours
	}
	switch f := fact.(type) {
	case ticketing.SeatsHeld:
		ours := of(f.Number)
		ours.Seats = len(f.Seats)
		add(Reservation, "held", success, f.User, ours)
	case ticketing.HoldReleased:
		add(Reservation, "released", success, 0, of(f.Number))
	case ticketing.HoldLapsed:
		add(Reservation, "expired", failure, 0, of(f.Number))
	case ticketing.ReservationConfirmed:
		add(Reservation, "confirmed", success, 0, of(f.Number))
		add(Payment, "confirmed", success, 0, order(f.Number, f.Attempt, nil))
	case ticketing.ReservationCanceled:
		ours := of(f.Number)
		ours.Amount = &f.Refund
		add(Reservation, "canceled", success, 0, ours)
	case ticketing.RoundCanceled:
		add(Reservation, "round-canceled", success, 0, oursPart{Round: int64(round)})
	case ticketing.PaymentStarted:
		ours := order(f.Number, f.Attempt, nil)
		ours.Coupon = f.Coupon
		add(Payment, "started", success, 0, ours)
	case ticketing.PaymentPriced:
		add(Payment, "priced", success, 0, order(f.Number, f.Attempt, &f.Amount))
	case ticketing.PaymentConfirming: // the provider's key stays out
		add(Payment, "confirming", success, 0, order(f.Number, f.Attempt, nil))
	case ticketing.PaymentDeclined:
		add(Payment, "declined", failure, 0, order(f.Number, f.Attempt, nil))
	case ticketing.RefundDue:
		add(Payment, "refund-due", success, 0, order(f.Number, f.Attempt, &f.Amount))
	case ticketing.Refunded:
		add(Payment, "refunded", success, 0, order(f.Number, f.Attempt, nil))
	}
}

func couponLines(campaign ticketing.CampaignID, fact ticketing.Fact, add adder) {
	of := func(number uint32) oursPart {
		return oursPart{Campaign: int64(campaign), Coupon: ticketing.CouponID{Campaign: campaign, Number: number}.String()}
	}
	with := func(number uint32, order ticketing.OrderID, amount *ticketing.KRW) oursPart {
		ours := of(number)
		ours.Order, ours.Reservation, ours.Round, ours.Amount = order.String(), order.Reservation.String(), int64(order.Reservation.Round), amount
		return ours
	}
	switch f := fact.(type) {
	case ticketing.CouponClaimed:
		add(Coupon, "claimed", success, f.User, of(f.Number))
	case ticketing.CouponGiven:
		add(Coupon, "given", success, f.User, of(f.Number))
	case ticketing.CouponReserved:
		add(Coupon, "reserved", success, 0, with(f.Number, f.Order, &f.Discount))
	case ticketing.CouponRedeemed:
		add(Coupon, "redeemed", success, 0, with(f.Number, f.Order, nil))
	case ticketing.CouponReturned:
		add(Coupon, "returned", success, 0, with(f.Number, f.Order, nil))
	case ticketing.CouponsExpired:
		add(Coupon, "expired", failure, 0, of(f.Through))
	}
}

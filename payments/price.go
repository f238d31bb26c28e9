package payments

import (
	"context"
	"errors"

	"ticketblue/ticketing"
)

// Check is what Price would say of an order that nobody has started: for this held reservation, with this coupon, or ""
// for none. It changes nothing, and a yes is no promise: the coupon may be gone when the order is started.
func (s *Settler) Check(ctx context.Context, v ticketing.Reservation, coupon string) (ticketing.Code, error) {
	o := ticketing.Order{
		ID: ticketing.OrderID{Reservation: v.ID, Attempt: v.Attempt + 1}, User: v.User, Reservation: ticketing.Paying,
		State: ticketing.OrderOpen, Coupon: coupon, Price: v.Amount,
	}
	if coupon == "" {
		return s.chargeable(o.Price), nil
	}
	campaign, reserve, ok := ReserveFor(o, v.ExpiresAt)
	if !ok {
		return ticketing.CodeCouponUnknown, nil
	}
	answer := s.o.Sales.Do(ctx, ticketing.CampaignStream(campaign), ticketing.CheckCoupon(reserve))
	switch {
	case saysNothing(answer.Code):
		return answer.Code, &Refusal{o.ID, answer.Code}
	case answer.Code != ticketing.OK || answer.Coupon == nil:
		return ofCoupon(answer.Code), nil
	}
	return s.chargeable(Charge(o.Price, answer.Coupon.Discount.Of(o.Price))), nil
}

// ofCoupon is a campaign's refusal as customers hear it.
func ofCoupon(code ticketing.Code) ticketing.Code {
	if code == ticketing.CodeNotFound {
		return ticketing.CodeCouponUnknown
	}
	return code
}

// Price brings an order that was just started to its price: it reserves the coupon that the order names, and tells the
// round. It may be called again. Until is when the order's time is over. The code is OK when the order has its price;
// CodeNotChargeable, CodeCouponUnknown or what the coupon's campaign says when the order is over again and another
// may be started; anything else when its round or campaign did not answer, or its time is over.
func (s *Settler) Price(ctx context.Context, id ticketing.OrderID, until ticketing.Millis) (ticketing.Order, ticketing.Code, error) {
	o, err := s.read(ctx, id)
	if err == nil {
		err = s.o.Point("price.read")
	}
	if err != nil {
		return o, refusalOf(err), err
	}
	if o.State != ticketing.OrderOpen {
		return o, ticketing.OK, nil // somebody has gone on with it, in another tab
	}
	if o.Priced {
		if code := s.chargeable(o.Amount); code != ticketing.OK {
			return s.priced(ctx, o, decline(o), code)
		}
		return o, ticketing.OK, nil
	}
	campaign, reserve, ok := ReserveFor(o, until)
	if !ok {
		if o.Reservation != ticketing.Paying {
			return o, ticketing.CodeHoldExpired, nil
		}
		return s.priced(ctx, o, decline(o), ticketing.CodeCouponUnknown)
	}
	answer := s.o.Sales.Do(ctx, ticketing.CampaignStream(campaign), reserve)
	if err := s.o.Point("price.reserved"); err != nil {
		return o, ticketing.CodeUnavailable, err
	}
	command := PriceWith(o, answer)
	if command == nil {
		return o, ticketing.CodeUnavailable, &Refusal{id, answer.Code}
	}
	code := ofCoupon(answer.Code)
	if price, is := command.(ticketing.PricePayment); is {
		if code = s.chargeable(price.Amount); code != ticketing.OK {
			command = decline(o)
		}
	}
	return s.priced(ctx, o, command, code)
}

// chargeable: an order over this amount can be paid here.
func (s *Settler) chargeable(amount ticketing.KRW) ticketing.Code {
	switch {
	case !Chargeable(amount):
		return ticketing.CodeNotChargeable
	case amount > 0 && s.o.Gateway == nil:
		return ticketing.CodeUnavailable
	}
	return ticketing.OK
}

// priced tells the round, and reads the order again.
func (s *Settler) priced(ctx context.Context, o ticketing.Order, command ticketing.Command, code ticketing.Code) (ticketing.Order, ticketing.Code, error) {
	r := s.ask(ctx, o.ID, command)
	if err := s.o.Point("price.told"); err != nil {
		return o, ticketing.CodeUnavailable, err
	}
	if r.Code != ticketing.OK && code == ticketing.OK {
		code = r.Code
	}
	if saysNothing(r.Code) {
		return o, r.Code, &Refusal{o.ID, r.Code}
	}
	after, err := s.read(ctx, o.ID)
	if err != nil {
		return o, refusalOf(err), err
	}
	return after, code, nil
}

func refusalOf(err error) ticketing.Code {
	var no *Refusal
	if errors.As(err, &no) {
		return no.Code
	}
	return ticketing.CodeUnavailable
}

package payments

import (
	"context"
	"errors"

	"ticketblue/ticketing"
)

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
		if Chargeable(o.Amount) {
			return o, ticketing.OK, nil
		}
		return s.priced(ctx, o, decline(o), ticketing.CodeNotChargeable)
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
	code := answer.Code
	if code == ticketing.CodeNotFound {
		code = ticketing.CodeCouponUnknown
	}
	if price, is := command.(ticketing.PricePayment); is && !Chargeable(price.Amount) {
		command, code = decline(o), ticketing.CodeNotChargeable
	}
	return s.priced(ctx, o, command, code)
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

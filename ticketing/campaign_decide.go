package ticketing

import "slices"

// Decide answers a command. Everything that time brought about must have been applied (see Act). It changes nothing:
// what it decides is in the events.
func (c *Campaign) Decide(cmd Command, now Millis) ([]Event, Result) {
	switch cmd := cmd.(type) {
	case ClaimCoupon:
		return c.claim(cmd, now)
	case GiveCoupon:
		return c.give(cmd, now)
	case ReserveCoupon:
		return c.reserve(cmd, now)
	case RedeemCoupon:
		return c.redeem(cmd, now)
	case ReturnCoupon:
		return c.giveBack(cmd, now)
	case OpenCampaign:
		return c.turn(Open, CampaignOpened{}, now)
	case PauseCampaign:
		return c.turn(Paused, CampaignPaused{}, now)
	case CloseCampaign:
		return c.turn(Closed, CampaignClosed{}, now)
	case DropCampaign:
		if len(c.coupons) > 0 {
			return nil, refuse(CodeHasCoupons)
		}
		return c.turn(Closed, CampaignClosed{}, now)
	case CheckCoupon:
		_, answer := c.reserve(ReserveCoupon(cmd), now)
		return nil, answer
	case ReadCoupon:
		if k := c.find(cmd.Number); k != nil && k.user == cmd.User {
			return nil, yesCoupon(cmd.Number)
		}
		return nil, refuse(CodeNotFound)
	case ReadCampaign:
		return nil, yesCampaign()
	case ReadWaiting:
		return nil, Result{Coupons: c.waiting(cmd.At)}
	case ReadHash:
		return nil, Result{Hash: StateHash(c)}
	}
	return nil, refuse(CodeCommandUnknown)
}

// Complete fills a yes in with the state as it is after the events.
func (c *Campaign) Complete(res *Result) {
	res.Seq = c.seq
	switch res.show {
	case showCoupon:
		res.Coupon = c.view(res.number)
	case showCampaign:
		res.Campaign = c.status()
	}
}

func yesCoupon(number uint32) Result { return Result{show: showCoupon, number: number} }

func yesCampaign() Result { return Result{show: showCampaign} }

// claim gives the next coupon to the customer who asks for it. A repeat of a granted claim is answered before any
// refusal, even after the campaign has closed.
func (c *Campaign) claim(cmd ClaimCoupon, now Millis) ([]Event, Result) {
	number := c.of[cmd.User]
	has := c.find(number)
	sameKey := has != nil && has.key == cmd.Key
	if sameKey && has.body == cmd.Body {
		answer := yesCoupon(number)
		answer.Replayed = true
		return nil, answer
	}
	refusal := c.open()
	switch {
	case !c.terms.Claimable:
		return nil, refuse(CodeNotClaimable)
	case refusal.Code != OK:
		return nil, refusal
	case sameKey:
		return nil, refuse(CodeIdempotencyMismatch)
	case has != nil:
		return nil, refuse(CodeCouponAlreadyIssued)
	case len(c.coupons) >= c.terms.Limit():
		return nil, refuse(CodeCouponsGone)
	}
	number = c.next()
	return one(now, CouponClaimed{number, cmd.User, c.terms.expiry(now), cmd.Key, cmd.Body}), yesCoupon(number)
}

// give is what the house does: at a customer's first sight of us, or to make up for something.
func (c *Campaign) give(cmd GiveCoupon, now Millis) ([]Event, Result) {
	if number := c.of[cmd.User]; number != 0 {
		answer := yesCoupon(number)
		answer.Replayed = true
		return nil, answer
	}
	if refusal := c.open(); refusal.Code != OK {
		return nil, refusal
	}
	if len(c.coupons) >= c.terms.Limit() {
		return nil, refuse(CodeCouponsGone)
	}
	number := c.next()
	return one(now, CouponGiven{number, cmd.User, c.terms.expiry(now)}), yesCoupon(number)
}

func (c *Campaign) next() uint32 { return uint32(len(c.coupons)) + 1 }

// open: coupons are given away only while it is.
func (c *Campaign) open() Result {
	switch c.phase {
	case Open:
		return Result{}
	case Paused:
		return refuse(CodeCampaignPaused)
	case Scheduled:
		return Result{Code: CodeCampaignNotOpen, RetryAt: c.terms.OpensAt}
	}
	return refuse(CodeCampaignClosed)
}

// reserve keeps a coupon for one order. The same order may ask again; an order that gave it back may not.
func (c *Campaign) reserve(cmd ReserveCoupon, now Millis) ([]Event, Result) {
	k := c.find(cmd.Number)
	if k == nil || k.user != cmd.User || cmd.Order == (OrderID{}) {
		return nil, refuse(CodeNotFound)
	}
	mine := k.order == cmd.Order
	switch state := c.state(cmd.Number); {
	case mine && (state == ReservedCoupon || state == RedeemedCoupon):
		return nil, yesCoupon(cmd.Number)
	case state == ReservedCoupon:
		return nil, refuse(CodeCouponInUse)
	case state == RedeemedCoupon:
		return nil, refuse(CodeCouponRedeemed)
	case state == ExpiredCoupon:
		return nil, refuse(CodeCouponExpired)
	case mine:
		return nil, refuse(CodeCouponReturned)
	case now >= cmd.Until:
		return nil, refuse(CodeHoldExpired)
	case cmd.Amount < 1 || cmd.Amount < c.terms.Discount.Minimum:
		return nil, refuse(CodeAmountTooSmall)
	}
	return one(now, CouponReserved{cmd.Number, cmd.Order, cmd.Until, cmd.Amount, c.terms.Discount.Of(cmd.Amount)}), yesCoupon(cmd.Number)
}

// redeem: the order was paid. Money that came in late, after the order had given the coupon back, still redeems it,
// if nobody has used it since and even past its life: the price was paid. What was redeemed and given back, because
// the reservation was canceled, is not redeemed again by a message that comes twice.
func (c *Campaign) redeem(cmd RedeemCoupon, now Millis) ([]Event, Result) {
	k := c.find(cmd.Number)
	switch {
	case k == nil:
		return nil, refuse(CodeNotFound)
	case cmd.Order == (OrderID{}):
		return nil, refuse(CodeCouponNotReserved)
	case k.order == cmd.Order && (k.status == RedeemedCoupon || k.settled):
		return nil, yesCoupon(cmd.Number)
	case k.order == cmd.Order:
		return one(now, CouponRedeemed{cmd.Number, cmd.Order}), yesCoupon(cmd.Number)
	case k.status == ReservedCoupon:
		return nil, refuse(CodeCouponInUse)
	case k.status == RedeemedCoupon:
		return nil, refuse(CodeCouponRedeemed)
	}
	return nil, refuse(CodeCouponNotReserved)
}

// giveBack: the order will not use the coupon, or no longer does.
func (c *Campaign) giveBack(cmd ReturnCoupon, now Millis) ([]Event, Result) {
	k := c.find(cmd.Number)
	switch {
	case k == nil:
		return nil, refuse(CodeNotFound)
	case k.order != cmd.Order || k.status == IssuedCoupon:
		return nil, yesCoupon(cmd.Number)
	}
	return one(now, CouponReturned{cmd.Number, cmd.Order}), yesCoupon(cmd.Number)
}

// turn carries out an admin's command. Asking for what is so already is a yes that changes nothing.
func (c *Campaign) turn(to Phase, fact Fact, now Millis) ([]Event, Result) {
	switch {
	case c.phase == to:
		return nil, yesCampaign()
	case c.phase == Closed:
		return nil, refuse(CodeCampaignClosed)
	case c.phase == Scheduled && to == Paused:
		return nil, Result{Code: CodeCampaignNotOpen, RetryAt: c.terms.OpensAt}
	}
	return one(now, fact), yesCampaign()
}

// waiting are the coupons whose rounds must be asked.
func (c *Campaign) waiting(at Millis) []Coupon {
	var numbers []uint32
	for number := range c.reserved {
		if c.find(number).until.Add(AskAfter) <= at {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	out := make([]Coupon, 0, min(len(numbers), MaxWaiting))
	for _, number := range numbers[:cap(out)] {
		out = append(out, *c.view(number))
	}
	return out
}

package ticketing

import "fmt"

// Apply takes a fact in. The state is the fold of these calls and nothing else.
func (c *Campaign) Apply(e Event) {
	if e.At < c.lastAt {
		c.broken("event %d is older than the one before", c.seq+1)
	}
	if _, first := e.Fact.(CampaignPlanned); first != (c.seq == 0) {
		c.broken("event %d is %T", c.seq+1, e.Fact)
	}
	switch f := e.Fact.(type) {
	case CampaignPlanned:
		c.terms, c.phase = f.Terms, Scheduled
	case Activated:
		c.activations = f.Number
	case CampaignOpened:
		c.phase = Open
	case CampaignPaused:
		c.phase = Paused
	case CampaignClosed:
		c.phase = Closed
	case CouponClaimed:
		c.applyIssued(f.Number, coupon{user: f.User, issuedAt: e.At, expiresAt: f.ExpiresAt, key: f.Key, body: f.Body})
	case CouponGiven:
		c.applyIssued(f.Number, coupon{user: f.User, issuedAt: e.At, expiresAt: f.ExpiresAt})
	case CouponReserved:
		k := c.must(f.Number)
		c.move(f.Number, IssuedCoupon, ReservedCoupon)
		k.order, k.until, k.discount, k.settled = f.Order, f.Until, f.Discount, false
	case CouponRedeemed:
		c.applyRedeemed(f)
	case CouponReturned:
		c.mustHave(f.Number, f.Order)
		k := c.must(f.Number)
		k.settled = k.status == RedeemedCoupon
		c.move(f.Number, k.status, IssuedCoupon)
	case CouponsExpired:
		if f.Through <= c.expired {
			c.broken("coupons up to %d expire after those up to %d", f.Through, c.expired)
		}
		c.expired = f.Through
	default:
		c.broken("%T is no fact of a campaign", e.Fact)
	}
	c.seq++
	c.lastAt = e.At
	c.checkCounts()
}

func (c *Campaign) broken(format string, args ...any) {
	panic(fmt.Sprintf("ticketing: campaign %d: %s", c.id, fmt.Sprintf(format, args...)))
}

func (c *Campaign) applyIssued(number uint32, k coupon) {
	if number != c.next() {
		c.broken("coupon %d follows %d", number, len(c.coupons))
	}
	if other := c.of[k.user]; other != 0 {
		c.broken("customer %d has coupon %d and gets %d", k.user, other, number)
	}
	k.status = IssuedCoupon
	c.coupons = append(c.coupons, k)
	c.of[k.user] = number
}

// applyRedeemed: also from issued, when money came in after the order had given the coupon back.
func (c *Campaign) applyRedeemed(f CouponRedeemed) {
	c.mustHave(f.Number, f.Order)
	k := c.must(f.Number)
	if k.status == RedeemedCoupon || k.settled {
		c.broken("coupon %d is redeemed twice", f.Number)
	}
	c.move(f.Number, k.status, RedeemedCoupon)
}

// move changes a coupon's status and keeps the counters.
func (c *Campaign) move(number uint32, from, to CouponStatus) {
	k := c.must(number)
	if k.status != from || from == to {
		c.broken("coupon %d is %s and becomes %s", number, k.status, to)
	}
	if from == RedeemedCoupon {
		c.redeemed--
	}
	if to == RedeemedCoupon {
		c.redeemed++
	}
	delete(c.reserved, number)
	if to == ReservedCoupon {
		c.reserved[number] = true
	}
	k.status = to
}

func (c *Campaign) must(number uint32) *coupon {
	k := c.find(number)
	if k == nil {
		c.broken("there is no coupon %d", number)
	}
	return k
}

// mustHave: the fact speaks of the order that has, or last had, the coupon.
func (c *Campaign) mustHave(number uint32, order OrderID) {
	if k := c.must(number); k.order != order {
		c.broken("coupon %d is order %s's, not %s's", number, k.order, order)
	}
}

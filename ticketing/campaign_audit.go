package ticketing

import (
	"fmt"
	"math/bits"
	"slices"
)

// CampaignAuditor is a second bookkeeping of a campaign, as [Auditor] is of a round: it knows only events and shares
// no rule with [Campaign]. It checks what a campaign promises: never more coupons than the stock, one to a customer,
// one order at a time, the right amount off.
type CampaignAuditor struct {
	terms     CampaignTerms
	phase     Phase
	activated uint64
	seq       uint64
	at        Millis
	err       error // the first broken promise

	coupons   []CouponState // number n is coupons[n-1]; Status and Order as events tell, age left aside
	customers map[UserID]bool
	settled   map[uint32]bool // coupons whose last order redeemed them and gave them back
	over      uint32          // the life of coupons up to here is over
}

// CouponState is what two bookkeepings of a campaign must agree on about a coupon.
type CouponState struct {
	Number    uint32
	User      UserID
	Status    CouponStatus
	Order     OrderID // that has it, or has given it back last
	ExpiresAt Millis
}

// NewCampaignAuditor audits a campaign from its first event on.
func NewCampaignAuditor() *CampaignAuditor {
	return &CampaignAuditor{customers: map[UserID]bool{}, settled: map[uint32]bool{}}
}

// See takes the next event in. The error names the event and the promise it breaks; it stays, for nothing after
// that can be judged.
func (a *CampaignAuditor) See(e Event) error {
	if a.err != nil {
		return a.err
	}
	if err := a.check(e); err != nil {
		a.err = fmt.Errorf("event %d, %s: %w", a.seq+1, e.Name(), err)
		return a.err
	}
	a.seq++
	a.at = e.At
	return nil
}

// Seq counts the events seen.
func (a *CampaignAuditor) Seq() uint64 { return a.seq }

// Coupons are all coupons by number, as the events tell.
func (a *CampaignAuditor) Coupons() []CouponState {
	out := slices.Clone(a.coupons)
	for i := range out[:a.over] {
		if out[i].Status == IssuedCoupon {
			out[i].Status = ExpiredCoupon
		}
	}
	return out
}

func (a *CampaignAuditor) check(e Event) error {
	_, planned := e.Fact.(CampaignPlanned)
	switch {
	case e.At < a.at:
		return fmt.Errorf("time goes back from %d to %d", a.at, e.At)
	case planned != (a.seq == 0):
		return fmt.Errorf("a campaign is planned once, and first")
	}
	switch f := e.Fact.(type) {
	case CampaignPlanned:
		a.terms, a.phase = f.Terms, Scheduled
		return f.Terms.Validate()
	case Activated:
		if f.Number <= a.activated {
			return fmt.Errorf("activation %d after %d", f.Number, a.activated)
		}
		a.activated = f.Number
		return nil
	case CampaignOpened:
		return a.turn(Open, Scheduled, Paused)
	case CampaignPaused:
		return a.turn(Paused, Open)
	case CampaignClosed:
		return a.turn(Closed, Scheduled, Open, Paused)
	case CouponClaimed:
		if !a.terms.Claimable {
			return fmt.Errorf("nobody may claim")
		}
		return a.issue(f.Number, f.User, f.ExpiresAt, e.At)
	case CouponGiven:
		return a.issue(f.Number, f.User, f.ExpiresAt, e.At)
	case CouponsExpired:
		return a.expire(f.Through, e.At)
	}
	return a.use(e)
}

func (a *CampaignAuditor) turn(to Phase, from ...Phase) error {
	if !slices.Contains(from, a.phase) {
		return fmt.Errorf("the campaign is %s", a.phase)
	}
	a.phase = to
	return nil
}

func (a *CampaignAuditor) issue(number uint32, user UserID, expiresAt, at Millis) error {
	want := a.terms.ExpiresAt
	if want == 0 {
		want = at + a.terms.LifeMillis
	}
	switch {
	case a.phase != Open:
		return fmt.Errorf("the campaign is %s", a.phase)
	case int(number) != len(a.coupons)+1:
		return fmt.Errorf("coupon %d after %d", number, len(a.coupons))
	case a.terms.Stock > 0 && int(number) > a.terms.Stock:
		return fmt.Errorf("coupon %d of a stock of %d", number, a.terms.Stock)
	case a.customers[user]:
		return fmt.Errorf("customer %d has a coupon already", user)
	case expiresAt != want:
		return fmt.Errorf("it expires at %d, not %d", expiresAt, want)
	}
	a.customers[user] = true
	a.coupons = append(a.coupons, CouponState{Number: number, User: user, Status: IssuedCoupon, ExpiresAt: expiresAt})
	return nil
}

func (a *CampaignAuditor) expire(through uint32, at Millis) error {
	if through <= a.over || int(through) > len(a.coupons) {
		return fmt.Errorf("coupons up to %d after %d, and there are %d", through, a.over, len(a.coupons))
	}
	for _, k := range a.coupons[a.over:through] {
		if k.ExpiresAt > at {
			return fmt.Errorf("coupon %d lives until %d", k.Number, k.ExpiresAt)
		}
	}
	a.over = through
	return nil
}

// use checks a fact about an order that uses a coupon.
func (a *CampaignAuditor) use(e Event) error {
	switch f := e.Fact.(type) {
	case CouponReserved:
		k, err := a.coupon(f.Number)
		switch {
		case err != nil:
			return err
		case k.Status != IssuedCoupon:
			return fmt.Errorf("coupon %d is %s, by order %s", f.Number, k.Status, k.Order)
		case f.Number <= a.over || k.ExpiresAt <= e.At:
			return fmt.Errorf("coupon %d expired at %d", f.Number, k.ExpiresAt)
		case f.Until <= e.At:
			return fmt.Errorf("order %s was over at %d", f.Order, f.Until)
		case f.Amount < a.terms.Discount.Minimum || f.Discount != a.off(f.Amount):
			return fmt.Errorf("%d won off %d", f.Discount, f.Amount)
		}
		k.Status, k.Order = ReservedCoupon, f.Order
		delete(a.settled, f.Number)
		return nil
	case CouponRedeemed:
		return a.settle(f.Number, f.Order, RedeemedCoupon, ReservedCoupon, IssuedCoupon)
	case CouponReturned:
		return a.settle(f.Number, f.Order, IssuedCoupon, ReservedCoupon, RedeemedCoupon)
	}
	return fmt.Errorf("it is no fact of a campaign")
}

func (a *CampaignAuditor) coupon(number uint32) (*CouponState, error) {
	if number == 0 || int(number) > len(a.coupons) {
		return nil, fmt.Errorf("there is no coupon %d", number)
	}
	return &a.coupons[number-1], nil
}

// settle: only the order that has the coupon, or gave it back last, says what becomes of it.
func (a *CampaignAuditor) settle(number uint32, order OrderID, to CouponStatus, from ...CouponStatus) error {
	k, err := a.coupon(number)
	if err != nil {
		return err
	}
	if k.Order != order || order == (OrderID{}) || !slices.Contains(from, k.Status) {
		return fmt.Errorf("coupon %d is %s, by order %s, not %s", number, k.Status, k.Order, order)
	}
	if a.settled[number] {
		return fmt.Errorf("order %s has redeemed coupon %d and given it back before", order, number)
	}
	if k.Status == RedeemedCoupon {
		a.settled[number] = true
	}
	k.Status = to
	return nil
}

// off is what comes off an amount, in 128 bits.
func (a *CampaignAuditor) off(amount KRW) KRW {
	d := a.terms.Discount
	if d.Kind == AmountOff {
		return min(amount, KRW(d.Value))
	}
	high, low := bits.Mul64(uint64(amount), uint64(d.Value))
	percent, _ := bits.Div64(high, low, 100)
	return min(KRW(percent), d.Cap)
}

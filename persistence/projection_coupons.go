package persistence

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// campaignFold is the part of a campaign's read tables that a batch of its events touches, and what they make of it.
type campaignFold struct {
	id    ticketing.CampaignID
	state campaignState
	rows  map[uint32]*couponRow
	seq   uint64 // of the event being taken in
}

// campaignState is a row of campaign_states.
type campaignState struct {
	phase              ticketing.Phase // 0: the campaign is not planned yet
	stock              int64
	issued             uint32
	reserved, redeemed int64
	expired            uint32
	opensAt, closesAt  ticketing.Millis
	changed            bool
}

// couponRow is a row of coupons.
type couponRow struct {
	number    uint32
	user      ticketing.UserID
	status    ticketing.CouponStatus // never expired: that is a matter of its number
	issuedAt  ticketing.Millis
	expiresAt ticketing.Millis
	order     ticketing.OrderID
	until     ticketing.Millis
	discount  ticketing.KRW
	seq       uint64

	stored  bool // it is in the table
	changed bool
}

// foldCampaigns loads what the events of campaigns touch and takes them in.
func foldCampaigns(ctx context.Context, tx pgx.Tx, work []*streamWork) error {
	fs := campaignFolds{}
	for _, w := range work {
		if id, ok := w.stream.Campaign(); ok && w.failed == nil && len(w.events) > 0 {
			w.coupons = &campaignFold{id: id, rows: map[uint32]*couponRow{}}
			fs[id] = w.coupons
		}
	}
	if len(fs) == 0 {
		return nil
	}
	if err := fs.load(ctx, tx, work); err != nil {
		return err
	}
	for _, w := range work {
		if w.coupons != nil {
			w.failed = w.coupons.apply(w.after+1, w.events)
		}
	}
	return nil
}

func (f *campaignFold) apply(from uint64, events []ticketing.Event) error {
	for i, e := range events {
		f.seq = from + uint64(i)
		if err := f.see(e); err != nil {
			return contradicts("event %d, %s: %w", f.seq, e.Name(), err)
		}
	}
	return nil
}

func (f *campaignFold) see(e ticketing.Event) error {
	s := &f.state
	if _, planned := e.Fact.(ticketing.CampaignPlanned); planned == (s.phase != 0) {
		return fmt.Errorf("a campaign is planned once, and first")
	}
	s.changed = true
	switch fact := e.Fact.(type) {
	case ticketing.Activated:
	case ticketing.CampaignPlanned:
		s.phase, s.stock = ticketing.Scheduled, int64(fact.Terms.Stock)
		s.opensAt, s.closesAt = fact.Terms.OpensAt, fact.Terms.ClosesAt
	case ticketing.CampaignOpened:
		s.phase = ticketing.Open
	case ticketing.CampaignPaused:
		s.phase = ticketing.Paused
	case ticketing.CampaignClosed:
		s.phase = ticketing.Closed
	case ticketing.CouponClaimed:
		return f.issue(fact.Number, fact.User, e.At, fact.ExpiresAt)
	case ticketing.CouponGiven:
		return f.issue(fact.Number, fact.User, e.At, fact.ExpiresAt)
	case ticketing.CouponsExpired:
		if fact.Through <= s.expired || fact.Through > s.issued {
			return fmt.Errorf("coupons up to %d expire after those up to %d, of %d", fact.Through, s.expired, s.issued)
		}
		s.expired = fact.Through
	case ticketing.CouponReserved:
		k, err := f.move(fact.Number, ticketing.ReservedCoupon)
		if err == nil {
			k.order, k.until, k.discount = fact.Order, fact.Until, fact.Discount
		}
		return err
	case ticketing.CouponRedeemed:
		_, err := f.move(fact.Number, ticketing.RedeemedCoupon)
		return err
	case ticketing.CouponReturned:
		_, err := f.move(fact.Number, ticketing.IssuedCoupon)
		return err
	default:
		return fmt.Errorf("it is no fact of a campaign")
	}
	return nil
}

func (f *campaignFold) issue(number uint32, user ticketing.UserID, at, expiresAt ticketing.Millis) error {
	if number != f.state.issued+1 {
		return fmt.Errorf("coupon %d follows %d", number, f.state.issued)
	}
	f.state.issued = number
	f.rows[number] = &couponRow{
		number: number, user: user, status: ticketing.IssuedCoupon, issuedAt: at, expiresAt: expiresAt, seq: f.seq, changed: true,
	}
	return nil
}

// move changes a coupon's status and keeps the counters.
func (f *campaignFold) move(number uint32, to ticketing.CouponStatus) (*couponRow, error) {
	k := f.rows[number]
	if k == nil {
		return nil, fmt.Errorf("there is no coupon %d", number)
	}
	if k.status == to {
		return nil, fmt.Errorf("coupon %d is %s already", number, to)
	}
	f.count(k.status, -1)
	f.count(to, 1)
	k.status, k.seq, k.changed = to, f.seq, true
	return k, nil
}

func (f *campaignFold) count(status ticketing.CouponStatus, by int64) {
	switch status {
	case ticketing.ReservedCoupon:
		f.state.reserved += by
	case ticketing.RedeemedCoupon:
		f.state.redeemed += by
	}
}

// couponOf is the coupon whose row a fact needs to be loaded; 0 for none.
func couponOf(fact ticketing.Fact) uint32 {
	switch f := fact.(type) {
	case ticketing.CouponReserved:
		return f.Number
	case ticketing.CouponRedeemed:
		return f.Number
	case ticketing.CouponReturned:
		return f.Number
	}
	return 0
}

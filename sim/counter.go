package sim

import (
	"fmt"

	"ticketblue/ticketing"
)

// counter is a campaign whose coupons the clients claim and use, and what the events say of it. It takes the place of
// the round: same shells, same journal, same faults.
type counter struct {
	w     *world
	terms ticketing.CampaignTerms
	books *ticketing.CampaignAuditor
	phase timeline[ticketing.Phase]
	of    map[ticketing.UserID]*slip
	slips []*slip // number n is slips[n-1]
	over  timeline[uint32]
	told  map[ticketing.Digest]uint32 // the number each key was answered with
}

// slip is a coupon as the events tell it.
type slip struct {
	user   ticketing.UserID
	key    ticketing.Digest // of the claim; zero: it was given
	seq    uint64
	number uint32
	status timeline[ticketing.CouponStatus]
}

func newCounter(w *world) *counter {
	life := ticketing.Millis(w.swarm.hold)
	return &counter{w: w, books: ticketing.NewCampaignAuditor(), of: map[ticketing.UserID]*slip{}, told: map[ticketing.Digest]uint32{},
		terms: ticketing.CampaignTerms{
			Stock: 1 + w.rng.IntN(w.swarm.users), Claimable: true, OpensAt: w.terms.OpensAt, ClosesAt: w.terms.ClosesAt, LifeMillis: life,
			Discount: ticketing.Discount{Kind: ticketing.RateOff, Value: 10, Cap: 5_000},
		}}
}

// choose is what a customer, or the house, may want next.
func (k *counter) choose(user ticketing.UserID) ticketing.Command {
	r := k.w.rng
	number := uint32(1 + r.IntN(k.terms.Stock+1))
	order := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 7, Number: number}, Attempt: uint32(1 + r.IntN(2))}
	switch dice := r.IntN(100); {
	case dice < 45: // with one of two keys: two windows
		return ticketing.ClaimCoupon{User: user, Key: ticketing.DigestOf(fmt.Sprint(user, r.IntN(2)))}
	case dice < 50:
		return ticketing.GiveCoupon{User: user}
	case dice < 60:
		return ticketing.ReadCoupon{User: user, Number: number}
	case dice < 72:
		if s := k.of[user]; s != nil {
			number = s.number
		}
		return ticketing.ReserveCoupon{User: user, Number: number, Order: order, Amount: 30_000, Until: epoch + ticketing.Millis(k.w.now+k.w.swarm.pay)}
	case dice < 79:
		return ticketing.RedeemCoupon{Number: number, Order: order}
	case dice < 86:
		return ticketing.ReturnCoupon{Number: number, Order: order}
	case dice < 90:
		return ticketing.ReadHash{}
	case dice < 91:
		return ticketing.PauseCampaign{}
	case dice < 94:
		return ticketing.OpenCampaign{}
	}
	return ticketing.ReadCampaign{}
}

// landed takes an event in.
func (k *counter) landed(seq uint64, e ticketing.Event) {
	if err := k.books.See(e); err != nil {
		k.w.auditor.fail("P1-P3: %v", err)
		return
	}
	switch f := e.Fact.(type) {
	case ticketing.CampaignPlanned:
		k.phase.set(seq, ticketing.Scheduled)
	case ticketing.CampaignOpened:
		k.phase.set(seq, ticketing.Open)
	case ticketing.CampaignPaused:
		k.phase.set(seq, ticketing.Paused)
	case ticketing.CampaignClosed:
		k.phase.set(seq, ticketing.Closed)
	case ticketing.CouponClaimed:
		k.issued(seq, f.Number, f.User, f.Key)
	case ticketing.CouponGiven:
		k.issued(seq, f.Number, f.User, ticketing.Digest{})
	case ticketing.CouponReserved:
		k.slips[f.Number-1].status.set(seq, ticketing.ReservedCoupon)
	case ticketing.CouponRedeemed:
		k.slips[f.Number-1].status.set(seq, ticketing.RedeemedCoupon)
	case ticketing.CouponReturned:
		k.slips[f.Number-1].status.set(seq, ticketing.IssuedCoupon)
	case ticketing.CouponsExpired:
		k.over.set(seq, f.Through)
	}
}

func (k *counter) issued(seq uint64, number uint32, user ticketing.UserID, key ticketing.Digest) {
	s := &slip{user: user, key: key, seq: seq, number: number}
	s.status.set(seq, ticketing.IssuedCoupon)
	k.slips, k.of[user] = append(k.slips, s), s
}

// count is how many coupons there were.
func (k *counter) count(seq uint64) int {
	n := 0
	for _, s := range k.slips {
		if s.seq <= seq {
			n++
		}
	}
	return n
}

// judge holds an answer against the events it rests on.
func (k *counter) judge(cmd ticketing.Command, r ticketing.Result) {
	a := k.w.auditor
	if c := r.Coupon; c != nil {
		k.shown(cmd, r)
	}
	switch c := cmd.(type) {
	case ticketing.ClaimCoupon:
		k.claimed(c, r)
	case ticketing.GiveCoupon:
		if r.Code != ticketing.OK && k.of[c.User] != nil && k.of[c.User].seq <= r.Seq {
			a.fail("P7: user %d is refused %q and has a coupon at %d", c.User, r.Code, r.Seq)
		}
	case ticketing.ReadCoupon:
		if s := k.of[c.User]; r.Code == ticketing.CodeNotFound && s != nil && s.number == c.Number && s.seq <= r.Seq {
			a.fail("P7: user %d does not find his coupon %d at %d", c.User, c.Number, r.Seq)
		}
	case ticketing.ReadCampaign:
		if s := r.Campaign; s.Issued != k.count(r.Seq) || s.Phase != k.phase.at(r.Seq) {
			a.fail("P8: %d issued, %v is shown, and is %d, %v at %d", s.Issued, s.Phase, k.count(r.Seq), k.phase.at(r.Seq), r.Seq)
		}
	case ticketing.ReadHash:
		a.sameState("the live machine", r.Seq, r.Hash)
	}
}

// shown: a coupon in an answer is as it is at the answer's seq.
func (k *counter) shown(cmd ticketing.Command, r ticketing.Result) {
	c := r.Coupon
	if int(c.ID.Number) > len(k.slips) || k.slips[c.ID.Number-1].seq > r.Seq || k.slips[c.ID.Number-1].user != c.User {
		k.w.auditor.fail("P6: %T shows coupon %d of user %d at %d and it is not there", cmd, c.ID.Number, c.User, r.Seq)
		return
	}
	want := k.slips[c.ID.Number-1].status.at(r.Seq)
	if want == ticketing.IssuedCoupon && c.ID.Number <= k.over.at(r.Seq) {
		want = ticketing.ExpiredCoupon
	}
	if c.Status != want {
		k.w.auditor.fail("P6: %T shows coupon %d as %v, and it is %v at %d", cmd, c.ID.Number, c.Status, want, r.Seq)
	}
}

// claimed: a yes is by this key and for ever; told no, he has nothing by that key, and the reason is true.
func (k *counter) claimed(c ticketing.ClaimCoupon, r ticketing.Result) {
	a, s := k.w.auditor, k.of[c.User]
	has := s != nil && s.seq <= r.Seq
	if r.Code == ticketing.OK {
		number := r.Coupon.ID.Number
		if !has || s.key != c.Key || s.number != number {
			a.fail("P6: user %d is answered with coupon %d, which his key did not make", c.User, number)
		}
		if first, told := k.told[c.Key]; told && first != number {
			a.fail("P6: a key was answered with coupon %d and now with %d", first, number)
		}
		k.told[c.Key] = number
		if r.Replayed {
			k.w.tally.replayed++
		}
		return
	}
	if has && s.key == c.Key {
		a.fail("P7: user %d is told %q at %d, and his key made coupon %d at %d", c.User, r.Code, r.Seq, s.number, s.seq)
		return
	}
	ok, phase := false, k.phase.at(r.Seq)
	switch r.Code {
	case ticketing.CodeCampaignNotOpen:
		ok = phase == ticketing.Scheduled
	case ticketing.CodeCampaignPaused:
		ok = phase == ticketing.Paused
	case ticketing.CodeCampaignClosed:
		ok = phase == ticketing.Closed
	case ticketing.CodeCouponAlreadyIssued:
		ok = has
	case ticketing.CodeCouponsGone:
		ok = k.count(r.Seq) == k.terms.Stock
	}
	if !ok {
		a.fail("P7: user %d is told %q at %d: not so", c.User, r.Code, r.Seq)
	}
}

// settled: nobody has asked anything for longer than any coupon lives.
func (k *counter) settled() {
	for _, c := range k.books.Coupons() {
		if c.Status == ticketing.IssuedCoupon && c.Number > k.over.now() {
			k.w.auditor.fail("P10: coupon %d should have expired %d ms ago", c.Number, epoch+ticketing.Millis(k.w.now)-c.ExpiresAt)
		}
	}
}

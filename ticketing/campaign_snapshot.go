package ticketing

import (
	"errors"
	"fmt"
)

// bytesPerCoupon is what a claimed coupon takes in a snapshot, roughly.
const bytesPerCoupon = 56

// Snapshot writes the whole state in one canonical form; what can be derived is left out.
func (c *Campaign) Snapshot() []byte {
	w := &writer{make([]byte, 0, 256+bytesPerCoupon*len(c.coupons))}
	w.campaignTerms(c.terms)
	w.number(c.seq)
	w.time(c.lastAt)
	w.number(uint64(c.phase))
	w.number(c.activations)
	w.uint32(c.expired)
	w.number(uint64(len(c.coupons)))
	for i := range c.coupons {
		w.coupon(&c.coupons[i])
	}
	return w.buf
}

func (w *writer) coupon(k *coupon) {
	w.number(uint64(k.user))
	w.number(uint64(k.status))
	w.time(k.issuedAt)
	w.time(k.expiresAt)
	w.flag(k.order != OrderID{})
	if k.order != (OrderID{}) {
		w.order(k.order)
		w.time(k.until)
		w.krw(k.discount)
		w.flag(k.settled)
	}
	w.flag(k.key != Digest{} || k.body != Digest{})
	if k.key != (Digest{}) || k.body != (Digest{}) {
		w.buf = append(w.buf, k.key[:]...)
		w.buf = append(w.buf, k.body[:]...)
	}
}

func (r *reader) coupon() coupon {
	k := coupon{
		user: UserID(r.int63()), status: CouponStatus(r.upTo(uint64(RedeemedCoupon))),
		issuedAt: r.time(), expiresAt: r.time(),
	}
	if r.flag() {
		k.order, k.until, k.discount, k.settled = r.order(), r.time(), r.krw(), r.flag()
	}
	if r.flag() {
		k.key, k.body = r.digest(), r.digest()
	}
	return k
}

// restoreCampaign reads a snapshot and derives the rest. The result must be what it claims: same seq, same hash.
func restoreCampaign(id CampaignID, s *Snapshot) (*Campaign, error) {
	if s.Version != SnapshotVersion {
		return nil, fmt.Errorf("version %d, this program reads %d", s.Version, SnapshotVersion)
	}
	c := NewCampaign(id)
	in := &reader{buf: s.State}
	c.terms = in.campaignTerms()
	c.seq, c.lastAt = in.number(), in.time()
	c.phase, c.activations = Phase(in.upTo(uint64(Closed))), in.number()
	c.expired = in.uint32()
	count := in.count()
	c.coupons = make([]coupon, 0, min(count, MaxCoupons))
	for range count {
		k := in.coupon()
		if in.err != nil {
			return nil, in.err
		}
		c.adopt(k)
	}
	if err := in.finish(); err != nil {
		return nil, err
	}
	if c.seq != s.Seq || StateHash(c) != s.Hash {
		return nil, errors.New("it is not the state it claims to be")
	}
	c.checkCounts()
	return c, nil
}

// adopt takes a coupon over from a snapshot, numbers ascending.
func (c *Campaign) adopt(k coupon) {
	number := c.next()
	c.coupons = append(c.coupons, k)
	c.of[k.user] = number
	switch k.status {
	case ReservedCoupon:
		c.reserved[number] = true
	case RedeemedCoupon:
		c.redeemed++
	}
}

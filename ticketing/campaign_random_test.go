package ticketing

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// campaignActions are what may happen to a campaign.
var campaignActions = []struct {
	name string
	do   func(chooser, *checkedCampaign)
}{
	{"claim", func(ch chooser, c *checkedCampaign) { c.act(anyClaim(ch), anyMoment(ch, c)) }},
	{"claim again", func(ch chooser, c *checkedCampaign) { c.act(anyClaim(ch), anyMoment(ch, c)) }}, // twice as likely
	{"give", func(ch chooser, c *checkedCampaign) { c.act(GiveCoupon{anyClaimant(ch)}, anyMoment(ch, c)) }},
	{"use", func(ch chooser, c *checkedCampaign) { anyUse(ch, c) }},
	{"use again", func(ch chooser, c *checkedCampaign) { anyUse(ch, c) }},
	{"redeem", func(ch chooser, c *checkedCampaign) {
		n := anyCoupon(ch, c)
		c.act(RedeemCoupon{n, anyOrderOf(ch, c, n)}, anyMoment(ch, c))
	}},
	{"return", func(ch chooser, c *checkedCampaign) {
		n := anyCoupon(ch, c)
		c.act(ReturnCoupon{n, anyOrderOf(ch, c, n)}, anyMoment(ch, c))
	}},
	{"admin", func(ch chooser, c *checkedCampaign) {
		c.act(pick[Command](ch, OpenCampaign{}, OpenCampaign{}, OpenCampaign{}, OpenCampaign{}, OpenCampaign{},
			PauseCampaign{}, PauseCampaign{}, CloseCampaign{}, DropCampaign{}), anyMoment(ch, c))
	}},
	{"ask", func(ch chooser, c *checkedCampaign) {
		at := anyMoment(ch, c)
		c.act(pick[Command](ch, ReadCoupon{anyClaimant(ch), anyCoupon(ch, c)}, ReadCampaign{}, ReadHash{}, ReadWaiting{at + pick[Millis](ch, 0, 1_000_000)}), at)
	}},
	{"time passes", func(ch chooser, c *checkedCampaign) { c.act(nil, anyMoment(ch, c)) }},
	{"activate", func(_ chooser, c *checkedCampaign) { c.activate() }},
	{"snapshot", func(_ chooser, c *checkedCampaign) { c.snapshot() }},
	{"restore", func(_ chooser, c *checkedCampaign) { c.restore() }},
}

func anyCampaign(t failer, ch chooser) *checkedCampaign {
	t.Helper()
	terms := CampaignTerms{
		Stock: pick(ch, 3, 5, 1, 0, 100), Claimable: !oneIn(ch, 8), OpensAt: openAt,
		ClosesAt:   openAt + pick[Millis](ch, 30*dayMillis, 60_000, dayMillis),
		LifeMillis: pick[Millis](ch, 600_000, 1_000, dayMillis),
		Discount:   pick(ch, Discount{AmountOff, 5_000, 0, 0}, Discount{RateOff, 10, 3_000, 1_000}, Discount{RateOff, 100, MaxDiscount, 0}, Discount{AmountOff, 1, 0, 10_000}),
	}
	if oneIn(ch, 3) {
		terms.LifeMillis, terms.ExpiresAt = 0, terms.ClosesAt+pick[Millis](ch, 0, 1, dayMillis)
	}
	return newCheckedCampaign(t, terms, scriptDay)
}

func anyClaimant(ch chooser) UserID {
	if oneIn(ch, 40) {
		return pick[UserID](ch, 0, math.MaxInt64)
	}
	return UserID(1 + ch.below(8))
}

func anyClaim(ch chooser) Command {
	cmd := ClaimCoupon{User: anyClaimant(ch), Body: DigestOf(pick(ch, "", "", "", "", "other"))}
	cmd.Key = key(fmt.Sprint(cmd.User, max(0, ch.below(6)-3)))
	return cmd
}

func anyCoupon(ch chooser, c *checkedCampaign) uint32 {
	if oneIn(ch, 20) {
		return pick(ch, 0, c.live.next(), math.MaxUint32)
	}
	return uint32(1 + ch.below(max(1, min(len(c.live.coupons), 4))))
}

// anyOrderOf is mostly the order that has the coupon.
func anyOrderOf(ch chooser, c *checkedCampaign, number uint32) OrderID {
	if k := c.live.find(number); k != nil && !oneIn(ch, 5) {
		return k.order
	}
	return anyNewOrder(ch)
}

func anyNewOrder(ch chooser) OrderID {
	if oneIn(ch, 20) {
		return pick(ch, OrderID{}, OrderID{ReservationID{math.MaxInt64, math.MaxUint32}, math.MaxUint32})
	}
	return OrderID{ReservationID{7, uint32(1 + ch.below(3))}, uint32(1 + ch.below(3))}
}

func anyUse(ch chooser, c *checkedCampaign) {
	n := anyCoupon(ch, c)
	user := anyClaimant(ch)
	if k := c.live.find(n); k != nil && !oneIn(ch, 10) {
		user = k.user
	}
	at := anyMoment(ch, c)
	amount := pick[KRW](ch, 30_000, 999, 1_000, 1, 12_345, 0, -1, math.MaxInt64)
	order := anyNewOrder(ch)
	if oneIn(ch, 4) {
		order = anyOrderOf(ch, c, n)
	}
	use := ReserveCoupon{user, n, order, amount, max(at, c.live.LastAt()) + pick[Millis](ch, 600_000, 1, 0, -1)}
	if oneIn(ch, 2) {
		c.act(CheckCoupon(use), at)
	}
	c.act(use, at)
}

func anyMoment(ch chooser, c *checkedCampaign) Millis {
	now, next := max(c.live.LastAt(), openAt-1000), c.live.NextDeadline()
	switch ch.below(32) {
	case 0:
		return max(now, next)
	case 1:
		return max(now, next-1)
	case 2:
		return now + Millis(ch.below(600_000))
	case 3:
		return pick(ch, now+dayMillis, now+3650*dayMillis, now-5000, 0, math.MinInt64)
	case 4, 5, 6:
		return now + Millis(ch.below(1000))
	}
	return now
}

// The campaign and the naive model agree on every answer and on the whole state, whatever happens.
func TestCampaignAgreesWithNaiveModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ch := rapidly{rt}
		c := anyCampaign(rt, ch)
		moves := map[string]func(*rapid.T){}
		for _, a := range campaignActions {
			moves[a.name] = func(*rapid.T) { a.do(ch, c) }
		}
		for range 3 {
			rt.Repeat(moves)
		}
		c.restore()
	})
}

func FuzzDecideCampaign(f *testing.F) {
	const maxBytes = 1024
	for seed := range byte(8) {
		f.Add(noise(seed, 400))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		ch := &bytewise{input[:min(len(input), maxBytes)]}
		talkAtCounter(anyCampaign(t, ch), ch)
	})
}

func talkAtCounter(c *checkedCampaign, ch *bytewise) {
	for len(ch.left) > 0 {
		campaignActions[ch.below(len(campaignActions))].do(ch, c)
	}
	c.restore()
}

// The same commands give the same bytes, of events and of the snapshot, and every kind of fact comes up.
func TestSameClaimsSameBytes(t *testing.T) {
	seen := map[string]bool{}
	for seed := range byte(60) {
		var first []byte
		for range 2 {
			ch := &bytewise{noise(seed, 1500)}
			c := anyCampaign(t, ch)
			talkAtCounter(c, ch)
			written := append(c.bytes, c.live.Snapshot()...)
			if first != nil && !bytes.Equal(first, written) {
				t.Fatalf("seed %d: the same commands gave different bytes", seed)
			}
			first = written
			events, err := DecodeChunk(ChunkPayload(int(c.live.Seq()), c.bytes))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				seen[e.Name()] = true
			}
		}
	}
	for number, k := range kinds {
		if number >= kindCampaignPlanned && !seen[k.name] {
			t.Errorf("no random conversation leads to %s", k.name)
		}
	}
}

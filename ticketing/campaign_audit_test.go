package ticketing

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// A snapshot that claims to be something else does not restore, and a fact of a round is none of a campaign.
func TestCampaignRefusesToLoad(t *testing.T) {
	c := newCheckedCampaign(t, benchTerms(0), scriptDay)
	c.act(ClaimCoupon{User: 1, Key: key("a")}, openAt)
	stream := CampaignStream(testCampaign)
	good := TakeSnapshot(stream, c.live, Head{})
	for name, spoil := range map[string]func(*Snapshot){
		"version":  func(s *Snapshot) { s.Version++ },
		"seq":      func(s *Snapshot) { s.Seq++ },
		"hash":     func(s *Snapshot) { s.Hash[0]++ },
		"too long": func(s *Snapshot) { s.State = append(s.State, 0) },
		"cut":      func(s *Snapshot) { s.State = s.State[:len(s.State)-1] },
		"nothing":  func(s *Snapshot) { s.State = nil },
	} {
		bad := good
		bad.State = bytes.Clone(good.State)
		spoil(&bad)
		if _, err := Restore(stream, History{Snapshot: &bad}); err == nil {
			t.Errorf("%s: it restores", name)
		}
	}
	for name, e := range map[string]Event{
		"a round's fact":  {openAt, SaleOpened{}},
		"planned again":   {openAt, CampaignPlanned{benchTerms(0)}},
		"one to a user":   {openAt, CouponGiven{2, 1, openAt + dayMillis}},
		"number skipped":  {openAt, CouponGiven{3, 2, openAt + dayMillis}},
		"never reserved":  {openAt, CouponRedeemed{1, sampleOrder}},
		"no such coupon":  {openAt, CouponReturned{2, sampleOrder}},
		"expired nothing": {openAt, CouponsExpired{0}},
		"expired too far": {openAt, CouponsExpired{2}},
		"time goes back":  {openAt - 1, CampaignPaused{}},
	} {
		tail := append(slices.Clone(c.tail), Chunk{From: c.live.Seq() + 1, To: c.live.Seq() + 1, Payload: ChunkPayload(1, EncodeEvents(nil, []Event{e}))})
		if _, err := Restore(stream, History{Tail: tail}); err == nil {
			t.Errorf("%s: it loads", name)
		}
		if err := auditorOf(t, c).See(e); err == nil {
			t.Errorf("%s: the auditor is content", name)
		}
	}
}

// auditorOf is an auditor that has seen what happened to c.
func auditorOf(t failer, c *checkedCampaign) *CampaignAuditor {
	t.Helper()
	a := NewCampaignAuditor()
	events, err := DecodeChunk(ChunkPayload(int(c.live.Seq()), c.bytes))
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, e := range events {
		if err := a.See(e); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return a
}

// The auditor speaks up at each broken promise that only it knows of: a machine with the matching bug would go on.
func TestCampaignAuditorObjects(t *testing.T) {
	terms := benchTerms(2)
	issued := []Event{{openAt, CampaignOpened{}}, {openAt, CouponGiven{1, 1, openAt + dayMillis}}}
	order := sampleOrder
	reserved := append(slices.Clone(issued), Event{openAt, CouponReserved{1, order, openAt + 1000, 9_000, 5_000}})
	redeemed := append(slices.Clone(reserved), Event{openAt, CouponRedeemed{1, order}})
	for _, v := range []struct {
		name    string
		history []Event
		bad     Event
		want    string
	}{
		{"over-issued", append(slices.Clone(issued), Event{openAt, CouponGiven{2, 2, openAt + dayMillis}}), Event{openAt, CouponGiven{3, 3, openAt + dayMillis}}, "stock of 2"},
		{"two to a customer", issued, Event{openAt, CouponGiven{2, 1, openAt + dayMillis}}, "has a coupon already"},
		{"a number again", issued, Event{openAt, CouponGiven{1, 2, openAt + dayMillis}}, "coupon 1 after 1"},
		{"before it opens", nil, Event{openAt, CouponGiven{1, 1, openAt + dayMillis}}, "scheduled"},
		{"in a pause", append(slices.Clone(issued), Event{openAt, CampaignPaused{}}), Event{openAt, CouponGiven{2, 2, openAt + dayMillis}}, "paused"},
		{"claimed, though nobody may", issued, Event{openAt, CouponClaimed{Number: 2, User: 2, ExpiresAt: openAt + dayMillis}}, "nobody may"},
		{"a longer life", issued, Event{openAt, CouponGiven{2, 2, openAt + dayMillis + 1}}, "expires at"},
		{"two orders", reserved, Event{openAt, CouponReserved{1, OrderID{order.Reservation, 3}, openAt + 1000, 9_000, 5_000}}, "is reserved"},
		{"too much off", issued, Event{openAt, CouponReserved{1, order, openAt + 1000, 9_000, 5_001}}, "won off"},
		{"below the minimum", issued, Event{openAt, CouponReserved{1, order, openAt + 1000, 999, 999}}, "won off"},
		{"an order that is over", issued, Event{openAt, CouponReserved{1, order, openAt, 9_000, 5_000}}, "was over"},
		{"used after its life", issued, Event{openAt + dayMillis, CouponReserved{1, order, openAt + 2*dayMillis, 9_000, 5_000}}, "expired"},
		{"redeemed by another", reserved, Event{openAt, CouponRedeemed{1, OrderID{order.Reservation, 3}}}, "not 42-1001-3"},
		{"redeemed unreserved", issued, Event{openAt, CouponRedeemed{1, order}}, "is issued"},
		{"redeemed twice", redeemed, Event{openAt, CouponRedeemed{1, order}}, "is redeemed"},
		{"returned by another", redeemed, Event{openAt, CouponReturned{1, OrderID{order.Reservation, 3}}}, "not 42-1001-3"},
		{"redeemed after it was canceled", append(slices.Clone(redeemed), Event{openAt, CouponReturned{1, order}}), Event{openAt, CouponRedeemed{1, order}}, "given it back before"},
		{"expired too early", issued, Event{openAt + dayMillis - 1, CouponsExpired{1}}, "lives until"},
		{"time goes back", issued, Event{openAt - 1, CampaignClosed{}}, "time goes back"},
		{"an activation again", append(slices.Clone(issued), Event{openAt, Activated{4}}), Event{openAt, Activated{4}}, "activation"},
		{"opened twice", issued, Event{openAt, CampaignOpened{}}, "is open"},
	} {
		a := NewCampaignAuditor()
		for _, e := range append([]Event{{scriptDay, CampaignPlanned{terms}}}, v.history...) {
			if err := a.See(e); err != nil {
				t.Fatalf("%s: the history is not sound: %v", v.name, err)
			}
		}
		if err := a.See(v.bad); err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: %v, want %q in it", v.name, err, v.want)
		}
		if a.See(Event{openAt + 9*dayMillis, Activated{99}}) == nil {
			t.Errorf("%s: after a broken promise all is well", v.name)
		}
	}
}

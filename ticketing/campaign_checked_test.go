package ticketing

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Every test of a campaign's rules goes through a checked campaign, held against the same promises as a checked round
// (checked_test.go).

const testCampaign CampaignID = 3

type checkedCampaign struct {
	t      failer
	live   *Campaign
	twin   *Campaign // carries the same commands out by itself
	folded *Campaign // knows only the journal's bytes
	audit  *CampaignAuditor
	naive  *naiveCampaign

	tail  []Chunk // since the snapshot, or since the beginning
	snap  *Snapshot
	bytes []byte
}

func newCheckedCampaign(t failer, terms CampaignTerms, at Millis) *checkedCampaign {
	t.Helper()
	if err := terms.Validate(); err != nil {
		t.Fatalf("terms: %v", err)
	}
	c := &checkedCampaign{
		t: t, live: NewCampaign(testCampaign), twin: NewCampaign(testCampaign), folded: NewCampaign(testCampaign),
		audit: NewCampaignAuditor(), naive: &naiveCampaign{terms: terms, phase: Scheduled, last: at},
	}
	planned := Event{at, CampaignPlanned{terms}}
	c.live.Apply(planned)
	c.twin.Apply(planned)
	c.journal([]Event{planned})
	c.compare()
	return c
}

// act carries a command out on all copies and compares them. A nil command only lets time pass.
func (c *checkedCampaign) act(cmd Command, now Millis) ([]Event, Result) {
	c.t.Helper()
	now = max(now, c.live.LastAt())
	events := c.live.Due(now)
	for _, e := range events {
		c.live.Apply(e)
	}
	if again := c.live.Due(now); len(again) > 0 {
		c.t.Fatalf("due twice: %+v", again)
	}
	var result Result
	if cmd == nil {
		for _, e := range c.twin.Due(now) {
			c.twin.Apply(e)
		}
	} else {
		var decided []Event
		decided, result = c.decide(cmd, now)
		events = append(events, decided...)
		twinEvents, twinResult := Act(c.twin, cmd, now)
		if !reflect.DeepEqual(twinResult, result) || !bytes.Equal(EncodeEvents(nil, twinEvents), EncodeEvents(nil, events)) {
			c.t.Fatalf("%+v: the same command on the same state gave\n%+v %+v\nand\n%+v %+v", cmd, result, events, twinResult, twinEvents)
		}
	}
	c.journal(events)
	c.compare()
	c.naive.agrees(c.t, c.live, cmd, now, result)
	return events, result
}

// decide asks twice: looking must change nothing, and say the same again.
func (c *checkedCampaign) decide(cmd Command, now Millis) ([]Event, Result) {
	c.t.Helper()
	before := StateHash(c.live)
	events, result := c.live.Decide(cmd, now)
	again, resultAgain := c.live.Decide(cmd, now)
	switch {
	case StateHash(c.live) != before:
		c.t.Fatalf("%+v: Decide changed the state", cmd)
	case !reflect.DeepEqual(events, again) || !reflect.DeepEqual(result, resultAgain):
		c.t.Fatalf("%+v: Decide answers differently when asked again", cmd)
	case result.Code != OK && len(events) > 0:
		c.t.Fatalf("%+v: refused with %s, yet %+v", cmd, result.Code, events)
	}
	for _, e := range events {
		c.live.Apply(e)
	}
	after := StateHash(c.live)
	c.live.Complete(&result)
	if StateHash(c.live) != after || result.Seq != c.live.Seq() {
		c.t.Fatalf("%+v: Complete changed the state, or rests on event %d of %d", cmd, result.Seq, c.live.Seq())
	}
	return events, result
}

// journal writes the events down as one chunk and folds what can be read back.
func (c *checkedCampaign) journal(events []Event) {
	c.t.Helper()
	if len(events) == 0 {
		return
	}
	records := EncodeEvents(nil, events)
	c.bytes = append(c.bytes, records...)
	payload := ChunkPayload(len(events), records)
	read, err := DecodeChunk(payload)
	if err != nil {
		c.t.Fatalf("%+v: %v", events, err)
	}
	from := c.folded.Seq() + 1
	for _, e := range read {
		c.folded.Apply(e)
		if err := c.audit.See(e); err != nil {
			c.t.Fatalf("auditor: %v", err)
		}
	}
	c.tail = append(c.tail, Chunk{From: from, To: c.folded.Seq(), Payload: payload})
}

func (c *checkedCampaign) compare() {
	c.t.Helper()
	hash := StateHash(c.live)
	if StateHash(c.folded) != hash || StateHash(c.twin) != hash {
		c.t.Fatalf("the fold of the journal, or a copy that did the same, is not the live state")
	}
	if c.audit.Seq() != c.live.Seq() || !slices.Equal(c.audit.Coupons(), couponStates(c.live)) {
		c.t.Fatalf("auditor at %d sees\n%+v, the campaign at %d\n%+v", c.audit.Seq(), c.audit.Coupons(), c.live.Seq(), couponStates(c.live))
	}
	redeemed, reserved := 0, map[uint32]bool{}
	for i, k := range c.live.coupons {
		switch k.status {
		case RedeemedCoupon:
			redeemed++
		case ReservedCoupon:
			reserved[uint32(i)+1] = true
		}
		if c.live.of[k.user] != uint32(i)+1 {
			c.t.Fatalf("coupon %d is not customer %d's", i+1, k.user)
		}
	}
	if redeemed != c.live.redeemed || !reflect.DeepEqual(reserved, c.live.reserved) {
		c.t.Fatalf("%d redeemed, recounted %d; reserved %v, recounted %v", c.live.redeemed, redeemed, c.live.reserved, reserved)
	}
	next := c.live.NextDeadline()
	if due := c.live.Due(next - 1); next != 0 && len(due) > 0 || next != 0 && len(c.live.Due(next)) == 0 || next == 0 && len(c.live.Due(1<<50)) > 0 {
		c.t.Fatalf("the next deadline %d is not honest: %+v", next, due)
	}
}

func couponStates(c *Campaign) []CouponState {
	out := []CouponState{}
	for i := range c.coupons {
		k, n := &c.coupons[i], uint32(i)+1
		out = append(out, CouponState{Number: n, User: k.user, Status: c.state(n), Order: k.order, ExpiresAt: k.expiresAt})
	}
	return out
}

// snapshot makes this the moment that restore starts from.
func (c *checkedCampaign) snapshot() {
	s := TakeSnapshot(CampaignStream(testCampaign), c.live, Head{})
	c.snap, c.tail = &s, nil
}

// restore brings the campaign back from snapshot and tail; from now on the restored one is the live one.
func (c *checkedCampaign) restore() {
	c.t.Helper()
	m, err := Restore(CampaignStream(testCampaign), History{Snapshot: c.snap, Tail: c.tail})
	if err != nil {
		c.t.Fatalf("restore: %v", err)
	}
	restored := m.(*Campaign)
	if !reflect.DeepEqual(emptyNotNil(restored), emptyNotNil(c.live)) {
		c.t.Fatalf("the snapshot leaves something out:\n%+v\n%+v", restored, c.live)
	}
	c.live = restored
	c.compare()
}

func emptyNotNil(c *Campaign) Campaign {
	out := *c
	out.coupons = append([]coupon{}, c.coupons...)
	return out
}

// activate writes the barrier event of a new activation, as the shell does.
func (c *checkedCampaign) activate() {
	c.t.Helper()
	e := Event{c.live.LastAt(), Activated{c.live.Seq() + 1}}
	c.live.Apply(e)
	c.twin.Apply(e)
	c.journal([]Event{e})
	c.compare()
}

// naiveCampaign is the coupon counter in the simplest possible way: a list of slips, looked through for everything.
type naiveCampaign struct {
	terms CampaignTerms
	phase Phase
	last  Millis
	slips []*slip
}

type slip struct {
	user           UserID
	key, body      Digest
	issued, expiry Millis
	status         string
	order          string // that has it, or had it last
	id             OrderID
	until          Millis
	off            KRW
	over           bool // the order redeemed it once, and gave it back
}

func (n *naiveCampaign) agrees(t failer, live *Campaign, cmd Command, now Millis, got Result) {
	t.Helper()
	n.last = max(n.last, now)
	if n.phase == Scheduled && now >= n.terms.OpensAt {
		n.phase = Open
	}
	if now >= n.terms.ClosesAt {
		n.phase = Closed
	}
	if cmd != nil {
		want := n.act(cmd, now)
		got.Seq, got.Hash, got.show, got.number = 0, Hash{}, 0, 0
		if len(got.Coupons) == 0 {
			got.Coupons = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%T %+v at %d: the campaign answers\n%s\nthe naive model\n%s", cmd, cmd, now, spell(got), spell(want))
		}
	}
	if got, want := live.status(), n.status(); *got != *want {
		t.Fatalf("after %T %+v at %d: the campaign is\n%+v\nthe naive model\n%+v", cmd, cmd, now, got, want)
	}
	for i := range n.slips {
		if got, want := live.view(uint32(i+1)), n.view(i, now); *got != *want {
			t.Fatalf("after %T %+v at %d: the campaign shows\n%+v\nthe naive model\n%+v", cmd, cmd, now, got, want)
		}
	}
}

func spell(r Result) string {
	return strings.TrimSpace(fmt.Sprintf("%+v coupon %+v campaign %+v", r, r.Coupon, r.Campaign))
}

func (n *naiveCampaign) status() *CampaignStatus {
	s := &CampaignStatus{Phase: n.phase, Terms: n.terms, Issued: len(n.slips), Left: n.stock() - len(n.slips)}
	for _, v := range n.slips {
		switch v.status {
		case "reserved":
			s.Reserved++
		case "redeemed":
			s.Redeemed++
		}
	}
	return s
}

func (n *naiveCampaign) stock() int {
	if n.terms.Stock > 0 {
		return n.terms.Stock
	}
	return MaxCoupons
}

func (n *naiveCampaign) statusOf(v *slip, now Millis) string {
	if v.status == "issued" && v.expiry <= now {
		return "expired"
	}
	return v.status
}

func (n *naiveCampaign) view(i int, now Millis) *Coupon {
	v := n.slips[i]
	status := n.statusOf(v, now)
	out := &Coupon{
		ID: CouponID{testCampaign, uint32(i + 1)}, User: v.user, Of: n.terms.Stock, Discount: n.terms.Discount,
		IssuedAt: v.issued, ExpiresAt: v.expiry,
		Status: CouponStatus(slices.Index([]string{"", "issued", "reserved", "redeemed", "expired"}, status)),
	}
	if status == "reserved" || status == "redeemed" {
		out.Order, out.Taken = v.id, v.off
	}
	if status == "reserved" {
		out.ReservedUntil = v.until
	}
	return out
}

func (n *naiveCampaign) act(cmd Command, now Millis) Result {
	switch cmd := cmd.(type) {
	case ClaimCoupon:
		return n.issue(cmd.User, &cmd, now)
	case GiveCoupon:
		return n.issue(cmd.User, nil, now)
	case OpenCampaign:
		return n.turn(Open)
	case PauseCampaign:
		return n.turn(Paused)
	case CloseCampaign:
		return n.turn(Closed)
	case DropCampaign:
		if len(n.slips) > 0 {
			return Result{Code: "has_coupons"}
		}
		return n.turn(Closed)
	case ReadCampaign:
		return Result{Campaign: n.status()}
	case ReadHash:
		return Result{}
	case ReadWaiting:
		var res Result
		for i, v := range n.slips {
			if v.status == "reserved" && v.until+5*60*1000 <= cmd.At {
				res.Coupons = append(res.Coupons, *n.view(i, now))
			}
		}
		return res
	}
	return n.use(cmd, now)
}

func (n *naiveCampaign) turn(to Phase) Result {
	switch {
	case n.phase == to:
	case n.phase == Closed:
		return Result{Code: "campaign_closed"}
	case n.phase == Scheduled && to == Paused:
		return Result{Code: "campaign_not_open", RetryAt: n.terms.OpensAt}
	default:
		n.phase = to
	}
	return Result{Campaign: n.status()}
}

func (n *naiveCampaign) issue(user UserID, claim *ClaimCoupon, now Millis) Result {
	i := slices.IndexFunc(n.slips, func(v *slip) bool { return v.user == user })
	if i >= 0 && (claim == nil || n.slips[i].key == claim.Key && n.slips[i].body == claim.Body) {
		return Result{Coupon: n.view(i, now), Replayed: true}
	}
	if claim != nil && !n.terms.Claimable {
		return Result{Code: "not_claimable"}
	}
	switch n.phase {
	case Scheduled:
		return Result{Code: "campaign_not_open", RetryAt: n.terms.OpensAt}
	case Paused:
		return Result{Code: "campaign_paused"}
	case Closed:
		return Result{Code: "campaign_closed"}
	}
	if i >= 0 && n.slips[i].key == claim.Key {
		return Result{Code: "idempotency_mismatch"}
	}
	if i >= 0 {
		return Result{Code: "coupon_already_issued"}
	}
	if len(n.slips) == n.stock() {
		return Result{Code: "coupons_gone"}
	}
	v := &slip{user: user, issued: now, expiry: n.terms.ExpiresAt, status: "issued"}
	if v.expiry == 0 {
		v.expiry = now + n.terms.LifeMillis
	}
	if claim != nil {
		v.key, v.body = claim.Key, claim.Body
	}
	n.slips = append(n.slips, v)
	return Result{Coupon: n.view(len(n.slips)-1, now)}
}

// use answers what concerns one coupon.
func (n *naiveCampaign) use(cmd Command, now Millis) Result {
	var number uint32
	switch cmd := cmd.(type) {
	case ReadCoupon:
		number = cmd.Number
	case ReserveCoupon:
		number = cmd.Number
	case CheckCoupon:
		number = cmd.Number
	case RedeemCoupon:
		number = cmd.Number
	case ReturnCoupon:
		number = cmd.Number
	}
	if number == 0 || int(number) > len(n.slips) {
		return Result{Code: "not_found"}
	}
	v := n.slips[number-1]
	if code := n.change(v, cmd, now); code != "" {
		return Result{Code: Code(code)}
	}
	return Result{Coupon: n.view(int(number-1), now)}
}

func (n *naiveCampaign) change(v *slip, cmd Command, now Millis) string {
	switch cmd := cmd.(type) {
	case ReadCoupon:
		if v.user != cmd.User {
			return "not_found"
		}
	case ReserveCoupon:
		return n.reserve(v, cmd, now)
	case CheckCoupon:
		another := *v
		return n.reserve(&another, ReserveCoupon(cmd), now)
	case RedeemCoupon:
		mine := v.order == cmd.Order.String() && v.order != ""
		switch {
		case mine && v.over:
		case mine:
			v.status = "redeemed"
		case v.status == "issued" || cmd.Order == OrderID{}:
			return "coupon_not_reserved"
		case v.status == "reserved":
			return "coupon_in_use"
		default:
			return "coupon_redeemed"
		}
	case ReturnCoupon:
		if v.order == cmd.Order.String() {
			v.over = v.over || v.status == "redeemed"
			v.status = "issued"
		}
	}
	return ""
}

func (n *naiveCampaign) reserve(v *slip, cmd ReserveCoupon, now Millis) string {
	status := n.statusOf(v, now)
	mine := v.order == cmd.Order.String()
	switch {
	case v.user != cmd.User || cmd.Order == OrderID{}:
		return "not_found"
	case mine && (status == "reserved" || status == "redeemed"):
		return ""
	case status == "reserved":
		return "coupon_in_use"
	case status == "redeemed" || status == "expired":
		return "coupon_" + status
	case mine:
		return "coupon_returned"
	case now >= cmd.Until:
		return "hold_expired"
	case cmd.Amount <= 0 || cmd.Amount < n.terms.Discount.Minimum:
		return "amount_too_small"
	}
	v.status, v.order, v.id, v.until, v.over = "reserved", cmd.Order.String(), cmd.Order, cmd.Until, false
	if d := n.terms.Discount; d.Kind == AmountOff {
		v.off = min(KRW(d.Value), cmd.Amount)
	} else {
		v.off = d.Cap
		if cmd.Amount < 1<<40 { // random amounts are small, or far beyond every cap
			v.off = min(cmd.Amount*KRW(d.Value)/100, d.Cap)
		}
	}
	return ""
}

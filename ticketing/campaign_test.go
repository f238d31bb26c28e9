package ticketing

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Golden scripts of campaigns: a conversation at the coupon counter (testdata/README.md).
func TestCampaignScripts(t *testing.T) {
	forScripts(t, "testdata/campaigns/*.txt", func(t *testing.T) interpreter {
		var counter *checkedCampaign
		return func(words []string) ([]string, error) { return atCounter(t, &counter, words) }
	})
}

func atCounter(t *testing.T, counter **checkedCampaign, words []string) ([]string, error) {
	if words[0] == "campaign" {
		terms, err := parseCampaign(words[1:])
		if err == nil {
			*counter = newCheckedCampaign(t, terms, scriptDay)
		}
		return nil, err
	}
	c := *counter
	if words[0] == "the" && words[1] == "machine" {
		c.snapshot()
		c.restore()
		return nil, nil
	}
	at, err := parseClock(words[0])
	if err != nil {
		return nil, err
	}
	cmd, err := parseAtCounter(words[1:], at)
	if err != nil {
		return nil, err
	}
	events, result := c.act(cmd, at)
	var say []string
	if cmd != nil {
		say = []string{describeAtCounter(result, cmd)}
	}
	for _, e := range events {
		say = append(say, "* "+describeCampaignFact(e))
	}
	if len(say) == 0 {
		say = []string{"nothing happens"}
	}
	return say, nil
}

// parseCampaign reads "stock=3 amount=5000 min=0 opens=20:00:00 closes=22:00:00 life=720h" or "rate=10 cap=1000
// expires=3d00:00:00"; "given" for a campaign of which nobody can claim.
func parseCampaign(words []string) (CampaignTerms, error) {
	terms := CampaignTerms{Claimable: true}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		number, err := strconv.ParseInt(value, 10, 64)
		switch name {
		case "given":
			terms.Claimable, err = false, nil
		case "stock":
			terms.Stock = int(number)
		case "amount":
			terms.Discount.Kind, terms.Discount.Value = AmountOff, number
		case "rate":
			terms.Discount.Kind, terms.Discount.Value = RateOff, number
		case "cap":
			terms.Discount.Cap = KRW(number)
		case "min":
			terms.Discount.Minimum = KRW(number)
		case "opens":
			terms.OpensAt, err = parseClock(value)
		case "closes":
			terms.ClosesAt, err = parseClock(value)
		case "expires":
			terms.ExpiresAt, err = parseClock(value)
		case "life":
			var d time.Duration
			d, err = time.ParseDuration(value)
			terms.LifeMillis = Millis(d.Milliseconds())
		default:
			err = fmt.Errorf("no such term: %s", word)
		}
		if err != nil {
			return terms, err
		}
	}
	return terms, nil
}

func parseAtCounter(words []string, at Millis) (Command, error) {
	who, verb, args := words[0], "", []string(nil)
	if len(words) > 1 {
		verb, args = words[1], words[2:]
	}
	user := UserID(slices.Index(people, who))
	switch who + " " + verb {
	case "time passes":
		return nil, nil
	case "status? ":
		return ReadCampaign{}, nil
	case "waiting? ":
		return ReadWaiting{at}, nil
	case "admin opens":
		return OpenCampaign{}, nil
	case "admin pauses":
		return PauseCampaign{}, nil
	case "admin closes":
		return CloseCampaign{}, nil
	case "house gives":
		return GiveCoupon{UserID(slices.Index(people, args[0]))}, nil
	}
	if verb == "claims" {
		body := ""
		if len(args) > 1 {
			body = args[1]
		}
		return ClaimCoupon{user, DigestOf(who, "claim", args[0]), DigestOf(body)}, nil
	}
	number, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return nil, err
	}
	if verb == "reads" {
		return ReadCoupon{user, uint32(number)}, nil
	}
	order, err := parseOrderOf(args[2]) // "1 for 7-3-1"
	if err != nil {
		return nil, err
	}
	switch verb {
	case "redeems":
		return RedeemCoupon{uint32(number), order}, nil
	case "returns":
		return ReturnCoupon{uint32(number), order}, nil
	case "uses":
		amount, err := strconv.ParseInt(strings.TrimPrefix(args[3], "amount="), 10, 64)
		if err != nil {
			return nil, err
		}
		until, err := parseClock(strings.TrimPrefix(args[4], "until="))
		return ReserveCoupon{user, uint32(number), order, KRW(amount), until}, err
	}
	return nil, fmt.Errorf("no such verb")
}

func parseOrderOf(s string) (OrderID, error) {
	var o OrderID
	_, err := fmt.Sscanf(s, "%d-%d-%d", &o.Reservation.Round, &o.Reservation.Number, &o.Attempt)
	return o, err
}

func describeAtCounter(r Result, cmd Command) string {
	switch {
	case r.Code != OK && r.RetryAt != 0:
		return "no: " + string(r.Code) + ", again at " + clock(r.RetryAt)
	case r.Code != OK:
		return "no: " + string(r.Code)
	case r.Campaign != nil:
		s := r.Campaign
		return fmt.Sprintf("yes: %s, %d issued, %d left, %d reserved, %d redeemed", s.Phase, s.Issued, s.Left, s.Reserved, s.Redeemed)
	case r.Coupon == nil:
		ids := []string{"yes:"}
		for _, k := range r.Coupons {
			ids = append(ids, fmt.Sprintf("%s for %s", k.ID, k.Order))
		}
		return strings.Join(ids, " ")
	}
	k := r.Coupon
	s := fmt.Sprintf("yes: %s of %d, %s's, %s, until %s", k.ID, k.Of, person(k.User), k.Status, clock(k.ExpiresAt))
	if k.Order != (OrderID{}) {
		s += fmt.Sprintf(", %d won off %s", k.Taken, k.Order)
	}
	if r.Replayed {
		s += " (as granted before)"
	}
	return s
}

func describeCampaignFact(e Event) string {
	s := clock(e.At) + " " + e.Name()
	switch f := e.Fact.(type) {
	case CouponClaimed:
		return s + fmt.Sprintf(" %d by %s", f.Number, person(f.User))
	case CouponGiven:
		return s + fmt.Sprintf(" %d to %s", f.Number, person(f.User))
	case CouponReserved:
		return s + fmt.Sprintf(" %d for %s, %d won off %d, until %s", f.Number, f.Order, f.Discount, f.Amount, clock(f.Until))
	case CouponRedeemed:
		return s + fmt.Sprintf(" %d by %s", f.Number, f.Order)
	case CouponReturned:
		return s + fmt.Sprintf(" %d by %s", f.Number, f.Order)
	case CouponsExpired:
		return s + fmt.Sprintf(" up to %d", f.Through)
	}
	return s
}

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
			PauseCampaign{}, PauseCampaign{}, CloseCampaign{}), anyMoment(ch, c))
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
	c.act(ReserveCoupon{user, n, order, amount, max(at, c.live.LastAt()) + pick[Millis](ch, 600_000, 1, 0, -1)}, at)
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

// benchTerms: nobody may claim with a stock, everybody without one.
func benchTerms(stock int) CampaignTerms {
	return CampaignTerms{
		Stock: stock, Claimable: stock == 0, Discount: Discount{AmountOff, 5_000, 0, 1_000},
		OpensAt: openAt, ClosesAt: openAt + dayMillis, LifeMillis: dayMillis,
	}
}

func openCampaign(b testing.TB, coupons int) *Campaign {
	b.Helper()
	c := NewCampaign(testCampaign)
	c.Apply(Event{scriptDay, CampaignPlanned{benchTerms(0)}})
	c.Apply(Event{openAt, CampaignOpened{}})
	for n := range coupons {
		if _, res := Act(c, nthClaim(n), openAt); res.Code != OK {
			b.Fatal(res.Code)
		}
	}
	return c
}

func nthClaim(n int) ClaimCoupon {
	cmd := ClaimCoupon{User: UserID(n + 1)}
	cmd.Key[0], cmd.Key[1], cmd.Key[2] = byte(n), byte(n>>8), byte(n>>16)
	return cmd
}

// BenchmarkClaim: a claim is granted, or refused for the customer has one.
func BenchmarkClaim(b *testing.B) {
	b.Run("granted", func(b *testing.B) {
		c, n := openCampaign(b, 0), 0
		b.ReportAllocs()
		for b.Loop() {
			if n == 1_000_000 {
				b.StopTimer()
				c, n = openCampaign(b, 0), 0
				b.StartTimer()
			}
			if _, res := Act(c, nthClaim(n), openAt); res.Code != OK {
				b.Fatal(res.Code)
			}
			n++
		}
	})
	b.Run("refused", func(b *testing.B) {
		c := openCampaign(b, 1000)
		cmd := nthClaim(17)
		cmd.Body[0] = 1
		cmd.Key[8] = 1
		b.ReportAllocs()
		for b.Loop() {
			if _, res := Act(c, cmd, openAt); res.Code != CodeCouponAlreadyIssued {
				b.Fatal(res.Code)
			}
		}
	})
}

// BenchmarkCampaignSnapshot writes a million coupons down, and brings them back; it reports what they take in memory.
func BenchmarkCampaignSnapshot(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := openCampaign(b, 1_000_000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	s := TakeSnapshot(CampaignStream(testCampaign), c, Head{})
	b.Run("take", func(b *testing.B) {
		b.SetBytes(int64(len(s.State)))
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB/machine")
		for b.Loop() {
			TakeSnapshot(CampaignStream(testCampaign), c, Head{})
		}
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(s.State)))
		for b.Loop() {
			if _, err := Restore(CampaignStream(testCampaign), History{Snapshot: &s}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

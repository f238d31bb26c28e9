package persistence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ticketblue/ticketing"
)

// counter is a real campaign whose events go to the journal.
type counter struct {
	t        failer
	db       *DB
	campaign *ticketing.Campaign
	id       ticketing.CampaignID
	stream   ticketing.Stream
	head     ticketing.Head
	pending  []ticketing.Event // not in the journal yet
	now      ticketing.Millis
	claims   int
}

const couponLife = 60 * 60 * 1000

func couponTerms(stock int) ticketing.CampaignTerms {
	return ticketing.CampaignTerms{
		Stock: stock, Claimable: true, OpensAt: saleDay, ClosesAt: saleDay + 30*24*couponLife, LifeMillis: couponLife,
		Discount: ticketing.Discount{Kind: ticketing.RateOff, Value: 10, Cap: 5_000, Minimum: 1_000},
	}
}

func openCounter(ctx context.Context, t failer, db *DB, terms ticketing.CampaignTerms) *counter {
	t.Helper()
	if err := terms.Validate(); err != nil {
		t.Fatal(err)
	}
	c := &counter{t: t, db: db, now: saleDay - 1000, head: ticketing.Head{From: 1, To: 1, Writer: newWriter()}}
	planned := ticketing.Event{At: c.now, Fact: ticketing.CampaignPlanned{Terms: terms}}
	info, err := db.CreateCampaign(ctx, ticketing.CampaignInfo{Name: "가을 쿠폰", Terms: terms},
		ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, []ticketing.Event{planned})), c.head.Writer)
	if err != nil {
		t.Fatal(err)
	}
	c.id, c.stream = info.ID, ticketing.CampaignStream(info.ID)
	c.campaign = ticketing.NewCampaign(c.id)
	c.campaign.Apply(planned)
	c.now = saleDay
	c.act(ticketing.ReadCampaign{})
	return c
}

func (c *counter) act(cmd ticketing.Command) ticketing.Result {
	c.t.Helper()
	events, result := ticketing.Act(c.campaign, cmd, c.now)
	c.pending = append(c.pending, events...)
	return result
}

func (c *counter) claim(user ticketing.UserID) uint32 {
	c.t.Helper()
	c.claims++
	result := c.act(ticketing.ClaimCoupon{User: user, Key: ticketing.DigestOf(fmt.Sprint(c.claims))})
	if result.Code != ticketing.OK {
		return 0
	}
	return result.Coupon.ID.Number
}

func (c *counter) commit(ctx context.Context, n int) {
	c.t.Helper()
	if n == 0 || n > len(c.pending) {
		n = len(c.pending)
	}
	if n > 0 {
		b := boxOffice{t: c.t, db: c.db, stream: c.stream, head: c.head, writer: c.head.Writer}
		b.write(ctx, c.pending[:n])
		c.head, c.pending = b.head, c.pending[n:]
	}
}

// compare holds the tables against what the campaign says. Everything must have been committed and projected.
func (c *counter) compare(ctx context.Context) {
	c.t.Helper()
	table, projected, err := c.db.CouponTable(ctx, c.stream)
	if err != nil || projected != c.campaign.Seq() {
		c.t.Fatalf("projected up to %d of %d: %v", projected, c.campaign.Seq(), err)
	}
	if want := c.audited(ctx); !slices.Equal(table, want) {
		c.t.Fatalf("the tables say\n%+v, the events\n%+v", table, want)
	}
	_, answer := c.campaign.Decide(ticketing.ReadCampaign{}, c.now)
	c.campaign.Complete(&answer)
	summary, err := c.db.Campaign(ctx, c.id)
	if err != nil || summary.Status != *answer.Campaign || summary.Name != "가을 쿠폰" {
		c.t.Fatalf("the tables say\n%+v, the campaign\n%+v (%v)", summary, answer.Campaign, err)
	}
	for _, k := range table {
		_, answer := c.campaign.Decide(ticketing.ReadCoupon{User: k.User, Number: k.Number}, c.now)
		c.campaign.Complete(&answer)
		list, err := c.db.CouponsOf(ctx, k.User, ticketing.CouponFilter{}, ticketing.CouponCursor{}, MaxPage)
		i := slices.IndexFunc(list, func(s ticketing.CouponSummary) bool { return s.ID == answer.Coupon.ID })
		if err != nil || i < 0 || list[i].Coupon != *answer.Coupon {
			c.t.Fatalf("the tables say\n%+v, the campaign\n%+v (%v)", list, answer.Coupon, err)
		}
	}
	var wakeAt *time.Time
	if err := c.db.pool.QueryRow(ctx, `SELECT wake_at FROM streams WHERE stream = $1`, string(c.stream)).Scan(&wakeAt); err != nil || millis(wakeAt) != c.campaign.NextDeadline() {
		c.t.Fatalf("wakes at %v, the campaign's deadline is %d (%v)", wakeAt, c.campaign.NextDeadline(), err)
	}
}

func (c *counter) audited(ctx context.Context) []ticketing.CouponState {
	c.t.Helper()
	history, err := c.db.LoadAll(ctx, c.stream)
	if err != nil {
		c.t.Fatal(err)
	}
	auditor := ticketing.NewCampaignAuditor()
	for _, chunk := range history.Tail {
		events, err := ticketing.DecodeChunk(chunk.Payload)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, e := range events {
			if err := auditor.See(e); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	return auditor.Coupons()
}

func orderOf(number, attempt uint32) ticketing.OrderID {
	return ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 7, Number: number}, Attempt: attempt}
}

// random carries out any command; nonsense and refusals are among them.
func (c *counter) random(rt *rapid.T) {
	below := func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(rt, what) }
	c.now += ticketing.Millis([]int{0, 0, 0, 1000, 60_000, couponLife}[below(6, "time")])
	user, number, order := ticketing.UserID(1+below(6, "user")), uint32(1+below(6, "number")), orderOf(uint32(1+below(2, "order")), uint32(1+below(2, "attempt")))
	switch below(8, "command") {
	case 0, 1:
		c.claim(user)
	case 2:
		c.act(ticketing.GiveCoupon{User: user})
	case 3, 4:
		for user := ticketing.UserID(1); user <= 6; user++ { // whose ever it is
			c.act(ticketing.ReserveCoupon{User: user, Number: number, Order: order, Amount: 30_000, Until: c.now + 600_000})
		}
	case 5:
		c.act(ticketing.RedeemCoupon{Number: number, Order: order})
	case 6:
		c.act(ticketing.ReturnCoupon{Number: number, Order: order})
	case 7:
		c.act([]ticketing.Command{ticketing.OpenCampaign{}, ticketing.OpenCampaign{}, ticketing.PauseCampaign{}, ticketing.CloseCampaign{}}[below(4, "admin")])
	}
}

// Random conversations, random chunks, random batches: the tables say what the campaign says, and again when they
// are made anew.
func TestProjectionOfRandomCampaigns(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	p := newHandDriven(t, db, ProjectorOptions{})
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		c := openCounter(ctx, rt, db, couponTerms(rapid.IntRange(0, 5).Draw(rt, "stock")))
		p.opts.PassBytes = rapid.IntRange(1, 3000).Draw(rt, "bytes of a pass")
		for range rapid.IntRange(1, 40).Draw(rt, "commands") {
			c.random(rt)
			if len(c.pending) > 0 && rapid.IntRange(0, 2).Draw(rt, "commit") == 0 {
				c.commit(ctx, rapid.IntRange(1, len(c.pending)).Draw(rt, "events"))
			}
			if rapid.IntRange(0, 9).Draw(rt, "project") == 0 {
				p.move(ctx, c.stream)
			}
		}
		c.act(ticketing.ReadCampaign{}) // what is due
		c.commit(ctx, 0)
		p.moveAll(ctx, c.stream)
		c.compare(ctx)
	})
}

func TestRebuildOfCampaigns(t *testing.T) {
	db := openDB(t, freshDSN(t))
	c := openCounter(t.Context(), t, db, couponTerms(3))
	one, two := c.claim(1), c.claim(2)
	c.act(ticketing.ReserveCoupon{User: 1, Number: one, Order: orderOf(1, 1), Amount: 30_000, Until: c.now + 1})
	c.act(ticketing.RedeemCoupon{Number: one, Order: orderOf(1, 1)})
	c.act(ticketing.ReserveCoupon{User: 2, Number: two, Order: orderOf(2, 1), Amount: 30_000, Until: c.now + 1})
	c.now += couponLife
	c.claim(3)
	c.commit(t.Context(), 0)
	p := newHandDriven(t, db, ProjectorOptions{})
	p.moveAll(t.Context(), c.stream)
	c.compare(t.Context())
	exec(t, db.pool, `UPDATE coupons SET status = 'issued'`)
	if err := p.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.compare(t.Context())
	var planned int
	if err := db.pool.QueryRow(t.Context(), `SELECT count(*) FROM campaigns`).Scan(&planned); err != nil || planned != 1 {
		t.Errorf("%d campaigns, %v", planned, err)
	}
}

// The lists of customers, of the public and of the saga.
func TestCouponLists(t *testing.T) {
	db := openDB(t, freshDSN(t))
	p := newHandDriven(t, db, ProjectorOptions{})
	var counters []*counter
	for n := range 3 {
		terms := couponTerms(10)
		terms.Discount.Minimum = ticketing.KRW(1000 * n)
		terms.Claimable = n != 1
		c := openCounter(t.Context(), t, db, terms)
		c.now += ticketing.Millis(n)
		c.act(ticketing.GiveCoupon{User: 1})
		c.act(ticketing.GiveCoupon{User: 2})
		counters = append(counters, c)
	}
	used, order := counters[0], orderOf(9, 1)
	until := used.now + 600_000
	used.act(ticketing.ReserveCoupon{User: 1, Number: 1, Order: order, Amount: 30_000, Until: until})
	for _, c := range counters {
		c.commit(t.Context(), 0)
		p.moveAll(t.Context(), c.stream)
		c.compare(t.Context())
	}
	numbers := func(f ticketing.CouponFilter, size int) string {
		t.Helper()
		var out []string
		for at := (ticketing.CouponCursor{}); ; {
			page, err := db.CouponsOf(t.Context(), 1, f, at, size)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return strings.Join(out, " ")
			}
			for _, k := range page {
				out = append(out, fmt.Sprint(slices.IndexFunc(counters, func(c *counter) bool { return c.id == k.ID.Campaign })))
			}
			at = page[len(page)-1].Cursor()
		}
	}
	for want, f := range map[string]ticketing.CouponFilter{
		"2 1 0": {},
		"2 1":   {UsableAt: saleDay},
		"1":     {UsableAt: saleDay, Amount: 1_999},
		"2":     {UsableAt: saleDay + couponLife + 1}, // the others' life is over, whether an event says so or not
		"":      {UsableAt: saleDay + couponLife + 2},
		"0":     {UsableAt: saleDay, Unusable: true},
		"2 0":   {UsableAt: saleDay, Unusable: true, Amount: 1_999},
	} {
		for size := 1; size <= 3; size++ {
			if got := numbers(f, size); got != want {
				t.Errorf("%+v by %d: %q, want %q", f, size, got, want)
			}
		}
	}
	grace := ticketing.Millis(ticketing.AskAfter.Milliseconds())
	for at, want := range map[ticketing.Millis]int{until + grace - 1: 0, until + grace: 1} {
		if list, err := db.WaitingCoupons(t.Context(), at, 10); err != nil || len(list) != want || want == 1 && list[0].Order != order {
			t.Errorf("waiting at %d: %+v, %v", at, list, err)
		}
	}
	if list, err := db.Campaigns(t.Context(), true, 0, 10); err != nil || len(list) != 2 || list[0].ID != counters[2].id || list[0].Status.Left != 8 {
		t.Errorf("public %+v, %v", list, err)
	}
	if list, err := db.Campaigns(t.Context(), false, counters[2].id, 1); err != nil || len(list) != 1 || list[0].ID != counters[1].id {
		t.Errorf("admin's %+v, %v", list, err)
	}
	_, err := db.Campaign(t.Context(), 4711)
	notFound(t, "campaign", err)
	_, _, err = db.CouponTable(t.Context(), "campaign:4711")
	notFound(t, "table", err)
}

// The tables do not take a second coupon for a customer, or one more than there is, whoever says so.
func TestCampaignsAreAudited(t *testing.T) {
	for name, c := range map[string]struct {
		forged ticketing.Fact
		reason string
	}{
		"two to a customer": {ticketing.CouponGiven{Number: 2, User: 1, ExpiresAt: saleDay + couponLife}, "coupons_auditor"},
		"over-issued":       {ticketing.CouponGiven{Number: 3, User: 3, ExpiresAt: saleDay + couponLife}, "campaign_states_auditor"},
		"a number twice":    {ticketing.CouponGiven{Number: 1, User: 9, ExpiresAt: saleDay + couponLife}, "coupon 1 follows"},
		"never issued":      {ticketing.CouponRedeemed{Number: 7, Order: orderOf(1, 1)}, "there is no coupon 7"},
		"expires ahead":     {ticketing.CouponsExpired{Through: 7}, "coupons up to 7"},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, freshDSN(t))
			counter := openCounter(t.Context(), t, db, couponTerms(2))
			counter.claim(1)
			if name == "over-issued" {
				counter.claim(2)
			}
			counter.pending = append(counter.pending, ticketing.Event{At: saleDay, Fact: c.forged})
			counter.commit(t.Context(), 0)
			told := make(chan ticketing.Stream, 10)
			p := startProjector(t, db, ProjectorOptions{Freeze: func(s ticketing.Stream, _ error) { told <- s }})
			expectFrozen(t, told, counter.stream)
			closeProjector(t, p)
			frozen, err := db.Frozen(t.Context())
			if err != nil || len(frozen) != 1 || !strings.Contains(frozen[0].Reason, c.reason) {
				t.Errorf("frozen %+v, %v; want %q", frozen, err, c.reason)
			}
		})
	}
}

// TestCampaignsAreRenamedAndDeleted: a deleted one is in no list and can be asked for, and a refusal undoes it.
func TestCampaignsAreRenamedAndDeleted(t *testing.T) {
	db := openDB(t, freshDSN(t))
	ctx := t.Context()
	c := openCounter(ctx, t, db, couponTerms(0))
	wants(t, "another name", db.SetCampaignName(ctx, c.id, "봄 쿠폰"), nil)
	wants(t, "of none", db.SetCampaignName(ctx, c.id+1, "봄 쿠폰"), ticketing.ErrNotFound)
	no := errors.New("somebody has one")
	wants(t, "a refusal", db.DeleteCampaign(ctx, c.id, func() error { return no }), no)
	if list, err := db.Campaigns(ctx, true, 0, 10); err != nil || len(list) != 1 || list[0].Name != "봄 쿠폰" {
		t.Errorf("campaigns %+v, %v", list, err)
	}
	yes := func() error { return nil }
	wants(t, "deleted", db.DeleteCampaign(ctx, c.id, yes), nil)
	wants(t, "deleted again", db.DeleteCampaign(ctx, c.id, yes), ticketing.ErrNotFound)
	wants(t, "a name for what is deleted", db.SetCampaignName(ctx, c.id, "x"), ticketing.ErrNotFound)
	for _, public := range []bool{true, false} {
		if list, err := db.Campaigns(ctx, public, 0, 10); err != nil || len(list) != 0 {
			t.Errorf("campaigns %+v, %v", list, err)
		}
	}
	if gone, err := db.Campaign(ctx, c.id); err != nil || !gone.Deleted {
		t.Errorf("by its id: %+v, %v", gone, err)
	}
}

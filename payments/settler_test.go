package payments

import (
	"context"
	"errors"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// house is a round and a campaign as they are, a provider that says what the test wants, and a clock that waiting moves.
type house struct {
	t        *testing.T
	now      time.Time
	round    *ticketing.Round
	campaign *ticketing.Campaign
	away     ticketing.Stream // answers nothing
	answers  []Answer         // of the provider, one after the other; then nothing
	did      []string         // at the provider
	kept     []ticketing.ProviderCall
	alarms   int
	told     func(ticketing.Stream, ticketing.Command) // before a command is carried out, if set
}

const seatPrice = 10_000

var houseOpens = ticketing.MillisOf(time.UnixMilli(1_800_000_000_000))

func newHouse(t *testing.T) *house {
	t.Helper()
	plan, err := ticketing.PlainPlan(2)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, now: houseOpens.Time(), round: ticketing.NewRound(1, plan), campaign: ticketing.NewCampaign(3)}
	h.round.Apply(ticketing.Event{At: houseOpens, Fact: ticketing.RoundPlanned{Plan: plan.Hash(), Terms: ticketing.Terms{
		Prices: []ticketing.KRW{seatPrice}, OpensAt: houseOpens, ClosesAt: houseOpens + 1e9, StartsAt: houseOpens + 1e9,
		HoldMillis: 300_000, PayMillis: 600_000, MaxPerUser: 4, CancelUntil: houseOpens + 1e9,
	}}})
	h.campaign.Apply(ticketing.Event{At: houseOpens, Fact: ticketing.CampaignPlanned{Terms: ticketing.CampaignTerms{
		OpensAt: houseOpens, ClosesAt: houseOpens + 1e9, ExpiresAt: houseOpens + 1e9,
		Discount: ticketing.Discount{Kind: ticketing.AmountOff, Value: 3_000, Minimum: 5_000},
	}}})
	h.must("campaign:3", ticketing.GiveCoupon{User: 1})
	h.must("round:1", ticketing.ReserveSeats{User: 1, Seats: []string{"A-1-1"}, Key: ticketing.DigestOf("1")})
	return h
}

func (h *house) Do(_ context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	if s == h.away {
		return ticketing.Result{Code: ticketing.CodeUnavailable}
	}
	if h.told != nil {
		h.told(s, cmd)
	}
	switch s {
	case "round:1":
		_, result := ticketing.Act(h.round, cmd, ticketing.MillisOf(h.now))
		return result
	case "campaign:3":
		_, result := ticketing.Act(h.campaign, cmd, ticketing.MillisOf(h.now))
		return result
	}
	return ticketing.Result{Code: ticketing.CodeNotFound}
}

func (h *house) must(s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	h.t.Helper()
	r := h.Do(h.t.Context(), s, cmd)
	if r.Code != ticketing.OK {
		h.t.Fatalf("%#v: %s", cmd, r.Code)
	}
	return r
}

func (h *house) say(what string) Answer {
	h.did = append(h.did, what)
	if len(h.answers) == 0 {
		return Answer{Say: Nothing, Code: CodeNoAnswer}
	}
	a := h.answers[0]
	h.answers = h.answers[1:]
	return a
}

func (h *house) Confirm(context.Context, Confirm) Answer             { return h.say("take") }
func (h *house) Payment(context.Context, string) Answer              { return h.say("look") }
func (h *house) PaymentOf(context.Context, ticketing.OrderID) Answer { return h.say("look") }
func (h *house) Cancel(context.Context, Cancel) Answer               { return h.say("cancel") }
func (h *house) KeepCall(_ context.Context, c ticketing.ProviderCall) error {
	h.kept = append(h.kept, c)
	return nil
}

// books are those of the house; of forgotten orders they know nothing.
type books struct {
	Books
	*house
}

func (b books) KeepCall(ctx context.Context, c ticketing.ProviderCall) error {
	return b.house.KeepCall(ctx, c)
}

func (h *house) settler() *Settler {
	return NewSettler(Options{
		Gateway: h, Sales: h, Books: books{house: h}, Clock: func() time.Time { return h.now },
		Wait:  func(_ context.Context, d time.Duration) error { h.now = h.now.Add(d); return nil },
		Alarm: func(ticketing.OrderID, string) { h.alarms++ },
	})
}

var firstOrder = ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 1, Number: 1}, Attempt: 1}

// confirming brings the first order to where the provider is asked.
func (h *house) confirming() {
	h.t.Helper()
	h.must("round:1", ticketing.StartPayment{User: 1, Number: 1})
	h.must("round:1", ticketing.ConfirmPayment{User: 1, Number: 1, Attempt: 1, Amount: seatPrice, PaymentKey: "key"})
}

func taken() Answer {
	return Answer{Say: Shown, Payment: Payment{Key: "key", Order: firstOrder, Status: Done, Total: seatPrice, Balance: seatPrice}}
}

func TestSettlerAsksAgain(t *testing.T) {
	h := newHouse(t)
	h.confirming()
	silent := Answer{Say: Nothing, Code: CodeNoAnswer}
	h.answers = []Answer{silent, silent, taken()}
	o, code, err := h.settler().Settle(t.Context(), firstOrder, ticketing.MillisOf(h.now), time.Minute)
	if err != nil || code != "" || o.State != ticketing.OrderPaid {
		t.Errorf("%+v %q %v", o, code, err)
	}
	if len(h.did) != 3 || h.did[0] != "take" || h.did[1] != "look" || len(h.kept) != 3 || h.alarms != 0 {
		t.Errorf("did %v, kept %d calls, %d alarms", h.did, len(h.kept), h.alarms)
	}
	if waited := h.now.Sub(houseOpens.Time()); waited < 2*firstPause || waited > 10*time.Second {
		t.Errorf("waited %s", waited)
	}
}

// What is not settled is left to the next: after so many calls, when there is no patience left, and when its round or
// nobody is there to be asked. Nothing of it is a no.
func TestSettlerGivesUpForNow(t *testing.T) {
	for name, c := range map[string]struct {
		patience time.Duration
		away     bool
		calls    int
	}{
		"no patience":    {0, false, 1},
		"too many calls": {time.Hour, false, maxCalls},
		"the round":      {time.Hour, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.confirming()
			if c.away {
				h.away = "round:1"
			}
			_, _, err := h.settler().Settle(t.Context(), firstOrder, ticketing.MillisOf(h.now), c.patience)
			var pending *Pending
			var refusal *Refusal
			switch {
			case c.away && (!errors.As(err, &refusal) || refusal.Code != ticketing.CodeUnavailable):
				t.Errorf("%v", err)
			case !c.away && (!errors.As(err, &pending) || pending.Order != firstOrder || pending.At <= houseOpens):
				t.Errorf("%v", err)
			case len(h.did) != c.calls:
				t.Errorf("asked %v, want %d times", h.did, c.calls)
			}
			h.away = ""
			if o := h.must("round:1", ticketing.ReadOrder{Number: 1, Attempt: 1}).Order; o.State != ticketing.OrderConfirming {
				t.Errorf("the order is %v", o.State)
			}
		})
	}
}

func TestSettlerTellsAPerson(t *testing.T) {
	h := newHouse(t)
	h.confirming()
	since := ticketing.MillisOf(h.now)
	h.now = h.now.Add(AlarmAfter)
	if _, _, err := h.settler().Settle(t.Context(), firstOrder, since, 0); err == nil || h.alarms == 0 {
		t.Errorf("%v, %d alarms", err, h.alarms)
	}
}

// A coupon is looked at by the rules it will be reserved by, and nothing changes.
func TestCheck(t *testing.T) {
	h := newHouse(t)
	other := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 9, Number: 1}, Attempt: 1}
	check := func(coupon string, amount ticketing.KRW) ticketing.Code {
		t.Helper()
		v := h.must("round:1", ticketing.ReadReservation{User: 1, Number: 1}).Reservation
		v.Amount = amount
		before := h.round.Seq() + h.campaign.Seq()
		code, _ := h.settler().Check(t.Context(), v, coupon)
		if h.round.Seq()+h.campaign.Seq() != before {
			t.Error("something has changed")
		}
		return code
	}
	want := func(got, want ticketing.Code) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	want(check("", seatPrice), ticketing.OK)
	want(check("", 50), ticketing.CodeNotChargeable)
	want(check("3-1", seatPrice), ticketing.OK)
	want(check("3-1", 4_999), ticketing.CodeAmountTooSmall)
	want(check("3-2", seatPrice), ticketing.CodeCouponUnknown)
	want(check("8-1", seatPrice), ticketing.CodeCouponUnknown)
	want(check("none", seatPrice), ticketing.CodeCouponUnknown)
	h.must("campaign:3", ticketing.ReserveCoupon{User: 1, Number: 1, Order: other, Amount: seatPrice, Until: houseOpens + 1_000})
	want(check("3-1", seatPrice), ticketing.CodeCouponInUse)
	h.must("campaign:3", ticketing.RedeemCoupon{Number: 1, Order: other})
	want(check("3-1", seatPrice), ticketing.CodeCouponRedeemed)
	h.away = "campaign:3"
	want(check("3-1", seatPrice), ticketing.CodeUnavailable)
	h.away = ""
	h.now = (houseOpens + 1e9).Time()
	h.must("campaign:3", ticketing.ReturnCoupon{Number: 1, Order: other})
	v := ticketing.Reservation{ID: firstOrder.Reservation, User: 1, Amount: seatPrice, ExpiresAt: houseOpens + 2e9}
	code, err := h.settler().Check(t.Context(), v, "3-1")
	if want(code, ticketing.CodeCouponExpired); err != nil {
		t.Error(err)
	}
}

// A worker that has read the order as paid is overtaken by its cancellation and by the job that follows it: what it
// tells the campaign is old, and the coupon is the customer's again all the same.
func TestOvertakenWorkerGivesTheCouponBack(t *testing.T) {
	h := newHouse(t)
	h.must("round:1", ticketing.StartPayment{User: 1, Number: 1, Coupon: "3-1"})
	until := h.must("round:1", ticketing.ReadReservation{User: 1, Number: 1}).Reservation.ExpiresAt
	if _, code, err := h.settler().Price(t.Context(), firstOrder, until); code != ticketing.OK || err != nil {
		t.Fatal(code, err)
	}
	h.must("round:1", ticketing.ConfirmPayment{User: 1, Number: 1, Attempt: 1, Amount: 7_000, PaymentKey: "key"})
	h.must("round:1", ticketing.ApprovePayment{Number: 1, Attempt: 1})
	work := func() error {
		return h.settler().Works()[JobCoupon](t.Context(), []byte(`{"round":1,"number":1,"attempt":1,"since":1}`))
	}
	h.told = func(s ticketing.Stream, cmd ticketing.Command) {
		if _, late := cmd.(ticketing.RedeemCoupon); late {
			h.told = nil
			h.must("round:1", ticketing.CancelReservation{User: 1, Number: 1})
			if err := work(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := work(); err != nil {
		t.Error(err)
	}
	if k := h.must("campaign:3", ticketing.ReadCoupon{User: 1, Number: 1}).Coupon; k.Status != ticketing.IssuedCoupon {
		t.Errorf("the coupon is %v for %s", k.Status, k.Order)
	}
}

package sim

import (
	"fmt"
	"maps"

	"ticketblue/payments"
	"ticketblue/ticketing"
)

// The coupon's way in a sequence: the handler that reserves it and tells the round its price, the worker that tells the
// campaign what became of the order, and a rival order that wants the same coupon. Each may be overtaken between
// reading and telling.

type desk struct {
	campaign *ticketing.Campaign          // nil: there are no coupons
	asking   map[uint32]reading           // by attempt: the handler has read it and not asked the campaign yet
	offers   map[uint32]ticketing.Command // by attempt: the round has not been told yet
	late     map[uint32]ticketing.Command // by attempt: the campaign has not been told yet
}

// reading is an order as the handler has read it.
type reading struct {
	order ticketing.Order
	until ticketing.Millis
}

// rival is an order of another round, of the same customer.
var rival = ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 9, Number: 1}, Attempt: 1}

func (t *till) openDesk() {
	t.desk = desk{
		campaign: ticketing.NewCampaign(1), asking: map[uint32]reading{},
		offers: map[uint32]ticketing.Command{}, late: map[uint32]ticketing.Command{},
	}
	t.campaign.Apply(ticketing.Event{At: epoch, Fact: ticketing.CampaignPlanned{Terms: ticketing.CampaignTerms{
		OpensAt: epoch, ClosesAt: epoch + 1e12, ExpiresAt: epoch + 1e12,
		Discount: ticketing.Discount{Kind: ticketing.AmountOff, Value: int64(t.off)},
	}}})
	t.atCampaign(ticketing.GiveCoupon{User: 1})
}

// coupon is what every order names.
func (t *till) coupon() string {
	if t.campaign == nil {
		return ""
	}
	return ticketing.CouponID{Campaign: 1, Number: 1}.String()
}

// atCampaign puts a command to the campaign, and says whether it has changed anything.
func (t *till) atCampaign(cmd ticketing.Command) (ticketing.Result, bool) {
	events, result := ticketing.Act(t.campaign, cmd, t.now)
	return result, len(events) > 0
}

func (t *till) atDesk(move string) {
	v := t.mine()
	switch move {
	case "reserve": // the handler, in two steps: it reads the order, and asks the campaign
		if read, has := t.asking[v.Attempt]; has {
			delete(t.asking, v.Attempt)
			_, cmd, _ := payments.ReserveFor(read.order, read.until)
			answer, _ := t.atCampaign(cmd)
			t.offers[v.Attempt] = payments.PriceWith(read.order, answer)
		} else if o := t.order(v.Attempt); o != nil && t.offers[v.Attempt] == nil {
			if _, _, ok := payments.ReserveFor(*o, v.ExpiresAt); ok {
				t.asking[v.Attempt] = reading{*o, v.ExpiresAt}
			}
		}
	case "price":
		if cmd := t.offers[v.Attempt]; cmd != nil {
			delete(t.offers, v.Attempt)
			t.act(cmd)
		}
	case "settle": // a worker, in two steps
		if cmd := t.late[v.Attempt]; cmd != nil {
			delete(t.late, v.Attempt)
			t.tell(v.Attempt, cmd)
		} else if o := t.order(v.Attempt); o != nil {
			if _, cmd, decided := payments.CouponAfter(*o); decided {
				t.late[v.Attempt] = cmd
			}
		}
	case "rival": // takes the coupon, or gives it back
		if answer, _ := t.atCampaign(ticketing.ReadCoupon{User: 1, Number: 1}); answer.Coupon.Order == rival {
			t.atCampaign(ticketing.ReturnCoupon{Number: 1, Order: rival})
			return
		}
		t.atCampaign(ticketing.ReserveCoupon{User: 1, Number: 1, Order: rival, Amount: seatCost, Until: t.now + 600_000})
	}
}

// tell is the worker's second step, as Settler.couponAfter takes it: who finds the order changed tells the campaign again.
func (t *till) tell(attempt uint32, cmd ticketing.Command) (changed bool) {
	for {
		_, did := t.atCampaign(cmd)
		changed = changed || did
		_, again, decided := payments.CouponAfter(*t.order(attempt))
		if !decided || again == cmd || t.hasty {
			return changed
		}
		cmd = again
	}
}

// settle is a worker that nobody overtakes, for every order. It says whether there was anything to do.
func (t *till) settle() (busy bool) {
	if t.campaign == nil {
		return false
	}
	for attempt := uint32(1); ; attempt++ {
		o := t.order(attempt)
		if o == nil {
			return busy
		}
		if _, cmd, decided := payments.CouponAfter(*o); decided {
			busy = t.tell(attempt, cmd) || busy
		}
	}
}

// countCoupons: what is paid has its coupon, and nothing else has it but the rival.
func (t *till) countCoupons() {
	if t.campaign == nil {
		return
	}
	for attempt, cmd := range t.late { // a worker that was away all the time
		t.tell(attempt, cmd)
	}
	var paid ticketing.OrderID
	v := t.mine()
	for attempt := uint32(1); attempt <= v.Attempt; attempt++ {
		if o := t.order(attempt); o.State == ticketing.OrderPaid && v.Status == ticketing.Confirmed {
			paid = o.ID
		}
	}
	answer, _ := t.atCampaign(ticketing.ReadCoupon{User: 1, Number: 1})
	k := answer.Coupon
	switch {
	case paid != ticketing.OrderID{}:
		if k.Status != ticketing.RedeemedCoupon || k.Order != paid {
			t.fail("order %s is paid, and its coupon is %v for %s", paid, k.Status, k.Order)
		}
	case k.Status == ticketing.ReservedCoupon && k.Order == rival:
	case k.Status != ticketing.IssuedCoupon:
		t.fail("nothing is paid, and the coupon is %v for %s", k.Status, k.Order)
	}
}

func (d desk) clone() desk {
	if d.campaign == nil {
		return d
	}
	stream := ticketing.CampaignStream(1)
	snapshot := ticketing.TakeSnapshot(stream, d.campaign, ticketing.Head{})
	m, err := ticketing.Restore(stream, ticketing.History{Snapshot: &snapshot})
	if err != nil {
		panic(err)
	}
	return desk{m.(*ticketing.Campaign), maps.Clone(d.asking), maps.Clone(d.offers), maps.Clone(d.late)}
}

// name tells desks apart.
func (d desk) name() string {
	if d.campaign == nil {
		return ""
	}
	return fmt.Sprintf("%s|%#v|%#v|%#v", d.campaign.Snapshot(), d.asking, d.offers, d.late)
}

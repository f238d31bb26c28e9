package payments

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"ticketblue/ticketing"
)

func TestEffects(t *testing.T) {
	const payBy = began + 600_000
	order := `{"round":42,"number":7,"attempt":2,"since":1800000000000}`
	reservation := `{"round":42,"number":7,"since":1800000000000}`
	round := `{"round":42,"since":1800000000000}`
	for _, c := range []struct {
		fact ticketing.Fact
		want []string // kind, moment after the event, arguments
	}{
		{ticketing.PaymentStarted{Number: 7, Attempt: 2, PayBy: payBy, Coupon: "3-1"}, []string{"coupon_settle 601000 " + order}},
		{ticketing.PaymentStarted{Number: 7, Attempt: 2, PayBy: payBy}, nil},
		{ticketing.PaymentPriced{Number: 7, Attempt: 2, Amount: 1}, nil},
		{ticketing.PaymentConfirming{Number: 7, Attempt: 2, PaymentKey: key},
			[]string{"payment_settle 20000 " + order, "payment_alarm 900000 " + order}},
		{ticketing.PaymentDeclined{Number: 7, Attempt: 2}, []string{"coupon_settle 0 " + order}},
		{ticketing.ReservationConfirmed{Number: 7, Attempt: 2}, []string{"coupon_settle 0 " + order}},
		{ticketing.ReservationCanceled{Number: 7, Refund: 0}, []string{"coupon_settle 0 " + reservation}},
		{ticketing.ReservationCanceled{Number: 7, Refund: 1}, []string{"coupon_settle 0 " + reservation, "payment_refund 0 " + reservation}},
		{ticketing.RefundDue{Number: 7, Attempt: 2, Amount: 1}, []string{"payment_refund 0 " + order, "coupon_settle 0 " + order}},
		{ticketing.RoundCanceled{}, []string{"payment_refund_round 0 " + round, "coupon_settle_round 0 " + round}},
		{ticketing.Refunded{Number: 7, Attempt: 2}, nil},
		{ticketing.SeatsHeld{Number: 7}, nil},
		{ticketing.HoldLapsed{Number: 7}, nil},
		{ticketing.HoldReleased{Number: 7}, nil},
		{ticketing.SaleClosed{}, nil},
		{ticketing.CouponRedeemed{Number: 7}, nil},
	} {
		e := ticketing.Event{At: began, Fact: c.fact}
		var got, keys []string
		for _, j := range EffectsOf("round:42", 17, e) {
			after := max(j.At-began, 0)
			got = append(got, fmt.Sprintf("%s %d %s", j.Kind, after, j.Args))
			keys = append(keys, j.Key)
			if !slices.Contains(Kinds, j.Kind) || !json.Valid(j.Args) || j.Key != "round:42@17/"+j.Kind {
				t.Errorf("%T: %+v", c.fact, j)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%T: %q, want %q", c.fact, got, c.want)
		}
		if slices.Sort(keys); len(slices.Compact(keys)) != len(got) {
			t.Errorf("%T: one key for two jobs: %q", c.fact, keys)
		}
		for _, s := range []ticketing.Stream{"campaign:42", "catalogue:hall:42", "round:x"} {
			if jobs := EffectsOf(s, 17, e); jobs != nil {
				t.Errorf("%T of %s: %+v", c.fact, s, jobs)
			}
		}
	}
}

package payments

import (
	"encoding/json"
	"fmt"
	"time"

	"ticketblue/ticketing"
)

// Kinds of job of this room.
const (
	JobSettle     = "payment_settle"       // OrderArgs: take the order to its end
	JobAlarm      = "payment_alarm"        // OrderArgs: tell a person if it is still being confirmed
	JobRefund     = "payment_refund"       // OrderArgs; Attempt 0: every order of the reservation that owes
	JobRefundAll  = "payment_refund_round" // RoundArgs: every order of the round that owes
	JobCoupon     = "coupon_settle"        // OrderArgs; Attempt 0: every order of the reservation
	JobCouponsAll = "coupon_settle_round"  // RoundArgs: every coupon of the round's orders
	JobHint       = "payment_hint"         // OrderArgs: somebody says that the provider has news; see Settler.Hinted
)

// Kinds are all the kinds of job of this room.
var Kinds = []string{JobSettle, JobAlarm, JobRefund, JobRefundAll, JobCoupon, JobCouponsAll, JobHint}

// couponGrace is how long after an order's time is over its coupon is looked after.
const couponGrace = time.Second

// OrderArgs are the arguments of a job about one order, or about all of one reservation.
type OrderArgs struct {
	Round   ticketing.RoundID `json:"round"`
	Number  uint32            `json:"number"`
	Attempt uint32            `json:"attempt,omitempty"`
	Since   ticketing.Millis  `json:"since"` // of the event
}

// RoundArgs are the arguments of a job about all orders of a round.
type RoundArgs struct {
	Round ticketing.RoundID `json:"round"`
	Since ticketing.Millis  `json:"since"`
}

// EffectsOf lists the jobs that an event demands of this room.
//
//	payment_started with a coupon  | coupon_settle when its time is over: holds lapse, and are given back, without a job of their own
//	payment_confirming             | payment_settle after the handler's head start, payment_alarm after AlarmAfter
//	payment_declined               | coupon_settle
//	reservation_confirmed          | coupon_settle
//	reservation_canceled           | coupon_settle; payment_refund when money is owed
//	refund_due                     | payment_refund, coupon_settle
//	round_canceled                 | payment_refund_round, coupon_settle_round
//
// Facts of other streams, and all others of a round, demand nothing here. The same event gives the same jobs, with the
// same keys.
func EffectsOf(s ticketing.Stream, seq uint64, e ticketing.Event) []ticketing.Job {
	round, ok := s.Round()
	if !ok {
		return nil
	}
	job := func(kind string, number, attempt uint32, at ticketing.Millis) ticketing.Job {
		return newJob(kind, s, seq, at, OrderArgs{round, number, attempt, e.At})
	}
	switch f := e.Fact.(type) {
	case ticketing.PaymentStarted:
		if f.Coupon != "" {
			return []ticketing.Job{job(JobCoupon, f.Number, f.Attempt, f.PayBy.Add(couponGrace))}
		}
	case ticketing.PaymentConfirming:
		return []ticketing.Job{
			job(JobSettle, f.Number, f.Attempt, e.At.Add(HandlerHead)),
			job(JobAlarm, f.Number, f.Attempt, e.At.Add(AlarmAfter)),
		}
	case ticketing.PaymentDeclined:
		return []ticketing.Job{job(JobCoupon, f.Number, f.Attempt, 0)}
	case ticketing.ReservationConfirmed:
		return []ticketing.Job{job(JobCoupon, f.Number, f.Attempt, 0)}
	case ticketing.ReservationCanceled:
		jobs := []ticketing.Job{job(JobCoupon, f.Number, 0, 0)}
		if f.Refund > 0 {
			jobs = append(jobs, job(JobRefund, f.Number, 0, 0))
		}
		return jobs
	case ticketing.RefundDue:
		return []ticketing.Job{job(JobRefund, f.Number, f.Attempt, 0), job(JobCoupon, f.Number, f.Attempt, 0)}
	case ticketing.RoundCanceled:
		all := RoundArgs{round, e.At}
		return []ticketing.Job{newJob(JobRefundAll, s, seq, 0, all), newJob(JobCouponsAll, s, seq, 0, all)}
	}
	return nil
}

func newJob(kind string, s ticketing.Stream, seq uint64, at ticketing.Millis, args any) ticketing.Job {
	data, err := json.Marshal(args)
	if err != nil {
		panic(fmt.Sprintf("payments: arguments of %s: %v", kind, err)) // numbers only: cannot be
	}
	return ticketing.Job{Kind: kind, Key: fmt.Sprintf("%s@%d/%s", s, seq, kind), Args: data, At: at}
}

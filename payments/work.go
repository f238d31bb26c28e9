package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"ticketblue/ticketing"
)

// owedPage is how many orders of a round are looked at together.
const owedPage = 1000

// Works are what does the jobs of each of Kinds. All may be done again. An error asks to be tried later; a *Pending is
// one, too.
func (s *Settler) Works() map[string]func(ctx context.Context, args []byte) error {
	return map[string]func(context.Context, []byte) error{
		JobSettle: s.eachOrder(s.settled),
		JobAlarm:  s.eachOrder(s.alarmed),
		JobRefund: s.eachOrder(s.settled),
		JobCoupon: s.eachOrder(func(ctx context.Context, id ticketing.OrderID, _ ticketing.Millis) error {
			return s.couponAfter(ctx, id)
		}),
		JobHint: s.eachOrder(func(ctx context.Context, id ticketing.OrderID, since ticketing.Millis) error {
			_, err := s.Review(ctx, id, since)
			return forgotten(err)
		}),
		JobRefundAll:  s.spread(JobRefund, s.o.Books.OrdersOwing),
		JobCouponsAll: s.spread(JobCoupon, s.o.Books.OrdersWithCoupon),
	}
}

// eachOrder does something to the order of a job's arguments, or to every order of the reservation.
func (s *Settler) eachOrder(do func(context.Context, ticketing.OrderID, ticketing.Millis) error) func(context.Context, []byte) error {
	return func(ctx context.Context, args []byte) error {
		var a OrderArgs
		if err := json.Unmarshal(args, &a); err != nil {
			return fmt.Errorf("reading a job: %w", err)
		}
		id := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: a.Round, Number: a.Number}, Attempt: a.Attempt}
		if a.Attempt != 0 {
			return do(ctx, id, a.Since)
		}
		var all error
		for id.Attempt = 1; ; id.Attempt++ {
			_, err := s.read(ctx, id)
			if refusalOf(err) == ticketing.CodeNotFound {
				_, err = s.o.Books.OrderOf(ctx, id)
			}
			if errors.Is(err, ticketing.ErrNotFound) {
				return all
			}
			if err != nil {
				return errors.Join(all, err)
			}
			all = errors.Join(all, do(ctx, id, a.Since))
		}
	}
}

// forgotten: what a round does not know any more has ended, and owes nothing, for a day.
func forgotten(err error) error {
	if refusalOf(err) == ticketing.CodeNotFound {
		return nil
	}
	return err
}

func (s *Settler) settled(ctx context.Context, id ticketing.OrderID, since ticketing.Millis) error {
	_, _, err := s.Settle(ctx, id, since, 0)
	return forgotten(err)
}

func (s *Settler) alarmed(ctx context.Context, id ticketing.OrderID, _ ticketing.Millis) error {
	o, err := s.read(ctx, id)
	if err == nil && o.State == ticketing.OrderConfirming {
		s.o.Alarm(id, CodeOverdue)
	}
	return forgotten(err)
}

// Released gives the coupon of an order back whose seats the customer has given back: he may want it for others. The
// job that the order's beginning has demanded does it too, but not before the order's time is over.
func (s *Settler) Released(ctx context.Context, id ticketing.OrderID) error {
	return s.couponAfter(ctx, id)
}

// couponAfter tells the coupon's campaign what became of an order. Whoever is overtaken between reading and telling, by
// a cancellation and the job that follows it, has told the campaign something old: so it reads again, until what it has
// told is so.
func (s *Settler) couponAfter(ctx context.Context, id ticketing.OrderID) error {
	for told := ticketing.Command(nil); ; {
		command, err := s.tellCoupon(ctx, id, told)
		if err != nil || command == told {
			return err
		}
		told = command
	}
}

// tellCoupon tells the campaign what the order's round says of it, unless that was told already, and returns it.
func (s *Settler) tellCoupon(ctx context.Context, id ticketing.OrderID, told ticketing.Command) (ticketing.Command, error) {
	o, err := s.read(ctx, id)
	if refusalOf(err) == ticketing.CodeNotFound { // nobody has worked for a day: the campaign must hear it all the same
		o, err = s.o.Books.OrderOf(ctx, id)
	}
	if err == nil {
		err = s.o.Point("coupon.read")
	}
	if errors.Is(err, ticketing.ErrNotFound) {
		return told, nil
	}
	if err != nil {
		return told, err
	}
	campaign, command, decided := CouponAfter(o)
	if !decided {
		if o.Coupon == "" {
			return told, nil
		}
		return told, &Pending{id, 0, o.State.String()}
	}
	if command == told {
		return told, nil
	}
	answer := s.o.Sales.Do(ctx, ticketing.CampaignStream(campaign), command)
	if saysNothing(answer.Code) {
		return told, &Refusal{id, answer.Code}
	}
	// Any other refusal is the campaign's last word: the coupon is another order's, or was never this one's.
	return command, s.o.Point("coupon.told")
}

// spread makes one job for each order of a list: a round may have more than one job has time for.
func (s *Settler) spread(kind string, list func(context.Context, ticketing.RoundID, ticketing.OrderID, int) ([]ticketing.OrderID, error)) func(context.Context, []byte) error {
	return func(ctx context.Context, args []byte) error {
		var a RoundArgs
		if err := json.Unmarshal(args, &a); err != nil {
			return fmt.Errorf("reading a job: %w", err)
		}
		var after ticketing.OrderID
		for {
			page, err := list(ctx, a.Round, after, owedPage)
			if err != nil || len(page) == 0 {
				return err
			}
			jobs := make([]ticketing.Job, len(page))
			for i, id := range page {
				jobs[i] = OrderJob(kind, id, a.Since)
			}
			if err := s.o.Books.EnqueueAll(ctx, jobs); err != nil {
				return err
			}
			after = page[len(page)-1]
		}
	}
}

// Hinted takes in what a message says about a payment: its order is reviewed by a job. Whoever sent it is none the
// wiser.
func (s *Settler) Hinted(ctx context.Context, h ticketing.PaymentHint) error {
	_, err := s.o.Books.KeepHint(ctx, h, func(id ticketing.OrderID, at ticketing.Millis) ticketing.Job {
		job := OrderJob(JobHint, id, at)
		job.Key += "/" + h.Status + "/" + h.Transaction
		return job
	})
	return err
}

// OrderJob is a job about one order, the same for the same moment.
func OrderJob(kind string, id ticketing.OrderID, since ticketing.Millis) ticketing.Job {
	data, err := json.Marshal(OrderArgs{id.Reservation.Round, id.Reservation.Number, id.Attempt, since})
	if err != nil {
		panic(fmt.Sprintf("payments: arguments of %s: %v", kind, err)) // numbers only: cannot be
	}
	return ticketing.Job{Kind: kind, Key: fmt.Sprintf("order:%s@%d/%s", id, since, kind), Args: data}
}

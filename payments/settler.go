package payments

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"ticketblue/ticketing"
)

const (
	// maxCalls of the provider in one Settle; what is not settled by then is left to the next.
	maxCalls = 6
	// keepLimit is how long it may take to keep the evidence of a call, whatever has become of whoever made it.
	keepLimit = 3 * time.Second
)

// Sales asks the machines.
type Sales interface {
	Do(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result
}

// Books keep what has been asked and said, and list what is owed, as far as that is projected.
type Books interface {
	// KeepCall keeps the evidence of one call of the provider.
	KeepCall(ctx context.Context, c ticketing.ProviderCall) error
	// KeepHint keeps a message about a payment that the orders know, once, and enqueues a job about its order; false
	// when it is about no payment of ours, or was kept before, or the payment has had too many.
	KeepHint(ctx context.Context, h ticketing.PaymentHint, job func(ticketing.OrderID, ticketing.Millis) ticketing.Job) (bool, error)
	// OrdersOwing lists at most limit orders of a round whose refund is due, after the given one.
	OrdersOwing(ctx context.Context, round ticketing.RoundID, after ticketing.OrderID, limit int) ([]ticketing.OrderID, error)
	// OrdersWithCoupon lists at most limit orders of a round that name a coupon, after the given one.
	OrdersWithCoupon(ctx context.Context, round ticketing.RoundID, after ticketing.OrderID, limit int) ([]ticketing.OrderID, error)
	// OrderOf is an order as far as it is projected, without its key, for what its round has forgotten a day after its
	// end; ticketing.ErrNotFound when there is none.
	OrderOf(ctx context.Context, id ticketing.OrderID) (ticketing.Order, error)
	// EnqueueAll enqueues jobs; those whose key is known are passed over.
	EnqueueAll(ctx context.Context, jobs []ticketing.Job) error
}

// Options of NewSettler. All but Wait, Alarm, Log and Point must be there.
type Options struct {
	Gateway Gateway // nil: only what costs nothing can be paid
	Sales   Sales
	Books   Books
	// Clock is this machine's time.
	Clock func() time.Time
	// Wait waits; default: by a timer.
	Wait func(ctx context.Context, d time.Duration) error
	// Name is what the provider knows an order by; default: its id.
	Name func(id ticketing.OrderID) string
	// Alarm is told of orders that a person must look at, each time they are seen. It must not block.
	Alarm func(id ticketing.OrderID, code string)
	Log   *slog.Logger // default: slog.Default()
	// Point is told of every fail point that is passed; whoever makes one fail has killed the Settler there, for a test.
	Point func(name string) error
}

// Points are the fail points, in the order in which an order that has a coupon passes them.
var Points = []string{
	"price.read", "price.reserved", "price.told",
	"settle.read", "settle.ask", "settle.asked", "settle.recorded", "settle.told",
	"coupon.read", "coupon.told",
}

// Pending says that an order is not settled yet: ask again. It is no failure of anybody's.
type Pending struct {
	Order ticketing.OrderID
	At    ticketing.Millis // not before
	Code  string           // why
}

func (p *Pending) Error() string {
	return fmt.Sprintf("order %s is not settled yet: %s", p.Order, p.Code)
}

// Refusal says that an order's round, or its coupon's campaign, did not answer, or has no such order.
type Refusal struct {
	Order ticketing.OrderID
	Code  ticketing.Code
}

func (r *Refusal) Error() string { return fmt.Sprintf("order %s: the answer is %s", r.Order, r.Code) }

// Settler takes the saga's steps. It keeps nothing: any number may work on the same order.
type Settler struct{ o Options }

// NewSettler makes a Settler.
func NewSettler(o Options) *Settler {
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.Name == nil {
		o.Name = ticketing.OrderID.String
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Alarm == nil {
		o.Alarm = func(ticketing.OrderID, string) {}
	}
	if o.Point == nil {
		o.Point = func(string) error { return nil }
	}
	return &Settler{o}
}

// OrderName is what the provider knows an order by.
func (s *Settler) OrderName(id ticketing.OrderID) string { return s.o.Name(id) }

// Settle takes an order as far as it goes within patience: 0 asks and does not wait. Since is when its round began to
// confirm it or to owe its refund. It returns the order as its round has it in the end, a *Pending when there is
// more to do later, and a *Refusal when the round could not be asked. The code says why the order was declined, when
// it was this time.
func (s *Settler) Settle(ctx context.Context, id ticketing.OrderID, since ticketing.Millis, patience time.Duration) (ticketing.Order, string, error) {
	return s.settle(ctx, id, since, patience, false)
}

// Review is Settle for an order of which somebody says that the provider has news: the provider is asked first,
// whatever the order's state. It does not wait.
func (s *Settler) Review(ctx context.Context, id ticketing.OrderID, since ticketing.Millis) (ticketing.Order, error) {
	o, _, err := s.settle(ctx, id, since, 0, true)
	return o, err
}

func (s *Settler) settle(ctx context.Context, id ticketing.OrderID, since ticketing.Millis, patience time.Duration, look bool) (ticketing.Order, string, error) {
	until := s.now().Add(patience)
	var answer Answer
	var last Do
	why := "" // the payment was revoked
	for calls := 0; ; {
		o, err := s.read(ctx, id)
		if err == nil {
			err = s.o.Point("settle.read")
		}
		if err != nil {
			return o, "", err
		}
		step := Next(o, answer, since, s.now())
		if look && calls == 0 && o.PaymentKey != "" && o.PaymentKey != FreeKey {
			step = Step{Do: Look}
		}
		if step.Alarm {
			s.o.Alarm(id, step.Code)
		}
		if step.Do == Take && last == Look {
			step.At = 0 // pauses are between two requests for the same money
		}
		switch {
		case step.Command != nil:
			step.Code = cmp.Or(why, step.Code)
			return s.conclude(ctx, o, step)
		case step.Do == Stop:
			return o, "", nil
		case step.At > until || calls == maxCalls:
			return o, "", &Pending{id, step.At, step.Code}
		}
		if d := step.At - s.now(); d > 0 {
			if err := s.o.Wait(ctx, time.Duration(d)*time.Millisecond); err != nil {
				return o, "", &Pending{id, step.At, step.Code}
			}
		}
		if calls, last = calls+1, step.Do; step.Do == Revoke {
			why = step.Code
		}
		if answer, err = s.call(ctx, o, step); err != nil {
			return o, "", err
		}
	}
}

// conclude puts the saga's command to the round. A refusal means that somebody else came first, or that a person must
// look: the round's word stands.
func (s *Settler) conclude(ctx context.Context, o ticketing.Order, step Step) (ticketing.Order, string, error) {
	switch r := s.ask(ctx, o.ID, step.Command); {
	case saysNothing(r.Code):
		return o, "", &Refusal{o.ID, r.Code}
	case r.Code == ticketing.CodeNotPriced || r.Code == ticketing.CodeNotPayable || r.Code == ticketing.CodeNotFound:
		s.o.Alarm(o.ID, string(r.Code))
	}
	if err := s.o.Point("settle.told"); err != nil {
		return o, "", err
	}
	after, err := s.read(ctx, o.ID)
	return after, step.Code, err
}

func (s *Settler) now() ticketing.Millis { return ticketing.MillisOf(s.o.Clock()) }

func (s *Settler) read(ctx context.Context, id ticketing.OrderID) (ticketing.Order, error) {
	r := s.ask(ctx, id, ticketing.ReadOrder{Number: id.Reservation.Number, Attempt: id.Attempt})
	if r.Code != ticketing.OK || r.Order == nil {
		return ticketing.Order{}, &Refusal{id, r.Code}
	}
	return *r.Order, nil
}

func (s *Settler) ask(ctx context.Context, id ticketing.OrderID, cmd ticketing.Command) ticketing.Result {
	return s.o.Sales.Do(ctx, ticketing.RoundStream(id.Reservation.Round), cmd)
}

// call asks the provider, and keeps what it has said.
func (s *Settler) call(ctx context.Context, o ticketing.Order, step Step) (Answer, error) {
	if err := s.o.Point("settle.ask"); err != nil {
		return Answer{}, err
	}
	var a Answer
	amount := step.Amount
	asked := s.o.Clock()
	switch {
	case s.o.Gateway == nil:
		a = Answer{Say: Nothing, Code: CodeNoProvider}
	case step.Do == Take:
		amount = o.Amount
		a = s.o.Gateway.Confirm(ctx, Confirm{Key: o.PaymentKey, Order: o.ID, Amount: o.Amount})
	case step.Do == Look:
		a = s.o.Gateway.Payment(ctx, o.PaymentKey)
	case step.Do == Return:
		a = s.o.Gateway.Cancel(ctx, Cancel{o.PaymentKey, o.ID, step.Amount, step.Gone, "refund"})
	case step.Do == Revoke:
		a = s.o.Gateway.Cancel(ctx, Cancel{Key: o.PaymentKey, Order: o.ID, Reason: step.Code})
	}
	a.Asked = ticketing.MillisOf(asked)
	if err := s.o.Point("settle.asked"); err != nil {
		return Answer{}, err
	}
	if step.Do == Revoke {
		a.Code = cmp.Or(a.Code, step.Code)
	}
	call := EvidenceOf(o, step.Do, amount, a)
	call.Took = s.o.Clock().Sub(asked)
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepLimit)
	defer cancel()
	if err := s.o.Books.KeepCall(keep, call); err != nil {
		// The order goes on: the journal knows what was asked, and the provider what it has done.
		s.o.Log.Error("a call of the provider is not in the books", "order", o.ID.String(), "did", call.Did, "said", call.Said, "err", err)
	}
	return a, s.o.Point("settle.recorded")
}

// EvidenceOf is an answer as it is kept.
func EvidenceOf(o ticketing.Order, did Do, amount ticketing.KRW, a Answer) ticketing.ProviderCall {
	c := ticketing.ProviderCall{Order: o.ID, Did: did.String(), Key: o.PaymentKey, Amount: amount, Said: a.Say.String(), Code: a.Code, Asked: a.Asked}
	if a.Say == Shown {
		p := a.Payment
		c.Status, c.Total, c.Balance, c.Foreign, c.Transaction = p.Status.String(), p.Total, p.Balance, p.Foreign, p.Transaction
	}
	return c
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package persistence

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ticketblue/ticketing"
)

// A life with everything in it, event by event: after each the tables say what the round says.
func TestTablesFollowTheRound(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	p := newHandDriven(t, db, ProjectorOptions{})
	check := func() {
		t.Helper()
		for len(b.pending) > 0 {
			b.commit(t.Context(), 1)
		}
		p.moveAll(t.Context(), b.stream)
		b.compare(t.Context())
	}
	check()
	first := b.reserve(1, 0, 8)
	check()
	b.now += 1000
	b.must(ticketing.ChangePrices{Prices: []ticketing.KRW{10, 20}})
	moved := b.reserve(1, 8, 9) // seat 8 moves over, at the new price; the older hold's time stays
	check()
	if v := b.views[moved]; v.HeldAt != saleDay || v.Amount != 40 || b.views[first].Amount != 1000 {
		t.Errorf("moved %+v from %+v", v, b.views[first])
	}
	b.reserve(1, 0) // the first is left with nothing
	check()
	if v := b.views[first]; v.Status != ticketing.Released || v.Amount != 0 {
		t.Errorf("emptied %+v", v)
	}
	b.pay(moved)
	check()
	b.must(ticketing.CancelReservation{User: 1, Number: moved})
	check()
	b.must(ticketing.SettleRefund{Number: moved, Attempt: 1})
	check()
	declined := b.reserve(2, 1)
	b.must(ticketing.StartPayment{User: 2, Number: declined})
	b.must(ticketing.ConfirmPayment{User: 2, Number: declined, Attempt: 1, Amount: 10, PaymentKey: "pk"})
	check()
	b.must(ticketing.DeclinePayment{Number: declined, Attempt: 1})
	check()
	b.must(ticketing.ReleaseReservation{User: 2, Number: declined})
	late := b.reserve(2, 2)
	b.must(ticketing.StartPayment{User: 2, Number: late})
	b.must(ticketing.BlockSeats{Seats: []string{"A-1-16"}})
	b.now += 3_600_000
	b.act(nil) // lapsed
	b.must(ticketing.ApprovePayment{Number: late, Attempt: 1})
	check()
	if v := b.views[late]; v.Status != ticketing.Expired || v.RefundDue != 10 {
		t.Errorf("late %+v", v)
	}
	b.pay(b.reserve(3, 3, 4))
	b.reserve(4, 5)
	b.must(ticketing.PauseSale{})
	check()
	b.must(ticketing.CancelRound{})
	check()
}

// Random conversations, random chunks, random batches: the tables say what the round says.
func TestProjectionOfRandomConversations(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	plan := gradedPlan(t)
	p := newHandDriven(t, db, ProjectorOptions{})
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		b := openBoxOffice(ctx, rt, db, plan)
		p.opts.PassBytes = rapid.IntRange(1, 3000).Draw(rt, "bytes of a pass")
		for range rapid.IntRange(1, 60).Draw(rt, "commands") {
			b.random(rt)
			if len(b.pending) > 0 && rapid.IntRange(0, 2).Draw(rt, "commit") == 0 {
				b.commit(ctx, rapid.IntRange(1, len(b.pending)).Draw(rt, "events"))
			}
			if rapid.IntRange(0, 9).Draw(rt, "project") == 0 {
				p.move(ctx, b.stream)
			}
		}
		b.commit(ctx, 0)
		p.moveAll(ctx, b.stream)
		b.compare(ctx)
	})
}

// random carries out any command; nonsense and refusals are among them.
func (b *boxOffice) random(rt *rapid.T) {
	below := func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(rt, what) }
	b.now += ticketing.Millis([]int{0, 0, 0, 0, 1000, 60_000, 300_000, 90_000_000}[below(8, "time")])
	number := uint32(below(len(b.users)+1, "number")) + 1
	if last := len(b.users); last > 3 && below(2, "recent") == 0 {
		number = uint32(last - below(3, "back"))
	}
	user, v := b.users[number], b.views[number]
	amount := v.Due
	if !v.Priced {
		amount = v.Amount / ticketing.KRW(1+below(2, "discount"))
	}
	switch below(14, "command") {
	case 0, 1, 2, 3:
		seats := []int{below(16, "seat")}
		for range below(3, "seats") {
			seats = append(seats, (seats[len(seats)-1]+1)%16)
		}
		b.tryReserve(ticketing.UserID(1+below(3, "user")), seats...)
	case 4:
		b.act(ticketing.ReleaseReservation{User: user, Number: number})
	case 5, 6:
		b.act(ticketing.StartPayment{User: user, Number: number, Coupon: []string{"", "", "c-1"}[below(3, "coupon")]})
	case 7:
		b.act(ticketing.PricePayment{Number: number, Attempt: v.Attempt, Amount: amount})
	case 8:
		b.act(ticketing.ConfirmPayment{User: user, Number: number, Attempt: v.Attempt, Amount: amount, PaymentKey: "pk"})
	case 9:
		b.act(ticketing.ApprovePayment{Number: number, Attempt: max(1, v.Attempt-uint32(below(2, "older")))})
	case 10:
		b.act(ticketing.DeclinePayment{Number: number, Attempt: v.Attempt})
	case 11:
		b.act(ticketing.CancelReservation{User: user, Number: number})
	case 12:
		b.act(ticketing.SettleRefund{Number: number, Attempt: v.Attempt})
	case 13:
		b.randomAdmin(below)
	}
}

func (b *boxOffice) randomAdmin(below func(int, string) int) {
	switch below(8, "admin") {
	case 0, 1:
		b.act(ticketing.ChangePrices{Prices: []ticketing.KRW{ticketing.KRW(below(5000, "price")), 700}})
	case 2:
		b.act(ticketing.PauseSale{})
	case 3, 4:
		b.act(ticketing.OpenSale{})
	case 5:
		b.act(ticketing.BlockSeats{Seats: []string{b.plan.Label(ticketing.SeatIndex(below(16, "blocked")))}})
	case 6:
		b.act(ticketing.UnblockSeats{Seats: []string{b.plan.Label(ticketing.SeatIndex(below(16, "freed")))}})
	case 7:
		if below(4, "end") == 0 {
			b.act([]ticketing.Command{ticketing.CancelRound{}, ticketing.CloseSale{}}[below(2, "how")])
		}
	}
}

// What the machine would never decide is found out, freezes that round, and holds up no other.
func TestContradictionFreezesItsRound(t *testing.T) {
	held := func(number uint32, user ticketing.UserID, seats ...ticketing.SeatIndex) ticketing.Fact {
		return ticketing.SeatsHeld{Number: number, User: user, Seats: seats, ExpiresAt: saleDay + 1000}
	}
	for name, facts := range map[string][]ticketing.Fact{
		"a seat of two customers":               {held(1, 1, 3), held(2, 2, 3)},
		"a seat sold again":                     {held(1, 1, 3), ticketing.PaymentStarted{Number: 1, Attempt: 1, PayBy: saleDay + 5000}, held(2, 1, 3)},
		"two reservations of one number":        {held(1, 1, 3), held(1, 2, 4)},
		"a payment for nothing":                 {ticketing.PaymentStarted{Number: 9, Attempt: 1, PayBy: saleDay + 5000}},
		"an order that was never made":          {held(1, 1, 3), ticketing.ReservationConfirmed{Number: 1, Attempt: 1}},
		"a release of what is released":         {held(1, 1, 3), ticketing.HoldReleased{Number: 1}, ticketing.HoldReleased{Number: 1}},
		"a seat that the hall does not have":    {held(1, 1, 16)},
		"planned twice":                         {ticketing.RoundPlanned{Terms: ticketing.Terms{Prices: []ticketing.KRW{1}}}},
		"a reservation confirmed after its end": {held(1, 1, 3), ticketing.PaymentStarted{Number: 1, Attempt: 1, PayBy: saleDay + 5000}, ticketing.HoldLapsed{Number: 1}, ticketing.ReservationConfirmed{Number: 1, Attempt: 1}},
	} {
		for _, cut := range []int{1, math.MaxInt} { // in one batch, and with what came before in the tables
			t.Run(fmt.Sprintf("%s/%d", name, cut), func(t *testing.T) {
				db := openDB(t, sharedDSN(t))
				bad, good := openBoxOffice(t.Context(), t, db, gradedPlan(t)), openBoxOffice(t.Context(), t, db, gradedPlan(t))
				frozen := map[ticketing.Stream]error{}
				p := newHandDriven(t, db, ProjectorOptions{Freeze: func(s ticketing.Stream, reason error) { frozen[s] = reason }, PassBytes: cut})
				good.reserve(1, 1)
				good.commit(t.Context(), 0)
				bad.commit(t.Context(), 0)
				for _, fact := range facts {
					bad.write(t.Context(), []ticketing.Event{{At: saleDay, Fact: fact}})
				}
				p.moveAll(t.Context(), bad.stream, good.stream)
				good.compare(t.Context())
				if len(frozen) != 1 || frozen[bad.stream] == nil {
					t.Fatalf("frozen %v, want %s", frozen, bad.stream)
				}
				at, err := db.Projected(t.Context(), bad.stream)
				if err != nil || at >= bad.head.To {
					t.Errorf("projected up to %d of %d: %v", at, bad.head.To, err)
				}
			})
		}
	}
}

// The tables do not believe the fold either: a seat that somebody has there is not given away, whoever that is.
func TestAuditorOfTheTable(t *testing.T) {
	const plant = `INSERT INTO reservation_seats (round, seat, number) VALUES ($1, 3, 77)`
	for name, streams := range map[string]int{"there before": 2, "come meanwhile": 1} {
		late := streams == 1 // alone, so that the pass is not repeated
		t.Run(name, func(t *testing.T) {
			db := openDB(t, freshDSN(t))
			bad, good := openBoxOffice(t.Context(), t, db, gradedPlan(t)), openBoxOffice(t.Context(), t, db, gradedPlan(t))
			for _, b := range []*boxOffice{bad, good} {
				b.pay(b.reserve(1, 1))
				b.reserve(2, 3)
				b.commit(t.Context(), 0)
			}
			told := make(chan ticketing.Stream, 10)
			planted := false
			o := ProjectorOptions{
				PassStreams: streams,
				Freeze:      func(s ticketing.Stream, _ error) { told <- s },
				EffectsOf: func(s ticketing.Stream, _ uint64, _ ticketing.Event) []ticketing.Job {
					if s == bad.stream && late && !planted { // everything is loaded and nothing is written
						planted = true
						exec(t, db.pool, plant, int64(bad.id))
					}
					return nil
				},
			}
			if !late {
				exec(t, db.pool, plant, int64(bad.id))
			}
			p := startProjector(t, db, o)
			awaitHead(t, p, good)
			good.compare(t.Context())
			expectFrozen(t, told, bad.stream)
			var frozen []FrozenStream
			eventually(t, "the mark of the frozen stream", func() (marked bool) {
				var err error
				frozen, err = db.Frozen(t.Context())
				return err == nil && len(frozen) == 1
			})
			if f := frozen[0]; f.Stream != bad.stream || f.At == 0 || !strings.Contains(f.Reason, "reservation_seats_auditor") {
				t.Errorf("frozen %+v", f)
			}
			// The next start tells again, for who froze the stream has forgotten it.
			startProjector(t, db, o)
			expectFrozen(t, told, bad.stream)
			if err := p.Rebuild(t.Context()); err != nil { // the false row is gone with the table
				t.Fatal(err)
			}
			bad.compare(t.Context())
		})
	}
}

func expectFrozen(t *testing.T, told chan ticketing.Stream, want ticketing.Stream) {
	t.Helper()
	select {
	case s := <-told:
		if s != want {
			t.Errorf("frozen %s, want %s", s, want)
		}
	case <-time.After(patience):
		t.Fatalf("nobody was told to freeze %s", want)
	}
}

package ticketing

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Random conversations with the ticket office, by rapid (which shrinks what fails) and by the fuzzer (which looks for
// new paths). Both choose from the same commands; nonsense is among them: foreign numbers, unknown labels, empty
// lists, huge amounts, clocks that stand still, jump or go back.

// chooser makes the choices: below(n) is in 0..n-1.
type chooser interface{ below(n int) int }

// oneIn is true once in n times.
func oneIn(ch chooser, n int) bool { return ch.below(n) == n-1 }

func pick[T any](ch chooser, from ...T) T { return from[ch.below(len(from))] }

// actions are what may happen to a round.
var actions = []struct {
	name string
	do   func(chooser, *checked)
}{
	{"reserve", func(ch chooser, c *checked) { c.act(anyReserve(ch, c), anyTime(ch, c)) }},
	{"reserve again", func(ch chooser, c *checked) { c.act(anyReserve(ch, c), anyTime(ch, c)) }}, // twice as likely
	{"release", func(ch chooser, c *checked) {
		user, n := anyOwn(ch, c)
		c.act(ReleaseReservation{user, n}, anyTime(ch, c))
	}},
	{"start", func(ch chooser, c *checked) {
		user, n := anyOwn(ch, c)
		c.act(StartPayment{user, n, pick(ch, "", "", "c1", "c2")}, anyTime(ch, c))
	}},
	{"price", func(ch chooser, c *checked) {
		n, a := anyOrder(ch, c)
		c.act(PricePayment{n, a, anyAmount(ch, c, n, a)}, anyTime(ch, c))
	}},
	{"confirm", func(ch chooser, c *checked) {
		user, n := anyOwn(ch, c)
		a := anyAttempt(ch, c, n)
		c.act(ConfirmPayment{user, n, a, anyAmount(ch, c, n, a), anyPaymentKey(ch)}, anyTime(ch, c))
	}},
	{"approve", func(ch chooser, c *checked) {
		n, a := anyOrder(ch, c)
		c.act(ApprovePayment{n, a}, anyTime(ch, c))
	}},
	{"decline", func(ch chooser, c *checked) {
		n, a := anyOrder(ch, c)
		c.act(DeclinePayment{n, a}, anyTime(ch, c))
	}},
	{"cancel", func(ch chooser, c *checked) {
		user, n := anyOwn(ch, c)
		c.act(CancelReservation{user, n}, anyTime(ch, c))
	}},
	{"refund", func(ch chooser, c *checked) {
		n, a := anyOrder(ch, c)
		c.act(SettleRefund{n, a}, anyTime(ch, c))
	}},
	{"admin", func(ch chooser, c *checked) { c.act(anyAdmin(ch, c), anyTime(ch, c)) }},
	{"ask", func(ch chooser, c *checked) {
		user, n := anyOwn(ch, c)
		c.act(pick[Command](ch, ReadReservation{user, n}, ReadStatus{}, ReadSeats{}, ReadHash{}), anyTime(ch, c))
	}},
	{"time passes", func(ch chooser, c *checked) { c.act(nil, anyTime(ch, c)) }},
	{"activate", func(_ chooser, c *checked) { c.activate() }},
	{"snapshot", func(_ chooser, c *checked) { c.snapshot() }},
	{"copy", func(_ chooser, c *checked) { c.copy() }},
	{"restore", func(_ chooser, c *checked) { c.restore() }},
	{"reserve best", func(ch chooser, c *checked) { c.act(anyReserveBest(ch, c), anyTime(ch, c)) }},
}

// activate writes the barrier event of a new activation, as the shell does.
func (c *checked) activate() {
	c.t.Helper()
	e := Event{c.live.LastAt(), Activated{c.live.Seq() + 1}}
	c.live.Apply(e)
	c.twin.Apply(e)
	c.journal([]Event{e})
	c.compare()
}

func anyRound(t failer, ch chooser) *checked {
	t.Helper()
	plan := rowPlan(t, pick(ch, "RRSSSSRR", "RSRSRS", "RRRRRSSSSSRR", "RRR_RRSS/SSSSS_RR"))
	terms := openTerms(plan)
	terms.HoldMillis = pick[Millis](ch, 300_000, 300_000, 1_000, dayMillis)
	terms.PayMillis = pick[Millis](ch, 600_000, 1_000, 20*60*1000)
	terms.MaxPerUser = pick(ch, 4, 2, 4, 1, 20)
	terms.CancelFee = pick(ch, 10, 0, 33, 100)
	terms.ClosesAt = openAt + pick[Millis](ch, 30*dayMillis, 30*dayMillis, 60_000, dayMillis)
	terms.CancelUntil = pick(ch, openAt+30*dayMillis, 0, openAt+dayMillis, math.MaxInt64)
	terms.Prices[0] = pick[KRW](ch, 999, 0, 1_000_000_000)
	return newChecked(t, plan, terms, scriptDay)
}

func anyUser(ch chooser) UserID {
	if oneIn(ch, 40) {
		return pick[UserID](ch, 0, math.MaxInt64)
	}
	return UserID(1 + ch.below(4))
}

func anyReserve(ch chooser, c *checked) Command {
	cmd := ReserveSeats{User: anyUser(ch), Seats: anySeats(ch, c, 4)}
	cmd.Key = key(fmt.Sprint(cmd.User, ch.below(50)))
	cmd.Body = DigestOf(cmd.Seats...)
	return cmd
}

func anyReserveBest(ch chooser, c *checked) Command {
	cmd := ReserveBest{User: anyUser(ch), Count: 1 + ch.below(4), Grade: pick(ch, "", "R", "S"), Section: pick(ch, "", "", "", "A")}
	if oneIn(ch, 20) {
		cmd.Count = pick(ch, 0, -1, math.MinInt, MaxSeatsPerRequest, MaxSeatsPerRequest+1, math.MaxInt)
		cmd.Grade, cmd.Section = pick(ch, cmd.Grade, "X", "r"), pick(ch, cmd.Section, "B", "A-1")
	}
	cmd.Key = key(fmt.Sprint(cmd.User, ch.below(50)))
	cmd.Body = DigestOf("best", fmt.Sprint(cmd.Count), cmd.Grade, cmd.Section)
	return cmd
}

func anySeats(ch chooser, c *checked, most int) []string {
	var out []string
	if oneIn(ch, 20) {
		most = 30
	}
	at := ch.below(len(c.plan.Seats))
	for range ch.below(most + 1) {
		out = append(out, c.plan.Label(SeatIndex(at%len(c.plan.Seats))))
		at += 1 + ch.below(2)
	}
	if oneIn(ch, 20) {
		out = append(out, pick(ch, "", "A-1-99", "B-1-1", "A-1-01", strings.Repeat("A", 1000)))
	}
	return out
}

func anyNumber(ch chooser, c *checked) uint32 {
	switch {
	case oneIn(ch, 20):
		return pick[uint32](ch, 0, c.live.last+1, math.MaxUint32)
	case oneIn(ch, 3):
		return uint32(ch.below(int(c.live.last) + 1))
	}
	return c.live.last - min(c.live.last, uint32(ch.below(4)))
}

// anyOwn is a reservation and, mostly, its customer.
func anyOwn(ch chooser, c *checked) (UserID, uint32) {
	n := anyNumber(ch, c)
	if v := c.live.reservations[n]; v != nil && !oneIn(ch, 10) {
		return v.user, n
	}
	return anyUser(ch), n
}

func anyAttempt(ch chooser, c *checked, number uint32) uint32 {
	if oneIn(ch, 20) {
		return pick[uint32](ch, 0, math.MaxUint32)
	}
	if v := c.live.reservations[number]; v != nil {
		return uint32(len(v.orders)) - min(uint32(len(v.orders)), uint32(max(0, ch.below(6)-4)))
	}
	return 1
}

func anyOrder(ch chooser, c *checked) (number, attempt uint32) {
	number = anyNumber(ch, c)
	return number, anyAttempt(ch, c, number)
}

// anyAmount is mostly what is owed.
func anyAmount(ch chooser, c *checked, number, attempt uint32) KRW {
	if oneIn(ch, 8) {
		return pick[KRW](ch, 0, 1, -1, 1_000_000_000, math.MaxInt64, math.MinInt64)
	}
	v := c.live.reservations[number]
	if v == nil {
		return 0
	}
	if o := v.orderOf(attempt); o != nil && o.priced {
		return o.amount
	}
	return c.live.amount(v) / KRW(1+ch.below(2))
}

func anyPaymentKey(ch chooser) string {
	if oneIn(ch, 16) {
		return pick(ch, "", strings.Repeat("k", MaxPaymentKeyBytes), strings.Repeat("k", MaxPaymentKeyBytes+1))
	}
	return pick(ch, "pk1", "pk1", "pk1", "pk2")
}

func anyAdmin(ch chooser, c *checked) Command {
	switch ch.below(18) {
	case 0, 1, 2, 3, 4, 5:
		return OpenSale{}
	case 6, 7:
		return PauseSale{}
	case 8, 9:
		return ChangePrices{anyPrices(ch)}
	case 10, 11, 12:
		return BlockSeats{anySeats(ch, c, 2)}
	case 13:
		return UnblockSeats{anySeats(ch, c, 4)}
	case 14:
		return pick[Command](ch, UnblockSeats{}, CloseSale{})
	case 15, 16:
		return anyTimes(ch, c)
	}
	return pick[Command](ch, OpenSale{}, OpenSale{}, CancelRound{}, DropRound{})
}

// anyTimes is mostly a little later than what was planned.
func anyTimes(ch chooser, c *checked) Command {
	t, later := c.live.terms, Millis(ch.below(3)*60_000)
	if oneIn(ch, 8) {
		return RescheduleRound{OpensAt: t.OpensAt, ClosesAt: pick(ch, t.OpensAt, 0, -1), StartsAt: t.StartsAt, CancelUntil: -later}
	}
	return RescheduleRound{t.OpensAt + later, t.ClosesAt + later, t.StartsAt + later, t.CancelUntil}
}

func anyPrices(ch chooser) []KRW {
	return pick(ch, []KRW{500, 700}, []KRW{0, 0}, []KRW{1}, nil, []KRW{-1, 1}, []KRW{1, math.MaxInt64})
}

// anyTime is mostly now or a little later, often exactly at a deadline or a millisecond before, sometimes absurd.
// It stays within what a clock can show: the shell refuses to work with a clock a second off (DESIGN §5).
func anyTime(ch chooser, c *checked) Millis {
	now, next := max(c.live.LastAt(), openAt-1000), c.live.status().NextExpiry
	switch ch.below(32) {
	case 0:
		return max(now, next)
	case 1:
		return max(now, next-1)
	case 2:
		return now + Millis(ch.below(600_000))
	case 3:
		return now + Millis(ch.below(30_000))
	case 4:
		return absurdTime(ch, c, now)
	case 5, 6, 7:
		return now + Millis(ch.below(1000))
	}
	return now
}

func absurdTime(ch chooser, c *checked, now Millis) Millis {
	switch ch.below(16) {
	case 0:
		return now + 3650*dayMillis
	case 1:
		return c.live.NextDeadline() // often the end of the sale
	case 2, 3:
		return now + dayMillis
	case 4, 5:
		return now + dayMillis - 1
	case 6, 7:
		return now + 20*60*1000
	}
	return pick(ch, now-5000, 0, -1, math.MinInt64)
}

// rapidly lets rapid make the choices.
type rapidly struct{ t *rapid.T }

func (r rapidly) below(n int) int { return rapid.IntRange(0, n-1).Draw(r.t, "choice") }

// The round and the naive model agree on every answer and on the whole state, whatever happens.
func TestRoundAgreesWithNaiveModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ch := rapidly{rt}
		c := anyRound(rt, ch)
		moves := map[string]func(*rapid.T){}
		for _, a := range actions {
			moves[a.name] = func(*rapid.T) { a.do(ch, c) }
		}
		for range 3 { // long enough for a payment, a refusal and another try
			rt.Repeat(moves)
		}
		c.restore()
	})
}

// bytewise lets the fuzzer make the choices: a byte each, two where more than 256 are open; zeros at the end.
type bytewise struct{ left []byte }

func (b *bytewise) below(n int) int {
	v := b.next()
	if n > 256 {
		v = v<<8 | b.next()
	}
	return v % n
}

func (b *bytewise) next() int {
	if len(b.left) == 0 {
		return 0
	}
	v := b.left[0]
	b.left = b.left[1:]
	return int(v)
}

func FuzzDecide(f *testing.F) {
	const maxBytes = 1024 // longer inputs find nothing new, slowly
	for seed := range byte(8) {
		f.Add(noise(seed, 400))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > maxBytes {
			input = input[:maxBytes]
		}
		ch := &bytewise{input}
		c := anyRound(t, ch)
		for len(ch.left) > 0 {
			actions[ch.below(len(actions))].do(ch, c)
		}
		c.restore()
	})
}

// noise is n bytes that look random and are always the same for a seed.
func noise(seed byte, n int) []byte {
	var out []byte
	for d := DigestOf(string(seed)); len(out) < n; d = DigestOf(string(d[:])) {
		out = append(out, d[:]...)
	}
	return out[:n]
}

// The same commands give the same bytes, of events and of the snapshot, and every kind of fact comes up.
func TestSameCommandsSameBytes(t *testing.T) {
	seen := map[string]bool{}
	for seed := range byte(60) {
		var first []byte
		for range 2 {
			ch := &bytewise{noise(seed, 1500)}
			c := anyRound(t, ch)
			for len(ch.left) > 0 {
				actions[ch.below(len(actions))].do(ch, c)
			}
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
		if number < kindCampaignPlanned && !strings.HasPrefix(k.name, "catalogue_") && !seen[k.name] { // others are no round's
			t.Errorf("no random conversation leads to %s", k.name)
		}
	}
}

package sim

import (
	"fmt"
	"strconv"

	"ticketblue/actors"
	"ticketblue/ticketing"
)

// A customer gives up on no command: he asks again until he is told yes or no.
const (
	patience  = 3 * second // before he asks again
	maxOrders = 28         // reservations one user asks for: the round remembers 32 keys
)

// account is what a user's sessions share: he clicks in two windows.
type account struct {
	user    ticketing.UserID
	intents []ticketing.ReserveSeats
	numbers []uint32 // reservations he was told of
	payment map[uint32]ticketing.Reservation
}

// client is one session; it does one thing at a time.
type client struct {
	w    *world
	acc  *account
	id   int
	op   *op // in hand; nil: thinking
	done int
}

// op is a command that its client wants an answer to.
type op struct {
	cmd   ticketing.Command
	asked int
}

// request is one copy of a command on its way to one node.
type request struct {
	client *client
	op     *op
	base   uint64 // the last seq that had landed when it was sent
	heard  uint64 // the highest seq of an answer until then
	viewed bool   // answered by a durable view
	node   *process
	served bool
}

func newClient(w *world, user ticketing.UserID) *client {
	c := &client{w: w, id: len(w.clients), acc: &account{user: user, payment: map[uint32]ticketing.Reservation{}}}
	if n := len(w.clients); n > 0 && w.clients[n-1].acc.user == user {
		c.acc = w.clients[n-1].acc
	}
	w.after(w.between(0, 3*second), c.begin)
	return c
}

// begin takes the next thing in hand.
func (c *client) begin() {
	if c.w.closing {
		return
	}
	c.op = &op{cmd: c.choose()}
	c.ask()
}

func (c *client) choose() ticketing.Command {
	if c.w.counter != nil {
		return c.w.counter.choose(c.acc.user)
	}
	a, r := c.acc, c.w.rng
	number := uint32(1 + r.IntN(4)) // often somebody else's
	if len(a.numbers) > 0 && r.IntN(8) > 0 {
		number = a.numbers[r.IntN(len(a.numbers))]
	}
	switch dice := r.IntN(100); {
	case dice < 40 && len(a.intents) < maxOrders:
		a.intents = append(a.intents, c.intent())
		return a.intents[len(a.intents)-1]
	case dice < 55 && len(a.intents) > 0: // the other window, or the same click again, or an old one
		back := min(len(a.intents), 1+r.IntN(3))
		if r.IntN(4) == 0 {
			back = 1 + r.IntN(len(a.intents))
		}
		return a.intents[len(a.intents)-back]
	case dice < 63:
		return ticketing.ReleaseReservation{User: a.user, Number: number}
	case dice < 70:
		return ticketing.ReadReservation{User: a.user, Number: number}
	case dice < 85:
		return c.pay(number)
	case dice < 90:
		return ticketing.ReadSeats{}
	case dice < 92:
		return ticketing.ReadHash{}
	case dice < 93:
		return ticketing.PauseSale{}
	case dice < 95:
		return ticketing.OpenSale{}
	}
	return ticketing.ReadStatus{}
}

// intent is a new wish for one to three seats, most of them at the front.
func (c *client) intent() ticketing.ReserveSeats {
	r := c.w.rng
	cmd := ticketing.ReserveSeats{User: c.acc.user}
	seats := r.Perm(c.w.swarm.seats)[:1+r.IntN(3)]
	for _, i := range seats {
		cmd.Seats = append(cmd.Seats, c.w.plan.Label(ticketing.SeatIndex(i)))
	}
	cmd.Key = ticketing.DigestOf(fmt.Sprint(c.acc.user), strconv.Itoa(len(c.acc.intents)))
	cmd.Body = ticketing.DigestOf(cmd.Seats...)
	return cmd
}

// pay takes the next step of a payment, as customer or as provider.
func (c *client) pay(number uint32) ticketing.Command {
	v, known := c.acc.payment[number]
	if !known || v.Status != ticketing.Paying {
		return ticketing.StartPayment{User: c.acc.user, Number: number}
	}
	if !v.Confirming {
		return ticketing.ConfirmPayment{
			User: c.acc.user, Number: number, Attempt: v.Attempt, Amount: v.Due, PaymentKey: fmt.Sprint(number, "/", v.Attempt),
		}
	}
	if c.w.rng.IntN(3) == 0 {
		return ticketing.DeclinePayment{Number: number, Attempt: v.Attempt}
	}
	return ticketing.ApprovePayment{Number: number, Attempt: v.Attempt}
}

// ask sends the command, perhaps twice, perhaps in vain, and again when no answer comes.
func (c *client) ask() {
	w, o := c.w, c.op
	o.asked++
	asked := o.asked
	c.send()
	if w.chance(w.swarm.dupMessage) {
		c.send()
	}
	w.after(patience, func() {
		if c.op == o && o.asked == asked {
			c.ask()
		}
	})
}

func (c *client) send() {
	w := c.w
	r := &request{client: c, op: c.op, base: w.auditor.seq, heard: w.auditor.heard}
	if w.chance(w.swarm.dropMessage) {
		return
	}
	id := w.rng.IntN(len(w.nodes))
	if w.lock.holder != nil && w.rng.IntN(4) > 0 {
		id = w.lock.holder.id
	}
	w.after(w.delay(), func() {
		p := w.nodes[id]
		p.run(func() {
			r.node = p
			if !p.refuse(r) {
				p.step(&actors.Command{Cmd: r.op.cmd, Now: p.wall(), Token: r})
			}
		})
	})
}

// reply leaves a node: this is the moment that counts.
func (r *request) reply(p *process, result ticketing.Result) {
	w := r.client.w
	w.auditor.replied(r, p, result)
	if w.chance(w.swarm.dropMessage) {
		return
	}
	w.after(w.delay(), func() { r.client.hear(r.op, result) })
}

func (c *client) hear(o *op, result ticketing.Result) {
	w := c.w
	if c.op != o {
		return // heard before
	}
	if result.Code == ticketing.CodeUnavailable || result.Code == ticketing.CodeBusy {
		asked := o.asked
		w.after(w.between(100, second), func() {
			if c.op == o && o.asked == asked {
				c.ask()
			}
		})
		return
	}
	if v := result.Reservation; result.Code == ticketing.OK && v.ID.Number != 0 {
		if _, known := c.acc.payment[v.ID.Number]; !known && v.User == c.acc.user {
			c.acc.numbers = append(c.acc.numbers, v.ID.Number)
		}
		if v.User == c.acc.user {
			c.acc.payment[v.ID.Number] = v
		}
	}
	c.op = nil
	c.done++
	w.after(w.between(50, 2*second), c.begin)
}

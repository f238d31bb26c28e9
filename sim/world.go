package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"

	"ticketblue/ticketing"
)

// ms is simulated true time in milliseconds since the start. No node sees it: each has a clock of its own.
type ms int64

const (
	second = ms(1000)
	minute = 60 * second

	epoch = ticketing.Millis(1_800_000_000_000) // wall time at 0
)

// plant is a bug that can be switched on.
type plant int

const (
	nothing         plant = iota
	noFence               // the journal takes every chunk
	earlyAck              // answers leave before their events are durable
	noOwnershipTest       // a node that has lost the round keeps answering
	noSuccessorWait       // a node serves as soon as it has the lock
	noBarrier             // an activation serves from what it loaded
	noIdempotency         // a repeated request is a new request
	timersForgotten       // an activation after a failure arms no timer
	unknownIsYes          // an unknown commit counts as landed
	viewBehind            // the durable view answers although it has not caught up
)

// swarm is what one seed draws: sizes and how often things go wrong. Chances are per occasion.
type swarm struct {
	seats, nodes, users int
	chaos               ms // how long things go wrong
	hold, pay           ms
	limit               int
	snapshotEvery       uint64
	idleAfter           ms
	skew                ms // of wall clocks, either way
	lyingLease          bool

	dropMessage, dupMessage, slowMessage float64
	lostBefore, lostAfter, stall         float64 // a statement: never lands; lands and its answer is lost; lands late
	loadFails                            float64
	killEvery, pauseEvery, cutEvery      ms // mean; 0 never
	drainEvery                           ms
}

func drawSwarm(r *rand.Rand) swarm {
	some := func(max float64) float64 { // often none at all
		if r.IntN(3) == 0 {
			return 0
		}
		return r.Float64() * max
	}
	every := func() ms {
		if r.IntN(3) == 0 {
			return 0
		}
		return 5*second + ms(r.Int64N(int64(40*second)))
	}
	return swarm{
		seats: 6 + r.IntN(20), nodes: 2 + r.IntN(2), users: 3 + r.IntN(6),
		chaos: 40*second + ms(r.Int64N(int64(2*minute))),
		hold:  5*second + ms(r.Int64N(int64(40*second))), pay: 5*second + ms(r.Int64N(int64(40*second))),
		limit:         1 + r.IntN(5),
		snapshotEvery: []uint64{3, 10, 40, 10_000}[r.IntN(4)],
		idleAfter:     []ms{2 * second, 20 * second, 5 * minute}[r.IntN(3)],
		skew:          ms(r.Int64N(800)),
		lyingLease:    r.IntN(5) == 0,
		dropMessage:   some(0.1), dupMessage: some(0.2), slowMessage: some(0.05),
		lostBefore: some(0.05), lostAfter: some(0.05), stall: some(0.15), loadFails: some(0.2),
		killEvery: every(), pauseEvery: every(), cutEvery: every(), drainEvery: every(),
	}
}

// world is one history in the making.
type world struct {
	seed    uint64
	rng     *rand.Rand
	swarm   swarm
	planted plant
	now     ms
	agenda  agenda
	count   uint64
	calm    bool // the faults are over
	closing bool // clients begin nothing new

	plan    *ticketing.Plan
	terms   ticketing.Terms
	counter *counter         // what is sold is coupons of a campaign; nil: seats of a round
	stream  ticketing.Stream // round:1 or campaign:1
	journal *journal
	lock    lock
	nodes   []*process
	clients []*client
	auditor *auditor
	trace   hash.Hash
	tally   tally
	log     func(format string, args ...any) // nil: silent
}

// tally counts what happened, to see that things did.
type tally struct {
	steps, kills, pauses, cuts, drains       int
	unknown, fenced, landedLate, activations int
	yes, refused, unavailable, replayed      int
	snapshots, passivated, viewed            int
}

func newWorld(seed uint64, planted plant) *world { return newWorldOf(seed, planted, false) }

// newWorldOf is a world in which seats are sold, or coupons claimed.
func newWorldOf(seed uint64, planted plant, coupons bool) *world {
	w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 0x7b)), planted: planted, trace: sha256.New(), stream: "round:1"}
	w.swarm = drawSwarm(w.rng)
	plan, err := ticketing.PlainPlan(w.swarm.seats)
	if err != nil {
		panic(err)
	}
	w.plan = plan
	w.terms = ticketing.Terms{
		Prices: []ticketing.KRW{1000}, OpensAt: epoch + ticketing.Millis(w.rng.Int64N(int64(20*second))),
		ClosesAt: epoch + ticketing.Millis(30*minute), StartsAt: epoch + ticketing.Millis(40*minute),
		HoldMillis: ticketing.Millis(w.swarm.hold), PayMillis: ticketing.Millis(w.swarm.pay), MaxPerUser: w.swarm.limit,
	}
	if w.rng.IntN(4) == 0 { // closes in the middle of it
		w.terms.ClosesAt = w.terms.OpensAt + ticketing.Millis(w.swarm.chaos)/2
	}
	w.auditor = newAuditor(w)
	if coupons {
		w.counter, w.stream = newCounter(w), "campaign:1"
	}
	w.journal = newJournal(w)
	for id := range w.swarm.nodes {
		w.nodes = append(w.nodes, newProcess(w, id))
	}
	for user := range w.swarm.users {
		for range 1 + w.rng.IntN(2) { // sessions share their user's keys
			w.clients = append(w.clients, newClient(w, ticketing.UserID(user+1)))
		}
	}
	w.beginFaults()
	return w
}

// run plays the history: chaos, then calm until everything must have settled.
func (w *world) run() error {
	w.until(w.swarm.chaos)
	w.calm = true
	for _, p := range w.nodes {
		p.pausedUntil = 0
	}
	w.until(w.now + 40*second) // what is on its way, and what is asked again
	w.closing = true
	w.until(w.now + 20*second)
	w.auditor.answered()
	// Nobody asks any more: only timers and the waker are left.
	w.until(w.now + w.swarm.hold + w.swarm.pay + 30*second)
	w.auditor.settled()
	return w.auditor.err
}

func (w *world) until(end ms) {
	for len(w.agenda) > 0 && w.auditor.err == nil && w.agenda[0].at <= end {
		next := w.agenda.pop()
		w.now = next.at
		w.tally.steps++
		next.do()
	}
	w.now = max(w.now, end)
}

// after does something later; what happens in the same millisecond happens in random order.
func (w *world) after(d ms, do func()) {
	w.count++
	w.agenda.push(appointment{at: w.now + max(d, 0), tie: w.rng.Uint32(), n: w.count, do: do})
}

func (w *world) chance(p float64) bool { return p > 0 && !w.calm && w.rng.Float64() < p }

// between is a random duration.
func (w *world) between(from, to ms) ms { return from + ms(w.rng.Int64N(int64(to-from)+1)) }

// delay is a message's way through the network.
func (w *world) delay() ms {
	if w.chance(w.swarm.slowMessage) {
		return w.between(second, 40*second)
	}
	return w.between(0, 20)
}

// mark writes what happened into the history's hash.
func (w *world) mark(kind byte, values ...uint64) {
	buf := make([]byte, 0, 80)
	buf = append(buf, kind)
	buf = binary.BigEndian.AppendUint64(buf, uint64(w.now))
	for _, v := range values {
		buf = binary.BigEndian.AppendUint64(buf, v)
	}
	w.trace.Write(buf)
}

func (w *world) say(format string, args ...any) {
	if w.log != nil {
		w.log("%8.3f %s", float64(w.now)/1000, fmt.Sprintf(format, args...))
	}
}

// beginFaults starts what goes wrong by itself.
func (w *world) beginFaults() {
	w.every(w.swarm.killEvery, func(p *process) { p.kill() })
	w.every(w.swarm.pauseEvery, func(p *process) { p.pause(w.between(100, 10*second)) })
	w.every(w.swarm.cutEvery, func(p *process) { p.cut() })
	w.every(w.swarm.drainEvery, func(p *process) { p.drain() })
}

func (w *world) every(mean ms, hit func(*process)) {
	if mean == 0 {
		return
	}
	w.after(w.between(mean/2, mean*3/2), func() {
		if !w.calm {
			hit(w.nodes[w.rng.IntN(len(w.nodes))])
			w.every(mean, hit)
		}
	})
}

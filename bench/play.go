package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/load"
)

// Workloads of bench run.
const (
	workloadSpread  = "spread"
	workloadHot     = "hot"
	workloadSoldOut = "soldout"
	workloadMap     = "map"
	workloadMixed   = "mixed"
)

// What they are made of.
const (
	leastParty      = 2    // seats of an order, at least
	spreadConflicts = 0.1  // share of orders for seats that are gone
	hotConflicts    = 0.9  // ten requests for every order that can be granted
	mapReads        = 0.95 // share of seat maps among a map workload's requests
	soldOutShots    = 200_000
	etags           = 64 // readers of seat maps who each remember what they have seen
)

// shot is one request of a workload.
type shot struct {
	sale     *sale
	customer int
	block    load.Block
	look     bool // reads the seat map instead
}

// play is a workload on a server that is ready for it.
type play struct {
	shots   []shot
	endless bool // start again after the last shot
	workers int
	next    int // shots fired

	answers *load.Meter // of all shots
	reads   *load.Meter // of seat maps
	etags   [etags]atomic.Pointer[string]
	pay     *payer // of some of what is granted; nil: nobody pays

	mu     sync.Mutex
	yes    []yes
	unsure []int // shots without a final answer
}

// yes is kept as it came and read after the run: reading it is no part of the load.
type yes struct {
	shot   int
	answer client.Answer
}

// stages are the rounds of a workload.
type stages struct {
	spread []*sale // many
	hot    *sale   // the one that everybody wants
	gone   *sale   // sold out before it begins
}

func (s stages) all() []*sale {
	all := slices.Clone(s.spread)
	for _, one := range []*sale{s.hot, s.gone} {
		if one != nil {
			all = append(all, one)
		}
	}
	return all
}

// write fills in the shots.
func (p *play) write(workload string, on stages, rng *rand.Rand) error {
	var spread, hot []shot
	var err error
	if len(on.spread) > 0 {
		spread, err = contest(on.spread, spreadConflicts, rng)
	}
	if on.hot != nil && err == nil {
		conflicts := hotConflicts
		if workload == workloadMap {
			conflicts = 0
		}
		hot, err = contest([]*sale{on.hot}, conflicts, rng)
	}
	if err != nil {
		return err
	}
	switch workload {
	case workloadSpread:
		p.shots = spread
	case workloadHot:
		p.shots = hot
	case workloadSoldOut:
		p.shots, p.endless = refusals(on.gone, soldOutShots, rng), true
	case workloadMap:
		reads := int(float64(len(hot)) * mapReads / (1 - mapReads))
		p.shots = load.Weave(rng, hot, looks(on.hot, reads))
	case workloadMixed:
		// Half spread, a fifth hot, a fifth reads, a tenth refused by a round that is gone.
		tenth := min(len(spread)/5, len(hot)/2)
		p.shots = load.Weave(rng, spread[:5*tenth], hot[:2*tenth], looks(on.hot, 2*tenth), refusals(on.gone, tenth, rng))
	}
	return nil
}

func contest(sales []*sale, conflicts float64, rng *rand.Rand) ([]shot, error) {
	lists := make([][]shot, len(sales))
	for i, s := range sales {
		wishes, err := load.Contest{Least: leastParty, Conflicts: conflicts}.Wishes(s.joins, len(s.tokens), rng)
		if err != nil {
			return nil, err
		}
		for _, w := range wishes {
			// Every round has other buyers, so that all customers are about equally busy.
			customer := (w.Customer + i*len(s.tokens)/len(sales)) % len(s.tokens)
			lists[i] = append(lists[i], shot{sale: s, customer: customer, block: w.Block})
		}
	}
	return load.Weave(rng, lists...), nil
}

// refusals are orders for seats of a round that has been sold out. None of them is granted.
func refusals(s *sale, n int, rng *rand.Rand) []shot {
	blocks := load.Contest{Least: leastParty}.Blocks(s.joins, rng)
	buyers := len(s.labels) / leastParty // at most; their own seats would not be refused
	shots := make([]shot, n)
	for i := range shots {
		shots[i] = shot{sale: s, customer: buyers + i%(len(s.tokens)-buyers), block: blocks[i%len(blocks)]}
	}
	return shots
}

func looks(s *sale, n int) []shot {
	shots := make([]shot, n)
	for i := range shots {
		shots[i] = shot{sale: s, look: true}
	}
	return shots
}

// left is how many shots there are before the workload has used its seats up.
func (p *play) left() int {
	if p.endless {
		return maxNoops
	}
	return len(p.shots) - p.next
}

func (p *play) key(i int) string { return p.shots[i%len(p.shots)].sale.run + "-" + strconv.Itoa(i) }

// ask fires shot i.
func (p *play) ask(i int) load.Outcome {
	s := p.shots[i%len(p.shots)]
	if s.look {
		return p.look(s.sale, i)
	}
	outcome := s.sale.order(s.customer, s.block, p.key(i), func(_ int, _ load.Block, _ string, a client.Answer) load.Outcome {
		p.mu.Lock()
		p.yes = append(p.yes, yes{i, a})
		p.mu.Unlock()
		if p.pay != nil {
			p.pay.pay(s.sale, s.customer, a)
		}
		return load.Outcome{}
	})
	return outcome
}

// look reads the map as a page does that has seen an older one.
func (p *play) look(s *sale, i int) load.Outcome {
	begin := time.Now()
	known := &p.etags[i%etags]
	r := client.Request{Method: "GET", Path: s.path() + "/seats"}
	if had := known.Load(); had != nil {
		r.ETag = *had
	}
	answer, err := s.client.Do(r)
	code := "connection"
	switch {
	case err != nil:
	case answer.Status == 200:
		known.Store(&answer.ETag)
		code = "map"
	case answer.Status == 304:
		code = "map_unchanged"
	case answer.Again():
		code = answer.QuickCode()
	default:
		code = s.surprise(answer.Code()).Code
	}
	p.reads.Answer(load.Sample{End: time.Since(begin), Code: code})
	return load.Outcome{Code: code}
}

// closed fires shots for a while, each as soon as one before it is answered, and tells how long it took.
func (p *play) closed(ctx context.Context, d time.Duration) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	opened, first := time.Now(), p.next
	p.next += load.Each(ctx, p.workers, p.left(), func(i int) {
		begin := time.Since(opened)
		p.answers.Sent()
		outcome := p.ask(first + i)
		p.answers.Answer(load.Sample{Intended: begin, Begin: begin, End: time.Since(opened), Code: outcome.Code})
		if outcome.Again {
			p.doubt(first + i)
		}
	})
	return time.Since(opened)
}

// open fires shots for a while at times that do not depend on answers, and tells how long it took.
func (p *play) open(ctx context.Context, into *load.Meter, d time.Duration, rate float64, rng *rand.Rand) (took time.Duration, late int) {
	opened, first := time.Now(), p.next
	n := min(int(rate*d.Seconds()), p.left())
	p.next += n
	crowd := &load.Crowd{
		Workers: p.workers, Offsets: load.Schedule(load.Steady, n, rate, rng), Retry: load.Retry{Tries: 1},
		Asked: into, Looked: load.NewMeter(), Ask: func(i int) load.Outcome { return p.ask(first + i) },
	}
	report := crowd.Run(ctx)
	for _, i := range report.GaveUp {
		p.doubt(first + i)
	}
	return time.Since(opened), report.Late
}

func (p *play) doubt(i int) {
	p.mu.Lock()
	p.unsure = append(p.unsure, i)
	p.mu.Unlock()
}

// settle asks again for what was never answered, with the same keys, and then reads every yes. It returns the keys
// that never got a final answer.
func (p *play) settle(ctx context.Context) []string {
	p.pay = nil // nobody would wait any more for what follows
	unsure := p.unsure
	var unanswered []string
	for _, at := range load.Insist(ctx, p.workers, len(unsure), load.DefaultRetry, func(at int) load.Outcome {
		return p.ask(unsure[at])
	}) {
		unanswered = append(unanswered, p.key(unsure[at]))
	}
	for _, y := range p.yes {
		s := p.shots[y.shot%len(p.shots)]
		s.sale.granted(s.customer, s.block, p.key(y.shot), y.answer)
	}
	return unanswered
}

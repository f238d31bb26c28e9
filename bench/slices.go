package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/judge"
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// measuring is one measurement under way.
type measuring struct {
	*Run
	target string
	client *client.Client
	server serverFile
	rng    *rand.Rand
	on     stages
	play   *play
	into   *report.Measured
}

// measure prepares a new server, loads it and judges it.
func (r *Run) measure(ctx context.Context, n int, target string, b binary, progress *report.Progress, into *report.Measured) error {
	c, err := client.New(target, r.Connections, r.Timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	server, err := readServerFile(b.data)
	if err != nil {
		return err
	}
	m := &measuring{Run: r, target: target, client: c, server: server, rng: rand.New(rand.NewPCG(r.Seed, uint64(n))), into: into}
	progress.Step("prepare", nil)
	if err := m.prepare(ctx, b); err != nil {
		return err
	}
	watchers, closeAll, err := m.watch(ctx, target)
	if err != nil {
		return err
	}
	defer closeAll()
	m.play.answers.Open(time.Now())
	progress.Step("load", func() report.View { return report.View{Now: m.play.answers.Now(), Attempts: len(m.play.shots)} })
	if err := m.alternate(ctx, n == 0); err != nil {
		return err
	}
	into.Crowd, into.Reads = m.play.answers.Summary(), m.play.reads.Summary()
	if m.HalfOfPeak {
		progress.Step("half of peak", nil)
		if err := m.halfOfPeak(ctx); err != nil {
			return err
		}
	}
	progress.Step("judge", nil)
	unanswered := m.play.settle(ctx)
	if len(watchers) > 0 {
		if err := m.compareMaps(ctx, watchers); err != nil {
			return err
		}
	}
	return m.judge(ctx, b, unanswered)
}

// prepare makes customers, halls and rounds, and sells out what is to be sold out.
func (m *measuring) prepare(ctx context.Context, b binary) error {
	run := "run-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	email := run + "@bench.example"
	password, err := b.admin(ctx, email)
	if err != nil {
		return err
	}
	admin, err := logIn(ctx, m.client, email, password)
	if err != nil {
		return err
	}
	tokens, err := b.customers(ctx, m.customers())
	if err != nil {
		return err
	}
	open := func(rounds, seats int) ([]*sale, error) {
		sts, err := setStages(ctx, m.client, admin, terms{seats: seats, rounds: rounds, perUser: runPerUser, free: m.pay != nil})
		if err != nil {
			return nil, err
		}
		base, err := newSale(sts[0], m.client, tokens, run, nil)
		if err != nil {
			return nil, err
		}
		base.best = m.Best
		base.stop = func(error) {} // acks are in memory: they cannot fail
		sales := make([]*sale, len(sts))
		for i, st := range sts {
			acks, err := newAckLog("")
			if err != nil {
				return nil, err
			}
			sales[i] = base.of(st, acks)
		}
		return sales, nil
	}
	if m.Workload == workloadSpread || m.Workload == workloadMixed {
		if m.on.spread, err = open(m.Rounds, m.seats(spreadSeats)); err != nil {
			return err
		}
	}
	if m.Workload != workloadSpread {
		var single []*sale
		if m.Workload == workloadMixed {
			single, err = open(2, m.seats(hotSeats))
		} else {
			single, err = open(1, m.seats(hotSeats))
		}
		if err != nil {
			return err
		}
		if m.Workload != workloadSoldOut {
			m.on.hot = single[0]
		}
		if m.Workload == workloadSoldOut || m.Workload == workloadMixed {
			m.on.gone = single[len(single)-1]
		}
	}
	return m.rehearse(ctx)
}

// rehearse writes the workload, sells out the round that is to be gone, and shows the server every customer once.
func (m *measuring) rehearse(ctx context.Context) error {
	m.play = &play{workers: m.Connections, answers: load.NewMeter(), reads: load.NewMeter(), pay: m.pay}
	if err := m.play.write(m.Workload, m.on, m.rng); err != nil {
		return err
	}
	if m.on.gone != nil {
		shots, err := contest([]*sale{m.on.gone}, 0, m.rng)
		if err != nil {
			return err
		}
		left := load.Insist(ctx, m.Connections, len(shots), load.DefaultRetry, func(i int) load.Outcome {
			s := shots[i]
			return s.sale.reserve(s.customer, s.block, s.sale.key("before", i))
		})
		if len(left) > 0 {
			return fmt.Errorf("%d orders could not be made before the load", len(left))
		}
		if _, err := drain(ctx, m.on.all(), m.server.OpsURL); err != nil {
			return err
		}
	}
	s := m.on.all()[0]
	s.warmUp(ctx, m.Connections, m.everybody())
	return nil
}

// everybody is one order of each customer.
func (m *measuring) everybody() []load.Wish {
	s := m.on.all()[0]
	blocks := load.Contest{Least: leastParty}.Blocks(s.joins, m.rng)
	wishes := make([]load.Wish, len(s.tokens))
	for i := range wishes {
		wishes[i] = load.Wish{Customer: i, Block: blocks[i%len(blocks)], First: true}
	}
	return wishes
}

// alternate measures no-op, load, no-op, load, ..., no-op. Between load and no-op everything catches up, so that the
// no-op has the machine for itself and what follows a reservation is never paid by it.
func (m *measuring) alternate(ctx context.Context, first bool) error {
	wishes := m.everybody()
	var loaded usage
	if err := m.noop(ctx, wishes); err != nil {
		return err
	}
	for n := 0; n < m.slices() && m.play.left() > 0 && ctx.Err() == nil; n++ {
		finishProfile, err := m.profiled(ctx, first && n <= 1) // the second is warm, if there is one
		if err != nil {
			return err
		}
		before, own := usageOf(m.server.PID), cpuSeconds()
		began := m.play.next
		end, err := m.turn(n)
		if err != nil {
			return err
		}
		took := m.slice(ctx, m.Slice)
		if err := end(); err != nil {
			return err
		}
		m.into.Rates = append(m.into.Rates, float64(m.play.next-began)/took.Seconds())
		m.into.GeneratorCPU += cpuSeconds() - own
		late, err := drain(ctx, m.on.all(), m.server.OpsURL)
		if err != nil {
			return err
		}
		loaded = loaded.plus(usageOf(m.server.PID).since(before))
		m.into.Seconds += took.Seconds()
		m.into.ProjectionsLate = append(m.into.ProjectionsLate, late.projections)
		m.into.RelayLate = append(m.into.RelayLate, late.relay)
		if err := finishProfile(); err != nil {
			return err
		}
		m.play.answers.Pause()
		if err := m.noop(ctx, wishes); err != nil {
			return err
		}
	}
	m.into.ServerCPU, m.into.PostgresCPU, m.into.RedisCPU = loaded.Server, loaded.Postgres, loaded.Redis
	return context.Cause(ctx)
}

// turn begins a slice that something is done to, and returns what ends that.
func (m *measuring) turn(n int) (end func() error, err error) {
	if m.disturb == nil {
		return func() error { return nil }, nil
	}
	return m.disturb(m.target, n)
}

// slices is how many slices of load there are.
func (m *measuring) slices() int { return max(1, int(math.Round(m.Seconds/m.Slice.Seconds()))) }

func (m *measuring) slice(ctx context.Context, d time.Duration) time.Duration {
	if m.Rate == 0 {
		return m.play.closed(ctx, d)
	}
	took, late := m.play.open(ctx, m.play.answers, d, m.Rate, m.rng)
	m.into.Late += late
	return took
}

func (m *measuring) noop(ctx context.Context, wishes []load.Wish) error {
	sum, took, err := m.on.all()[0].doNothing(ctx, m.Connections, cmp.Or(m.Noop, m.Slice), wishes)
	if err == nil && took > 0 {
		m.into.Noops = append(m.into.Noops, float64(sum.Codes[load.Granted])/took.Seconds())
	}
	return err
}

// watch opens the viewers of the hot round.
func (m *measuring) watch(ctx context.Context, target string) ([]*watcher, func(), error) {
	if m.Workload != workloadMap && m.Workload != workloadMixed || m.Viewers == 0 {
		return nil, func() {}, nil
	}
	address, err := url.Parse(target)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	watchers, gone, err := openWatchers(ctx, address.Host, m.on.hot.stage, m.Viewers, m.Connections, time.Now())
	end := sync.OnceFunc(func() { cancel(); gone.Wait() })
	if err != nil {
		end()
		return nil, nil, err
	}
	return watchers, end, nil
}

// compareMaps waits until every viewer sees the map as it is.
func (m *measuring) compareMaps(ctx context.Context, watchers []*watcher) (err error) {
	round, err := m.on.hot.status(m.client)
	if err != nil {
		return err
	}
	m.into.WrongMaps, err = settleWatchers(ctx, m.client, m.on.hot.stage, watchers, round.Seq, m.Settle)
	for _, w := range watchers {
		w.mu.Lock()
		m.into.ViewerEvents += len(w.seen)
		w.mu.Unlock()
	}
	return err
}

// judge judges every round and adds the verdicts up.
func (m *measuring) judge(ctx context.Context, b binary, unanswered []string) error {
	audits, err := b.audits(ctx)
	if err != nil {
		return err
	}
	for i, s := range m.on.all() {
		api, err := s.evidence(ctx, m.Connections)
		if err != nil {
			return err
		}
		c := judge.Case{
			MaxPerUser: runPerUser, Acks: s.acks.all(), Unexpected: s.surprises(), API: api, Audit: audits.of(s.round),
		}
		if i == 0 {
			c.Unanswered = slices.Clone(unanswered)
		} else {
			c.Audit.OK, c.Audit.Problems = true, nil // once is enough
		}
		m.into.Verdict.Add(judge.Judge(c))
	}
	if !m.into.Verdict.Pass() || m.into.WrongMaps > 0 {
		return errFailed
	}
	return nil
}

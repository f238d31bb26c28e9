package api

import (
	"context"
	"sync"

	"ticketblue/ticketing"
)

// fakeSales runs the real machines behind one mutex.
type fakeSales struct {
	mu     sync.Mutex
	clock  *clock
	rounds map[ticketing.Stream]ticketing.Machine
	asleep bool                                                                                   // no machine is in memory: nothing is known without asking
	before func(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) *ticketing.Result // may answer itself
}

func (f *fakeSales) Do(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	if f.before != nil {
		if r := f.before(ctx, s, cmd); r != nil {
			return *r
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	round, found := f.rounds[s]
	if !found {
		return ticketing.Result{Code: ticketing.CodeNotFound}
	}
	_, result := ticketing.Act(round, cmd, ticketing.MillisOf(f.clock.Now()))
	return result
}

// Durable implements Sales.
func (f *fakeSales) Durable(s ticketing.Stream) (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	round, found := f.rounds[s]
	if !found || f.asleep {
		return 0, false
	}
	due := round.NextDeadline()
	return round.Seq(), due == 0 || due > ticketing.MillisOf(f.clock.Now())
}

// state is everything the machines know, to see that nothing has changed.
func (f *fakeSales) state() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := ""
	for s, m := range f.rounds {
		all += string(s) + string(m.Snapshot())
	}
	return all
}

type fakeAccounts struct {
	mu    sync.Mutex
	users []ticketing.User
}

func (f *fakeAccounts) CreateUser(_ context.Context, u ticketing.User) (ticketing.UserID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, other := range f.users {
		if other.Email == u.Email {
			return 0, ticketing.ErrEmailTaken
		}
	}
	u.ID = ticketing.UserID(len(f.users) + 1)
	f.users = append(f.users, u)
	return u.ID, nil
}

func (f *fakeAccounts) UserByEmail(_ context.Context, email string) (ticketing.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, u := range f.users {
		if u.Email == email {
			return u, nil
		}
	}
	return ticketing.User{}, ticketing.ErrNotFound
}

func (f *fakeAccounts) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.users)
}

type fakeCatalogue struct {
	mu           sync.Mutex
	sales        *fakeSales
	halls        []ticketing.Hall
	performances []ticketing.Performance
	rounds       []ticketing.RoundInfo
	plans        map[ticketing.Hash]*ticketing.Plan
	broken       error // what Performances and Round answer, if set
	roundsRead   int
}

func newFakeCatalogue(s *fakeSales) *fakeCatalogue {
	return &fakeCatalogue{sales: s, plans: map[ticketing.Hash]*ticketing.Plan{}}
}

func at[T any](list []T, id int64) (T, error) {
	var none T
	if id < 1 || id > int64(len(list)) {
		return none, ticketing.ErrNotFound
	}
	return list[id-1], nil
}

func (f *fakeCatalogue) CreateHall(_ context.Context, name string, plan *ticketing.Plan) (ticketing.Hall, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans[plan.Hash()] = plan
	hall := ticketing.Hall{ID: int64(len(f.halls) + 1), Name: name, PlanHash: plan.Hash(), Seats: len(plan.Seats)}
	f.halls = append(f.halls, hall)
	return hall, nil
}

func (f *fakeCatalogue) Hall(_ context.Context, id int64) (ticketing.Hall, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return at(f.halls, id)
}

func (f *fakeCatalogue) CreatePerformance(_ context.Context, p ticketing.Performance) (ticketing.Performance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.ID = int64(len(f.performances) + 1)
	f.performances = append(f.performances, p)
	return p, nil
}

func (f *fakeCatalogue) Performance(_ context.Context, id int64) (ticketing.Performance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return at(f.performances, id)
}

func (f *fakeCatalogue) Performances(_ context.Context, after int64, limit int) ([]ticketing.Performance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	rest := f.performances[min(int(after), len(f.performances)):]
	return rest[:min(limit, len(rest))], nil
}

func (f *fakeCatalogue) CreateRound(_ context.Context, r ticketing.RoundInfo) (ticketing.RoundInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.ID = ticketing.RoundID(len(f.rounds) + 1)
	f.rounds = append(f.rounds, r)
	machine, err := plannedRound(f.plans[r.PlanHash], r, ticketing.MillisOf(f.sales.clock.Now()))
	if err != nil {
		return r, err
	}
	f.sales.mu.Lock()
	defer f.sales.mu.Unlock()
	f.sales.rounds[ticketing.RoundStream(r.ID)] = machine
	return r, nil
}

// plannedRound is a round's machine as the owner would load it: from the first chunk of its stream.
func plannedRound(plan *ticketing.Plan, r ticketing.RoundInfo, now ticketing.Millis) (ticketing.Machine, error) {
	planned := ticketing.Event{At: now, Fact: ticketing.RoundPlanned{Plan: r.PlanHash, Terms: r.Terms}}
	payload := ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, []ticketing.Event{planned}))
	return ticketing.Restore(ticketing.RoundStream(r.ID), ticketing.History{
		Plan: plan, Tail: []ticketing.Chunk{{From: 1, To: 1, Payload: payload}}, Head: ticketing.Head{From: 1, To: 1},
	})
}

func (f *fakeCatalogue) Round(_ context.Context, id ticketing.RoundID) (ticketing.RoundInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.roundsRead++
	if f.broken != nil {
		return ticketing.RoundInfo{}, f.broken
	}
	return at(f.rounds, int64(id))
}

func (f *fakeCatalogue) RoundsOf(_ context.Context, performance int64) ([]ticketing.RoundInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []ticketing.RoundInfo
	for _, r := range f.rounds {
		if r.PerformanceID == performance {
			found = append(found, r)
		}
	}
	return found, nil
}

func (f *fakeCatalogue) Plan(_ context.Context, hash ticketing.Hash) (*ticketing.Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	plan, found := f.plans[hash]
	if !found {
		return nil, ticketing.ErrNotFound
	}
	return plan, nil
}

package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"ticketblue/ticketing"
)

// fakeCatalogue keeps the catalogue in memory. It knows what is there and which version, and none of the rules that
// the real one checks in its transactions: those are tested where the real one is.
type fakeCatalogue struct {
	mu           sync.Mutex
	sales        *fakeSales
	halls        []ticketing.Hall
	performers   []ticketing.Performer
	performances []ticketing.Performance
	rounds       []ticketing.RoundInfo
	reviews      []ticketing.Review
	links        [][2]int64 // performance, performer
	plans        map[ticketing.Hash]*ticketing.Plan
	broken       error // what Performances and Round answer, if set
	refuse       error // what changes answer, if set
	roundsRead   int
}

func newFakeCatalogue(s *fakeSales) *fakeCatalogue {
	return &fakeCatalogue{sales: s, plans: map[ticketing.Hash]*ticketing.Plan{}}
}

// at is the thing with an id, which is its place from 1; what was deleted is zero there.
func at[T any](list []T, id int64, there func(T) bool) (T, error) {
	var none T
	if id < 1 || id > int64(len(list)) || !there(list[id-1]) {
		return none, ticketing.ErrNotFound
	}
	return list[id-1], nil
}

func isHall(h ticketing.Hall) bool               { return h.ID != 0 }
func isPerformer(p ticketing.Performer) bool     { return p.ID != 0 }
func isPerformance(p ticketing.Performance) bool { return p.ID != 0 }
func isRound(r ticketing.RoundInfo) bool         { return r.ID != 0 }

// expect is the version check.
func (f *fakeCatalogue) expect(was, expected int64) error {
	if f.refuse != nil {
		return f.refuse
	}
	if expected != ticketing.AnyVersion && expected != was {
		return &ticketing.Refusal{Code: ticketing.CodeChangedMeanwhile}
	}
	return nil
}

// rest is up to limit of a list after a place, without what was deleted.
func rest[T any](list []T, limit int, there func(T) bool) []T {
	left := slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !there(v) })
	return left[:min(limit, len(left))]
}

func (f *fakeCatalogue) CreateHall(_ context.Context, h ticketing.Hall, plan *ticketing.Plan) (ticketing.Hall, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans[plan.Hash()] = plan
	h.ID, h.PlanHash, h.Seats, h.PlanVersion, h.Version = int64(len(f.halls)+1), plan.Hash(), len(plan.Seats), 1, 1
	f.halls = append(f.halls, h)
	return h, nil
}

func (f *fakeCatalogue) UpdateHall(_ context.Context, h ticketing.Hall, plan *ticketing.Plan) (ticketing.Hall, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.halls, h.ID, isHall)
	if err == nil {
		err = f.expect(was.Version, h.Version)
	}
	if err != nil {
		return was, err
	}
	was.Name, was.Address, was.Version = h.Name, h.Address, was.Version+1
	if plan != nil {
		f.plans[plan.Hash()] = plan
		was.PlanHash, was.Seats, was.PlanVersion = plan.Hash(), len(plan.Seats), was.PlanVersion+1
	}
	f.halls[h.ID-1] = was
	return was, nil
}

func (f *fakeCatalogue) DeleteHall(_ context.Context, id, version int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.halls, id, isHall)
	if err == nil {
		err = f.expect(was.Version, version)
	}
	if err == nil {
		f.halls[id-1] = ticketing.Hall{}
	}
	return err
}

func (f *fakeCatalogue) Hall(_ context.Context, id int64) (ticketing.Hall, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return at(f.halls, id, isHall)
}

func (f *fakeCatalogue) Halls(_ context.Context, after int64, limit int) ([]ticketing.Hall, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return rest(f.halls, limit, func(h ticketing.Hall) bool { return h.ID > after }), nil
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

func (f *fakeCatalogue) CreatePerformer(_ context.Context, p ticketing.Performer) (ticketing.Performer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.ID, p.Version = int64(len(f.performers)+1), 1
	f.performers = append(f.performers, p)
	return p, nil
}

func (f *fakeCatalogue) UpdatePerformer(_ context.Context, p ticketing.Performer) (ticketing.Performer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.performers, p.ID, isPerformer)
	if err == nil {
		err = f.expect(was.Version, p.Version)
	}
	if err != nil {
		return was, err
	}
	p.Version = was.Version + 1
	f.performers[p.ID-1] = p
	return p, nil
}

func (f *fakeCatalogue) DeletePerformer(_ context.Context, id, version int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.performers, id, isPerformer)
	if err == nil {
		err = f.expect(was.Version, version)
	}
	if err == nil {
		f.performers[id-1] = ticketing.Performer{}
	}
	return err
}

func (f *fakeCatalogue) Performer(_ context.Context, id int64) (ticketing.Performer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return at(f.performers, id, isPerformer)
}

func (f *fakeCatalogue) Performers(_ context.Context, q ticketing.PerformerFilter, after ticketing.PerformerCursor, limit int) ([]ticketing.Performer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return rest(f.performers, limit, func(p ticketing.Performer) bool {
		return p.ID > after.ID && strings.HasPrefix(p.Name, q.Prefix) && strings.Contains(p.Name, q.Contains)
	}), nil
}

func (f *fakeCatalogue) PerformersOf(_ context.Context, performance, after int64, limit int) ([]ticketing.Performer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := at(f.performances, performance, isPerformance); err != nil {
		return nil, err
	}
	return rest(f.performers, limit, func(p ticketing.Performer) bool {
		return p.ID > after && slices.Contains(f.links, [2]int64{performance, p.ID})
	}), nil
}

func (f *fakeCatalogue) LinkPerformer(_ context.Context, performance, performer int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := at(f.performances, performance, isPerformance); err != nil {
		return err
	}
	if _, err := at(f.performers, performer, isPerformer); err != nil {
		return &ticketing.Invalid{Field: "performer_id", Want: "the id of a performer"}
	}
	if slices.Contains(f.links, [2]int64{performance, performer}) {
		return &ticketing.Refusal{Code: ticketing.CodeAlreadyLinked}
	}
	f.links = append(f.links, [2]int64{performance, performer})
	return nil
}

func (f *fakeCatalogue) UnlinkPerformer(_ context.Context, performance, performer int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.Index(f.links, [2]int64{performance, performer})
	if i < 0 {
		return ticketing.ErrNotFound
	}
	f.links = slices.Delete(f.links, i, i+1)
	return nil
}

func (f *fakeCatalogue) CreatePerformance(_ context.Context, p ticketing.Performance) (ticketing.Performance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.ID, p.Version = int64(len(f.performances)+1), 1
	f.performances = append(f.performances, p)
	return p, nil
}

func (f *fakeCatalogue) UpdatePerformance(_ context.Context, p ticketing.Performance, reprice func(ticketing.RoundInfo) error) (ticketing.Performance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.performances, p.ID, isPerformance)
	if err == nil {
		err = f.expect(was.Version, p.Version)
	}
	for _, r := range f.rounds {
		if err == nil && r.PerformanceID == p.ID {
			err = reprice(r)
		}
	}
	if err != nil {
		return was, err
	}
	p.Version = was.Version + 1
	f.performances[p.ID-1] = p
	return p, nil
}

func (f *fakeCatalogue) DeletePerformance(_ context.Context, id, version int64, drop func([]ticketing.RoundInfo) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.performances, id, isPerformance)
	if err == nil {
		err = f.expect(was.Version, version)
	}
	if err == nil {
		err = drop(f.roundsOf(id))
	}
	if err == nil {
		f.performances[id-1] = ticketing.Performance{}
	}
	return err
}

func (f *fakeCatalogue) Performance(_ context.Context, id int64) (ticketing.Performance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return at(f.performances, id, isPerformance)
}

func (f *fakeCatalogue) Performances(_ context.Context, q ticketing.PerformanceFilter, after ticketing.PerformanceCursor, limit int) ([]ticketing.Performance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	return rest(f.performances, limit, func(p ticketing.Performance) bool {
		return p.ID > after.ID && (q.Category == "" || q.Category == p.Category) && p.To >= q.From && (q.To == "" || p.From <= q.To)
	}), nil
}

func (f *fakeCatalogue) CreateRound(_ context.Context, r ticketing.RoundInfo) (ticketing.RoundInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.ID, r.Version = ticketing.RoundID(len(f.rounds)+1), 1
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

func (f *fakeCatalogue) DeleteRound(_ context.Context, id ticketing.RoundID, version int64, drop func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.rounds, int64(id), isRound)
	if err == nil {
		err = f.expect(was.Version, version)
	}
	if err == nil {
		err = drop()
	}
	if err == nil {
		f.rounds[id-1] = ticketing.RoundInfo{}
	}
	return err
}

func (f *fakeCatalogue) Round(_ context.Context, id ticketing.RoundID) (ticketing.RoundInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.roundsRead++
	if f.broken != nil {
		return ticketing.RoundInfo{}, f.broken
	}
	return at(f.rounds, int64(id), isRound)
}

func (f *fakeCatalogue) RoundsOf(_ context.Context, performance int64) ([]ticketing.RoundInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := at(f.performances, performance, isPerformance); err != nil {
		return nil, err
	}
	return f.roundsOf(performance), nil
}

func (f *fakeCatalogue) roundsOf(performance int64) []ticketing.RoundInfo {
	return rest(f.rounds, len(f.rounds), func(r ticketing.RoundInfo) bool { return r.PerformanceID == performance })
}

// everything is all there is.
func (f *fakeCatalogue) everything() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprint(f.halls, f.performers, f.performances, f.rounds, f.links, f.reviews)
}

func (f *fakeCatalogue) RescheduleRound(_ context.Context, r ticketing.RoundInfo, move func() error) (ticketing.RoundInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.rounds, int64(r.ID), isRound)
	if err == nil {
		err = f.expect(was.Version, r.Version)
	}
	if err == nil {
		err = move()
	}
	if err != nil {
		return was, err
	}
	r.Version = was.Version + 1
	f.rounds[r.ID-1] = r
	return r, nil
}

func isReview(r ticketing.Review) bool { return r.ID != 0 }

func (f *fakeCatalogue) CreateReview(_ context.Context, r ticketing.Review, now ticketing.Millis) (ticketing.Review, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := at(f.performances, r.PerformanceID, isPerformance); err != nil || f.refuse != nil {
		return r, errors.Join(err, f.refuse)
	}
	r.ID, r.CreatedAt, r.Version = int64(len(f.reviews)+1), now, 1
	f.reviews = append(f.reviews, r)
	return r, nil
}

func (f *fakeCatalogue) UpdateReview(_ context.Context, r ticketing.Review, now ticketing.Millis) (ticketing.Review, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.reviews, r.ID, func(v ticketing.Review) bool { return v.ID != 0 && v.User == r.User })
	if err == nil {
		err = f.expect(was.Version, r.Version)
	}
	if err != nil {
		return was, err
	}
	was.Rate, was.Text, was.EditedAt, was.Version = r.Rate, r.Text, now, was.Version+1
	f.reviews[r.ID-1] = was
	return was, nil
}

func (f *fakeCatalogue) DeleteReview(_ context.Context, id int64, user ticketing.UserID, version int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := at(f.reviews, id, func(v ticketing.Review) bool { return v.ID != 0 && (user == 0 || v.User == user) })
	if err == nil {
		err = f.expect(was.Version, version)
	}
	if err == nil {
		f.reviews[id-1] = ticketing.Review{}
	}
	return err
}

func (f *fakeCatalogue) Review(_ context.Context, id int64) (ticketing.Review, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return at(f.reviews, id, isReview)
}

func (f *fakeCatalogue) ReviewBy(_ context.Context, performance int64, user ticketing.UserID) (ticketing.Review, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.reviews {
		if isReview(r) && r.PerformanceID == performance && r.User == user {
			return r, nil
		}
	}
	return ticketing.Review{}, ticketing.ErrNotFound
}

func (f *fakeCatalogue) ReviewsOf(_ context.Context, performance, before int64, limit int) ([]ticketing.Review, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := at(f.performances, performance, isPerformance); err != nil {
		return nil, err
	}
	newest := slices.Clone(f.reviews)
	slices.Reverse(newest)
	return rest(newest, limit, func(r ticketing.Review) bool {
		return isReview(r) && r.PerformanceID == performance && (before == 0 || r.ID < before)
	}), nil
}

package api

import (
	"context"
	"maps"
	"slices"
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

// Refuse implements Sales, as a durable view of every round would.
func (f *fakeSales) Refuse(s ticketing.Stream, cmd ticketing.Command) (ticketing.Result, bool) {
	if f.before != nil {
		return ticketing.Result{}, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	round, can := f.rounds[s].(ticketing.Refuser)
	if !can || f.asleep {
		return ticketing.Result{}, false
	}
	return round.Refuse(cmd, ticketing.MillisOf(f.clock.Now()))
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
	for _, s := range slices.Sorted(maps.Keys(f.rounds)) {
		all += string(s) + string(f.rounds[s].Snapshot())
	}
	return all
}

// fakeCampaigns plans real campaigns; what it lists is set by the test.
type fakeCampaigns struct {
	mu      sync.Mutex
	sales   *fakeSales
	planned []ticketing.CampaignSummary
	of      map[ticketing.UserID][]ticketing.CouponSummary // newest first
	asked   []ticketing.CouponFilter
	deleted map[ticketing.CampaignID]bool
	broken  error // what Campaign answers, if set
}

func (f *fakeCampaigns) CreateCampaign(_ context.Context, c ticketing.CampaignInfo) (ticketing.CampaignInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.ID = ticketing.CampaignID(len(f.planned) + 1)
	f.planned = append(f.planned, ticketing.CampaignSummary{
		CampaignInfo: c, Status: ticketing.CampaignStatus{Phase: ticketing.Scheduled, Terms: c.Terms, Left: c.Terms.Limit()},
	})
	machine := ticketing.NewCampaign(c.ID)
	machine.Apply(ticketing.Event{At: ticketing.MillisOf(f.sales.clock.Now()), Fact: ticketing.CampaignPlanned{Terms: c.Terms}})
	f.sales.mu.Lock()
	defer f.sales.mu.Unlock()
	f.sales.rounds[ticketing.CampaignStream(c.ID)] = machine
	return c, nil
}

func (f *fakeCampaigns) SetCampaignName(_ context.Context, id ticketing.CampaignID, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if int(id) > len(f.planned) || f.deleted[id] {
		return ticketing.ErrNotFound
	}
	f.planned[id-1].Name = name
	return nil
}

func (f *fakeCampaigns) DeleteCampaign(_ context.Context, id ticketing.CampaignID, drop func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if int(id) > len(f.planned) || f.deleted[id] {
		return ticketing.ErrNotFound
	}
	err := drop()
	if err == nil {
		f.deleted[id] = true
	}
	return err
}

func (f *fakeCampaigns) Campaign(_ context.Context, id ticketing.CampaignID) (ticketing.CampaignSummary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return ticketing.CampaignSummary{}, f.broken
	}
	c, err := at(f.planned, int64(id), func(ticketing.CampaignSummary) bool { return true })
	c.Deleted = f.deleted[id]
	return c, err
}

func (f *fakeCampaigns) Campaigns(_ context.Context, public bool, before ticketing.CampaignID, limit int) ([]ticketing.CampaignSummary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []ticketing.CampaignSummary
	for i := len(f.planned) - 1; i >= 0 && len(found) < limit; i-- {
		if c := f.planned[i]; (before == 0 || c.ID < before) && (c.Terms.Claimable || !public) && !f.deleted[c.ID] {
			found = append(found, c)
		}
	}
	return found, nil
}

func (f *fakeCampaigns) CouponsOf(_ context.Context, user ticketing.UserID, filter ticketing.CouponFilter, after ticketing.CouponCursor, limit int) ([]ticketing.CouponSummary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, filter)
	list := f.of[user]
	for i, k := range list {
		if k.Cursor() == after {
			list = list[i+1:]
			break
		}
	}
	return list[:min(limit, len(list))], nil
}

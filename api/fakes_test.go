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

package auth

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"ticketblue/ticketing"
)

// revoked are the accounts whose tokens count no more although they have not expired. It is read with every
// request and changed once in a while, so a change makes a new map. Whoever is in it was withdrawn and never comes
// back; after TokenLife there is no token left that could be refused.
type revoked struct {
	change sync.Mutex
	users  atomic.Pointer[map[ticketing.UserID]time.Time]
}

func (r *revoked) has(user ticketing.UserID) bool {
	users := r.users.Load()
	if users == nil {
		return false
	}
	_, found := (*users)[user]
	return found
}

func (r *revoked) add(user ticketing.UserID, now time.Time) {
	r.change.Lock()
	defer r.change.Unlock()
	next := map[ticketing.UserID]time.Time{}
	if users := r.users.Load(); users != nil {
		maps.Copy(next, *users)
		maps.DeleteFunc(next, func(_ ticketing.UserID, at time.Time) bool { return now.Sub(at) > TokenLife })
	}
	next[user] = now
	r.users.Store(&next)
}

func (r *revoked) remove(user ticketing.UserID) {
	r.change.Lock()
	defer r.change.Unlock()
	if users := r.users.Load(); users != nil {
		next := maps.Clone(*users)
		delete(next, user)
		r.users.Store(&next)
	}
}

package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"
)

// The cost of one hash, the least that OWASP advises for argon2id.
var hashParams = &argon2id.Params{
	Memory:      19 * 1024, // KiB
	Iterations:  2,
	Parallelism: 1,
	SaltLength:  16,
	KeyLength:   32,
}

const (
	// HashWait is how long a request may wait for its turn to hash.
	HashWait = 2 * time.Second
	// hashQueue is how many may wait per slot; more could not be served within HashWait.
	hashQueue = 50
	// busyQueue is how many may wait per slot while it rests after each hash: more would wait in vain, and while they do
	// each costs a connection and a timer.
	busyQueue = 2
	// hashShare: hashing takes at most one processor in so many, and one at least. A hash is 20 ms of pure work, and a
	// flood of log-ins fills every slot there is.
	hashShare = 4
	// While the machine has more urgent work, a slot rests so many times as long as its hash took, but not longer than
	// maxRest: busyRest in the lane of everybody, knownRest in that of those who are known.
	busyRest  = 39
	knownRest = 9
	maxRest   = 2 * time.Second
	// savedRest is how much rest the slot of those who are known may have taken beforehand: after so long without a hash
	// it does some twenty at once before it rests again, so that a few people who log in during a sale do not wait for
	// each other.
	savedRest = 5 * time.Second
	// busyHold: the machine stays busy for so long after it was last seen so. Between two commits of a sale nothing is in
	// flight for a moment.
	busyHold = time.Second
)

// ErrBusy says that too many passwords are being hashed; asking again after HashWait may help.
var ErrBusy = errors.New("too many passwords are being checked")

// Passwords makes and checks hashes, a few at a time. It is the lane of everybody; Known is another one.
type Passwords struct {
	slots   chan struct{}
	waiting atomic.Int64
	wait    time.Duration
	busy    func() bool
	dummy   string
	rest    int           // times as long as the hash
	saved   time.Duration // rest that counts although it was taken before
	known   *Passwords    // nil in that lane itself

	mu       sync.Mutex
	rested   time.Time // when all rest will have been taken that was owed
	lastBusy time.Time // when the machine was last seen busy
}

// Known is the lane of those who have proved something before: a browser that has logged in to this account, somebody
// with a token. It has one slot, its own queue and a shorter rest, so that a flood of others neither fills it nor slows
// it down, and it never takes more than a tenth of a processor from more urgent work for long.
func (p *Passwords) Known() *Passwords { return p.known }

// NewPasswords prepares the slots and the hash that unknown accounts are compared with. busy tells whether the machine
// has more urgent work just now, to which hashing then leaves the processors; nil: never.
func NewPasswords(busy func() bool) (*Passwords, error) {
	return newPasswords(max(1, runtime.GOMAXPROCS(0)/hashShare), HashWait, busy)
}

func newPasswords(slots int, wait time.Duration, busy func() bool) (*Passwords, error) {
	dummy, err := argon2id.CreateHash("nobody has this password", hashParams)
	if err != nil {
		return nil, fmt.Errorf("making the dummy hash: %w", err)
	}
	lane := func(slots, rest int, saved time.Duration) *Passwords {
		return &Passwords{slots: make(chan struct{}, slots), wait: wait, busy: busy, dummy: dummy, rest: rest, saved: saved}
	}
	p := lane(slots, busyRest, 0)
	p.known = lane(1, knownRest, savedRest)
	return p, nil
}

// Hash is the password's argon2id hash in PHC form. ErrBusy when no slot came free in time.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave(time.Now())
	hash, err := argon2id.CreateHash(password, hashParams)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return hash, nil
}

// Check compares a password with an account's hash, which it asks for when it is the request's turn: a flood that is
// refused costs no look at the accounts. An empty hash stands for an account that does not exist: it costs the same time
// and is never right, so that nobody can tell which e-mails are known here.
func (p *Passwords) Check(ctx context.Context, password string, hashOf func(context.Context) (string, error)) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	hash, err := hashOf(ctx)
	if err != nil {
		<-p.slots
		return false, err
	}
	defer p.leave(time.Now())
	known := hash != ""
	if !known {
		hash = p.dummy
	}
	match, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("comparing a password: %w", err)
	}
	return match && known, nil
}

func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	if p.waiting.Add(1) > p.places() {
		p.waiting.Add(-1)
		return ErrBusy
	}
	defer p.waiting.Add(-1)
	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ErrBusy
	}
}

// Full tells whether whoever came now would be refused. It costs next to nothing.
func (p *Passwords) Full() bool {
	return len(p.slots) == cap(p.slots) && p.waiting.Load() >= p.places()
}

// places is how many may wait.
func (p *Passwords) places() int64 {
	if p.isBusy(time.Now()) {
		return int64(cap(p.slots) * busyQueue)
	}
	return int64(cap(p.slots) * hashQueue)
}

// leave gives the slot back, at once or after its rest; whoever had it does not wait for that.
func (p *Passwords) leave(entered time.Time) {
	now := time.Now()
	if p.isBusy(now) {
		if rest := p.owe(now.Sub(entered), now); rest > 0 {
			time.AfterFunc(rest, func() { <-p.slots })
			return
		}
	}
	<-p.slots
}

func (p *Passwords) isBusy(now time.Time) bool {
	if p.busy == nil {
		return false
	}
	busy := p.busy()
	p.mu.Lock()
	defer p.mu.Unlock()
	if busy {
		p.lastBusy = now
	}
	return now.Sub(p.lastBusy) < busyHold
}

// owe adds the rest for a hash that took so long, shared by all slots, and returns what is left of it now.
func (p *Passwords) owe(took time.Duration, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if saved := now.Add(-p.saved); p.rested.Before(saved) {
		p.rested = saved
	}
	p.rested = p.rested.Add(min(time.Duration(p.rest)*took, maxRest) / time.Duration(cap(p.slots)))
	return p.rested.Sub(now)
}

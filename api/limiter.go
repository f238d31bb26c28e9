package api

import (
	"hash/maphash"
	"sync"
	"time"
)

// A limiter remembers at most maxBuckets callers, some 50 bytes each, in limiterShards parts with a lock of their own.
const (
	maxBuckets     = 1 << 17
	limiterShards  = 64
	evictionSample = 8 // buckets looked at to find one that may be forgotten
)

// limiter keeps one bucket per caller. Of a bucket only the moment is kept at which it will be full again, from which
// everything follows; one that is full is as good as a new one.
type limiter[K comparable] struct {
	interval time.Duration // in which a bucket gains one token
	capacity time.Duration // in which an empty one fills up
	clock    func() time.Time
	epoch    time.Time // moments are counted from here: the wall clock may be set, the time that has passed may not
	seed     maphash.Seed
	shards   [limiterShards]limiterShard[K]
}

type limiterShard[K comparable] struct {
	mu     sync.Mutex
	fullAt map[K]time.Duration
}

func newLimiter[K comparable](r Rate, clock func() time.Time) *limiter[K] {
	interval := time.Duration(float64(time.Second) / r.PerSecond)
	l := &limiter[K]{
		interval: interval, capacity: time.Duration(r.Burst) * interval, clock: clock, epoch: clock(), seed: maphash.MakeSeed(),
	}
	for i := range l.shards {
		l.shards[i].fullAt = map[K]time.Duration{}
	}
	return l
}

// take spends one token of the caller's, or says when there will be one.
func (l *limiter[K]) take(key K) error {
	now := l.clock().Sub(l.epoch)
	shard := &l.shards[maphash.Comparable(l.seed, key)%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	fullAt, remembered := shard.fullAt[key]
	fullAt = max(fullAt, now) + l.interval
	if wait := fullAt - now - l.capacity; wait > 0 {
		return rateLimited(wait)
	}
	if !remembered && len(shard.fullAt) >= maxBuckets/limiterShards {
		shard.forget()
	}
	shard.fullAt[key] = fullAt
	return nil
}

// forget drops, of a few buckets, the one that has been full for longest or will be full first: with it only what its
// caller had spent is forgotten.
func (s *limiterShard[K]) forget() {
	var fullest K
	seen := 0
	for key, at := range s.fullAt {
		if seen == 0 || at < s.fullAt[fullest] {
			fullest = key
		}
		if seen++; seen == evictionSample {
			break
		}
	}
	delete(s.fullAt, fullest)
}

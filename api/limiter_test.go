package api

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// TestLimiterIsATokenBucket compares with the library's bucket over random times.
func TestLimiterIsATokenBucket(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, r := range []Rate{{PerSecond: 20, Burst: 40}, {PerSecond: 1, Burst: 30}, {PerSecond: 0.125, Burst: 10}, {PerSecond: 2, Burst: 1}} {
		c := &clock{now: time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)}
		limits, bucket := newLimiter[int64](r, c.Now), rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
		refused := 0
		for range 5000 {
			c.advance(time.Duration(random.Int64N(int64(1.8 * float64(time.Second) / r.PerSecond))))
			err := limits.take(7)
			if granted := err == nil; granted != bucket.AllowN(c.Now(), 1) {
				t.Fatalf("%+v: granted %v, against the library", r, granted)
			}
			var p *Problem
			if errors.As(err, &p) {
				refused++
				want := time.Duration((1 - bucket.TokensAt(c.Now())) / r.PerSecond * float64(time.Second))
				if (p.retryAfter - want).Abs() > time.Microsecond {
					t.Fatalf("%+v: come back in %v, want %v", r, p.retryAfter, want)
				}
			}
		}
		if refused < 100 {
			t.Errorf("%+v: only %d refused", r, refused)
		}
	}
}

func TestLimiterForgetsThoseWhoHaveSpentLeast(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)}
	limits := newLimiter[int64](Rate{PerSecond: 1, Burst: 2}, c.Now)
	const greedy = -1
	for range 2 {
		if err := limits.take(greedy); err != nil {
			t.Fatal(err)
		}
	}
	for user := range int64(3 * maxBuckets) {
		if err := limits.take(user); err != nil {
			t.Fatal(err)
		}
	}
	remembered := 0
	for i := range limits.shards {
		remembered += len(limits.shards[i].fullAt)
	}
	if remembered > maxBuckets {
		t.Errorf("%d are remembered, at most %d should be", remembered, maxBuckets)
	}
	if limits.take(greedy) == nil {
		t.Error("a crowd of newcomers made it forget who had spent everything")
	}
}

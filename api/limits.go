package api

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// Rate is a token bucket: so many at once, then so many a second.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits are the shares of one account or address. They apply per process.
type Limits struct {
	AuthPerAddress Rate // sign-ups and log-ins from one IPv4 address or IPv6 /64
	AuthPerAccount Rate // log-ins to one account
	ReservePerUser Rate // reservations made or released by one user

	Streams           int // live maps open at once
	StreamsPerAddress int // of them, from one IPv4 address or IPv6 /64; a mobile operator puts thousands behind one
}

// DefaultLimits are what a public server should start from.
var DefaultLimits = Limits{
	AuthPerAddress: Rate{PerSecond: 1, Burst: 30},
	AuthPerAccount: Rate{PerSecond: 1.0 / 6, Burst: 10},
	ReservePerUser: Rate{PerSecond: 20, Burst: 40},

	Streams:           20_000,
	StreamsPerAddress: 1_000,
}

func (l Limits) withDefaults() Limits {
	or := func(r, otherwise Rate) Rate {
		if r.Burst == 0 {
			return otherwise
		}
		return r
	}
	return Limits{
		AuthPerAddress: or(l.AuthPerAddress, DefaultLimits.AuthPerAddress),
		AuthPerAccount: or(l.AuthPerAccount, DefaultLimits.AuthPerAccount),
		ReservePerUser: or(l.ReservePerUser, DefaultLimits.ReservePerUser),

		Streams:           cmp.Or(l.Streams, DefaultLimits.Streams),
		StreamsPerAddress: cmp.Or(l.StreamsPerAddress, DefaultLimits.StreamsPerAddress),
	}
}

// maxBuckets bounds how many callers one limiter remembers, about 200 bytes each. The least used are forgotten
// first, and with them only what they had spent.
const maxBuckets = 1 << 17

// limiter keeps one bucket per caller.
type limiter[K comparable] struct {
	rate    Rate
	clock   func() time.Time
	buckets *otter.Cache[K, *rate.Limiter]
}

func newLimiter[K comparable](r Rate, clock func() time.Time) *limiter[K] {
	// A bucket that has had time to fill up again is as good as a new one.
	full := time.Duration(float64(r.Burst)/r.PerSecond*float64(time.Second)) + time.Second
	return &limiter[K]{rate: r, clock: clock, buckets: otter.Must(&otter.Options[K, *rate.Limiter]{
		MaximumSize:      maxBuckets,
		ExpiryCalculator: otter.ExpiryAccessing[K, *rate.Limiter](full),
	})}
}

// take spends one token of the caller's, or says when there will be one.
func (l *limiter[K]) take(key K) error {
	bucket, found := l.buckets.GetIfPresent(key)
	if !found {
		fresh := rate.NewLimiter(rate.Limit(l.rate.PerSecond), l.rate.Burst)
		bucket = fresh
		if earlier, stored := l.buckets.SetIfAbsent(key, fresh); !stored {
			bucket = earlier
		}
	}
	now := l.clock()
	if bucket.AllowN(now, 1) {
		return nil
	}
	reservation := bucket.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	reservation.CancelAt(now)
	return rateLimited(wait)
}

func (l *limiter[K]) close() { l.buckets.StopAllGoroutines() }

// limiters are those of a server.
type limiters struct {
	address *limiter[netip.Prefix]
	account *limiter[string]
	reserve *limiter[int64]
}

func newLimiters(l Limits, clock func() time.Time) limiters {
	return limiters{
		address: newLimiter[netip.Prefix](l.AuthPerAddress, clock),
		account: newLimiter[string](l.AuthPerAccount, clock),
		reserve: newLimiter[int64](l.ReservePerUser, clock),
	}
}

func (l limiters) close() {
	l.address.close()
	l.account.close()
	l.reserve.close()
}

// network is what shares one budget: an IPv4 address, or the /64 that one IPv6 customer has for himself.
func network(remote string) (netip.Prefix, error) {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("reading the caller's address: %w", err)
	}
	ip := addr.Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	return ip.Prefix(bits)
}

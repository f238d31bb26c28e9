package api

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"
)

// Rate is a token bucket: so many at once, then so many a second.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits are the shares of one account or address. They apply per process.
type Limits struct {
	AuthPerAddress    Rate // sign-ups and log-ins from one IPv4 address or IPv6 /64
	AuthPerAccount    Rate // log-ins to one account
	ReservePerUser    Rate // reservations made or released by one user
	SessionPerAddress Rate // refreshes, log-outs and steps at Kakao from one address; thousands may share one
	ChangePerUser     Rate // changes of one's own account
	MailPerAccount    Rate // mails asked for to one e-mail

	Streams           int // live maps open at once
	StreamsPerAddress int // of them, from one IPv4 address or IPv6 /64; a mobile operator puts thousands behind one
}

// DefaultLimits are what a public server should start from.
var DefaultLimits = Limits{
	AuthPerAddress:    Rate{PerSecond: 1, Burst: 30},
	AuthPerAccount:    Rate{PerSecond: 1.0 / 6, Burst: 10},
	ReservePerUser:    Rate{PerSecond: 20, Burst: 40},
	SessionPerAddress: Rate{PerSecond: 50, Burst: 500},
	ChangePerUser:     Rate{PerSecond: 1, Burst: 10},
	MailPerAccount:    Rate{PerSecond: 1.0 / 600, Burst: 3},

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
		AuthPerAddress:    or(l.AuthPerAddress, DefaultLimits.AuthPerAddress),
		AuthPerAccount:    or(l.AuthPerAccount, DefaultLimits.AuthPerAccount),
		ReservePerUser:    or(l.ReservePerUser, DefaultLimits.ReservePerUser),
		SessionPerAddress: or(l.SessionPerAddress, DefaultLimits.SessionPerAddress),
		ChangePerUser:     or(l.ChangePerUser, DefaultLimits.ChangePerUser),
		MailPerAccount:    or(l.MailPerAccount, DefaultLimits.MailPerAccount),

		Streams:           cmp.Or(l.Streams, DefaultLimits.Streams),
		StreamsPerAddress: cmp.Or(l.StreamsPerAddress, DefaultLimits.StreamsPerAddress),
	}
}

// limiters are those of a server.
type limiters struct {
	address *limiter[netip.Prefix]
	account *limiter[string]
	reserve *limiter[int64]
	session *limiter[netip.Prefix]
	change  *limiter[int64]
	mail    *limiter[string]
}

func newLimiters(l Limits, clock func() time.Time) limiters {
	return limiters{
		address: newLimiter[netip.Prefix](l.AuthPerAddress, clock),
		account: newLimiter[string](l.AuthPerAccount, clock),
		reserve: newLimiter[int64](l.ReservePerUser, clock),
		session: newLimiter[netip.Prefix](l.SessionPerAddress, clock),
		change:  newLimiter[int64](l.ChangePerUser, clock),
		mail:    newLimiter[string](l.MailPerAccount, clock),
	}
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

package auth

import (
	"hash/maphash"
	"sync/atomic"
)

// Verified tokens are remembered in sets of a few places, chosen by a hash that nobody outside can foresee. A look
// takes no lock and allocates nothing; what is remembered never changes, it is only replaced.
const (
	knownSets = 1 << 15 // times knownWays tokens, about 60 MB when full
	knownWays = 4
)

type known struct {
	seed maphash.Seed
	sets []knownSet
}

type knownSet [knownWays]atomic.Pointer[knownToken]

type knownToken struct {
	token string
	verified
}

func newKnown() *known {
	return &known{seed: maphash.MakeSeed(), sets: make([]knownSet, knownSets)}
}

// set is where a token is if it is known. Each token has a first place of its own in it.
func (k *known) set(token []byte) (set *knownSet, first int) {
	hash := maphash.Bytes(k.seed, token)
	return &k.sets[hash%knownSets], int(hash / knownSets % knownWays)
}

// find returns nil for a token that is not known. The whole token is compared: by the signature alone any claims
// could be put in front of it.
func (k *known) find(token []byte) *knownToken {
	set, first := k.set(token)
	for i := range knownWays {
		if entry := set[(first+i)%knownWays].Load(); entry != nil && entry.token == string(token) {
			return entry
		}
	}
	return nil
}

// keep remembers a token that has been verified, in the place of one that ends first: nothing, or the oldest.
func (k *known) keep(entry *knownToken) {
	set, first := k.set([]byte(entry.token))
	place := first
	for i := range knownWays {
		at := (first + i) % knownWays
		if old := set[at].Load(); old == nil || old.token == entry.token {
			place = at
			break
		} else if old.expires.Before(set[place].Load().expires) {
			place = at
		}
	}
	set[place].Store(entry)
}

package sim

import (
	"bytes"
	"testing"
)

func claimsWorld(planted plant) func(uint64) *world {
	return func(seed uint64) *world { return newWorldOf(seed, planted, true) }
}

// TestSimOfClaims is TestSim at the coupon counter: same faults, its own promises.
func TestSimOfClaims(t *testing.T) {
	var total tally
	coupons := 0
	for w := range playWith(t, upTo(300), claimsWorld(nothing)) {
		if err := w.auditor.err; err != nil {
			t.Errorf("seed %d: %v", w.seed, err)
		}
		total.add(w.tally)
		coupons += len(w.counter.slips)
	}
	t.Logf("%d coupons: %+v", coupons, total)
	for name, n := range map[string]int{
		"coupons": coupons, "kills": total.kills, "unknown": total.unknown, "fenced": total.fenced, "yes": total.yes,
		"refused": total.refused, "replayed": total.replayed, "snapshots": total.snapshots, "passivated": total.passivated,
	} {
		if n < 100 {
			t.Errorf("%s: %d", name, n)
		}
	}
}

func TestSameSeedSameClaims(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		one, two := newWorldOf(seed, nothing, true), newWorldOf(seed, nothing, true)
		one.run()
		two.run()
		if !bytes.Equal(one.trace.Sum(nil), two.trace.Sum(nil)) {
			t.Errorf("seed %d has two histories", seed)
		}
	}
}

func TestPlantedBugsAtTheCounter(t *testing.T) {
	const within = 300 // seeds
	for name, planted := range map[string]plant{
		"no fence": noFence, "early ack": earlyAck, "no ownership test": noOwnershipTest,
		"no idempotency": noIdempotency, "timers forgotten": timersForgotten, "unknown taken: yes": unknownIsYes,
	} {
		t.Run(name, func(t *testing.T) {
			for w := range playWith(t, upTo(within), claimsWorld(planted)) {
				if err := w.auditor.err; err != nil {
					t.Logf("found by seed %d: %v", w.seed, err)
					return
				}
			}
			t.Errorf("not found by %d seeds", within)
		})
	}
}

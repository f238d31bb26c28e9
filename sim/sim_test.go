package sim

import (
	"bufio"
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"iter"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Which histories TestSim plays: go test ./sim -run TestSim -args -from=640 -seeds=1, or SEEDS and FROM in the
// environment, which flags override. With -v and a single seed the whole history is told.
var (
	flagSeeds = flag.Uint64("seeds", number("SEEDS", 500), "how many seeds")
	flagFrom  = flag.Uint64("from", number("FROM", 1), "the first seed")
)

//go:embed testdata/seeds.txt
var formerSeeds []byte

func number(name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s=%s: a whole number is wanted", name, text)) // playing the usual ones instead would look like a proof
	}
	return n
}

// former are the seeds that found something once, a line each, with what it was behind a #.
func former(t *testing.T) []uint64 {
	var out []uint64
	for lines := bufio.NewScanner(bytes.NewReader(formerSeeds)); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, seed)
	}
	return out
}

func TestSim(t *testing.T) {
	var seeds []uint64
	if *flagSeeds > 1 {
		seeds = former(t)
	}
	for i := range *flagSeeds {
		seeds = append(seeds, *flagFrom+i)
	}
	started := time.Now()
	var total tally
	var simulated ms
	for w := range play(t, seeds, nothing) {
		if err := w.auditor.err; err != nil {
			t.Errorf("seed %d: %v\nreplay: go test ./sim -run 'TestSim$' -v -args -from=%d -seeds=1", w.seed, err, w.seed)
		}
		total.add(w.tally)
		simulated += w.now
	}
	took := time.Since(started)
	t.Logf("%d seeds, %.0f a second, %.1f hours simulated: %+v",
		len(seeds), float64(len(seeds))/took.Seconds(), float64(simulated)/float64(60*minute), total)
	if len(seeds) >= 500 {
		total.mustHaveHappened(t)
	}
}

// play runs the histories of seeds, as many at once as there are processors, and yields them in order.
func play(t *testing.T, seeds []uint64, planted plant) iter.Seq[*world] {
	return playWith(t, seeds, func(seed uint64) *world { return newWorld(seed, planted) })
}

func playWith(t *testing.T, seeds []uint64, open func(seed uint64) *world) iter.Seq[*world] {
	return func(yield func(*world) bool) {
		ahead := make(chan chan *world, runtime.GOMAXPROCS(0))
		stop := make(chan struct{})
		go func() {
			defer close(ahead)
			for _, seed := range seeds {
				done := make(chan *world, 1)
				select {
				case ahead <- done:
				case <-stop:
					return
				}
				go func() {
					w := open(seed)
					if testing.Verbose() && len(seeds) == 1 {
						w.log = t.Logf
					}
					w.run()
					done <- w
				}()
			}
		}()
		defer func() {
			close(stop)
			for done := range ahead {
				<-done
			}
		}()
		for done := range ahead {
			if !yield(<-done) {
				return
			}
		}
	}
}

func (t *tally) add(o tally) {
	t.steps += o.steps
	t.kills += o.kills
	t.pauses += o.pauses
	t.cuts += o.cuts
	t.drains += o.drains
	t.unknown += o.unknown
	t.fenced += o.fenced
	t.landedLate += o.landedLate
	t.activations += o.activations
	t.yes += o.yes
	t.refused += o.refused
	t.unavailable += o.unavailable
	t.replayed += o.replayed
	t.snapshots += o.snapshots
	t.passivated += o.passivated
	t.viewed += o.viewed
}

// mustHaveHappened: a simulation in which nothing goes wrong proves nothing.
func (t *tally) mustHaveHappened(tt *testing.T) {
	for name, n := range map[string]int{
		"kills": t.kills, "pauses": t.pauses, "cuts": t.cuts, "drains": t.drains, "unknown": t.unknown, "fenced": t.fenced,
		"landed late": t.landedLate, "yes": t.yes, "refused": t.refused, "unavailable": t.unavailable,
		"replayed": t.replayed, "snapshots": t.snapshots, "passivated": t.passivated,
		"viewed": t.viewed,
	} {
		if n < 100 {
			tt.Errorf("%s: %d", name, n)
		}
	}
}

func TestSameSeedSameHistory(t *testing.T) {
	for seed := uint64(1); seed <= 30; seed++ {
		one, two := newWorld(seed, nothing), newWorld(seed, nothing)
		one.run()
		two.run()
		if a, b := one.trace.Sum(nil), two.trace.Sum(nil); !bytes.Equal(a, b) {
			t.Errorf("seed %d: %x and %x", seed, a, b)
		}
		if one.tally != two.tally {
			t.Errorf("seed %d: %+v and %+v", seed, one.tally, two.tally)
		}
	}
}

func upTo(n uint64) []uint64 {
	var out []uint64
	for seed := uint64(1); seed <= n; seed++ {
		out = append(out, seed)
	}
	return out
}

func TestPlantedBugs(t *testing.T) {
	const within = 300 // seeds
	for name, planted := range map[string]plant{
		"no fence":           noFence,
		"early ack":          earlyAck,
		"no ownership test":  noOwnershipTest,
		"no successor wait":  noSuccessorWait,
		"no barrier":         noBarrier,
		"no idempotency":     noIdempotency,
		"timers forgotten":   timersForgotten,
		"unknown taken: yes": unknownIsYes,
		"view behind":        viewBehind,
	} {
		t.Run(name, func(t *testing.T) {
			for w := range play(t, upTo(within), planted) {
				if err := w.auditor.err; err != nil {
					t.Logf("found by seed %d: %v", w.seed, err)
					return
				}
			}
			t.Errorf("not found by %d seeds", within)
		})
	}
}

package broadcast

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// The relay is killed twenty times at any question it asks or message it sends, with a rival beside it, and the NATS
// directory is deleted every few times, while customers go on buying: the subjects equal the journal, and who follows
// has seen each event once.
func TestRelayKilledAndDirectoryDeleted(t *testing.T) {
	const kills, rounds, wipeEvery = 20, 6, 4
	dir, l, rng := t.TempDir(), newLedger(), rand.New(rand.NewPCG(1, 2))
	var owners []*owner
	for id := range rounds {
		owners = append(owners, newOwner(t, l, ticketing.RoundID(id+1), 200))
	}
	seen := newWitness()
	b, lost := startWith(t, Options{Dir: dir, Rewind: l.rewind}), 0.0
	ctx, stop := context.WithCancel(t.Context())
	following := seen.follow(ctx, b, l, "witness")
	for kill := range kills {
		var working sync.WaitGroup
		for _, o := range owners {
			working.Go(func() { o.rush(30) })
		}
		stopRival := run(t, quickRelay(b, l))
		if rng.IntN(2) == 0 {
			killAfter(t, quickRelay(b, l), l, 1+rng.IntN(40))
		} else {
			killAtMessage(t, quickRelay(b, l), 1+rng.IntN(4))
		}
		stopRival()
		if kill%wipeEvery == wipeEvery-1 {
			lost += written(b.metrics.lost)
			stop()
			<-following
			wipe(t, b, dir)
			b = startWith(t, Options{Dir: dir, Rewind: l.rewind})
			ctx, stop = context.WithCancel(t.Context())
			following = seen.follow(ctx, b, l, "witness")
		}
		working.Wait()
	}
	run(t, quickRelay(b, l))
	eventually(t, "everything relayed", l.allRelayed)
	for _, o := range owners {
		if before := checkSubject(t, b, l, o.stream); before != 0 {
			t.Errorf("%s begins after %d", o.stream, before)
		}
		seen.check(t, l, o.stream)
	}
	if want := 1 + kills/wipeEvery; l.rewinds != want {
		t.Errorf("the marks were taken back %d times, want %d", l.rewinds, want)
	}
	stop()
	<-following
	t.Logf("%d lost races", int(lost+written(b.metrics.lost)))
}

func wipe(t *testing.T, b *Broadcaster, dir string) {
	t.Helper()
	closeNow(t, b)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

// What has aged is not sent again: not by another relay, not after a restart, and not after the directory was deleted.
func TestNothingOldIsSentAgain(t *testing.T) {
	const age = 200 * time.Millisecond
	dir, l := t.TempDir(), newLedger()
	opts := Options{Dir: dir, MaxAge: age, Rewind: l.rewind}
	o := newOwner(t, l, 1, 200)
	aged := func(b *Broadcaster) {
		t.Helper()
		eventually(t, "the end of the last message's life", func() bool {
			_, _, messages := onSubject(t, b, o.stream)
			l.mu.Lock()
			defer l.mu.Unlock()
			at := l.times[o.stream]
			return messages == 0 && time.Since(at[len(at)-1]) > age
		})
	}
	b := startWith(t, opts)
	stop := run(t, quickRelay(b, l))
	o.rush(50)
	eventually(t, "everything relayed", l.allRelayed)
	stop()
	for name, before := range map[string]func(){
		"another relay": func() {},
		"a restart":     func() { closeNow(t, b); b = startWith(t, opts) },
		"a wipe":        func() { wipe(t, b, dir); b = startWith(t, opts) },
	} {
		aged(b)
		mark := must(l.Relayed(t.Context(), []ticketing.Stream{o.stream}))(t)[o.stream]
		rewinds := l.rewinds
		before()
		if want := name == "a wipe"; (l.rewinds > rewinds) != want {
			t.Errorf("%s: the marks were taken back: %v", name, !want)
		}
		if now := must(l.Relayed(t.Context(), []ticketing.Stream{o.stream}))(t)[o.stream]; now != mark {
			t.Errorf("%s: the mark was %d and is %d", name, mark, now)
		}
		relay, already := quickRelay(b, l), written(b.metrics.messages)
		stop := run(t, relay)
		relay.Hint(o.stream)
		eventually(t, "a pass", func() bool { relay.mu.Lock(); defer relay.mu.Unlock(); return len(relay.lanes) == 0 })
		if sent := written(b.metrics.messages) - already; sent > 0 {
			t.Errorf("%s: %v old messages were sent again", name, sent)
		}
		o.rush(5)
		eventually(t, "everything relayed", l.allRelayed)
		stop()
	}
}

// However far the beginning came before the process died, the next one does all of it.
func TestDiesWhileBeginningAnew(t *testing.T) {
	for name, die := range map[string]func(*ledger) func(context.Context, time.Duration) error{
		"before the marks": func(*ledger) func(context.Context, time.Duration) error {
			return func(context.Context, time.Duration) error { return errors.New("died") }
		},
		"after the marks": func(l *ledger) func(context.Context, time.Duration) error {
			return func(ctx context.Context, age time.Duration) error {
				return errors.Join(l.rewind(ctx, age), errors.New("died"))
			}
		},
		"after somebody made the stream": func(*ledger) func(context.Context, time.Duration) error { return nil },
	} {
		dir, l := t.TempDir(), newLedger()
		o := newOwner(t, l, 1, 100)
		o.rush(20)
		l.relayed[o.stream] = l.head(o.stream) // to a JetStream that is no more
		b := startWith(t, Options{Dir: dir, Rewind: die(l)})
		if err := b.Healthy(); (err == nil) != (die(l) == nil) {
			t.Errorf("%s: healthy: %v", name, err)
		}
		closeNow(t, b)
		b = startWith(t, Options{Dir: dir, Rewind: l.rewind})
		stop := run(t, quickRelay(b, l))
		eventually(t, "everything relayed", l.allRelayed)
		if before := checkSubject(t, b, l, o.stream); before != 0 {
			t.Errorf("died %s: the subject begins after %d", name, before)
		}
		stop()
	}
}

// Somebody deletes the stream under a running program: it is made again and filled, followers and maps go on.
func TestStreamDeletedWhileRunning(t *testing.T) {
	l := newLedger()
	b := startWith(t, Options{Dir: t.TempDir(), Rewind: l.rewind})
	o := newOwner(t, l, 1, 100)
	seen := follow(t, b, l, "witness")
	h := quickHub(t, b, o, nil)
	relay := quickRelay(b, l)
	o.hint = relay.Hint
	run(t, relay)
	frames := must(h.Watch(patient(t), 1, 0))(t)
	var c client
	for range 3 {
		o.rush(20)
		eventually(t, "everything relayed", l.allRelayed)
		if err := b.js.DeleteStream(t.Context(), StreamName); err != nil {
			t.Fatal(err)
		}
		for last := o.finish(); c.seq < last; {
			f, open := <-frames
			if !open {
				t.Fatal("the viewer was cut")
			}
			if err := c.take(f); err != nil {
				t.Fatal(err)
			}
		}
		c.check(t, o)
		eventually(t, "everything relayed", l.allRelayed)
		if before := checkSubject(t, b, l, o.stream); before != 0 {
			t.Errorf("the subject begins after %d", before)
		}
		seen.check(t, l, o.stream)
	}
}

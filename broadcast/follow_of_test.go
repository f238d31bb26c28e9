package broadcast

import (
	"context"
	"errors"
	"testing"

	"ticketblue/ticketing"
)

// Streams that are no rounds are relayed and followed like rounds, all or some of them, with a position that stays or with
// none, and it can be seen how much is still to come.
func TestFollowersOfSomeStreams(t *testing.T) {
	l := newLedger()
	b := startWith(t, Options{Dir: t.TempDir(), Rewind: l.rewind})
	relay := quickRelay(b, l)
	run(t, relay)
	streams := []ticketing.Stream{"round:1", "campaign:7", "catalogue:performance:12", "catalogue:hall:12", "catalogues:1"}
	add := func() {
		for i, s := range streams {
			for n := range 3 + i { // of whatever kind: the relay does not look inside
				at := startTime + ticketing.Millis(n)
				l.commit(s, []ticketing.Event{{At: at, Fact: ticketing.SalePaused{}}, {At: at, Fact: ticketing.SaleOpened{}}})
			}
			relay.Hint(s)
		}
	}
	add()
	eventually(t, "everything relayed", l.allRelayed)
	for _, s := range streams {
		checkSubject(t, b, l, s)
	}
	for name, c := range map[string]struct {
		of   []string
		want []ticketing.Stream
	}{
		"all":       {nil, streams},
		"catalogue": {[]string{"catalogue"}, streams[2:4]},
		"search":    {[]string{"catalogue:performance", "campaign"}, streams[1:3]},
	} {
		for _, ephemeral := range []bool{false, true} {
			for range 2 { // the second time a witness who knows nothing: the journal makes up for what a durable position passed
				w := newWitness()
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() {
					done <- b.Follow(ctx, Follower{Name: name, Ephemeral: ephemeral, Of: c.of, Journal: l, Do: w.do})
				}()
				if ephemeral {
					w.checkAll(t, l, c.want) // without any news
				}
				add()
				w.checkAll(t, l, c.want)
				// What is on its way to a follower who leaves comes again only after ackWait: the next one would wait for it.
				eventually(t, "everything relayed", l.allRelayed)
				eventually(t, "everything acknowledged", func() bool { return ephemeral || allAcknowledged(t, b, name) })
				stop()
				<-done
			}
		}
	}
	if err := b.Follow(t.Context(), Follower{Name: "x", Of: []string{"catalogue:*"}, Journal: l, Do: newWitness().do}); err == nil {
		t.Error("a wildcard was taken for the name of streams")
	}
}

func allAcknowledged(t *testing.T, b *Broadcaster, durable string) bool {
	t.Helper()
	consumer := must(b.js.Consumer(t.Context(), StreamName, durable))(t)
	info := must(consumer.Info(t.Context()))(t)
	return info.NumPending == 0 && info.NumAckPending == 0
}

func (w *witness) checkAll(t *testing.T, l *ledger, want []ticketing.Stream) {
	t.Helper()
	for _, s := range want {
		w.check(t, l, s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seqs) != len(want) {
		t.Errorf("told of %v, want %v", w.seqs, want)
	}
}

// A follower that takes nothing in is seen to lag.
func TestFollowerLag(t *testing.T) {
	b, l := start(t, t.TempDir()), newLedger()
	o := newOwner(t, l, 1, 100)
	w := newWitness()
	w.refuse = func(ticketing.Stream) error { return errors.New("no") }
	ctx, stop := context.WithCancel(t.Context())
	done := w.follow(ctx, b, l, "witness")
	run(t, quickRelay(b, l))
	lag := b.metrics.followLag.WithLabelValues("witness")
	eventually(t, "a lag", func() bool { return written(lag) > 0 })
	w.mu.Lock()
	w.refuse = nil
	w.mu.Unlock()
	w.check(t, l, o.stream)
	eventually(t, "no lag", func() bool { return written(lag) == 0 })
	stop()
	<-done
}

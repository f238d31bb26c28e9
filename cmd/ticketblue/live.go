package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ticketblue/api"
	"ticketblue/broadcast"
	"ticketblue/persistence"
	"ticketblue/ticketing"
)

// startBroadcast brings up what carries committed chunks to live maps: JetStream, the relay that feeds it, the hub
// that viewers watch. Nothing else depends on it: without it seats are sold as before, and maps catch up later.
func (n *node) startBroadcast(ctx context.Context) (err error) {
	dir := filepath.Join(n.cmd.Store.Data, "nats")
	options := broadcast.Options{
		Dir: dir, URL: n.cmd.NATSURL, Log: n.log, Registry: n.registry, Rewind: n.store.RewindRelayed,
	}
	n.broadcast, err = broadcast.Start(ctx, options)
	if err != nil && n.cmd.NATSURL == "" && !errors.Is(err, broadcast.ErrLocked) {
		// What is in there is news, not truth: a damaged directory is put aside rather than stopping the sale.
		aside := fmt.Sprintf("%s.damaged-%d", dir, time.Now().Unix())
		n.log.Error("JetStream did not start, beginning with an empty directory", "was", aside, "err", err)
		if err := os.Rename(dir, aside); err != nil {
			return err
		}
		n.broadcast, err = broadcast.Start(ctx, options)
	}
	if err != nil {
		return err
	}
	n.atStop("broadcast", n.broadcast.Close)
	n.relay = broadcast.NewRelay(broadcast.RelayConfig{Broadcaster: n.broadcast, Journal: n.store})
	n.inBackground("relay", n.relay.Run)
	n.hub = broadcast.NewHub(broadcast.HubConfig{
		Broadcaster: n.broadcast, Encode: api.EncodeDelta, EncodeSnapshot: api.EncodeSnapshot,
		Ask: func(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
			return n.actors.Do(ctx, s, cmd)
		},
	})
	n.atStop("live maps", func(context.Context) error { n.hub.Close(); return nil })
	return nil
}

// slowCommit makes the projector rest: the buyers' commits come first.
const slowCommit = 20 * time.Millisecond

// startProjector brings up what keeps the read tables. It is also an auditor: a round whose facts do not fit its
// tables is frozen.
func (n *node) startProjector(context.Context) error {
	n.projector = persistence.NewProjector(n.store.DB, persistence.ProjectorOptions{
		EffectsOf: effectsOf,
		Log:       n.log,
		Freeze:    func(s ticketing.Stream, reason error) { n.actors.Freeze(s, reason) },
		Moved:     n.phasesMoved,
		Busy:      func() bool { return n.journal.Stats().LastFlush > slowCommit },
	})
	n.atStop("projector", n.projector.Close)
	registerProjector(n.registry, n.projector)
	return nil
}

// committed passes the journal writer's word on to those who read the journal. Each looks for itself as well, so a
// word that is lost costs seconds, not facts.
func (n *node) committed(s ticketing.Stream, head ticketing.Head) {
	n.projector.OnCommit(s, head)
	n.relay.Hint(s)
}

// edited is committed for what the catalogue writes to the journal by itself. Who has edited something sees it at once.
func (n *node) edited(s ticketing.Stream, head ticketing.Head) {
	n.forget(s)
	n.committed(s, head)
	n.sync.Edited(s)
}

func (n *node) forget(s ticketing.Stream) {
	if server := n.api.Load(); server != nil {
		server.Forget(s)
	}
}

func (n *node) phasesMoved() {
	n.sync.Hint()
	if server := n.api.Load(); server != nil {
		server.ForgetPhases()
	}
}

// followCatalogue forgets what other processes have edited.
func (n *node) followCatalogue(context.Context) error {
	n.inBackground("catalogue's follower", func(ctx context.Context) {
		err := n.broadcast.Follow(ctx, forgetful(n.store, n.forget))
		if ctx.Err() == nil {
			n.log.Error("answers are not forgotten by events any more, only by their age", "err", err)
		}
	})
	return nil
}

// forgetful follows everybody's edits of the catalogue.
func forgetful(journal broadcast.Journal, forget func(ticketing.Stream)) broadcast.Follower {
	return broadcast.Follower{
		Name: "kept-answers", Ephemeral: true, Of: []string{"catalogue"}, Journal: journal,
		Do: func(_ context.Context, s ticketing.Stream, _ uint64, _ []ticketing.Event) error {
			forget(s)
			return nil
		},
	}
}

// inBackground runs something that ends with its context, and waits for it when the node stops.
func (n *node) inBackground(name string, run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	n.atStop(name, func(stopping context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stopping.Done():
			return stopping.Err()
		}
	})
}

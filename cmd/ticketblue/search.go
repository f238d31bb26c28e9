package main

import (
	"context"
	"log/slog"

	"ticketblue/broadcast"
	"ticketblue/persistence"
	"ticketblue/search"
	"ticketblue/search/postgres"
)

// searchConns serve searches: whoever else needs the database has connections of his own.
const searchConns = 4

// openSearch opens the index. Nothing else depends on it: without it seats are sold as before, and it catches up later.
func (n *node) openSearch(ctx context.Context) (err error) {
	var stop func()
	if n.index, stop, err = openEngine(ctx, n.store, n.log); err != nil {
		return err
	}
	n.atStop("search engine", func(context.Context) error { stop(); return nil })
	n.sync = search.NewSync(n.index, n.store, n.log, n.registry)
	return nil
}

// startSync begins to keep the index as the catalogue is.
func (n *node) startSync(context.Context) error {
	n.inBackground("search index", n.sync.Run)
	n.inBackground("search index's follower", func(ctx context.Context) {
		err := n.broadcast.Follow(ctx, indexer(n.store, n.sync))
		if ctx.Err() == nil {
			n.log.Error("the search index does not follow the catalogue any more", "err", err)
		}
	})
	return nil
}

// openEngine opens the engine that is configured.
func openEngine(ctx context.Context, s *store, log *slog.Logger) (engine search.Engine, stop func(), err error) {
	pool, err := persistence.OpenPool(ctx, s.dsn, "ticketblue-search", searchConns, log)
	if err != nil {
		return nil, nil, err
	}
	return postgres.New(pool), pool.Close, nil
}

// indexer follows the catalogue for the index. Its place is kept by NATS; what is lost with that is told again.
func indexer(journal broadcast.Journal, sync *search.Sync) broadcast.Follower {
	return broadcast.Follower{Name: "search", Of: []string{"catalogue"}, Journal: journal, Do: sync.Told}
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"time"

	"ticketblue/api"
	"ticketblue/broadcast"
	"ticketblue/persistence"
	"ticketblue/search"
	"ticketblue/search/postgres"
	"ticketblue/search/typesense"
	"ticketblue/ticketing"
)

// searchConns serve searches: whoever else needs the database has connections of his own.
const searchConns = 4

// openSearch opens the index. Nothing else depends on it: without it seats are sold as before, and it catches up later.
func (n *node) openSearch(ctx context.Context) (err error) {
	var stop func()
	if n.index, stop, err = n.cmd.Search.open(ctx, n.store, n.log); err != nil {
		return err
	}
	n.atStop("search engine", func(context.Context) error { stop(); return nil })
	n.sync = search.NewSync(n.index, n.store, n.log, n.registry)
	return nil
}

// startSync begins to keep the index as the catalogue is.
func (n *node) startSync(ctx context.Context) error {
	n.inBackground("search index", n.sync.Run)
	n.inBackground("search index of edits", n.sync.RunEdited)
	n.inBackground("search index's follower", func(ctx context.Context) {
		err := n.broadcast.Follow(ctx, indexer(n.store, n.sync))
		if ctx.Err() == nil {
			n.log.Error("the search index does not follow the catalogue any more", "err", err)
		}
	})
	if !n.cmd.Search.Reservations {
		n.inBackground("search index of reservations", n.forgetReservations)
		return n.store.SetSearchIndex(ctx, ticketing.FindReservations, "") // nobody tells it of who closes his account meanwhile
	}
	n.inBackground("search index's follower of sales", func(ctx context.Context) {
		err := n.broadcast.Follow(ctx, salesIndexer(n.store, n.sync))
		if ctx.Err() == nil {
			n.log.Error("the search index does not follow reservations any more", "err", err)
		}
	})
	return nil
}

// forgetReservations deletes the names that an index was given when it kept reservations.
func (n *node) forgetReservations(ctx context.Context) {
	index, ok := n.index.(*typesense.Engine)
	if !ok {
		return
	}
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for index.Forget(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

const forgetEvery = 30 * time.Second // until the server has answered

// reservationsByIndex finds reservations by the index; nil when it keeps none.
func (n *node) reservationsByIndex() api.ReservationSearch {
	index, ok := n.index.(search.ReservationIndex)
	if !ok || !n.cmd.Search.Reservations {
		return nil
	}
	return search.NewReservations(index, n.store)
}

// searchFlags say where the index is. The server's key is no flag, for flags are seen by every process on the machine.
type searchFlags struct {
	TypesenseURL string `name:"typesense-url" env:"TB_TYPESENSE_URL" placeholder:"URL" help:"Typesense server for the search index instead of Postgres: http://host:8108. Its key: TB_TYPESENSE_API_KEY."`
	Reservations bool   `name:"search-reservations" env:"TB_SEARCH_RESERVATIONS" help:"Keep reservations on the Typesense server too, with their customers' names, for admins' search with engine=index."`
}

// open opens the engine that is configured. A server need not answer yet.
func (f searchFlags) open(ctx context.Context, s *store, log *slog.Logger) (engine search.Engine, stop func(), err error) {
	if f.TypesenseURL != "" {
		engine, err = f.typesense()
		return engine, func() {}, err
	}
	if f.Reservations {
		return nil, nil, errors.New("--search-reservations needs a Typesense server (TB_TYPESENSE_URL): in Postgres, reservations are searched where they are")
	}
	pool, err := persistence.OpenPool(ctx, s.dsn, "ticketblue-search", searchConns, log)
	if err != nil {
		return nil, nil, err
	}
	return postgres.New(pool), pool.Close, nil
}

func (f searchFlags) typesense() (search.Engine, error) {
	at, err := url.Parse(f.TypesenseURL)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.User != nil {
		return nil, errors.New("TB_TYPESENSE_URL must be an address such as http://host:8108")
	}
	key := os.Getenv("TB_TYPESENSE_API_KEY")
	if key == "" {
		return nil, errors.New("TB_TYPESENSE_URL needs the server's key in TB_TYPESENSE_API_KEY")
	}
	return typesense.New(typesense.Options{URL: f.TypesenseURL, APIKey: key, Reservations: f.Reservations}), nil
}

// indexer follows the catalogue for the index. Its place is kept by NATS; what is lost with that is told again.
func indexer(journal broadcast.Journal, sync *search.Sync) broadcast.Follower {
	return broadcast.Follower{
		Name: "search", Of: []string{"catalogue"}, Journal: journal, Do: alone(sync.Told), Together: together(sync.Told),
	}
}

// salesIndexer follows rounds for an index that keeps reservations.
func salesIndexer(journal broadcast.Journal, sync *search.Sync) broadcast.Follower {
	return broadcast.Follower{
		Name: "search-reservations", Of: []string{"round"}, Journal: journal, Do: alone(sync.ToldOfSales), Together: together(sync.ToldOfSales),
	}
}

func together(told func(context.Context, []search.Change) error) func(context.Context, []broadcast.News) error {
	return func(ctx context.Context, all []broadcast.News) error {
		changes := make([]search.Change, len(all))
		for i, n := range all {
			changes[i] = search.Change{Stream: n.Stream, From: n.From, Events: n.Events}
		}
		return told(ctx, changes)
	}
}

func alone(told func(context.Context, []search.Change) error) func(context.Context, ticketing.Stream, uint64, []ticketing.Event) error {
	return func(ctx context.Context, s ticketing.Stream, from uint64, events []ticketing.Event) error {
		return told(ctx, []search.Change{{Stream: s, From: from, Events: events}})
	}
}

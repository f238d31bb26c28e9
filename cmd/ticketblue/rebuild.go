package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/persistence"
	"ticketblue/search"
)

type rebuildCmd struct {
	Store     storeFlags  `embed:""`
	Broadcast bool        `help:"Rebuild what followers read from JetStream instead of the read tables; needs the running server."`
	Index     searchFlags `embed:""`
	Search    bool        `help:"Rebuild the search index instead of the read tables, while the old one is searched."`
}

// Run makes again what follows from the journal. A running server does it itself: it knows how far it has told its
// customers, and JetStream may live in its process. Rounds that were frozen are looked at anew; a running server
// serves them again after its next start.
func (c rebuildCmd) Run(ctx context.Context) error {
	server, running := readServerFile(c.Store.Data)
	running = running && alive(server.PID) && server.Store == c.Store.storeName()
	switch {
	case running && c.Broadcast:
		return rebuildIn(ctx, server, "broadcast")
	case running && c.Search:
		return rebuildIn(ctx, server, "search")
	case running:
		return rebuildIn(ctx, server, "tables")
	case c.Broadcast:
		return fmt.Errorf("no server runs on %s; start it first", c.Store.Data)
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	err = asOwner(ctx, s, c.Store.logger(), func(ctx context.Context) error {
		if c.Search {
			return rebuildSearch(ctx, c.Index, s, c.Store.logger())
		}
		return rebuildTables(ctx, s)
	})
	return errors.Join(err, s.Close())
}

// ownWithin is how long a rebuild waits for the database to be nobody else's: longer than a successor of a server that was killed.
const ownWithin = persistence.SuccessorWaits + 2*time.Second

var (
	errServed = errors.New("another process serves this database, or rebuilds from it, and would not know of this rebuild: " +
		"give the server's own --data, so that it rebuilds itself, or stop it, or wait for it, first")
	errOwnershipLost = errors.New("this process is no longer the only one on its database: rebuild again")
)

// asOwner does something while no server may serve from the database, wherever that keeps its data: one that starts meanwhile
// stands by. When ownership is lost on the way the work is broken off.
func asOwner(ctx context.Context, s *store, log *slog.Logger, do func(context.Context) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	gained := make(chan struct{}, 1)
	own, err := persistence.Acquire(ctx, persistence.OwnershipOptions{
		DSN: s.dsn, Node: "rebuild-" + uuid.NewString(), Log: log, Sure: s.private != nil,
		OnChange: func(valid bool) {
			if !valid {
				cancel(errOwnershipLost)
				return
			}
			select {
			case gained <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.Release(context.WithoutCancel(ctx))) }()
	patience := time.NewTimer(ownWithin)
	defer patience.Stop()
	select {
	case <-gained:
	case <-patience.C:
		return errServed
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := do(ctx); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}

func rebuildTables(ctx context.Context, s *store) error {
	projector := persistence.NewProjector(s.DB, persistence.ProjectorOptions{EffectsOf: effectsOf})
	projector.Start()
	err := projector.Rebuild(ctx)
	if err == nil {
		_, err = fmt.Println("The read tables are rebuilt.")
	}
	return errors.Join(err, projector.Close(ctx))
}

// rebuildSearch makes the index anew where no server does it.
func rebuildSearch(ctx context.Context, f searchFlags, s *store, log *slog.Logger) error {
	engine, stop, err := f.open(ctx, s, log)
	if err != nil {
		return err
	}
	defer stop()
	if err := search.NewSync(engine, s, log, prometheus.NewRegistry()).Rebuild(ctx); err != nil {
		return err
	}
	_, err = fmt.Println("The search index is rebuilt.")
	return err
}

func rebuildIn(ctx context.Context, server serverFile, what string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.OpsURL+"/rebuild/"+what, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s: %.200s", resp.Status, body)
	}
	done := "The server has rebuilt its " + what + "."
	if what == "tables" {
		done += " A round that was frozen is served again after its next start."
	}
	_, err = fmt.Println(done)
	return err
}

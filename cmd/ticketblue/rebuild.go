package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"ticketblue/persistence"
)

type rebuildCmd struct {
	Store     storeFlags `embed:""`
	Broadcast bool       `help:"Rebuild what followers read from JetStream instead of the read tables; needs the running server."`
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
	case running:
		return rebuildIn(ctx, server, "tables")
	case c.Broadcast:
		return fmt.Errorf("no server runs on %s; start it first", c.Store.Data)
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	projector := persistence.NewProjector(s.DB, persistence.ProjectorOptions{EffectsOf: effectsOf})
	projector.Start()
	err = projector.Rebuild(ctx)
	if err == nil {
		_, err = fmt.Println("The read tables are rebuilt.")
	}
	return errors.Join(err, projector.Close(ctx), s.Close())
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
	_, err = fmt.Printf("The server has rebuilt its %s. A round that was frozen is served again after its next start.\n", what)
	return err
}

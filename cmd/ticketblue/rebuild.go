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

// Run makes again what follows from the journal. Rounds that were frozen are looked at anew; a running server
// serves them again after its next start.
func (c rebuildCmd) Run(ctx context.Context) error {
	if c.Broadcast {
		return c.askServer(ctx)
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	projector := persistence.NewProjector(s.DB, persistence.ProjectorOptions{})
	projector.Start()
	err = projector.Rebuild(ctx)
	if err == nil {
		_, err = fmt.Println("The read tables are rebuilt.")
	}
	return errors.Join(err, projector.Close(ctx), s.Close())
}

// askServer: JetStream lives in the server's process, or is fed by it.
func (c rebuildCmd) askServer(ctx context.Context) error {
	server, ok := readServerFile(c.Store.Data)
	if !ok {
		return fmt.Errorf("no server runs on %s; start it first", c.Store.Data)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.OpsURL+"/broadcast/rebuild", nil)
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
	_, err = fmt.Println("JetStream has everything again.")
	return err
}

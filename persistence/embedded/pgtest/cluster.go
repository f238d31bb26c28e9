package pgtest

import (
	"context"
	"syscall"
	"testing"
	"time"

	"ticketblue/persistence/embedded"
)

// backLimit bounds the wait for a killed server to answer again.
const backLimit = time.Minute

// Cluster is a private server for a test that breaks it.
type Cluster struct {
	t      testing.TB
	server *embedded.Server
	kills  int
}

// Server starts a cluster for this test alone and stops it when the test ends. Use it only to break it: it costs a
// start of its own, and DSN does not.
func Server(t testing.TB) *Cluster {
	t.Helper()
	server, dir, err := start()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	c := &Cluster{t: t, server: server}
	t.Cleanup(func() {
		c.AwaitBack() // It comes back, too, when the test did not wait for that.
		if err := stop(server, dir); err != nil {
			t.Errorf("pgtest: stopping PostgreSQL: %v", err)
		}
	})
	return c
}

// DSN is the URL of the superuser's database; it stays the same when the server dies and comes back.
func (c *Cluster) DSN() string { return c.server.DSN() }

// Kill ends the postmaster by SIGKILL. It comes back by itself: see AwaitBack. One goroutine at a time may call it,
// and not again before AwaitBack returned.
func (c *Cluster) Kill() {
	c.t.Helper()
	if err := syscall.Kill(c.server.PID(), syscall.SIGKILL); err != nil {
		c.t.Fatalf("pgtest: killing the postmaster: %v", err)
	}
	c.kills++
}

// AwaitBack returns when the server answers again after the last Kill.
func (c *Cluster) AwaitBack() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), backLimit)
	defer cancel()
	if err := c.server.AwaitRestart(ctx, c.kills); err != nil {
		c.t.Fatalf("pgtest: %v", err)
	}
}

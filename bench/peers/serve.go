package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strings"
)

type serveCmd struct {
	dataDir
	Listen    string `default:"127.0.0.1:0"`
	OpsListen string `default:"127.0.0.1:0"`
	Bench     bool   `help:"As of ticketblue; there is nothing to lift here."`
}

// Run serves until ctx ends.
func (c serveCmd) Run(ctx context.Context, whole *cli) (err error) {
	log, err := os.Create(filepath.Join(c.Data, "children.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	postgres, dsn, err := startPostgres(ctx, c.Data, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, postgres.stop()) }()
	var r *redis
	if strings.HasPrefix(whole.Kind, "redis-") || strings.HasPrefix(whole.Coupons, "redis-") {
		var server *child
		if server, r, err = startRedis(ctx, log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.stop()) }()
	}
	db, err := openPool(ctx, dsn, whole.Pool)
	if err != nil {
		return err
	}
	defer db.Close()
	key, err := c.key()
	if err != nil {
		return err
	}
	tokens, err := newTokens(key)
	if err != nil {
		return err
	}
	defer tokens.close()
	s, err := newShop(ctx, whole.Kind, db, r)
	if err != nil {
		return err
	}
	counter, err := newCounter(ctx, whole.Coupons, db, r)
	if err != nil {
		return err
	}
	return c.listen(ctx, &front{shop: s, counter: counter, tokens: tokens})
}

func (c serveCmd) listen(ctx context.Context, f *front) error {
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	ops, err := net.Listen("tcp", c.OpsListen)
	if err != nil {
		return err
	}
	app := f.app()
	failed := make(chan error, 2)
	go func() { failed <- app.Listener(ln) }()
	go func() { failed <- http.Serve(ops, f.ops()) }()
	ready := serverFile{PID: os.Getpid(), URL: "http://" + ln.Addr().String(), OpsURL: "http://" + ops.Addr().String()}
	body, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.serverFile(), body, 0o600); err != nil {
		return err
	}
	defer os.Remove(c.serverFile())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return app.Shutdown()
	}
}

// ops is the operations port.
func (f *front) ops() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "peer_unwritten_reservations %d\n", f.kind.unwritten())
	})
	mux.HandleFunc("POST /verify", func(w http.ResponseWriter, r *http.Request) {
		report, err := f.report(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(report) // the caller sees a report that ends too early
	})
	return mux
}

package api

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"ticketblue/api/auth"
)

// TestFullLaneIsRefusedAtTheDoor: while no more may wait to hash, a log-in costs no look at its body, let alone at the
// accounts; whoever brings a device still gets in.
func TestFullLaneIsRefusedAtTheDoor(t *testing.T) {
	h := open(t, func(c *Config) {
		passwords, err := auth.NewPasswords(func() bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		c.Passwords = passwords
	})
	h.addKim()
	device := cookieOf(h.logIn(`,"cookie":true`), deviceCookie) // as the pages ask
	whileFull := fill(t, h.server.Passwords)
	for _, path := range []string{"/v1/auth/login", "/v1/auth/signup"} {
		before := h.everything()
		a := whileFull(func() answer { return h.do(post(path, `not looked at`)) }).wantStatus(http.StatusServiceUnavailable)
		if p := a.problem(); p.Code != "busy" || !p.Retryable || a.header.Get("Retry-After") == "" || h.everything() != before {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	known := post("/v1/auth/login", `{"email":"kim@example.com","password":"`+kimsPassword+`"}`).with("Cookie", device.Name+"="+device.Value)
	h.do(known).wantStatus(http.StatusOK)
	known.body = `{"email":"kim@example.com","password":"wrong-pass-1"}`
	h.do(known).wantStatus(http.StatusUnauthorized)
	known.body = `{"email":"nobody@example.com","password":"wrong-pass-1"}` // a device of somebody else's is none
	whileFull(func() answer { return h.do(known) }).wantStatus(http.StatusServiceUnavailable)
}

// fill takes every slot until the test ends. whileFull returns an answer that was given while no more could wait either:
// who waits gives up after auth.HashWait, and a busy machine may be slower than that.
func fill(t *testing.T, p *auth.Passwords) (whileFull func(ask func() answer) answer) {
	ctx, cancel := context.WithCancel(t.Context())
	var hashing, waiting sync.WaitGroup
	t.Cleanup(func() { cancel(); hashing.Wait(); waiting.Wait() })
	entered := make(chan struct{})
	for range max(1, runtime.GOMAXPROCS(0)/4) {
		hashing.Go(func() {
			for ctx.Err() == nil { // the slot may still rest
				_, _ = p.Check(ctx, "x", func(ctx context.Context) (string, error) { entered <- struct{}{}; <-ctx.Done(); return "", ctx.Err() })
			}
		})
		<-entered
	}
	return func(ask func() answer) answer {
		for {
			waiting.Wait()
			until := time.Now().Add(auth.HashWait)
			for !p.Full() {
				waiting.Go(func() { _, _ = p.Check(ctx, "x", nil) })
				runtime.Gosched()
			}
			if a := ask(); time.Now().Before(until) {
				return a
			}
		}
	}
}

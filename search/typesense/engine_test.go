package typesense

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/search/typesense/fake"
	"ticketblue/ticketing"
)

const testKey = "k"

// open makes an engine over a fake server of its own.
func open(t testing.TB) (*Engine, *fake.Server) {
	t.Helper()
	server := fake.New(testKey)
	return New(Options{URL: listen(t, server), APIKey: testKey}), server
}

func listen(t testing.TB, server http.Handler) (url string) {
	t.Helper()
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return listener.URL
}

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) search.Engine {
		e, _ := open(t)
		return e
	})
}

// TestLive is the same against a real server, for who has one: TB_TYPESENSE_URL and TB_TYPESENSE_API_KEY. What it makes
// there has names of its own and is deleted.
func TestLive(t *testing.T) {
	url := os.Getenv("TB_TYPESENSE_URL")
	if url == "" {
		t.Log("no live server was named: only the fake was asked")
		return
	}
	n := 0
	live := func(t *testing.T) *Engine {
		n++
		e := New(Options{URL: url, APIKey: os.Getenv("TB_TYPESENSE_API_KEY"), Prefix: fmt.Sprintf("tbtest%d_%d_", time.Now().UnixNano(), n)})
		t.Cleanup(func() { sweep(t, e) })
		return e
	}
	conformance.Run(t, func(t *testing.T) search.Engine { return live(t) })
	t.Run("reservations", func(t *testing.T) { testReservations(t, live(t)) })
}

// sweep deletes what an engine has on its server.
func sweep(t *testing.T, e *Engine) {
	const none = ""
	for _, kind := range append([]ticketing.SearchKind{ticketing.FindReservations}, ticketing.PublicKinds...) {
		if _, err := e.server.Alias(e.aliasOf(kind)).Delete(context.Background()); err != nil {
			t.Log(err) // it was not made
		}
		if err := e.drop(context.Background(), kind, none); err != nil {
			t.Error(err)
		}
	}
}

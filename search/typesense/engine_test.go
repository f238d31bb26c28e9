package typesense

import (
	"net/http/httptest"
	"testing"

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/search/typesense/fake"
)

const testKey = "k"

// open makes an engine over a fake server of its own.
func open(t testing.TB) (*Engine, *fake.Server) {
	t.Helper()
	server := fake.New(testKey)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return New(Options{URL: listener.URL, APIKey: testKey}), server
}

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) search.Engine {
		e, _ := open(t)
		return e
	})
}

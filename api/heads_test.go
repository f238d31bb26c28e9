package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// TestHead: HEAD is answered like GET, without the body, wherever there is an end to it.
func TestHead(t *testing.T) {
	h, _ := withPosters(t)
	matrix := accessMatrix(h)
	paths := map[string]string{"page": "/", "openapi": "/openapi.json", "docs": "/docs"}
	h.everyOperation(func(_, method string, op *huma.Operation) {
		if method == http.MethodGet && !strings.HasPrefix(op.OperationID, "watch-") {
			paths[op.OperationID] = matrix[op.OperationID].path
		}
	})
	token := h.token(admin, ticketing.Admin)
	for id, path := range paths {
		plain := map[string]string{"Accept-Encoding": "identity"} // Go asks for gzip by itself, but not with HEAD
		get := h.do(call{method: "GET", path: path, token: token, header: plain})
		head := h.do(call{method: "HEAD", path: path, token: token, header: plain})
		if head.status != get.status || len(head.body) > 0 {
			t.Errorf("%s: HEAD %d with %d bytes, GET %d", id, head.status, len(head.body), get.status)
		}
		if get.status != http.StatusOK { // sent to Kakao
			continue
		}
		for _, name := range []string{"Content-Type", "Etag", "Cache-Control", "Content-Length"} {
			if mine, theirs := head.header.Get(name), get.header.Get(name); mine != theirs && !slices.Contains([]string{"list-audit"}, id) { // the audit log has grown
				t.Errorf("%s: %s is %q, of GET %q", id, name, mine, theirs)
			}
		}
	}
	h.do(call{method: "HEAD", path: "/v1/reservations"}).wantStatus(http.StatusUnauthorized)
	h.do(call{method: "HEAD", path: eventsPath}).wantStatus(http.StatusMethodNotAllowed)
}

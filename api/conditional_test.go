package api

import (
	"net/http"
	"slices"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// TestConditionalReads: the document says 304 and If-None-Match of the same operations, and what it says is so.
func TestConditionalReads(t *testing.T) {
	h := houseOfTheMatrix(t)
	matrix, known := accessMatrix(h), 0
	h.everyOperation(func(_, _ string, op *huma.Operation) {
		_, says := op.Responses["304"]
		takes := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "header" && p.Name == "If-None-Match" })
		if says != takes {
			t.Errorf("%s: 304 is documented: %t; If-None-Match: %t", op.OperationID, says, takes)
		}
		if !says {
			return
		}
		known++
		row, token := matrix[op.OperationID], h.token(admin, ticketing.Admin)
		if row.want[3] != "200" {
			token = h.token(customer, ticketing.Customer)
		}
		etag := h.do(call{method: row.method, path: row.path, token: token}).wantStatus(http.StatusOK).header.Get("ETag")
		a := h.do(call{method: row.method, path: row.path, token: token, header: map[string]string{"If-None-Match": etag}})
		if etag == "" || a.status != http.StatusNotModified || a.header.Get("ETag") != etag || len(a.body) != 0 {
			t.Errorf("%s: ETag %q, then %d %q", op.OperationID, etag, a.status, a.header.Get("ETag"))
		}
		h.do(call{method: row.method, path: row.path, token: token, header: map[string]string{"If-None-Match": `"other"`}}).wantStatus(http.StatusOK)
	})
	if known < 15 {
		t.Errorf("%d operations", known)
	}
}

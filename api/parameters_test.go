package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// foreign operations are called by what others have written.
var foreign = []string{"kakao-callback", "toss-webhook"}

// TestOnlyKnownParameters: every operation refuses a query parameter that the document does not have for it, and changes nothing.
func TestOnlyKnownParameters(t *testing.T) {
	h, _ := withPosters(t)
	matrix := accessMatrix(h)
	h.everyOperation(func(path, method string, op *huma.Operation) {
		var known []string
		for _, p := range op.Parameters {
			if p.In == "query" {
				known = append(known, p.Name)
			}
		}
		row, before := matrix[op.OperationID], h.everything()
		address, _, _ := strings.Cut(row.path, "?")
		a := h.do(call{method, address + "?nonsense=1", h.token(admin, ticketing.Admin), row.body, row.header})
		if slices.Contains(foreign, op.OperationID) {
			if a.status == http.StatusUnprocessableEntity {
				t.Errorf("%s answered %d %s", op.OperationID, a.status, a.body)
			}
			return
		}
		p := a.wantStatus(http.StatusUnprocessableEntity).problem()
		if p.Code != "invalid_input" || len(p.Errors) != 1 || p.Errors[0].Field != "nonsense" {
			t.Errorf("%s %s: %s", method, path, a.body)
			return
		}
		if want := parameters(known).want(); p.Errors[0].Want != want {
			t.Errorf("%s: %q, want %q", op.OperationID, p.Errors[0].Want, want)
		}
		if h.everything() != before {
			t.Errorf("%s has changed something", op.OperationID)
		}
	})
}

// TestMisspelledFilters would be answered with everybody's.
func TestMisspelledFilters(t *testing.T) {
	h := withRound(t, nil)
	for query, field := range map[string]string{
		"?sttaus=confirmed": "sttaus", "?Status=confirmed": "Status", "?status=confirmed&x": "x", "?status=held&status=confirmed": "status", "?%FF=1": "?",
		"?=1": "", "?status%00=held": "status\x00", "?" + strings.Repeat("x", 200) + "=1": strings.Repeat("x", maxFieldName) + "...",
	} {
		for _, path := range []string{"/v1/admin/reservations", "/v1/admin/reservations.csv"} {
			a := h.do(call{method: "GET", path: path + query, token: h.token(admin, ticketing.Admin)}).wantStatus(http.StatusUnprocessableEntity)
			if p := a.problem(); len(p.Errors) != 1 || p.Errors[0].Field != field {
				t.Errorf("%s: %s, want the field %q", query, a.body, field)
			}
		}
	}
	h.do(call{method: "GET", path: "/v1/admin/reservations?sttaus=confirmed", token: h.token(customer, ticketing.Customer)}).wantStatus(http.StatusForbidden)
	h.do(call{method: "GET", path: "/v1/admin/reservations?&status=held&", token: h.token(admin, ticketing.Admin)}).wantStatus(http.StatusOK)
}

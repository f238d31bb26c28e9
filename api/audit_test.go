package api

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// TestNothingIsDoneUnseen: an act that cannot be written down does not begin, a look gets no answer.
func TestNothingIsDoneUnseen(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(admin, ticketing.Admin)
	before, known := h.everything(), len(h.accounts.lines)
	h.accounts.linesLost = func(ticketing.AuditEntry, int64) bool { return true }
	for _, c := range []call{
		{method: "POST", path: "/v1/admin/rounds/1/pause", token: token},
		{method: "GET", path: "/v1/admin/admins", token: token},
	} {
		if a := h.do(c).wantStatus(http.StatusServiceUnavailable); a.problem().Code != "unavailable" || h.everything() != before {
			t.Errorf("%s: %s", c.path, a.body)
		}
	}
	h.accounts.linesLost = func(_ ticketing.AuditEntry, begun int64) bool { return begun != 0 }
	h.as(token, "POST", "/v1/admin/rounds/1/pause", "").wantStatus(http.StatusOK) // it has begun, and cannot be taken back
	if lines := h.accounts.lines[known:]; len(lines) != 1 || lines[0].Operation != "pause-round" || lines[0].Targets["id"] != "1" {
		t.Errorf("lines %v", lines)
	}
}

func TestWhoIsNoAdminAnyMoreIsNone(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(admin, ticketing.Admin)
	if err := h.accounts.change(admin, func(u *ticketing.User) { u.Role = ticketing.Customer }); err != nil {
		t.Fatal(err)
	}
	before, known := h.everything(), len(h.accounts.lines)
	h.as(token, "POST", "/v1/admin/rounds/1/pause", "").wantStatus(http.StatusForbidden)
	h.as(h.token(4711, ticketing.Admin), "POST", "/v1/admin/rounds/1/pause", "").wantStatus(http.StatusForbidden)
	if h.everything() != before || len(h.accounts.lines) != known {
		t.Error("something was done")
	}
}

// TestAuditNamesWhatWasMade: the path of a POST does not say what came of it; its line in the audit log does.
func TestAuditNamesWhatWasMade(t *testing.T) {
	h := withRound(t, nil)
	matrix, token, known := accessMatrix(h), h.token(admin, ticketing.Admin), 0
	h.everyOperation(func(path, method string, op *huma.Operation) {
		row := matrix[op.OperationID]
		if !strings.HasPrefix(path, "/v1/admin/") || row.want[3] != "201" {
			return
		}
		known++
		var made struct{ ID int64 }
		h.do(call{method, row.path, token, row.body, row.header}).wantStatus(http.StatusCreated).decode(&made)
		if line := h.lastLine(); line.Operation != op.OperationID || !slices.Contains(slices.Collect(maps.Values(line.Targets)), strconv.FormatInt(made.ID, 10)) ||
			len(line.Targets) <= strings.Count(path, "{") {
			t.Errorf("%s made %d: %+v", op.OperationID, made.ID, line)
		}
	})
	if known < 7 {
		t.Errorf("%d operations", known)
	}
	h.as(token, "POST", "/v1/admin/performances/1/performers", `{"performer_id":1}`)
	if got := h.lastLine().Targets["performer"]; got != "1" {
		t.Errorf("linked performer %q", got)
	}
	for _, dry := range []string{"true", "false"} { // refused or not
		h.as(token, "POST", "/v1/admin/jobs/dormant-users/runs", `{"dry_run":`+dry+`}`)
		if got := h.lastLine().Targets["dry_run"]; got != dry {
			t.Errorf("dry_run %s: %q", dry, got)
		}
	}
}

// lastLine is the newest of the audit log.
func (h *house) lastLine() ticketing.AuditEntry {
	h.t.Helper()
	lines, err := h.accounts.AuditLog(h.t.Context(), 0, 0, 1)
	if err != nil || len(lines) != 1 {
		h.t.Fatal(lines, err)
	}
	return lines[0]
}

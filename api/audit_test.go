package api

import (
	"net/http"
	"testing"

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

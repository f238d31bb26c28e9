package api

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// TestCursorsOfOtherLists: every list refuses a cursor of every other one.
func TestCursorsOfOtherLists(t *testing.T) {
	h := withRound(t, nil)
	matrix := accessMatrix(h)
	lists := map[string]string{}
	h.everyOperation(func(_, _ string, op *huma.Operation) {
		for _, p := range op.Parameters {
			if p.In == "query" && p.Name == "after" && op.OperationID != "search" { // whose cursors are its engine's
				lists[op.OperationID] = matrix[op.OperationID].path
			}
		}
	})
	if len(lists) < 12 {
		t.Fatalf("lists %v", lists)
	}
	for _, id := range slices.Sorted(maps.Keys(lists)) {
		for _, cursor := range []string{
			"7", "-1", "MTIzQDQyLTE", "x!", listOf("list-nothing").cursor(7, ""), listOf(id, "of other filters").cursor(1_790_000_000_000, "42-1"),
		} {
			a := h.do(call{method: "GET", path: lists[id] + "?after=" + cursor, token: h.token(admin, ticketing.Admin)}).wantStatus(http.StatusUnprocessableEntity)
			if p := a.problem(); len(p.Errors) != 1 || p.Errors[0].Field != "after" {
				t.Errorf("%s after %s: %s", id, cursor, a.body)
			}
		}
	}
}

// TestCursorsOfOtherFilters: a place among the concerts is none among the musicals.
func TestCursorsOfOtherFilters(t *testing.T) {
	h := withRound(t, nil)
	l := listOf("list-performances", ticketing.Either, "concert", "", "")
	for query, status := range map[string]int{
		"?category=concert": http.StatusOK, "?category=concert&limit=3": http.StatusOK,
		"?category=musical": http.StatusUnprocessableEntity, "?category=concert&on_sale=true": http.StatusUnprocessableEntity,
		"?category=concert&to=2026-12-31": http.StatusUnprocessableEntity, "?": http.StatusUnprocessableEntity,
	} {
		h.do(call{method: "GET", path: "/v1/performances" + query + "&after=" + l.cursor(1, "2026-12-01")}).wantStatus(status)
	}
	h.do(call{method: "GET", path: "/v1/performances/2/reviews?after=" + listOf("list-reviews", int64(1)).cursorOfID(7)}).wantStatus(http.StatusUnprocessableEntity)
	h.do(call{method: "GET", path: "/v1/performances/1/reviews?after=" + listOf("list-reviews", int64(1)).cursorOfID(7)}).wantStatus(http.StatusOK)
}

func FuzzCursor(f *testing.F) {
	f.Add("eA", int64(7), "조승우")
	f.Add("", int64(0), "a@b")
	f.Fuzz(func(t *testing.T, cursor string, number int64, text string) {
		l := listOf("list-performers", "", "")
		if n, s, err := l.place(cursor); err == nil && cursor != "" && l.cursor(n, s) != cursor {
			// Digits may be written in other ways, such as 007; what they say is the same.
			if m, same, err := l.place(l.cursor(n, s)); err != nil || m != n || same != s {
				t.Errorf("%q is %d %q and became %d %q", cursor, n, s, m, same)
			}
		}
		n, s, err := l.place(l.cursor(number, text))
		if err == nil && (n != number || s != text) {
			t.Errorf("%d %q became %d %q", number, text, n, s)
		}
		if _, _, err := listOf("list-performers", "조", "").place(l.cursor(1, "x")); err == nil {
			t.Error("a cursor of other filters")
		}
	})
}

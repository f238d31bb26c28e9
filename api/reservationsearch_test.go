package api

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// fakeFound is reservations in the order of a search by newest. It remembers what it was asked for.
type fakeFound struct {
	mu     sync.Mutex
	all    []ticketing.FoundReservation
	filter ticketing.ReservationFilter
	order  ticketing.ReservationOrder
	count  int // instead of all there are
	reads  int
	broken error // what a read after the first answers
}

func (f *fakeFound) SearchReservations(_ context.Context, filter ticketing.ReservationFilter, o ticketing.ReservationOrder, after ticketing.ReservationPlace, limit int) ([]ticketing.FoundReservation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filter, f.order = filter, o
	f.reads++
	if f.reads > 1 && f.broken != nil {
		return nil, f.broken
	}
	at := slices.IndexFunc(f.all, func(r ticketing.FoundReservation) bool { return r.Place(o) == after })
	return f.all[at+1 : min(at+1+limit, len(f.all))], nil
}

func (f *fakeFound) CountReservations(_ context.Context, _ ticketing.ReservationFilter, most int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return min(max(f.count, len(f.all)), most), nil
}

// withFound is a house that finds n reservations.
func withFound(t *testing.T, n int) *house {
	h := open(t, nil)
	now := ticketing.MillisOf(h.clock.Now())
	for i := range n {
		h.found.all = append(h.found.all, ticketing.FoundReservation{
			ReservationSummary: ticketing.ReservationSummary{
				Reservation: ticketing.Reservation{
					ID: ticketing.ReservationID{Round: 42, Number: uint32(n - i)}, User: customer, Status: ticketing.Confirmed,
					Seats: []string{"A-1-1", "A-1-2"}, Amount: 264000, HeldAt: now - ticketing.Millis(i),
				},
				PerformanceID: 1, Title: `"TWENTY", 둘`, HallName: "베이스볼 드림파크", StartsAt: now.Add(48 * time.Hour),
			},
			Name: "홍길동", Email: "hong@example.com",
			Money: ticketing.ReservationMoney{Paid: 244_200, Discount: 19_800, Coupon: "3-17"},
		})
	}
	return h
}

func (h *house) search(query string) answer {
	h.t.Helper()
	return h.do(call{method: "GET", path: "/v1/admin/reservations" + query, token: h.token(admin, ticketing.Admin)})
}

func TestReservationsAreFoundInPages(t *testing.T) {
	h := withFound(t, 7)
	for _, sort := range []string{"newest", "oldest", "highest", "lowest"} {
		var seen []string
		query := "?limit=3&sort=" + sort
		for pages := 1; ; pages++ {
			var out searchReservationsOutput
			h.search(query).wantStatus(http.StatusOK).decode(&out.Body)
			for _, item := range out.Body.Items {
				seen = append(seen, item.Reservation.ID)
				if item.Customer != (foundCustomer{int64(customer), "홍길동", "hong@example.com"}) || item.Reservation.Amount != 264000 {
					t.Errorf("found %+v", item)
				}
			}
			if out.Body.Total != 7 || out.Body.AtLeast || h.found.order != ticketing.ReservationOrder(sort) {
				t.Errorf("%s: %d in all (%t), asked for %s", sort, out.Body.Total, out.Body.AtLeast, h.found.order)
			}
			if out.Body.Next == "" {
				if pages != 3 {
					t.Errorf("%s in %d pages", sort, pages)
				}
				break
			}
			query = "?limit=3&sort=" + sort + "&after=" + out.Body.Next
		}
		if want := "[42-7 42-6 42-5 42-4 42-3 42-2 42-1]"; fmt.Sprint(seen) != want {
			t.Errorf("%s: saw %v, want %s", sort, seen, want)
		}
	}
	h.found.count = maxCounted + 1
	var out searchReservationsOutput
	h.search("").wantStatus(http.StatusOK).decode(&out.Body)
	if out.Body.Total != maxCounted || !out.Body.AtLeast {
		t.Errorf("of very many it says %d, %t", out.Body.Total, out.Body.AtLeast)
	}
}

func TestSevenFilters(t *testing.T) {
	h := withFound(t, 1)
	const query = "?user=%EA%B8%B8%EB%8F%99&title=TWENTY&from=2026-11-01&to=2026-11-30&status=confirmed&min_amount=1000&max_amount=2000"
	want := ticketing.ReservationFilter{
		User: "길동", Title: "TWENTY", From: "2026-11-01", To: "2026-11-30", Status: ticketing.Confirmed, Min: 1000, Max: 2000,
	}
	h.search(query).wantStatus(http.StatusOK)
	if h.found.filter != want {
		t.Errorf("searched for %+v", h.found.filter)
	}
	h.search(".csv" + query).wantStatus(http.StatusOK)
	if h.found.filter != want {
		t.Errorf("exported %+v", h.found.filter)
	}
	h.search("?user=%09%EA%B8%B8%EB%8F%99%20&title=%20%EA%B8%B8%20%EB%8F%99%E3%80%80").wantStatus(http.StatusOK)
	if h.found.filter != (ticketing.ReservationFilter{User: "길동", Title: "길 동"}) {
		t.Errorf("with blanks around: %+v", h.found.filter)
	}
	var out searchReservationsOutput
	if p := h.search("?title=%20&user=x").wantStatus(http.StatusUnprocessableEntity).problem(); fmt.Sprint(p.Errors) != "[{title text that is not all blank}]" {
		t.Errorf("%+v", p)
	}
	h.search("").decode(&out.Body)
	if h.found.filter != (ticketing.ReservationFilter{}) || h.found.order != ticketing.NewestFirst {
		t.Errorf("without filters: %+v %s", h.found.filter, h.found.order)
	}
}

func TestSearchesThatAreNone(t *testing.T) {
	h := withFound(t, 5)
	var out searchReservationsOutput
	h.search("?limit=1").decode(&out.Body)
	for query, field := range map[string]string{
		"?from=2026-13-01": "from", "?to=tomorrow": "to", "?from=2026-11-02&to=2026-11-01": "to", "?status=sold": "status",
		"?min_amount=0": "min_amount", "?max_amount=x": "max_amount", "?min_amount=5&max_amount=4": "max_amount",
		"?user=%00": "user", "?title=%FF": "title", "?title=" + strings.Repeat("a", 201): "title", "?user=" + strings.Repeat("a", 101): "user",
		"?sort=best": "sort", "?limit=0": "limit", "?limit=101": "limit", "?after=x": "after",
		"?sort=oldest&after=" + out.Body.Next: "after",
	} {
		for _, path := range []string{"", ".csv"} {
			if path == ".csv" && slices.Contains([]string{"sort", "limit", "after"}, field) {
				continue
			}
			p := h.search(path + query).wantStatus(http.StatusUnprocessableEntity).problem()
			if len(p.Errors) == 0 || p.Errors[0].Field != field || p.Errors[0].Want == "" {
				t.Errorf("%s%s: %+v", path, query, p)
			}
		}
	}
}

func TestExport(t *testing.T) {
	const many = 3*exportPage + 7
	h := withFound(t, many)
	h.found.all[0].Name, h.found.all[1].Title = `=HYPERLINK("http://x")`, "＋1"
	h.found.all[2].Email, h.found.all[2].Name = "", ""
	a := h.search(".csv").wantStatus(http.StatusOK)
	if a.header.Get("Content-Type") != mimeCSV || a.header.Get("Content-Disposition") != `attachment; filename="reservations-2026-11-22.csv"` || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.header)
	}
	text, found := strings.CutPrefix(string(a.body), byteOrder)
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !found || len(lines) != many+1 || !strings.Contains(text, "\r\n") {
		t.Fatalf("%d lines, %v: %.200s", len(lines), err, text)
	}
	want := []string{
		"42-604", "confirmed", "7", "홍길동", "hong@example.com", "1", `"TWENTY", 둘`, "베이스볼 드림파크", "42", "2026-11-24 20:00:00",
		"A-1-1 A-1-2", "264000", "19800", "3-17", "244200", "0", "0", "2026-11-22 19:59:59", "",
	}
	if !slices.Equal(lines[0], exportColumns) || !slices.Equal(lines[4], want) {
		t.Errorf("lines %v %v", lines[0], lines[4])
	}
	if lines[1][3] != `'=HYPERLINK("http://x")` || lines[2][6] != "'＋1" || lines[3][3]+lines[3][4] != "" {
		t.Errorf("lines %v %v %v", lines[1], lines[2], lines[3])
	}
	seen := map[string]bool{}
	for _, line := range lines[1:] {
		seen[line[0]] = true
	}
	if len(seen) != many {
		t.Errorf("%d different reservations", len(seen))
	}
	if last := h.accounts.lines[len(h.accounts.lines)-1]; last.Operation != "export-reservations" || last.User != admin || last.Status != http.StatusOK {
		t.Errorf("the audit log says %+v", last)
	}
}

func TestExportOfTooMuch(t *testing.T) {
	h := withFound(t, 1)
	h.found.count = maxExported + 1
	if p := h.search(".csv").wantStatus(http.StatusUnprocessableEntity).problem(); len(p.Errors) != 1 || p.Errors[0].Field != "from" {
		t.Errorf("problem %+v", p)
	}
	h.found.count = 0
	for range 2 * maxExports { // who is done has left
		h.search(".csv").wantStatus(http.StatusOK)
	}
}

// Half a file must not look like a whole one.
func TestExportThatBreaksOff(t *testing.T) {
	h := withFound(t, 2*exportPage)
	h.found.broken = errors.New("the database is gone")
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+"/v1/admin/reservations.csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.token(admin, ticketing.Admin))
	a, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if text, err := io.ReadAll(a.Body); err == nil || len(text) == 0 {
		t.Errorf("read %d bytes, %v: want some and an error", len(text), err)
	}
}

// More files at once than may be written are refused, and there is room again when one is through.
func TestExportsAtOnce(t *testing.T) {
	h := withFound(t, 3*exportPage)
	h.server.exports.Store(maxExports)
	if p := h.search(".csv").wantStatus(http.StatusServiceUnavailable).problem(); p.Code != "busy" {
		t.Errorf("refused as %+v", p)
	}
	h.server.exports.Store(maxExports - 1)
	h.search(".csv").wantStatus(http.StatusOK)
	if n := h.server.exports.Load(); n != maxExports-1 {
		t.Errorf("%d files are being written", n)
	}
}

func FuzzHarmless(f *testing.F) {
	for _, text := range []string{"=1", " =1", "홍길동", "\t=1", "＝1", "'=1", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := harmless(text)
		if strings.TrimPrefix(got, "'") != strings.TrimPrefix(text, "'") {
			t.Errorf("%q became %q", text, got)
		}
		if first := strings.TrimLeft(got, " "); first != "" && strings.Contains("=+-@\t\r\n", first[:1]) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

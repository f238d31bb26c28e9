package api

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// TestEveryCodeHasAStatus reads the machine's codes from their source, so that a new one cannot be forgotten.
func TestEveryCodeHasAStatus(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../ticketing/result.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if _, known := rules[ticketing.Code(code)]; !known {
			t.Errorf("%s has no status", code)
		}
		return true
	})
	if found < 20 {
		t.Errorf("only %d codes found", found)
	}
}

func TestRefusalsOfTheOwner(t *testing.T) {
	opens := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	rows := []struct {
		result     ticketing.Result
		status     int
		retryable  bool
		retryAfter string
	}{
		{ticketing.Result{Code: ticketing.CodeBusy}, 503, true, "1"},
		{ticketing.Result{Code: ticketing.CodeUnavailable}, 503, true, "1"},
		{ticketing.Result{Code: ticketing.CodeFrozen}, 503, false, ""},
		{ticketing.Result{Code: ticketing.CodeTooManyKeys}, 429, false, ""},
		{ticketing.Result{Code: ticketing.CodeInternal}, 500, false, ""},
		{ticketing.Result{Code: "brand_new"}, 500, false, ""},
		{ticketing.Result{Code: ticketing.CodeSaleNotOpen, RetryAt: ticketing.MillisOf(opens)}, 409, false, ""},
	}
	for _, row := range rows {
		h := withRound(t, nil)
		h.sales.before = func(context.Context, ticketing.Stream, ticketing.Command) *ticketing.Result { return &row.result }
		a := h.reserve(customer, "k", "A-1-1").wantStatus(row.status)
		p := a.problem()
		if p.Retryable != row.retryable || a.header.Get("Retry-After") != row.retryAfter {
			t.Errorf("%s: retryable %v after %q", row.result.Code, p.Retryable, a.header.Get("Retry-After"))
		}
		if row.result.RetryAt != 0 && (p.RetryAt == nil || !p.RetryAt.Equal(opens)) {
			t.Errorf("%s: retry at %v", row.result.Code, p.RetryAt)
		}
	}
}

func TestThoseRefusedTogetherComeBackApart(t *testing.T) {
	for drawn, want := range []string{"1", "2", "3"} {
		h := withRound(t, func(c *Config) { c.Random = func(int) int { return drawn } })
		refused := ticketing.Result{Code: ticketing.CodeBusy}
		h.sales.before = func(context.Context, ticketing.Stream, ticketing.Command) *ticketing.Result { return &refused }
		hot := h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusServiceUnavailable)
		slow := h.do(call{method: "POST", path: "/v1/admin/rounds/1/open", token: h.token(admin, ticketing.Admin)}).wantStatus(http.StatusServiceUnavailable)
		if got := []string{hot.header.Get("Retry-After"), slow.header.Get("Retry-After")}; got[0] != want || got[1] != want {
			t.Errorf("drawn %d: Retry-After %v, want %s", drawn, got, want)
		}
	}
}

func TestUnknownErrorsAreLoggedAndHidden(t *testing.T) {
	h := open(t, nil)
	h.catalogue.broken = errors.New("pq: s3cret table")
	a := h.do(call{method: "GET", path: "/v1/performances"}).wantStatus(http.StatusInternalServerError)
	p := a.problem()
	if p.Code != "internal_error" || strings.Contains(string(a.body), "s3cret") {
		t.Errorf("answer %s", a.body)
	}
	if text := h.log.String(); !strings.Contains(text, "s3cret table") || !strings.Contains(text, p.RequestID) {
		t.Errorf("log %q", text)
	}
	for _, broken := range []error{sqlState("42P01"), &fs.PathError{Op: "open", Path: "s3cret", Err: syscall.EACCES}} { // nor does a table that is not there come back
		h.catalogue.broken = broken
		h.do(call{method: "GET", path: "/v1/performances"}).wantStatus(http.StatusInternalServerError)
	}
	for _, away := range []error{context.DeadlineExceeded, &net.OpError{Op: "dial", Err: errors.New("s3cret host")}, io.ErrUnexpectedEOF,
		sqlState("57P01"), sqlState("57014"), sqlState("53300"), sqlState("55P03"), sqlState("40P01")} {
		h.catalogue.broken = fmt.Errorf("listing: %w", away)
		a := h.do(call{method: "GET", path: "/v1/performances"}).wantStatus(http.StatusServiceUnavailable)
		if p := a.problem(); p.Code != "unavailable" || a.header.Get("Retry-After") == "" || strings.Contains(string(a.body), "s3cret") {
			t.Errorf("%v: %s", away, a.body)
		}
	}
}

// sqlState is what Postgres said.
type sqlState string

func (s sqlState) Error() string    { return "SQLSTATE " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

func TestPanicsAreAnsweredAndTheServerStays(t *testing.T) {
	h := withRound(t, nil)
	h.sales.before = func(context.Context, ticketing.Stream, ticketing.Command) *ticketing.Result { panic("s3cret") }
	hot := h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusInternalServerError)
	slow := h.do(call{method: "POST", path: "/v1/admin/rounds/1/open", token: h.token(admin, ticketing.Admin)}).wantStatus(http.StatusInternalServerError)
	for _, a := range []answer{hot, slow} {
		if p := a.problem(); p.Code != "internal_error" || strings.Contains(string(a.body), "s3cret") {
			t.Errorf("answer %s", a.body)
		}
	}
	h.sales.before = nil
	h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusCreated)
}

func TestEveryRequestHasADeadline(t *testing.T) {
	h := withRound(t, nil)
	var left time.Duration
	h.sales.before = func(ctx context.Context, _ ticketing.Stream, _ ticketing.Command) *ticketing.Result {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return nil
	}
	h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusCreated)
	if left <= 0 || left > hotDeadline {
		t.Errorf("hot: %v left", left)
	}
	h.do(call{method: "POST", path: "/v1/admin/rounds/1/open", token: h.token(admin, ticketing.Admin)}).wantStatus(http.StatusOK)
	if left <= hotDeadline || left > requestDeadline {
		t.Errorf("others: %v left", left)
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	h := withRound(t, nil)
	token := h.token(customer, ticketing.Customer)
	h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusCreated)
	for path, cache := range map[string]string{
		"/v1/reservations/1-1": "no-store", "/v1/rounds/1": "no-store", "/v1/rounds/1/seats": "no-cache", "/v1/performances": "no-cache", "/nothing": "no-store",
		"/v1/plans/" + h.catalogue.halls[0].PlanHash.String(): "public, max-age=31536000, immutable",
	} {
		header := h.do(call{method: "GET", path: path, token: token}).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Content-Security-Policy": contentPolicy, "Cache-Control": cache,
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if header.Get(headerRequestID) == "" {
			t.Errorf("%s has no request id", path)
		}
	}
}

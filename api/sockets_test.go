package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

// What reliability.md found out about Fiber v3, proven again on the version we use.

func TestLimitsOfTheServer(t *testing.T) {
	c := open(t, nil).server.app.Config()
	if !c.Immutable || c.ReadTimeout != 5*time.Second || c.WriteTimeout != 10*time.Second || c.IdleTimeout != time.Minute ||
		c.BodyLimit != 64<<10 || c.ReadBufferSize != 16<<10 || c.ProxyHeader != "" || c.StreamRequestBody {
		t.Errorf("config %+v", c)
	}
}

// shortReads is a house that waits a second for a request, so that the test need not wait for five.
func shortReads(t *testing.T) *house {
	return openTuned(t, nil, func(s *Server) { s.app.Server().ReadTimeout = time.Second })
}

func TestSlowWritersAreCut(t *testing.T) {
	head := "POST /v1/auth/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
	rows := map[string]struct{ before, slow string }{
		"headers":                     {"", "GET /v1/performances HTTP/1.1\r\nX-A: "},
		"body":                        {"", head + "Content-Length: 100\r\n\r\n{"},
		"chunked body":                {"", head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"},
		"headers of the next request": {"GET /v1/performances HTTP/1.1\r\nHost: h\r\n\r\n", "GET /v1/performances HTTP/1.1\r\nX-A: "},
		"after a handler of huma's":   {head + "Content-Length: 2\r\n\r\n{}", head + "Content-Length: 100\r\n\r\n{"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			h := shortReads(t)
			conn, r := h.dial()
			if row.before != "" {
				if _, err := io.WriteString(conn, row.before); err != nil {
					t.Fatal(err)
				}
				read(t, r)
			}
			stop := drip(conn, row.slow)
			defer close(stop)
			began := time.Now()
			answer, err := io.ReadAll(r)
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("cut after %v", took)
			}
			var broken *net.OpError
			if err != nil && !errors.As(err, &broken) {
				t.Errorf("reading: %v", err)
			}
			if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 408") {
				t.Errorf("answer %q", answer)
			}
		})
	}
}

// drip writes a beginning, and then ten bytes a second until the connection is closed.
func drip(conn net.Conn, beginning string) (stop chan struct{}) {
	stop = make(chan struct{})
	go func() {
		tick := time.NewTicker(100 * time.Millisecond) // fewer than a number of hexadecimal digits may have, until the server has waited enough
		defer tick.Stop()
		for next := beginning; ; next = "a" {
			if _, err := io.WriteString(conn, next); err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	return stop
}

func TestBodyLimit(t *testing.T) {
	h := withRound(t, nil)
	head := "POST /v1/rounds/1/reservations HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\nAuthorization: Bearer " +
		h.token(customer, ticketing.Customer) + "\r\n"
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 32<<10, strings.Repeat("a", 32<<10))
	for name, request := range map[string]string{
		"a length of a gigabyte": head + "Content-Length: 1000000000\r\n\r\n{",
		"a byte too many":        head + fmt.Sprintf("Content-Length: %d\r\n\r\n{", MaxBodyBytes+1),
		"chunks without end":     head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk,
	} {
		t.Run(name, func(t *testing.T) {
			conn, r := h.dial()
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 413 || resp.Header.Get("Content-Type") != mimeProblem ||
				!bytes.Contains(body, []byte("body_too_large")) || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%d %v %s, %v", resp.StatusCode, resp.Header, body, err)
			}
		})
	}
}

// TestBodyLimitIsTold: each operation has its own, and only admins have the large ones.
func TestBodyLimitIsTold(t *testing.T) {
	h := withRound(t, nil)
	root, mine := h.token(admin, ticketing.Admin), h.token(customer, ticketing.Customer)
	described := map[string]string{}
	h.everyOperation(func(path, method string, op *huma.Operation) { described[method+" "+path] = op.Description })
	for _, c := range []struct {
		method, path, template, token string
		size, large                   int // a byte less than it sends, and what an admin may
		want                          string
	}{
		{"POST", "/v1/rounds/1/reservations", "", mine, MaxBodyBytes, 0, "At most 65536 bytes."},
		{"POST", "/v1/auth/login", "", "", MaxBodyBytes, 0, "At most 65536 bytes."},
		{"PUT", posterPath, "/v1/admin/performances/{id}/poster", root, maxUpload, maxUpload, "At most 10551296 bytes."},
		{"PUT", posterPath, "/v1/admin/performances/{id}/poster", mine, MaxBodyBytes, maxUpload, "At most 65536 bytes; of an admin at most 10551296."},
		{"POST", "/v1/admin/halls", "/v1/admin/halls", root, MaxLayoutBytes, MaxLayoutBytes, "At most 16777216 bytes."},
		{"POST", "/v1/admin/plans/preview", "/v1/admin/plans/preview", root, MaxLayoutBytes, MaxLayoutBytes, "At most 16777216 bytes."},
		{"PUT", "/v1/admin/halls/1", "/v1/admin/halls/{id}", "", MaxBodyBytes, MaxLayoutBytes, "At most 65536 bytes; of an admin at most 16777216."},
	} {
		conn, r := h.dial()
		if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n{",
			c.method, c.path, c.token, c.size+1); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		var p Problem
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != 413 || p.Detail != c.want {
			t.Errorf("%s %s: %d %+v, %v", c.method, c.path, resp.StatusCode, p, err)
		}
		if about := described[c.method+" "+c.template]; c.large > 0 && !strings.Contains(about, fmt.Sprintf("at most %d bytes", c.large)) {
			t.Errorf("%s %s does not say its limit: %s", c.method, c.template, about)
		}
	}
	for _, limit := range []string{"JPEG, PNG or WebP", "10 MB", "24 million pixels", "100 pixels", "[320 640 1280]"} {
		if text := described["PUT /v1/admin/performances/{id}/poster"]; !strings.Contains(text, limit) {
			t.Errorf("posters: %q is not said: %s", limit, text)
		}
	}
}

func TestHeaderLimitAndBrokenHTTP(t *testing.T) {
	h := open(t, nil)
	for request, status := range map[string]int{
		"GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("a", MaxHeaderBytes) + "\r\n\r\n": 431,
		"GET /\x00 HTTP/1.1\r\nbroken\r\n\r\n":                                                400,
		"BREW / HTTP/1.1\r\nHost: h\r\n\r\n":                                                  405,
		"get / HTTP/1.1\r\nHost: h\r\n\r\n":                                                   405,
	} {
		conn, r := h.dial()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if resp := read(t, r); resp.StatusCode != status {
			t.Errorf("%.60q: %d, want %d", request, resp.StatusCode, status)
		}
	}
}

// TestSmuggledRequestIsNotServed: with two lengths for one body, a proxy in front may see two requests where we see
// one. Whatever follows the first must not be served on this connection.
func TestSmuggledRequestIsNotServed(t *testing.T) {
	h := open(t, nil)
	conn, r := h.dial()
	const smuggled = "GET /v1/performances HTTP/1.1\r\nHost: h\r\n\r\n"
	if _, err := io.WriteString(conn, "POST /v1/auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"0\r\n\r\n"+smuggled); err != nil {
		t.Fatal(err)
	}
	read(t, r)
	if rest, err := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("served as well: %.80q, %v", rest, err)
	}
}

func TestCompressedBombIsNotUnpacked(t *testing.T) {
	h := open(t, nil)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	a := h.do(call{"POST", "/v1/auth/login", "", bomb.String(), map[string]string{"Content-Encoding": "gzip"}})
	if a.wantStatus(http.StatusUnsupportedMediaType).problem().Code != "unsupported_media_type" {
		t.Errorf("answer %s", a.body)
	}
}

// keeper is a handler's message that outlives its request: the strings as they were, and copies.
type keeper struct {
	mu   sync.Mutex
	kept [][2]string
}

func (k *keeper) handle(c *fiber.Ctx) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range []string{c.Params("id"), c.Get("X-Kept")} {
		k.kept = append(k.kept, [2]string{s, strings.Clone(s)})
	}
	return nil
}

func (k *keeper) changed() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(k.kept), func(s [2]string) bool { return s[0] == s[1] }))
}

// serveKept sends many different requests at once through an application and counts the kept strings that changed.
func serveKept(t *testing.T, config fiber.Config) (changed, kept int) {
	t.Helper()
	var k keeper
	app := fiber.New(config)
	app.Get("/kept/:id", k.handle)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for n := range 100 {
				text := fmt.Sprintf("%d-%03d-%s", worker, n, strings.Repeat(string(rune('a'+n%26)), 20))
				req, err := http.NewRequest("GET", "http://"+ln.Addr().String()+"/kept/"+text, http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-Kept", text)
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
			}
		})
	}
	all.Wait()
	if err := app.ShutdownWithContext(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	return k.changed(), len(k.kept)
}

func TestKeptStringsDoNotChange(t *testing.T) {
	changed, kept := serveKept(t, open(t, nil).server.fiberConfig())
	if changed != 0 || kept != 800 {
		t.Errorf("%d of %d kept strings changed", changed, kept)
	}
}

func TestCommandsKeepTheirStrings(t *testing.T) {
	h := withRound(t, nil)
	var mu sync.Mutex
	var kept []ticketing.ReserveSeats
	h.sales.before = func(_ context.Context, _ ticketing.Stream, cmd ticketing.Command) *ticketing.Result {
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, cmd.(ticketing.ReserveSeats))
		return &ticketing.Result{Code: ticketing.CodeSeatTaken}
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := range 50 {
				label := fmt.Sprintf("W%d-%03d-1", worker, n)
				h.reserve(customer, label, label, label+"x")
			}
		})
	}
	all.Wait()
	var labels []string
	for _, c := range kept {
		if len(c.Seats) != 2 || c.Seats[0]+"x" != c.Seats[1] ||
			c.Key != ticketing.DigestOf("7", "reserve", "1", c.Seats[0]) || c.Body != ticketing.DigestOf("reserve", c.Seats[0], c.Seats[1]) {
			t.Fatalf("changed: %q", c.Seats)
		}
		labels = append(labels, c.Seats[0])
	}
	slices.Sort(labels)
	if len(slices.Compact(labels)) != 200 {
		t.Errorf("%d different requests, want 200", len(labels))
	}
}

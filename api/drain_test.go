package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// dial opens a connection that the test writes HTTP on by hand.
func (h *house) dial() (net.Conn, *bufio.Reader) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		h.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func get(t *testing.T, conn net.Conn, r *bufio.Reader, path string) *http.Response {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	return read(t, r)
}

func read(t *testing.T, r *bufio.Reader) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestDrain(t *testing.T) {
	h := withRound(t, nil)
	entered, answer := make(chan struct{}), make(chan struct{})
	h.sales.before = func(context.Context, ticketing.Stream, ticketing.Command) *ticketing.Result {
		close(entered)
		<-answer
		return nil
	}
	idle, idleReader := h.dial()
	if get(t, idle, idleReader, "/v1/performances").StatusCode != http.StatusOK {
		t.Fatal("before the drain")
	}
	busy, busyReader := h.dial()
	if _, err := fmt.Fprint(busy, "GET /v1/rounds/1 HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	late, lateReader := h.dial()
	if get(t, late, lateReader, "/v1/performances").StatusCode != http.StatusOK {
		t.Fatal("before the drain")
	}

	done := make(chan error, 1)
	go func() { done <- h.server.Shutdown(context.Background()) }()
	for !h.server.drain.closing.Load() {
		runtime.Gosched()
	}
	refused := get(t, late, lateReader, "/v1/performances")
	if refused.StatusCode != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") == "" || !refused.Close {
		t.Errorf("new request: %d %v", refused.StatusCode, refused.Header)
	}
	select {
	case err := <-done:
		t.Fatalf("did not wait for the request in flight: %v", err)
	default:
	}
	close(answer)
	if finished := read(t, busyReader); finished.StatusCode != http.StatusOK {
		t.Errorf("request in flight: %d", finished.StatusCode)
	}
	if err := <-done; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-h.served; err != nil {
		t.Errorf("listen: %v", err)
	}
	for name, r := range map[string]*bufio.Reader{"idle": idleReader, "busy": busyReader, "late": lateReader} {
		if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the %s connection is not closed: %v", name, err)
		}
	}
	if conn, err := net.Dial("tcp", h.addr); err == nil {
		conn.Close()
		t.Error("still listening")
	}
}

func TestDrainGivesUpWithItsContext(t *testing.T) {
	h := withRound(t, nil)
	entered, answer := make(chan struct{}), make(chan struct{})
	h.sales.before = func(context.Context, ticketing.Stream, ticketing.Command) *ticketing.Result {
		close(entered)
		<-answer
		return nil
	}
	conn, _ := h.dial()
	if _, err := fmt.Fprint(conn, "GET /v1/rounds/1 HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	close(answer)
}

func TestShutdownDoesNotWaitForTheSilentAndTheSlow(t *testing.T) {
	const patience = 40 * time.Second // with those who say nothing; who waits for them waits for all of it
	h := openTuned(t, nil, func(s *Server) { s.app.Server().ReadTimeout = patience })
	silent, silentReader := h.dial()
	slow, slowReader := h.dial()
	if _, err := fmt.Fprint(slow, "GET /v1/performances HTTP/1.1\r\nX-A: "); err != nil {
		t.Fatal(err)
	}
	known, knownReader := h.dial() // the server has accepted the two before it answers this one
	get(t, known, knownReader, "/v1/performances")
	began := time.Now()
	if err := h.server.Shutdown(context.Background()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("shutdown took %v", took)
	}
	for _, r := range []*bufio.Reader{silentReader, slowReader, knownReader} {
		if rest, err := io.ReadAll(r); len(rest) > 0 {
			t.Errorf("got %q, %v", rest, err)
		}
	}
	silent.Close()
}

func TestShutdownBeforeListen(t *testing.T) {
	s := New(Config{Clock: time.Now})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(ln); err != nil {
		t.Errorf("listen: %v", err)
	}
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error("the listener stayed open")
	}
}

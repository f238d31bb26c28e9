package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

// answerAll answers at once, so that a benchmark sees the api alone.
type answerAll struct{ code ticketing.Code }

func (a answerAll) Do(_ context.Context, _ ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	c, _ := cmd.(ticketing.ReserveSeats)
	return ticketing.Result{Seq: 123456, Reservation: ticketing.Reservation{
		ID: ticketing.ReservationID{Round: 1, Number: 12345}, User: c.User, Status: ticketing.Held, Seats: c.Seats,
		Amount: 264000, HeldAt: 1_790_000_000_000, ExpiresAt: 1_790_000_300_000,
	}}
}

// Refuse implements Sales.
func (a answerAll) Refuse(_ ticketing.Stream, cmd ticketing.Command) (ticketing.Result, bool) {
	c, _ := cmd.(ticketing.ReserveSeats)
	return ticketing.Result{Code: a.code, Seats: c.Seats, Seq: 123456}, a.code != ticketing.OK
}

// Durable implements Sales.
func (answerAll) Durable(ticketing.Stream) (uint64, bool) { return 0, false }

func BenchmarkReserve(b *testing.B) {
	benchmark(b, "/v1/rounds/1/reservations", ticketing.OK, http.StatusCreated)
}

func BenchmarkRefused(b *testing.B) {
	benchmark(b, "/v1/rounds/1/reservations", ticketing.CodeSeatTaken, http.StatusConflict)
}

func BenchmarkNoop(b *testing.B) { benchmark(b, "/bench/noop", ticketing.OK, http.StatusCreated) }

// benchmark sends one request again and again over a connection that costs nothing, and sees all of the api: reading,
// routing, the door, the handler, the answer's bytes.
func benchmark(b *testing.B, path string, code ticketing.Code, status int) {
	tokens, err := auth.NewTokens(testKey, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	s := New(Config{
		Sales: answerAll{code}, Tokens: tokens, Clock: time.Now, Limits: generous, Bench: true,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	token, err := tokens.Mint(7, ticketing.Customer)
	if err != nil {
		b.Fatal(err)
	}
	const body = `{"seats":["A-1-1","A-1-2"]}`
	s.App().Handler() // starts the application
	conn := &loop{b: b, status: "HTTP/1.1 " + strconv.Itoa(status) + " ", request: []byte("POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" +
		"Authorization: Bearer " + token + "\r\nIdempotency-Key: 4f9c1d2e\r\nContent-Type: application/json\r\n" +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)}
	b.ReportAllocs()
	if err := s.App().Server().ServeConn(conn); err != nil && !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(conn.answer)), nil)
	if err != nil || answer.StatusCode != status {
		b.Fatal(err, string(conn.answer))
	}
}

// loop is a connection whose other side asks the same again as soon as it has the answer.
type loop struct {
	net.Conn
	b       *testing.B
	request []byte
	status  string
	answer  []byte // the last one
}

func (l *loop) Read(p []byte) (int, error) {
	if !l.b.Loop() {
		return 0, io.EOF
	}
	return copy(p, l.request), nil
}

func (l *loop) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(p, []byte(l.status)) {
		return 0, errors.New(string(p))
	}
	l.answer = append(l.answer[:0], p...)
	return len(p), nil
}

func (*loop) Close() error                     { return nil }
func (*loop) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*loop) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*loop) SetReadDeadline(time.Time) error  { return nil }
func (*loop) SetWriteDeadline(time.Time) error { return nil }
func (*loop) SetDeadline(time.Time) error      { return nil }

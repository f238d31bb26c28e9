package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

// grantAll says yes at once, so that a benchmark sees the api alone.
type grantAll struct{}

func (grantAll) Do(_ context.Context, _ ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	c, _ := cmd.(ticketing.ReserveSeats)
	return ticketing.Result{Seq: 123456, Reservation: ticketing.Reservation{
		ID: ticketing.ReservationID{Round: 1, Number: 12345}, User: c.User, Status: ticketing.Held, Seats: c.Seats,
		Amount: 264000, HeldAt: 1_790_000_000_000, ExpiresAt: 1_790_000_300_000,
	}}
}

func BenchmarkReserve(b *testing.B) { benchmark(b, "/v1/rounds/1/reservations") }

func BenchmarkNoop(b *testing.B) { benchmark(b, "/bench/noop") }

func benchmark(b *testing.B, path string) {
	tokens, err := auth.NewTokens(testKey, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer tokens.Close()
	s := New(Config{
		Sales: grantAll{}, Tokens: tokens, Clock: time.Now, Limits: generous, Bench: true,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	defer s.limits.close()
	token, err := tokens.Mint(7, ticketing.Customer)
	if err != nil {
		b.Fatal(err)
	}
	handler := s.App().Handler()
	var ctx fasthttp.RequestCtx
	b.ReportAllocs()
	for b.Loop() {
		ctx.Request.Reset()
		ctx.Response.Reset()
		ctx.Request.Header.SetMethod(http.MethodPost)
		ctx.Request.SetRequestURI(path)
		ctx.Request.Header.SetContentType("application/json")
		ctx.Request.Header.Set("Authorization", "Bearer "+token)
		ctx.Request.Header.Set(headerIdempotencyKey, "4f9c1d2e")
		ctx.Request.SetBodyString(`{"seats":["A-1-1","A-1-2"]}`)
		handler(&ctx)
		if ctx.Response.StatusCode() != http.StatusCreated {
			b.Fatal(string(ctx.Response.Body()))
		}
	}
}

package api

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

// benchRoutes adds what reservations are measured against: the same door, parsing and answer, but nobody asked.
func (s *Server) benchRoutes() {
	const path = "/bench/noop"
	s.router.declare(http.MethodPost, path, route{
		id: "bench-noop", access: Customer, deadline: hotDeadline, body: true, limit: s.reserveShare,
	})
	s.router.Add(http.MethodPost, path, func(c *fiber.Ctx) error {
		if err := checkKey(c.Request().Header.Peek(headerIdempotencyKey)); err != nil {
			return err
		}
		body, err := readReserveBody(c.Request().Body())
		if err != nil {
			return err
		}
		now := ticketing.MillisOf(s.Clock())
		return answerReservation(c, http.StatusCreated, ticketing.Result{
			Seq: 123456,
			Reservation: ticketing.Reservation{
				ID:   ticketing.ReservationID{Round: 42, Number: 12345},
				User: callerOf(c.Context()).User, Status: ticketing.Held, Seats: body.Seats,
				Amount: 132000 * ticketing.KRW(len(body.Seats)), HeldAt: now, ExpiresAt: now + 300_000,
			},
		})
	})
}

package api

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

// benchRoutes adds what hot requests are measured against: the same door, parsing and answer, but nobody asked.
func (s *Server) benchRoutes() {
	s.claimNoop()
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

// claimNoop is what claims are measured against.
func (s *Server) claimNoop() {
	const path = "/bench/noop/campaigns/:id/coupons"
	s.router.declare(http.MethodPost, path, route{
		id: "bench-noop-claim", access: Customer, deadline: hotDeadline, limit: s.reserveShare,
	})
	s.router.Add(http.MethodPost, path, func(c *fiber.Ctx) error {
		campaign, err := parseClaim(c)
		if err != nil {
			return err
		}
		now := ticketing.MillisOf(s.Clock())
		return answerCoupon(c, ticketing.Result{Seq: 123456, Coupon: &ticketing.Coupon{
			ID: ticketing.CouponID{Campaign: campaign, Number: 4812}, User: callerOf(c.Context()).User, Status: ticketing.IssuedCoupon,
			Of: 5000, Discount: ticketing.Discount{Kind: ticketing.AmountOff, Value: 5000}, IssuedAt: now, ExpiresAt: now + 30*couponDay,
		}})
	})
}

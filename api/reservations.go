package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"

	answerSize = 512 // bytes that nearly every answer about a reservation fits in
)

type reserveBody struct {
	Seats         []string  `json:"seats,omitempty" nullable:"false" minItems:"1" maxItems:"20" uniqueItems:"true" doc:"Labels of the plan: all of them or none" example:"[\"A-1-1\",\"A-1-2\"]"`
	BestAvailable *bestBody `json:"best_available,omitempty" doc:"Instead of seats: the best that are next to each other"`
}

type bestBody struct {
	Count   int    `json:"count" minimum:"1" maximum:"20" doc:"Seats next to each other" example:"2"`
	Grade   string `json:"grade,omitempty" minLength:"1" maxLength:"16" doc:"Of the plan; any, and perhaps several, without it" example:"R"`
	Section string `json:"section,omitempty" minLength:"1" maxLength:"16" doc:"Of the plan; any without it" example:"A"`
}

// TransformSchema documents that it is one or the other.
func (reserveBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.OneOf = []*huma.Schema{{Required: []string{"seats"}}, {Required: []string{"best_available"}}}
	return s
}

// command is what the body asks for. A zero key is one that has not been digested, and then the body is not either.
func (b reserveBody) command(user ticketing.UserID, key ticketing.Digest) ticketing.Command {
	var body ticketing.Digest
	if key != body {
		body = b.digest()
	}
	if best := b.BestAvailable; best != nil {
		return ticketing.ReserveBest{User: user, Count: best.Count, Grade: best.Grade, Section: best.Section, Key: key, Body: body}
	}
	return ticketing.ReserveSeats{User: user, Seats: b.Seats, Key: key, Body: body}
}

func (b reserveBody) digest() ticketing.Digest {
	if best := b.BestAvailable; best != nil {
		return ticketing.DigestOf("best", strconv.Itoa(best.Count), best.Grade, best.Section)
	}
	var space [1 + ticketing.MaxSeatsPerRequest]string
	fields := append(append(space[:0], "reserve"), b.Seats...)
	slices.Sort(fields[1:])
	return ticketing.DigestOf(fields...)
}

// reserveKey names the request for ever. The strings it is made of live no longer than the call, and so need no heap.
func reserveKey(user ticketing.UserID, round ticketing.RoundID, key []byte) ticketing.Digest {
	var u, r [20]byte // digits of an int64, and its sign
	return ticketing.DigestOf(string(strconv.AppendInt(u[:0], int64(user), 10)), "reserve",
		string(strconv.AppendInt(r[:0], int64(round), 10)), string(key))
}

type reserveInput struct {
	Round int64  `path:"id" minimum:"1" example:"42"`
	Key   string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"255" pattern:"^[ -~]+$" doc:"Your own name for this request; send the same one when you repeat it" example:"4f9c1d2e"`
	Body  reserveBody
}

type reservationInput struct {
	ID string `path:"id" pattern:"^[1-9][0-9]*-[1-9][0-9]*$" example:"42-1"`
}

type reservationBody struct {
	ID        string     `json:"id" example:"42-1"`
	Round     int64      `json:"round" example:"42"`
	Status    string     `json:"status" enum:"held,paying,confirmed,released,expired,canceled"`
	Seats     []string   `json:"seats" nullable:"false" example:"[\"A-1-1\",\"A-1-2\"]"`
	Amount    int64      `json:"amount" doc:"KRW" example:"264000"`
	HeldAt    time.Time  `json:"held_at" example:"2027-03-02T11:00:07Z"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"When the seats go back unless paid" example:"2027-03-02T11:05:07Z"`
	RefundDue int64      `json:"refund_due,omitempty" doc:"KRW that are on their way back to you"`
	Seq       uint64     `json:"seq" doc:"The round's last event this answer rests on; 0 for what ended days ago" example:"1234"`
}

type reservationOutput struct {
	Position string `header:"TB-Position" example:"round:42@1234"`
	Body     reservationBody
}

type reserveOutput struct {
	Position string `header:"TB-Position" example:"round:42@1234"`
	Replayed string `header:"Idempotency-Replayed" doc:"true: this request had been granted before"`
	Body     reservationBody
}

func (s *Server) reservationRoutes() {
	hot[reserveInput, reserveOutput](s, operation{
		id: "reserve", method: http.MethodPost, path: "/v1/rounds/{id}/reservations", tag: "reservations",
		access: Customer, limit: s.reserveShare, gains: true, status: http.StatusCreated,
		errors:  []int{http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Hold seats",
		about: "All of the `seats` or none; or the `best_available` ones. 409 with the first that applies of " +
			"`sale_not_open` (`retry_at`: when it opens), `sale_paused`, `sale_closed`, `idempotency_mismatch`, " +
			"`seat_unknown`, `seats_invalid`, `limit_exceeded`, `seat_blocked`, `seat_taken`, `payment_in_progress`; `seats` " +
			"names those that failed. For the best ones, instead of those about seats: `grade_unknown`, `section_unknown`, " +
			"`limit_exceeded`, `no_block`, `all_held` (`retry_at`: when a hold runs out), `sold_out`. 400 is " +
			"`malformed_json` or `idempotency_key_required`, 422 `invalid_input`. 429 is `rate_limited`, or `too_many_keys` " +
			"until one of your reservations has ended. 503 is `busy`, `unavailable` or `stream_frozen`: on the first two, " +
			"and whenever no answer comes, repeat with the same key.",
	}, s.reserve)
	hot[reservationInput, reservationOutput](s, operation{
		id: "get-reservation", method: http.MethodGet, path: "/v1/reservations/{id}", tag: "reservations",
		access: Customer, status: http.StatusOK, summary: "See a reservation of yours", about: aboutOwner,
	}, s.showReservation)
	hot[reservationInput, reservationOutput](s, operation{
		id: "release-reservation", method: http.MethodDelete, path: "/v1/reservations/{id}", tag: "reservations",
		access: Customer, limit: s.reserveShare, status: http.StatusOK, errors: []int{http.StatusConflict},
		summary: "Give held seats back",
		about: "Only what is not paid yet, else 409: `already_confirmed`, `payment_in_progress` (the provider has been " +
			"asked for the money), `hold_expired`, `reservation_ended` (canceled). To give back twice is answered like the first " +
			"time. A coupon of an order of it that was not paid comes back at once, and may be used for another. 404 `not_found` is also for a reservation of somebody else's; 429 is `rate_limited`; 503 is `busy`, " +
			"`unavailable` or `stream_frozen`.",
	}, s.releaseReservation)
}

func (s *Server) reserve(c *fiber.Ctx) error {
	round, ok := ticketing.ParseRoundID(c.Params("id"))
	if !ok {
		return ticketing.ErrNotFound
	}
	key := c.Request().Header.Peek(headerIdempotencyKey)
	if err := checkKey(key); err != nil {
		return err
	}
	body, err := readReserveBody(c.Request().Body())
	if err != nil {
		return err
	}
	user, stream := callerOf(c.Context()).User, ticketing.RoundStream(round)
	result, refused := s.Sales.Refuse(stream, body.command(user, ticketing.Digest{})) // in a rush nearly always, and digests are dear
	if !refused {
		result = s.Sales.Do(c.UserContext(), stream, body.command(user, reserveKey(user, round, key)))
	}
	if result.Code != ticketing.OK {
		s.refuse(c, &result)
		return nil
	}
	if result.Replayed {
		c.Set(headerReplayed, "true")
	}
	return answerReservation(c, http.StatusCreated, result)
}

func checkKey(key []byte) error {
	if len(key) == 0 {
		return problem(codeKeyRequired, "")
	}
	if len(key) > MaxKeyBytes || slices.ContainsFunc(key, func(b byte) bool { return b < ' ' || b > '~' }) {
		return invalid(headerIdempotencyKey, fmt.Sprintf("1 to %d printable ASCII characters", MaxKeyBytes))
	}
	return nil
}

func checkSeats(seats []string) error {
	if len(seats) < 1 || len(seats) > ticketing.MaxSeatsPerRequest {
		return invalid("seats", fmt.Sprintf("1 to %d seat labels", ticketing.MaxSeatsPerRequest))
	}
	for i, label := range seats {
		if strings.TrimSpace(label) == "" || utf8.RuneCountInString(label) > MaxSeatLabel {
			return invalid(fmt.Sprintf("seats[%d]", i), "a seat label such as A-1-1")
		}
		if slices.Contains(seats[:i], label) {
			return invalid(fmt.Sprintf("seats[%d]", i), "a seat that is not in the list already")
		}
	}
	return nil
}

// showReservation asks the owner. What has ended a day ago the owner has forgotten, and the tables remember.
func (s *Server) showReservation(c *fiber.Ctx) error {
	id, ok := ticketing.ParseReservationID(c.Params("id"))
	if !ok {
		return ticketing.ErrNotFound
	}
	user := callerOf(c.Context()).User
	result := s.Sales.Do(c.UserContext(), ticketing.RoundStream(id.Round), ticketing.ReadReservation{User: user, Number: id.Number})
	if result.Code == ticketing.CodeNotFound {
		kept, err := s.Reservations.Reservation(c.UserContext(), user, id)
		if err != nil {
			return err
		}
		result = ticketing.Result{Reservation: kept.Reservation}
	}
	if err := s.refusal(result); err != nil {
		return err
	}
	return answerReservation(c, http.StatusOK, result)
}

// releaseReservation gives seats back, and then the coupon of an order that had been started for them.
func (s *Server) releaseReservation(c *fiber.Ctx) error {
	id, ok := ticketing.ParseReservationID(c.Params("id"))
	if !ok {
		return ticketing.ErrNotFound
	}
	result := s.Sales.Do(c.UserContext(), ticketing.RoundStream(id.Round), ticketing.ReleaseReservation{User: callerOf(c.Context()).User, Number: id.Number})
	if err := s.refusal(result); err != nil {
		return err
	}
	if attempt := result.Reservation.Attempt; attempt > 0 {
		order := ticketing.OrderID{Reservation: id, Attempt: attempt}
		if err := s.Payments.Released(c.UserContext(), order); err != nil { // the seats are back whatever comes of it
			s.Log.Info("a coupon comes back later than its seats", "order", order.String(), "error", err)
		}
	}
	return answerReservation(c, http.StatusOK, result)
}

func answerReservation(c *fiber.Ctx, status int, result ticketing.Result) error {
	r := result.Reservation
	setPosition(c, ticketing.RoundStream(r.ID.Round), result.Seq)
	response := c.Response()
	response.SetStatusCode(status)
	response.Header.SetContentType(fiber.MIMEApplicationJSON)
	var space [answerSize]byte
	response.SetBody(appendReservation(space[:0], r, result.Seq))
	return nil
}

// moment is m for the wire; nil for none.
func moment(m ticketing.Millis) *time.Time {
	if m == 0 {
		return nil
	}
	t := m.Time()
	return &t
}

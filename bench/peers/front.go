package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// The front of all kinds is the same, and reads and writes what customers send and get as quickly as Ticket Blue's.

const (
	reserveWithin = 20 * time.Second
	labelPrefix   = "A-1-" // of a plain hall's seats, numbered from 1
	price         = 99_000
	maxParty      = 20
)

type front struct {
	*shop
	counter *counter
	tokens  *tokens
}

func (f *front) app() *fiber.App {
	app := fiber.New(fiber.Config{
		Immutable: true, CaseSensitive: true, StrictRouting: true, DisableStartupMessage: true,
		ErrorHandler: func(c *fiber.Ctx, err error) error { return answerProblem(c, err) },
	})
	app.Post("/v1/auth/login", f.logIn)
	app.Post("/v1/admin/halls", f.makeHall)
	app.Get("/v1/plans/:hash", f.plan)
	app.Post("/v1/admin/performances", f.makePerformance)
	app.Post("/v1/admin/performances/:id/rounds", f.makeRound)
	app.Get("/v1/rounds/:id", f.status)
	app.Get("/v1/rounds/:id/seats", f.seatMap)
	app.Get("/v1/reservations/:id", f.reservation)
	app.Post("/v1/rounds/:id/reservations", f.reserve)
	app.Post("/bench/noop", f.noop)
	f.couponRoutes(app)
	return app
}

// customer checks the token.
func (f *front) customer(c *fiber.Ctx) (int64, error) {
	token, ok := bytes.CutPrefix(c.Request().Header.Peek(fiber.HeaderAuthorization), []byte("Bearer "))
	if !ok {
		return 0, errUnauthenticated
	}
	return f.tokens.verify(string(token))
}

// readOrder is everything that comes before the decision.
func (f *front) readOrder(c *fiber.Ctx) (order, error) {
	user, err := f.customer(c)
	if err != nil {
		return order{}, err
	}
	key := c.Request().Header.Peek("Idempotency-Key")
	if len(key) == 0 || len(key) > 255 {
		return order{}, fiber.NewError(fiber.StatusBadRequest, "the Idempotency-Key header is missing")
	}
	o := order{user: user, key: string(key), at: time.Now().Truncate(time.Millisecond)}
	err = o.readBody(c.Request().Body())
	return o, err
}

var errBody = fiber.NewError(fiber.StatusBadRequest, "the body is not as it should be")

// readBody reads {"seats":["A-1-1","A-1-2"]} or {"best_available":{"count":2}}.
func (o *order) readBody(body []byte) error {
	if rest, ok := bytes.CutPrefix(body, []byte(`{"best_available":{"count":`)); ok {
		n, err := strconv.Atoi(string(bytes.TrimSuffix(rest, []byte("}}"))))
		o.any = n
		if err != nil || n < 1 || n > maxParty {
			return errBody
		}
		return nil
	}
	rest, ok := bytes.CutPrefix(body, []byte(`{"seats":[`))
	if rest, ok2 := bytes.CutSuffix(rest, []byte("]}")); ok && ok2 {
		o.seats = make([]int32, 0, 4)
		for label := range bytes.SplitSeq(rest, []byte(",")) {
			number, ok := bytes.CutPrefix(label, []byte(`"`+labelPrefix))
			n, err := strconv.ParseInt(string(bytes.TrimSuffix(number, []byte(`"`))), 10, 32)
			if !ok || err != nil || n < 1 || len(o.seats) == maxParty {
				return errBody
			}
			o.seats = append(o.seats, int32(n-1))
		}
		slices.Sort(o.seats)
		return nil
	}
	return errBody
}

func (f *front) reserve(c *fiber.Ctx) error {
	o, err := f.readOrder(c)
	if err != nil {
		return err
	}
	id, _ := strconv.ParseInt(c.Params("id"), 10, 64)
	r, known := f.round(id)
	if !known || len(o.seats) > 0 && int(o.seats[len(o.seats)-1]) >= r.seats {
		return fiber.ErrNotFound
	}
	o.round = id
	ctx, cancel := context.WithTimeout(c.UserContext(), reserveWithin)
	defer cancel()
	s, err := f.kind.reserve(ctx, o)
	if err != nil {
		return answerProblem(c, err, o.seats...)
	}
	return answerReservation(c, fiber.StatusCreated, o, s)
}

// noop is all of that but the decision.
func (f *front) noop(c *fiber.Ctx) error {
	o, err := f.readOrder(c)
	if err != nil {
		return err
	}
	o.round = 42
	return answerReservation(c, fiber.StatusCreated, o, sold{12345, o.seats})
}

func answerReservation(c *fiber.Ctx, status int, o order, s sold) error {
	b := append(make([]byte, 0, 512), `{"id":"`...)
	b = strconv.AppendInt(b, o.round, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.id, 10)
	b = append(b, `","round":`...)
	b = strconv.AppendInt(b, o.round, 10)
	b = append(b, `,"status":"held","seats":[`...)
	b = appendLabels(b, s.seats)
	b = append(b, `],"amount":`...)
	b = strconv.AppendInt(b, int64(len(s.seats))*price, 10)
	b = append(b, `,"held_at":"`...)
	b = o.at.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","expires_at":"`...)
	b = o.at.Add(hold).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","seq":`...)
	b = strconv.AppendInt(b, s.id, 10)
	b = append(b, '}')
	h := &c.Response().Header
	h.SetContentType(fiber.MIMEApplicationJSON)
	h.SetStatusCode(status)
	h.Set(fiber.HeaderCacheControl, "no-store")
	h.Set("TB-Position", "round:"+strconv.FormatInt(o.round, 10)+"@"+strconv.FormatInt(s.id, 10))
	c.Response().SetBodyRaw(b)
	return nil
}

func appendLabels(b []byte, seats []int32) []byte {
	for i, seat := range seats {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `"`+labelPrefix...)
		b = strconv.AppendInt(b, int64(seat)+1, 10)
		b = append(b, '"')
	}
	return b
}

// answerProblem maps errors to the problems that Ticket Blue answers with.
func answerProblem(c *fiber.Ctx, err error, seats ...int32) error {
	status, code, retry := fiber.StatusInternalServerError, "internal", false
	var known *fiber.Error
	if s, name, ok := couponProblem(err); ok {
		status, code = s, name
	}
	switch {
	case errors.Is(err, errTaken):
		status, code = fiber.StatusConflict, "seat_taken"
	case errors.Is(err, errBusy):
		status, code, retry = fiber.StatusServiceUnavailable, "busy", true
		c.Set(fiber.HeaderRetryAfter, "1")
	case errors.Is(err, errUnauthenticated):
		status, code = fiber.StatusUnauthorized, "unauthenticated"
	case errors.As(err, &known):
		status, code = known.Code, "http_"+strconv.Itoa(known.Code)
	}
	b := append(make([]byte, 0, 512), `{"type":"urn:ticketblue:problem:`...)
	b = append(append(b, code...), `","title":`...)
	b = strconv.AppendQuote(b, strings.SplitN(err.Error(), "\n", 2)[0])
	b = append(strconv.AppendInt(append(b, `,"status":`...), int64(status), 10), `,"code":"`...)
	b = append(append(b, code...), `","retryable":`...)
	b = append(strconv.AppendBool(b, retry), `,"seats":[`...)
	b = append(appendLabels(b, seats), "]}"...)
	c.Response().Header.SetContentType("application/problem+json")
	c.Response().Header.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().SetStatusCode(status)
	c.Response().SetBodyRaw(b)
	return nil
}

func (f *front) reservation(c *fiber.Ctx) error {
	user, err := f.customer(c)
	if err != nil {
		return err
	}
	_, number, _ := strings.Cut(c.Params("id"), "-")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return fiber.ErrNotFound
	}
	var o order
	s := sold{id: id}
	err = f.db.QueryRow(c.UserContext(), `SELECT round, seats, held_at FROM reservations WHERE id = $1 AND customer = $2`, id, user).
		Scan(&o.round, &s.seats, &o.at)
	if err != nil {
		return err
	}
	return answerReservation(c, fiber.StatusOK, o, s)
}

// label is a seat's.
func label(seat int32) string { return fmt.Sprintf("%s%d", labelPrefix, seat+1) }

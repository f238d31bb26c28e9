package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5"
)

// The campaign's part of the front.

func (f *front) couponRoutes(app *fiber.App) {
	app.Post("/v1/admin/campaigns", f.planCampaign)
	app.Get("/v1/campaigns/:id", f.campaign)
	app.Post("/v1/campaigns/:id/coupons", f.claim)
	app.Post("/bench/noop/campaigns/:id/coupons", f.claimNoop)
}

func (f *front) planCampaign(c *fiber.Ctx) error {
	var in struct{ Stock int }
	if err := c.BodyParser(&in); err != nil || in.Stock < 1 {
		return errBody
	}
	id, err := f.counter.plan(c.UserContext(), in.Stock)
	if err != nil {
		return err
	}
	return c.Status(http.StatusCreated).JSON(fiber.Map{"id": id})
}

func (f *front) campaign(c *fiber.Ctx) error {
	id, _ := strconv.ParseInt(c.Params("id"), 10, 64)
	issued, stock, version := 0, 0, 0
	if err := f.db.QueryRow(c.UserContext(), seeCampaign, id).Scan(&issued, &stock, &version); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"id": id, "issued": issued, "left": stock - issued})
}

// readClaim is everything that comes before the decision.
func (f *front) readClaim(c *fiber.Ctx) (claim, error) {
	user, err := f.customer(c)
	if err != nil {
		return claim{}, err
	}
	key := c.Request().Header.Peek("Idempotency-Key")
	if len(key) == 0 || len(key) > 255 {
		return claim{}, fiber.NewError(fiber.StatusBadRequest, "the Idempotency-Key header is missing")
	}
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil {
		return claim{}, fiber.ErrNotFound
	}
	return claim{campaign: id, user: user, key: string(key), at: time.Now().Truncate(time.Millisecond)}, nil
}

func (f *front) claim(c *fiber.Ctx) error {
	asked, err := f.readClaim(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), reserveWithin)
	defer cancel()
	got, err := f.counter.claim(ctx, asked)
	if err != nil {
		return err
	}
	return answerCoupon(c, asked, got)
}

func (f *front) claimNoop(c *fiber.Ctx) error {
	asked, err := f.readClaim(c)
	if err != nil {
		return err
	}
	return answerCoupon(c, asked, coupon{number: 4812, of: 5000})
}

func answerCoupon(c *fiber.Ctx, asked claim, got coupon) error {
	b := append(make([]byte, 0, 512), `{"id":"`...)
	b = append(b, couponID(asked.campaign, got.number)...)
	b = strconv.AppendInt(append(b, `","campaign":`...), asked.campaign, 10)
	b = strconv.AppendInt(append(b, `,"number":`...), int64(got.number), 10)
	b = strconv.AppendInt(append(b, `,"of":`...), int64(got.of), 10)
	b = append(b, `,"status":"issued","discount":{"kind":"amount","value":5000},"minimum_amount":0,"issued_at":"`...)
	b = asked.at.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","expires_at":"`...)
	b = asked.at.Add(hold).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(strconv.AppendInt(append(b, `","seq":`...), int64(got.number), 10), '}')
	h := &c.Response().Header
	h.SetContentType(fiber.MIMEApplicationJSON)
	h.SetStatusCode(fiber.StatusCreated)
	h.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().SetBodyRaw(b)
	return nil
}

// couponProblem is the status and code of a refused claim.
func couponProblem(err error) (status int, code string, known bool) {
	switch {
	case errors.Is(err, errHasOne):
		return fiber.StatusConflict, "coupon_already_issued", true
	case errors.Is(err, errGone):
		return fiber.StatusConflict, "coupons_gone", true
	case errors.Is(err, pgx.ErrNoRows):
		return fiber.StatusNotFound, "not_found", true
	}
	return 0, "", false
}

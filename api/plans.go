package api

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/maypok86/otter/v2"

	"ticketblue/ticketing"
)

// maxPlanCache bounds the rendered plans kept in memory; one of 50,000 seats has about 5 MB.
const maxPlanCache = 64 << 20

// planCache keeps plans as they go over the wire. A plan is named by its content, so nothing ever goes stale.
type planCache = otter.Cache[ticketing.Hash, rendered]

// rendered is a plan's body. Compressed it is a twentieth, and that takes longer than all the rest: once is enough.
type rendered struct{ plain, gzip []byte }

func newPlanCache() *planCache {
	return otter.Must(&otter.Options[ticketing.Hash, rendered]{
		MaximumWeight: maxPlanCache,
		Weigher:       func(_ ticketing.Hash, r rendered) uint32 { return uint32(len(r.plain) + len(r.gzip)) },
	})
}

type planInput struct {
	Hash        string `path:"hash" example:"9d0231423d77b0cc325cfe4dc8020858ae8b0502917fe60b0983c04fd70d987d" pattern:"^[0-9a-f]{64}$"`
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag you have; 304 when nothing has changed since"`
}

type seatBody struct {
	Label   string `json:"label" example:"A-1-1"`
	Section string `json:"section" example:"A"`
	Row     string `json:"row" example:"1"`
	Number  int    `json:"number" example:"1"`
	Grade   string `json:"grade" example:"R"`
	X       int    `json:"x" doc:"Centimetres from the left of the hall" example:"55"`
	Y       int    `json:"y" doc:"Centimetres from the stage" example:"300"`
}

type planBody struct {
	Hash   string     `json:"hash" example:"9d0231423d77b0cc325cfe4dc8020858ae8b0502917fe60b0983c04fd70d987d"`
	Grades []string   `json:"grades" nullable:"false" example:"[\"VIP\",\"R\"]"`
	Seats  []seatBody `json:"seats" nullable:"false" doc:"In plan order"`
}

type planOutput struct {
	ETag string `header:"ETag"`
	Body planBody
}

func (s *Server) planRoutes() {
	hot[planInput, planOutput](s, operation{
		id: "get-plan", method: http.MethodGet, path: "/v1/plans/{hash}", tag: "rounds", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified},
		summary: "See where the seats are", about: "A plan never changes: keep it for ever.",
	}, s.plan)
}

func (s *Server) plan(c *fiber.Ctx) error {
	hash, ok := ticketing.ParseHash(c.Params("hash"))
	if !ok {
		return ticketing.ErrNotFound
	}
	body, err := s.plans.Get(c.UserContext(), hash, otter.LoaderFunc[ticketing.Hash, rendered](s.renderPlan))
	if err != nil {
		return err
	}
	etag := `"` + hash.String() + `"`
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	if matches(c.Get(fiber.HeaderIfNoneMatch), etag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	if acceptsGzip(c) {
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(body.gzip)
	}
	return c.Send(body.plain)
}

// acceptsGzip: who says nothing about encodings would formally take any, but rarely can.
func acceptsGzip(c *fiber.Ctx) bool {
	return len(c.Request().Header.Peek(fiber.HeaderAcceptEncoding)) > 0 && c.AcceptsEncodings("gzip") == "gzip"
}

// renderPlan is asked once for all who want a plan at the same time.
func (s *Server) renderPlan(ctx context.Context, hash ticketing.Hash) (r rendered, err error) {
	plan, err := s.Catalogue.Plan(ctx, hash)
	if err != nil {
		return r, err
	}
	if r.plain, err = json.Marshal(planOnWire(plan)); err != nil {
		return r, fmt.Errorf("encoding plan %v: %w", hash, err)
	}
	if r.gzip, err = compress(r.plain, gzip.BestCompression); err != nil {
		return r, fmt.Errorf("compressing plan %v: %w", hash, err)
	}
	return r, nil
}

func planOnWire(p *ticketing.Plan) planBody {
	body := planBody{Hash: p.Hash().String(), Grades: p.Grades, Seats: make([]seatBody, len(p.Seats))}
	for i, seat := range p.Seats {
		body.Seats[i] = seatBody{
			Label: seat.Label(), Section: seat.Section, Row: seat.Row, Number: seat.Number,
			Grade: p.Grades[seat.Grade], X: seat.X, Y: seat.Y,
		}
	}
	return body
}

package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/maypok86/otter/v2"

	"ticketblue/ticketing"
)

// maxPlanCache bounds the rendered plans kept in memory; one of 20,000 seats has about 1.6 MB.
const maxPlanCache = 64 << 20

// planCache keeps plans as they go over the wire. A plan is named by its content, so nothing ever goes stale.
type planCache = otter.Cache[ticketing.Hash, []byte]

func newPlanCache() *planCache {
	return otter.Must(&otter.Options[ticketing.Hash, []byte]{
		MaximumWeight: maxPlanCache,
		Weigher:       func(_ ticketing.Hash, body []byte) uint32 { return uint32(len(body)) },
	})
}

type planInput struct {
	Hash string `path:"hash" pattern:"^[0-9a-f]{64}$"`
}

type seatBody struct {
	Label   string `json:"label" example:"A-1-1"`
	Section string `json:"section" example:"A"`
	Row     string `json:"row" example:"1"`
	Number  int    `json:"number" example:"1"`
	Grade   string `json:"grade" example:"R"`
	X       int    `json:"x" doc:"Centimetres from the left of the hall"`
	Y       int    `json:"y" doc:"Centimetres from the stage"`
}

type planBody struct {
	Hash   string     `json:"hash"`
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
	body, found := s.plans.GetIfPresent(hash)
	if !found {
		plan, err := s.Catalogue.Plan(c.UserContext(), hash)
		if err != nil {
			return err
		}
		if body, err = json.Marshal(planOnWire(plan)); err != nil {
			return fmt.Errorf("encoding plan %v: %w", hash, err)
		}
		s.plans.Set(hash, body)
	}
	etag := `"` + hash.String() + `"`
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	if matches(c.Get(fiber.HeaderIfNoneMatch), etag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
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

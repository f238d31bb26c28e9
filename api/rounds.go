package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

type roundInput struct {
	Round int64 `path:"id" minimum:"1" example:"42"`
}

// knownRoundInput asks about a round of which the caller may have the answer.
type knownRoundInput struct {
	Round       int64  `path:"id" minimum:"1" example:"42"`
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag you have; 304 when nothing has changed since"`
}

type countBody struct {
	Free    int `json:"free" example:"20003"`
	Held    int `json:"held" example:"4"`
	Sold    int `json:"sold" example:"0"`
	Blocked int `json:"blocked" example:"0"`
}

type gradeBody struct {
	Grade   string `json:"grade" example:"R"`
	Price   int64  `json:"price" doc:"KRW" example:"132000"`
	Free    int    `json:"free" example:"20003"`
	Held    int    `json:"held" example:"4"`
	Sold    int    `json:"sold" example:"0"`
	Blocked int    `json:"blocked" example:"0"`
}

type statusBody struct {
	ID         int64      `json:"id" example:"42"`
	Status     string     `json:"status" enum:"scheduled,open,paused,closed"`
	SoldOut    bool       `json:"sold_out" doc:"No seat is free and none is held"`
	AllHeld    bool       `json:"all_held" doc:"No seat is free, but some are held and may come back"`
	NextExpiry *time.Time `json:"next_expiry,omitempty" doc:"When the next hold runs out"`
	Canceled   bool       `json:"canceled"`
	Plan       string     `json:"plan" doc:"Hash of the seat plan" example:"9d0231423d77b0cc325cfe4dc8020858ae8b0502917fe60b0983c04fd70d987d"`
	RoundFacts
	OpensAt    time.Time   `json:"opens_at" example:"2027-03-02T11:00:00Z"`
	ClosesAt   time.Time   `json:"closes_at" doc:"At starts_at at the latest" example:"2027-05-01T09:30:00Z"`
	StartsAt   time.Time   `json:"starts_at" example:"2027-05-01T10:30:00Z"`
	ServerTime time.Time   `json:"server_time" example:"2027-03-02T11:00:07Z"`
	Seq        uint64      `json:"seq" example:"1234"`
	Grades     []gradeBody `json:"grades" nullable:"false"`
	Totals     countBody   `json:"totals"`
}

type statusOutput struct {
	ETag     string `header:"ETag" doc:"Of all but server_time; goes into If-Match of what changes the round" example:"\"3-1234-9f2ac6d1\""`
	Position string `header:"TB-Position" example:"round:42@1234"`
	Body     statusBody
}

type seatsBody struct {
	Plan  string `json:"plan" doc:"Hash of the plan whose order the seats have" example:"9d0231423d77b0cc325cfe4dc8020858ae8b0502917fe60b0983c04fd70d987d"`
	Seq   uint64 `json:"seq" example:"1234"`
	Seats string `json:"seats" doc:"One character per seat: . free, h held, s sold, b blocked" example:"..hsb"`
}

type seatsOutput struct {
	ETag string `header:"ETag" example:"\"1234\""`
	Body seatsBody
}

func (s *Server) roundRoutes() {
	hot[knownRoundInput, statusOutput](s, operation{
		id: "get-round", method: http.MethodGet, path: "/v1/rounds/{id}", tag: "rounds", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See how a round's sale stands",
		about: "The ETag is of all but the time that it is now; it goes into the `If-Match` of what moves or deletes the round." + aboutOwner,
	}, s.round)
	hot[knownRoundInput, seatsOutput](s, operation{
		id: "get-seats", method: http.MethodGet, path: "/v1/rounds/{id}/seats", tag: "rounds", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See the state of every seat", about: aboutOwner,
	}, s.seats)
}

func (s *Server) askRound(ctx context.Context, round ticketing.RoundID, cmd ticketing.Command) (ticketing.Result, error) {
	result := s.Sales.Do(ctx, ticketing.RoundStream(round), cmd)
	return result, s.refusal(result)
}

func (s *Server) round(c *fiber.Ctx) error {
	id, ok := ticketing.ParseRoundID(c.Params("id"))
	if !ok {
		return ticketing.ErrNotFound
	}
	result, err := s.askRound(c.UserContext(), id, ticketing.ReadStatus{})
	if err != nil {
		return err
	}
	body, err := s.statusBody(c.UserContext(), id, result)
	if err != nil {
		return err
	}
	etag := body.tag()
	setPosition(c, ticketing.RoundStream(id), result.Seq)
	c.Set(fiber.HeaderETag, etag) // and no-store: a browser that put 304 and what it kept together would have an old server_time
	if matches(c.Get(fiber.HeaderIfNoneMatch), etag) {
		return c.SendStatus(http.StatusNotModified)
	}
	return c.JSON(body)
}

// tag names all that the body says, but the time: the version of what admins have planned, as in every ETag of theirs, the
// machine's state by its last event, and the title, which is another record's.
func (b *statusBody) tag() string {
	title := fnv.New32a()
	_, _ = title.Write([]byte(b.Title)) // never fails, says its documentation
	return fmt.Sprintf(`"%d-%d-%08x"`, b.Version, b.Seq, title.Sum32())
}

func (s *Server) statusBody(ctx context.Context, id ticketing.RoundID, r ticketing.Result) (statusBody, error) {
	facts, err := s.factsOf(ctx, id)
	if err != nil {
		return statusBody{}, err
	}
	st := r.Status
	body := statusBody{
		ID: int64(id), RoundFacts: facts, Status: st.Phase.String(), SoldOut: st.SoldOut, AllHeld: st.AllHeld,
		NextExpiry: moment(st.NextExpiry), Canceled: st.Canceled, Plan: st.PlanHash.String(),
		OpensAt: st.OpensAt.Time(), ClosesAt: st.ClosesAt.Time(), StartsAt: st.StartsAt.Time(),
		ServerTime: ticketing.MillisOf(s.Clock()).Time(), Seq: r.Seq,
		Grades: make([]gradeBody, len(st.Grades)), Totals: countBody(st.Total()),
	}
	for i, grade := range st.Grades {
		n := st.Counts[i]
		body.Grades[i] = gradeBody{grade, int64(st.Prices[i]), n.Free, n.Held, n.Sold, n.Blocked}
	}
	return body, nil
}

func (s *Server) seats(c *fiber.Ctx) error {
	id, ok := ticketing.ParseRoundID(c.Params("id"))
	if !ok {
		return ticketing.ErrNotFound
	}
	seq, known := s.Sales.Durable(ticketing.RoundStream(id))
	if known && matches(c.Get(fiber.HeaderIfNoneMatch), seatsTag(seq)) {
		setSeatHeaders(c, seatsTag(seq), positionOf(ticketing.RoundStream(id), seq))
		return c.SendStatus(http.StatusNotModified)
	}
	m, b, err := s.seatMap(c.UserContext(), id, seq, known)
	if err != nil {
		return err
	}
	setSeatHeaders(c, m.etag, m.position)
	if matches(c.Get(fiber.HeaderIfNoneMatch), m.etag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	if b != nil && acceptsGzip(c) {
		packed, err := b.pack(m, s.Clock())
		if err != nil {
			return err
		}
		if packed != nil {
			c.Set(fiber.HeaderContentEncoding, "gzip")
			return c.Send(packed)
		}
	}
	return c.Send(m.plain)
}

func setSeatHeaders(c *fiber.Ctx, etag, position string) {
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, "no-cache") // may be kept, must be asked about
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	c.Set(headerPosition, position)
}

// seatMap is the round's map at the owner's durable seq or later, and the board it hangs on. A round that is not in
// memory, or does not exist, has none: its owner is asked.
func (s *Server) seatMap(ctx context.Context, id ticketing.RoundID, seq uint64, known bool) (*seatMap, *board, error) {
	ask := func() (*seatMap, error) {
		result, err := s.askRound(ctx, id, ticketing.ReadSeats{})
		if err != nil {
			return nil, err
		}
		return newSeatMap(id, result), nil
	}
	if !known {
		m, err := ask()
		return m, nil, err
	}
	b, found := s.boards.GetIfPresent(id)
	if !found {
		b, _ = s.boards.SetIfAbsent(id, &board{})
	}
	m, err := b.atLeast(ctx, seq, ask)
	return m, b, err
}

// appendSeats writes a seatsBody: encoding/json would look at every one of 50,000 letters that need no looking at.
func appendSeats(dst []byte, r ticketing.Result) []byte {
	const around = 128 // bytes of it all without the seats, about
	dst = append(slices.Grow(dst, around+len(r.SeatStates)), `{"plan":"`...)
	dst = hex.AppendEncode(dst, r.Status.PlanHash[:])
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendUint(dst, r.Seq, 10)
	dst = append(dst, `,"seats":"`...)
	dst = append(dst, r.SeatStates...)
	return append(dst, `"}`...)
}

// matches tells whether an If-None-Match names this tag.
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

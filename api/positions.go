package api

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

// A position is how far a caller has seen into a round or a campaign: the TB-Position of an answer. Sent back with a read of the
// read tables, it makes sure that they are not behind what he has seen.

const headerPosition = "TB-Position"

var positionHeader = []byte("Tb-Position") // as it is sent

// AfterPosition is part of every input whose operation reads the read tables. (huma fills exported parts only.)
type AfterPosition struct {
	Position string `header:"TB-Position" pattern:"^(round|campaign):[1-9][0-9]{0,18}@[1-9][0-9]{0,19}$" doc:"The TB-Position of an answer you had: what you read is at least as new, or 503 after half a second" example:"round:42@1234"`
}

func setPosition(c *fiber.Ctx, s ticketing.Stream, seq uint64) {
	var space [64]byte
	c.Response().Header.SetCanonical(positionHeader, appendPosition(space[:0], s, seq))
}

// positionOf tells how far the caller has seen, so that a later read elsewhere can wait for as much.
func positionOf(s ticketing.Stream, seq uint64) string {
	return string(appendPosition(nil, s, seq))
}

func appendPosition(dst []byte, s ticketing.Stream, seq uint64) []byte {
	dst = append(append(dst, s...), '@')
	return strconv.AppendUint(dst, seq, 10)
}

func parsePosition(text string) (s ticketing.Stream, seq uint64, ok bool) {
	stream, number, _ := strings.Cut(text, "@")
	seq, err := strconv.ParseUint(number, 10, 64)
	s = ticketing.Stream(stream)
	_, isRound := s.Round()
	_, isCampaign := s.Campaign()
	return s, seq, (isRound || isCampaign) && err == nil
}

// await waits until the read tables are as far as the position, if there is one.
func (s *Server) await(ctx context.Context, in AfterPosition) error {
	if in.Position == "" {
		return nil
	}
	wrong := invalid(headerPosition, "the TB-Position of an answer, such as round:42@1234")
	stream, seq, ok := parsePosition(in.Position)
	if !ok {
		return wrong
	}
	ctx, cancel := context.WithTimeout(ctx, positionWait)
	defer cancel()
	err := s.Projections.AwaitProjected(ctx, stream, seq)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ticketing.ErrNotFound):
		return wrong
	}
	p := problem(ticketing.CodeUnavailable, "What you have seen is not in the lists yet.")
	if !errors.Is(err, context.DeadlineExceeded) {
		p.cause = err
	}
	return p
}

package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/maypok86/otter/v2"

	"ticketblue/ticketing"
)

// maxRoundFacts bounds how many rounds' facts are kept, some 300 bytes each.
const maxRoundFacts = 1 << 14

// RoundFacts is what the catalogue knows of a round and its machine does not. None of it ever changes.
// It is exported because huma documents no other embedded fields.
type RoundFacts struct {
	Performance int64  `json:"performance_id,omitempty" doc:"Like title and max_per_user absent if the catalogue has no such round" example:"1"`
	Title       string `json:"title,omitempty" doc:"The performance's" example:"TWENTY"`
	MaxPerUser  int    `json:"max_per_user,omitempty" doc:"Seats one customer may have in this round" example:"4"`
}

type factsCache = otter.Cache[ticketing.RoundID, RoundFacts]

func newFactsCache() *factsCache {
	return otter.Must(&otter.Options[ticketing.RoundID, RoundFacts]{MaximumSize: maxRoundFacts})
}

// factsOf asks the catalogue once for each round. That a round exists is for its owner to say, so one that only the
// owner knows has no facts.
func (s *Server) factsOf(ctx context.Context, id ticketing.RoundID) (RoundFacts, error) {
	facts, err := s.facts.Get(ctx, id, otter.LoaderFunc[ticketing.RoundID, RoundFacts](s.loadFacts))
	if errors.Is(err, ticketing.ErrNotFound) {
		return RoundFacts{}, nil
	}
	return facts, err
}

func (s *Server) loadFacts(ctx context.Context, id ticketing.RoundID) (RoundFacts, error) {
	round, err := s.Catalogue.Round(ctx, id)
	if err != nil {
		return RoundFacts{}, fmt.Errorf("reading round %d: %w", id, err)
	}
	performance, err := s.Catalogue.Performance(ctx, round.PerformanceID)
	if err != nil {
		return RoundFacts{}, fmt.Errorf("reading the performance of round %d: %w", id, err)
	}
	return RoundFacts{round.PerformanceID, performance.Title, round.Terms.MaxPerUser}, nil
}

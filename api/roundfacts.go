package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	"ticketblue/ticketing"
)

const (
	maxRoundFacts = 1 << 14          // rounds, and performances, whose facts are kept; some 300 bytes each
	factsFor      = 10 * time.Minute // after an edit that this process was not told of
)

// RoundFacts is what the catalogue knows of a round and its machine does not.
// It is exported because huma documents no other embedded fields.
type RoundFacts struct {
	Performance int64  `json:"performance_id,omitempty" doc:"Like title, max_per_user and version absent if the catalogue has no such round" example:"1"`
	Title       string `json:"title,omitempty" doc:"The performance's" example:"TWENTY"`
	MaxPerUser  int    `json:"max_per_user,omitempty" doc:"Seats one customer may have in this round" example:"4"`
	Version     int64  `json:"version,omitempty" doc:"Counts its changes by admins" example:"1"`
}

// factsCache keeps what is known of rounds, and apart from it titles: performances change with every review.
type factsCache struct {
	rounds *otter.Cache[edition, RoundFacts]
	titles *otter.Cache[edition, string]
}

// edition names a thing as it was after so many edits.
type edition struct {
	id      int64
	edition uint64
}

func (s *Server) editionOf(noun ticketing.Noun, id int64) edition {
	return edition{id, s.edits[noun].of(id).Load()}
}

func newFactsCache() *factsCache {
	return &factsCache{newFacts[RoundFacts](), newFacts[string]()}
}

func newFacts[V any]() *otter.Cache[edition, V] {
	return otter.Must(&otter.Options[edition, V]{
		MaximumSize: maxRoundFacts, ExpiryCalculator: otter.ExpiryWriting[edition, V](factsFor),
	})
}

// factsOf asks the catalogue once for each round. That a round exists is for its owner to say, so one that only the
// owner knows has no facts.
func (s *Server) factsOf(ctx context.Context, id ticketing.RoundID) (RoundFacts, error) {
	facts, err := s.facts.rounds.Get(ctx, s.editionOf(ticketing.NounRound, int64(id)), otter.LoaderFunc[edition, RoundFacts](s.loadFacts))
	if err == nil {
		facts.Title, err = s.facts.titles.Get(ctx, s.editionOf(ticketing.NounPerformance, facts.Performance), otter.LoaderFunc[edition, string](s.loadTitle))
	}
	if errors.Is(err, ticketing.ErrNotFound) {
		return RoundFacts{}, nil
	}
	return facts, err
}

func (s *Server) loadFacts(ctx context.Context, e edition) (RoundFacts, error) {
	round, err := s.Catalogue.Round(ctx, ticketing.RoundID(e.id))
	if err != nil {
		return RoundFacts{}, fmt.Errorf("reading round %d: %w", e.id, err)
	}
	return RoundFacts{Performance: round.PerformanceID, MaxPerUser: round.Terms.MaxPerUser, Version: round.Version}, nil
}

func (s *Server) loadTitle(ctx context.Context, e edition) (string, error) {
	performance, err := s.Catalogue.Performance(ctx, e.id)
	if err != nil {
		return "", fmt.Errorf("reading the title of performance %d: %w", e.id, err)
	}
	return performance.Title, nil
}

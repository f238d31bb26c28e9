package main

import (
	"context"

	"ticketblue/ticketing"
)

// catalogue verifies a stream of the catalogue: its events load and say nothing else, and what was deleted last is
// gone. The row is read after the journal, so one that is deleted meanwhile is looked at again.
func (r *verifyReport) catalogue(ctx context.Context, s *store, stream ticketing.Stream) error {
	last, problem, err := r.catalogueEvents(ctx, s, stream)
	if err != nil || problem {
		return err
	}
	noun, id, _ := stream.Catalogue()
	there, err := s.InCatalogue(ctx, noun, id)
	if err != nil {
		return err
	}
	if _, saved := last.(ticketing.CatalogueSaved); saved == there {
		return nil
	}
	again, problem, err := r.catalogueEvents(ctx, s, stream)
	if err == nil && !problem && again == last {
		r.differs(stream, "its last event is %s, and in the catalogue it is %t", ticketing.Event{Fact: last}.Name(), there)
	}
	return err
}

// catalogueEvents is the stream's last fact. What does not belong there is reported.
func (r *verifyReport) catalogueEvents(ctx context.Context, s *store, stream ticketing.Stream) (last ticketing.Fact, problem bool, err error) {
	history, err := s.LoadAll(ctx, stream)
	if err != nil {
		r.differs(stream, "its journal does not load: %v", err)
		return nil, true, ctx.Err()
	}
	for _, chunk := range history.Tail {
		events, err := ticketing.DecodeChunk(chunk.Payload)
		if err != nil {
			r.differs(stream, "chunk %d-%d: %v", chunk.From, chunk.To, err)
			return nil, true, nil
		}
		for _, e := range events {
			switch last = e.Fact; last.(type) {
			case ticketing.CatalogueSaved, ticketing.CatalogueDeleted:
			default:
				r.differs(stream, "%s is no fact of the catalogue", e.Name())
				problem = true
			}
		}
	}
	r.Events += history.Head.To
	return last, problem, nil
}

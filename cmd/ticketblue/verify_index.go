package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ticketblue/search"
)

// indexPatience is how long a running server's index may take to be what the database is. After a crash JetStream waits
// half a minute before it gives again what the dead follower had taken and not acknowledged.
const indexPatience = 45 * time.Second

// index compares the search index with the database. It is a copy and follows: an index that differs is a problem only of a
// running server that does not catch up; else, and when the engine does not answer, it is said and nothing more.
func (r *verifyReport) index(ctx context.Context, engine search.Engine, s *store, patience time.Duration) error {
	for _, kind := range engine.Kinds() {
		if err := engine.Ready(ctx); err != nil {
			r.Notes = append(r.Notes, fmt.Sprintf("the search index was not compared: %v", err))
			return ctx.Err()
		}
		d, err := search.Compare(ctx, engine, s, kind, patience)
		if err != nil {
			return err
		}
		r.Index = append(r.Index, d)
		if d.Differs() == 0 {
			continue
		}
		said := fmt.Sprintf("the search index of %ss: %d missing, %d outdated, %d that are no more, such as %s",
			kind, d.Missing, d.Outdated, d.Extra, strings.Join(d.Some, ", "))
		switch {
		case !r.Live:
			r.Notes = append(r.Notes, said+"; a running server catches up, or: ticketblue rebuild --search")
		case d.CatchesUp:
			r.Notes = append(r.Notes, said+"; they become fewer")
		default:
			r.Problems = append(r.Problems, said+"; to repair it: ticketblue rebuild --search")
			r.OK = false
		}
	}
	return nil
}

// indexed is what the index has, in words.
func (r *verifyReport) indexed() string {
	var kinds []string
	for _, d := range r.Index {
		kinds = append(kinds, fmt.Sprintf("%d %ss", d.Indexed, d.Kind))
	}
	return strings.Join(kinds, ", ")
}

package search

import (
	"context"
	"time"

	"ticketblue/ticketing"
)

// maxEdited is how many edits wait to be taken in at once; of more only the follower tells.
const maxEdited = 1000

// editedWithin is the deadline of taking in what has gathered.
const editedWithin = 20 * time.Second

// Edited says that a stream of the catalogue was edited here just now. What somebody waits for then overtakes what a follower
// still has to tell of, such as a seed. It does not block, and may forget: the follower tells of everything.
func (s *Sync) Edited(stream ticketing.Stream) {
	select {
	case s.edited <- stream:
	default:
	}
}

// RunEdited takes in what Edited says, until ctx ends.
func (s *Sync) RunEdited(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case stream := <-s.edited:
			changes := []Change{{Stream: stream}}
			for len(s.edited) > 0 && len(changes) < Batch {
				changes = append(changes, Change{Stream: <-s.edited})
			}
			limited, cancel := context.WithTimeout(ctx, editedWithin)
			_ = s.Told(limited, changes) // what fails the follower tries again
			cancel()
		}
	}
}

package broadcast

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"

	"ticketblue/ticketing"
)

// nudgeSubject carries users' ids, by core NATS: who is not there does not hear of it, and looks for himself in time.
const (
	nudgeSubject = "tb.inbox"
	nudgeQueue   = 1024 // nudges that wait for us; more are lost
)

// Nudge tells all nodes that a customer's inbox has something new. It may be lost.
func (b *Broadcaster) Nudge(user ticketing.UserID) {
	_ = b.nc.Publish(nudgeSubject, strconv.AppendInt(nil, int64(user), 10)) // he is nudged again, or looks by himself
}

// Nudges calls do for every nudge, this node's own too, until ctx ends.
func (b *Broadcaster) Nudges(ctx context.Context, do func(ticketing.UserID)) error {
	messages := make(chan *nats.Msg, nudgeQueue)
	sub, err := b.nc.ChanSubscribe(nudgeSubject, messages)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			if user, err := strconv.ParseInt(string(m.Data), 10, 64); err == nil {
				do(ticketing.UserID(user))
			}
		}
	}
}

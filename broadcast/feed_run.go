package broadcast

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// errRenew: the consumer is of no use any more, the map is.
var errRenew = errors.New("the consumer must be opened again")

// run keeps the map up to date until the feed is stopped or the owner does not show it any more.
func (f *feed) run() {
	defer f.stop()
	err := f.keep()
	if f.ctx.Err() != nil {
		err = nil
	}
	f.end(err)
}

// keep notes where JetStream ends, takes the map from the owner, and follows from that place; and again when the consumer
// breaks. What is committed after the owner's answer is published behind the place, and what lies behind it and is in
// the map already is dropped by its seq: so nothing is lost in between, and a round nobody knows costs no consumer. While
// JetStream is away the map stands still.
func (f *feed) keep() (err error) {
	defer func() {
		if p := recover(); p != nil { // a map is not worth the process that sells the seats
			f.hub.b.log.Error("a live map panicked", "round", int64(f.round), "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("broadcast: showing round %d: %v", f.round, p)
		}
	}()
	for {
		renewed := f.hub.b.renewed()
		stream, away := f.endOfStream()
		if away == nil || f.view == nil { // better a map that stands still than none
			err = f.ask()
		}
		if away == nil && err == nil {
			err = f.followFrom(stream, renewed)
		}
		if err != nil && !errors.Is(err, errRenew) {
			return err
		}
		select {
		case <-f.ctx.Done():
			return f.ctx.Err()
		case <-renewed:
		case <-time.After(reopenAfter):
		}
	}
}

// endOfStream returns the stream with its state of now.
func (f *feed) endOfStream() (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(f.ctx, openDeadline)
	defer cancel()
	if err := f.hub.b.Healthy(); err != nil {
		return nil, err
	}
	return f.hub.b.js.Stream(ctx, StreamName)
}

// open makes a consumer of all that is published after the stream's state was looked at.
func (f *feed) open(stream jetstream.Stream) (jetstream.MessagesContext, error) {
	ctx, cancel := context.WithTimeout(f.ctx, openDeadline)
	defer cancel()
	subject, err := Subject(f.stream)
	if err != nil {
		return nil, err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects:    []string{subject},
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy, // "new" would be asked anew at every reset, and leave a hole
		OptStartSeq:       stream.CachedInfo().State.LastSeq + 1,
		InactiveThreshold: inactiveAfter,
	})
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(viewerFrames))
}

// followFrom takes messages in and sends frames, one per FrameEvery. It returns errRenew when the consumer broke.
func (f *feed) followFrom(stream jetstream.Stream, renewed <-chan struct{}) error {
	messages, err := f.open(stream)
	if err != nil {
		return errRenew // JetStream has just gone away
	}
	defer messages.Stop()
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	incoming := make(chan jetstream.Msg)
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		pump(ctx, messages, incoming)
	}()

	pace := pace{every: f.hub.cfg.FrameEvery}
	var due <-chan time.Time // set while something waits to be sent
	send := func() {
		due = nil
		if f.flush() {
			pace.count(time.Now())
		}
	}
	send()
	for {
		select {
		case <-f.ctx.Done():
			return f.ctx.Err()
		case <-renewed:
			return errRenew
		case <-broken:
			return errRenew
		case msg := <-incoming:
			if err := f.handle(msg); err != nil {
				return err
			}
			if wait := pace.wait(time.Now()); wait <= 0 {
				send()
			} else if due == nil {
				due = time.After(wait)
			}
		case <-due:
			send()
		}
	}
}

// pace allows one frame per interval on average, and one early. Without the early one a relay of the same pace whose
// messages come just after a frame would have each of them wait a whole interval.
type pace struct {
	every time.Duration
	next  time.Time // when the next frame would be on time
}

func (p *pace) wait(now time.Time) time.Duration { return p.next.Add(-p.every).Sub(now) }

func (p *pace) count(now time.Time) {
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(p.every)
}

// pump makes a channel of an iterator, until the iterator fails: why does not matter, a new one is made.
func pump(ctx context.Context, messages jetstream.MessagesContext, incoming chan<- jetstream.Msg) {
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return
		}
		select {
		case incoming <- msg:
		case <-ctx.Done():
			return
		}
	}
}

// handle takes a message in; one that does not follow the view, or cannot be read, is made up for by asking the owner.
func (f *feed) handle(msg jetstream.Msg) error {
	m, err := decode(msg.Subject(), msg.Headers(), msg.Data())
	if err != nil {
		f.hub.b.log.Warn("a message is dropped", "subject", msg.Subject(), "error", err)
		return nil
	}
	if f.take(m) {
		return nil
	}
	if err := f.ask(); err != nil {
		return err
	}
	if !f.take(m) {
		return fmt.Errorf("broadcast: round %d: events %d-%d cannot be shown after the owner's %d", f.round, m.from, m.to, f.view.Seq())
	}
	return nil
}

package broadcast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"ticketblue/ticketing"
)

// errMoved: the subject does not end where we thought.
var errMoved = errors.New("the subject has moved on")

// pass sends what the journal has after the lane's cursor, one message at most. It reports whether it sent one.
func (r *Relay) pass(ctx context.Context, s ticketing.Stream, l *lane) (sent bool, err error) {
	r.passes.RLock()
	defer r.passes.RUnlock()
	r.b.sending.RLock()
	defer r.b.sending.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, passDeadline)
	defer cancel()
	if err := r.b.Healthy(); err != nil {
		return false, err
	}
	if born := r.b.generation(); !l.known || !born.Equal(l.born) {
		if l.cursor, err = r.cursor(ctx, s); err != nil {
			return false, err
		}
		l.known, l.born = true, born
	}
	chunks, err := r.cfg.Journal.ChunksAfter(ctx, s, l.cursor.to, readBytes)
	if err != nil {
		return false, fmt.Errorf("reading the journal: %w", err)
	}
	if len(chunks) > 0 {
		err := r.send(ctx, s, &l.cursor, chunks, "")
		if errors.Is(err, errMoved) {
			l.known = false // a rival, or a limit has taken the last message away: look again
			r.b.metrics.lost.Inc()
			return false, nil
		}
		if err != nil {
			return false, err
		}
		sent = true
	}
	if now := time.Now(); !sent || now.Sub(l.settled) >= settleEvery {
		if err := r.cfg.Journal.SetRelayed(ctx, s, l.cursor.to); err != nil {
			return sent, fmt.Errorf("marking as relayed: %w", err)
		}
		l.settled = now
	}
	return sent, nil
}

// cursor is where the subject ends. The last message alone is not enough: after its age it is gone, and history would
// be sent again. The mark alone is not either: it is set later.
func (r *Relay) cursor(ctx context.Context, s ticketing.Stream) (cursor, error) {
	c, err := r.lastOnSubject(ctx, s)
	if err != nil {
		return cursor{}, err
	}
	relayed, err := r.cfg.Journal.Relayed(ctx, s)
	if err != nil {
		return cursor{}, fmt.Errorf("reading the mark: %w", err)
	}
	c.to = max(c.to, relayed)
	return c, nil
}

func (r *Relay) lastOnSubject(ctx context.Context, s ticketing.Stream) (cursor, error) {
	subject, err := Subject(s)
	if err != nil {
		return cursor{}, err
	}
	stream, err := r.b.js.Stream(ctx, StreamName)
	if err != nil {
		r.b.lookSoon() // it may be gone
		return cursor{}, fmt.Errorf("looking at stream %s: %w", StreamName, err)
	}
	last, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return cursor{}, nil
	}
	if err != nil {
		return cursor{}, fmt.Errorf("looking at the end of %s: %w", subject, err)
	}
	m, err := decode(last.Subject, last.Header, last.Data)
	if err != nil {
		return cursor{}, err
	}
	return cursor{to: m.to, sequence: last.Sequence}, nil
}

// send publishes one message made of the chunks after the cursor, and moves the cursor. It returns errMoved when the
// subject does not end at the cursor.
func (r *Relay) send(ctx context.Context, s ticketing.Stream, at *cursor, chunks []ticketing.Chunk, nonce string) error {
	m, err := join(s, at.to, chunks, int(r.b.nc.MaxPayload())-headerBytes)
	if err != nil {
		return err
	}
	msg, err := m.encode(time.Now(), nonce)
	if err != nil {
		return err
	}
	ack, err := r.b.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(StreamName), jetstream.WithExpectLastSequencePerSubject(at.sequence))
	if err != nil {
		if movedOn(err) {
			return errMoved
		}
		r.b.lookSoon() // the stream may be gone
		return fmt.Errorf("publishing %s: %w", m.id(), err)
	}
	if ack.Duplicate {
		return r.afterDuplicate(ctx, at, m)
	}
	r.b.metrics.messages.Inc()
	r.b.metrics.bytes.Add(float64(len(m.payload)))
	*at = cursor{to: m.to, sequence: ack.Sequence}
	return nil
}

// afterDuplicate goes on behind a message that JetStream says it has had. It may have had it and lost it again (aged,
// purged), so its word counts even where the subject does not show the message: asking again would go on for ever.
func (r *Relay) afterDuplicate(ctx context.Context, at *cursor, m message) error {
	last, err := r.lastOnSubject(ctx, m.stream)
	if err != nil {
		return err
	}
	*at = cursor{to: max(last.to, m.to), sequence: last.sequence}
	return nil
}

// movedOn tells the two codes of a refused Nats-Expected-Last-Subject-Sequence. The second also comes without any rival,
// while an earlier message is in work; looking again is right for both.
func movedOn(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && (refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// Rebuild purges JetStream and sends the whole journal again, as fast as it can and whatever its age: for contents that are
// wrong, and for a follower that must be told what is older than the stream keeps. It may run while everything else does, but
// this relay's other streams wait for the one in work. Followers drop what they have seen.
func (r *Relay) Rebuild(ctx context.Context) error {
	if err := r.b.started(ctx); err != nil {
		return fmt.Errorf("rebuilding: %w", err)
	}
	streams, err := r.cfg.Journal.Streams(ctx)
	if err != nil {
		return fmt.Errorf("rebuilding: listing streams: %w", err)
	}
	if err := r.purge(ctx); err != nil { // subjects of streams that are no more go too
		return fmt.Errorf("rebuilding: %w", err)
	}
	for _, s := range streams {
		if err := r.rebuild(ctx, s); err != nil {
			return fmt.Errorf("rebuilding %s: %w", s, err)
		}
	}
	return nil
}

func (r *Relay) rebuild(ctx context.Context, s ticketing.Stream) error {
	r.passes.Lock() // our own passes; those of rivals are fenced, and cost us another trial
	defer r.passes.Unlock()
	r.b.sending.RLock()
	defer r.b.sending.RUnlock()
	subject, err := Subject(s)
	if err != nil {
		return err
	}
	for range rebuildTrials {
		if err := r.purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return err
		}
		// JetStream remembers the ids of purged messages, so these get others.
		if err := r.sendAll(ctx, s, "~"+nats.NewInbox()); !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("another relay was quicker %d times", rebuildTrials)
}

func (r *Relay) sendAll(ctx context.Context, s ticketing.Stream, nonce string) error {
	var at cursor
	for {
		chunks, err := r.cfg.Journal.ChunksAfter(ctx, s, at.to, readBytes)
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		if len(chunks) == 0 {
			return r.cfg.Journal.SetRelayed(ctx, s, at.to)
		}
		if err := r.send(ctx, s, &at, chunks, nonce); err != nil {
			return err
		}
	}
}

func (r *Relay) purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	ctx, cancel := context.WithTimeout(ctx, requestDeadline)
	defer cancel()
	stream, err := r.b.js.Stream(ctx, StreamName)
	if err == nil {
		err = stream.Purge(ctx, opts...)
	}
	if err != nil {
		return fmt.Errorf("purging stream %s: %w", StreamName, err)
	}
	return nil
}

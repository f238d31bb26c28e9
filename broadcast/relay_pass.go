package broadcast

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"ticketblue/ticketing"
)

// errMoved: the subject does not end where we thought.
var errMoved = errors.New("the subject has moved on")

// pass sends what the journal has after the lanes' cursors, one message of each stream at most, and says in the lanes
// how that went.
func (r *Relay) pass(ctx context.Context, lanes []*lane) {
	r.passes.RLock()
	defer r.passes.RUnlock()
	r.b.sending.RLock()
	defer r.b.sending.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, passDeadline)
	defer cancel()
	err := r.b.Healthy()
	if err == nil {
		err = r.locate(ctx, lanes)
	}
	if err == nil {
		err = r.sendNext(ctx, lanes)
	}
	if err != nil {
		for _, l := range lanes {
			l.err = err
		}
	}
}

// locate finds out where the subjects end, of lanes that do not know. The last message alone is not enough: after its
// age it is gone, and history would be sent again. The mark alone is not either: it is set later.
func (r *Relay) locate(ctx context.Context, lanes []*lane) error {
	if born := r.b.generation(); !born.Equal(r.born) {
		clear(r.ends)
		clear(r.marks)
		r.born = born
	}
	var lost []*lane
	var streams []ticketing.Stream
	for _, l := range lanes {
		if l.known && r.born.Equal(l.born) {
			continue
		}
		end, remembered := r.ends[l.stream]
		delete(r.ends, l.stream) // should it be wrong, the next look is at JetStream
		if remembered {
			l.cursor, l.known, l.born = end, true, r.born
			continue
		}
		lost, streams = append(lost, l), append(streams, l.stream)
	}
	if len(lost) == 0 {
		return nil
	}
	marks, err := r.cfg.Journal.Relayed(ctx, streams)
	if err != nil {
		return fmt.Errorf("reading the marks: %w", err)
	}
	for _, l := range lost {
		if marks[l.stream] == 0 && !l.guessed { // new: JetStream has nothing of it, and would refuse were it otherwise
			l.cursor, l.known, l.born, l.guessed = cursor{}, true, r.born, true
			continue
		}
		if l.cursor, l.err = r.lastOnSubject(ctx, l.stream); l.err == nil {
			l.cursor.to = max(l.cursor.to, marks[l.stream])
			l.known, l.born = true, r.born
		}
	}
	return nil
}

// sendNext reads on in all streams and sends what there is. JetStream is waited for once, not stream by stream.
func (r *Relay) sendNext(ctx context.Context, lanes []*lane) error {
	after := make(map[ticketing.Stream]uint64, len(lanes))
	for _, l := range lanes {
		if l.err == nil {
			after[l.stream] = l.cursor.to
		}
	}
	if len(after) == 0 {
		return nil
	}
	most := min(readBytes, passBytes/len(after))
	chunks, err := r.cfg.Journal.ChunksAfter(ctx, after, most)
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	var under []posted
	for _, l := range lanes {
		if own := chunks[l.stream]; l.err == nil && len(own) > 0 {
			p, err := r.post(l.stream, l.cursor, own, "")
			if l.err = err; err == nil {
				p.lane = l
				l.all = len(own) == 1 && len(own[0].Payload) < most && p.to == own[0].To
				under = append(under, p)
			}
		}
	}
	for _, p := range under {
		l := p.lane
		l.err = r.acknowledged(ctx, &l.cursor, p)
		switch {
		case errors.Is(l.err, errMoved):
			l.known, l.err = false, nil // a rival, or a limit has taken the last message away: look again
			r.b.metrics.lost.Inc()
		case l.err == nil:
			l.sent = true
		}
	}
	for _, l := range lanes {
		if l.err == nil && l.known && (l.sent || l.cursor.to > l.marked) {
			r.marks[l.stream], l.marked = l.cursor.to, l.cursor.to
		}
	}
	return nil
}

// settle sets the marks of what has been sent, of all streams at once and not more often than is worth it: they are
// beside the journal, which the buyers' commits are waiting for. Marks of a JetStream that is no more are forgotten,
// for they are being taken back.
func (r *Relay) settle(ctx context.Context) {
	r.b.sending.RLock()
	defer r.b.sending.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, passDeadline)
	defer cancel()
	r.marked = time.Now()
	if r.b.Healthy() != nil || !r.b.generation().Equal(r.born) {
		clear(r.marks)
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(r.marks)), markStreams) {
		marks := make(map[ticketing.Stream]uint64, len(part))
		for _, s := range part {
			marks[s] = r.marks[s]
		}
		if err := r.cfg.Journal.SetRelayed(ctx, marks); err != nil {
			r.failed(ctx, "mark", err)
			return
		}
		for _, s := range part {
			delete(r.marks, s)
		}
	}
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

// posted is a message on its way to JetStream.
type posted struct {
	message
	lane *lane // whose it is, in a pass
	ack  jetstream.PubAckFuture
}

// post publishes one message made of the chunks after a cursor, without waiting for it.
func (r *Relay) post(s ticketing.Stream, at cursor, chunks []ticketing.Chunk, nonce string) (posted, error) {
	m, err := join(s, at.to, chunks, int(r.b.nc.MaxPayload())-headerBytes)
	if err != nil {
		return posted{}, err
	}
	msg, err := m.encode(time.Now(), nonce)
	if err != nil {
		return posted{}, err
	}
	ack, err := r.b.js.PublishMsgAsync(msg, jetstream.WithExpectStream(StreamName), jetstream.WithExpectLastSequencePerSubject(at.sequence))
	if err != nil {
		return posted{}, fmt.Errorf("publishing %s: %w", m.id(), err)
	}
	return posted{message: m, ack: ack}, nil
}

// acknowledged waits until JetStream has a message, and moves the cursor. It returns errMoved when the subject did not
// end at the cursor.
func (r *Relay) acknowledged(ctx context.Context, at *cursor, p posted) error {
	var ack *jetstream.PubAck
	var err error
	select {
	case ack = <-p.ack.Ok():
	case err = <-p.ack.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		if movedOn(err) {
			return errMoved
		}
		r.b.lookSoon() // the stream may be gone
		return fmt.Errorf("publishing %s: %w", p.id(), err)
	}
	if ack.Duplicate {
		return r.afterDuplicate(ctx, at, p.message)
	}
	r.b.metrics.messages.Inc()
	r.b.metrics.bytes.Add(float64(len(p.payload)))
	*at = cursor{to: p.to, sequence: ack.Sequence}
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
		chunks, err := r.cfg.Journal.ChunksAfter(ctx, map[ticketing.Stream]uint64{s: at.to}, readBytes)
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		if len(chunks[s]) == 0 {
			return r.cfg.Journal.SetRelayed(ctx, map[ticketing.Stream]uint64{s: at.to})
		}
		if err := r.send(ctx, s, &at, chunks[s], nonce); err != nil {
			return err
		}
	}
}

func (r *Relay) send(ctx context.Context, s ticketing.Stream, at *cursor, chunks []ticketing.Chunk, nonce string) error {
	p, err := r.post(s, *at, chunks, nonce)
	if err != nil {
		return err
	}
	return r.acknowledged(ctx, at, p)
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

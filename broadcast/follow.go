package broadcast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"ticketblue/ticketing"
)

// How followers are told.
const (
	maxInFlight   = 1024             // messages given and not acknowledged
	followBuffer  = 256              // messages fetched ahead
	maxTogether   = 256              // messages that Together is told of at once
	ackWait       = 30 * time.Second // after it a message is given again
	leaveWithin   = time.Second      // for the server to hear that a follower is gone
	followRequest = 20 * time.Second // of one telling, the journal and Do together; below ackWait
	minRetry      = 100 * time.Millisecond
	maxRetry      = 30 * time.Second
	reopenEvery   = time.Second // after the consumer was lost
	lagEvery      = time.Second // JetStream is asked how much is still to come
)

// Follower wants every event of some streams, in order per stream.
type Follower struct {
	// Name is the durable consumer's: letters, digits, '-' and '_'. It is for one process at a time: two would be told
	// much of it twice. How many messages are still to come is shown under it, in follower_lag_messages.
	Name string
	// Ephemeral followers leave no position behind: each run begins with the oldest message JetStream has, and many
	// processes may use one name. For caches in memory.
	Ephemeral bool
	// Of names the streams by the beginning of their names, whole parts: "catalogue" for "catalogue:hall:7" and all its
	// like. None: all streams. No two may overlap.
	Of      []string
	Journal Journal
	// Seen is the last seq of a stream that Do has taken in, from wherever the follower keeps it. It is asked at a
	// stream's first event. Nil means that a new process knows nothing: every stream is then told from its beginning, once
	// per process.
	Seen func(ctx context.Context, s ticketing.Stream) (uint64, error)
	// Do takes consecutive events in, the first with seq from. After an error, or when the process dies before the
	// acknowledgement, the same events come again, so Do must bear that.
	Do func(ctx context.Context, s ticketing.Stream, from uint64, events []ticketing.Event) error
	// Together, when set, takes in what is new in several streams at once, as much as has come: for who can do many as
	// cheaply as one. After an error each stream is given to Do by itself.
	Together func(ctx context.Context, all []News) error
}

// Later is an error of who cannot take something in yet, and fails for no fault: nobody is warned.
type Later interface{ Later() bool }

// News is consecutive events of a stream, the first with seq From.
type News struct {
	Stream ticketing.Stream
	From   uint64
	Events []ticketing.Event
}

// Follow tells the follower until ctx ends, and then returns why it ended. It returns at once when the follower is not whole.
// A failure of Do holds back its own stream only, and is tried again with growing pauses.
func (b *Broadcaster) Follow(ctx context.Context, f Follower) error {
	if f.Name == "" || f.Journal == nil || f.Do == nil {
		return errors.New("broadcast: a follower needs a name, a journal and something to do")
	}
	subjects, err := f.subjects()
	if err != nil {
		return err
	}
	t := &teller{Follower: f, b: b, filter: subjects, streams: map[ticketing.Stream]*told{}}
	if err := b.started(ctx); err != nil {
		return err
	}
	for warned := false; ctx.Err() == nil; warned = true {
		if err := t.consume(ctx); ctx.Err() == nil && !warned {
			b.log.Warn("a follower lost its consumer; opening it again", "follower", f.Name, "error", err)
		}
		if err := pause(ctx, reopenEvery); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (f Follower) subjects() ([]string, error) {
	if len(f.Of) == 0 {
		return []string{subjectPrefix + ">"}, nil
	}
	var all []string
	for _, name := range f.Of {
		subject, err := Subject(ticketing.Stream(name))
		if err != nil {
			return nil, err
		}
		all = append(all, subject+".>")
	}
	return all, nil
}

// teller is one run of Follow. One goroutine uses it.
type teller struct {
	Follower
	b       *Broadcaster
	filter  []string
	streams map[ticketing.Stream]*told // about 100 bytes for every stream with an event since the start
}

// told is how far the follower is with one stream.
type told struct {
	seen    uint64 // the watermark: what comes at or below is dropped
	fails   int    // in a row
	retryAt time.Time
	// anchor is the newest message of a failing stream, the only one that stays unacknowledged; nil when all is well.
	// When it comes again the journal is read to its end, so the earlier ones may go: a failing stream holds one of
	// maxInFlight, however much happens in it.
	anchor anchor
}

// anchor names a message that was sent back. The library answers a message once only, so the second answer is ours.
type anchor struct {
	sequence uint64 // JetStream's number; 0 for none
	reply    string // where an answer goes
}

// consume opens the consumer and handles its messages until it breaks or ctx ends.
func (t *teller) consume(ctx context.Context) error {
	renewed := t.b.renewed()
	config := jetstream.ConsumerConfig{
		Durable:        t.Name,
		Description:    "A follower of Ticket Blue's facts.",
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxAckPending:  maxInFlight,
		MaxDeliver:     -1,
		FilterSubjects: t.filter,
	}
	if t.Ephemeral {
		config.Durable, config.InactiveThreshold, config.MemoryStorage = "", inactiveAfter, true
	}
	consumer, err := t.b.js.CreateOrUpdateConsumer(ctx, StreamName, config)
	if err != nil {
		return fmt.Errorf("opening consumer %s: %w", t.Name, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(followBuffer))
	if err != nil {
		return fmt.Errorf("opening consumer %s: %w", t.Name, err)
	}
	defer t.leave(messages)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	reading, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	go func() { // a stream made anew has no such consumer, and nobody tells the iterator
		t.showLag(watching, consumer, renewed)
		messages.Drain() // what was sent to us and dropped would come to the follower's next run only after ackWait
		time.AfterFunc(leaveWithin, giveUp)
	}()
	fetched := make(chan jetstream.Msg, maxTogether)
	var ended, unanswered error
	go func() {
		defer close(fetched)
		ended = t.fetch(reading, messages, fetched)
	}()
	for msg := range fetched {
		batch := []jetstream.Msg{msg}
		for len(batch) < maxTogether && len(fetched) > 0 {
			batch = append(batch, <-fetched) // closed only when it is empty
		}
		if err := t.handleAll(ctx, batch); err != nil {
			unanswered = err // NATS has gone away; what it sent before is told all the same
		}
	}
	return errors.Join(unanswered, ended)
}

// fetch hands messages over until there are no more, the consumer breaks or ctx ends.
func (t *teller) fetch(ctx context.Context, messages jetstream.MessagesContext, fetched chan<- jetstream.Msg) error {
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrNoHeartbeat) && t.b.Healthy() != nil {
			continue // NATS is away; the subscription goes on when it is back, and the consumer is opened again
		}
		if err != nil {
			return err
		}
		select {
		case fetched <- msg:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// handleAll tells what is new in messages, together what can be. Its error is of the last that could not be answered.
func (t *teller) handleAll(ctx context.Context, batch []jetstream.Msg) (err error) {
	if t.Together != nil && len(batch) > 1 {
		batch, err = t.together(ctx, batch)
	}
	for _, msg := range batch {
		if failed := t.handle(ctx, msg); failed != nil {
			err = failed
		}
	}
	return err
}

// together tells the plain news of a batch at once, and returns the messages that are to be handled one by one: all of
// them when that failed.
func (t *teller) together(ctx context.Context, batch []jetstream.Msg) (others []jetstream.Msg, err error) {
	ctx, cancel := context.WithTimeout(ctx, followRequest)
	defer cancel()
	var news []News
	var plain []jetstream.Msg
	ends := map[ticketing.Stream]uint64{} // what will have been seen
	apart := map[ticketing.Stream]bool{}  // what comes later in these streams must not overtake
	for _, msg := range batch {
		n, ok := t.plainNews(ctx, msg, ends, apart)
		if !ok {
			others = append(others, msg)
			continue
		}
		ends[n.Stream] = n.From + uint64(len(n.Events)) - 1
		news, plain = append(news, n), append(plain, msg)
	}
	if len(news) == 0 || t.Together(ctx, news) != nil {
		return batch, nil // Do says what is wrong
	}
	for i, n := range news {
		t.streams[n.Stream].seen = ends[n.Stream]
		t.b.metrics.followed.Add(float64(len(n.Events)))
		err = errors.Join(err, plain[i].Ack())
	}
	return others, err
}

// plainNews is what a message has that follows on what was seen, of a stream that does not fail.
func (t *teller) plainNews(ctx context.Context, msg jetstream.Msg, ends map[ticketing.Stream]uint64, apart map[ticketing.Stream]bool) (n News, ok bool) {
	m, err := decode(msg.Subject(), msg.Headers(), msg.Data())
	if err != nil {
		return n, false
	}
	defer func() { apart[m.stream] = apart[m.stream] || !ok }()
	s, err := t.told(ctx, m.stream)
	if err != nil || s.anchor.sequence != 0 || apart[m.stream] {
		return n, false
	}
	seen := max(s.seen, ends[m.stream])
	if m.from > seen+1 || m.to <= seen {
		return n, false
	}
	events, err := m.after(seen)
	return News{m.stream, seen + 1, events}, err == nil
}

// leave returns when the server knows that nobody listens here any more. What it sent after that would be taken for
// delivered, and come to the follower's next run only after ackWait.
func (t *teller) leave(messages jetstream.MessagesContext) {
	messages.Stop()
	_ = t.b.nc.FlushTimeout(leaveWithin) // without NATS there is nobody to tell
}

// showLag keeps the figure of what is still to come, until ctx ends or the consumer is of no use any more.
func (t *teller) showLag(ctx context.Context, consumer jetstream.Consumer, renewed <-chan struct{}) {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		if info, err := consumer.Info(ctx); err == nil {
			t.b.metrics.followLag.WithLabelValues(t.Name).Set(float64(info.NumPending) + float64(info.NumAckPending))
		}
		select {
		case <-tick.C:
		case <-renewed:
			return
		case <-ctx.Done():
			return
		}
	}
}

// handle tells what is new in a message. It returns an error only when the message could be neither acknowledged nor sent
// back; then it comes again by itself.
func (t *teller) handle(ctx context.Context, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("a message without its place: %w", err)
	}
	m, err := decode(msg.Subject(), msg.Headers(), msg.Data())
	if err != nil { // nothing of ours: somebody else publishes here
		t.b.log.Warn("a message is dropped", "subject", msg.Subject(), "error", err)
		return msg.Term()
	}
	ctx, cancel := context.WithTimeout(ctx, followRequest)
	defer cancel()
	s, err := t.told(ctx, m.stream)
	if err != nil {
		t.b.metrics.followErrs.Inc()
		return msg.NakWithDelay(minRetry)
	}
	here := anchor{meta.Sequence.Stream, msg.Reply()}
	if s.anchor.sequence == 0 || !time.Now().Before(s.retryAt) {
		again := meta.NumDelivered > 1 || s.anchor.sequence != 0
		if err = t.tell(ctx, s, m, again); err == nil {
			return errors.Join(msg.Ack(), t.move(s, here, anchor{}))
		}
		t.failed(ctx, s, m, err)
	}
	return errors.Join(msg.NakWithDelay(max(minRetry, time.Until(s.retryAt))), t.move(s, here, here))
}

// move puts the anchor somewhere else, and acknowledges the message it was on unless that one is just being answered.
func (t *teller) move(s *told, answered, to anchor) error {
	from := s.anchor
	s.anchor = to
	if to.sequence == 0 {
		s.fails = 0
	}
	if from.sequence == 0 || from.sequence == answered.sequence {
		return nil
	}
	return t.b.nc.Publish(from.reply, []byte("+ACK"))
}

func (t *teller) failed(ctx context.Context, s *told, m message, err error) {
	var later Later
	if s.fails == 0 && ctx.Err() == nil && !errors.As(err, &later) {
		t.b.log.Warn("a follower failed; its stream waits", "follower", t.Name, "stream", m.stream, "error", err)
	}
	t.b.metrics.followErrs.Inc()
	s.retryAt = time.Now().Add(min(maxRetry, minRetry<<min(s.fails, 20)))
	s.fails++
}

// told is how far the follower is, as it says itself at the first event.
func (t *teller) told(ctx context.Context, s ticketing.Stream) (*told, error) {
	if known := t.streams[s]; known != nil {
		return known, nil
	}
	known := &told{}
	if t.Seen != nil {
		var err error
		if known.seen, err = t.Seen(ctx, s); err != nil {
			return nil, fmt.Errorf("asking what was seen: %w", err)
		}
	}
	t.streams[s] = known
	return known, nil
}

// tell gives the follower what it has not seen. A message that comes again, or leaves a gap, only says that there is
// something in the journal.
func (t *teller) tell(ctx context.Context, s *told, m message, again bool) error {
	if !again && m.to <= s.seen {
		return nil
	}
	if !again && m.from <= s.seen+1 {
		events, err := m.after(s.seen)
		if err == nil {
			return t.do(ctx, s, m.stream, events)
		}
		t.b.log.Warn("a message cannot be read; asking the journal", "stream", m.stream, "error", err)
	}
	t.b.metrics.refilled.Inc()
	for {
		found, err := t.Journal.ChunksAfter(ctx, map[ticketing.Stream]uint64{m.stream: s.seen}, readBytes)
		chunks := found[m.stream]
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		if len(chunks) == 0 {
			return nil
		}
		for _, c := range chunks {
			if c.From > s.seen+1 {
				return fmt.Errorf("the journal has chunk %d-%d after event %d", c.From, c.To, s.seen)
			}
			events, err := eventsAfter(s.seen, c.From, c.To, c.Payload)
			if err == nil {
				err = t.do(ctx, s, m.stream, events)
			}
			if err != nil {
				return err
			}
		}
	}
}

func (t *teller) do(ctx context.Context, s *told, stream ticketing.Stream, events []ticketing.Event) error {
	if err := t.Do(ctx, stream, s.seen+1, events); err != nil {
		return err
	}
	s.seen += uint64(len(events))
	t.b.metrics.followed.Add(float64(len(events)))
	return nil
}

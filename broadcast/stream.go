package broadcast

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"ticketblue/ticketing"
)

// The one JetStream stream and its limits.
const (
	StreamName      = "TB_FACT"
	subjectPrefix   = "tb.fact."
	maxAge          = 7 * 24 * time.Hour
	maxStreamBytes  = 4 << 30         // beyond it the oldest messages go
	duplicateWindow = 2 * time.Minute // a repeat within it is recognised; the fence refuses later ones
)

// Subject is where a stream's events are found: "tb.fact.round.42" for "round:42". It returns an error for a name that
// cannot be told back from a subject.
func Subject(s ticketing.Stream) (string, error) {
	if s == "" || strings.ContainsAny(string(s), ".*> \t\r\n") || strings.Contains(":"+string(s)+":", "::") {
		return "", fmt.Errorf("broadcast: %q cannot be the name of a subject", string(s))
	}
	return subjectPrefix + strings.ReplaceAll(string(s), ":", "."), nil
}

// streamOf is the way back.
func streamOf(subject string) (ticketing.Stream, error) {
	name, ok := strings.CutPrefix(subject, subjectPrefix)
	if !ok || name == "" {
		return "", fmt.Errorf("broadcast: %q is no subject of ours", subject)
	}
	return ticketing.Stream(strings.ReplaceAll(name, ".", ":")), nil
}

// ensureStream makes the stream if it is not there, and tells when it was made. An external server's stream is left as it
// is: its replicas and limits are its operator's to change.
func (b *Broadcaster) ensureStream(ctx context.Context) (born time.Time, err error) {
	s, err := b.js.Stream(ctx, StreamName)
	if err == nil && b.server != nil && !b.everReady() {
		s, err = b.js.UpdateStream(ctx, b.streamConfig())
	}
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		s, err = b.beginAnew(ctx, nil)
	case err == nil && unused(s) && !s.CachedInfo().Created.Equal(b.generation()):
		s, err = b.beginAnew(ctx, s)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("looking after stream %s: %w", StreamName, err)
	}
	return s.CachedInfo().Created, nil
}

// unused tells a stream that never held a message from one whose messages have aged: the numbers go on.
func unused(s jetstream.Stream) bool { return s.CachedInfo().State.LastSeq == 0 }

// beginAnew takes the marks back and then makes the stream, unless somebody has made it and never used it. Whenever we die
// in here the next look finds no stream, or an unused one, and does it again. Nothing is sent meanwhile, and what relays
// thought they knew is asked again, for the stream has another generation.
func (b *Broadcaster) beginAnew(ctx context.Context, made jetstream.Stream) (jetstream.Stream, error) {
	b.sending.Lock()
	defer b.sending.Unlock()
	b.doubt()
	age := b.opts.MaxAge
	if made != nil {
		age = made.CachedInfo().Config.MaxAge
	}
	if b.opts.Rewind != nil {
		ctx, cancel := context.WithTimeout(ctx, rewindDeadline)
		defer cancel()
		if err := b.opts.Rewind(ctx, age); err != nil {
			return nil, fmt.Errorf("taking the marks back: %w", err)
		}
	}
	b.log.Info("JetStream is empty: what is young enough for it is sent from the journal", "age", age)
	if made != nil {
		return made, nil
	}
	return b.js.CreateStream(ctx, b.streamConfig())
}

func (b *Broadcaster) everReady() bool {
	select {
	case <-b.ready:
		return true
	default:
		return false
	}
}

func (b *Broadcaster) streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        StreamName,
		Description: "Ticket Blue's facts, one subject per stream. A copy: the journal is the truth.",
		Subjects:    []string{subjectPrefix + ">"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxAge:      b.opts.MaxAge,
		MaxBytes:    maxStreamBytes,
		Duplicates:  min(duplicateWindow, b.opts.MaxAge),
		AllowDirect: true,
	}
}

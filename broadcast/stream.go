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
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = b.js.CreateStream(ctx, streamConfig())
	} else if err == nil && b.server != nil && !b.everReady() {
		s, err = b.js.UpdateStream(ctx, streamConfig())
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("looking after stream %s: %w", StreamName, err)
	}
	return s.CachedInfo().Created, nil
}

func (b *Broadcaster) everReady() bool {
	select {
	case <-b.ready:
		return true
	default:
		return false
	}
}

func streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        StreamName,
		Description: "Ticket Blue's facts, one subject per stream. A copy: the journal is the truth.",
		Subjects:    []string{subjectPrefix + ">"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxAge:      maxAge,
		MaxBytes:    maxStreamBytes,
		Duplicates:  duplicateWindow,
		AllowDirect: true,
	}
}

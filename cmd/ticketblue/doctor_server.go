package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ticketblue/persistence"
	"ticketblue/ticketing"
)

const (
	mostBehind  = 1000 // streams counted
	streamsPage = 4096 // looked at together
)

// readiness asks the running server how it is.
func readiness(ctx context.Context, server serverFile) symptom {
	f := symptom{what: "readiness", said: "ready"}
	answer, err := askReady(ctx, server.OpsURL)
	switch {
	case err != nil:
		f.said, f.advice, f.fatal = err.Error(), "Is the server starting or stopping just now?", true
	case answer.Reason != "":
		f.said, f.advice, f.fatal = answer.Status+": "+answer.Reason, "No customers are sent here until this is over.", true
	case len(answer.Degraded) > 0:
		f.said, f.advice = strings.Join(answer.Degraded, "; "), "Seats are sold all the same, and this catches up by itself when its cause is gone."
	}
	return f
}

type readyAnswer struct {
	Status   string
	Reason   string
	Degraded []string
}

func askReady(ctx context.Context, opsURL string) (answer readyAnswer, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, opsURL+"/readyz", nil)
	if err != nil {
		return answer, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer, err
	}
	return answer, errors.Join(json.NewDecoder(resp.Body).Decode(&answer), resp.Body.Close())
}

// database looks at the running server's database.
func (c doctorCmd) database(ctx context.Context) []symptom {
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return []symptom{{what: "database", said: err.Error(), advice: "Is the server starting or stopping just now?", fatal: true}}
	}
	defer func() { _ = s.Close() }() // nothing was written
	clock := symptom{what: "clocks"}
	skew, err := s.Skew(ctx)
	clock.said = fmt.Sprintf("this machine and the database are %s apart", skew.Abs().Round(time.Microsecond))
	if err != nil || skew.Abs() > persistence.MaxSkew {
		clock.advice, clock.fatal = "More than a second apart: the server is not ready until the clocks agree.", true
	}
	streams, err := s.Streams(ctx)
	journal := symptom{what: "journal", said: fmt.Sprintf("%d streams; `ticketblue verify` replays them", len(streams))}
	if err != nil {
		journal.said, journal.advice, journal.fatal = err.Error(), "The database does not answer.", true
	}
	frozen, err := s.Frozen(ctx)
	rounds := symptom{what: "frozen rounds", said: fmt.Sprint(len(frozen))}
	if err != nil || len(frozen) > 0 {
		rounds.advice, rounds.fatal = fmt.Sprint("Look at what `ticketblue verify` says of: ", frozen), true
	}
	behind, err := countBehind(ctx, s)
	relay := symptom{what: "relay", said: fmt.Sprintf("%d streams have news that followers have not got yet", behind)}
	if err != nil {
		relay.said, relay.advice, relay.fatal = err.Error(), "The database does not answer.", true
	}
	return []symptom{clock, journal, rounds, relay}
}

// countBehind counts streams with news that are not relayed, page by page, and stops at mostBehind.
func countBehind(ctx context.Context, s *store) (n int, err error) {
	for next := ticketing.Stream(""); ; {
		var behind []ticketing.Stream
		if behind, next, err = s.Behind(ctx, next, streamsPage); err != nil {
			return 0, err
		}
		if n = min(n+len(behind), mostBehind); n == mostBehind || next == "" {
			return n, nil
		}
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"ticketblue/bench/client"
)

const (
	drainWithin = time.Minute
	drainLook   = 20 * time.Millisecond
	metricsLook = 100 * time.Millisecond // writing all metrics costs the server milliseconds, which count as its own
)

// backlogs are gauges of servers, 0 when they have caught up: the relay's of ticketblue, and that of a peer that writes
// to its database afterwards.
var backlogs = []string{"ticketblue_broadcast_relay_busy_streams", "peer_unwritten_reservations"}

// drained is how long what follows a yes took after the load had ended, in seconds.
type drained struct {
	projections, relay float64
}

// drain waits until the read tables and the relay have caught up with every round.
func drain(ctx context.Context, sales []*sale, ops string) (d drained, err error) {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	began := time.Now()
	for _, s := range sales {
		hasLists, err := s.awaitLists(ctx)
		if err != nil {
			return d, err
		}
		if !hasLists {
			break // and no other round has
		}
		d.projections = time.Since(began).Seconds()
	}
	for {
		left, err := backlog(ctx, ops, backlogs)
		if err != nil {
			return d, err
		}
		if left == 0 {
			d.relay = time.Since(began).Seconds()
			return d, nil
		}
		if err := rest(ctx, metricsLook); err != nil {
			return d, fmt.Errorf("the relay did not catch up: %w", err)
		}
	}
}

// awaitLists waits until the lists show all that the round has decided. Servers without positions have none that lag.
func (s *sale) awaitLists(ctx context.Context) (lag bool, err error) {
	round, err := s.status(s.client)
	if err != nil || round.Seq == 0 {
		return false, err
	}
	r := client.Request{
		Method: "GET", Path: "/v1/reservations?limit=1", Token: s.tokens[0],
		After: "round:" + strconv.FormatInt(s.round, 10) + "@" + strconv.FormatUint(round.Seq, 10),
	}
	for {
		answer, err := s.client.Do(r)
		switch {
		case err != nil:
			return true, err
		case answer.Status == http.StatusOK:
			return true, nil
		case !answer.Again():
			return true, fmt.Errorf("waiting for the lists of round %d: status %d: %.200s", s.round, answer.Status, answer.Body)
		}
		if err := rest(ctx, drainLook); err != nil {
			return true, fmt.Errorf("the lists of round %d did not catch up: %w", s.round, err)
		}
	}
}

// rest waits a little unless ctx ends first.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// backlog is the sum of some of the server's metrics.
func backlog(ctx context.Context, ops string, names []string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ops+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept-Encoding", "identity") // the server's time would go into compressing it
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for line := range bytes.Lines(body) {
		for _, name := range names {
			if value, ok := bytes.CutPrefix(line, []byte(name+" ")); ok {
				n, err := strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
				if err != nil {
					return 0, fmt.Errorf("reading metric %s: %w", name, err)
				}
				sum += n
			}
		}
	}
	return sum, nil
}

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/api"
	"ticketblue/broadcast"
	"ticketblue/eventlog"
	"ticketblue/ticketing"
)

type eventLogFlags struct {
	To   string `name:"event-log" default:"off" enum:"off,stdout" env:"TB_EVENT_LOG" help:"Where events of reservations, payments and coupons go, as lines of JSON with ECS names, besides the file: stdout or off (${default})."`
	File string `name:"event-log-file" env:"TB_EVENT_LOG_FILE" placeholder:"PATH" help:"File for the same lines. It changes every midnight in Seoul; old ones are kept 14 days beside it."`
}

var datasets = map[string]string{"reservations": eventlog.Reservation, "payments": eventlog.Payment, "coupons": eventlog.Coupon}

// startEventLog has what is committed, and what the edge refuses, written down for others. Facts come by JetStream: what
// the log cannot take waits there.
func (n *node) startEventLog(context.Context) error {
	flags := n.cmd.EventLog
	if flags.To == "off" && flags.File == "" {
		return nil
	}
	key := sha256.Sum256(append([]byte("event log: "), n.store.tokens...))
	options := eventlog.Options{File: flags.File, Key: key[:], Clock: time.Now, Log: n.log}
	if flags.To == "stdout" {
		options.Out = os.Stdout
	}
	var err error
	if n.events, err = eventlog.Open(options); err != nil {
		return err
	}
	n.atStop("event log", n.events.Close)
	n.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: "ticketblue", Subsystem: "eventlog", Name: "dropped_total", Help: "Refusals left out of the event log, which was too slow for them.",
	}, func() float64 { return float64(n.events.Dropped()) }))
	marks := &eventMarks{store: n.store, log: n.log, moved: map[ticketing.Stream]uint64{}}
	n.inBackground("event log's marks", marks.run)
	n.inBackground("event log's follower", func(ctx context.Context) {
		err := n.broadcast.Follow(ctx, broadcast.Follower{
			Name: "event-log", Of: []string{"round", "campaign"}, Journal: n.store, Seen: n.store.EventLogged,
			Do: func(_ context.Context, s ticketing.Stream, from uint64, events []ticketing.Event) error {
				if err := n.events.Facts(s, from, events); err != nil {
					return fmt.Errorf("writing the event log: %w", err)
				}
				marks.move(s, from+uint64(len(events))-1)
				return nil
			},
		})
		if ctx.Err() == nil {
			n.log.Error("the event log stands still", "err", err)
		}
		marks.keep(context.WithoutCancel(ctx)) // the last, after the last line
	})
	return nil
}

const (
	marksEvery = time.Second     // marks are kept; a crash writes so much again, with the same ids
	marksLimit = 5 * time.Second // for one time
)

// eventMarks are how far streams are in the event log. They are kept now and then, many at once: a transaction for each
// line of a rush would cost more than the lines.
type eventMarks struct {
	store *store
	log   *slog.Logger

	mu    sync.Mutex
	moved map[ticketing.Stream]uint64 // since they were kept
}

func (m *eventMarks) move(s ticketing.Stream, seq uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moved[s] = max(m.moved[s], seq)
}

func (m *eventMarks) run(ctx context.Context) {
	tick := time.NewTicker(marksEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.keep(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// keep keeps what has moved. What could not be kept is the next time's.
func (m *eventMarks) keep(ctx context.Context) {
	m.mu.Lock()
	moved := m.moved
	m.moved = map[ticketing.Stream]uint64{}
	m.mu.Unlock()
	if len(moved) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, marksLimit)
	defer cancel()
	if err := m.store.SetEventLogged(ctx, moved); err != nil {
		m.log.Warn("how far the event log is was not kept; it is tried again", "err", err)
		for s, seq := range moved {
			m.move(s, seq)
		}
	}
}

// refused is who is told of refusals; nil when nobody keeps them.
func (n *node) refused() func(api.Refusal) {
	if n.events == nil {
		return nil
	}
	return func(r api.Refusal) {
		n.events.Refused(eventlog.Refusal{
			At: r.At, Operation: r.Operation, Dataset: datasets[r.Tag], Code: r.Code, Status: r.Status, User: r.User, Target: r.Target, RequestID: r.RequestID,
		})
	}
}

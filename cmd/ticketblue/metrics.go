package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/persistence"
)

// registerJournal shows the journal writer's counters. They live in persistence, which knows nothing of metrics.
func registerJournal(r prometheus.Registerer, j *persistence.Journal) {
	counter := func(name, help string, value func(persistence.JournalStats) float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "ticketblue", Subsystem: "journal", Name: name, Help: help},
			func() float64 { return value(j.Stats()) }))
	}
	counter("flushes_total", "Statements that wrote chunks.", func(s persistence.JournalStats) float64 { return float64(s.Flushes) })
	counter("events_total", "Events made durable.", func(s persistence.JournalStats) float64 { return float64(s.Events) })
	counter("bytes_total", "Payload bytes made durable.", func(s persistence.JournalStats) float64 { return float64(s.Bytes) })
}

// registerProjector shows how the read tables follow, and whether a round was frozen.
func registerProjector(r prometheus.Registerer, p *persistence.Projector) {
	show := func(name, help string, value func(persistence.ProjectorStats) float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "ticketblue", Subsystem: "projector", Name: name, Help: help},
			func() float64 { return value(p.Stats()) }))
	}
	show("lag_seconds", "From a commit to its rows, in the last pass.", func(s persistence.ProjectorStats) float64 { return s.Lag.Seconds() })
	show("failed_passes", "Passes that failed since the start.", func(s persistence.ProjectorStats) float64 { return float64(s.Failed) })
	show("frozen_streams", "Streams found to contradict themselves since the start. Alarm above 0.", func(s persistence.ProjectorStats) float64 { return float64(s.Frozen) })
	show("waiting_reads", "Reads that wait for a position.", func(s persistence.ProjectorStats) float64 { return float64(s.Waiting) })
}

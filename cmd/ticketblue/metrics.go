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

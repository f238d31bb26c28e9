package actors

import (
	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/ticketing"
)

// metrics are the room's figures. Labels name kinds of things, never streams or people.
type metrics struct {
	active       prometheus.Gauge
	refused      *prometheus.CounterVec
	timeouts     prometheus.Counter
	viewed       prometheus.Counter
	activations  prometheus.Counter
	loadFailures prometheus.Counter
	fences       prometheus.Counter
	unknowns     prometheus.Counter
	alarms       prometheus.Counter
	frozen       prometheus.Counter
	latency      prometheus.Histogram
}

func newMetrics(registry prometheus.Registerer, inFlight func() float64) *metrics {
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "ticketblue_actors_" + name, Help: help})
		registry.MustRegister(c)
		return c
	}
	m := &metrics{
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ticketblue_actors_streams", Help: "Streams with an actor.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ticketblue_actors_gate_refused_total", Help: "Commands refused by the gate, by the cap that was full.",
		}, []string{"cap"}),
		timeouts:     counter("timeouts_total", "Commands whose caller stopped waiting."),
		viewed:       counter("viewed_total", "Commands refused by a durable view, without the actor."),
		activations:  counter("activations_total", "Loads started, recoveries included."),
		loadFailures: counter("load_failures_total", "Loads that failed; unknown streams are none."),
		fences:       counter("fences_total", "Activations ended because another wrote first."),
		unknowns:     counter("unknowns_total", "Activations ended by a commit of unknown outcome."),
		alarms:       counter("alarms_total", "Failures of machines or effects that a person must look at."),
		frozen:       counter("frozen_total", "Streams frozen."),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ticketblue_actors_answer_seconds",
			Help:    "From taking a command out of the mailbox to its answer: decision and commit.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
	}
	registry.MustRegister(m.active, m.refused, m.latency, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ticketblue_actors_in_flight", Help: "Commands past the gate and not answered.",
	}, inFlight))
	return m
}

func (m *metrics) commit(o ticketing.Outcome) {
	switch o {
	case ticketing.Fenced:
		m.fences.Inc()
	case ticketing.Unknown:
		m.unknowns.Inc()
	}
}

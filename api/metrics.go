package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// observer takes in how one request of an operation ended.
type observer func(status int, took time.Duration)

type requestMetrics struct{ seconds *prometheus.HistogramVec }

// newRequestMetrics labels by operation and class of status only: nothing a caller can choose becomes a label.
func newRequestMetrics(to prometheus.Registerer) requestMetrics {
	m := requestMetrics{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "ticketblue_http_request_seconds",
		Help:    "Time from a request's arrival at its route to its answer, by operation and class of status.",
		Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5},
	}, []string{"operation", "class"})}
	to.MustRegister(m.seconds)
	return m
}

// newKeptReads counts reads of the catalogue by operation: how many were asked for, and how many of these were loaded; the
// others were answered from memory, or with somebody who was waiting for the same.
func newKeptReads(to prometheus.Registerer) *prometheus.CounterVec {
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ticketblue_kept_reads_total",
		Help: "Reads of the catalogue by operation: asked for, and of these loaded because no answer was kept.",
	}, []string{"operation", "what"})
	to.MustRegister(reads)
	return reads
}

var classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// of looks the labels up once, not per request.
func (m requestMetrics) of(operation string) observer {
	var byClass [len(classes)]prometheus.Observer
	for i, class := range classes {
		byClass[i] = m.seconds.WithLabelValues(operation, class)
	}
	return func(status int, took time.Duration) {
		byClass[min(max(status/100, 1), len(classes))-1].Observe(took.Seconds())
	}
}

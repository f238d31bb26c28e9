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

package broadcast

import "github.com/prometheus/client_golang/prometheus"

// metrics are the room's figures. Only followers, which are few, have labels: a round or a viewer is nobody's time series.
type metrics struct {
	messages   prometheus.Counter
	bytes      prometheus.Counter
	lost       prometheus.Counter
	failures   prometheus.Counter
	hintsLost  prometheus.Counter
	lag        prometheus.Histogram
	behind     prometheus.Gauge
	busy       prometheus.Gauge
	followed   prometheus.Counter
	refilled   prometheus.Counter
	followErrs prometheus.Counter
	followLag  *prometheus.GaugeVec
	rounds     prometheus.Gauge
	viewers    prometheus.Gauge
	cut        prometheus.Counter
	frames     prometheus.Counter
	snapshots  prometheus.Counter
	resyncs    prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "ticketblue_broadcast_" + name, Help: help})
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "ticketblue_broadcast_" + name, Help: help})
		registry.MustRegister(g)
		return g
	}
	m := &metrics{
		messages:   counter("relay_messages_total", "Messages published."),
		bytes:      counter("relay_bytes_total", "Payload bytes published."),
		lost:       counter("relay_races_total", "Messages refused because the subject had moved on: a rival relay, or a limit."),
		failures:   counter("relay_failures_total", "Passes that failed; the sweep comes back."),
		hintsLost:  counter("relay_hints_lost_total", "Hints dropped because too many streams were busy; the sweep finds them."),
		behind:     gauge("relay_behind_streams", "Streams that the sweeps found behind the journal in their last round of all streams."),
		busy:       gauge("relay_busy_streams", "Streams in the relay's work. 0: JetStream has all that the relay was told of."),
		followed:   counter("follower_events_total", "Events told to followers."),
		refilled:   counter("follower_refills_total", "Times a follower had to be told from the journal."),
		followErrs: counter("follower_failures_total", "Times a follower or the journal failed; told again later."),
		rounds:     gauge("hub_rounds", "Rounds with viewers."),
		viewers:    gauge("hub_viewers", "Viewers of live maps."),
		cut:        counter("hub_cut_total", "Viewers cut because they did not read."),
		frames:     counter("hub_frames_total", "Deltas sent, each counted once however many saw it."),
		snapshots:  counter("hub_snapshots_total", "Snapshots encoded, each counted once however many saw it."),
		resyncs:    counter("hub_resyncs_total", "Times a map was taken from the owner again."),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ticketblue_broadcast_relay_lag_seconds",
			Help:    "From the first hint of a commit to JetStream's acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
	}
	m.followLag = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ticketblue_broadcast_follower_lag_messages",
		Help: "Messages a follower has not been told, or has not taken in yet.",
	}, []string{"follower"})
	registry.MustRegister(m.lag, m.followLag)
	return m
}

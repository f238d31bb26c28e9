package load

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histograms count microseconds up to longest; whatever took longer counts as longest.
const longest = 10 * time.Minute

// The series starts with slices of firstSlice; at maxSlices of them neighbours are joined and slices get twice as
// long, so that runs of any length fit the memory and the page.
const (
	firstSlice = 250 * time.Millisecond
	maxSlices  = 120
)

// Granted is what a yes is counted as among the codes.
const Granted = "granted"

// Sample is one answered request; times count from the opening.
type Sample struct {
	Intended time.Duration // when the attempt should have started
	Begin    time.Duration // when this request was sent
	End      time.Duration
	Code     string // empty: yes
	Again    bool   // will be sent again: not the attempt's final answer
}

// Meter counts and times one kind of request. All its methods may be called at the same time.
type Meter struct {
	mu       sync.Mutex
	opened   time.Time
	arrived  int
	sent     int
	answered int // requests
	retried  int
	codes    map[string]int // of final answers
	latency  *hdrhistogram.Histogram
	granted  *hdrhistogram.Histogram // latency of a yes
	service  *hdrhistogram.Histogram
	base     time.Duration // added to the times of samples
	last     time.Duration // of all samples' ends
	width    time.Duration
	slices   []slice
	done     []time.Duration // when each final answer came
}

type slice struct {
	final, granted int
	latency        *hdrhistogram.Histogram
}

// NewMeter is a meter that has seen nothing.
func NewMeter() *Meter {
	return &Meter{codes: map[string]int{}, latency: newHistogram(3), granted: newHistogram(3), service: newHistogram(3), width: firstSlice}
}

func newHistogram(digits int) *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), digits)
}

// Open starts the meter's clock.
func (m *Meter) Open(at time.Time) {
	m.mu.Lock()
	m.opened = at
	m.mu.Unlock()
}

// Pause makes times of later samples count from the end of the last one before: what is measured in turns with something
// else is one series without gaps.
func (m *Meter) Pause() {
	m.mu.Lock()
	m.base = m.last
	m.mu.Unlock()
}

// Arrive counts an attempt that starts.
func (m *Meter) Arrive() {
	m.mu.Lock()
	m.arrived++
	m.mu.Unlock()
}

// Sent counts a request that leaves.
func (m *Meter) Sent() {
	m.mu.Lock()
	m.sent++
	m.mu.Unlock()
}

// Answer counts an answer. Latency, from the intended start, is of final answers only; service time of all.
func (m *Meter) Answer(s Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answered++
	record(m.service, s.End-s.Begin)
	if s.Again {
		m.retried++
		return
	}
	if s.Code == "" {
		m.codes[Granted]++
		record(m.granted, s.End-s.Intended)
	} else {
		m.codes[s.Code]++
	}
	record(m.latency, s.End-s.Intended)
	end := m.base + s.End
	m.last = max(m.last, end)
	m.done = append(m.done, end)
	at := m.slice(end)
	record(at.latency, s.End-s.Intended)
	at.final++
	if s.Code == "" {
		at.granted++
	}
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	// The value is within the histogram's range by construction; there is no other error.
	_ = h.RecordValue(min(max(d, time.Microsecond), longest).Microseconds())
}

// slice is the part of the series that time belongs to.
func (m *Meter) slice(at time.Duration) *slice {
	for int(at/m.width) >= maxSlices {
		m.join()
	}
	for len(m.slices) <= int(at/m.width) {
		m.slices = append(m.slices, slice{latency: newHistogram(2)})
	}
	return &m.slices[at/m.width]
}

func (m *Meter) join() {
	var joined []slice
	for pair := range slices.Chunk(m.slices, 2) {
		s := pair[0]
		if len(pair) == 2 {
			s.final += pair[1].final
			s.granted += pair[1].granted
			s.latency.Merge(pair[1].latency)
		}
		joined = append(joined, s)
	}
	m.slices, m.width = joined, 2*m.width
}

// Times sums up a distribution, in milliseconds.
type Times struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// TimesOf sums durations up.
func TimesOf(durations iter.Seq[time.Duration]) Times {
	h := newHistogram(3)
	for d := range durations {
		record(h, d)
	}
	return timesOf(h)
}

func timesOf(h *hdrhistogram.Histogram) Times {
	ms := func(p float64) float64 { return float64(h.ValueAtPercentile(p)) / 1000 }
	return Times{h.TotalCount(), h.Mean() / 1000, ms(50), ms(90), ms(99), ms(99.9), float64(h.Max()) / 1000}
}

// Now is what a progress view shows.
type Now struct {
	Since    time.Duration
	Arrived  int
	InFlight int
	Retried  int
	Codes    map[string]int
	P50, P99 float64 // milliseconds, from the intended start
}

// Now is a copy of the counts so far.
func (m *Meter) Now() Now {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := Now{Arrived: m.arrived, InFlight: m.sent - m.answered, Retried: m.retried, Codes: maps.Clone(m.codes)}
	if !m.opened.IsZero() {
		n.Since = time.Since(m.opened)
	}
	n.P50 = float64(m.latency.ValueAtPercentile(50)) / 1000
	n.P99 = float64(m.latency.ValueAtPercentile(99)) / 1000
	return n
}

// Point is one slice of the series.
type Point struct {
	Second  float64 `json:"second"` // where the slice starts
	Answers float64 `json:"answers_per_second"`
	Granted float64 `json:"granted_per_second"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
}

// Summary is all that a meter knows.
type Summary struct {
	Arrived   int            `json:"arrived"`
	Sent      int            `json:"requests"`
	Retried   int            `json:"retried"`
	Codes     map[string]int `json:"answers"` // final ones by code; a yes is Granted
	Latency   Times          `json:"latency"` // from the intended start to the final answer
	Yes       Times          `json:"granted"` // latency of a yes
	Service   Times          `json:"service"` // one request
	SteadyPer float64        `json:"steady_answers_per_second"`
	Series    []Point        `json:"series"`
}

// Summary sums up once nothing is in flight.
func (m *Meter) Summary() Summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Summary{
		Arrived: m.arrived, Sent: m.sent, Retried: m.retried, Codes: maps.Clone(m.codes),
		Latency: timesOf(m.latency), Yes: timesOf(m.granted), Service: timesOf(m.service), SteadyPer: steadyRate(m.done), Series: []Point{},
	}
	for i, part := range m.slices {
		s.Series = append(s.Series, Point{
			Second:  (time.Duration(i) * m.width).Seconds(),
			Answers: float64(part.final) / m.width.Seconds(),
			Granted: float64(part.granted) / m.width.Seconds(),
			P50:     float64(part.latency.ValueAtPercentile(50)) / 1000,
			P99:     float64(part.latency.ValueAtPercentile(99)) / 1000,
			Max:     float64(part.latency.Max()) / 1000,
		})
	}
	return s
}

// steadyRate is answers per second between the first and the last tenth of the answers: without warming up and
// without the tail in which few are left.
func steadyRate(done []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(done))
	from, to := len(sorted)/10, len(sorted)*9/10
	if to <= from || sorted[to] == sorted[from] {
		return 0
	}
	return float64(to-from) / (sorted[to] - sorted[from]).Seconds()
}

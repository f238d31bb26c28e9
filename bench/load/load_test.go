package load

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func rng() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// rows of 10 seats
func hall(n int) []bool {
	joins := make([]bool, n)
	for i := range joins {
		joins[i] = i%10 != 9 && i != n-1
	}
	return joins
}

func TestWishesAreEvenNeighbourlyAndNeverTwiceTheSameSeat(t *testing.T) {
	const seats, attempts, customers = 200, 2000, 500
	joins := hall(seats)
	wishes, err := Wishes(attempts, joins, customers, 0.5, rng())
	if err != nil || len(wishes) != attempts {
		t.Fatal(len(wishes), err)
	}
	demand := make([]int, seats)
	asked, looks := map[[2]int]bool{}, map[int]int{}
	for _, w := range wishes {
		if w.Block.Count < 1 || w.Block.Count > MaxSeats {
			t.Fatalf("%+v", w)
		}
		for s := w.Block.First; s < w.Block.First+w.Block.Count; s++ {
			if s > w.Block.First && !joins[s-1] {
				t.Fatalf("%+v is torn apart before seat %d", w, s)
			}
			if asked[[2]int{w.Customer, s}] {
				t.Fatalf("customer %d asks twice for seat %d", w.Customer, s)
			}
			asked[[2]int{w.Customer, s}] = true
			demand[s]++
		}
		if w.Look {
			looks[w.Customer]++
		}
	}
	low, high := demand[0], demand[0]
	for _, d := range demand {
		low, high = min(low, d), max(high, d)
	}
	if high-low > 1 {
		t.Errorf("seats are wanted between %d and %d times", low, high)
	}
	early := map[int]bool{}
	for _, w := range wishes[:40] {
		for s := range w.Block.Count {
			early[w.Block.First+s] = true
		}
	}
	if len(early) > 85 {
		t.Errorf("the first 40 attempts hardly collide: %d seats", len(early))
	}
	for who, n := range looks {
		if n > 1 {
			t.Errorf("customer %d looks %d times", who, n)
		}
	}
	if share := float64(len(looks)) / customers; share < 0.4 || share > 0.6 {
		t.Errorf("a share of %.2f looks", share)
	}
}

func TestTooFewCustomersAreAnError(t *testing.T) {
	if _, err := Wishes(100, hall(20), 2, 0, rng()); !errors.Is(err, ErrTooFewCustomers) {
		t.Error(err)
	}
}

func TestCutTakesWhatIsWantedOnce(t *testing.T) {
	wanted := []bool{true, false, true, true, true, false, true}
	var got []int
	for _, b := range Cut(wanted, hall(len(wanted)), rng()) {
		for s := range b.Count {
			got = append(got, b.First+s)
		}
	}
	if len(got) != 5 || got[0] != 0 || got[4] != 6 {
		t.Error(got)
	}
}

func TestScheduleKeepsItsRate(t *testing.T) {
	const n, rate = 20_000, 5000.0
	for _, shape := range []Arrivals{Spike, Steady} {
		offsets := Schedule(shape, n, rate, rng())
		last := offsets[n-1].Seconds()
		if offsets[0] != 0 || math.Abs(last-n/rate) > 0.1 {
			t.Errorf("%s: from %v to %.2f s", shape, offsets[0], last)
		}
		equal := 0
		for i := 1; i < n; i++ {
			gap := offsets[i] - offsets[i-1]
			if gap < 0 {
				t.Fatalf("%s goes back at %d", shape, i)
			}
			if (gap - 200*time.Microsecond).Abs() < time.Microsecond {
				equal++
			}
		}
		if even := equal == n-1; even != (shape == Spike) {
			t.Errorf("%s: %d of %d gaps are equal", shape, equal, n-1)
		}
	}
}

func TestRetryDelay(t *testing.T) {
	r := Retry{Base: 100 * time.Millisecond, Cap: time.Second}
	tests := []struct {
		try   int
		after time.Duration
		u     float64
		want  time.Duration
	}{
		{1, 0, 0, 0},
		{1, 0, 0.5, 50 * time.Millisecond},
		{2, 0, 0.5, 100 * time.Millisecond},
		{4, 0, 0.5, 400 * time.Millisecond},
		{5, 0, 0.5, 500 * time.Millisecond}, // capped
		{99, 0, 0.5, 500 * time.Millisecond},
		{1, 2 * time.Second, 0, 2 * time.Second}, // never before the server's time
		{1, 2 * time.Second, 0.5, 2050 * time.Millisecond},
	}
	for _, test := range tests {
		if got := r.Delay(test.try, test.after, test.u); got != test.want {
			t.Errorf("Delay(%d, %v, %v) = %v, want %v", test.try, test.after, test.u, got, test.want)
		}
	}
}

func TestTheSeriesFitsItsBoundAndLosesNothing(t *testing.T) {
	m := NewMeter()
	const n = 1000
	for i := range n {
		end := time.Duration(i) * time.Second
		m.Answer(Sample{Intended: end - time.Second, Begin: end - time.Millisecond, End: end})
	}
	s := m.Summary()
	total := 0.0
	for i, p := range s.Series {
		width := s.Series[1].Second - s.Series[0].Second
		total += p.Answers * width
		if i > 0 && math.Abs(p.Second-s.Series[i-1].Second-width) > 1e-9 {
			t.Errorf("slice %d starts at %v", i, p.Second)
		}
	}
	if len(s.Series) > maxSlices || math.Abs(total-n) > 1e-6 {
		t.Errorf("%d slices with %.0f answers", len(s.Series), total)
	}
	if math.Abs(s.SteadyPer-1) > 0.01 || s.Latency.P50 < 999 || s.Latency.P50 > 1001 || s.Service.Max > 1.01 {
		t.Errorf("%+v", s)
	}
}

func TestAfterAPauseTheSeriesGoesOn(t *testing.T) {
	m := NewMeter()
	for range 3 {
		for i := range 100 {
			end := time.Duration(i+1) * 10 * time.Millisecond
			m.Answer(Sample{Intended: end - time.Millisecond, Begin: end - time.Millisecond, End: end})
		}
		m.Pause()
	}
	s := m.Summary()
	if len(s.Series) != 13 || s.Series[12].Answers*firstSlice.Seconds() != 1 || math.Abs(s.SteadyPer-100) > 1 || s.Latency.Max > 1.01 {
		t.Errorf("%d slices of 3 s, %+v", len(s.Series), s)
	}
}

func TestAVeryLateAnswerStillCounts(t *testing.T) {
	m := NewMeter()
	m.Answer(Sample{End: time.Hour})
	if s := m.Summary(); s.Latency.Count != 1 || s.Latency.Max < 599_000 {
		t.Errorf("%+v", s.Latency)
	}
}

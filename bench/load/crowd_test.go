package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// These tests run in a synctest bubble: time is fake and moves only when everybody waits, so times are exact.

const ms = time.Millisecond

// crowd answers every request after service and notes when each was sent.
type crowd struct {
	*Crowd
	mu   sync.Mutex
	sent map[int][]time.Duration // by attempt, since the opening
}

func newCrowd(workers int, offsets []time.Duration, service time.Duration, answer func(attempt, try int) Outcome) *crowd {
	c := &crowd{sent: map[int][]time.Duration{}}
	opened := time.Now()
	c.Crowd = &Crowd{
		Workers: workers, Offsets: offsets, Retry: DefaultRetry, Seed: 1, Asked: NewMeter(), Looked: NewMeter(),
		Ask: func(attempt int) Outcome {
			c.mu.Lock()
			c.sent[attempt] = append(c.sent[attempt], time.Since(opened))
			try := len(c.sent[attempt])
			c.mu.Unlock()
			sleep(context.Background(), service)
			return answer(attempt, try)
		},
	}
	return c
}

func yes(int, int) Outcome { return Outcome{} }

func every(gap time.Duration, n int) []time.Duration {
	return Schedule(Spike, n, float64(time.Second)/float64(gap), rand.New(rand.NewPCG(1, 1)))
}

func TestArrivalsDoNotWaitForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(16, every(10*ms, 10), 100*ms, yes)
		report := c.Run(t.Context())
		for i := range 10 {
			if got := c.sent[i]; !slices.Equal(got, []time.Duration{time.Duration(i) * 10 * ms}) {
				t.Errorf("attempt %d was sent at %v", i, got)
			}
		}
		if s := c.Asked.Summary(); report.Late != 0 || s.Latency.P50 < 99 || s.Latency.Max > 101 {
			t.Errorf("%d late, %+v", report.Late, s.Latency)
		}
	})
}

// With one worker and a server slower than the arrivals, the wait before sending belongs to the latency.
func TestLatencyCountsFromTheIntendedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(1, every(10*ms, 10), 100*ms, yes)
		report := c.Run(t.Context())
		s := c.Asked.Summary()
		// The last was due at 90 ms, could start at 900 ms and was answered at 1,000 ms.
		if s.Latency.Max < 909 || s.Latency.Max > 911 || s.Service.Max > 101 {
			t.Errorf("latency %+v, service %+v", s.Latency, s.Service)
		}
		if report.Late != 9 || s.Arrived != 10 {
			t.Errorf("%d late of %d", report.Late, s.Arrived)
		}
	})
}

func TestRetriesKeepTheAttemptAndComeAfterTheServersTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(2, every(time.Second, 3), ms, func(attempt, try int) Outcome {
			if attempt == 1 && try < 3 {
				return Outcome{Code: "busy", Again: true, After: 2 * time.Second}
			}
			return Outcome{}
		})
		report := c.Run(t.Context())
		sent := c.sent[1]
		if len(sent) != 3 || len(report.GaveUp) != 0 {
			t.Fatalf("sent at %v, gave up %v", sent, report.GaveUp)
		}
		first, second := sent[1]-sent[0]-ms, sent[2]-sent[1]-ms
		if first < 2*time.Second || first > 2100*ms || second < 2*time.Second || second > 2200*ms {
			t.Errorf("pauses %v and %v", first, second)
		}
		s := c.Asked.Summary()
		if s.Retried != 2 || s.Sent != 5 || s.Codes[Granted] != 3 || s.Latency.Max < 4000 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(4, every(10*ms, 5), ms, func(int, int) Outcome { return Outcome{Code: "busy", Again: true} })
		c.Retry = Retry{Tries: 3, Base: 100 * ms, Cap: time.Second, Ratio: 1, Floor: 2}
		report := c.Run(t.Context())
		slices.Sort(report.GaveUp)
		if !slices.Equal(report.GaveUp, []int{0, 1, 2, 3, 4}) {
			t.Errorf("gave up %v", report.GaveUp)
		}
		if s := c.Asked.Summary(); s.Retried != 7 || s.Codes["busy"] != 5 {
			t.Errorf("%d retries of a budget of 2 + 5; %v", s.Retried, s.Codes)
		}
	})
}

func TestTheDeadlineDropsWhoHasNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 35*ms)
		defer cancel()
		c := newCrowd(2, every(10*ms, 10), ms, func(attempt, _ int) Outcome {
			return Outcome{Code: "busy", Again: attempt == 1, After: time.Hour}
		})
		report := c.Run(ctx)
		if report.Dropped != 6 || !slices.Equal(report.GaveUp, []int{1}) || len(c.sent) != 4 {
			t.Errorf("%+v, sent %v", report, c.sent)
		}
	})
}

func TestALookIsTimedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(1, every(10*ms, 2), 20*ms, yes)
		c.Looks = func(attempt int) bool { return attempt == 1 }
		c.Look = func(int) Outcome { sleep(context.Background(), 50*ms); return Outcome{} }
		c.Run(t.Context())
		// Attempt 1 was due at 10, looked from 20 to 70, was sent at 70 and answered at 90; due after its look at 60.
		asked, looked := c.Asked.Summary().Latency, c.Looked.Summary().Latency
		if asked.Max < 29.9 || asked.Max > 30.1 || looked.Count != 1 || looked.Max < 59.9 || looked.Max > 60.1 {
			t.Errorf("asked %+v, looked %+v", asked, looked)
		}
	})
}

func TestEachRunsAllOfThemOnceAndStopsWithTheContext(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]int{}
	note := func(i int) { mu.Lock(); seen[i]++; mu.Unlock() }
	if n := Each(t.Context(), 8, 1000, note); n != 1000 || len(seen) != 1000 {
		t.Errorf("%d started, %d seen", n, len(seen))
	}
	ctx, cancel := context.WithCancel(t.Context())
	if n := Each(ctx, 1, 1000, func(i int) {
		if i == 4 {
			cancel()
		}
	}); n != 5 {
		t.Errorf("%d started", n)
	}
}

func TestInsistAsksUntilAnsweredOrOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var mu sync.Mutex
		asked := map[int]int{}
		left := Insist(ctx, 3, 20, DefaultRetry, func(i int) Outcome {
			mu.Lock()
			defer mu.Unlock()
			asked[i]++
			return Outcome{Again: i == 7 || asked[i] < 5, After: time.Second}
		})
		if !slices.Equal(left, []int{7}) || asked[0] != 5 || asked[7] < 20 {
			t.Errorf("left %v, asked %v", left, asked)
		}
	})
}

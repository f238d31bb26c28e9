package main

import (
	"context"
	"fmt"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/load"
)

// maxNoops bounds the no-op loop by count, as its context does by time.
const maxNoops = 10_000_000

// noop measures a request that does nothing, in a closed loop: as many per second as the front can answer.
// 0 when the server has no such endpoint.
func (s *sale) noop(ctx context.Context, workers int, d time.Duration, wishes []load.Wish) (float64, error) {
	if d == 0 {
		return 0, nil
	}
	sum, _, err := s.doNothing(ctx, workers, d, wishes)
	return sum.SteadyPer, err
}

// doNothing sends requests that do nothing, in a closed loop, and returns how long it took. Nothing is answered when the
// server has no such endpoint.
func (s *sale) doNothing(ctx context.Context, workers int, d time.Duration, wishes []load.Wish) (load.Summary, time.Duration, error) {
	probe, err := s.client.Do(s.noopRequest(0, wishes))
	if err != nil || probe.Status == 404 {
		return load.Summary{}, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	meter := load.NewMeter()
	opened := time.Now()
	load.Each(ctx, workers, maxNoops, func(i int) {
		begin := time.Since(opened)
		meter.Sent()
		answer, err := s.client.Do(s.noopRequest(i, wishes))
		code := ""
		if err != nil || answer.Status/100 != 2 {
			code = "failed"
		}
		meter.Answer(load.Sample{Intended: begin, Begin: begin, End: time.Since(opened), Code: code})
	})
	took, sum := time.Since(opened), meter.Summary()
	if sum.Codes["failed"] > 0 {
		return sum, took, fmt.Errorf("%d no-op requests failed, the first answer was %d %.200s", sum.Codes["failed"], probe.Status, probe.Body)
	}
	return sum, took, nil
}

// warmUp shows every customer's token to the server once, so that both no-op loops and the rush between them find
// the same caches. What comes back is no matter here.
func (s *sale) warmUp(ctx context.Context, workers int, wishes []load.Wish) {
	load.Each(ctx, workers, len(wishes), func(i int) {
		if wishes[i].First {
			_, _ = s.client.Do(s.noopRequest(i, wishes))
		}
	})
}

func (s *sale) noopRequest(i int, wishes []load.Wish) client.Request {
	w := wishes[i%len(wishes)]
	return client.Request{
		Method: "POST", Path: "/bench/noop", Token: s.tokens[w.Customer], Key: s.key("noop", i), Body: s.body(w.Block),
	}
}

package main

import (
	"context"
	"fmt"
	"time"

	"ticketblue/bench/load"
)

// halfOfPeak offers half of what was answered per second before, evenly spread by chance, whatever the answers do (open
// loop). Latency counts from the time at which a request was meant to leave.
func (m *measuring) halfOfPeak(ctx context.Context) error {
	answered := 0
	for _, n := range m.into.Crowd.Codes {
		answered += n
	}
	rate := float64(answered) / m.into.Seconds / 2
	d := time.Duration(m.Seconds * float64(time.Second))
	if want := int(rate * d.Seconds()); m.play.left() < want {
		return fmt.Errorf("half of peak needs %d orders and %d are left: more --rounds or --seats, or fewer --seconds", want, m.play.left())
	}
	meter := load.NewMeter()
	_, m.into.HalfLate = m.play.open(ctx, meter, d, rate, m.rng)
	m.into.HalfRate, m.into.Half = rate, meter.Summary()
	if _, err := drain(ctx, m.on.all(), m.server.OpsURL); err != nil {
		return err
	}
	return context.Cause(ctx)
}

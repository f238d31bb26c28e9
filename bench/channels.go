package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/report"
)

// Channels is the command's flags.
type Channels struct {
	Turns `embed:""`
	Paid  float64 `default:"100" help:"Reservations confirmed per second, in all slices: each is a mail with a ticket, and a Slack message."`
	Bound float64 `default:"0.95" help:"PASS needs at least this ratio of answers per second, channels dead over alive."`
}

// Validate checks the flags; kong calls it.
func (c *Channels) Validate() error {
	if c.Paid <= 0 || c.Paid > 10_000 || c.Bound <= 0 {
		return errors.New("--paid must be above 0 and at most 10000, --bound above 0")
	}
	return c.Turns.Validate()
}

// deaths are the ways in which channels are dead, by turns.
var deaths = []manner{refusing, hanging}

// run plays the spread workload, of which some is paid for. Before the next slice the channels are alive again and have
// told of everything.
func (c *Channels) run(ctx context.Context, out io.Writer, progress *report.Progress) bool {
	p, err := openPost()
	if err != nil {
		fmt.Fprintln(out, "FAIL ", err)
		return false
	}
	defer p.close()
	payer := &payer{every: time.Duration(float64(time.Second) / c.Paid)}
	var owed []string // how long what the dead had not told took
	turn := 0
	pass := c.Turns.run(ctx, out, progress, wrong{
		name: "channels dead", bound: c.Bound, env: p.env, pay: payer, ways: []string{string(refusing), string(hanging)},
		disturb: func(string) (func() error, error) {
			p.kill(deaths[turn%len(deaths)])
			turn++
			return func() error {
				mails, _ := p.missing(payer.confirmed())
				p.mend()
				began := time.Now()
				err := p.await(ctx, payer.confirmed())
				owed = append(owed, fmt.Sprintf("%d in %.1f s", mails, time.Since(began).Seconds()))
				return err
			}, nil
		},
		settle: func() error { return p.await(ctx, payer.confirmed()) },
		check:  func() error { return p.check(payer.confirmed()) },
	})
	fmt.Fprintf(out, "confirmed: %d, each to be told once by mail and once by Slack\nmails owed when the channels came back, and told in: %v\n", len(payer.confirmed()), owed)
	return pass
}

// payer pays for some of the reservations that are granted, so many a second. They cost nothing, so that no provider
// is asked: what follows a confirmation is the same.
type payer struct {
	every time.Duration
	next  atomic.Int64 // when the next is due, in Unix nanoseconds

	mu   sync.Mutex
	paid []string
}

// due tells whether another is to be paid for. What was not taken up in time is not made good by a burst.
func (p *payer) due(now time.Time) bool {
	next := p.next.Load()
	return now.UnixNano() >= next && p.next.CompareAndSwap(next, max(next, now.UnixNano()-int64(p.every))+int64(p.every))
}

// pay pays for a reservation if one is due. Anything but a yes is a surprise.
func (p *payer) pay(s *sale, customer int, granted client.Answer) {
	if !p.due(time.Now()) {
		return
	}
	var got struct{ ID string }
	if err := json.Unmarshal(granted.Body, &got); err != nil || got.ID == "" {
		return // the judge says it
	}
	for _, r := range []client.Request{
		{Path: "/v1/reservations/" + got.ID + "/payment", Body: []byte(`{}`)},
		{Path: "/v1/payments/confirm", Body: []byte(`{"order_id":` + strconv.Quote(got.ID+"-1") + `,"amount":0}`)},
	} {
		r.Method, r.Token = "POST", s.tokens[customer]
		if answer, err := s.client.Do(r); err != nil || answer.Status != 200 {
			s.surprise("not_paid_" + strconv.Itoa(answer.Status))
			return
		}
	}
	p.mu.Lock()
	p.paid = append(p.paid, got.ID)
	p.mu.Unlock()
}

// confirmed are the reservations that are paid for.
func (p *payer) confirmed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.paid)
}

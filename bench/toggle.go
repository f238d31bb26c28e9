package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"ticketblue/bench/client"
)

// toggler is a bounded load that changes seats: every customer in turn holds one and gives it back, over and over.
type toggler struct {
	stage  *stage
	client *client.Client
	tokens []string // by customer
	began  time.Time
	run    string // makes this run's keys differ from all others'

	mu      sync.Mutex
	changes []sighting // answers: the seq of each change, and when we were told
	refused map[string]int
}

// toggle goes on until ctx ends, with that many changes a second in all. At the end nobody holds a seat any more,
// unless the server refuses to take it back.
func (g *toggler) toggle(ctx context.Context, perSecond float64) {
	period := time.Duration(float64(len(g.tokens)) / perSecond * float64(time.Second))
	var all sync.WaitGroup
	for customer := range g.tokens {
		all.Go(func() {
			first := time.NewTimer(period * time.Duration(customer) / time.Duration(len(g.tokens)))
			defer first.Stop()
			select {
			case <-ctx.Done():
				return
			case <-first.C:
			}
			g.customer(ctx, customer, period)
		})
	}
	all.Wait()
}

func (g *toggler) customer(ctx context.Context, customer int, period time.Duration) {
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for round := 0; ; round++ {
		// Everybody has seats of his own, so that nobody is in another's way.
		seat := (customer + round*len(g.tokens)) % (len(g.stage.labels) / len(g.tokens) * len(g.tokens))
		id := g.insist(customer, client.Request{
			Method: "POST", Path: g.stage.path() + "/reservations", Key: fmt.Sprintf("%s-%d-%d", g.run, customer, round),
			Body: []byte(`{"seats":[` + strconv.Quote(g.stage.labels[seat]) + `]}`),
		}, 201)
		<-ticks.C // at the end too: giving back all at once would be another load
		if id != "" {
			g.insist(customer, client.Request{Method: "DELETE", Path: "/v1/reservations/" + id}, 200)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

const (
	insistTries = 5
	insistAfter = 300 * time.Millisecond
)

// insist asks until there is a final answer, a few times, and returns the reservation's id after a yes.
func (g *toggler) insist(customer int, r client.Request, want int) string {
	r.Token = g.tokens[customer]
	var answer client.Answer
	var err error
	for range insistTries {
		answer, err = g.client.Do(r)
		if err == nil && !answer.Again() {
			break
		}
		time.Sleep(max(insistAfter, answer.RetryAfter))
	}
	at := time.Since(g.began)
	var got struct {
		ID  string
		Seq uint64
	}
	code := "connection"
	if err == nil {
		code = answer.Code()
	}
	if err == nil && answer.Status == want {
		if err = json.Unmarshal(answer.Body, &got); err == nil {
			code = ""
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if code != "" {
		g.refused[code]++
		return ""
	}
	g.changes = append(g.changes, sighting{got.Seq, at})
	return got.ID
}

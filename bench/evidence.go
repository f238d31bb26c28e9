package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"ticketblue/bench/client"
	"ticketblue/bench/judge"
	"ticketblue/bench/load"
)

// evidence asks the API about everything the judge wants to know.
func (s *sale) evidence(ctx context.Context, workers int) (judge.API, error) {
	round, err := s.status(s.client)
	if err != nil {
		return judge.API{}, err
	}
	seats, err := s.seats(s.client)
	if err != nil {
		return judge.API{}, err
	}
	api := judge.API{Totals: round.Totals, Grades: round.Grades, Labels: s.labels, Map: seats}
	api.Reservations, err = s.ownersView(ctx, workers)
	return api, err
}

// ownersView asks for every acknowledged reservation with its owner's token.
func (s *sale) ownersView(ctx context.Context, workers int) (map[string]judge.Reservation, error) {
	acks := s.acks.all()
	var mu sync.Mutex
	found := map[string]judge.Reservation{}
	var failed error
	left := load.Insist(ctx, workers, len(acks), load.DefaultRetry, func(i int) load.Outcome {
		a := acks[i]
		answer, err := s.client.Do(client.Request{Method: "GET", Path: "/v1/reservations/" + a.ID, Token: s.owner[a.User]})
		if err != nil || answer.Again() {
			return load.Outcome{Again: true, After: answer.RetryAfter}
		}
		var r judge.Reservation
		readErr := json.Unmarshal(answer.Body, &r)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case answer.Status == 404:
		case answer.Status != 200 || readErr != nil:
			failed = fmt.Errorf("GET reservation %s: status %d: %.200s", a.ID, answer.Status, answer.Body)
		default:
			found[a.ID] = r
		}
		return load.Outcome{}
	})
	if len(left) > 0 {
		return nil, errors.Join(fmt.Errorf("%d reservations could not be asked for", len(left)), context.Cause(ctx))
	}
	return found, failed
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/judge"
	"ticketblue/bench/load"
)

// Terms of the round that is sold.
const (
	maxPerUser  = 4
	holdSeconds = 3600 // nothing expires during a run
	openWithin  = 10 * time.Second

	stageWorkers = 8 // rounds being made at the same time
)

// stage is a round with its hall, made over HTTP as an administrator would.
type stage struct {
	round  int64
	labels []string // of all seats, in plan order
	joins  []bool   // whether seat i and seat i+1 are neighbours
}

type planSeat struct {
	Label   string `json:"label"`
	Section string `json:"section"`
	Row     string `json:"row"`
	Number  int    `json:"number"`
}

type planAnswer struct {
	Grades []string   `json:"grades"`
	Seats  []planSeat `json:"seats"`
}

type roundAnswer struct {
	Seq    uint64         `json:"seq"`
	Status string         `json:"status"`
	Plan   string         `json:"plan"`
	Grades []judge.Counts `json:"grades"`
	Totals judge.Counts   `json:"totals"`
}

type seatsAnswer struct {
	Seats string `json:"seats"`
}

// logIn returns the access token of an account.
func logIn(c *client.Client, email, password string) (string, error) {
	var in struct {
		AccessToken string `json:"access_token"`
	}
	err := c.Call(client.Request{Method: "POST", Path: "/v1/auth/login"},
		map[string]string{"email": email, "password": password}, 200, &in)
	return in.AccessToken, err
}

// showEvery is enough for one showing and the way to the next in the same hall.
const showEvery = 4 * time.Hour

// terms are what rounds of a bench have different.
type terms struct {
	seats, rounds, perUser int
}

// setStage makes a round whose sale is open.
func setStage(ctx context.Context, c *client.Client, token string, seats int) (*stage, error) {
	stages, err := setStages(ctx, c, token, terms{seats: seats, rounds: 1, perUser: maxPerUser})
	if err != nil {
		return nil, err
	}
	return stages[0], nil
}

// setStages makes a plain hall, a performance, and rounds of it whose sale is open.
func setStages(ctx context.Context, c *client.Client, token string, t terms) ([]*stage, error) {
	post := func(path string, in, out any) error {
		return c.Call(client.Request{Method: "POST", Path: path, Token: token}, in, 201, out)
	}
	var hall struct {
		ID   int64  `json:"id"`
		Plan string `json:"plan"`
	}
	if err := post("/v1/admin/halls", map[string]any{"name": "Bench hall", "seats": t.seats}, &hall); err != nil {
		return nil, err
	}
	plan, err := readPlan(c, hall.Plan)
	if err != nil {
		return nil, err
	}
	prices := map[string]int{}
	for _, grade := range plan.Grades {
		prices[grade] = 99_000
	}
	var performance struct {
		ID int64 `json:"id"`
	}
	err = post("/v1/admin/performances", map[string]any{
		"title": "Bench rush", "category": "concert", "hall_id": hall.ID, "duration_minutes": 120, "prices": prices,
	}, &performance)
	if err != nil {
		return nil, err
	}
	layout, stages, failures := stageOf(0, plan), make([]*stage, t.rounds), make([]error, t.rounds)
	now := time.Now().UTC().Truncate(time.Second)
	load.Each(ctx, stageWorkers, t.rounds, func(i int) {
		var round struct {
			ID int64 `json:"id"`
		}
		failures[i] = post("/v1/admin/performances/"+strconv.FormatInt(performance.ID, 10)+"/rounds", map[string]any{
			"opens_at": now, "closes_at": now.Add(12 * time.Hour), "starts_at": now.Add(24*time.Hour + time.Duration(i)*showEvery),
			"hold_seconds": holdSeconds, "max_per_user": t.perUser,
		}, &round)
		if failures[i] != nil {
			return
		}
		st := *layout
		st.round = round.ID
		stages[i], failures[i] = &st, st.awaitOpen(ctx, c)
	})
	return stages, errors.Join(append(failures, context.Cause(ctx))...)
}

// findStage is a round that exists, with its hall.
func findStage(c *client.Client, round int64) (*stage, error) {
	s := &stage{round: round}
	status, err := s.status(c)
	if err != nil {
		return nil, err
	}
	plan, err := readPlan(c, status.Plan)
	if err != nil {
		return nil, err
	}
	return stageOf(round, plan), nil
}

func stageOf(round int64, plan planAnswer) *stage {
	s := &stage{round: round, joins: make([]bool, len(plan.Seats))}
	for i, seat := range plan.Seats {
		s.labels = append(s.labels, seat.Label)
		if i > 0 {
			before := plan.Seats[i-1]
			s.joins[i-1] = before.Section == seat.Section && before.Row == seat.Row && before.Number+1 == seat.Number
		}
	}
	return s
}

func readPlan(c *client.Client, hash string) (planAnswer, error) {
	var plan planAnswer
	err := c.Call(client.Request{Method: "GET", Path: "/v1/plans/" + hash}, nil, 200, &plan)
	return plan, err
}

// awaitOpen waits until the round says that it is open: its opening time has come, but clocks differ.
func (s *stage) awaitOpen(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		round, err := s.status(c)
		if err == nil && round.Status == "open" {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("round %d is %q and did not open: %w", s.round, round.Status, ctx.Err()), err)
		}
	}
}

func (s *stage) path() string { return "/v1/rounds/" + strconv.FormatInt(s.round, 10) }

func (s *stage) status(c *client.Client) (roundAnswer, error) {
	var r roundAnswer
	err := c.Call(client.Request{Method: "GET", Path: s.path()}, nil, 200, &r)
	return r, err
}

func (s *stage) seats(c *client.Client) (string, error) {
	var a seatsAnswer
	err := c.Call(client.Request{Method: "GET", Path: s.path() + "/seats"}, nil, 200, &a)
	return a.Seats, err
}

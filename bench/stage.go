package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/oapi-codegen/runtime/types"

	api "ticketblue/api/client"
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
func logIn(ctx context.Context, c *client.Client, email, password string) (string, error) {
	nobody, err := c.Typed("")
	if err != nil {
		return "", err
	}
	session, err := nobody.LoginWithResponse(ctx, nil, api.LoginInputBody{Email: email, Password: password})
	if err := api.Expect(http.StatusOK, session, err); err != nil {
		return "", fmt.Errorf("logging in as %s: %w", email, err)
	}
	return session.JSON200.AccessToken, nil
}

// showEvery is enough for one showing and the way to the next in the same hall.
const showEvery = 4 * time.Hour

// terms are what rounds of a bench have different.
type terms struct {
	seats, rounds, perUser int
	free                   bool // seats cost nothing
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
	admin, err := c.Typed(token)
	if err != nil {
		return nil, err
	}
	hall, err := admin.CreateHallWithResponse(ctx, api.CreateHallInputBody{Name: "Bench hall", Seats: new(int64(t.seats))})
	if err := api.Expect(http.StatusCreated, hall, err); err != nil {
		return nil, fmt.Errorf("making the hall: %w", err)
	}
	plan, err := readPlan(ctx, admin, hall.JSON201.Plan)
	if err != nil {
		return nil, err
	}
	prices, price := map[string]int64{}, int64(99_000)
	if t.free {
		price = 0
	}
	for _, grade := range plan.Grades {
		prices[grade] = price
	}
	now := time.Now().UTC().Truncate(time.Second)
	starts := func(i int) time.Time { return now.Add(24*time.Hour + time.Duration(i)*showEvery) }
	performance, err := admin.CreatePerformanceWithResponse(ctx, api.PerformanceFields{
		Title: "Bench rush", Category: api.PerformanceFieldsCategoryConcert, HallId: hall.JSON201.Id, DurationMinutes: 120, Prices: prices,
		To: &types.Date{Time: starts(t.rounds + 6)}, // some more than a day: days are those of Seoul
	})
	if err := api.Expect(http.StatusCreated, performance, err); err != nil {
		return nil, fmt.Errorf("making the performance: %w", err)
	}
	layout, stages := stageOf(0, plan), make([]*stage, t.rounds)
	making, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	load.Each(making, stageWorkers, t.rounds, func(i int) {
		round, err := admin.PlanRoundWithResponse(ctx, performance.JSON201.Id, api.PlanRoundInputBody{
			OpensAt: now, ClosesAt: now.Add(12 * time.Hour), StartsAt: starts(i),
			HoldSeconds: new(int64(holdSeconds)), MaxPerUser: new(int64(t.perUser)),
		})
		if err := api.Expect(http.StatusCreated, round, err); err != nil {
			fail(fmt.Errorf("making round %d of %d: %w", i+1, t.rounds, err))
			return
		}
		st := *layout
		st.round, stages[i] = round.JSON201.Id, &st
		if err := st.awaitOpen(ctx, c); err != nil {
			fail(err)
		}
	})
	return stages, context.Cause(making) // the first that failed is enough
}

// findStage is a round that exists, with its hall.
func findStage(ctx context.Context, c *client.Client, round int64) (*stage, error) {
	s := &stage{round: round}
	status, err := s.status(c)
	if err != nil {
		return nil, err
	}
	nobody, err := c.Typed("")
	if err != nil {
		return nil, err
	}
	plan, err := readPlan(ctx, nobody, status.Plan)
	if err != nil {
		return nil, err
	}
	return stageOf(round, plan), nil
}

func stageOf(round int64, plan *api.PlanBody) *stage {
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

func readPlan(ctx context.Context, c *api.ClientWithResponses, hash string) (*api.PlanBody, error) {
	plan, err := c.GetPlanWithResponse(ctx, hash, nil)
	if err := api.Expect(http.StatusOK, plan, err); err != nil {
		return nil, fmt.Errorf("reading plan %s: %w", hash, err)
	}
	return plan.JSON200, nil
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

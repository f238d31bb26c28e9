package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"ticketblue/ticketing"
)

type planRoundInput struct {
	ID   int64 `path:"id" minimum:"1" example:"1"`
	Body struct {
		StartsAt         time.Time `json:"starts_at" doc:"The showing"`
		OpensAt          time.Time `json:"opens_at" doc:"The sale opens by itself"`
		ClosesAt         time.Time `json:"closes_at" doc:"and closes"`
		HoldSeconds      int       `json:"hold_seconds,omitempty" minimum:"1" maximum:"86400" default:"300" doc:"How long seats wait for a payment to start"`
		PaySeconds       int       `json:"pay_seconds,omitempty" minimum:"1" maximum:"1200" default:"600" doc:"How long a started payment may take"`
		MaxPerUser       int       `json:"max_per_user,omitempty" minimum:"1" maximum:"20" default:"4"`
		CancelUntil      time.Time `json:"cancel_until,omitempty" doc:"Last moment for a customer's cancellation; without it never"`
		CancelFeePercent int       `json:"cancel_fee_percent,omitempty" minimum:"0" maximum:"100"`
	}
}

type roundBody struct {
	ID               int64      `json:"id" example:"42"`
	PerformanceID    int64      `json:"performance_id" example:"1"`
	Status           string     `json:"status" enum:"scheduled,open,paused,closed" doc:"A little behind what the round itself says"`
	Canceled         bool       `json:"canceled"`
	Plan             string     `json:"plan"`
	StartsAt         time.Time  `json:"starts_at"`
	OpensAt          time.Time  `json:"opens_at"`
	ClosesAt         time.Time  `json:"closes_at"`
	HoldSeconds      int64      `json:"hold_seconds"`
	PaySeconds       int64      `json:"pay_seconds"`
	MaxPerUser       int        `json:"max_per_user"`
	CancelUntil      *time.Time `json:"cancel_until,omitempty"`
	CancelFeePercent int        `json:"cancel_fee_percent"`
	Version          int64      `json:"version" doc:"Counts its changes" example:"1"`
}

type roundsBody struct {
	Items []roundBody `json:"items" nullable:"false"`
}

func (s *Server) roundAdminRoutes() {
	register(s, operation{
		id: "list-rounds", method: http.MethodGet, path: "/v1/performances/{id}/rounds", tag: "performances",
		access: Public, status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See a performance's rounds",
		about: "Earliest first, a thousand at most. Status and seats of one round are at /v1/rounds/{id}.",
	}, s.listRounds)
	register(s, operation{
		id: "plan-round", method: http.MethodPost, path: "/v1/admin/performances/{id}/rounds", tag: "admin",
		access: Admin, status: http.StatusCreated, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Plan a round",
		about: "It takes the hall's plan and the performance's prices as they are now. 409 is `round_clash`: another showing is in the " +
			"hall then, or ends or begins less than an hour away.",
	}, s.planRound)
	for verb, command := range map[string]ticketing.Command{
		"open": ticketing.OpenSale{}, "pause": ticketing.PauseSale{}, "close": ticketing.CloseSale{},
	} {
		register(s, operation{
			id: verb + "-round", method: http.MethodPost, path: "/v1/admin/rounds/{id}/" + verb, tag: "admin",
			access: Admin, noBody: true, status: http.StatusOK, errors: []int{http.StatusConflict},
			summary: map[string]string{
				"open": "Open a sale now, or resume it", "pause": "Pause a sale", "close": "Close a sale for good",
			}[verb],
			about: map[string]string{
				"open":  "409 is `sale_closed`: what is closed stays closed. Open already is fine.",
				"pause": "409 is `sale_not_open` (`retry_at`: when it opens by itself) or `sale_closed`. Paused already is fine.",
				"close": "Closed already is fine.",
			}[verb],
		}, s.changeSale(command))
	}
}

func (s *Server) listRounds(ctx context.Context, in *performanceInput) (*tagged[roundsBody], error) {
	rounds, err := s.Catalogue.RoundsOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	body := roundsBody{Items: []roundBody{}}
	for _, r := range rounds {
		body.Items = append(body.Items, roundOnWire(r))
	}
	return tag(http.StatusOK, 0, body, in.IfNoneMatch)
}

func (s *Server) planRound(ctx context.Context, in *planRoundInput) (*tagged[roundBody], error) {
	performance, err := s.Catalogue.Performance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	hall, err := s.Catalogue.Hall(ctx, performance.HallID)
	if err != nil {
		return nil, fmt.Errorf("reading hall %d: %w", performance.HallID, asInternal(err))
	}
	plan, err := s.Catalogue.Plan(ctx, hall.PlanHash)
	if err != nil {
		return nil, fmt.Errorf("reading the plan of hall %d: %w", hall.ID, asInternal(err))
	}
	terms := termsOf(in)
	for _, grade := range plan.Grades {
		price, found := performance.Prices[grade]
		if !found {
			return nil, invalid("id", "a performance with a price for every grade of its hall")
		}
		terms.Prices = append(terms.Prices, price)
	}
	if err := terms.Validate(plan); err != nil {
		return nil, err
	}
	round, err := s.Catalogue.CreateRound(ctx, ticketing.RoundInfo{
		PerformanceID: in.ID, PlanHash: hall.PlanHash, StartsAt: terms.StartsAt, Terms: terms,
	})
	if err != nil {
		return nil, err
	}
	return tag(http.StatusCreated, round.Version, roundOnWire(round), "")
}

func termsOf(in *planRoundInput) ticketing.Terms {
	b := in.Body
	return ticketing.Terms{
		OpensAt: ticketing.MillisOf(b.OpensAt), ClosesAt: ticketing.MillisOf(b.ClosesAt),
		StartsAt:   ticketing.MillisOf(b.StartsAt),
		HoldMillis: ticketing.Millis(b.HoldSeconds) * 1000, PayMillis: ticketing.Millis(b.PaySeconds) * 1000,
		MaxPerUser: b.MaxPerUser, CancelUntil: ticketing.MillisOf(b.CancelUntil), CancelFee: b.CancelFeePercent,
	}
}

func roundOnWire(r ticketing.RoundInfo) roundBody {
	t := r.Terms
	return roundBody{
		ID: int64(r.ID), PerformanceID: r.PerformanceID, Plan: r.PlanHash.String(),
		StartsAt: r.StartsAt.Time(), OpensAt: t.OpensAt.Time(), ClosesAt: t.ClosesAt.Time(),
		HoldSeconds: int64(t.HoldMillis) / 1000, PaySeconds: int64(t.PayMillis) / 1000, MaxPerUser: t.MaxPerUser,
		CancelUntil: moment(t.CancelUntil), CancelFeePercent: t.CancelFee,
		Status: max(r.Phase, ticketing.Scheduled).String(), Canceled: r.Canceled, Version: r.Version,
	}
}

func (s *Server) changeSale(command ticketing.Command) func(context.Context, *roundInput) (*statusOutput, error) {
	return func(ctx context.Context, in *roundInput) (*statusOutput, error) {
		id := ticketing.RoundID(in.Round)
		result, err := s.askRound(ctx, id, command)
		if err != nil {
			return nil, err
		}
		body, err := s.statusBody(ctx, id, result)
		if err != nil {
			return nil, err
		}
		return &statusOutput{positionOf(ticketing.RoundStream(id), result.Seq), body}, nil
	}
}

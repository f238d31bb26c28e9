package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	"ticketblue/ticketing"
)

type planRoundInput struct {
	ID   int64 `path:"id" minimum:"1" example:"1"`
	Body struct {
		StartsAt         time.Time `json:"starts_at" doc:"The showing" example:"2027-05-01T10:30:00Z"`
		OpensAt          time.Time `json:"opens_at" doc:"The sale opens by itself" example:"2027-03-02T11:00:00Z"`
		ClosesAt         time.Time `json:"closes_at" doc:"and closes: after opens_at, at starts_at at the latest" example:"2027-05-01T09:30:00Z"`
		HoldSeconds      int       `json:"hold_seconds,omitempty" minimum:"1" maximum:"86400" default:"300" doc:"How long seats wait for a payment to start" example:"300"`
		PaySeconds       int       `json:"pay_seconds,omitempty" minimum:"1" maximum:"1200" default:"600" doc:"How long a started payment may take" example:"600"`
		MaxPerUser       int       `json:"max_per_user,omitempty" minimum:"1" maximum:"20" default:"4" example:"4"`
		CancelUntil      time.Time `json:"cancel_until,omitempty" doc:"Last moment for a customer's cancellation, at starts_at at the latest; without it never" example:"2027-04-30T10:30:00Z"`
		CancelFeePercent int       `json:"cancel_fee_percent,omitempty" minimum:"0" maximum:"100" example:"10"`
	}
}

type rescheduleInput struct {
	ID int64 `path:"id" minimum:"1" example:"42"`
	Expecting
	Body struct {
		StartsAt    time.Time `json:"starts_at" doc:"The showing" example:"2027-05-01T10:30:00Z"`
		OpensAt     time.Time `json:"opens_at" doc:"The sale opens by itself" example:"2027-03-02T11:00:00Z"`
		ClosesAt    time.Time `json:"closes_at" doc:"and closes: after opens_at, at starts_at at the latest" example:"2027-05-01T09:30:00Z"`
		CancelUntil time.Time `json:"cancel_until,omitempty" doc:"Last moment for a customer's cancellation, at starts_at at the latest; without it never" example:"2027-04-30T10:30:00Z"`
	}
}

type roundBody struct {
	ID               int64      `json:"id" example:"42"`
	PerformanceID    int64      `json:"performance_id" example:"1"`
	Status           string     `json:"status" enum:"scheduled,open,paused,closed" doc:"A little behind what the round itself says"`
	Canceled         bool       `json:"canceled"`
	Plan             string     `json:"plan" example:"9d0231423d77b0cc325cfe4dc8020858ae8b0502917fe60b0983c04fd70d987d"`
	StartsAt         time.Time  `json:"starts_at" example:"2027-05-01T10:30:00Z"`
	OpensAt          time.Time  `json:"opens_at" example:"2027-03-02T11:00:00Z"`
	ClosesAt         time.Time  `json:"closes_at" example:"2027-05-01T09:30:00Z"`
	HoldSeconds      int64      `json:"hold_seconds" example:"300"`
	PaySeconds       int64      `json:"pay_seconds" example:"600"`
	MaxPerUser       int        `json:"max_per_user" example:"4"`
	CancelUntil      *time.Time `json:"cancel_until,omitempty" example:"2027-04-30T10:30:00Z"`
	CancelFeePercent int        `json:"cancel_fee_percent" example:"10"`
	Version          int64      `json:"version" doc:"Counts its changes" example:"1"`
}

type roundsBody struct {
	Items []roundBody `json:"items" nullable:"false"`
}

func (s *Server) roundAdminRoutes() {
	keep[performanceInput](s, operation{
		id: "list-rounds", method: http.MethodGet, path: "/v1/performances/{id}/rounds", tag: "performances",
		access: Public, status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See a performance's rounds",
		about: "Earliest first, a thousand at most. Status and seats of one round are at /v1/rounds/{id}.",
	}, rests{on: ticketing.NounPerformance, all: ticketing.NounRound}, s.listRounds)
	register(s, operation{
		id: "plan-round", method: http.MethodPost, path: "/v1/admin/performances/{id}/rounds", tag: "admin",
		access: Admin, status: http.StatusCreated, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Plan a round",
		about: "It takes the hall's plan and the performance's prices as they are now. 409 is `round_clash`: another showing is in the " +
			"hall then, or ends or begins less than an hour away. `starts_at` and `closes_at` are in the future; with an `opens_at` in the past it " +
			"opens at once.",
	}, s.planRound)
	register(s, operation{
		id: "reschedule-round", method: http.MethodPut, path: "/v1/admin/rounds/{id}", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Give a round other times",
		about: "409 is `sale_begun`: customers rely on the times it has (close or cancel it, and plan another one); or `round_clash`, as " +
			"when it is planned. Times that become others are in the future, as there. 412 is `changed_meanwhile`." + aboutOwner,
	}, s.rescheduleRound)
	register(s, operation{
		id: "delete-round", method: http.MethodDelete, path: "/v1/admin/rounds/{id}", tag: "admin", access: Admin,
		status: http.StatusNoContent, errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Delete a round of which nobody ever had a seat",
		about:   "409 is `has_sales`: cancel it instead. 412 is `changed_meanwhile`. Asked for by its id, a deleted round is closed and canceled." + aboutOwner,
	}, s.deleteRound)
	for verb, command := range map[string]ticketing.Command{
		"open": ticketing.OpenSale{}, "pause": ticketing.PauseSale{}, "close": ticketing.CloseSale{}, "cancel": ticketing.CancelRound{},
	} {
		register(s, operation{
			id: verb + "-round", method: http.MethodPost, path: "/v1/admin/rounds/{id}/" + verb, tag: "admin",
			access: Admin, noBody: true, status: http.StatusOK,
			summary: map[string]string{
				"open": "Open a sale now, or resume it", "pause": "Pause a sale", "close": "Close a sale for good",
				"cancel": "Cancel a round and give all money back",
			}[verb],
			about: map[string]string{
				"open":   "409 is `sale_closed`: what is closed stays closed. Open already is fine.",
				"pause":  "409 is `sale_not_open` (`retry_at`: when it opens by itself) or `sale_closed`. Paused already is fine.",
				"close":  "Closed already is fine.",
				"cancel": "Every reservation ends, and what was paid for it is owed in full. There is no way back. Canceled already is fine.",
			}[verb] + aboutOwner,
		}, s.changeSale(command))
	}
}

func (s *Server) listRounds(ctx context.Context, q question) (int64, roundsBody, error) {
	rounds, err := s.Catalogue.RoundsOf(ctx, q.id)
	body := roundsBody{Items: []roundBody{}}
	for _, r := range rounds {
		body.Items = append(body.Items, roundOnWire(r))
	}
	return 0, body, err
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
	terms, prices := termsOf(in), maps.Clone(performance.Prices)
	nameGrades(prices, plan.Grades)
	for _, grade := range plan.Grades {
		price, found := prices[grade]
		if !found {
			return nil, invalid("prices."+grade, "a price of the performance: its hall has this grade")
		}
		terms.Prices = append(terms.Prices, price)
	}
	if err := checkTerms(terms, plan); err != nil {
		return nil, err
	}
	if err := checkAhead(terms, ticketing.Terms{}, s.Clock()); err != nil {
		return nil, err
	}
	round, err := s.Catalogue.CreateRound(ctx, ticketing.RoundInfo{
		PerformanceID: in.ID, PlanHash: hall.PlanHash, StartsAt: terms.StartsAt, Terms: terms,
	})
	if err != nil {
		return nil, err
	}
	concerns(ctx, ticketing.NounRound, round.ID)
	return tag(http.StatusCreated, round.Version, roundOnWire(round), "")
}

func (s *Server) rescheduleRound(ctx context.Context, in *rescheduleInput) (*tagged[roundBody], error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	round, err := s.Catalogue.Round(ctx, ticketing.RoundID(in.ID))
	if err != nil {
		return nil, err
	}
	plan, err := s.Catalogue.Plan(ctx, round.PlanHash)
	if err != nil {
		return nil, fmt.Errorf("reading the plan of round %d: %w", in.ID, asInternal(err))
	}
	t := ticketing.RescheduleRound{
		OpensAt: ticketing.MillisOf(in.Body.OpensAt), ClosesAt: ticketing.MillisOf(in.Body.ClosesAt),
		StartsAt: ticketing.MillisOf(in.Body.StartsAt), CancelUntil: ticketing.MillisOf(in.Body.CancelUntil),
	}
	before := round.Terms
	round.Version, round.StartsAt = version, t.StartsAt
	round.Terms.OpensAt, round.Terms.ClosesAt, round.Terms.StartsAt, round.Terms.CancelUntil = t.OpensAt, t.ClosesAt, t.StartsAt, t.CancelUntil
	if err := checkTerms(round.Terms, plan); err != nil {
		return nil, err
	}
	if err := checkAhead(round.Terms, before, s.Clock()); err != nil {
		return nil, err
	}
	round, err = s.Catalogue.RescheduleRound(ctx, round, func() error {
		_, err := s.askRound(ctx, round.ID, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return tag(http.StatusOK, round.Version, roundOnWire(round), "")
}

// checkTerms also wants times that databases and calendars can write down.
func checkTerms(t ticketing.Terms, plan *ticketing.Plan) error {
	if err := t.Validate(plan); err != nil {
		return err
	}
	switch {
	case max(t.StartsAt, t.ClosesAt, t.CancelUntil) > maxMillis:
		return invalid("starts_at", "with all other times before the year 10000")
	case t.ClosesAt > t.StartsAt:
		return invalid("closes_at", "not after starts_at")
	case t.CancelUntil > t.StartsAt:
		return invalid("cancel_until", "not after starts_at")
	}
	return nil
}

// checkAhead wants a showing and a close of the sale that are still to come, unless they are those of before. A sale that
// should have opened already opens at once.
func checkAhead(t, before ticketing.Terms, clock time.Time) error {
	now := ticketing.MillisOf(clock)
	want := "in the future: now it is " + now.Time().UTC().Format(time.RFC3339)
	switch {
	case t.StartsAt <= now && t.StartsAt != before.StartsAt:
		return invalid("starts_at", want)
	case t.ClosesAt <= now && t.ClosesAt != before.ClosesAt:
		return invalid("closes_at", want)
	}
	return nil
}

func (s *Server) deleteRound(ctx context.Context, in *deleteInput) (*struct{}, error) {
	version, err := in.version()
	if err == nil {
		id := ticketing.RoundID(in.ID)
		err = s.Catalogue.DeleteRound(ctx, id, version, func() error {
			_, err := s.askRound(ctx, id, ticketing.DropRound{})
			return err
		})
	}
	return nil, err
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
		return &statusOutput{body.tag(), positionOf(ticketing.RoundStream(id), result.Seq), body}, nil
	}
}

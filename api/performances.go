package api

import (
	"context"
	"math"
	"net/http"

	"ticketblue/ticketing"
)

// listInput is what lists in the order of ids take.
type listInput struct {
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After string `query:"after" maxLength:"80" doc:"The next of the page before"`
	Conditional
}

type performancesInput struct {
	OnSale   choice `query:"on_sale" doc:"true: only those of which a round is on sale now; false: only those of which none is. Both when left out"`
	Category string `query:"category" enum:"concert,musical,sports"`
	From     string `query:"from" format:"date" doc:"Shown on this day in Seoul or later; today when left out" example:"2026-12-01"`
	To       string `query:"to" format:"date" doc:"Shown on this day in Seoul or earlier" example:"2026-12-31"`
	Limit    int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After    string `query:"after" maxLength:"80" doc:"The next of the page before"`
	Conditional
}

type performanceInput struct {
	ID int64 `path:"id" minimum:"1" example:"1"`
	Conditional
}

// listOfInput is what lists of a performance's take.
type listOfInput struct {
	ID    int64  `path:"id" minimum:"1" doc:"Of the performance" example:"1"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After string `query:"after" maxLength:"80" doc:"The next of the page before"`
	Conditional
}

func (*listOfInput) inPages() {}

type hallRef struct {
	ID   int64  `json:"id" example:"1"`
	Name string `json:"name" example:"베이스볼 드림파크"`
}

type ratingBody struct {
	Average float64 `json:"average" doc:"From 0 to 5, to a tenth; 0 without reviews" example:"4.5"`
	Count   int64   `json:"count" example:"12"`
}

// posterOfShow is a poster where there may be none.
type posterOfShow struct {
	_      struct{}          `nullable:"true"`
	Widths map[string]string `json:"widths" doc:"Address of the picture by its width in pixels" example:"{\"320\":\"/posters/5f2c-320.jpg\"}"`
}

type performanceBody struct {
	ID              int64            `json:"id" example:"1"`
	Title           string           `json:"title" example:"TWENTY"`
	Category        string           `json:"category" example:"concert"`
	Hall            hallRef          `json:"hall"`
	From            string           `json:"from" doc:"First day in Seoul" example:"2027-04-01"`
	To              string           `json:"to" doc:"Last day in Seoul" example:"2027-05-31"`
	DurationMinutes int              `json:"duration_minutes" example:"120"`
	Prices          map[string]int64 `json:"prices" doc:"KRW by grade" example:"{\"R\":132000}"`
	Description     string           `json:"description,omitempty" doc:"Not in lists"`
	Rating          ratingBody       `json:"rating"`
	Poster          *posterOfShow    `json:"poster" doc:"null: it has none"`
	Version         int64            `json:"version" doc:"Counts its changes" example:"3"`
}

func (s *Server) performanceRoutes() {
	register(s, operation{
		id: "list-performances", method: http.MethodGet, path: "/v1/performances", tag: "performances", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified, http.StatusUnprocessableEntity},
		summary: "See what is shown and what is coming", about: "What ends first comes first.",
	}, s.listPerformances)
	keep[performanceInput](s, operation{
		id: "get-performance", method: http.MethodGet, path: "/v1/performances/{id}", tag: "performances", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See one performance",
	}, rests{on: ticketing.NounPerformance, all: ticketing.NounHall}, s.getPerformance)
	keep[listOfInput](s, operation{
		id: "list-performers-of", method: http.MethodGet, path: "/v1/performances/{id}/performers", tag: "performances", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified, http.StatusUnprocessableEntity}, summary: "See who is in a performance",
	}, rests{on: ticketing.NounPerformance, all: ticketing.NounPerformer}, s.listPerformersOf)
}

func (s *Server) listPerformances(ctx context.Context, in *performancesInput) (*tagged[page[performanceBody]], error) {
	l := listOf("list-performances", in.OnSale.Of, in.Category, in.From, in.To)
	id, day, err := l.place(in.After)
	if err != nil {
		return nil, err
	}
	if _, ok := ticketing.ParseDay(day); day != "" && !ok {
		return nil, errNotNext
	}
	filter := ticketing.PerformanceFilter{Category: in.Category, OnSale: in.OnSale.Of, From: s.today()}
	if in.From != "" {
		if filter.From, err = dayOf("from", in.From); err != nil {
			return nil, err
		}
	}
	if in.To != "" {
		if filter.To, err = dayOf("to", in.To); err != nil {
			return nil, err
		}
	}
	if err := inOrder(ticketing.Day(in.From), filter.To); err != nil {
		return nil, err
	}
	found, err := s.Catalogue.Performances(ctx, filter, ticketing.PerformanceCursor{To: ticketing.Day(day), ID: id}, in.Limit+1)
	if err != nil {
		return nil, err
	}
	brief := func(p ticketing.Performance) performanceBody {
		p.Description = ""
		return performanceOnWire(p)
	}
	body := pageOf(found, in.Limit, brief, func(p ticketing.Performance) string { return l.cursor(p.ID, string(p.To)) })
	return tag(http.StatusOK, 0, body, in.IfNoneMatch)
}

// inOrder wants the last day of a span not before its first; either may be "".
func inOrder(from, to ticketing.Day) error {
	if to != "" && to < from {
		return invalid("to", "the day of from, or later")
	}
	return nil
}

func dayOf(field, text string) (ticketing.Day, error) {
	day, ok := ticketing.ParseDay(text)
	if !ok {
		return "", invalid(field, "a day such as 2026-12-24")
	}
	return day, nil
}

func (s *Server) getPerformance(ctx context.Context, q question) (int64, performanceBody, error) {
	p, err := s.Catalogue.Performance(ctx, q.id)
	return p.Version, performanceOnWire(p), err
}

func (s *Server) listPerformersOf(ctx context.Context, q question) (int64, page[performerBody], error) {
	found, err := s.Catalogue.PerformersOf(ctx, q.id, q.after, q.limit+1)
	return 0, pageOf(found, q.limit, performerOnWire, func(p ticketing.Performer) string { return q.list().cursorOfID(p.ID) }), err
}

func performanceOnWire(p ticketing.Performance) performanceBody {
	prices := make(map[string]int64, len(p.Prices))
	for grade, price := range p.Prices {
		prices[grade] = int64(price)
	}
	body := performanceBody{
		ID: p.ID, Title: p.Title, Category: p.Category, Hall: hallRef{p.HallID, p.HallName}, From: string(p.From), To: string(p.To),
		DurationMinutes: p.DurationMinutes, Prices: prices, Description: p.Description, Rating: ratingBody{Count: p.Ratings}, Version: p.Version,
	}
	if p.Poster != nil {
		body.Poster = &posterOfShow{Widths: posterOnWire(*p.Poster).Widths}
	}
	if p.Ratings > 0 {
		body.Rating.Average = math.Round(float64(p.RatingSum)/float64(p.Ratings)*10) / 10
	}
	return body
}

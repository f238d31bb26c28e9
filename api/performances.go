package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ticketblue/ticketing"
)

// MaxPrice is the highest price of one seat, in KRW.
const MaxPrice = 100_000_000

type listInput struct {
	Limit int   `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After int64 `query:"after" minimum:"0" doc:"The next of the page before"`
}

type performanceInput struct {
	ID int64 `path:"id" minimum:"1" example:"1"`
}

type hallRef struct {
	ID   int64  `json:"id" example:"1"`
	Name string `json:"name" example:"베이스볼 드림파크"`
}

type performanceBody struct {
	ID              int64            `json:"id" example:"1"`
	Title           string           `json:"title" example:"TWENTY"`
	Category        string           `json:"category" example:"concert"`
	Hall            hallRef          `json:"hall"`
	DurationMinutes int              `json:"duration_minutes" example:"120"`
	Prices          map[string]int64 `json:"prices" doc:"KRW by grade" example:"{\"R\":132000}"`
}

type performanceOutput struct{ Body performanceBody }

type performancesOutput struct {
	Body struct {
		Items []performanceBody `json:"items" nullable:"false"`
		Next  string            `json:"next,omitempty" doc:"Send it as after for the next page; absent on the last"`
	}
}

type createPerformanceInput struct {
	Body struct {
		Title           string           `json:"title" minLength:"1" maxLength:"200" example:"TWENTY"`
		Category        string           `json:"category" minLength:"1" maxLength:"50" example:"concert"`
		HallID          int64            `json:"hall_id" minimum:"1" example:"1"`
		DurationMinutes int              `json:"duration_minutes" minimum:"1" maximum:"1440" example:"120"`
		Prices          map[string]int64 `json:"prices" minProperties:"1" maxProperties:"16" doc:"KRW for each grade of the hall" example:"{\"R\":132000}"`
	}
}

func (s *Server) performanceRoutes() {
	register(s, operation{
		id: "list-performances", method: http.MethodGet, path: "/v1/performances", tag: "performances", access: Public,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity}, summary: "See what is shown",
	}, s.listPerformances)
	register(s, operation{
		id: "get-performance", method: http.MethodGet, path: "/v1/performances/{id}", tag: "performances", access: Public,
		status: http.StatusOK, summary: "See one performance",
	}, s.getPerformance)
	register(s, operation{
		id: "create-performance", method: http.MethodPost, path: "/v1/admin/performances", tag: "admin", access: Admin,
		status: http.StatusCreated, errors: []int{http.StatusUnprocessableEntity}, summary: "Add a performance",
	}, s.createPerformance)
}

func (s *Server) listPerformances(ctx context.Context, in *listInput) (*performancesOutput, error) {
	found, err := s.Catalogue.Performances(ctx, in.After, in.Limit+1) // one more tells whether there is a next page
	if err != nil {
		return nil, err
	}
	out := &performancesOutput{}
	out.Body.Items = []performanceBody{}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.Next = strconv.FormatInt(found[in.Limit-1].ID, 10)
	}
	for _, p := range found {
		out.Body.Items = append(out.Body.Items, performanceOnWire(p))
	}
	return out, nil
}

func (s *Server) getPerformance(ctx context.Context, in *performanceInput) (*performanceOutput, error) {
	p, err := s.Catalogue.Performance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &performanceOutput{performanceOnWire(p)}, nil
}

func (s *Server) createPerformance(ctx context.Context, in *createPerformanceInput) (*performanceOutput, error) {
	b := in.Body
	for field, text := range map[string]string{"title": b.Title, "category": b.Category} {
		if err := checkText(field, text); err != nil {
			return nil, err
		}
	}
	hall, err := s.Catalogue.Hall(ctx, b.HallID)
	if err != nil {
		return nil, fieldMissing(err, "hall_id", "the id of a hall")
	}
	plan, err := s.Catalogue.Plan(ctx, hall.PlanHash)
	if err != nil {
		return nil, fmt.Errorf("reading the plan of hall %d: %w", hall.ID, asInternal(err))
	}
	if err := checkPrices(b.Prices, plan.Grades); err != nil {
		return nil, err
	}
	p := ticketing.Performance{
		Title: b.Title, Category: b.Category, HallID: hall.ID, HallName: hall.Name,
		DurationMinutes: b.DurationMinutes, Prices: map[string]ticketing.KRW{},
	}
	for grade, price := range b.Prices {
		p.Prices[grade] = ticketing.KRW(price)
	}
	if p, err = s.Catalogue.CreatePerformance(ctx, p); err != nil {
		return nil, err
	}
	return &performanceOutput{performanceOnWire(p)}, nil
}

// checkPrices wants one price for every grade of the hall and no other.
func checkPrices(prices map[string]int64, grades []string) error {
	for _, grade := range grades {
		if price, found := prices[grade]; !found || price < 0 || price > MaxPrice {
			return invalid("prices."+grade, fmt.Sprintf("from 0 to %d", MaxPrice))
		}
	}
	for _, grade := range slices.Sorted(maps.Keys(prices)) {
		if !slices.Contains(grades, grade) {
			return invalid("prices", "of the hall's grades only: "+strings.Join(grades, ", "))
		}
	}
	return nil
}

func checkText(field, text string) error {
	if strings.TrimSpace(text) == "" || strings.ContainsFunc(text, unicode.IsControl) {
		return invalid(field, "text that is not all blank")
	}
	return nil
}

func performanceOnWire(p ticketing.Performance) performanceBody {
	prices := make(map[string]int64, len(p.Prices))
	for grade, price := range p.Prices {
		prices[grade] = int64(price)
	}
	return performanceBody{
		ID: p.ID, Title: p.Title, Category: p.Category, Hall: hallRef{p.HallID, p.HallName},
		DurationMinutes: p.DurationMinutes, Prices: prices,
	}
}

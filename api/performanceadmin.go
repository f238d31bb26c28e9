package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"ticketblue/ticketing"
)

type performanceFields struct {
	Title           string           `json:"title" minLength:"1" maxLength:"200" example:"TWENTY"`
	Category        string           `json:"category" enum:"concert,musical,sports" example:"concert"`
	HallID          int64            `json:"hall_id" minimum:"1" example:"1"`
	From            string           `json:"from,omitempty" format:"date" doc:"First day in Seoul; today when left out" example:"2027-04-01"`
	To              string           `json:"to,omitempty" format:"date" doc:"Last day in Seoul; a year after the first when left out" example:"2027-05-31"`
	DurationMinutes int              `json:"duration_minutes" minimum:"1" maximum:"1440" example:"120"`
	Prices          map[string]int64 `json:"prices" minProperties:"1" maxProperties:"16" doc:"KRW for each grade of the hall, and of its rounds that are not over: 0, or 100 to 100000000" example:"{\"R\":132000}"`
	Description     string           `json:"description,omitempty" maxLength:"4000" example:"스무 해를 노래하다"`
}

type createPerformanceInput struct{ Body performanceFields }

type updatePerformanceInput struct {
	ID int64 `path:"id" minimum:"1" example:"1"`
	Expecting
	Body performanceFields
}

type linkInput struct {
	ID   int64 `path:"id" minimum:"1" example:"1"`
	Body struct {
		PerformerID int64 `json:"performer_id" minimum:"1" example:"1"`
	}
}

type unlinkInput struct {
	ID        int64 `path:"id" minimum:"1" example:"1"`
	Performer int64 `path:"performer" minimum:"1" example:"1"`
}

func (s *Server) performanceAdminRoutes() {
	register(s, operation{
		id: "create-performance", method: http.MethodPost, path: "/v1/admin/performances", tag: "admin", access: Admin,
		status: http.StatusCreated, errors: []int{http.StatusUnprocessableEntity}, summary: "Add a performance",
	}, s.createPerformance)
	register(s, operation{
		id: "update-performance", method: http.MethodPut, path: "/v1/admin/performances/{id}", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Replace what is known of a performance",
		about: "New prices are those of later reservations, in its rounds too; who holds seats keeps his. Rounds that are not over " +
			"may have an older plan of the hall than the newest: other prices are then for the grades of all of these plans. 409 is `in_use` (it has " +
			"rounds in its hall) or `round_clash` (it has become too long for the next showing). 412 is `changed_meanwhile`." + aboutOwner,
	}, s.updatePerformance)
	register(s, operation{
		id: "delete-performance", method: http.MethodDelete, path: "/v1/admin/performances/{id}", tag: "admin", access: Admin,
		status: http.StatusNoContent, errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Delete a performance",
		about: "Rounds whose sale has not begun are deleted with it. 409 is `has_sales`: cancel its other rounds, which gives the " +
			"money back, and leave it to be over. 412 is `changed_meanwhile`." + aboutOwner,
	}, s.deletePerformance)
	register(s, operation{
		id: "link-performer", method: http.MethodPost, path: "/v1/admin/performances/{id}/performers", tag: "admin", access: Admin,
		status: http.StatusNoContent, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Put a performer into a performance", about: "409 is `already_linked`.",
	}, s.linkPerformer)
	register(s, operation{
		id: "unlink-performer", method: http.MethodDelete, path: "/v1/admin/performances/{id}/performers/{performer}", tag: "admin",
		access: Admin, status: http.StatusNoContent, summary: "Take a performer out of a performance",
	}, s.unlinkPerformer)
}

// performanceOf checks the fields of a performance; it replaces another, or the zero one. Prices stay as they are
// without a look at them: who changes a title is not asked for the price of a grade that the hall has got since.
func (s *Server) performanceOf(ctx context.Context, f performanceFields, was ticketing.Performance) (ticketing.Performance, error) {
	p := ticketing.Performance{
		Title: f.Title, Category: f.Category, HallID: f.HallID, DurationMinutes: f.DurationMinutes, Description: f.Description,
		From: ticketing.Day(f.From), To: ticketing.Day(f.To), Prices: map[string]ticketing.KRW{},
	}.WithDays(s.today())
	for grade, price := range f.Prices {
		p.Prices[grade] = ticketing.KRW(price)
	}
	hall, err := s.Catalogue.Hall(ctx, f.HallID)
	if err != nil {
		return p, fieldMissing(err, "hall_id", "the id of a hall")
	}
	p.HallName = hall.Name
	if err := p.Validate(); err != nil || was.HallID == p.HallID && maps.Equal(was.Prices, p.Prices) {
		return p, err
	}
	grades, err := s.gradesOnSale(ctx, hall, was.ID)
	if err != nil {
		return p, err
	}
	nameGrades(p.Prices, grades)
	return p, p.CheckPrices(grades)
}

// gradesOnSale are those of the hall's newest plan, and those of the older plans that rounds of a performance (0: none)
// are still sold by.
func (s *Server) gradesOnSale(ctx context.Context, hall ticketing.Hall, performance int64) ([]string, error) {
	plans := []ticketing.Hash{hall.PlanHash}
	if performance != 0 {
		rounds, err := s.Catalogue.RoundsOf(ctx, performance)
		if err != nil {
			return nil, err
		}
		for _, r := range rounds {
			if r.Phase != ticketing.Closed && !r.Canceled && !slices.Contains(plans, r.PlanHash) {
				plans = append(plans, r.PlanHash)
			}
		}
	}
	var grades []string
	for _, hash := range plans {
		plan, err := s.Catalogue.Plan(ctx, hash)
		if err != nil {
			return nil, fmt.Errorf("reading a plan of hall %d: %w", hall.ID, asInternal(err))
		}
		for _, grade := range plan.Grades {
			if !slices.Contains(grades, grade) {
				grades = append(grades, grade)
			}
		}
	}
	return grades, nil
}

func (s *Server) createPerformance(ctx context.Context, in *createPerformanceInput) (*tagged[performanceBody], error) {
	p, err := s.performanceOf(ctx, in.Body, ticketing.Performance{})
	if err == nil && p.To < s.today() {
		err = invalid("to", "today or later")
	}
	if err == nil {
		p, err = s.Catalogue.CreatePerformance(ctx, p)
	}
	if err != nil {
		return nil, fieldMissing(err, "hall_id", "the id of a hall")
	}
	concerns(ctx, ticketing.NounPerformance, p.ID)
	return tag(http.StatusCreated, p.Version, performanceOnWire(p), "")
}

func (s *Server) updatePerformance(ctx context.Context, in *updatePerformanceInput) (*tagged[performanceBody], error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	was, err := s.Catalogue.Performance(ctx, in.ID) // before the hall is found missing
	if err != nil {
		return nil, err
	}
	p, err := s.performanceOf(ctx, in.Body, was)
	if err != nil {
		return nil, err
	}
	p.ID, p.Version = in.ID, version
	if p, err = s.Catalogue.UpdatePerformance(ctx, p, s.reprice(ctx, p.Prices)); err != nil {
		return nil, err
	}
	return tag(http.StatusOK, p.Version, performanceOnWire(p), "")
}

// reprice gives a round other prices for later reservations. A grade that only the round's older plan has keeps its
// price.
func (s *Server) reprice(ctx context.Context, prices map[string]ticketing.KRW) func(ticketing.RoundInfo) error {
	return func(r ticketing.RoundInfo) error {
		result, err := s.askRound(ctx, r.ID, ticketing.ReadStatus{})
		if err != nil {
			return err
		}
		now := result.Status
		list := slices.Clone(now.Prices)
		for i, grade := range now.Grades {
			if price, found := prices[grade]; found {
				list[i] = price
			}
		}
		if now.Phase == ticketing.Closed || slices.Equal(list, now.Prices) {
			return nil
		}
		_, err = s.askRound(ctx, r.ID, ticketing.ChangePrices{Prices: list})
		return err
	}
}

func (s *Server) deletePerformance(ctx context.Context, in *deleteInput) (*struct{}, error) {
	version, err := in.version()
	if err == nil {
		err = s.Catalogue.DeletePerformance(ctx, in.ID, version, func(rounds []ticketing.RoundInfo) error { return s.dropAll(ctx, rounds) })
	}
	return nil, err
}

// dropAll ends the sales of rounds before they begin, all or none.
func (s *Server) dropAll(ctx context.Context, rounds []ticketing.RoundInfo) error {
	for _, r := range rounds {
		result, err := s.askRound(ctx, r.ID, ticketing.ReadStatus{})
		if err != nil {
			return err
		}
		switch {
		case result.Status.Canceled: // perhaps by a delete that was cut off: this changes nothing, but it knows
			if _, err := s.askRound(ctx, r.ID, ticketing.DropRound{}); err != nil {
				return err
			}
		case result.Status.Phase != ticketing.Scheduled:
			return problem(ticketing.CodeHasSales, fmt.Sprintf("The sale of round %d has begun.", r.ID))
		}
	}
	for _, r := range rounds {
		if _, err := s.askRound(ctx, r.ID, ticketing.DropRound{}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) linkPerformer(ctx context.Context, in *linkInput) (*struct{}, error) {
	concerns(ctx, ticketing.NounPerformer, in.Body.PerformerID)
	return nil, s.Catalogue.LinkPerformer(ctx, in.ID, in.Body.PerformerID)
}

func (s *Server) unlinkPerformer(ctx context.Context, in *unlinkInput) (*struct{}, error) {
	return nil, s.Catalogue.UnlinkPerformer(ctx, in.ID, in.Performer)
}

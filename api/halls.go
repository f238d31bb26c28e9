package api

import (
	"context"
	"errors"
	"net/http"

	"ticketblue/ticketing"
)

type rowInput struct {
	Name  string `json:"name" minLength:"1" maxLength:"16" example:"1"`
	Grade string `json:"grade" minLength:"1" maxLength:"16" example:"R"`
	Seats int    `json:"seats" minimum:"1" maximum:"1000" example:"30"`
}

type sectionInput struct {
	Name string     `json:"name" minLength:"1" maxLength:"16" example:"A"`
	Rows []rowInput `json:"rows" minItems:"1" maxItems:"1000" nullable:"false"`
}

type createHallInput struct {
	Body struct {
		Name     string         `json:"name" minLength:"1" maxLength:"100" example:"베이스볼 드림파크"`
		Seats    int            `json:"seats,omitempty" minimum:"1" maximum:"100000" doc:"A plain hall: section A, row 1, seats 1 to this, grade standard" example:"20007"`
		Grades   []string       `json:"grades,omitempty" maxItems:"16" nullable:"false" doc:"With sections; else leave it out" example:"[\"VIP\",\"R\"]"`
		Sections []sectionInput `json:"sections,omitempty" maxItems:"1000" nullable:"false"`
	}
}

type hallOutput struct {
	Body struct {
		ID    int64  `json:"id" example:"1"`
		Name  string `json:"name"`
		Plan  string `json:"plan" doc:"Hash of the seat plan"`
		Seats int    `json:"seats" example:"20007"`
	}
}

func (s *Server) hallRoutes() {
	register(s, operation{
		id: "create-hall", method: http.MethodPost, path: "/v1/admin/halls", tag: "admin", access: Admin,
		status: http.StatusCreated, errors: []int{http.StatusUnprocessableEntity}, summary: "Add a hall",
		about: "Either `seats` for a plain hall, or `grades` and `sections`. Sections are drawn as in a theatre: the first " +
			"is in front on the left; as many stand abreast, and the rest in banks behind, as make the hall about 1.5 times " +
			"as wide as deep. The first row is 300 cm from the stage, rows are 90 cm apart and seats 55 cm, rows stand in the " +
			"middle of their section and banks in the middle of the hall, and aisles of 150 cm are between sections. The best " +
			"seats are those nearest the middle of the stage; neighbours are never across an aisle.",
	}, s.createHall)
}

func (s *Server) createHall(ctx context.Context, in *createHallInput) (*hallOutput, error) {
	if err := checkText("name", in.Body.Name); err != nil {
		return nil, err
	}
	plan, err := planOf(in)
	if err != nil {
		return nil, err
	}
	hall, err := s.Catalogue.CreateHall(ctx, in.Body.Name, plan)
	if err != nil {
		return nil, err
	}
	out := &hallOutput{}
	out.Body.ID, out.Body.Name, out.Body.Plan, out.Body.Seats = hall.ID, hall.Name, hall.PlanHash.String(), hall.Seats
	return out, nil
}

func planOf(in *createHallInput) (*ticketing.Plan, error) {
	plain := in.Body.Seats > 0
	drawn := len(in.Body.Sections) > 0 && len(in.Body.Grades) > 0
	switch {
	case plain && len(in.Body.Sections) == 0 && len(in.Body.Grades) == 0:
		return ticketing.PlainPlan(in.Body.Seats)
	case drawn && !plain:
		return drawnPlan(in.Body.Grades, in.Body.Sections)
	}
	return nil, invalid("body", "a name with either seats, or grades and sections")
}

// fieldMissing turns "not found" of something a body names into what is wrong with that field.
func fieldMissing(err error, field, want string) error {
	if errors.Is(err, ticketing.ErrNotFound) {
		return invalid(field, want)
	}
	return err
}

// asInternal keeps a "not found" of something that must be there from looking like the caller's mistake.
func asInternal(err error) error { return errors.New(err.Error()) }

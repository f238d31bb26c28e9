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

// LayoutFields say where a hall's seats are, in one of several ways. It is exported because huma documents no other
// embedded fields.
type LayoutFields struct {
	Seats    int            `json:"seats,omitempty" minimum:"1" maximum:"100000" doc:"A plain hall: section A, row 1, seats 1 to this, grade standard" example:"20007"`
	Grades   []string       `json:"grades,omitempty" maxItems:"16" nullable:"false" doc:"With sections; else leave it out" example:"[\"VIP\",\"R\"]"`
	Sections []sectionInput `json:"sections,omitempty" maxItems:"1000" nullable:"false"`
	CSV      string         `json:"csv,omitempty" doc:"A table with a heading line of section,row,seat,grade,x,y in any order and a line for each seat; x and y in centimetres" example:"section,row,seat,grade,x,y\nA,1,1,R,0,300\n"`
	Pretix   *pretixPlan    `json:"pretix,omitempty" doc:"A seating plan as pretix exports it"`
	Scale    float64        `json:"scale,omitempty" minimum:"0.01" maximum:"1000" doc:"With pretix: centimetres a unit of its drawing; 2 when left out" example:"2"`
}

func (f LayoutFields) none() bool { return len(f.ways()) == 0 && len(f.Grades) == 0 }

// ways names the fields that say where the seats are.
func (f LayoutFields) ways() (ways []string) {
	for name, given := range map[string]bool{"seats": f.Seats > 0, "sections": len(f.Sections) > 0, "csv": f.CSV != "", "pretix": f.Pretix != nil} {
		if given {
			ways = append(ways, name)
		}
	}
	return ways
}

type createHallInput struct {
	Body struct {
		Name    string `json:"name" minLength:"1" maxLength:"100" example:"베이스볼 드림파크"`
		Address string `json:"address,omitempty" maxLength:"255" example:"대전광역시 중구 대종로 373"`
		LayoutFields
	}
}

type updateHallInput struct {
	ID int64 `path:"id" minimum:"1" example:"1"`
	Expecting
	Body struct {
		Name    string `json:"name" minLength:"1" maxLength:"100" example:"베이스볼 드림파크"`
		Address string `json:"address,omitempty" maxLength:"255" example:"대전광역시 중구 대종로 373"`
		LayoutFields
	}
}

type hallBody struct {
	ID          int64  `json:"id" example:"1"`
	Name        string `json:"name" example:"베이스볼 드림파크"`
	Address     string `json:"address,omitempty" example:"대전광역시 중구 대종로 373"`
	Plan        string `json:"plan" doc:"Hash of the seat plan: the newest version of its layout" example:"9d0231423d77b0cc325cfe4dc8020858ae8b0502917fe60b0983c04fd70d987d"`
	PlanVersion int    `json:"plan_version" doc:"Counts its layouts; rounds keep the one they were planned with" example:"1"`
	Seats       int    `json:"seats" example:"20007"`
	Version     int64  `json:"version" doc:"Counts its changes" example:"3"`
}

const aboutLayouts = "The layout is one of `seats` for a plain hall, `grades` with `sections`, `csv`, and `pretix`. " +
	"Sections are drawn as in a theatre: the first is in front on the left; as many stand abreast, and the rest in banks behind, " +
	"as make the hall about 1.5 times as wide as deep. The first row is 300 cm from the stage, rows are 90 cm apart and seats " +
	"55 cm, rows stand in the middle of their section and banks in the middle of the hall, and aisles of 150 cm are between " +
	"sections. The best seats are those nearest the middle of the stage; neighbours are never across an aisle. Names are kept " +
	"with their syllables as one character each (Unicode NFC), and seats asked for by the plan's names."

// sampleLayout is one of the ways; all of them together are none.
const sampleLayout = `"grades":["R"],"sections":[{"name":"A","rows":[{"name":"1","grade":"R","seats":20},{"name":"2","grade":"R","seats":20}]}]`

func (s *Server) hallRoutes() {
	register(s, operation{
		id: "list-halls", method: http.MethodGet, path: "/v1/halls", tag: "halls", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified, http.StatusUnprocessableEntity}, summary: "See the halls",
	}, s.listHalls)
	keep[idInput](s, operation{
		id: "get-hall", method: http.MethodGet, path: "/v1/halls/{id}", tag: "halls", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See one hall",
	}, rests{on: ticketing.NounHall}, s.getHall)
	register(s, operation{
		id: "create-hall", method: http.MethodPost, path: "/v1/admin/halls", tag: "admin", access: Admin,
		status: http.StatusCreated, errors: []int{http.StatusUnprocessableEntity}, summary: "Add a hall", about: aboutLayouts,
		maxBody: MaxLayoutBytes, sample: `{"name":"베이스볼 드림파크","address":"대전광역시 중구 대종로 373",` + sampleLayout + "}",
	}, s.createHall)
	register(s, operation{
		id: "preview-plan", method: http.MethodPost, path: "/v1/admin/plans/preview", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity}, summary: "See what a layout would become",
		about: "Keeps nothing. What is wrong in a table or a drawing is listed with its line or place, the first " +
			"twenty of it. " + aboutLayouts, maxBody: MaxLayoutBytes, sample: "{" + sampleLayout + "}",
	}, s.previewPlan)
	register(s, operation{
		id: "update-hall", method: http.MethodPut, path: "/v1/admin/halls/{id}", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusPreconditionFailed, http.StatusUnprocessableEntity}, summary: "Replace what is known of a hall",
		about: "Without a layout it keeps the one it has. With another one it gets a new version of its plan, for rounds that are " +
			"planned from now on; those that exist keep theirs. 412 is `changed_meanwhile`. " + aboutLayouts,
		maxBody: MaxLayoutBytes, sample: `{"name":"베이스볼 드림파크","address":"대전광역시 중구 대종로 373"}`,
	}, s.updateHall)
	register(s, operation{
		id: "delete-hall", method: http.MethodDelete, path: "/v1/admin/halls/{id}", tag: "admin", access: Admin,
		status: http.StatusNoContent, errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Delete a hall", about: "409 is `in_use`: performances are in it. 412 is `changed_meanwhile`.",
	}, s.deleteHall)
}

func (s *Server) listHalls(ctx context.Context, in *listInput) (*tagged[page[hallBody]], error) {
	l := listOf("list-halls")
	after, err := l.afterID(in.After)
	if err != nil {
		return nil, err
	}
	found, err := s.Catalogue.Halls(ctx, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	body := pageOf(found, in.Limit, hallOnWire, func(h ticketing.Hall) string { return l.cursorOfID(h.ID) })
	return tag(http.StatusOK, 0, body, in.IfNoneMatch)
}

func (s *Server) getHall(ctx context.Context, q question) (int64, hallBody, error) {
	h, err := s.Catalogue.Hall(ctx, q.id)
	return h.Version, hallOnWire(h), err
}

func (s *Server) createHall(ctx context.Context, in *createHallInput) (*tagged[hallBody], error) {
	h := ticketing.Hall{Name: in.Body.Name, Address: in.Body.Address}
	if err := h.Validate(); err != nil {
		return nil, err
	}
	plan, err := planOf(in.Body.LayoutFields)
	if err == nil {
		h, err = s.Catalogue.CreateHall(ctx, h, plan)
	}
	if err != nil {
		return nil, err
	}
	concerns(ctx, ticketing.NounHall, h.ID)
	return tag(http.StatusCreated, h.Version, hallOnWire(h), "")
}

func (s *Server) updateHall(ctx context.Context, in *updateHallInput) (*tagged[hallBody], error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	h := ticketing.Hall{ID: in.ID, Name: in.Body.Name, Address: in.Body.Address, Version: version}
	if err := h.Validate(); err != nil {
		return nil, err
	}
	var plan *ticketing.Plan
	if !in.Body.none() {
		plan, err = planOf(in.Body.LayoutFields)
	}
	if err == nil {
		h, err = s.Catalogue.UpdateHall(ctx, h, plan)
	}
	if err != nil {
		return nil, err
	}
	return tag(http.StatusOK, h.Version, hallOnWire(h), "")
}

func (s *Server) deleteHall(ctx context.Context, in *deleteInput) (*struct{}, error) {
	version, err := in.version()
	if err == nil {
		err = s.Catalogue.DeleteHall(ctx, in.ID, version)
	}
	return nil, err
}

func hallOnWire(h ticketing.Hall) hallBody {
	return hallBody{
		ID: h.ID, Name: h.Name, Address: h.Address, Plan: h.PlanHash.String(), PlanVersion: h.PlanVersion, Seats: h.Seats, Version: h.Version,
	}
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

package api

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/text/unicode/norm"

	"ticketblue/ticketing"
)

// MaxLayoutErrors is how many things that are wrong with a layout are listed.
const MaxLayoutErrors = 20

const wantPlanName = "1 to 16 letters and digits" // of a section, row or grade

// layout is what becomes a plan: seats from whichever description, and what is wrong with it.
type layout struct {
	grades  []string
	seats   []ticketing.Seat
	errors  []FieldError      // the first ones
	renamed map[string]string // names that a plan cannot have as they are
	labels  map[string]string // of seats: where each was
}

func newLayout() *layout {
	return &layout{renamed: map[string]string{}, labels: map[string]string{}}
}

func (l *layout) full() bool { return len(l.errors) >= MaxLayoutErrors }

func (l *layout) wrong(field, want string) {
	if !l.full() {
		l.errors = append(l.errors, FieldError{field, want})
	}
}

// add takes a seat that stands at a place of the description; grade is its name.
func (l *layout) add(place, grade string, seat ticketing.Seat) {
	if len(l.seats) >= ticketing.MaxPlanSeats {
		if l.seats != nil && len(l.errors) == 0 {
			l.wrong(place, fmt.Sprintf("among the first %d seats: a hall has no more", ticketing.MaxPlanSeats))
		}
		return
	}
	if seat.Grade = slices.Index(l.grades, grade); seat.Grade < 0 {
		if len(l.grades) == ticketing.MaxPlanGrades {
			l.wrong(place, fmt.Sprintf("of one of %d grades: a hall has no more", ticketing.MaxPlanGrades))
			return
		}
		l.grades = append(l.grades, grade)
		seat.Grade = len(l.grades) - 1
	}
	if first, taken := l.labels[seat.Label()]; taken {
		l.wrong(place, "a seat that is not in the plan yet: "+seat.Label()+" is at "+first)
		return
	}
	l.labels[seat.Label()] = place
	l.seats = append(l.seats, seat)
}

// plan is the layout as a plan; the problem of it lists what is wrong.
func (l *layout) plan() (*ticketing.Plan, error) {
	if len(l.errors) > 0 {
		p := problem(codeInvalidInput, l.errors[0].Field+" must be "+l.errors[0].Want)
		p.Errors = l.errors
		return nil, p
	}
	return ticketing.NewPlan(l.grades, l.seats)
}

// layoutOf reads a described layout. Plain halls and drawn sections are plans at once.
func layoutOf(f LayoutFields) (*ticketing.Plan, *layout, error) {
	ways := f.ways()
	drawn := f.Sections != nil || f.Grades != nil
	if len(ways) != 1 || drawn && ways[0] != "sections" || ways[0] == "sections" && len(f.Grades) == 0 || f.Scale != 0 && f.Pretix == nil {
		return nil, nil, invalid("body", "a name with one of seats, grades and sections, csv, and pretix")
	}
	l := newLayout()
	switch ways[0] {
	case "seats":
		plan, err := ticketing.PlainPlan(f.Seats)
		return plan, l, err
	case "sections":
		f.composeNames()
		plan, err := drawnPlan(f.Grades, f.Sections)
		return plan, l, err
	case "csv":
		l.readCSV(whole(f.CSV))
	default:
		l.readPretix(f.Pretix, f.Scale)
	}
	plan, err := l.plan()
	return plan, l, err
}

// whole is a name with its syllables as one character each (Unicode NFC), as new plans have them: of two sections, one of them
// in letters as a Mac's files are, nobody could see which is which. Plans of before keep their names.
func whole(name string) string { return norm.NFC.String(name) }

func (f LayoutFields) composeNames() {
	for i, grade := range f.Grades {
		f.Grades[i] = whole(grade)
	}
	for i := range f.Sections {
		section := &f.Sections[i]
		section.Name = whole(section.Name)
		for j := range section.Rows {
			row := &section.Rows[j]
			row.Name, row.Grade = whole(row.Name), whole(row.Grade)
		}
	}
}

// nameGrades gives prices the names of the grades that they are for, where those differ in how they are composed only. An
// older plan on sale and the newest may have a grade in two ways: one price is for both.
func nameGrades(prices map[string]ticketing.KRW, grades []string) {
	given := maps.Clone(prices)
	for _, grade := range grades {
		if _, priced := given[grade]; priced {
			continue
		}
		for name, price := range given {
			if whole(name) != whole(grade) {
				continue
			}
			prices[grade] = price
			if !slices.Contains(grades, name) {
				delete(prices, name)
			}
		}
	}
}

func planOf(f LayoutFields) (*ticketing.Plan, error) {
	plan, _, err := layoutOf(f)
	return plan, err
}

type previewInput struct{ Body LayoutFields }

type partBody struct {
	Name  string `json:"name" example:"A"`
	Seats int    `json:"seats" example:"320"`
}

type boundsBody struct {
	Left  int `json:"left" doc:"Centimetres" example:"0"`
	Right int `json:"right" example:"4800"`
	Front int `json:"front" doc:"Centimetres from the stage" example:"300"`
	Back  int `json:"back" example:"2400"`
}

type previewBody struct {
	OK       bool              `json:"ok" doc:"It can become a hall's layout"`
	Plan     string            `json:"plan,omitempty" doc:"Hash it would have" example:"9d0231423d77b0cc325cfe4dc8020858ae8b0502917fe60b0983c04fd70d987d"`
	Seats    int               `json:"seats" example:"640"`
	Sections []partBody        `json:"sections" nullable:"false"`
	Grades   []partBody        `json:"grades" nullable:"false"`
	Bounds   boundsBody        `json:"bounds"`
	Renamed  map[string]string `json:"renamed,omitempty" doc:"Names that become others: a plan's have letters and digits only" example:"{\"Main Floor\":\"MainFloor\"}"`
	Errors   []FieldError      `json:"errors" nullable:"false" doc:"The first twenty: csv[3].grade is the grade in line 3 of the table"`
	Drawing  *planBody         `json:"drawing,omitempty" doc:"When it is ok: the plan, for drawing it"`
}

type previewOutput struct{ Body previewBody }

func (s *Server) previewPlan(_ context.Context, in *previewInput) (*previewOutput, error) {
	plan, l, err := layoutOf(in.Body)
	if l == nil {
		return nil, err
	}
	out := &previewOutput{Body: previewBody{Errors: []FieldError{}, Renamed: l.renamed}}
	if err != nil {
		p := problemOf(err)
		if len(p.Errors) == 0 {
			return nil, err
		}
		out.Body.Errors = p.Errors
		out.Body.count(l.grades, l.seats)
		return out, nil
	}
	out.Body.OK, out.Body.Plan = true, plan.Hash().String()
	out.Body.count(plan.Grades, plan.Seats)
	drawing := planOnWire(plan)
	out.Body.Drawing = &drawing
	return out, nil
}

// count sums seats up by section and grade, in the order in which those appear.
func (b *previewBody) count(grades []string, seats []ticketing.Seat) {
	sections, byGrade := []string{}, make([]int, len(grades))
	bySection := map[string]int{}
	for i, seat := range seats {
		if bySection[seat.Section]++; bySection[seat.Section] == 1 {
			sections = append(sections, seat.Section)
		}
		byGrade[seat.Grade]++
		if i == 0 {
			b.Bounds = boundsBody{seat.X, seat.X, seat.Y, seat.Y}
		}
		b.Bounds.Left, b.Bounds.Right = min(b.Bounds.Left, seat.X), max(b.Bounds.Right, seat.X)
		b.Bounds.Front, b.Bounds.Back = min(b.Bounds.Front, seat.Y), max(b.Bounds.Back, seat.Y)
	}
	b.Seats, b.Sections, b.Grades = len(seats), []partBody{}, []partBody{}
	for _, name := range sections {
		b.Sections = append(b.Sections, partBody{name, bySection[name]})
	}
	for i, name := range grades {
		b.Grades = append(b.Grades, partBody{name, byGrade[i]})
	}
}

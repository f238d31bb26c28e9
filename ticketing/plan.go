package ticketing

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// Limits of a plan.
const (
	MaxPlanSeats  = 100_000
	MaxPlanGrades = 16
	MaxCoordinate = 10_000_000 // centimetres; keeps every sum of squares far from overflow
)

// SeatIndex is a seat's place in plan order, from 0.
type SeatIndex uint32

// Seat is one place of a plan. Its label, "section-row-number", is unique within the plan.
type Seat struct {
	Section string `json:"section"`
	Row     string `json:"row"`
	Number  int    `json:"number"` // from 1
	Grade   int    `json:"grade"`  // index into Plan.Grades
	X       int    `json:"x"`      // centimetres from the left of the hall
	Y       int    `json:"y"`      // centimetres from the stage
}

// Label is how people and the API name the seat.
func (s Seat) Label() string { return s.Section + "-" + s.Row + "-" + strconv.Itoa(s.Number) }

// Plan is the immutable seat layout of a hall version, named by the hash of its content. One copy serves every
// round that uses it, so nobody may change it.
type Plan struct {
	Grades []string
	Seats  []Seat

	hash   Hash
	body   []byte
	labels []string
	rows   map[string]row       // most seats are found by these,
	byName map[string]SeatIndex // and all by this
	totals []int                // seats by grade
	layout *layout
	free   []SeatState // what every round begins with: all seats free,
	nobody []uint32    // and nobody's
}

type planBody struct {
	Grades []string `json:"grades"`
	Seats  []Seat   `json:"seats"`
}

// No '-' in names, for it separates the parts of a label.
var planName = regexp.MustCompile(`^[\p{L}\p{N}]{1,16}$`)

// IsPlanName tells whether a section, row or grade may be called so: 1 to 16 letters and digits, all of them seen: some
// fillers of Hangul are letters.
func IsPlanName(name string) bool { return planName.MatchString(name) && IsLine(name) }

// NewPlan checks a layout and gives it its name.
func NewPlan(grades []string, seats []Seat) (*Plan, error) { return newPlan(grades, seats, IsPlanName) }

func newPlan(grades []string, seats []Seat, mayBeCalled func(string) bool) (*Plan, error) {
	p := &Plan{Grades: grades, Seats: seats, byName: make(map[string]SeatIndex, len(seats))}
	if err := p.validate(mayBeCalled); err != nil {
		return nil, err
	}
	body, err := json.Marshal(planBody{grades, seats})
	if err != nil {
		return nil, fmt.Errorf("encoding plan: %w", err)
	}
	p.body, p.hash = body, sha256.Sum256(body)
	p.layout, p.rows = newLayout(p), rowsOf(seats)
	p.free, p.nobody = slices.Repeat([]SeatState{SeatFree}, len(seats)), make([]uint32, len(seats))
	return p, nil
}

// PlainPlan is a hall that only knows how many seats it has: section A, row 1, seats 1..n, one grade.
func PlainPlan(n int) (*Plan, error) {
	if n < 1 || n > MaxPlanSeats {
		return nil, invalid("seats", "between 1 and %d", MaxPlanSeats)
	}
	const perLine = 100 // only for drawing
	seats := make([]Seat, n)
	for i := range seats {
		seats[i] = Seat{Section: "A", Row: "1", Number: i + 1, X: i % perLine * 60, Y: 300 + i/perLine*90}
	}
	return NewPlan([]string{"standard"}, seats)
}

// ParsePlan reads what Body wrote. What was a name once stays one: seats are sold by it.
func ParsePlan(body []byte) (*Plan, error) {
	var b planBody
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, fmt.Errorf("reading plan: %w", err)
	}
	return newPlan(b.Grades, b.Seats, planName.MatchString)
}

func (p *Plan) validate(mayBeCalled func(string) bool) error {
	if len(p.Grades) < 1 || len(p.Grades) > MaxPlanGrades {
		return invalid("grades", "between 1 and %d names", MaxPlanGrades)
	}
	seen := map[string]bool{}
	for i, g := range p.Grades {
		if !mayBeCalled(g) || seen[g] {
			return invalid(fmt.Sprintf("grades[%d]", i), "a unique name of 1 to 16 letters and digits")
		}
		seen[g] = true
	}
	if len(p.Seats) < 1 || len(p.Seats) > MaxPlanSeats {
		return invalid("seats", "between 1 and %d", MaxPlanSeats)
	}
	p.totals = make([]int, len(p.Grades))
	p.labels = make([]string, len(p.Seats))
	for i, s := range p.Seats {
		if err := p.addSeat(i, s, mayBeCalled); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) addSeat(i int, s Seat, mayBeCalled func(string) bool) error {
	field := fmt.Sprintf("seats[%d]", i)
	switch {
	case !mayBeCalled(s.Section):
		return invalid(field+".section", "1 to 16 letters and digits")
	case !mayBeCalled(s.Row):
		return invalid(field+".row", "1 to 16 letters and digits")
	case s.Number < 1 || s.Number > MaxPlanSeats:
		return invalid(field+".number", "between 1 and %d", MaxPlanSeats)
	case s.Grade < 0 || s.Grade >= len(p.Grades):
		return invalid(field+".grade", "the index of a grade")
	case s.X < -MaxCoordinate || s.X > MaxCoordinate:
		return invalid(field+".x", "between %d and %d", -MaxCoordinate, MaxCoordinate)
	case s.Y < -MaxCoordinate || s.Y > MaxCoordinate:
		return invalid(field+".y", "between %d and %d", -MaxCoordinate, MaxCoordinate)
	}
	label := s.Label()
	if _, taken := p.byName[label]; taken {
		return invalid(field, "a seat that is not in the plan yet (%s is)", label)
	}
	p.byName[label] = SeatIndex(i)
	p.labels[i] = label
	p.totals[s.Grade]++
	return nil
}

// Hash names the plan by its content.
func (p *Plan) Hash() Hash { return p.hash }

// Body is the canonical form the hash is taken of. Read-only.
func (p *Plan) Body() []byte { return p.body }

// Find is the seat with this label.
func (p *Plan) Find(label string) (SeatIndex, bool) {
	if i, ok := p.inRow(label); ok {
		return i, true
	}
	i, ok := p.byName[label]
	return i, ok
}

// Label names a seat of the plan.
func (p *Plan) Label(i SeatIndex) string { return p.labels[i] }

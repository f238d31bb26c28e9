package api

import (
	"fmt"
	"math"
	"slices"

	"ticketblue/ticketing"
)

// A hall described without places is drawn as a theatre. All in centimetres, between the middles of seats.
const (
	seatWidth    = 55
	rowDepth     = 90
	sectionAisle = 150 // more than 100: a block of neighbours never reaches over it
	stageGap     = 300 // from the stage to the first row
	hallShape    = 1.5 // about so many times as wide as deep
)

func (s sectionInput) width() int { return (s.longest() - 1) * seatWidth }
func (s sectionInput) depth() int { return (len(s.Rows) - 1) * rowDepth }

func (s sectionInput) longest() int {
	seats := 0
	for _, row := range s.Rows {
		seats = max(seats, row.Seats)
	}
	return seats
}

// drawnPlan puts the sections abreast, in as many banks one behind the other as make the hall about hallShape. Banks
// stand in the middle of the hall, rows in the middle of their section.
func drawnPlan(grades []string, sections []sectionInput) (*ticketing.Plan, error) {
	total, err := checkSections(grades, sections)
	if err != nil {
		return nil, err
	}
	banks := slices.Collect(slices.Chunk(sections, abreast(sections)))
	widest := 0
	for _, bank := range banks {
		widest = max(widest, bankWidth(bank))
	}
	seats := make([]ticketing.Seat, 0, total)
	y := stageGap
	for _, bank := range banks {
		x, deepest := (widest-bankWidth(bank))/2, 0
		for _, section := range bank {
			seats = appendSection(seats, section, grades, x, y)
			x += section.width() + sectionAisle
			deepest = max(deepest, section.depth())
		}
		y += deepest + sectionAisle
	}
	return ticketing.NewPlan(grades, seats)
}

// checkSections counts the seats. What is wrong it names by where it stands in the request: the plan knows only seats.
func checkSections(grades []string, sections []sectionInput) (total int, err error) {
	known := map[[2]string]string{} // rows by section and name
	for i, section := range sections {
		if !ticketing.IsPlanName(section.Name) {
			return 0, invalid(fmt.Sprintf("sections[%d].name", i), wantPlanName)
		}
		for j, row := range section.Rows {
			at, name := fmt.Sprintf("sections[%d].rows[%d]", i, j), [2]string{section.Name, row.Name}
			first, taken := known[name]
			switch {
			case !ticketing.IsPlanName(row.Name):
				return 0, invalid(at+".name", wantPlanName)
			case taken:
				return 0, invalid(at+".name", fmt.Sprintf("a row that section %s does not have yet: %s is row %s of it", section.Name, first, row.Name))
			case !slices.Contains(grades, row.Grade):
				return 0, invalid(at+".grade", "one of the grades")
			}
			known[name] = at
			if total += row.Seats; total > ticketing.MaxPlanSeats {
				return 0, invalid("sections", fmt.Sprintf("of at most %d seats together", ticketing.MaxPlanSeats))
			}
		}
	}
	return total, nil
}

// abreast is how many sections stand side by side.
func abreast(sections []sectionInput) int {
	wide, deep := 0, 0
	for _, s := range sections {
		wide, deep = max(wide, s.width()+sectionAisle), max(deep, s.depth()+sectionAisle)
	}
	n := math.Ceil(math.Sqrt(hallShape * float64(len(sections)*deep) / float64(wide)))
	return min(max(int(n), 1), len(sections))
}

func bankWidth(bank []sectionInput) int {
	width := (len(bank) - 1) * sectionAisle
	for _, section := range bank {
		width += section.width()
	}
	return width
}

// appendSection adds the section whose first row begins, if it is the longest, at x and y.
func appendSection(seats []ticketing.Seat, s sectionInput, grades []string, x, y int) []ticketing.Seat {
	longest := s.longest()
	for i, row := range s.Rows {
		left := x + (longest-row.Seats)*seatWidth/2
		grade := slices.Index(grades, row.Grade)
		for n := range row.Seats {
			seats = append(seats, ticketing.Seat{
				Section: s.Name, Row: row.Name, Number: n + 1, Grade: grade, X: left + n*seatWidth, Y: y + i*rowDepth,
			})
		}
	}
	return seats
}

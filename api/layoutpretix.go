package api

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"ticketblue/ticketing"
)

// A pretix seating plan, as far as a hall needs it: zones of rows of seats, each with a place relative to what it is
// in. What else there is (colours, areas, labels) is passed over, older versions of the format are read too.
type pretixPlan struct {
	_          struct{}         `additionalProperties:"true"`
	Name       string           `json:"name,omitempty" example:"Theatre"`
	Categories []pretixCategory `json:"categories,omitempty" nullable:"false"`
	Zones      []pretixZone     `json:"zones" minItems:"1" maxItems:"1000" nullable:"false"`
}

type pretixCategory struct {
	_    struct{} `additionalProperties:"true"`
	Name string   `json:"name" example:"R"`
}

type pretixZone struct {
	_        struct{}    `additionalProperties:"true"`
	Name     string      `json:"name,omitempty" doc:"Becomes the section" example:"Main Floor"`
	Position pretixPoint `json:"position,omitempty"`
	Rows     []pretixRow `json:"rows,omitempty" maxItems:"10000" nullable:"false"`
}

type pretixRow struct {
	_        struct{}     `additionalProperties:"true"`
	Number   string       `json:"row_number" example:"1"`
	Position pretixPoint  `json:"position,omitempty"`
	Seats    []pretixSeat `json:"seats" maxItems:"10000" nullable:"false"`
}

type pretixSeat struct {
	_        struct{}    `additionalProperties:"true"`
	Number   string      `json:"seat_number" example:"1"`
	Category string      `json:"category" doc:"Becomes the grade" example:"R"`
	Position pretixPoint `json:"position,omitempty"`
}

type pretixPoint struct {
	_ struct{} `additionalProperties:"true"`
	X float64  `json:"x" example:"55"`
	Y float64  `json:"y" example:"300"`
}

// pretixScale is centimetres a unit of the drawing: its editor puts seats 25 units apart.
const pretixScale = 2.0

// readPretix reads a drawing, and moves it so that its leftmost seats are at 0 and its first row is before the stage.
func (l *layout) readPretix(p *pretixPlan, scale float64) {
	if scale == 0 {
		scale = pretixScale
	}
	left, front := math.Inf(1), math.Inf(1)
	p.seats(func(_ string, _ pretixZone, _ pretixRow, _ pretixSeat, at pretixPoint) {
		left, front = min(left, at.X), min(front, at.Y)
	})
	names := map[string]string{}
	p.seats(func(place string, zone pretixZone, row pretixRow, seat pretixSeat, at pretixPoint) {
		if l.full() {
			return
		}
		before := len(l.errors)
		number, err := strconv.Atoi(seat.Number)
		if err != nil || number < 1 || number > ticketing.MaxPlanSeats {
			l.wrong(place+".seat_number", fmt.Sprintf("a whole number from 1 to %d", ticketing.MaxPlanSeats))
		}
		x, y := (at.X-left)*scale, (at.Y-front)*scale+stageGap
		if x > ticketing.MaxCoordinate || y > ticketing.MaxCoordinate {
			l.wrong(place+".position", fmt.Sprintf("within %d cm of the others", ticketing.MaxCoordinate))
		}
		grade := l.rename(names, place+".category", "category ", seat.Category)
		made := ticketing.Seat{
			Section: l.rename(names, place+": the zone's name", "zone ", zone.Name), Row: l.rename(names, place+": the row's row_number", "row ", row.Number),
			Number: number, X: int(math.Round(x)), Y: int(math.Round(y)),
		}
		if len(l.errors) == before {
			l.add(place, grade, made)
		}
	})
	if len(l.seats) == 0 && len(l.errors) == 0 {
		l.wrong("pretix.zones", "zones that have rows that have seats")
	}
}

// seats visits every seat with its place in the drawing.
func (p *pretixPlan) seats(visit func(place string, zone pretixZone, row pretixRow, seat pretixSeat, at pretixPoint)) {
	for i, zone := range p.Zones {
		for j, row := range zone.Rows {
			for k, seat := range row.Seats {
				visit(fmt.Sprintf("pretix.zones[%d].rows[%d].seats[%d]", i, j, k), zone, row, seat, pretixPoint{
					X: zone.Position.X + row.Position.X + seat.Position.X, Y: zone.Position.Y + row.Position.Y + seat.Position.Y,
				})
			}
		}
	}
}

// rename is a name as a plan may have it: its letters and digits. Two names that become one would be one to buyers.
func (l *layout) rename(names map[string]string, place, kind, name string) string {
	name = whole(name)
	made := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return r
		}
		return -1
	}, name)
	other, known := names[kind+made]
	if !ticketing.IsPlanName(made) || known && other != name {
		l.wrong(place, "a name whose 1 to 16 letters and digits are its own")
		return made
	}
	names[kind+made] = name
	if made != name {
		l.renamed[name] = made
	}
	return made
}

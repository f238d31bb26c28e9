package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"ticketblue/ticketing"
)

// sectionsOf is a hall's worth of equal sections, S1, S2 and so on.
func sectionsOf(sections, rows, seats int) []sectionInput {
	list := make([]sectionInput, sections)
	for i := range list {
		list[i].Name = fmt.Sprintf("S%d", i+1)
		for j := range rows {
			list[i].Rows = append(list[i].Rows, rowInput{Name: fmt.Sprint(j + 1), Grade: "R", Seats: seats})
		}
	}
	return list
}

// extent is where a hall, or one section of it, begins and ends.
type extent struct{ left, right, front, back int }

func extents(p *ticketing.Plan) (hall extent, sections map[string]extent) {
	hall, sections = extent{left: ticketing.MaxCoordinate, front: ticketing.MaxCoordinate}, map[string]extent{}
	with := func(e extent, s ticketing.Seat) extent {
		return extent{min(e.left, s.X), max(e.right, s.X), min(e.front, s.Y), max(e.back, s.Y)}
	}
	for _, s := range p.Seats {
		e, known := sections[s.Section]
		if !known {
			e = extent{s.X, s.X, s.Y, s.Y}
		}
		hall, sections[s.Section] = with(hall, s), with(e, s)
	}
	return hall, sections
}

func TestHallsAreDrawnAsTheatres(t *testing.T) {
	for name, sections := range map[string][]sectionInput{
		"six sections":        sectionsOf(6, 10, 20),
		"five, the last bank": sectionsOf(5, 10, 20),
		"a large hall":        sectionsOf(50, 20, 50),
		"many small ones":     sectionsOf(1000, 2, 4),
		"all different":       append(append(sectionsOf(1, 3, 30), sectionInput{Name: "B", Rows: sectionsOf(1, 12, 9)[0].Rows}), sectionInput{Name: "C", Rows: sectionsOf(1, 1, 1)[0].Rows}),
	} {
		plan, err := drawnPlan([]string{"R"}, sections)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		hall, parts := extents(plan)
		if hall.left != 0 || hall.front != stageGap {
			t.Errorf("%s begins at %+v", name, hall)
		}
		if wide, deep := hall.right-hall.left, hall.back-hall.front; len(sections) > 3 && (wide < deep || wide > 3*deep) {
			t.Errorf("%s is %d cm wide and %d deep", name, wide, deep)
		}
		for a, first := range parts {
			for b, second := range parts {
				abreast := max(first.left, second.left)-min(first.right, second.right) >= sectionAisle
				behind := max(first.front, second.front)-min(first.back, second.back) >= sectionAisle
				if a != b && !abreast && !behind {
					t.Fatalf("%s: no aisle between %s %+v and %s %+v", name, a, first, b, second)
				}
			}
		}
	}
}

func TestHallsAtTheLimitsCanBeDrawn(t *testing.T) {
	for name, sections := range map[string][]sectionInput{
		"one seat":           sectionsOf(1, 1, 1),
		"rows of one":        sectionsOf(100, 1000, 1),
		"wide rows":          sectionsOf(100, 1, 1000),
		"one deep, one wide": append(sectionsOf(1, 1000, 1), sectionInput{Name: "B", Rows: sectionsOf(1, 1, 1000)[0].Rows}),
	} {
		if _, err := drawnPlan([]string{"R"}, sections); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBestSeatsOfADrawnHall: of three sections abreast, the middle of the middle one's first row.
func TestBestSeatsOfADrawnHall(t *testing.T) {
	h := open(t, nil)
	token := h.token(admin, ticketing.Admin)
	sections, err := json.Marshal(sectionsOf(6, 10, 20))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]string{
		{"halls", `{"name":"Opera","grades":["R"],"sections":` + string(sections) + `}`},
		{"performances", `{"title":"TWENTY","category":"concert","hall_id":1,"duration_minutes":120,"prices":{"R":132000}}`},
		{"performances/1/rounds", h.roundTimes()},
	} {
		h.do(call{"POST", "/v1/admin/" + step[0], token, step[1], nil}).wantStatus(http.StatusCreated)
	}
	h.do(call{method: "POST", path: "/v1/admin/rounds/1/open", token: token}).wantStatus(http.StatusOK)
	var held reservationBody
	h.do(call{"POST", reservePath, h.token(customer, ticketing.Customer), `{"best_available":{"count":2}}`,
		map[string]string{headerIdempotencyKey: "k"}}).wantStatus(http.StatusCreated).decode(&held)
	if fmt.Sprint(held.Seats) != "[S2-1-10 S2-1-11]" {
		t.Errorf("the best are %v", held.Seats)
	}
}

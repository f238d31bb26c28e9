package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"ticketblue/ticketing"
)

const smallDrawing = `{"name":"Theatre","size":{"width":500,"height":300},"categories":[{"name":"Parkett I","color":"#7f4a91"}],"zones":[
 {"name":"Main Floor","zone_id":"main","position":{"x":100,"y":50},"uuid":"u","areas":[{"shape":"text"}],"rows":[
  {"row_number":"1","row_number_position":"both","position":{"x":0,"y":0},"uuid":"r","seats":[
   {"seat_guid":"m-1-1","seat_number":"1","category":"Parkett I","position":{"x":0,"y":0},"uuid":"s","radius":10},
   {"seat_guid":"m-1-2","seat_number":"2","category":"Parkett I","position":{"x":25,"y":0}}]}]},
 {"name":"Balcony","position":{"x":100,"y":200},"rows":[
  {"row_number":"1","position":{"x":50,"y":10},"seats":[{"seat_guid":"b","seat_number":"1","category":"VIP","position":{"x":0,"y":0}}]}]}]}`

func (h *house) preview(body string) previewBody {
	h.t.Helper()
	var p previewBody
	h.do(call{"POST", "/v1/admin/plans/preview", h.token(admin, ticketing.Admin), body, nil}).wantStatus(http.StatusOK).decode(&p)
	return p
}

func csvBody(table string) string {
	text, err := json.Marshal(map[string]string{"csv": table})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestPreviewsOfLayouts(t *testing.T) {
	h := open(t, nil)
	before := h.everything()
	drawn := h.preview(`{"pretix":` + smallDrawing + `}`)
	if !drawn.OK || drawn.Seats != 3 || !reflect.DeepEqual(drawn.Sections, []partBody{{"MainFloor", 2}, {"Balcony", 1}}) ||
		!reflect.DeepEqual(drawn.Grades, []partBody{{"ParkettI", 2}, {"VIP", 1}}) || drawn.Bounds != (boundsBody{0, 100, 300, 620}) ||
		!reflect.DeepEqual(drawn.Renamed, map[string]string{"Main Floor": "MainFloor", "Parkett I": "ParkettI"}) {
		t.Errorf("drawing %+v", drawn)
	}
	if large := h.preview(`{"scale":4,"pretix":` + smallDrawing + `}`); large.Bounds != (boundsBody{0, 200, 300, 940}) {
		t.Errorf("at twice the scale %+v", large.Bounds)
	}
	table := h.preview(csvBody("\ufeffgrade,Section,row,seat, x ,y\r\nR,A,1,1,0,300\r\nR,A,1,2,55.4,300\r\nVIP,B,가,1,-55,390\r\n"))
	if !table.OK || table.Seats != 3 || !reflect.DeepEqual(table.Sections, []partBody{{"A", 2}, {"B", 1}}) ||
		!reflect.DeepEqual(table.Grades, []partBody{{"R", 2}, {"VIP", 1}}) || table.Bounds != (boundsBody{-55, 55, 300, 390}) {
		t.Errorf("table %+v", table)
	}
	if plain := h.preview(`{"seats":7}`); !plain.OK || plain.Seats != 7 {
		t.Errorf("plain %+v", plain)
	}
	if h.everything() != before {
		t.Error("a preview has kept something")
	}
}

func TestPreviewsOfWrongLayouts(t *testing.T) {
	h := open(t, nil)
	head := "section,row,seat,grade,x,y\n"
	broken := func(old, replacement string) string {
		return `{"pretix":` + strings.Replace(smallDrawing, old, replacement, 1) + `}`
	}
	for name, c := range map[string]struct {
		body   string
		fields string
	}{
		"a heading of others":   {csvBody("a,b\n"), "csv[1]"},
		"no seats":              {csvBody(head), "csv"},
		"a section with a dash": {csvBody(head + "A-1,1,1,R,0,0\nB,1,1,R,0,0\n"), "csv[2].section"},
		"three at once":         {csvBody(head + "A,,0,R,x,0\n"), "csv[2].row csv[2].seat csv[2].x"},
		"not a number":          {csvBody(head + "A,1,1,R,NaN,1e9\n"), "csv[2].x csv[2].y"},
		"a seat twice":          {csvBody(head + "A,1,1,R,0,0\n\nA,1,1,R,5,0\n"), "csv[4]"},
		"half a seat":           {csvBody(head + "A,1,1.5,R,0,0\n"), "csv[2].seat"},
		"too few fields":        {csvBody(head + "A,1,1,R,0\n"), "csv[2]"},
		"an open quote":         {csvBody(head + "\"A,1,1,R,0,0\n"), "csv[2]"},
		"a grade too many":      {csvBody(head + seatsOfGrades(ticketing.MaxPlanGrades+1)), "csv[18]"},
		"the first twenty":      {csvBody(head + strings.Repeat("?,1,1,R,0,0\n", 50)), strings.TrimSpace(lines(2, 21))},
		"a number of letters":   {broken(`"seat_number":"2"`, `"seat_number":"2a"`), "pretix.zones[0].rows[0].seats[1].seat_number"},
		"a drawn seat twice":    {broken(`"seat_number":"2"`, `"seat_number":"1"`), "pretix.zones[0].rows[0].seats[1]"},
		"a category of nothing": {broken(`"category":"VIP"`, `"category":"!"`), "pretix.zones[1].rows[0].seats[0].category"},
		"two zones, one name":   {broken(`"Balcony"`, `"Main-Floor"`), "pretix.zones[1].rows[0].seats[0]: the zone's name"},
	} {
		p := h.preview(c.body)
		var fields []string
		for _, e := range p.Errors {
			fields = append(fields, e.Field)
		}
		if got := strings.Join(fields, " "); p.OK || p.Plan != "" || got != c.fields {
			t.Errorf("%s: %t, %s, want %s", name, p.OK, got, c.fields)
		}
		before := h.everything()
		hall := `{"name":"H",` + c.body[1:]
		problem := h.do(call{"POST", "/v1/admin/halls", h.token(admin, ticketing.Admin), hall, nil}).wantStatus(http.StatusUnprocessableEntity).problem()
		if len(problem.Errors) != len(fields) || h.everything() != before {
			t.Errorf("%s: a hall of it: %+v", name, problem)
		}
	}
}

func seatsOfGrades(n int) (table string) {
	for i := range n {
		table += fmt.Sprintf("A,1,%d,G%d,0,0\n", i+1, i)
	}
	return table
}

func lines(from, to int) (all string) {
	for i := from; i <= to; i++ {
		all += fmt.Sprintf("csv[%d].section ", i)
	}
	return all
}

func TestLargeLayoutsAreForAdmins(t *testing.T) {
	h := open(t, nil)
	var table strings.Builder
	table.WriteString("section,row,seat,grade,x,y\n")
	for i := range 20_007 {
		fmt.Fprintf(&table, "A,%d,%d,R,%d,%d\n", i/100+1, i%100+1, i%100*55, 300+i/100*90)
	}
	body := `{"name":"Park",` + csvBody(table.String())[1:]
	for _, token := range []string{"", h.token(customer, ticketing.Customer)} {
		if code := h.do(call{"POST", "/v1/admin/halls", token, body, nil}).wantStatus(http.StatusRequestEntityTooLarge).problem().Code; code != "body_too_large" {
			t.Errorf("refused with %s", code)
		}
	}
	var hall hallBody
	h.do(call{"POST", "/v1/admin/halls", h.token(admin, ticketing.Admin), body, nil}).wantStatus(http.StatusCreated).decode(&hall)
	if hall.Seats != 20_007 || hall.PlanVersion != 1 {
		t.Errorf("hall %+v", hall)
	}
}

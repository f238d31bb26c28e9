package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

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

// TestNamesOfPlansInLetters: a section that comes in letters (NFD, as a Mac's files have them) is the one in syllables, however
// the layout is described; and one that was kept in letters before stays what it is, and has its price.
func TestNamesOfPlansInLetters(t *testing.T) {
	h := open(t, nil)
	const section, row, grade = "가구역", "앞é", "일반"
	const head = "section,row,seat,grade,x,y\n"
	sections := func(name, row, grade string) string {
		return fmt.Sprintf(`{"name":%q,"rows":[{"name":%q,"grade":%q,"seats":2}]}`, name, row, grade)
	}
	zone := func(name, row, grade string) string {
		return fmt.Sprintf(`{"name":%q,"rows":[{"row_number":%q,"seats":[{"seat_number":"1","category":%q}]}]}`, name, row, grade)
	}
	in := func(form norm.Form) (a, b, c string) {
		return form.String(section), form.String(row), form.String(grade)
	}
	for way, describe := range map[string]func(...norm.Form) (layout, twice string){
		"sections": func(forms ...norm.Form) (string, string) {
			var all []string
			for _, form := range forms {
				all = append(all, sections(in(form)))
			}
			return fmt.Sprintf(`{"grades":[%q],"sections":[%s]}`, forms[0].String(grade), strings.Join(all, ",")), "sections[1].rows[0].name"
		},
		"csv": func(forms ...norm.Form) (string, string) {
			table := head
			for _, form := range forms {
				a, b, c := in(form)
				table += fmt.Sprintf("%s,%s,1,%s,0,300\n", a, b, c)
			}
			return csvBody(table), "csv[3]"
		},
		"pretix": func(forms ...norm.Form) (string, string) {
			var all []string
			for _, form := range forms {
				all = append(all, zone(in(form)))
			}
			return `{"pretix":{"zones":[` + strings.Join(all, ",") + `]}}`, "pretix.zones[1].rows[0].seats[0]"
		},
	} {
		syllables, _ := describe(norm.NFC)
		letters, _ := describe(norm.NFD)
		want, got := h.preview(syllables), h.preview(letters)
		if !want.OK || want.Sections[0].Name != section || want.Grades[0].Name != grade || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", way, got, want)
		}
		both, twice := describe(norm.NFC, norm.NFD)
		if p := h.preview(both); p.OK || len(p.Errors) != 1 || p.Errors[0].Field != twice {
			t.Errorf("%s: two that look alike: %+v, want %s refused", way, p, twice)
		}
	}

	root := h.token(admin, ticketing.Admin)
	layout := fmt.Sprintf(`{"name":"New","grades":[%q],"sections":[%s]}`, norm.NFD.String(grade), sections(in(norm.NFD)))
	h.do(call{"POST", "/v1/admin/halls", root, layout, nil}).wantStatus(http.StatusCreated)
	before, err := ticketing.NewPlan([]string{norm.NFD.String(grade)}, []ticketing.Seat{{Section: norm.NFD.String(section), Row: "1", Number: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.catalogue.CreateHall(t.Context(), ticketing.Hall{Name: "Old"}, before); err != nil {
		t.Fatal(err)
	}
	for hall, kept := range map[int64]string{1: grade, 2: norm.NFD.String(grade)} {
		for sent, status := range map[string]int{grade: http.StatusCreated, norm.NFD.String(grade): http.StatusCreated, "VIP": http.StatusUnprocessableEntity} {
			a := h.do(call{"POST", "/v1/admin/performances", root, fmt.Sprintf(
				`{"title":"T","category":"concert","hall_id":%d,"duration_minutes":60,"prices":{%q:1000}}`, hall, sent), nil}).wantStatus(status)
			var p performanceBody
			if a.decode(&p); status == http.StatusCreated && !reflect.DeepEqual(p.Prices, map[string]int64{kept: 1000}) {
				t.Errorf("hall %d: prices %q", hall, slices.Collect(maps.Keys(p.Prices)))
			}
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

// One price is for a grade however it is composed, for an older plan's and the newest's too.
func TestNameGrades(t *testing.T) {
	const whole, letters = "일반", "\u110b\u1175\u11af\u1107\u1161\u11ab"
	for _, c := range []struct {
		sent   map[string]ticketing.KRW
		grades []string
		want   map[string]ticketing.KRW
	}{
		{map[string]ticketing.KRW{letters: 100, "R": 200}, []string{whole, "R"}, map[string]ticketing.KRW{whole: 100, "R": 200}},
		{map[string]ticketing.KRW{whole: 100}, []string{whole, letters}, map[string]ticketing.KRW{whole: 100, letters: 100}},
		{map[string]ticketing.KRW{letters: 100}, []string{whole, letters}, map[string]ticketing.KRW{whole: 100, letters: 100}},
		{map[string]ticketing.KRW{letters: 100, whole: 300}, []string{whole, letters}, map[string]ticketing.KRW{whole: 300, letters: 100}},
		{map[string]ticketing.KRW{letters: 100, whole: 300}, []string{whole}, map[string]ticketing.KRW{whole: 300, letters: 100}}, // refused: one is of no grade
		{map[string]ticketing.KRW{"S": 100}, []string{whole}, map[string]ticketing.KRW{"S": 100}},
	} {
		got := maps.Clone(c.sent)
		if nameGrades(got, c.grades); !maps.Equal(got, c.want) {
			t.Errorf("%v for %q: %v, want %v", c.sent, c.grades, got, c.want)
		}
	}
}

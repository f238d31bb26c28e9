package api

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// A drawing with all that pretix' seating plans have today: zones with ids and without rows, rows that bend and have gaps,
// tables, areas of every shape with texts and turns, uuids, radii. It is drawn for this test.
//
//go:embed testdata/pretix.json
var wholeDrawing string

// An older version of the format: an area's text is a word, and nothing has a uuid.
const oldDrawing = `{"name":"Old","categories":[{"name":"Stalls"}],"zones":[{"name":"Main","position":{"x":0,"y":0},"rows":[
 {"row_number":"7","seats":[{"seat_guid":"g1","seat_number":"1","position":{"x":0,"y":0},"category":"Stalls"},
  {"seat_guid":"g2","seat_number":"2","position":{"x":33,"y":0},"category":"Stalls"}]}],
 "areas":[{"color":"gray","width":20,"height":200,"position":{"x":470,"y":130},"rotation":90,"text":"Bar"}]}]}`

func TestDrawingsWithEverything(t *testing.T) {
	h := open(t, nil)
	drawn := h.preview(`{"pretix":` + wholeDrawing + `}`)
	if !drawn.OK || drawn.Seats != 39 || !reflect.DeepEqual(drawn.Sections, []partBody{{"Parkett", 24}, {"Tische", 12}, {"Logelinks", 3}}) ||
		!reflect.DeepEqual(drawn.Grades, []partBody{{"VIP", 16}, {"SaalA", 20}, {"Loge", 3}}) ||
		!reflect.DeepEqual(drawn.Renamed, map[string]string{"Saal A": "SaalA", "Loge links": "Logelinks"}) {
		t.Errorf("drawing %+v", drawn)
	}
	if b := drawn.Bounds; b.Left != 0 || b.Right < 500 || b.Front != 300 || b.Back < 500 {
		t.Errorf("bounds %+v", b)
	}
	if old := h.preview(`{"pretix":` + oldDrawing + `}`); !old.OK || old.Seats != 2 {
		t.Errorf("old drawing %+v", old)
	}
	for name, c := range map[string]struct{ from, to, field string }{
		"a number with letters": {`"seat_number": "3"`, `"seat_number": "3a"`, "pretix.zones[0].rows[0].seats[2].seat_number"},
		"a row without a name":  {`"row_number": "B"`, `"row_number": ""`, "pretix.zones[0].rows[1].seats[0]: the row's row_number"},
		"a seat of no category": {`"category": "Loge"`, `"category": "-"`, "pretix.zones[2].rows[0].seats[0].category"},
	} {
		spoiled := strings.Replace(wholeDrawing, c.from, c.to, 1)
		if !json.Valid([]byte(spoiled)) || spoiled == wholeDrawing {
			t.Fatalf("%s: nothing was spoiled", name)
		}
		if got := h.preview(`{"pretix":` + spoiled + `}`); got.OK || len(got.Errors) == 0 || got.Errors[0].Field != c.field {
			t.Errorf("%s: %+v", name, got.Errors)
		}
	}
}

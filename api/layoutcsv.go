package api

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"ticketblue/ticketing"
)

// columns of a table of seats.
var columns = []string{"section", "row", "seat", "grade", "x", "y"}

// readCSV reads a table with a heading line and a line for each seat.
func (l *layout) readCSV(text string) {
	table := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))) // spreadsheets put a mark before it
	table.FieldsPerRecord, table.ReuseRecord = -1, true
	place, ok := l.readHeading(table)
	if !ok {
		return
	}
	for !l.full() {
		record, err := table.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			l.wrong(fmt.Sprintf("csv[%d]", wrong.Line), "a line of a table: quotes come in pairs")
			return
		}
		line, _ := table.FieldPos(0)
		if len(record) != len(columns) {
			l.wrong(fmt.Sprintf("csv[%d]", line), fmt.Sprintf("%d fields", len(columns)))
			continue
		}
		l.readSeat(fmt.Sprintf("csv[%d]", line), record, place)
	}
	if len(l.seats) == 0 && len(l.errors) == 0 {
		l.wrong("csv", "a heading line and a line for each seat")
	}
}

// readHeading finds out which column is where.
func (l *layout) readHeading(table *csv.Reader) (place map[string]int, ok bool) {
	heading, err := table.Read()
	place = map[string]int{}
	for i, name := range heading {
		place[strings.ToLower(strings.TrimSpace(name))] = i
	}
	known := func(name string) bool { _, found := place[name]; return !found }
	if err != nil || len(heading) != len(columns) || slices.ContainsFunc(columns, known) {
		l.wrong("csv[1]", "a heading of "+strings.Join(columns, ","))
		return nil, false
	}
	return place, true
}

// readSeat reads a line; all that is wrong with it is noted.
func (l *layout) readSeat(at string, record []string, place map[string]int) {
	field := func(name string) string { return strings.TrimSpace(record[place[name]]) }
	before := len(l.errors)
	var seat ticketing.Seat
	seat.Section, seat.Row = strings.Clone(field("section")), strings.Clone(field("row"))
	grade := strings.Clone(field("grade"))
	for i, text := range []string{seat.Section, seat.Row, grade} {
		if !ticketing.IsPlanName(text) {
			l.wrong(at+"."+[]string{"section", "row", "grade"}[i], wantPlanName)
		}
	}
	var err error
	if seat.Number, err = strconv.Atoi(field("seat")); err != nil || seat.Number < 1 || seat.Number > ticketing.MaxPlanSeats {
		l.wrong(at+".seat", fmt.Sprintf("a whole number from 1 to %d", ticketing.MaxPlanSeats))
	}
	seat.X, seat.Y = l.readPlace(at+".x", field("x")), l.readPlace(at+".y", field("y"))
	if len(l.errors) == before && !l.full() {
		l.add(at, grade, seat)
	}
}

// readPlace reads a coordinate, rounded to a whole one.
func (l *layout) readPlace(at, text string) int {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(math.Abs(n) <= ticketing.MaxCoordinate) {
		l.wrong(at, fmt.Sprintf("a number from %d to %d", -ticketing.MaxCoordinate, ticketing.MaxCoordinate))
		return 0
	}
	return int(math.Round(n))
}

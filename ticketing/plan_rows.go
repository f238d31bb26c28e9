package ticketing

import "strings"

// row is seats of one row that are numbered without a gap and stand in the plan in that order, as nearly all do. Where
// they stand follows from their numbers: a map of all labels of a large hall is read from memory at each look.
type row struct {
	number int       // of the first
	first  SeatIndex // where it stands
	seats  int
}

// rowsOf are the rows of a plan, each as far as it goes on without a gap, by "section-row".
func rowsOf(seats []Seat) map[string]row {
	rows := map[string]row{}
	for i, s := range seats {
		name := s.Section + "-" + s.Row
		r, known := rows[name]
		switch {
		case !known:
			rows[name] = row{number: s.Number, first: SeatIndex(i), seats: 1}
		case s.Number == r.number+r.seats && SeatIndex(i) == r.first+SeatIndex(r.seats):
			r.seats++
			rows[name] = r
		}
	}
	return rows
}

// inRow finds a seat by its row and number.
func (p *Plan) inRow(label string) (SeatIndex, bool) {
	at := strings.LastIndexByte(label, '-')
	if at < 0 {
		return 0, false
	}
	r := p.rows[label[:at]]
	after := seatNumber(label[at+1:]) - r.number
	if after < 0 || after >= r.seats {
		return 0, false
	}
	return r.first + SeatIndex(after), true
}

// seatNumber is the number at the end of a label; 0, which no seat has, when labels do not end so.
func seatNumber(text string) (n int) {
	const longest = 6 // digits of MaxPlanSeats
	if len(text) > longest || strings.HasPrefix(text, "0") {
		return 0
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}

package ticketing

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// anyHall is a hall of up to three sections: rows of any length, numbered up or down or with numbers left out, with
// aisles along and across, grades mixed, and now and then with rows told seat by seat in turns.
func anyHall(t failer, ch chooser) *Plan {
	t.Helper()
	var rows [][]Seat
	for section := range 1 + ch.below(3) {
		for row := range 1 + ch.below(4) {
			rows = append(rows, anyRow(ch, Seat{Section: string(rune('A' + section)), Row: fmt.Sprint(row + 1)}))
		}
	}
	seats := slices.Concat(rows...)
	if oneIn(ch, 4) { // in turns
		seats = nil
		for i := range 200 {
			for _, row := range rows {
				if i < len(row) {
					seats = append(seats, row[i])
				}
			}
		}
	}
	plan, err := NewPlan([]string{"R", "S", "T"}, seats)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return plan
}

func anyRow(ch chooser, s Seat) []Seat {
	length := 1 + ch.below(10)
	if oneIn(ch, 4) {
		length = 50 + ch.below(100) // over several words of bits
	}
	pitch, aisles := pick(ch, 50, 0, 55, 100, 101, -50), pick(ch, 4, 8, 50)
	s.Number, s.X, s.Y = 1+200*ch.below(2), ch.below(5)*25, ch.below(4)*90
	up := pick(ch, 1, -1)
	if up < 0 {
		s.Number += 2000
	}
	var row []Seat
	for range length {
		row = append(row, s)
		s.Number, s.X = s.Number+up, s.X+pitch
		if oneIn(ch, 5) {
			s.Grade = ch.below(3)
		}
		if oneIn(ch, aisles) {
			switch ch.below(4) {
			case 0:
				s.Number += up
			case 1:
				s.X += pick(ch, 51, 200, -300)
			case 2:
				s.Y += pick(ch, 100, 101)
			}
		}
	}
	return row
}

// anySale is an open round of the hall with seats off sale, as many as one pleases, and the naive model of it.
func anySale(t failer, ch chooser, plan *Plan) *checked {
	t.Helper()
	terms := openTerms(plan)
	terms.MaxPerUser = MaxSeatsPerRequest
	c := newChecked(t, plan, terms, scriptDay)
	full := ch.below(11) // of ten
	var off []string
	for i := range plan.Seats {
		if ch.below(10) < full {
			off = append(off, plan.Label(SeatIndex(i)))
		}
	}
	c.act(BlockSeats{off}, openAt)
	return c
}

// askForBest asks on and on; the checked round compares every answer with the naive model's, which tries every block.
func askForBest(ch chooser, c *checked) (answers []Result) {
	c.t.Helper()
	for i := range 1 + ch.below(12) {
		user := UserID(i + 1)
		cmd := ReserveBest{
			User: user, Count: 1 + ch.below(pick(ch, 3, 3, 6, MaxSeatsPerRequest)), Key: key("k"),
			Grade: pick(ch, "", "", "R", "S", "T"), Section: pick(ch, "", "", "A", "B", "C"),
		}
		_, res := c.act(cmd, openAt)
		answers = append(answers, res)
		if res.Code == OK && oneIn(ch, 3) {
			c.act(ReleaseReservation{user, res.Reservation.ID.Number}, openAt)
		}
	}
	return answers
}

// The round finds the block that trying all of them finds, in whatever hall, however full.
func TestBestIsTheBestOfAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ch := rapidly{rt}
		askForBest(ch, anySale(rt, ch, anyHall(rt, ch)))
	})
}

// The same with choices that are all alike likely, so that large and nearly full halls are among them; every answer
// must come up.
func TestBestInManyHalls(t *testing.T) {
	seen := map[Code]int{}
	for seed := range 100 {
		ch := &bytewise{noise(byte(seed), 3000)}
		c := anySale(t, ch, anyHall(t, ch))
		for _, res := range askForBest(ch, c) {
			seen[res.Code]++
		}
	}
	for _, code := range []Code{OK, CodeNoBlock, CodeAllHeld, CodeSoldOut, CodeSectionUnknown} {
		if seen[code] == 0 {
			t.Errorf("nobody heard %q: %v", code, seen)
		}
	}
}

// Every way there is to fill nine seats, every wish.
func TestBestOfEveryPattern(t *testing.T) {
	c := newChecked(t, rowPlan(t, "SSRSS_SS/RR"), openTerms(rowPlan(t, "SR")), scriptDay)
	r, n := c.live, c.naive
	r.places()
	for pattern := range 1 << len(r.seats) {
		for i := range r.seats {
			off := pattern>>i&1 == 1
			n.blocked[c.plan.Label(SeatIndex(i))] = off
			r.setSeat(SeatIndex(i), map[bool]SeatState{true: SeatOff, false: SeatFree}[off])
		}
		for count := 1; count <= 4; count++ {
			for _, grade := range []string{"", "S", "R"} {
				cmd := ReserveBest{Count: count, Grade: grade}
				w, _ := c.plan.wish(cmd)
				got, want := r.labels(r.places().best(w)), n.bestSeats(cmd)
				if !slices.Equal(got, want) {
					t.Fatalf("%s, %d of grade %q: %v, want %v", r.seats, count, grade, got, want)
				}
			}
		}
	}
}

func FuzzBest(f *testing.F) {
	for seed := range byte(8) {
		f.Add(noise(seed, 600))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		ch := &bytewise{input}
		askForBest(ch, anySale(t, ch, anyHall(t, ch)))
	})
}

// twoRows is two rows of 151 seats. The front row's seats 1 to 64 stand in one word of bits, and 76 is the middle.
func twoRows(t failer) *checked {
	t.Helper()
	var seats []Seat
	for row := range 2 {
		for i := range 151 {
			seats = append(seats, Seat{Section: "A", Row: fmt.Sprint(row + 1), Number: i + 1, X: 50 * i, Y: 300 * row})
		}
	}
	plan, err := NewPlan([]string{"R"}, seats)
	if err != nil {
		t.Fatalf("%v", err)
	}
	terms := openTerms(plan)
	terms.MaxPerUser = MaxSeatsPerRequest
	return newChecked(t, plan, terms, scriptDay)
}

func front(from, to int) (labels []string) {
	for n := from; n <= to; n++ {
		labels = append(labels, fmt.Sprintf("A-1-%d", n))
	}
	return labels
}

// A block may begin in a word whose own seats are all farther away than a block elsewhere, and still be nearer.
func TestBestReachesIntoTheNextWord(t *testing.T) {
	c := twoRows(t)
	c.act(BlockSeats{slices.Concat(front(1, 62), front(83, 151))}, openAt)
	_, res := c.act(ReserveBest{User: 1, Count: 20, Key: key("a")}, openAt)
	if res.Code != OK || res.Reservation.Seats[0] != "A-1-63" {
		t.Errorf("%+v", res)
	}
}

// The summaries are right wherever a run ends, also when it reaches just so into the next word: recount looks.
func TestBestRunsAcrossWords(t *testing.T) {
	c := twoRows(t)
	c.act(ReserveBest{User: 1, Count: 1, Key: key("a")}, openAt)
	c.act(ReleaseReservation{1, 1}, openAt)
	c.act(BlockSeats{front(1, 151)}, openAt)
	for first := 40; first <= 66; first++ {
		last := first + MaxSeatsPerRequest - 1
		c.act(UnblockSeats{front(first, last)}, openAt)
		c.act(BlockSeats{front(last, last)}, openAt)
		c.act(BlockSeats{front(first, last-1)}, openAt)
	}
}

// A hall at the limits of what a plan may say: distances stay exact, and farther is refused.
func TestCoordinatesAreBounded(t *testing.T) {
	far := func(n, x, y int) Seat { return Seat{Section: "A", Row: "1", Number: n, X: x, Y: y} }
	seats := []Seat{far(1, -MaxCoordinate, MaxCoordinate), far(2, MaxCoordinate, -MaxCoordinate), far(3, MaxCoordinate, 1-MaxCoordinate)}
	plan, err := NewPlan([]string{"R"}, seats)
	if err != nil {
		t.Fatal(err)
	}
	c := newChecked(t, plan, openTerms(plan), scriptDay)
	if _, res := c.act(ReserveBest{User: 1, Count: 1, Key: key("a")}, openAt); res.Code != OK || res.Reservation.Seats[0] != "A-1-1" {
		t.Errorf("1 leaves 2 3 together and is as far as 2: %+v", res)
	}
	for field, s := range map[string]Seat{"seats[0].x": far(1, MaxCoordinate+1, 0), "seats[0].y": far(1, 0, -MaxCoordinate-1)} {
		_, err := NewPlan([]string{"R"}, []Seat{s})
		var bad *Invalid
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

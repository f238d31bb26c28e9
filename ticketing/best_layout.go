package ticketing

import (
	"cmp"
	"slices"
)

// aisle is how far apart, in centimetres along either axis, the centres of two neighbours may be before people walk
// between them. Seats stand 45 to 75 cm apart.
const aisle = 100

// wordPlaces is how many places a word of bits covers.
const wordPlaces = 64

// layout is what the search for the best block knows of a plan, made once and never changed.
//
// All seats stand on one long line of places: section by section and row by row as they first come up in the plan,
// within a row in plan order. Between two that follow each other in their row and are not adjacent, and after every
// row, a place is left empty. So seats are adjacent exactly when their places are, and with a bit per place a row's
// end, an aisle and a seat that is taken all look the same: a bit that is not set. The first word and the last two are
// empty, so that no search has to look out for the ends of the line.
type layout struct {
	place    []uint32        // by seat
	seat     []SeatIndex     // by place; of an empty one meaningless
	far      []int64         // by place: how far all places before it are together (see farness)
	words    []focalWord     // those with seats, nearest first
	rank     []int32         // by word: where in words it stands, -1 for nowhere
	length   int             // of the line, in words
	sections map[string]span // their places
	grades   [][]uint64      // by grade: its places
	graded   [][]uint64      // by grade: a summary of its words
}

// span is a range of places, from up to but without to.
type span struct{ from, to int }

// focalWord is a word of the line. No block that begins in it has a seat nearer than near, or begins with a seat
// before first.
type focalWord struct {
	near  int64
	first SeatIndex
	word  uint32
}

// adjacent tells of two seats of one row that follow each other in the plan whether they are next to each other: by
// number, up or down, and with no aisle between.
func adjacent(a, b Seat) bool {
	return apart(a.Number, b.Number) == 1 && apart(a.X, b.X) <= aisle && apart(a.Y, b.Y) <= aisle
}

func apart(a, b int) int { return max(a-b, b-a) }

func newLayout(p *Plan) *layout {
	l := &layout{place: make([]uint32, len(p.Seats)), sections: map[string]span{}}
	end := l.lineUp(p.Seats)
	l.length = end/wordPlaces + 3
	l.seat = make([]SeatIndex, end)
	l.far = make([]int64, end+1)
	for range p.Grades {
		l.grades = append(l.grades, make([]uint64, l.length))
	}
	for i, place := range l.place {
		l.seat[place] = SeatIndex(i)
		l.grades[p.Seats[i].Grade][place/wordPlaces] |= 1 << (place % wordPlaces)
	}
	l.measure(p.Seats)
	for _, places := range l.grades {
		l.graded = append(l.graded, l.wordsOf(wish{grade: places, section: span{0, l.length * wordPlaces}}))
	}
	return l
}

// summary is an empty set of words, a bit each, in the order of l.words.
func (l *layout) summary() []uint64 { return make([]uint64, (len(l.words)+wordPlaces-1)/wordPlaces) }

// inSummary is where in a summary a word with seats stands.
func (l *layout) inSummary(word int) (at int, bit uint64) {
	rank := int(l.rank[word])
	return rank / wordPlaces, 1 << (rank % wordPlaces)
}

// lineUp gives every seat its place and returns the end of the line.
func (l *layout) lineUp(seats []Seat) int {
	type row struct{ section, name string }
	var sections []string // as they first come up
	rows := map[string][]row{}
	bySeat := map[row][]SeatIndex{}
	for i, s := range seats {
		r := row{s.Section, s.Row}
		if len(rows[s.Section]) == 0 {
			sections = append(sections, s.Section)
		}
		if len(bySeat[r]) == 0 {
			rows[s.Section] = append(rows[s.Section], r)
		}
		bySeat[r] = append(bySeat[r], SeatIndex(i))
	}
	at := wordPlaces
	for _, section := range sections {
		from := at
		for _, r := range rows[section] {
			for k, i := range bySeat[r] {
				if k > 0 && !adjacent(seats[bySeat[r][k-1]], seats[i]) {
					at++
				}
				l.place[i] = uint32(at)
				at++
			}
			at++
		}
		l.sections[section] = span{from, at}
	}
	return at
}

// measure fills in how far everything is from the focal point.
func (l *layout) measure(seats []Seat) {
	byX := func(a, b Seat) int { return cmp.Compare(a.X, b.X) }
	width := int64(slices.MinFunc(seats, byX).X) + int64(slices.MaxFunc(seats, byX).X)
	words := make([]focalWord, l.length)
	seen := func(place uint32, far int64) *focalWord {
		w := &words[place/wordPlaces]
		if w.word == 0 {
			*w = focalWord{near: far, first: SeatIndex(len(seats)), word: place / wordPlaces}
		}
		w.near = min(w.near, far)
		return w
	}
	for i, s := range seats {
		place, far := l.place[i], farness(s, width)
		l.far[place+1] = far
		w := seen(place, far)
		w.first = min(w.first, SeatIndex(i))
		seen(place-(MaxSeatsPerRequest-1), far) // a block may begin there and reach this seat
	}
	for i := range l.far[1:] {
		l.far[i+1] += l.far[i]
	}
	l.words = slices.DeleteFunc(words, func(w focalWord) bool { return w.word == 0 || int(w.first) == len(seats) })
	slices.SortFunc(l.words, func(a, b focalWord) int {
		return cmp.Or(cmp.Compare(a.near, b.near), cmp.Compare(a.first, b.first))
	})
	l.rank = slices.Repeat([]int32{-1}, l.length)
	for i, w := range l.words {
		l.rank[w.word] = int32(i)
	}
}

// farness is how far a seat is from the focal point, which lies at the edge of the stage in the middle of the hall's
// width: the distance in half centimetres, squared. Width is the sum of the hall's least and greatest x.
func farness(s Seat, width int64) int64 {
	x, y := 2*int64(s.X)-width, 2*int64(s.Y)
	return x*x + y*y
}

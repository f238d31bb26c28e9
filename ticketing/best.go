package ticketing

import (
	"math"
	"math/bits"
	"slices"
)

// reserveBest holds the best block of free seats.
//
// A block is so many seats of one row, each adjacent to the next (see adjacent), all of the grade and section asked
// for. Seats the caller holds already stay where they are: only free ones are taken. An orphan is a free seat beside
// the block whose other neighbour is not free, or not there: nobody would buy it for two. Of all blocks the best one
//
//  1. leaves no orphan, if there is such a block,
//  2. is nearest the focal point, by the sum of its seats' squared distances (see farness),
//  3. comes first in the plan.
//
// The refusals are those of ReserveSeats in their order, with what is asked for in the place of the seats. Where there
// is no block, what counts is what was asked for: free seats in it make it no_block, held ones all_held, with the next
// moment at which any hold of the round runs out, and else it is sold_out.
func (r *Round) reserveBest(c ReserveBest, now Millis) ([]Event, Result) {
	if answer, done := r.beforeSeats(c.User, c.Key, c.Body); done {
		return nil, answer
	}
	w, refusal := r.plan.layout.wish(r.plan, c)
	if refusal.Code != OK {
		return nil, refusal
	}
	if refusal := r.mayAdd(c.User, c.Count); refusal.Code != OK {
		return nil, refusal
	}
	at := r.places()
	if !w.in(at.free) {
		if w.in(at.held) {
			return nil, Result{Code: CodeAllHeld, RetryAt: r.deadlines.next(r)}
		}
		return nil, refuse(CodeSoldOut)
	}
	seats := r.plan.layout.best(at.free, w)
	if seats == nil {
		return nil, refuse(CodeNoBlock)
	}
	return r.hold(c.User, seats, c.Key, c.Body, now)
}

// places is which of the layout's places are free and which are held, a bit each. It is derived from Round.seats, and
// only from the first time on that somebody asks for the best.
type places struct{ free, held []uint64 }

func (r *Round) places() *places {
	if r.placed == nil {
		n := r.plan.layout.length
		r.placed = &places{make([]uint64, n), make([]uint64, n)}
		for i, s := range r.seats {
			r.placed.set(r.plan.layout.place[i], s)
		}
	}
	return r.placed
}

func (p *places) set(place uint32, s SeatState) {
	word, bit := place/wordPlaces, uint64(1)<<(place%wordPlaces)
	p.free[word] &^= bit
	p.held[word] &^= bit
	switch s {
	case SeatFree:
		p.free[word] |= bit
	case SeatHeld:
		p.held[word] |= bit
	}
}

// wish is what a block must be of.
type wish struct {
	count   int
	grade   []uint64 // its places; nil for any
	section span     // the whole line for any
}

func (l *layout) wish(plan *Plan, c ReserveBest) (wish, Result) {
	w := wish{count: c.Count, section: span{0, l.length * wordPlaces}}
	if c.Grade != "" {
		g := slices.Index(plan.Grades, c.Grade)
		if g < 0 {
			return wish{}, refuse(CodeGradeUnknown)
		}
		w.grade = l.grades[g]
	}
	if c.Section != "" {
		s, known := l.sections[c.Section]
		w.section = s
		if !known || w.grade != nil && !w.in(w.grade) {
			return wish{}, refuse(CodeSectionUnknown)
		}
	}
	if c.Count < 1 || c.Count > MaxSeatsPerRequest {
		return wish{}, refuse(CodeSeatsInvalid)
	}
	return w, Result{}
}

// among is what is left of a word of places when only those wished for count.
func (w *wish) among(set []uint64, word int) uint64 {
	const all = math.MaxUint64
	left := set[word]
	if w.grade != nil {
		left &= w.grade[word]
	}
	if begin := word * wordPlaces; begin < w.section.from {
		left &= all << (w.section.from - begin)
	}
	if end := (word + 1) * wordPlaces; end > w.section.to {
		left &= all >> (end - w.section.to)
	}
	return left
}

// in tells whether any place wished for is in the set.
func (w *wish) in(set []uint64) bool {
	for word := w.section.from / wordPlaces; word*wordPlaces < w.section.to; word++ {
		if w.among(set, word) != 0 {
			return true
		}
	}
	return false
}

// best is the best block of free seats, ascending; nil when there is none. It looks at the words from the nearest on
// and stops where none that follows can hold a better one.
func (l *layout) best(free []uint64, w wish) []SeatIndex {
	neat, other := noBlock, noBlock // without orphans, and with
	for _, f := range l.words {
		bound := block{far: f.near * int64(w.count), first: f.first}
		if !bound.better(neat) {
			break
		}
		word := int(f.word)
		low := w.among(free, word)
		if low == 0 {
			continue
		}
		starts := runs(low, w.among(free, word+1), w.count)
		if starts == 0 {
			continue
		}
		orphaning := orphaning(free, word, w.count)
		neat = l.nearest(neat, starts&^orphaning, word, w.count)
		if neat == noBlock && bound.better(other) {
			other = l.nearest(other, starts&orphaning, word, w.count)
		}
	}
	if neat == noBlock {
		neat = other
	}
	if neat == noBlock {
		return nil
	}
	place := l.place[neat.first]
	return slices.Clone(l.seat[place : place+uint32(w.count)])
}

// runs is where a run of n begins in the word low, which the word high follows.
func runs(low, high uint64, n int) uint64 {
	for have := 1; have < n && low != 0; {
		more := min(have, n-have)
		low &= low>>more | high<<(wordPlaces-more)
		high &= high >> more // what is beyond it cannot matter: n is far from the length of a word
		have += more
	}
	return low
}

// orphaning is where in the word a block of n would begin that leaves an orphan on either side.
func orphaning(free []uint64, word, n int) uint64 {
	before, here, after := free[word-1], free[word], free[word+1]
	left := func(by int) uint64 { return here<<by | before>>(wordPlaces-by) }
	right := func(by int) uint64 { return here>>by | after<<(wordPlaces-by) }
	return left(1)&^left(2) | right(n)&^right(n+1)
}

// block is a place to sit: how far its seats are together, and which seat of it is the first in the plan.
type block struct {
	far   int64
	first SeatIndex
}

// noBlock is worse than any.
var noBlock = block{far: math.MaxInt64}

func (b block) better(than block) bool {
	return b.far < than.far || b.far == than.far && b.first < than.first
}

// nearest is the best of a block and those of n that begin at the bits set in the word.
func (l *layout) nearest(best block, starts uint64, word, n int) block {
	for ; starts != 0; starts &= starts - 1 {
		place := word*wordPlaces + bits.TrailingZeros64(starts)
		b := block{far: l.far[place+n] - l.far[place], first: l.seat[place]}
		if b.better(best) {
			best = b
		}
	}
	return best
}

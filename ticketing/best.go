package ticketing

import (
	"math"
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
	w, refusal := r.plan.wish(c)
	if refusal.Code != OK {
		return nil, refusal
	}
	if refusal := r.mayAdd(c.User, c.Count); refusal.Code != OK {
		return nil, refusal
	}
	p := r.places()
	if seats := p.best(w); seats != nil {
		return r.hold(c.User, seats, c.Key, c.Body, now)
	}
	switch {
	case p.anyFree(w):
		return nil, refuse(CodeNoBlock)
	case p.anyHeld(w):
		return nil, Result{Code: CodeAllHeld, RetryAt: r.deadlines.next(r)}
	}
	return nil, refuse(CodeSoldOut)
}

// wish is what a block must be of.
type wish struct {
	count   int
	grade   []uint64 // its places; nil for any
	section span     // the whole line for any
	words   []uint64 // a summary of the words that have such places; nil for all words
}

func (p *Plan) wish(c ReserveBest) (wish, Result) {
	l := p.layout
	w := wish{count: c.Count, section: span{0, l.length * wordPlaces}}
	if c.Grade != "" {
		g := slices.Index(p.Grades, c.Grade)
		if g < 0 {
			return wish{}, refuse(CodeGradeUnknown)
		}
		w.grade, w.words = l.grades[g], l.graded[g]
	}
	if c.Section != "" {
		s, known := l.sections[c.Section]
		if known && len(l.sections) > 1 {
			w.section = s
			w.words = l.wordsOf(w)
		}
		nothing := !slices.ContainsFunc(w.words, func(set uint64) bool { return set != 0 })
		if !known || w.grade != nil && nothing {
			return wish{}, refuse(CodeSectionUnknown)
		}
	}
	if c.Count < 1 || c.Count > MaxSeatsPerRequest {
		return wish{}, refuse(CodeSeatsInvalid)
	}
	return w, Result{}
}

// wordsOf is a summary of the words with places of the wish's grade and section.
func (l *layout) wordsOf(w wish) []uint64 {
	words := l.summary()
	for word := w.section.from / wordPlaces; word*wordPlaces < w.section.to; word++ {
		if l.rank[word] >= 0 && (w.grade == nil || w.among(w.grade, word) != 0) {
			at, bit := l.inSummary(word)
			words[at] |= bit
		}
	}
	return words
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

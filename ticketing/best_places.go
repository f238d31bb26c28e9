package ticketing

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// places is what is free and what is held, on the line of places that the plan's layout is. It is derived from
// Round.seats, kept up to date by setSeat, and made only when somebody asks for the best for the first time.
type places struct {
	*layout
	free, held []uint64 // a bit per place

	// Summaries (see layout.summary): a search meets only words that promise something, the nearest first.
	holding []uint64                     // has held places
	begin   [MaxSeatsPerRequest][]uint64 // begin[n-1]: a run of n free places begins there
	longest []uint8                      // by word: the longest run that begins there, up to MaxSeatsPerRequest
}

func (r *Round) places() *places {
	if r.placed != nil {
		return r.placed
	}
	l := r.plan.layout
	p := &places{
		layout: l, free: make([]uint64, l.length), held: make([]uint64, l.length),
		holding: l.summary(), longest: make([]uint8, l.length),
	}
	for n := range p.begin {
		p.begin[n] = l.summary()
	}
	for i, s := range r.seats {
		p.mark(l.place[i], s)
	}
	for _, f := range l.words {
		p.summarize(int(f.word))
	}
	r.placed = p
	return p
}

// set takes a seat's new state in.
func (p *places) set(place uint32, s SeatState) {
	p.mark(place, s)
	p.summarize(int(place / wordPlaces))
	if place%wordPlaces < MaxSeatsPerRequest-1 { // what begins in the word before may reach here
		p.summarize(int(place/wordPlaces) - 1)
	}
}

func (p *places) mark(place uint32, s SeatState) {
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

func (p *places) summarize(word int) {
	if p.rank[word] < 0 {
		return // no seats
	}
	at, bit := p.inSummary(word)
	p.holding[at] &^= bit
	if p.held[word] != 0 {
		p.holding[at] |= bit
	}
	was, is := int(p.longest[word]), longestRun(p.free[word], p.free[word+1])
	for n := was; n < is; n++ {
		p.begin[n][at] |= bit
	}
	for n := is; n < was; n++ {
		p.begin[n][at] &^= bit
	}
	p.longest[word] = uint8(is)
}

// longestRun is the longest that begins in the word low, which the word high follows, up to MaxSeatsPerRequest.
func longestRun(low, high uint64) (n int) {
	for low != 0 && n < MaxSeatsPerRequest {
		low &= low>>1 | high<<(wordPlaces-1)
		high &= high >> 1
		n++
	}
	return n
}

// focal walks through the words that are in both summaries, nearest first; nil is a summary of all words.
func (p *places) focal(summary, among []uint64) iter.Seq[focalWord] {
	return func(yield func(focalWord) bool) {
		for i, set := range summary {
			if among != nil {
				set &= among[i]
			}
			for ; set != 0; set &= set - 1 {
				if !yield(p.words[i*wordPlaces+bits.TrailingZeros64(set)]) {
					return
				}
			}
		}
	}
}

// best is the best block of free seats, ascending; nil when there is none. It looks at the words from the nearest on
// and stops where none that follows can hold a better one.
func (p *places) best(w wish) []SeatIndex {
	l := p.layout
	neat, other := noBlock, noBlock // without orphans, and with
	for f := range p.focal(p.begin[w.count-1], w.words) {
		bound := block{far: f.near * int64(w.count), first: f.first}
		if !bound.better(neat) {
			break
		}
		word := int(f.word)
		low := w.among(p.free, word)
		if low == 0 {
			continue
		}
		starts := runs(low, w.among(p.free, word+1), w.count)
		if starts == 0 {
			continue
		}
		orphaning := orphaning(p.free, word, w.count)
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

func (p *places) anyFree(w wish) bool {
	for f := range p.focal(p.begin[0], w.words) {
		if w.among(p.free, int(f.word)) != 0 {
			return true
		}
	}
	return false
}

func (p *places) anyHeld(w wish) bool {
	for f := range p.focal(p.holding, w.words) {
		if w.among(p.held, int(f.word)) != 0 {
			return true
		}
	}
	return false
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

package persistence

import "ticketblue/ticketing"

// maxKeptRows bounds the live reservations that a projector remembers, of all rounds: some 100 MB.
const maxKeptRows = 300_000

// keptFolds are folds that a pass has committed, for the next pass of their streams: what was written need not be read
// again. A fold is good as long as its stream stands where the pass left it; anybody else's pass, a rebuild, or a commit
// that Postgres forgot when it crashed, moves the stream. They belong to the projector's goroutine.
type keptFolds struct {
	folds map[ticketing.Stream]keptFold
	rows  int
}

type keptFold struct {
	*roundFold
	until uint64
	rows  int // when it was kept
}

// take hands out the fold of a stream that stands at a seq. Whoever takes it puts it back when its pass is committed, and
// forgets it otherwise.
func (k *keptFolds) take(s ticketing.Stream, at uint64) (*roundFold, bool) {
	kept, found := k.folds[s]
	if !found {
		return nil, false
	}
	delete(k.folds, s)
	k.rows -= kept.rows
	return kept.roundFold, kept.until == at
}

// put keeps what a pass has committed. When there is too much, some go: any, for they come back at little cost.
func (k *keptFolds) put(work []*streamWork) {
	if k.folds == nil {
		k.folds = map[ticketing.Stream]keptFold{}
	}
	for _, w := range work {
		if w.fold == nil || w.failed != nil {
			continue
		}
		w.fold.settle()
		k.folds[w.stream] = keptFold{w.fold, w.until, len(w.fold.rows)}
		k.rows += len(w.fold.rows)
	}
	for s, kept := range k.folds {
		if k.rows <= maxKeptRows {
			return
		}
		delete(k.folds, s)
		k.rows -= kept.rows
	}
}

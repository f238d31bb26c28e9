package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/ticketing"
)

// Source is where documents come from: what is true at the moment of asking.
type Source interface {
	ReservationSource
	// SearchDocuments returns the documents of those that there are.
	SearchDocuments(ctx context.Context, kind ticketing.SearchKind, ids []string) ([]ticketing.SearchDocument, error)
	// SearchDocumentsAfter returns at most limit documents in an order of the ids, those after the given one; "" is before
	// the first.
	SearchDocumentsAfter(ctx context.Context, kind ticketing.SearchKind, after string, limit int) ([]ticketing.SearchDocument, error)
	// PerformancesNaming lists the performances whose documents name one of other things in the catalogue, ascending, at
	// most limit of them after the given one.
	PerformancesNaming(ctx context.Context, noun ticketing.Noun, ids []int64, after int64, limit int) ([]int64, error)
	// PerformancesOnSale lists the performances of which the sale of a round is open.
	PerformancesOnSale(ctx context.Context) ([]int64, error)
	// SearchIndex names what SetSearchIndex was told of last; "" when nothing was.
	SearchIndex(ctx context.Context, kind ticketing.SearchKind) (string, error)
	// SetSearchIndex keeps which collection of a kind was made whole, by whichever engine.
	SetSearchIndex(ctx context.Context, kind ticketing.SearchKind, name string) error
}

// SweepEvery is how often what is on sale is compared with the index when nobody says that it has changed.
const SweepEvery = 5 * time.Second

// sweepWithin is the deadline of one comparison, beginning included, and of one look whether the index is there.
const sweepWithin = time.Minute

// Sync keeps an engine as its source is. What it is told of, it reads at the source and puts into the engine, so
// being told twice, late or in another order does no harm; one thing is read and put at a time.
type Sync struct {
	engine Engine
	source Source
	log    *slog.Logger
	hint   chan struct{} // capacity 1: what is on sale may have changed
	edited chan ticketing.Stream
	lag    prometheus.Histogram

	mu     sync.Mutex
	drafts map[ticketing.SearchKind]map[string]bool // of the kinds that are being rebuilt: what has changed meanwhile
	onSale map[string]bool                          // performances that the index says are on sale; nil: not known
	untidy map[ticketing.SearchKind]bool            // kinds of which the engine may keep something that is not searched

	unbuilt, behind error // what became of Run's last look at what is built, and at what is on sale
}

// NewSync makes what keeps the engine; see Told, Run and Rebuild.
func NewSync(engine Engine, source Source, log *slog.Logger, metrics prometheus.Registerer) *Sync {
	s := &Sync{
		engine: engine, source: source, log: log, hint: make(chan struct{}, 1), edited: make(chan ticketing.Stream, maxEdited),
		drafts: map[ticketing.SearchKind]map[string]bool{}, untidy: map[ticketing.SearchKind]bool{},
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ticketblue_search_lag_seconds", Help: "From an edit of the catalogue to its being found, at the latest: when the follower has told of it. Edits through this server are found before.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600},
		}),
	}
	for _, kind := range engine.Kinds() {
		s.untidy[kind] = true // a rebuild of an earlier process may have died
	}
	metrics.MustRegister(s.lag)
	return s
}

// Change is what happened in a stream, from an event on.
type Change struct {
	Stream ticketing.Stream
	From   uint64
	Events []ticketing.Event
}

// Told takes in what happened in streams of the catalogue; it is what a follower does. What has changed is read once,
// however many changes name it.
func (s *Sync) Told(ctx context.Context, changes []Change) error {
	changed := map[ticketing.Noun][]int64{}
	for _, c := range changes {
		if noun, id, ok := c.Stream.Catalogue(); ok {
			changed[noun] = append(changed[noun], id)
		}
	}
	err := errors.Join(
		s.refresh(ctx, ticketing.FindHalls, changed[ticketing.NounHall]),
		s.refresh(ctx, ticketing.FindPerformers, changed[ticketing.NounPerformer]),
		s.refresh(ctx, ticketing.FindPerformances, changed[ticketing.NounPerformance]),
	)
	for _, noun := range []ticketing.Noun{ticketing.NounHall, ticketing.NounPerformer, ticketing.NounRound} {
		err = errors.Join(err, s.refreshNaming(ctx, noun, changed[noun]))
	}
	if err != nil {
		return err
	}
	for _, c := range changes {
		if n := len(c.Events); n > 0 {
			s.lag.Observe(time.Since(c.Events[n-1].At.Time()).Seconds())
		}
	}
	return nil
}

func (s *Sync) refreshNaming(ctx context.Context, noun ticketing.Noun, named []int64) error {
	for after := int64(0); len(named) > 0; {
		ids, err := s.source.PerformancesNaming(ctx, noun, named, after, Batch)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := s.refresh(ctx, ticketing.FindPerformances, ids); err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
	return nil
}

func (s *Sync) refresh(ctx context.Context, kind ticketing.SearchKind, ids []int64) error {
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), Batch) {
		names := make([]string, len(part))
		for i, id := range part {
			names[i] = strconv.FormatInt(id, 10)
		}
		if err := s.Refresh(ctx, kind, names); err != nil {
			return err
		}
	}
	return nil
}

// Refresh reads documents at the source and puts them into the engine; what is not at the source any more is deleted.
// At most Batch at once.
func (s *Sync) Refresh(ctx context.Context, kind ticketing.SearchKind, ids []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if changed := s.drafts[kind]; changed != nil {
			changed[id] = true
		}
	}
	docs, err := s.put(ctx, s.engine, kind, ids)
	if err != nil {
		s.onSale = nil // who knows what got through
		return err
	}
	if kind == ticketing.FindPerformances && s.onSale != nil {
		for _, id := range ids {
			delete(s.onSale, id)
		}
		for _, d := range docs {
			if d.OnSale {
				s.onSale[d.ID] = true
			}
		}
	}
	return nil
}

// put makes documents of a collection what they are at the source.
func (s *Sync) put(ctx context.Context, into Collection, kind ticketing.SearchKind, ids []string) ([]ticketing.SearchDocument, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	docs, err := s.source.SearchDocuments(ctx, kind, ids)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, d := range docs {
		there[d.ID] = true
	}
	var gone []string
	for _, id := range ids {
		if !there[id] {
			gone = append(gone, id)
		}
	}
	if len(docs) > 0 {
		err = into.Put(ctx, docs)
	}
	if err == nil && len(gone) > 0 {
		err = into.Delete(ctx, kind, gone)
	}
	return docs, err
}

// Hint says that what is on sale may have changed. It does not block.
func (s *Sync) Hint() {
	select {
	case s.hint <- struct{}{}:
	default:
	}
}

// Run builds what was never built or is lost, and keeps what is on sale, until ctx ends. Failures are tried again. A long
// rebuild does not hold up what is on sale.
func (s *Sync) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { s.again(ctx, nil, &s.unbuilt, s.buildMissing) }) // now and then, for an engine may lose what it has
	both.Go(func() { s.again(ctx, s.hint, &s.behind, s.keep) })
	both.Wait()
}

// again does something every SweepEvery and at every hint, and keeps what became of it.
func (s *Sync) again(ctx context.Context, hint <-chan struct{}, outcome *error, do func(context.Context) error) {
	tick := time.NewTicker(SweepEvery)
	defer tick.Stop()
	for warned := false; ; {
		err := do(ctx)
		if err != nil && ctx.Err() == nil && !warned {
			s.log.Warn("the search index falls behind; trying again", "error", err)
		}
		warned = err != nil
		s.mu.Lock()
		*outcome = err
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-hint:
		}
	}
}

// keep does what can be done with what is built; of the rest buildMissing tells.
func (s *Sync) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepWithin)
	defer cancel()
	err := s.Sweep(ctx)
	if errors.Is(err, ErrNotBuilt) {
		err = nil
	}
	return errors.Join(err, s.tidy(ctx))
}

// Healthy tells why the index falls behind, if it does.
func (s *Sync) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.unbuilt, s.behind)
}

// tidy has the engine delete what a rebuild has replaced or left behind, names of customers among it, unless that is done.
func (s *Sync) tidy(ctx context.Context) (err error) {
	s.mu.Lock() // so that no rebuild begins meanwhile
	defer s.mu.Unlock()
	for _, kind := range s.engine.Kinds() {
		if !s.untidy[kind] || s.drafts[kind] != nil {
			continue
		}
		if failed := s.engine.Tidy(ctx, kind); failed != nil {
			err = errors.Join(err, fmt.Errorf("what is not searched any more is still kept: %w", failed))
			continue
		}
		s.untidy[kind] = false
	}
	return err
}

// buildMissing makes anew what is not there, or is another one than was made whole.
func (s *Sync) buildMissing(ctx context.Context) (err error) {
	for _, kind := range s.engine.Kinds() {
		built, failed := s.built(ctx, kind)
		if failed == nil && !built {
			failed = s.mark(ctx, kind, "") // whichever was, does not hear of edits from now on
			if failed == nil {
				failed = s.rebuild(ctx, kind)
			}
			if failed == nil {
				s.log.Info("the search index was not there, or not known to be the last one, and is made anew", "kind", kind)
				s.Hint() // what is on sale is compared with it, and what it has replaced goes
			}
		}
		if !errors.Is(failed, errRebuilding) { // else somebody is at it
			err = errors.Join(err, failed)
		}
	}
	return err
}

// built tells whether what is searched is what was last made whole. A swap that was given up may have come since, with what
// is old by then; or another engine was followed meanwhile.
func (s *Sync) built(ctx context.Context, kind ticketing.SearchKind) (bool, error) {
	s.mu.Lock()
	busy := s.drafts[kind] != nil
	s.mu.Unlock()
	if busy {
		return false, errRebuilding
	}
	ctx, cancel := context.WithTimeout(ctx, sweepWithin)
	defer cancel()
	searched, err := s.engine.Current(ctx, kind)
	if err != nil || searched == "" {
		return false, err
	}
	whole, err := s.source.SearchIndex(ctx, kind)
	return searched == whole, err
}

// mark keeps which collection was made whole; "": none.
func (s *Sync) mark(ctx context.Context, kind ticketing.SearchKind, name string) error {
	ctx, cancel := context.WithTimeout(ctx, sweepWithin)
	defer cancel()
	return s.source.SetSearchIndex(ctx, kind, name)
}

// Sweep compares what is on sale with what the index says, and refreshes where they differ.
func (s *Sync) Sweep(ctx context.Context) error {
	if err := s.learnOnSale(ctx); err != nil {
		return err
	}
	ids, err := s.source.PerformancesOnSale(ctx)
	if err != nil {
		return err
	}
	for _, part := range s.differing(ids) {
		if err := s.Refresh(ctx, ticketing.FindPerformances, part); err != nil {
			return err
		}
	}
	return nil
}

// learnOnSale asks the index, once.
func (s *Sync) learnOnSale(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onSale != nil {
		return nil
	}
	known := map[string]bool{}
	q := ticketing.SearchQuery{Kind: ticketing.FindPerformances, Sort: ticketing.SortEnding, Limit: ticketing.MaxSearchPage, Filter: ticketing.SearchFilter{OnSale: ticketing.Yes}}
	for {
		results, err := s.engine.Search(ctx, []ticketing.SearchQuery{q})
		if err != nil {
			return err
		}
		for _, hit := range results[0].Hits {
			known[hit.ID] = true
		}
		if q.After = results[0].Next; q.After == "" {
			s.onSale = known
			return nil
		}
	}
}

// differing are the performances on sale of which the index does not say so, and the other way round, in batches.
func (s *Sync) differing(ids []int64) [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var differ []string
	truth := make(map[string]bool, len(ids))
	for _, n := range ids {
		id := strconv.FormatInt(n, 10)
		truth[id] = true
		if !s.onSale[id] {
			differ = append(differ, id)
		}
	}
	for id := range s.onSale {
		if !truth[id] {
			differ = append(differ, id)
		}
	}
	return slices.Collect(slices.Chunk(differ, Batch))
}

// Rebuild makes the whole index anew while the old one is searched, and swaps it in kind by kind. What the engine does not
// delete of the old one is tried again by Run, and told in the log.
func (s *Sync) Rebuild(ctx context.Context) error {
	for _, kind := range s.engine.Kinds() {
		if err := s.rebuild(ctx, kind); err != nil {
			return err
		}
	}
	if err := s.tidy(ctx); err != nil {
		s.log.Warn("the search index is rebuilt, but not tidied up; a running server tries again", "error", err)
	}
	return nil
}

// errRebuilding: the other one must end first.
var errRebuilding = fmt.Errorf("the index is being rebuilt already: %w", ticketing.ErrTaskRunning)

func (s *Sync) rebuild(ctx context.Context, kind ticketing.SearchKind) (err error) {
	s.mu.Lock()
	busy := s.drafts[kind] != nil
	if !busy {
		s.drafts[kind], s.untidy[kind] = map[string]bool{}, true
	}
	s.mu.Unlock()
	if busy {
		return errRebuilding
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.drafts, kind)
	}()
	draft, err := s.engine.Rebuild(ctx, kind)
	if err != nil {
		return err
	}
	if err := s.fill(ctx, draft, kind); err != nil {
		return errors.Join(fmt.Errorf("rebuilding the index of %ss: %w", kind, err), draft.Discard(context.WithoutCancel(ctx)))
	}
	return nil
}

// fill copies the source into the draft, then what has changed since it was copied, and swaps it in before more can.
func (s *Sync) fill(ctx context.Context, draft Draft, kind ticketing.SearchKind) error {
	for after := ""; ; {
		docs, err := s.source.SearchDocumentsAfter(ctx, kind, after, Batch)
		if err != nil {
			return err
		}
		if len(docs) == 0 {
			break
		}
		if err := draft.Put(ctx, docs); err != nil {
			return err
		}
		after = docs[len(docs)-1].ID
	}
	for {
		s.mu.Lock()
		changed := slices.Collect(maps.Keys(s.drafts[kind]))
		if len(changed) <= Batch { // so few that whoever changes more may wait for the swap
			defer s.mu.Unlock()
			if _, err := s.put(ctx, draft, kind, changed); err != nil {
				return err
			}
			s.onSale = nil
			if err := draft.Swap(ctx); err != nil {
				return err
			}
			return s.mark(ctx, kind, draft.Name())
		}
		s.drafts[kind] = map[string]bool{}
		s.mu.Unlock()
		for part := range slices.Chunk(changed, Batch) {
			if _, err := s.put(ctx, draft, kind, part); err != nil {
				return err
			}
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/broadcast"
	"ticketblue/search"
	"ticketblue/ticketing"
)

// moody is an engine that now and then fails: before it has done what it was told, or after.
type moody struct {
	search.Engine
	mu     sync.Mutex
	chance *rand.Rand
	often  float64 // 0: never
}

var errMood = errors.New("not today")

func (m *moody) fails() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.chance.Float64() < m.often
}

func (m *moody) calm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.often = 0
}

func (m *moody) Put(ctx context.Context, docs []ticketing.SearchDocument) error {
	if m.fails() {
		return errMood
	}
	err := m.Engine.Put(ctx, docs)
	if m.fails() {
		return errMood
	}
	return err
}

func (m *moody) Delete(ctx context.Context, kind ticketing.SearchKind, ids []string) error {
	if m.fails() {
		return errMood
	}
	return m.Engine.Delete(ctx, kind, ids)
}

// gallery is a museum with an index that follows it.
type gallery struct {
	*museum
	carrier *broadcast.Broadcaster
	engine  *moody
	sync    *search.Sync
	where   searchFlags
	stop    func() // the followers die, and rebuilds with them
	rebuild func() // begins to, beside the rest

	rebuilding sync.WaitGroup
}

func openGallery(t *testing.T, seed uint64, where searchFlags) *gallery {
	t.Helper()
	l := &gallery{museum: openMuseum(t), where: where}
	carrier, err := broadcast.Start(t.Context(), broadcast.Options{Dir: t.TempDir(), Rewind: l.store.RewindRelayed})
	if err != nil {
		t.Fatal(err)
	}
	l.carrier = carrier
	relay := broadcast.NewRelay(broadcast.RelayConfig{Broadcaster: carrier, Journal: l.store})
	l.told = relay.Hint
	engine, closeEngine, err := where.open(t.Context(), l.store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l.engine = &moody{Engine: engine, chance: rand.New(rand.NewPCG(seed, 1))}
	ctx, stop := context.WithCancel(context.Background())
	relayed := make(chan struct{})
	go func() { defer close(relayed); relay.Run(ctx) }()
	l.follow()
	t.Cleanup(func() {
		l.stop()
		stop()
		<-relayed
		closing, cancel := context.WithTimeout(context.Background(), answerLimit)
		defer cancel()
		if err := carrier.Close(closing); err != nil {
			t.Error(err)
		}
		closeEngine()
	})
	return l
}

// follow starts a follower as a new process would have it.
func (l *gallery) follow() {
	l.sync = search.NewSync(l.engine, l.store, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	hint := l.sync.Hint
	l.moved.Store(&hint)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { l.sync.Run(ctx) })
	all.Go(func() { _ = l.carrier.Follow(ctx, indexer(l.store, l.sync)) })
	if l.where.Reservations {
		all.Go(func() { _ = l.carrier.Follow(ctx, salesIndexer(l.store, l.sync)) })
	}
	l.rebuild = func() {
		l.rebuilding.Add(1)
		all.Go(func() { defer l.rebuilding.Done(); _ = l.sync.Rebuild(ctx) }) // the engine's mood may end it
	}
	l.stop = func() { cancel(); all.Wait() }
}

// phasesMoved tells who wants to know.
func (m *museum) phasesMoved() {
	if moved := m.moved.Load(); moved != nil {
		(*moved)()
	}
}

// difference is the first thing that the index and the database do not agree on; "" when they do.
func (l *gallery) difference() string {
	l.t.Helper()
	for _, kind := range l.engine.Kinds() {
		truth, err := l.store.SearchDocumentsAfter(l.t.Context(), kind, "", 10_000)
		if err != nil {
			l.t.Fatal(err)
		}
		index := map[string]ticketing.SearchDocument{}
		if err := l.engine.Each(l.t.Context(), kind, func(d ticketing.SearchDocument) bool { index[d.ID] = d; return true }); err != nil {
			l.t.Fatal(err)
		}
		for _, d := range truth {
			if !reflect.DeepEqual(index[d.ID], d) {
				return fmt.Sprintf("%s %s is %+v, the index has %+v", kind, d.ID, d, index[d.ID])
			}
			delete(index, d.ID)
		}
		for id, d := range index {
			return fmt.Sprintf("%s %s is not there, the index has %+v", kind, id, d)
		}
	}
	return ""
}

func (l *gallery) agrees() {
	l.t.Helper()
	again, limit := time.NewTicker(5*time.Millisecond), time.After(endLimit)
	defer again.Stop()
	for l.difference() != "" {
		select {
		case <-again.C:
		case <-limit:
			l.t.Fatalf("after %s: %s", endLimit, l.difference())
		}
	}
}

// TestIndexIsTheCatalogue: after any edits, sales, failures of the engine, deaths of the follower and rebuilds in between, the
// index has what the database has, and nothing else.
func TestIndexIsTheCatalogue(t *testing.T) {
	all := fakeTypesense(t)
	all.Reservations = true
	for seed, where := range []searchFlags{{}, {}, {}, fakeTypesense(t), all} {
		seed := uint64(seed)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := openGallery(t, seed, where)
			for i, name := range []string{"김하늘", "이바다"} {
				if _, err := l.store.CreateUser(t.Context(), ticketing.User{Email: fmt.Sprintf("c%d@example.com", i), Name: name, Role: ticketing.Customer, CreatedAt: l.now()}); err != nil {
					t.Fatal(err)
				}
			}
			l.engine.often = 0.15
			chance := rand.New(rand.NewPCG(seed, 2))
			c := &changes{gallery: l, chance: chance}
			c.halls = append(c.halls, l.hall("처음 홀"))
			for range 60 {
				switch chance.IntN(12) {
				case 0:
					l.stop()
					c.change()
					l.follow()
				case 1:
					if chance.IntN(2) == 0 {
						l.rebuild()
					}
				default:
					c.change()
				}
				if where.Reservations {
					c.sell()
				}
			}
			l.engine.calm()
			l.rebuilding.Wait()
			c.projected()
			for _, show := range c.shows {
				c.reindexed(ticketing.ReservationChoice{Performance: show})
			}
			l.agrees() // what a dead follower has not acknowledged comes again after 30 seconds
			if where.Reservations {
				l.conformReservations()
				l.clearedAway()
			}
		})
	}
}

// changes are edits at random, of what is there.
type changes struct {
	*gallery
	chance                           *rand.Rand
	halls, shows, rounds, performers []int64
	hours                            int
	last                             map[ticketing.Stream]uint64 // event of what was sold
}

func (c *changes) pick(from []int64) (id int64, ok bool) {
	if len(from) == 0 {
		return 0, false
	}
	return from[c.chance.IntN(len(from))], true
}

// change makes one; refusals are fine, for what a refusal leaves must be in the index as well.
func (c *changes) change() {
	ctx, name := c.t.Context(), fmt.Sprintf("이름 %d", c.chance.IntN(1000))
	hall, _ := c.pick(c.halls)
	show, anyShow := c.pick(c.shows)
	who, anybody := c.pick(c.performers)
	round, anyRound := c.pick(c.rounds)
	switch n := c.chance.IntN(14); {
	case n == 0:
		c.halls = append(c.halls, c.hall(name))
	case n == 1:
		c.tried(c.store.UpdateHall(ctx, ticketing.Hall{ID: hall, Name: name, Address: "주소"}, nil))
	case n == 2 || !anybody:
		p, err := c.store.CreatePerformer(ctx, ticketing.Performer{Name: name})
		c.tried(p, err)
		c.performers = append(c.performers, p.ID)
	case n == 3:
		c.tried(c.store.UpdatePerformer(ctx, ticketing.Performer{ID: who, Name: name}))
	case n == 4 || !anyShow:
		c.shows = append(c.shows, c.performance(name, hall))
	case n == 5:
		c.tried(nil, c.store.LinkPerformer(ctx, show, who))
	case n == 6:
		c.tried(nil, c.store.UnlinkPerformer(ctx, show, who))
	case n == 7:
		c.tried(nil, c.store.DeletePerformance(ctx, show, ticketing.AnyVersion, func([]ticketing.RoundInfo) error { return nil }))
	case n == 8:
		c.tried(nil, c.store.DeletePerformer(ctx, who, ticketing.AnyVersion))
	case n == 9:
		p, err := c.store.Performance(ctx, show)
		if err == nil {
			p.Title, p.Version = name, ticketing.AnyVersion
			_, err = c.store.UpdatePerformance(ctx, p, func(ticketing.RoundInfo) error { return nil })
		}
		c.tried(nil, err)
	case n <= 11 || !anyRound:
		c.hours += 5
		if a, err := ask("POST", fmt.Sprintf("%s/v1/admin/performances/%d/rounds", c.url, show), c.token(curator), c.times(c.hours, time.Minute)); err != nil {
			c.t.Fatal(err)
		} else if id, planned := a.body["id"].(float64); planned {
			c.rounds = append(c.rounds, int64(id))
		}
	case n == 12:
		c.actors.Do(ctx, ticketing.RoundStream(ticketing.RoundID(round)), ticketing.OpenSale{})
	default:
		c.actors.Do(ctx, ticketing.RoundStream(ticketing.RoundID(round)), ticketing.PauseSale{})
	}
}

// tried wants no other failure than that the thing is gone, or something rests on it, or somebody else has it for too long.
func (c *changes) tried(_ any, err error) {
	c.t.Helper()
	var no *ticketing.Refusal
	var invalid *ticketing.Invalid
	if err != nil && !errors.Is(err, ticketing.ErrNotFound) && !errors.As(err, &no) && !errors.As(err, &invalid) && !errors.Is(err, context.DeadlineExceeded) {
		c.t.Fatal(err)
	}
}

// What is edited, opened and closed is found, also while the index is being made anew. How soon is measured by bench search.
func TestIndexFollowsAtOnce(t *testing.T) {
	l := openGallery(t, 0, searchFlags{})
	show := l.performance("처음 공연", l.hall("어느 홀"))
	l.agrees()
	if _, err := l.store.UpdateHall(t.Context(), ticketing.Hall{ID: 1, Name: "다른 홀"}, nil); err != nil {
		t.Fatal(err)
	}
	l.agrees()
	round := l.round(show, 48)
	l.do(round, ticketing.OpenSale{})
	l.agrees()
	results, err := search.NewFinder(l.engine).Search(t.Context(), []ticketing.SearchQuery{{
		Kind: ticketing.FindPerformances, Text: "다른홀", Limit: 1, Filter: ticketing.SearchFilter{OnSale: ticketing.Yes},
	}})
	if err != nil || results[0].Count != 1 || !strings.Contains(fmt.Sprint(results[0].Hits[0].Marks["hall"]), "다른 홀") {
		t.Errorf("found %+v, %v", results, err)
	}
	l.do(round, ticketing.PauseSale{})
	if err := l.sync.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.agrees()
}

// TestEditsOvertake: what is edited here is found before the follower tells of it, which here never does.
func TestEditsOvertake(t *testing.T) {
	l := openGallery(t, 0, searchFlags{})
	l.agrees()
	l.stop()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.sync.RunEdited(ctx) })
	defer func() { stop(); running.Wait() }()
	l.told = l.sync.Edited
	show := l.performance("처음 공연", l.hall("어느 홀"))
	l.agrees()
	if _, err := l.store.UpdateHall(t.Context(), ticketing.Hall{ID: 1, Name: "다른 홀"}, nil); err != nil {
		t.Fatal(err)
	}
	l.agrees()
	if docs, err := l.store.SearchDocuments(t.Context(), ticketing.FindPerformances, []string{fmt.Sprint(show)}); err != nil || docs[0].Hall.Name != "다른 홀" {
		t.Errorf("%+v, %v", docs, err)
	}
}

// TestIndexAfterKills: the program is killed (-9) in the middle of edits, with each engine and with rebuilds under way.
// Whatever was acknowledged is in the index after the next start, whatever was not is not half there: verify says so.
func TestIndexAfterKills(t *testing.T) {
	all := fakeTypesense(t)
	all.Reservations = true
	for name, where := range map[string]searchFlags{"postgres": {}, "typesense": fakeTypesense(t), "reservations": all} {
		t.Run(name, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(7, uint64(len(name))))
			data, args := filepath.Join(t.TempDir(), "data"), []string{"--demo"}
			if where.TypesenseURL != "" {
				args = append(args, "--typesense-url", where.TypesenseURL)
			}
			kinds := len(ticketing.PublicKinds)
			if where.Reservations {
				args, kinds = append(args, "--search-reservations"), kinds+1
			}
			made := map[string]bool{} // what was acknowledged
			crowd := &nightGuests{sold: map[string]bool{}}
			for life := range 3 {
				s := startServer(t, data, args...)
				if life > 0 {
					s.indexed(kinds, made)
				}
				if life > 0 && where.Reservations {
					crowd.found(t, s)
				}
				if life == 2 {
					s.stop()
					break
				}
				token, dead := logIn(t, s), make(chan struct{})
				var editors sync.WaitGroup
				var mu sync.Mutex
				for who := range 3 {
					editors.Go(func() {
						for n := 0; ; n++ {
							performer := fmt.Sprintf("꿈%d%d%04d", life, who, n)
							a, err := ask("POST", s.url+"/v1/admin/performers", token, map[string]string{"name": performer})
							select {
							case <-dead:
								return
							default:
							}
							if err == nil && a.status == 201 {
								mu.Lock()
								made[performer] = true
								mu.Unlock()
							}
						}
					})
				}
				if where.Reservations {
					crowd.visit(t, s, life, dead, &editors)
				}
				editors.Go(func() { _ = postOps(t.Context(), s.ops+"/rebuild/search", new(string)) }) // which the kill may end
				enough := time.NewTicker(time.Millisecond)
				for want, n := 20*life+5+chance.IntN(15), 0; n < want; {
					<-enough.C
					mu.Lock()
					n = len(made)
					mu.Unlock()
					if where.Reservations {
						n = min(n, crowd.bought())
					}
				}
				enough.Stop()
				close(dead)
				s.kill()
				editors.Wait()
			}
		})
	}
}

// indexed wants the index to be the database's, with all that was acknowledged in it.
func (s *server) indexed(kinds int, made map[string]bool) {
	s.t.Helper()
	report := s.verify()
	for limit := time.Now().Add(endLimit); report.OK && len(report.Notes) > 0 && time.Now().Before(limit); { // on its way
		report = s.verify()
	}
	if !report.OK || len(report.Index) != kinds || len(report.Notes) > 0 {
		s.t.Errorf("after a kill: %v %v %+v", report.Problems, report.Notes, report.Index)
	}
	for name := range made {
		a := mustAsk(s.t, 200, "GET", s.url+"/v1/search?kind=performer&q="+url.QueryEscape(name), "", nil)
		// Not the count: Typesense's is of what has the pieces of a long word.
		items := a.body["performers"].(map[string]any)["items"].([]any)
		same := func(item any) bool { return item.(map[string]any)["name"] == name }
		if !slices.ContainsFunc(items, same) {
			s.t.Errorf("%s is not found: %v", name, a.body)
		}
	}
}

// TestVerifySeesTheIndex: a document that is not what the database has is told, with what to do.
func TestVerifySeesTheIndex(t *testing.T) {
	l := openGallery(t, 0, searchFlags{})
	l.performance("처음 공연", l.hall("어느 홀"))
	l.agrees()
	l.stop() // nobody repairs what follows
	report := &verifyReport{OK: true}
	if err := report.index(t.Context(), l.engine, l.store, 0); err != nil || !report.OK || len(report.Notes) > 0 || report.Index[0].Documents != 1 {
		t.Errorf("a whole index: %+v, %v", report, err)
	}
	if err := l.engine.Put(t.Context(), []ticketing.SearchDocument{
		{Kind: ticketing.FindPerformances, ID: "1", Name: "falsch"}, {Kind: ticketing.FindHalls, ID: "99", Name: "zu viel"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := l.engine.Delete(t.Context(), ticketing.FindHalls, []string{"1"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		live bool
		said func(*verifyReport) []string
	}{{false, func(r *verifyReport) []string { return r.Notes }}, {true, func(r *verifyReport) []string { return r.Problems }}} {
		report := &verifyReport{OK: true, Live: c.live}
		err := report.index(t.Context(), l.engine, l.store, 0)
		said := strings.Join(c.said(report), "\n")
		if err != nil || report.OK == c.live || !strings.Contains(said, "performances: 0 missing, 1 outdated, 0 that are no more, such as 1;") ||
			!strings.Contains(said, "halls: 1 missing, 0 outdated, 1 that are no more, such as 1, 99;") || !strings.Contains(said, "rebuild --search") {
			t.Errorf("live %t: ok %t, %s, %v", c.live, report.OK, said, err)
		}
	}
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"ticketblue/persistence"
	"ticketblue/ticketing"
)

// catalogueSize counts the rows of a catalogue. Links are performers in performances.
type catalogueSize struct{ halls, performers, performances, links, rounds int }

// fullCatalogue has a hundred thousand rows.
var fullCatalogue = catalogueSize{halls: 500, performers: 19_500, performances: 25_000, links: 25_000, rounds: 30_000}

func (c catalogueSize) rows() int {
	return c.halls + c.performers + c.performances + c.links + c.rounds
}

const (
	seedBatch    = 1000 // rows in memory
	seedPlans    = 24   // layouts that the halls share
	firstShowing = -7   // days from today; a hall has a showing every three or four
	soldFor      = 14   // days before a showing in which its seats are sold
)

// invention makes up a catalogue, the same one for the same seed on the same day, and puts it into the database.
type invention struct {
	seed   uint64
	chance *rand.Rand
	now    time.Time
	size   catalogueSize
	bulk   *persistence.Bulk
	shown  *progress

	plans      []*ticketing.Plan
	halls      []ticketing.Hall
	planOf     []*ticketing.Plan // of each hall
	showings   []int             // planned so far in each hall
	performers []int64
}

// seedCatalogue adds a catalogue of halls of its own, all of it or nothing. It refuses when the same one is there.
func seedCatalogue(ctx context.Context, s *store, size catalogueSize, seed uint64, shown *progress) error {
	there, err := seeded(ctx, s, seed)
	if err != nil {
		return err
	}
	if there {
		return fmt.Errorf("the catalogue of --seed %d is here already; another number makes another one", seed)
	}
	return s.InBulk(ctx, func(b *persistence.Bulk) error {
		i := &invention{seed: seed, chance: rand.New(rand.NewPCG(seed, 0)), now: time.Now(), size: size, bulk: b, shown: shown}
		for _, step := range []func(context.Context) error{i.addHalls, i.addPerformers, i.addShows} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// seeded looks for a hall of this seed.
func seeded(ctx context.Context, s *store, seed uint64) (bool, error) {
	for after := int64(0); ; {
		page, err := s.Halls(ctx, after, persistence.MaxPage)
		if err != nil || len(page) == 0 {
			return false, err
		}
		for _, h := range page {
			if strings.HasSuffix(h.Address, seedMark(seed)) {
				return true, nil
			}
			after = h.ID
		}
	}
}

func (i *invention) addHalls(ctx context.Context) error {
	for n := range seedPlans {
		plan, err := seedPlan(100 + 200*n)
		if err != nil {
			return err
		}
		if err := i.bulk.Plan(ctx, plan); err != nil {
			return err
		}
		i.plans = append(i.plans, plan)
	}
	i.halls = make([]ticketing.Hall, i.size.halls)
	i.showings = make([]int, i.size.halls)
	for n := range i.halls {
		plan := i.plans[i.chance.IntN(len(i.plans))]
		i.halls[n] = ticketing.Hall{Name: hallName(i.chance), Address: hallAddress(i.chance, i.seed), PlanHash: plan.Hash()}
		i.planOf = append(i.planOf, plan)
		if err := i.halls[n].Validate(); err != nil {
			return err
		}
	}
	i.shown.add(len(i.halls))
	return i.bulk.Halls(ctx, i.halls)
}

// seedPlan has rows of twenty seats, ten to a section, the best in front.
func seedPlan(seats int) (*ticketing.Plan, error) {
	const rowSeats, sectionRows = 20, 10
	grades := demoGrades[:min(len(demoGrades), 1+seats/300)]
	rows := (seats + rowSeats - 1) / rowSeats
	layout := make([]ticketing.Seat, seats)
	for n := range layout {
		row, number := n/rowSeats, n%rowSeats
		layout[n] = ticketing.Seat{
			Section: string(rune('A' + row/sectionRows)), Row: strconv.Itoa(row%sectionRows + 1), Number: number + 1,
			Grade: row * len(grades) / rows, X: number * 55, Y: 300 + row*90,
		}
	}
	return ticketing.NewPlan(grades, layout)
}

func (i *invention) addPerformers(ctx context.Context) error {
	today := dayFrom(i.now, 0)
	for made := 0; made < i.size.performers; {
		batch := make([]ticketing.Performer, min(seedBatch, i.size.performers-made))
		for n := range batch {
			name, nation := personName(i.chance)
			born := time.Date(1950+i.chance.IntN(55), time.January, 1+i.chance.IntN(365), 0, 0, 0, 0, time.UTC)
			batch[n] = ticketing.Performer{Name: name, Nation: nation, Birth: ticketing.Day(born.Format(time.DateOnly))}
			if err := batch[n].Validate(today); err != nil {
				return err
			}
		}
		if err := i.bulk.Performers(ctx, batch); err != nil {
			return err
		}
		for _, p := range batch {
			i.performers = append(i.performers, p.ID)
		}
		made += len(batch)
		i.shown.add(len(batch))
	}
	return nil
}

// invented is a performance with what belongs to it.
type invented struct {
	hall     int // index
	showings []int
}

// addShows goes from hall to hall, and in each from one free day to the next, so that no two showings meet.
func (i *invention) addShows(ctx context.Context) error {
	for made := 0; made < i.size.performances; {
		n := min(seedBatch, i.size.performances-made)
		shows, of := make([]ticketing.Performance, n), make([]invented, n)
		for k := range shows {
			of[k].hall = (made + k) % len(i.halls)
			for range share(i.size.rounds, made+k, i.size.performances) {
				of[k].showings = append(of[k].showings, i.showings[of[k].hall])
				i.showings[of[k].hall]++
			}
			shows[k] = i.show(of[k])
			if err := cmp.Or(shows[k].Validate(), shows[k].CheckPrices(i.planOf[of[k].hall].Grades)); err != nil {
				return err
			}
		}
		if err := i.bulk.Performances(ctx, shows); err != nil {
			return err
		}
		if err := i.addLinks(ctx, shows, made); err != nil {
			return err
		}
		if err := i.addRounds(ctx, shows, of); err != nil {
			return err
		}
		made += n
		i.shown.add(n)
	}
	return nil
}

// share is how many of total things the one of this index gets, when so many share them.
func share(total, index, among int) int {
	n := total / among
	if index < total%among {
		n++
	}
	return n
}

func (i *invention) show(of invented) ticketing.Performance {
	category := pick(i.chance, ticketing.Categories)
	first, last := 0, 0
	if n := len(of.showings); n > 0 {
		first, last = min(0, showingDay(of.showings[0])), max(0, showingDay(of.showings[n-1]))
	}
	p := ticketing.Performance{
		Title: showTitle(i.chance, category), Category: category, HallID: i.halls[of.hall].ID, DurationMinutes: 60 + 10*i.chance.IntN(13),
		Prices: map[string]ticketing.KRW{}, From: dayFrom(i.now, first), To: dayFrom(i.now, last+i.chance.IntN(30)),
		Description: showTitle(i.chance, category) + ".",
	}
	price := ticketing.KRW(10_000 * (2 + i.chance.IntN(4)))
	grades := i.planOf[of.hall].Grades
	for n := range grades { // the last is the cheapest
		p.Prices[grades[len(grades)-1-n]] = price + ticketing.KRW(n)*22_000
	}
	return p
}

// showingDay is the day of a hall's nth showing, counted from today: one every three or four days.
func showingDay(n int) int { return firstShowing + n*7/2 }

// addLinks gives each performance performers, none twice.
func (i *invention) addLinks(ctx context.Context, shows []ticketing.Performance, before int) error {
	var links [][2]int64
	for k, p := range shows {
		first := i.chance.IntN(len(i.performers))
		for n := range min(share(i.size.links, before+k, i.size.performances), len(i.performers)) {
			links = append(links, [2]int64{p.ID, i.performers[(first+n)%len(i.performers)]})
		}
	}
	i.shown.add(len(links))
	return i.bulk.Links(ctx, links)
}

func (i *invention) addRounds(ctx context.Context, shows []ticketing.Performance, of []invented) error {
	var rounds []ticketing.RoundInfo
	for k, p := range shows {
		plan := i.planOf[of[k].hall]
		prices := make([]ticketing.KRW, len(plan.Grades))
		for n, grade := range plan.Grades {
			prices[n] = p.Prices[grade]
		}
		for _, showing := range of[k].showings {
			day := showingDay(showing)
			terms := termsFor(evening(i.now, day-soldFor), evening(i.now, day).Add(-time.Hour), evening(i.now, day), prices)
			r := ticketing.RoundInfo{PerformanceID: p.ID, PlanHash: plan.Hash(), StartsAt: terms.StartsAt, Terms: terms}
			if err := cmp.Or(terms.Validate(plan), within(p, r)); err != nil {
				return err
			}
			rounds = append(rounds, r)
		}
	}
	i.shown.add(len(rounds))
	return i.bulk.Rounds(ctx, rounds, plannedRound)
}

// within wants the round on one of the performance's days.
func within(p ticketing.Performance, r ticketing.RoundInfo) error {
	if day := ticketing.DayOf(r.StartsAt); day < p.From || day > p.To {
		return fmt.Errorf("a round on %s of a performance from %s to %s", day, p.From, p.To)
	}
	return nil
}

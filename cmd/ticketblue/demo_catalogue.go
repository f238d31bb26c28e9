package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ticketblue/api"
	"ticketblue/api/pictures"
	"ticketblue/persistence"
	"ticketblue/ticketing"
)

// demoShow is a performance of the demo with its rounds.
type demoShow struct {
	title, category string
	arena           bool // else in the smaller hall
	minutes         int
	prices          [4]ticketing.KRW // of VIP, R, S, A
	performers      []int            // of demoPerformers
	rounds          []demoRound
	about           string
	reviews         []demoReview // by guests of its first round, which is past
}

// demoRound is on sale from some day until the day before it; days are counted from today, and negative ones are past.
type demoRound struct{ opens, starts int }

// past: to a showing that is past people were invited, and paid nothing.
func (r demoRound) past() bool { return r.starts < 0 }

// The first round of the first show is the one to try things with: it is on sale at once, for demoOpenFor.
var demoShows = []demoShow{
	{title: "레미제라블", category: "musical", arena: true, minutes: 170, prices: [4]ticketing.KRW{170_000, 140_000, 110_000, 80_000},
		performers: []int{0, 1}, rounds: []demoRound{{0, 31}}, about: "장발장의 긴 밤. 네 등급, 이만 석."},
	{title: "한강의 밤", category: "concert", minutes: 120, prices: [4]ticketing.KRW{132_000, 110_000, 99_000, 77_000},
		performers: []int{2, 3}, rounds: []demoRound{{0, 20}, {0, 21}}, about: "강바람과 현악 사중주."},
	{title: "Midnight Sonata", category: "concert", minutes: 100, prices: [4]ticketing.KRW{150_000, 120_000, 90_000, 60_000},
		performers: []int{4}, rounds: []demoRound{{7, 40}, {7, 41}}, about: "Three sonatas, one piano, no light but the keys."},
	{title: "서울 호랑이 대 부산 갈매기", category: "sports", minutes: 180, prices: [4]ticketing.KRW{60_000, 45_000, 30_000, 15_000},
		rounds: []demoRound{{-20, -6}, {-13, 1}, {1, 15}}, about: "한국시리즈 1, 2, 3차전.", reviews: demoGameReviews},
	{title: "어린 왕자", category: "musical", minutes: 90, prices: [4]ticketing.KRW{90_000, 70_000, 50_000, 40_000},
		performers: []int{0, 5}, rounds: []demoRound{{-30, -3}, {-10, 4}, {3, 18}}, about: "여섯 살부터. 별 하나에 노래 하나.", reviews: demoPlayReviews},
	{title: "The Lighthouse Keepers", category: "musical", arena: true, minutes: 140, prices: [4]ticketing.KRW{160_000, 130_000, 100_000, 70_000},
		performers: []int{1, 5}, rounds: []demoRound{{14, 60}}, about: "Two keepers, one lamp, a winter of storms."},
}

var demoPerformers = []ticketing.Performer{
	{Name: "조승연", Birth: "1980-03-28", Nation: "대한민국"}, {Name: "박은결", Birth: "1987-11-02", Nation: "대한민국"},
	{Name: "이한음", Birth: "1992-06-15", Nation: "대한민국"}, {Name: "Quartet Namsan", Nation: "대한민국"},
	{Name: "Clara Whitfield", Birth: "1979-01-09", Nation: "United Kingdom"}, {Name: "최하람", Birth: "2001-08-21", Nation: "대한민국"},
}

var demoGrades = []string{"VIP", "R", "S", "A"}

// demoTail is how long after their last round the shows stay in lists; the first ends first, and so is first there.
const demoTail = 10

// catalogue makes everything but the posters, all of it or nothing.
// customer's e-mail is that of the guest who has not written a review yet.
func (d demo) catalogue(ctx context.Context, customer string) error {
	hallPlan, err := demoPlan(13_000)
	if err != nil {
		return err
	}
	arenaPlan, err := demoPlan(20_007)
	if err != nil {
		return err
	}
	guests, err := d.guests(ctx, customer)
	if err != nil {
		return err
	}
	return d.store.InBulk(ctx, func(b *persistence.Bulk) error {
		for _, plan := range []*ticketing.Plan{hallPlan, arenaPlan} {
			if err := b.Plan(ctx, plan); err != nil {
				return err
			}
		}
		halls := []ticketing.Hall{
			{Name: "Blue Hall", Address: "서울특별시 중구 세종대로 110", PlanHash: hallPlan.Hash()},
			{Name: "Blue Arena", Address: "서울특별시 송파구 올림픽로 25", PlanHash: arenaPlan.Hash()},
		}
		if err := b.Halls(ctx, halls); err != nil {
			return err
		}
		performers := append([]ticketing.Performer(nil), demoPerformers...)
		if err := b.Performers(ctx, performers); err != nil {
			return err
		}
		rounds, err := demoOffers(ctx, b, halls, performers, time.Now())
		if err != nil {
			return err
		}
		plans := map[ticketing.Hash]*ticketing.Plan{hallPlan.Hash(): hallPlan, arenaPlan.Hash(): arenaPlan}
		return demoHistory(ctx, b, rounds, plans, guests)
	})
}

// demoOffers makes the shows and their rounds.
func demoOffers(ctx context.Context, b *persistence.Bulk, halls []ticketing.Hall, performers []ticketing.Performer, now time.Time) ([]ticketing.RoundInfo, error) {
	shows := make([]ticketing.Performance, len(demoShows))
	for i, s := range demoShows {
		first, last := s.rounds[0].starts, s.rounds[len(s.rounds)-1].starts
		shows[i] = ticketing.Performance{
			Title: s.title, Category: s.category, HallID: s.hall(halls).ID, DurationMinutes: s.minutes, Description: s.about,
			Prices: map[string]ticketing.KRW{}, From: dayFrom(now, min(first, 0)), To: dayFrom(now, max(last, demoShows[0].rounds[0].starts)+min(i, 1)*demoTail),
		}
		for g, grade := range demoGrades {
			shows[i].Prices[grade] = s.prices[g]
		}
	}
	if err := b.Performances(ctx, shows); err != nil {
		return nil, err
	}
	var links [][2]int64
	var rounds []ticketing.RoundInfo
	for i, s := range demoShows {
		for _, p := range s.performers {
			links = append(links, [2]int64{shows[i].ID, performers[p].ID})
		}
		for _, r := range s.rounds {
			opens, closes, starts := r.at(now)
			terms := termsFor(opens, closes, starts, s.prices[:])
			if r.past() {
				terms.Prices = make([]ticketing.KRW, len(s.prices))
			}
			rounds = append(rounds, ticketing.RoundInfo{PerformanceID: shows[i].ID, PlanHash: s.hall(halls).PlanHash, StartsAt: terms.StartsAt, Terms: terms})
		}
	}
	if err := b.Links(ctx, links); err != nil {
		return nil, err
	}
	return rounds, b.Rounds(ctx, rounds, demoPlanned)
}

func (s demoShow) hall(halls []ticketing.Hall) ticketing.Hall {
	if s.arena {
		return halls[1]
	}
	return halls[0]
}

// at are the round's times; a sale that opens today has opened just now.
func (r demoRound) at(now time.Time) (opens, closes, starts ticketing.Millis) {
	starts = evening(now, r.starts)
	opens = ticketing.MillisOf(now)
	if r.opens != 0 {
		opens = evening(now, r.opens)
	}
	return opens, evening(now, r.starts-1), starts
}

// termsFor are those of a round whose seats may be given back as long as it is sold.
func termsFor(opens, closes, starts ticketing.Millis, prices []ticketing.KRW) ticketing.Terms {
	return ticketing.Terms{
		Prices: prices, OpensAt: opens, ClosesAt: closes, StartsAt: starts,
		HoldMillis: ticketing.Millis(ticketing.DefaultHold.Milliseconds()), PayMillis: ticketing.Millis(ticketing.DefaultPay.Milliseconds()),
		MaxPerUser: ticketing.DefaultMaxPerUser, CancelUntil: closes, CancelFee: 10,
	}
}

// evening is half past seven in Seoul so many days after a moment's.
func evening(now time.Time, days int) ticketing.Millis {
	seoul := time.FixedZone("KST", 9*60*60)
	y, m, d := now.In(seoul).Date()
	return ticketing.MillisOf(time.Date(y, m, d+days, 19, 30, 0, 0, seoul))
}

func dayFrom(now time.Time, days int) ticketing.Day { return ticketing.DayOf(evening(now, days)) }

// demoPlan has sections of 20 rows with 50 seats, the best ones in front; the last section takes what is left.
func demoPlan(seats int) (*ticketing.Plan, error) {
	const rowSeats, sectionSeats, sectionsAbreast = 50, 1000, 4
	layout := make([]ticketing.Seat, seats)
	for i := range layout {
		section, inSection := i/sectionSeats, i%sectionSeats
		row, number := inSection/rowSeats, inSection%rowSeats
		layout[i] = ticketing.Seat{
			Section: string(rune('A' + section)), Row: strconv.Itoa(row + 1), Number: number + 1,
			Grade: min(section/4, 3),
			X:     (section%sectionsAbreast*(rowSeats+4) + number) * 55,
			Y:     800 + (section/sectionsAbreast*22+row)*95,
		}
	}
	return ticketing.NewPlan(demoGrades, layout)
}

func newUploads(s *store, b blobStore) api.Uploads {
	return api.Uploads{Posters: s, Blobs: b, Maker: pictures.NewMaker(), Clock: time.Now}
}

// posters draws one for each of the demo's shows that nobody has touched since it was made, as an upload: where a
// start was cut off, the next one goes on.
func (d demo) posters(ctx context.Context) error {
	fresh := map[string]int{}
	for i, s := range demoShows {
		fresh[s.title] = i
	}
	shows, err := d.store.Performances(ctx, ticketing.PerformanceFilter{}, ticketing.PerformanceCursor{}, len(demoShows))
	if err != nil {
		return err
	}
	for _, p := range shows {
		i, ours := fresh[p.Title]
		if !ours || p.Version != 1 || p.Poster != nil {
			continue
		}
		picture, err := drawPoster(uint64(i))
		if err != nil {
			return err
		}
		if _, err := d.uploads.Set(ctx, p.ID, picture); err != nil {
			return fmt.Errorf("giving performance %d a poster: %w", p.ID, err)
		}
	}
	return nil
}

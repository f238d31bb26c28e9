package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ticketblue/ticketing"
)

// The demo: two halls, one performance, one round on sale, one campaign of coupons, one admin. Made once; after that it is data like any
// other.

const (
	demoAdminEmail = "admin@ticketblue.test"
	demoOpenFor    = 30 * 24 * time.Hour
)

func (n *node) loadDemo(ctx context.Context, server serverFile) error {
	admin, err := n.demoAdmin(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("Demo\n  admin      %s  password %s\n", admin.Email, admin.Password)
	round, err := n.demoRound(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  round      %s/v1/rounds/%d\n", server.URL, round)
	campaign, err := n.demoCampaign(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  coupons    %s/v1/campaigns/%d\n", server.URL, campaign)
	return nil
}

// demoCampaign is the newest campaign; there is always one.
func (n *node) demoCampaign(ctx context.Context) (ticketing.CampaignID, error) {
	const stock, couponLife = 100, ticketing.Millis(30 * 24 * time.Hour / time.Millisecond)
	newest, err := n.store.Campaigns(ctx, true, 0, 1)
	if err != nil {
		return 0, err
	}
	if len(newest) > 0 {
		return newest[0].ID, nil
	}
	now := ticketing.MillisOf(time.Now())
	made, err := n.store.CreateCampaign(ctx, ticketing.CampaignInfo{Name: "선착순 100명 10% 할인", Terms: ticketing.CampaignTerms{
		Stock: stock, Claimable: true, OpensAt: now, ClosesAt: now.Add(demoOpenFor), LifeMillis: couponLife,
		Discount: ticketing.Discount{Kind: ticketing.RateOff, Value: 10, Cap: 30_000, Minimum: 50_000},
	}})
	return made.ID, err
}

// demoAdmin is an admin whose log-in works. It is kept beside the data so that the next start can show it again; when
// it does not work (a crash in between, another database), there is a new one.
func (n *node) demoAdmin(ctx context.Context) (admin login, err error) {
	path := filepath.Join(n.cmd.Store.Data, "demo-admin.json")
	if body, err := os.ReadFile(path); err == nil && json.Unmarshal(body, &admin) == nil {
		if works, err := n.works(ctx, admin); works || err != nil {
			return admin, err
		}
	}
	admin = login{demoAdminEmail, newPassword()}
	if _, err := n.store.UserByEmail(ctx, admin.Email); err == nil {
		admin.Email = "admin-" + strings.ToLower(rand.Text()[:8]) + "@ticketblue.test"
	}
	body, err := json.Marshal(admin)
	if err != nil {
		return admin, err
	}
	if err := writeWhole(path, append(body, '\n')); err != nil {
		return admin, err
	}
	return createAdmin(ctx, n.store, admin.Email, "Demo admin", admin.Password)
}

func (n *node) works(ctx context.Context, admin login) (bool, error) {
	user, err := n.store.UserByEmail(ctx, admin.Email)
	if errors.Is(err, ticketing.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return n.passwords.Check(ctx, admin.Password, user.PasswordHash)
}

// demoRound makes what is missing of the catalogue, and returns the newest round of its first performance.
func (n *node) demoRound(ctx context.Context) (ticketing.RoundID, error) {
	show, err := n.demoPerformance(ctx)
	if err != nil {
		return 0, err
	}
	rounds, err := n.store.RoundsOf(ctx, show.ID)
	if err != nil {
		return 0, err
	}
	if len(rounds) > 0 {
		return rounds[len(rounds)-1].ID, nil
	}
	return n.demoSale(ctx, show)
}

func (n *node) demoPerformance(ctx context.Context) (ticketing.Performance, error) {
	shows, err := n.store.Performances(ctx, ticketing.PerformanceFilter{}, ticketing.PerformanceCursor{}, 1)
	if err != nil || len(shows) > 0 {
		return first(shows), err
	}
	fmt.Println("Loading the demo: halls of 13,000 and 20,007 seats, a performance, an open round.")
	if _, err := n.demoHall(ctx, "Blue Hall", 13_000); err != nil {
		return ticketing.Performance{}, err
	}
	arena, err := n.demoHall(ctx, "Blue Arena", 20_007)
	if err != nil {
		return ticketing.Performance{}, err
	}
	return n.store.CreatePerformance(ctx, ticketing.Performance{
		Title: "레미제라블", Category: "musical", HallID: arena.ID, DurationMinutes: 170,
		Prices: map[string]ticketing.KRW{"VIP": 170_000, "R": 140_000, "S": 110_000, "A": 80_000},
	})
}

func first(shows []ticketing.Performance) (p ticketing.Performance) {
	if len(shows) > 0 {
		p = shows[0]
	}
	return p
}

// demoSale plans an open round of a performance.
func (n *node) demoSale(ctx context.Context, show ticketing.Performance) (ticketing.RoundID, error) {
	hall, err := n.store.Hall(ctx, show.HallID)
	if err != nil {
		return 0, err
	}
	plan, err := n.store.Plan(ctx, hall.PlanHash)
	if err != nil {
		return 0, err
	}
	now := ticketing.MillisOf(time.Now())
	terms := ticketing.Terms{
		OpensAt: now, ClosesAt: now.Add(demoOpenFor), StartsAt: evening(time.Now().Add(demoOpenFor + 24*time.Hour)),
		HoldMillis: ticketing.Millis(ticketing.DefaultHold.Milliseconds()), PayMillis: ticketing.Millis(ticketing.DefaultPay.Milliseconds()),
		MaxPerUser: ticketing.DefaultMaxPerUser, CancelUntil: now.Add(demoOpenFor), CancelFee: 10,
	}
	for _, grade := range plan.Grades {
		terms.Prices = append(terms.Prices, show.Prices[grade])
	}
	round, err := n.store.CreateRound(ctx, ticketing.RoundInfo{
		PerformanceID: show.ID, PlanHash: hall.PlanHash, StartsAt: terms.StartsAt, Terms: terms,
	})
	return round.ID, err
}

// evening is half past seven in Seoul on that day.
func evening(day time.Time) ticketing.Millis {
	seoul := time.FixedZone("KST", 9*60*60)
	y, m, d := day.In(seoul).Date()
	return ticketing.MillisOf(time.Date(y, m, d, 19, 30, 0, 0, seoul))
}

// demoHall has sections of 20 rows with 50 seats, the best ones in front; the last section takes what is left.
func (n *node) demoHall(ctx context.Context, name string, seats int) (ticketing.Hall, error) {
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
	plan, err := ticketing.NewPlan([]string{"VIP", "R", "S", "A"}, layout)
	if err != nil {
		return ticketing.Hall{}, err
	}
	return n.store.CreateHall(ctx, ticketing.Hall{Name: name}, plan)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ticketblue/ticketing"
)

// The demo: two halls, one performance, one round on sale, one admin. Made once; after that it is data like any
// other.

const (
	demoAdminEmail = "admin@ticketblue.test"
	demoSale       = 30 * 24 * time.Hour
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
	return nil
}

// demoAdmin makes the demo's admin, and keeps the log-in beside the data so that the next start can show it again.
func (n *node) demoAdmin(ctx context.Context) (admin login, err error) {
	path := filepath.Join(n.cmd.Store.Data, "demo-admin.json")
	if body, err := os.ReadFile(path); err == nil {
		return admin, json.Unmarshal(body, &admin)
	}
	admin = login{demoAdminEmail, newPassword()}
	body, err := json.Marshal(admin)
	if err != nil {
		return admin, err
	}
	// The file comes first: a crash in between must not leave an admin whose password nobody knows.
	if err := writeWhole(path, append(body, '\n')); err != nil {
		return admin, err
	}
	_, err = createAdmin(ctx, n.store, admin.Email, "Demo admin", admin.Password)
	return admin, err
}

// demoRound makes the catalogue if it is empty, and returns the newest round of its first performance.
func (n *node) demoRound(ctx context.Context) (ticketing.RoundID, error) {
	shows, err := n.store.Performances(ctx, 0, 1)
	if err != nil {
		return 0, err
	}
	if len(shows) > 0 {
		rounds, err := n.store.RoundsOf(ctx, shows[0].ID)
		if err != nil || len(rounds) == 0 {
			return 0, errors.Join(err, errors.New("the first performance has no round"))
		}
		return rounds[len(rounds)-1].ID, nil
	}
	fmt.Println("Loading the demo: halls of 13,000 and 20,007 seats, a performance, an open round.")
	if _, err := n.demoHall(ctx, "Blue Hall", 13_000); err != nil {
		return 0, err
	}
	arena, err := n.demoHall(ctx, "Blue Arena", 20_007)
	if err != nil {
		return 0, err
	}
	show, err := n.store.CreatePerformance(ctx, ticketing.Performance{
		Title: "레미제라블", Category: "musical", HallID: arena.ID, DurationMinutes: 170,
		Prices: map[string]ticketing.KRW{"VIP": 170_000, "R": 140_000, "S": 110_000, "A": 80_000},
	})
	if err != nil {
		return 0, err
	}
	now := ticketing.MillisOf(time.Now())
	round, err := n.store.CreateRound(ctx, ticketing.RoundInfo{
		PerformanceID: show.ID, PlanHash: arena.PlanHash, StartsAt: now.Add(demoSale + 24*time.Hour),
		Terms: ticketing.Terms{
			Prices: []ticketing.KRW{170_000, 140_000, 110_000, 80_000}, OpensAt: now, ClosesAt: now.Add(demoSale),
			StartsAt: now.Add(demoSale + 24*time.Hour), MaxPerUser: ticketing.DefaultMaxPerUser,
			HoldMillis: ticketing.Millis(ticketing.DefaultHold.Milliseconds()), PayMillis: ticketing.Millis(ticketing.DefaultPay.Milliseconds()),
			CancelUntil: now.Add(demoSale), CancelFee: 10,
		},
	})
	return round.ID, err
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
	return n.store.CreateHall(ctx, name, plan)
}

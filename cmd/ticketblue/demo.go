package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ticketblue/api"
	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

const (
	demoAdminEmail = "admin@ticketblue.test"
	demoOpenFor    = 30 * 24 * time.Hour
)

// demo is what a first look at the program needs: halls, performances with posters, rounds, a campaign of coupons, an
// admin. Made once; after that it is data like any other.
type demo struct {
	store     *store
	uploads   api.Uploads
	passwords *auth.Passwords
	data      string // directory where the admin's log-in is kept
}

func (n *node) loadDemo(ctx context.Context, server serverFile) error {
	d := demo{n.store, newUploads(n.store, n.blobs), n.passwords, n.cmd.Store.Data}
	loaded, err := d.load(ctx)
	if err == nil {
		loaded.print(server.URL)
	}
	return err
}

// loadedDemo is what to look at first.
type loadedDemo struct {
	admin    login
	round    ticketing.RoundID
	campaign ticketing.CampaignID
}

func (l loadedDemo) print(url string) {
	fmt.Printf("Demo\n  admin      %s  password %s\n  round      %s/v1/rounds/%d\n  coupons    %s/v1/campaigns/%d\n",
		l.admin.Email, l.admin.Password, url, l.round, url, l.campaign)
}

// load makes what is missing.
func (d demo) load(ctx context.Context) (l loadedDemo, err error) {
	if l.admin, err = d.admin(ctx); err != nil {
		return l, err
	}
	if _, err := d.newest(ctx); errors.Is(err, ticketing.ErrNotFound) {
		fmt.Println("Loading the demo: halls of 13,000 and 20,007 seats, performances with posters, rounds on sale and coming.")
		err = d.catalogue(ctx)
		if err != nil {
			return l, err
		}
	}
	if err := d.posters(ctx); err != nil {
		return l, err
	}
	if l.round, err = d.newest(ctx); err != nil && !errors.Is(err, ticketing.ErrNotFound) {
		return l, err
	}
	l.campaign, err = d.campaign(ctx)
	return l, err
}

// newest is the first round of the performance that ends first; ticketing.ErrNotFound while there is no performance.
func (d demo) newest(ctx context.Context) (ticketing.RoundID, error) {
	shows, err := d.store.Performances(ctx, ticketing.PerformanceFilter{}, ticketing.PerformanceCursor{}, 1)
	if err == nil && len(shows) == 0 {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	rounds, err := d.store.RoundsOf(ctx, shows[0].ID)
	if err != nil || len(rounds) == 0 {
		return 0, err
	}
	return rounds[0].ID, nil
}

// campaign is the newest campaign; there is always one.
func (d demo) campaign(ctx context.Context) (ticketing.CampaignID, error) {
	const stock, couponLife = 100, ticketing.Millis(30 * 24 * time.Hour / time.Millisecond)
	newest, err := d.store.Campaigns(ctx, true, 0, 1)
	if err != nil {
		return 0, err
	}
	if len(newest) > 0 {
		return newest[0].ID, nil
	}
	now := ticketing.MillisOf(time.Now())
	made, err := d.store.CreateCampaign(ctx, ticketing.CampaignInfo{Name: "선착순 100명 10% 할인", Terms: ticketing.CampaignTerms{
		Stock: stock, Claimable: true, OpensAt: now, ClosesAt: now.Add(demoOpenFor), LifeMillis: couponLife,
		Discount: ticketing.Discount{Kind: ticketing.RateOff, Value: 10, Cap: 30_000, Minimum: 50_000},
	}})
	return made.ID, err
}

// admin is one whose log-in works. It is kept beside the data so that the next start can show it again; when it does
// not work (a crash in between, another database), there is a new one.
func (d demo) admin(ctx context.Context) (admin login, err error) {
	path := filepath.Join(d.data, "demo-admin.json")
	if body, err := os.ReadFile(path); err == nil && json.Unmarshal(body, &admin) == nil {
		if works, err := d.works(ctx, admin); works || err != nil {
			return admin, err
		}
	}
	admin = login{demoAdminEmail, newPassword()}
	if _, err := d.store.UserByEmail(ctx, admin.Email); err == nil {
		admin.Email = "admin-" + strings.ToLower(rand.Text()[:8]) + "@ticketblue.test"
	}
	body, err := json.Marshal(admin)
	if err != nil {
		return admin, err
	}
	if err := writeWhole(path, append(body, '\n')); err != nil {
		return admin, err
	}
	return createAdmin(ctx, d.store, admin.Email, "Demo admin", admin.Password)
}

func (d demo) works(ctx context.Context, admin login) (bool, error) {
	user, err := d.store.UserByEmail(ctx, admin.Email)
	if errors.Is(err, ticketing.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return d.passwords.Check(ctx, admin.Password, user.PasswordHash)
}

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
	demoOpenFor  = 30 * 24 * time.Hour
	demoPatience = time.Minute // until the read tables have what is past
)

// demo is what a first look at the program needs: halls, performances with posters, rounds, some of them past and
// reviewed, a campaign of coupons, an admin and a customer. Made once; after that it is data like any other.
type demo struct {
	store     *store
	uploads   api.Uploads
	passwords *auth.Passwords
	data      string                                        // directory where the log-ins are kept
	caughtUp  func(context.Context, ticketing.Stream) error // waits until the read tables have all of a stream; nil where nobody keeps them
}

func (n *node) loadDemo(ctx context.Context, server serverFile) error {
	caughtUp := func(ctx context.Context, s ticketing.Stream) error {
		ctx, cancel := context.WithTimeout(ctx, demoPatience)
		defer cancel()
		return n.projector.AwaitProjected(ctx, s, n.actors.Do(ctx, s, ticketing.ReadStatus{}).Seq)
	}
	d := demo{n.store, newUploads(n.store, n.blobs), n.passwords, n.cmd.Store.Data, caughtUp}
	loaded, err := d.load(ctx)
	if err == nil {
		loaded.print(server.URL)
	}
	return err
}

// loadedDemo is what to look at first.
type loadedDemo struct {
	admin    login
	customer login
	round    ticketing.RoundID
	campaign ticketing.CampaignID
}

func (l loadedDemo) print(url string) {
	fmt.Printf("Demo\n  admin      %s  password %s\n  customer   %s  password %s\n  round      %s/v1/rounds/%d\n  coupons    %s/v1/campaigns/%d\n",
		l.admin.Email, l.admin.Password, l.customer.Email, l.customer.Password, url, l.round, url, l.campaign)
}

// load makes what is missing.
func (d demo) load(ctx context.Context) (l loadedDemo, err error) {
	if l.admin, err = d.account(ctx, ticketing.Admin, "Demo admin"); err != nil {
		return l, err
	}
	if l.customer, err = d.account(ctx, ticketing.Customer, "김하늘"); err != nil {
		return l, err
	}
	if _, err := d.newest(ctx); errors.Is(err, ticketing.ErrNotFound) {
		fmt.Println("Loading the demo: halls of 13,000 and 20,007 seats, performances with posters, rounds on sale and coming.")
		err = d.catalogue(ctx, l.customer.Email)
		if err != nil {
			return l, err
		}
	}
	if err := errors.Join(d.posters(ctx), d.reviews(ctx)); err != nil {
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

// account is one whose log-in works. It is kept beside the data so that the next start can show it again; when it does
// not work (a crash in between, another database), there is a new one.
func (d demo) account(ctx context.Context, role ticketing.Role, name string) (account login, err error) {
	path := filepath.Join(d.data, "demo-"+string(role)+".json")
	if body, err := os.ReadFile(path); err == nil && json.Unmarshal(body, &account) == nil {
		if works, err := d.works(ctx, account); works || err != nil {
			return account, err
		}
	}
	account, err = createAccount(ctx, d.store, role, string(role)+"@ticketblue.test", name, newPassword())
	if errors.Is(err, ticketing.ErrEmailTaken) { // by somebody here, or who was
		account, err = createAccount(ctx, d.store, role, string(role)+"-"+strings.ToLower(rand.Text()[:8])+"@ticketblue.test", name, newPassword())
	}
	if err != nil {
		return account, err
	}
	body, err := json.Marshal(account)
	if err != nil {
		return account, err
	}
	return account, writeWhole(path, append(body, '\n'))
}

func (d demo) works(ctx context.Context, admin login) (bool, error) {
	return d.passwords.Check(ctx, admin.Password, func(ctx context.Context) (string, error) {
		user, err := d.store.UserByEmail(ctx, admin.Email)
		if errors.Is(err, ticketing.ErrNotFound) {
			return "", nil
		}
		return user.PasswordHash, err
	})
}

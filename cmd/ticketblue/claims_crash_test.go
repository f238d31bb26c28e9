package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// A campaign while the program is killed with kill -9: every customer's clients claim at the same time, each with a key
// of its own, and each insists on an answer. Exactly the stock is given away, one to a customer, and every yes holds.
//
//	CLAIMS_STOCK=1000 CLAIMS_USERS=1000 CLAIMS_TURNS=10 CLAIMS_KILLS=10 go test ./cmd/ticketblue -run TestClaimsThroughKills -v

const (
	claimStock   = 150
	claimUsers   = 200
	claimClients = 10 // of each customer
	claimTurns   = 2  // times each client asks
	claimKills   = 3
	claimWorkers = 32 // requests in flight
)

// claimants are all clients of all customers.
type claimants struct {
	t        *testing.T
	path     string
	tokens   []string
	turns    int
	url      atomic.Pointer[string]
	next     atomic.Int64
	answered atomic.Int64
	workers  sync.WaitGroup

	mu   sync.Mutex
	told map[int]toldCoupon // by customer
	keys map[string]answer  // the first answer to each key
}

type toldCoupon struct{ key, id string }

func (c *claimants) count() int64 { return int64(len(c.tokens) * claimClients * c.turns) }

func (c *claimants) work() {
	for n := c.next.Add(1) - 1; n < c.count(); n = c.next.Add(1) - 1 {
		// One customer after the other, so that coupons are given away until late in the run.
		each := claimClients * c.turns
		c.claim(int(n)/each, fmt.Sprintf("client-%d", int(n)%each%claimClients))
		c.answered.Add(1)
	}
}

func (c *claimants) claim(user int, key string) {
	for {
		a, err := ask("POST", *c.url.Load()+c.path, c.tokens[user], nil, "Idempotency-Key", key)
		if err == nil && a.status != 503 {
			c.note(user, key, a)
			return
		}
	}
}

// note keeps what somebody was told, and finds what contradicts it. A key that was refused while another client of the
// customer had his coupon is refused for ever; "gone" and "you have one" may follow each other.
func (c *claimants) note(user int, key string, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprintf("%d %s", user, key)
	first, repeated := c.keys[name]
	if !repeated {
		c.keys[name] = a
	}
	if repeated && (first.status != a.status || first.body["id"] != a.body["id"]) {
		c.t.Errorf("customer %d, %s: first %d %v, then %d %v", user, key, first.status, first.body, a.status, a.body)
	}
	switch {
	case a.status == 201:
		coupon := toldCoupon{key, a.body["id"].(string)}
		if had, ok := c.told[user]; ok && had != coupon {
			c.t.Errorf("customer %d was told of %v and of %v", user, had, coupon)
		}
		c.told[user] = coupon
	case a.body["code"] != "coupon_already_issued" && a.body["code"] != "coupons_gone":
		c.t.Errorf("customer %d is answered %d %v", user, a.status, a.body)
	}
}

// judge holds what was told against the program's own report.
func (c *claimants) judge(s *server, campaign ticketing.CampaignID) (issued int) {
	c.t.Helper()
	c.mu.Lock() // first: what is told from here on need not be in the report
	told := make(map[string]int, len(c.told))
	for user, k := range c.told {
		told[k.id] = user + 1
	}
	c.mu.Unlock()
	report := s.verify()
	if !report.OK {
		c.t.Errorf("verify: %v", report.Problems)
	}
	users := map[int64]bool{}
	for _, r := range report.Campaigns {
		if r.Campaign != int64(campaign) {
			continue
		}
		for _, k := range r.Coupons {
			if users[k.User] {
				c.t.Errorf("customer %d has two", k.User)
			}
			users[k.User] = true
			if user, ok := told[k.ID]; ok && int64(user) != k.User {
				c.t.Errorf("coupon %s was told to %d and is %d's", k.ID, user, k.User)
			}
			delete(told, k.ID)
		}
	}
	for id, user := range told {
		c.t.Errorf("lost: %s of customer %d", id, user)
	}
	return len(users)
}

func TestClaimsThroughKills(t *testing.T) {
	stock, users := envInt(t, "CLAIMS_STOCK", claimStock), envInt(t, "CLAIMS_USERS", claimUsers)
	turns, kills := envInt(t, "CLAIMS_TURNS", claimTurns), envInt(t, "CLAIMS_KILLS", claimKills)
	o := newOffice(t, 1, users)
	campaign := o.campaign(t, stock)
	s := startServer(t, o.data, "--bench")
	c := &claimants{
		t: t, path: fmt.Sprintf("/v1/campaigns/%d/coupons", campaign), tokens: o.tokens, turns: turns,
		told: map[int]toldCoupon{}, keys: map[string]answer{},
	}
	c.url.Store(&s.url)
	began := time.Now()
	for range claimWorkers {
		c.workers.Go(c.work)
	}
	for kill := range kills {
		at := c.count()*int64(kill)/int64(kills+1) + rand.Int64N(c.count()/int64(kills+2))
		for limit := time.Now().Add(startLimit); c.answered.Load() < min(at, c.count()); {
			if time.Now().After(limit) {
				t.Fatalf("%d claims answered within %s", c.answered.Load(), startLimit)
			}
		}
		s.kill()
		s = startServer(t, s.data, "--bench")
		c.url.Store(&s.url)
		issued := c.judge(s, campaign)
		t.Logf("kill %d after %d answers: %d coupons issued, 0 lost", kill+1, c.answered.Load(), issued)
	}
	c.workers.Wait()
	if issued, want := c.judge(s, campaign), min(stock, users); issued != want || len(c.told) != want {
		t.Errorf("%d coupons issued, %d customers told, want %d", issued, len(c.told), want)
	}
	t.Logf("%d claims of %d customers through %d kills in %s: %d of %d coupons, one each", c.count(), users, kills,
		time.Since(began).Round(time.Millisecond), len(c.told), stock)
}

// campaign plans one that is open.
func (o *office) campaign(t *testing.T, stock int) ticketing.CampaignID {
	t.Helper()
	flags := storeFlags{Data: o.data, LogLevel: "error"}
	s, err := flags.openOwn(t.Context(), flags.logger())
	if err != nil {
		t.Fatal(err)
	}
	now, day := ticketing.MillisOf(time.Now()), 24*time.Hour
	made, err := s.CreateCampaign(t.Context(), ticketing.CampaignInfo{Name: "선착순", Terms: ticketing.CampaignTerms{
		Stock: stock, Claimable: true, OpensAt: now, ClosesAt: now.Add(day), ExpiresAt: now.Add(2 * day),
		Discount: ticketing.Discount{Kind: ticketing.AmountOff, Value: 1000},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/jobs"
	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// Whoever signs up is given one coupon of 5,000 won for thirty days, also when the program is killed between the
// account and the coupon, and never a second one.

const (
	welcomeKills   = 3
	welcomeSignups = 24 // between two kills
	welcomeClients = 8
)

// newcomers sign up without end, each e-mail until it is settled that its account exists.
type newcomers struct {
	t       *testing.T
	url     atomic.Pointer[string]
	next    atomic.Int64
	settled atomic.Int64
	quit    chan struct{}
	clients sync.WaitGroup
}

func (n *newcomers) client() {
	for {
		select {
		case <-n.quit:
			return
		default:
			n.signUp(fmt.Sprintf("newcomer%d@example.com", n.next.Add(1)))
		}
	}
}

func (n *newcomers) signUp(email string) {
	for {
		a, err := ask("POST", *n.url.Load()+"/v1/auth/signup", "", map[string]any{"email": email, "password": "blue-ticket-7", "name": "김하늘"})
		switch {
		case err != nil || a.status == 503: // killed, or hashing for others
			continue
		case a.status != 201 && a.status != 409: // 409: the answer that it had been made was lost
			n.t.Errorf("signing up was answered %d %v", a.status, a.body)
		}
		n.settled.Add(1)
		return
	}
}

// counterSays is a campaign that answers so, whatever it is asked.
type counterSays ticketing.Code

func (c counterSays) Do(context.Context, ticketing.Stream, ticketing.Command) ticketing.Result {
	return ticketing.Result{Code: ticketing.Code(c)}
}

// A gift that could not be given is tried again, unless there is nothing to give any more.
func TestWelcomeIsTriedAgain(t *testing.T) {
	for code, again := range map[ticketing.Code]bool{
		ticketing.OK: false, ticketing.CodeCampaignClosed: false, ticketing.CodeCouponsGone: false,
		ticketing.CodeCampaignPaused: true, ticketing.CodeCampaignNotOpen: true, ticketing.CodeUnavailable: true,
		ticketing.CodeBusy: true, ticketing.CodeFrozen: true, ticketing.CodeNotFound: true,
	} {
		g := gifts{counterSays(code), slog.New(slog.DiscardHandler)}
		if err := g.welcome(t.Context(), []byte(`{"campaign":1,"user":7}`)); (err != nil) != again {
			t.Errorf("%q: %v, to be tried again: %t", code, err, again)
		}
	}
	if err := (gifts{counterSays(""), slog.New(slog.DiscardHandler)}).welcome(t.Context(), []byte(`{`)); err == nil {
		t.Error("a job that cannot be read is done")
	}
}

func TestNewcomersAreGivenOneCouponEach(t *testing.T) {
	s := startServer(t, t.TempDir(), "--bench")
	n := &newcomers{t: t, quit: make(chan struct{})}
	n.url.Store(&s.url)
	for range welcomeClients {
		n.clients.Go(n.client)
	}
	until := func(limit time.Duration, what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(limit); !done(); {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within %s", what, limit)
			}
		}
	}
	for range welcomeKills {
		want := n.settled.Load() + welcomeSignups
		until(startLimit, "sign-ups", func() bool { return n.settled.Load() >= want })
		s.kill()
		ageJobs(t, s.data)
		s = startServer(t, s.data, "--bench")
		n.url.Store(&s.url)
	}
	close(n.quit)
	n.clients.Wait()
	customers := int(n.settled.Load())
	var last *verifyReport
	until(startLimit, "coupons for all newcomers", func() bool {
		last = s.verify()
		return len(last.Campaigns) == 1 && len(last.Campaigns[0].Coupons) >= customers
	})
	had := map[int64]bool{}
	for _, k := range last.Campaigns[0].Coupons {
		had[k.User] = true
	}
	if len(had) != customers || len(last.Campaigns[0].Coupons) != customers || !last.OK {
		t.Errorf("%d coupons of %d customers among %d, %v", len(last.Campaigns[0].Coupons), len(had), customers, last.Problems)
	}
	t.Logf("%d customers signed up through %d kills, %d coupons", customers, welcomeKills, len(last.Campaigns[0].Coupons))
}

// ageJobs makes what the killed program was working on look as old as it must be to be tried again: the test has no
// minutes to wait.
func ageJobs(t *testing.T, data string) {
	t.Helper()
	inDatabase(t, data, func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), `UPDATE river_job SET attempted_at = attempted_at - $1::interval WHERE state = 'running'`, jobs.RescueAfter)
		return err
	})
}

// awaitCoupons asks for somebody's usable coupons until there are so many.
func (s *server) awaitCoupons(token string, want int) []any {
	s.t.Helper()
	var items []any
	poll(s.t, fmt.Sprintf("%d coupons", want), func() bool {
		items = mustAsk(s.t, 200, "GET", s.url+"/v1/coupons?usable=true&amount=20000", token, nil).body["items"].([]any)
		return len(items) >= want
	})
	return items
}

func TestWelcomeCouponIsUsable(t *testing.T) {
	s := startServer(t, t.TempDir(), "--database-url", pgtest.DSN(t))
	kim := map[string]any{"email": "kim@example.com", "password": "blue-ticket-7", "name": "김하늘"}
	mustAsk(t, 201, "POST", s.url+"/v1/auth/signup", "", kim)
	delete(kim, "name")
	token := mustAsk(t, 200, "POST", s.url+"/v1/auth/login", "", kim).body["access_token"].(string)
	k := s.awaitCoupons(token, 1)[0].(map[string]any)
	life := time.Hour
	if from, err := time.Parse(time.RFC3339Nano, k["issued_at"].(string)); err == nil {
		if to, err := time.Parse(time.RFC3339Nano, k["expires_at"].(string)); err == nil {
			life = to.Sub(from)
		}
	}
	if k["off"] != 5000.0 || life != 30*24*time.Hour || k["number"] != 1.0 || k["name"] != "가입을 환영합니다" {
		t.Errorf("coupon %v", k)
	}
	mustAsk(t, 409, "POST", s.url+fmt.Sprintf("/v1/campaigns/%v/coupons", k["campaign"]), token, nil, "Idempotency-Key", "k") // not to be claimed

	b := cookieBrowser(t) // Kakao's newcomers are no less welcome
	resp, err := b.Get(s.url + "/v1/auth/kakao?return=/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp, err = b.PostForm(resp.Request.URL.String(), url.Values{"sub": {"1"}, "nickname": {"하늘"}, "agree": {"1"}}); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	fresh, err := b.Post(s.url+"/v1/auth/refresh", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Body.Close()
	var session struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(fresh.Body).Decode(&session); err != nil {
		t.Fatal(err)
	}
	if k := s.awaitCoupons(session.AccessToken, 1)[0].(map[string]any); k["number"] != 2.0 {
		t.Errorf("Kakao's newcomer has %v", k)
	}
}

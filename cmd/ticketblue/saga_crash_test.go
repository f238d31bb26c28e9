package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketblue/actors"
	"ticketblue/jobs"
	"ticketblue/payments"
	"ticketblue/payments/faketoss"
	"ticketblue/persistence"
	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// Crashes at every step of the payment saga, in one process: the machines, the journal, the projector and its jobs on a
// real Postgres, the real client of Toss against the fake one, whose books survive. Only River is played by the test,
// which knows no waiting: its clock goes from job to job. A crash is a fail point at which everything of a life ends;
// the next life knows what is on disk. In the end the bank's books, the tickets and the coupons must agree.

var errDied = errors.New("this life has ended")

// story is what a customer does.
type story struct {
	name    string
	outcome faketoss.Outcome // of his payment
	off     ticketing.KRW    // by a coupon; 0: he has none
	then    ticketing.Command
	again   bool // in the second life he does it all again, as somebody does who has had no answer
}

var stories = []story{
	{name: "pays", outcome: faketoss.Approve},
	{name: "pays with a coupon", outcome: faketoss.Approve, off: 5_000},
	{name: "pays nothing", off: 50_000},
	{name: "is refused", outcome: faketoss.Refuse, off: 5_000},
	{name: "pays, and the answer is lost", outcome: faketoss.Lost, off: 5_000},
	{name: "is not heard", outcome: faketoss.Unheard, off: 5_000},
	{name: "meets an error", outcome: faketoss.Failing, off: 5_000},
	{name: "wants to pay some day", outcome: faketoss.Deposit, off: 5_000},
	{name: "pays and cancels", outcome: faketoss.Approve, off: 5_000, then: ticketing.CancelReservation{User: 1, Number: 1}},
	{name: "cancels, and the answer is lost", outcome: faketoss.Lost, then: ticketing.CancelReservation{User: 1, Number: 1}},
	{name: "pays, and the round is canceled", outcome: faketoss.Approve, off: 5_000, then: ticketing.CancelRound{}},
}

const (
	maxHits   = 4 // of a fail point in one life
	crashGoal = 200
	atOnce    = 4
)

// stage is what all lives share.
type stage struct {
	t         *testing.T
	pool      *pgxpool.Pool
	store     *store
	projector *persistence.Projector
	show      int64
	plan      *ticketing.Plan
	planned   atomic.Int64
	mu        sync.Mutex // planning rounds is no part of it
}

func newStage(t *testing.T) *stage {
	t.Helper()
	ctx := t.Context()
	dsn := pgtest.DSN(t)
	if err := persistence.Migrate(ctx, dsn); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Migrate(ctx, dsn); err != nil { // clock's tasks refer to it
		t.Fatal(err)
	}
	s := &stage{t: t}
	var err error
	if s.pool, err = pgxpool.New(ctx, dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	if _, err := s.pool.Exec(ctx, `CREATE TABLE played_jobs (key text PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY, kind text, args jsonb, at bigint, done boolean NOT NULL DEFAULT false)`); err != nil {
		t.Fatal(err)
	}
	db, err := persistence.Open(ctx, persistence.Options{DSN: dsn, Log: slog.New(slog.DiscardHandler), MaxConns: 16, Enqueue: enqueuePlayed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s.store = &store{DB: db}
	s.projector = persistence.NewProjector(db, persistence.ProjectorOptions{EffectsOf: payments.EffectsOf, Log: slog.New(slog.DiscardHandler)})
	s.projector.Start()
	t.Cleanup(func() { _ = s.projector.Close(context.Background()) })
	s.build()
	return s
}

func enqueuePlayed(ctx context.Context, tx pgx.Tx, list []ticketing.Job) error {
	for _, j := range list {
		if _, err := tx.Exec(ctx, `INSERT INTO played_jobs (key, kind, args, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			j.Key, j.Kind, j.Args, int64(j.At)); err != nil {
			return err
		}
	}
	return nil
}

// build makes a hall and a performance.
func (s *stage) build() {
	s.t.Helper()
	ctx := s.t.Context()
	var err error
	if s.plan, err = ticketing.PlainPlan(2); err != nil {
		s.t.Fatal(err)
	}
	hall, err := s.store.CreateHall(ctx, ticketing.Hall{Name: "Hall"}, s.plan)
	if err != nil {
		s.t.Fatal(err)
	}
	show, err := s.store.CreatePerformance(ctx, ticketing.Performance{
		Title: "Show", Category: "musical", HallID: hall.ID, DurationMinutes: 10, Prices: map[string]ticketing.KRW{"standard": 50_000},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.show = show.ID
}

// act is one story with one crash.
type act struct {
	*stage
	story
	point string // where the first life ends
	nth   int    // at which hit of it

	round    ticketing.RoundID
	campaign ticketing.CampaignID
	bank     *faketoss.Toss
	toss     *payments.Toss
	began    time.Time
	now      atomic.Int64 // milliseconds after began
	key      string       // of his payment, once he has authenticated
	died     bool
}

func (a *act) clock() time.Time { return a.began.Add(time.Duration(a.now.Load()) * time.Millisecond) }

func (a *act) pass(d time.Duration) { a.now.Add(d.Milliseconds()) }

// prepare plans a round of his own for the story, and a campaign.
func (a *act) prepare(ctx context.Context) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.began = time.Now()
	now, day := ticketing.MillisOf(a.began), 24*time.Hour
	starts := now.Add(3*day + time.Duration(a.planned.Add(1))*90*time.Minute)
	round, err := a.store.CreateRound(ctx, ticketing.RoundInfo{PerformanceID: a.show, PlanHash: a.plan.Hash(), StartsAt: starts, Terms: ticketing.Terms{
		Prices: []ticketing.KRW{50_000}, OpensAt: now, ClosesAt: now.Add(2 * day), StartsAt: starts, HoldMillis: 300_000, PayMillis: 600_000,
		MaxPerUser: 2, CancelUntil: now.Add(2 * day), CancelFee: 10,
	}})
	if err != nil {
		return err
	}
	a.round = round.ID
	if a.off > 0 {
		campaign, err := a.store.CreateCampaign(ctx, ticketing.CampaignInfo{Name: "Off", Terms: ticketing.CampaignTerms{
			Stock: 1, Claimable: true, Discount: ticketing.Discount{Kind: ticketing.AmountOff, Value: int64(a.off)},
			OpensAt: now, ClosesAt: now.Add(day), ExpiresAt: now.Add(2 * day),
		}})
		if err != nil {
			return err
		}
		a.campaign = campaign.ID
	}
	a.bank, err = faketoss.Open(faketoss.Options{Clock: a.clock, Log: slog.New(slog.DiscardHandler), Wait: func(_ context.Context, d time.Duration) error {
		a.pass(d)
		return nil
	}})
	if err != nil {
		return err
	}
	a.toss, err = payments.NewToss(payments.TossOptions{URL: faketoss.URL, SecretKey: faketoss.SecretKey, Prefix: "tb", Transport: a.bank})
	return err
}

// life is a process from its start to its end.
type life struct {
	*act
	settler *payments.Settler
	machine *actors.System
	journal *persistence.Journal
	dead    atomic.Bool
	mu      sync.Mutex
	hits    map[string]int
}

func (a *act) live(mortal bool) *life {
	l := &life{act: a, hits: map[string]int{}}
	l.journal = persistence.NewJournal(a.store.DB, persistence.JournalOptions{OnCommit: a.projector.OnCommit})
	l.journal.Start()
	l.machine = actors.New(actors.Config{
		Journal: journalSide{l.journal, a.store.DB}, Ownership: always{}, Log: slog.New(slog.DiscardHandler), Clock: a.clock, Random: rand.Reader,
	})
	o := payments.Options{
		Gateway: a.toss, Sales: l, Books: a.store, Clock: a.clock, Name: a.toss.Names().Name, Log: slog.New(slog.DiscardHandler),
		Wait: func(_ context.Context, d time.Duration) error { a.pass(d); return nil },
	}
	if mortal {
		o.Point = l.pass1
	}
	l.settler = payments.NewSettler(o)
	return l
}

// pass1 is told of fail points.
func (l *life) pass1(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hits[name]++; name == l.point && l.hits[name] == l.nth {
		l.dead.Store(true)
	}
	if l.dead.Load() {
		return errDied
	}
	return nil
}

// Do is the machines', until the end.
func (l *life) Do(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result {
	if l.dead.Load() {
		return ticketing.Result{Code: ticketing.CodeUnavailable}
	}
	return l.machine.Do(ctx, s, cmd)
}

func (l *life) end() {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	l.machine.OwnershipLost() // nothing is told, nothing more is written
	_ = l.machine.Shutdown(ctx)
	_ = l.journal.Close(ctx)
}

// play is the customer's part; it ends early when the life does.
func (l *life) play(ctx context.Context) error {
	stream := ticketing.RoundStream(l.round)
	coupon := ""
	if l.off > 0 {
		if r := l.Do(ctx, ticketing.CampaignStream(l.campaign), ticketing.ClaimCoupon{User: 1, Key: ticketing.DigestOf("c")}); r.Code != ticketing.OK {
			return fmt.Errorf("claiming: %s", r.Code)
		}
		coupon = ticketing.CouponID{Campaign: l.campaign, Number: 1}.String()
	}
	if r := l.Do(ctx, stream, ticketing.ReserveSeats{User: 1, Seats: []string{"A-1-1"}, Key: ticketing.DigestOf("r")}); r.Code != ticketing.OK {
		return fmt.Errorf("reserving: %s", r.Code)
	}
	started := l.Do(ctx, stream, ticketing.StartPayment{User: 1, Number: 1, Coupon: coupon})
	if started.Code != ticketing.OK {
		return nil // it is decided already
	}
	id := ticketing.OrderID{Reservation: started.Reservation.ID, Attempt: started.Reservation.Attempt}
	order, code, _ := l.settler.Price(ctx, id, started.Reservation.ExpiresAt)
	if code != ticketing.OK || l.dead.Load() {
		return nil
	}
	key, err := l.authenticate(order)
	if err != nil {
		return err
	}
	if r := l.Do(ctx, stream, ticketing.ConfirmPayment{User: 1, Number: 1, Attempt: id.Attempt, Amount: order.Amount, PaymentKey: key}); r.Code == ticketing.OK {
		_, _, _ = l.settler.Settle(ctx, id, ticketing.MillisOf(l.clock()), 8*time.Second) // what comes of it the end will tell
	}
	if l.then != nil {
		l.Do(ctx, stream, l.then)
	}
	return nil
}

func (l *life) authenticate(o ticketing.Order) (string, error) {
	switch {
	case o.Amount == 0:
		return payments.FreeKey, nil
	case o.PaymentKey != "":
		return o.PaymentKey, nil
	case l.key == "":
		key, err := l.bank.Authenticate(l.toss.Names().Name(o.ID), "Show", int64(o.Amount), l.outcome)
		if err != nil {
			return "", err
		}
		l.key = key
	}
	return l.key, nil
}

// follow waits until the tables, and so the jobs, are where the machines are.
func (l *life) follow(ctx context.Context) error {
	streams := []ticketing.Stream{ticketing.RoundStream(l.round)}
	if l.campaign != 0 {
		streams = append(streams, ticketing.CampaignStream(l.campaign))
	}
	for _, s := range streams {
		r := l.machine.Do(ctx, s, ticketing.ReadHash{})
		if r.Code != ticketing.OK {
			return fmt.Errorf("%s does not answer: %s", s, r.Code)
		}
		if err := l.projector.AwaitProjected(ctx, s, r.Seq); err != nil {
			return err
		}
	}
	return nil
}

// work does the jobs that are due, as River would. It says when the next is, 0 for none, and how many were left undone.
func (l *life) work(ctx context.Context) (next ticketing.Millis, undone int, err error) {
	if err := l.follow(ctx); err != nil {
		return 0, 0, err
	}
	type row struct {
		Key, Kind string
		Args      []byte
		At        int64
	}
	rows, err := l.pool.Query(ctx, `SELECT key, kind, args, at FROM played_jobs WHERE NOT done AND (args->>'round')::bigint = $1 ORDER BY n`, int64(l.round))
	if err != nil {
		return 0, 0, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	works := l.settler.Works()
	for _, j := range list {
		at := ticketing.Millis(j.At)
		if at > ticketing.MillisOf(l.clock()) {
			if undone++; next == 0 || at < next {
				next = at
			}
			continue
		}
		if works[j.Kind](ctx, j.Args) != nil || l.dead.Load() {
			undone++
			continue
		}
		if _, err := l.pool.Exec(ctx, `UPDATE played_jobs SET done = true WHERE key = $1`, j.Key); err != nil {
			return 0, 0, err
		}
	}
	return next, undone, err
}

// settle is what remains of the second life: everything that was begun comes to its end.
func (l *life) settle(ctx context.Context) error {
	stream := ticketing.RoundStream(l.round)
	quiet := 0
	for range 100 {
		next, undone, err := l.work(ctx)
		if err != nil {
			return err
		}
		if undone == 0 {
			if quiet++; quiet == 3 {
				return nil
			}
		}
		wait := 20 * time.Second
		if next != 0 && undone == 1 || undone == 0 {
			wait = max(wait, time.Duration(next-ticketing.MillisOf(l.clock()))*time.Millisecond)
		}
		if undone == 0 {
			wait = 11 * time.Minute // whatever is unpaid goes back
		}
		l.pass(wait)
		l.Do(ctx, stream, ticketing.ReadStatus{})
	}
	return errors.New("it never ends")
}

// judge compares the bank's books, the tickets and the coupon.
func (l *life) judge(ctx context.Context) error {
	r := payments.Reconciler{Gateway: l.toss, Orders: l.store.ordersOf, Calls: l.store.CallsOf}
	report, err := r.Rounds(ctx, []ticketing.RoundID{l.round}, l.began.Add(-time.Hour), l.clock().Add(time.Hour))
	if err != nil {
		return err
	}
	if !report.OK || report.Underway != 0 {
		return fmt.Errorf("%+v", report)
	}
	mine := l.Do(ctx, ticketing.RoundStream(l.round), ticketing.ReadReservation{User: 1, Number: 1})
	if s := mine.Reservation.Status; mine.Code == ticketing.OK && (s == ticketing.Held || s == ticketing.Paying) {
		return fmt.Errorf("the reservation rests as %s", s)
	}
	if l.campaign == 0 {
		return nil
	}
	c := l.Do(ctx, ticketing.CampaignStream(l.campaign), ticketing.ReadCampaign{})
	if c.Campaign == nil || c.Campaign.Reserved != 0 || (c.Campaign.Redeemed == 1) != (mine.Reservation.Status == ticketing.Confirmed) {
		return fmt.Errorf("the reservation is %s, and its coupon: %+v", mine.Reservation.Status, c.Campaign)
	}
	return nil
}

// run plays an act in two lives.
func (a *act) run(ctx context.Context) error {
	if err := a.prepare(ctx); err != nil {
		return err
	}
	defer func() { _ = a.bank.Close() }()
	first := a.live(true)
	err := first.play(ctx)
	if err == nil && !first.dead.Load() {
		_, _, err = first.work(ctx)
	}
	a.died = first.dead.Load()
	first.end()
	if err != nil && !a.died {
		return err
	}
	second := a.live(false)
	defer second.end()
	if a.again {
		if err := second.play(ctx); err != nil {
			return err
		}
	}
	if err := second.settle(ctx); err != nil {
		return err
	}
	return second.judge(ctx)
}

// playAll ends a story's first life at each hit of a fail point, and says how often it ended.
func (s *stage) playAll(t *testing.T, story story, point string) (crashes int) {
	for nth := 1; nth <= maxHits; nth++ {
		for _, story.again = range []bool{false, true} {
			a := &act{stage: s, story: story, point: point, nth: nth}
			if err := a.run(t.Context()); err != nil {
				t.Errorf("%s, dies at %s for the %d. time, again %v: %v", a.name, a.point, a.nth, a.again, err)
			}
			if !a.died {
				return crashes // nor would it at a later hit
			}
			crashes++
		}
	}
	return crashes
}

func TestCrashAtEveryStepOfTheSaga(t *testing.T) {
	s := newStage(t)
	slots := make(chan struct{}, atOnce)
	var acts sync.WaitGroup
	var mu sync.Mutex
	crashes, by, began := 0, map[string]int{}, time.Now()
	for _, story := range stories {
		for _, point := range payments.Points {
			slots <- struct{}{}
			acts.Go(func() {
				n := s.playAll(t, story, point)
				mu.Lock()
				defer mu.Unlock()
				crashes, by[point] = crashes+n, by[point]+n
				<-slots
			})
		}
	}
	acts.Wait()
	t.Logf("%d crashes in %s, by fail point %v", crashes, time.Since(began).Round(time.Millisecond), by)
	if crashes < crashGoal {
		t.Errorf("%d crashes, want at least %d", crashes, crashGoal)
	}
	for _, point := range payments.Points {
		if by[point] == 0 {
			t.Errorf("nobody died at %s", point)
		}
	}
}

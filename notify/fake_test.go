package notify

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

var (
	quiet   = slog.New(slog.NewTextHandler(io.Discard, nil))
	testKey = TicketKey([]byte("a secret of the house"))

	testPublic = testKey.Public().(ed25519.PublicKey)
	noon       = time.Date(2026, 12, 24, 3, 0, 0, 0, time.UTC)
)

// fakeStore keeps everything in memory. Reservation 42-7 is Kim's: two seats of round 42.
type fakeStore struct {
	mu         sync.Mutex
	users      map[ticketing.UserID]ticketing.User
	booked     map[ticketing.ReservationID]ticketing.ReservationSummary
	showing    ticketing.Showing
	campaign   ticketing.CampaignSummary
	deliveries map[string]ticketing.Delivery
	inbox      []ticketing.Notice
	jobs       []ticketing.Job
	refund     ticketing.KRW
	ended      []ticketing.LiveReservation
	broken     error // of every method
	forgetful  int   // so many results are not written down
}

func newFakeStore() *fakeStore {
	id := ticketing.ReservationID{Round: 42, Number: 7}
	return &fakeStore{
		users: map[ticketing.UserID]ticketing.User{3: {ID: 3, Email: "kim@example.com", Name: "김하늘", Language: "ko"}},
		booked: map[ticketing.ReservationID]ticketing.ReservationSummary{id: {
			Reservation:   ticketing.Reservation{ID: id, User: 3, Seats: []string{"A-1-7", "A-1-8"}, Amount: 340000, Due: 306000, Priced: true},
			PerformanceID: 5, Title: "레미제라블", HallName: "Blue Arena",
		}},
		showing: ticketing.Showing{
			Round: 42, Title: "레미제라블", Hall: "Blue Arena", Address: "대전", DurationMinutes: 170,
			StartsAt: ticketing.MillisOf(time.Date(2026, 12, 25, 10, 30, 0, 0, time.UTC)),
		},
		campaign:   ticketing.CampaignSummary{CampaignInfo: ticketing.CampaignInfo{ID: 9, Name: "Welcome 10%"}},
		deliveries: map[string]ticketing.Delivery{},
	}
}

func key(fact string, channel ticketing.Channel) string { return fact + "/" + string(channel) }

func (f *fakeStore) PostNotice(_ context.Context, n ticketing.Notice, inbox bool, jobs map[ticketing.Channel]ticketing.Job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if inbox && !slices.ContainsFunc(f.inbox, func(had ticketing.Notice) bool { return had.Fact == n.Fact }) {
		f.inbox = append(f.inbox, n)
	}
	for channel, job := range jobs {
		if _, had := f.deliveries[key(n.Fact, channel)]; !had {
			f.deliveries[key(n.Fact, channel)] = ticketing.Delivery{Notice: n, Channel: channel, State: ticketing.DeliveryWaiting, Tries: 1, CreatedAt: ticketing.MillisOf(noon)}
			f.jobs = append(f.jobs, job)
		}
	}
	return f.broken
}

func (f *fakeStore) Delivery(_ context.Context, fact string, channel ticketing.Channel) (ticketing.Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, found := f.deliveries[key(fact, channel)]
	if !found {
		return d, ticketing.ErrNotFound
	}
	return d, f.broken
}

func (f *fakeStore) MoveDelivery(_ context.Context, d ticketing.Delivery) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.forgetful > 0 {
		f.forgetful--
		return errors.New("the database is away")
	}
	f.deliveries[key(d.Fact, d.Channel)] = d
	return nil
}

func (f *fakeStore) EnqueueJobs(_ context.Context, jobs []ticketing.Job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs = append(f.jobs, jobs...)
	return f.broken
}

func (f *fakeStore) User(_ context.Context, id ticketing.UserID) (ticketing.User, error) {
	return found(f.users, id)
}

func (f *fakeStore) ReservationOf(_ context.Context, id ticketing.ReservationID) (ticketing.ReservationSummary, error) {
	return found(f.booked, id)
}

func found[K comparable, V any](all map[K]V, id K) (V, error) {
	v, found := all[id]
	if !found {
		return v, fmt.Errorf("looking for %v: %w", id, ticketing.ErrNotFound)
	}
	return v, nil
}

func (f *fakeStore) Showing(context.Context, ticketing.RoundID) (ticketing.Showing, error) {
	return f.showing, nil
}

func (f *fakeStore) RefundOf(context.Context, ticketing.ReservationID, uint32) (ticketing.KRW, error) {
	return f.refund, nil
}

func (f *fakeStore) EndedWith(_ context.Context, _ ticketing.RoundID, _ ticketing.Millis, after uint32, limit int) ([]ticketing.LiveReservation, error) {
	var list []ticketing.LiveReservation
	for _, r := range f.ended {
		if r.Number > after && len(list) < limit {
			list = append(list, r)
		}
	}
	return list, nil
}

func (f *fakeStore) Campaign(context.Context, ticketing.CampaignID) (ticketing.CampaignSummary, error) {
	return f.campaign, nil
}

// state of a delivery of a fact.
func (f *fakeStore) state(fact string, channel ticketing.Channel) ticketing.Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deliveries[key(fact, channel)]
}

// fakeSender takes what it is told to, and remembers it.
type fakeSender struct {
	mu    sync.Mutex
	took  []ticketing.Message
	tries int
	says  func(try int) error // nil: takes everything
}

func (f *fakeSender) Send(_ context.Context, m ticketing.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.says != nil {
		if err := f.says(f.tries); err != nil {
			return err
		}
	}
	f.took = append(f.took, m)
	return nil
}

// house is a notifier with everything faked around it.
type house struct {
	*Notifier
	t           *testing.T
	store       *fakeStore
	mail, slack *fakeSender
	now         time.Time
	nudged      []ticketing.UserID
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, store: newFakeStore(), mail: &fakeSender{}, slack: &fakeSender{}, now: noon}
	h.Notifier = New(Config{
		Store: h.store, Mail: h.mail, Slack: h.slack, TicketKey: testKey, PublicURL: "https://tickets.example.com", Log: quiet,
		Clock: func() time.Time { return h.now }, Nudge: func(u ticketing.UserID) { h.nudged = append(h.nudged, u) },
	})
	for _, l := range []*line{h.Notifier.mail, h.Notifier.slack} {
		l.first, l.patience = time.Millisecond, 10*time.Millisecond
	}
	t.Cleanup(h.Close)
	return h
}

// work works everything that is enqueued until nothing is left, or rounds are over; failed jobs stay.
func (h *house) work(rounds int) {
	h.t.Helper()
	do := map[string]func(context.Context, []byte) error{
		JobNotice: h.Tell, JobRound: h.TellRound, JobMail: h.DeliverMail, JobSlack: h.DeliverSlack,
	}
	for range rounds {
		h.store.mu.Lock()
		jobs := h.store.jobs
		h.store.jobs = nil
		h.store.mu.Unlock()
		var left []ticketing.Job
		for _, job := range jobs {
			if err := do[job.Kind](h.t.Context(), job.Args); err != nil {
				left = append(left, job)
			}
		}
		h.store.mu.Lock()
		h.store.jobs = append(left, h.store.jobs...)
		h.store.mu.Unlock()
	}
}

func (h *house) tell(n ticketing.Notice) {
	h.t.Helper()
	if err := h.Tell(h.t.Context(), NoticeJob(n).Args); err != nil {
		h.t.Fatal(err)
	}
}

var confirmed = ticketing.Notice{
	Fact: "round:42@17", Kind: ticketing.NoticeConfirmed, Reservation: ticketing.ReservationID{Round: 42, Number: 7}, Attempt: 1,
	At: ticketing.MillisOf(noon),
}

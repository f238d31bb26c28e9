package notify

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/ticketing"
)

// Limits of the room.
const (
	// GiveUpAfter is how long a delivery is tried before it is dead.
	GiveUpAfter = 48 * time.Hour
	roundPage   = 500 // reservations of a canceled round that one job sees to
)

// Store keeps notices and knows who and what they are about. What is not there is ticketing.ErrNotFound.
type Store interface {
	PostNotice(ctx context.Context, n ticketing.Notice, inbox bool, jobs map[ticketing.Channel]ticketing.Job) error
	Delivery(ctx context.Context, fact string, channel ticketing.Channel) (ticketing.Delivery, error)
	MoveDelivery(ctx context.Context, d ticketing.Delivery) error
	EnqueueJobs(ctx context.Context, jobs []ticketing.Job) error
	User(ctx context.Context, id ticketing.UserID) (ticketing.User, error)
	ReservationOf(ctx context.Context, id ticketing.ReservationID) (ticketing.ReservationSummary, error)
	Showing(ctx context.Context, round ticketing.RoundID) (ticketing.Showing, error)
	RefundOf(ctx context.Context, id ticketing.ReservationID, attempt uint32) (ticketing.KRW, error)
	EndedWith(ctx context.Context, round ticketing.RoundID, at ticketing.Millis, after uint32, limit int) ([]ticketing.LiveReservation, error)
	Campaign(ctx context.Context, id ticketing.CampaignID) (ticketing.CampaignSummary, error)
}

// Config is what a Notifier is made of.
type Config struct {
	Store     Store
	Mail      Sender
	Slack     Sender
	Nudge     func(ticketing.UserID) // there is something new in his inbox; may be lost
	TicketKey ed25519.PrivateKey     // signs the codes on tickets
	PublicURL string                 // where the pages are, without a slash at the end
	Clock     func() time.Time
	Log       *slog.Logger
	Metrics   prometheus.Registerer
}

// Notifier tells people. Its methods that take arguments of a job are for a queue of jobs to call, again until they
// return nil; an error with a method Later() time.Duration has not failed and wants to be called after that time.
type Notifier struct {
	Config
	mail, slack *line
	printing    sync.Mutex // one ticket at a time
	outcomes    *prometheus.CounterVec
	closing     chan struct{}
	close       func()
}

// New makes a Notifier.
func New(c Config) *Notifier {
	closing := make(chan struct{})
	n := &Notifier{
		Config: c, mail: newLine(closing), slack: newLine(closing), closing: closing, close: sync.OnceFunc(func() { close(closing) }),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ticketblue_notices_total", Help: "Attempts to tell somebody, by channel and outcome: sent, failed, dead, dropped.",
		}, []string{"channel", "outcome"}),
	}
	if c.Metrics != nil {
		c.Metrics.MustRegister(n.outcomes)
	}
	return n
}

// Close breaks off what is being sent, which will be tried again, and lets nothing more begin.
func (n *Notifier) Close() { n.close() }

// newsFor is how long what has happened is news to staff: a history that is brought in, such as the demo's, is none.
const newsFor = 7 * 24 * time.Hour

// way is how a kind of notice is told.
type way struct {
	inbox    bool
	channels []ticketing.Channel
}

// ways: staff hear of what moves money, customers of all that concerns them. A coupon is in the inbox by itself.
var ways = map[ticketing.NoticeKind]way{
	ticketing.NoticeConfirmed:     {true, []ticketing.Channel{ticketing.Mail, ticketing.Slack}},
	ticketing.NoticeCanceled:      {true, []ticketing.Channel{ticketing.Mail, ticketing.Slack}},
	ticketing.NoticeRefunded:      {true, []ticketing.Channel{ticketing.Mail, ticketing.Slack}},
	ticketing.NoticeRoundCanceled: {true, []ticketing.Channel{ticketing.Mail}},
	ticketing.NoticeCoupon:        {false, []ticketing.Channel{ticketing.Mail}},
	ticketing.NoticeReminder:      {true, []ticketing.Channel{ticketing.Mail}},
	ticketing.NoticeReview:        {true, []ticketing.Channel{ticketing.Mail}},
	ticketing.NoticeDormancy:      {true, []ticketing.Channel{ticketing.Mail}},
}

var jobOf = map[ticketing.Channel]string{ticketing.Mail: JobMail, ticketing.Slack: JobSlack}

// DeliveryJob is the job that makes a delivery.
func DeliveryJob(d ticketing.Delivery) ticketing.Job {
	return newJob(jobOf[d.Channel], fmt.Sprintf("%s/%d", d.Fact, d.Tries), deliveryArgs{d.Fact, d.Tries})
}

// Tell works a JobNotice.
func (n *Notifier) Tell(ctx context.Context, args []byte) error {
	var notice ticketing.Notice
	if err := json.Unmarshal(args, &notice); err != nil {
		return fmt.Errorf("reading a notice: %w", err)
	}
	how, known := ways[notice.Kind]
	if !known || notice.Fact == "" {
		return fmt.Errorf("there is no notice of kind %q (%s)", notice.Kind, notice.Fact)
	}
	if err := n.complete(ctx, &notice); err != nil {
		return err
	}
	return n.post(ctx, notice, how)
}

// complete looks up whom a notice of a reservation concerns, and how much.
func (n *Notifier) complete(ctx context.Context, notice *ticketing.Notice) (err error) {
	if notice.User == 0 && notice.Reservation.Number != 0 {
		r, err := n.Store.ReservationOf(ctx, notice.Reservation)
		if err != nil {
			return err
		}
		notice.User = r.User
	}
	if notice.Kind == ticketing.NoticeRefunded || notice.Kind == ticketing.NoticeRoundCanceled {
		notice.Amount, err = n.Store.RefundOf(ctx, notice.Reservation, notice.Attempt)
	}
	return err
}

func (n *Notifier) post(ctx context.Context, notice ticketing.Notice, how way) error {
	user, err := n.Store.User(ctx, notice.User)
	gone := errors.Is(err, ticketing.ErrNotFound)
	if err != nil && !gone {
		return err
	}
	jobs := map[ticketing.Channel]ticketing.Job{}
	for _, channel := range how.channels {
		if channel == ticketing.Mail && (gone || user.Email == "") {
			continue
		}
		if channel == ticketing.Slack && notice.At.Add(newsFor) < ticketing.MillisOf(n.Clock()) {
			continue
		}
		jobs[channel] = DeliveryJob(ticketing.Delivery{Notice: notice, Channel: channel, Tries: 1})
	}
	if err := n.Store.PostNotice(ctx, notice, how.inbox && !gone, jobs); err != nil {
		return err
	}
	if !gone {
		n.Nudge(notice.User)
	}
	return nil
}

// TellRound works a JobRound: staff are told once, and a notice of each reservation is made, a page to a job.
func (n *Notifier) TellRound(ctx context.Context, args []byte) error {
	var a roundArgs
	if err := json.Unmarshal(args, &a); err != nil {
		return fmt.Errorf("reading a notice of a round: %w", err)
	}
	if a.After == 0 {
		job := DeliveryJob(ticketing.Delivery{Notice: a.Notice, Channel: ticketing.Slack, Tries: 1})
		if err := n.Store.PostNotice(ctx, a.Notice, false, map[ticketing.Channel]ticketing.Job{ticketing.Slack: job}); err != nil {
			return err
		}
	}
	round := a.Notice.Reservation.Round
	ended, err := n.Store.EndedWith(ctx, round, a.Notice.At, a.After, roundPage)
	if err != nil || len(ended) == 0 {
		return err
	}
	var jobs []ticketing.Job
	for _, r := range ended {
		one := a.Notice
		one.Fact, one.User, one.Reservation.Number = fmt.Sprintf("%s#%d", a.Notice.Fact, r.Number), r.User, r.Number
		jobs = append(jobs, NoticeJob(one))
	}
	if len(ended) == roundPage {
		jobs = append(jobs, roundJob(roundArgs{a.Notice, ended[roundPage-1].Number}))
	}
	return n.Store.EnqueueJobs(ctx, jobs)
}

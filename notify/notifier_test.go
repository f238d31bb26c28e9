package notify

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

func TestEffectsOf(t *testing.T) {
	round, campaign := ticketing.RoundStream(42), ticketing.CampaignStream(9)
	for name, row := range map[string]struct {
		stream ticketing.Stream
		fact   ticketing.Fact
		want   string // keys of the jobs
	}{
		"confirmed":       {round, ticketing.ReservationConfirmed{Number: 7, Attempt: 1}, "round:42@17/notice"},
		"canceled":        {round, ticketing.ReservationCanceled{Number: 7, Refund: 5}, "round:42@17/notice"},
		"refunded":        {round, ticketing.Refunded{Number: 7, Attempt: 1}, "round:42@17/notice"},
		"round canceled":  {round, ticketing.RoundCanceled{}, "round:42@17#0/notice_round"},
		"coupon given":    {campaign, ticketing.CouponGiven{Number: 3, User: 8}, "campaign:9@17/notice"},
		"held":            {round, ticketing.SeatsHeld{Number: 7, User: 3}, ""},
		"lapsed":          {round, ticketing.HoldLapsed{Number: 7}, ""},
		"refund due":      {round, ticketing.RefundDue{Number: 7}, ""},
		"claimed":         {campaign, ticketing.CouponClaimed{Number: 3, User: 8}, ""},
		"of no machine":   {"catalogue:hall:1", ticketing.CatalogueSaved{}, ""},
		"in a wrong room": {campaign, ticketing.ReservationConfirmed{Number: 7}, ""},
	} {
		var keys []string
		for _, job := range EffectsOf(row.stream, 17, ticketing.Event{At: ticketing.MillisOf(noon), Fact: row.fact}) {
			keys = append(keys, job.Key)
			if !slices.Contains(Kinds, job.Kind) {
				t.Errorf("%s: kind %q is not among Kinds", name, job.Kind)
			}
		}
		if got := strings.Join(keys, " "); got != row.want {
			t.Errorf("%s: jobs %q, want %q", name, got, row.want)
		}
	}
}

// A fact is told once by each channel, however often its jobs are worked.
func TestOnceForEachFactAndChannel(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		h.tell(confirmed)
	}
	jobs := slices.Clone(h.store.jobs)
	h.store.jobs = append(jobs, jobs...)
	h.work(2)
	if len(h.mail.took) != 1 || len(h.slack.took) != 1 || len(h.store.inbox) != 1 || len(h.store.jobs) != 0 {
		t.Errorf("%d mails, %d Slack messages, %d in the inbox, %d jobs left", len(h.mail.took), len(h.slack.took), len(h.store.inbox), len(h.store.jobs))
	}
	if !slices.Contains(h.nudged, 3) {
		t.Errorf("nudged %v", h.nudged)
	}
	if d := h.store.state(confirmed.Fact, ticketing.Mail); d.State != ticketing.DeliverySent || d.Attempts != 1 {
		t.Errorf("the delivery is %+v", d)
	}
}

// When the result was not written down nobody can know whether it was sent: it is sent again, under the same name.
func TestSentAgainUnderTheSameName(t *testing.T) {
	h := newHouse(t)
	h.tell(confirmed)
	h.store.forgetful = 2 // one of each channel
	h.work(3)
	if len(h.mail.took) != 2 || h.mail.took[0].Name != h.mail.took[1].Name || h.mail.took[0].Name == "" {
		t.Fatalf("took %d mails", len(h.mail.took))
	}
	if a, b := messageID(h.mail.took[0].Name, "x@y.example"), messageID(h.mail.took[1].Name, "x@y.example"); a != b || !strings.HasSuffix(a, "@y.example") {
		t.Errorf("message ids %s and %s", a, b)
	}
}

func TestFailuresAreTriedAgainUntilTheyAreDead(t *testing.T) {
	busy := &Trouble{Reason: "451 try again"}
	for name, row := range map[string]struct {
		says  func(int) error
		later time.Duration
		state ticketing.DeliveryState
		tries int
	}{
		"twice in trouble":  {func(try int) error { return unless(try > 2, busy) }, 0, ticketing.DeliverySent, 3},
		"refused for good":  {func(int) error { return &Trouble{Reason: "550 no such user", Final: true} }, 0, ticketing.DeliveryDead, 1},
		"for too long":      {func(int) error { return busy }, GiveUpAfter, ticketing.DeliveryDead, 1},
		"still tried":       {func(int) error { return busy }, GiveUpAfter - time.Second, ticketing.DeliveryWaiting, 5},
		"an error of yours": {func(try int) error { return unless(try > 1, errors.New("?")) }, 0, ticketing.DeliverySent, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.mail.says = row.says
			h.tell(confirmed)
			h.now = noon.Add(row.later)
			h.work(5)
			d := h.store.state(confirmed.Fact, ticketing.Mail)
			if d.State != row.state || h.mail.tries != row.tries || d.Attempts != row.tries {
				t.Errorf("%s after %d tries (%d counted): %s", d.State, h.mail.tries, d.Attempts, d.LastError)
			}
			if (d.State == ticketing.DeliverySent) != (d.LastError == "") {
				t.Errorf("%s with error %q", d.State, d.LastError)
			}
			if s := h.store.state(confirmed.Fact, ticketing.Slack); s.State != ticketing.DeliverySent {
				t.Errorf("Slack is %s, which has nothing to do with it", s.State)
			}
		})
	}
}

func unless(well bool, err error) error {
	if well {
		return nil
	}
	return err
}

// A dead delivery that is retried by hand is another try; the first one's job has nothing more to do.
func TestRetriedByHand(t *testing.T) {
	h := newHouse(t)
	h.mail.says = func(try int) error { return unless(try > 1, &Trouble{Reason: "550", Final: true}) }
	h.tell(confirmed)
	first := slices.Clone(h.store.jobs)
	h.work(1)
	d := h.store.state(confirmed.Fact, ticketing.Mail)
	d.State, d.Tries = ticketing.DeliveryWaiting, d.Tries+1
	h.store.deliveries[key(d.Fact, d.Channel)] = d
	h.store.jobs = append(first, DeliveryJob(d), DeliveryJob(d))
	if first[0].Key == DeliveryJob(d).Key {
		t.Error("the retry has the first try's key")
	}
	h.work(1)
	if d := h.store.state(confirmed.Fact, ticketing.Mail); d.State != ticketing.DeliverySent || len(h.mail.took) != 1 {
		t.Errorf("%s, %d mails", d.State, len(h.mail.took))
	}
}

func TestWhoIsGoneIsNotTold(t *testing.T) {
	h := newHouse(t)
	h.tell(confirmed)
	delete(h.store.users, 3)
	h.work(1)
	if d := h.store.state(confirmed.Fact, ticketing.Mail); d.State != ticketing.DeliveryDropped {
		t.Errorf("his mail is %s", d.State)
	}
	if d := h.store.state(confirmed.Fact, ticketing.Slack); d.State != ticketing.DeliverySent {
		t.Errorf("staff's message is %s", d.State)
	}
	late := confirmed
	late.Fact = "round:42@18"
	h.tell(late)
	if _, made := h.store.deliveries[key(late.Fact, ticketing.Mail)]; made || len(h.store.inbox) != 1 {
		t.Error("somebody who is gone is told")
	}
}

// A read table that is being made again has lost nobody for good.
func TestMissingFactsAreAwaited(t *testing.T) {
	h := newHouse(t)
	kept := h.store.booked
	h.store.booked = nil
	if err := h.Tell(t.Context(), NoticeJob(confirmed).Args); err == nil {
		t.Error("told of a reservation that nobody knows")
	}
	h.store.booked = kept
	h.tell(confirmed)
	h.store.booked = nil
	h.work(1)
	if d := h.store.state(confirmed.Fact, ticketing.Mail); d.State != ticketing.DeliveryWaiting {
		t.Errorf("the mail is %s", d.State)
	}
	h.store.booked = kept
	h.work(1)
	if d := h.store.state(confirmed.Fact, ticketing.Mail); d.State != ticketing.DeliverySent {
		t.Errorf("the mail is %s", d.State)
	}
}

// A canceled round tells staff once and each of its customers once, a page to a job.
func TestRoundCanceled(t *testing.T) {
	h := newHouse(t)
	h.store.refund = 340000
	id := ticketing.ReservationID{Round: 42, Number: 7}
	for n := range uint32(roundPage + 3) {
		other := ticketing.ReservationID{Round: 42, Number: n + 1}
		h.store.booked[other] = h.store.booked[id]
		h.store.ended = append(h.store.ended, ticketing.LiveReservation{Number: n + 1, User: 3})
	}
	h.store.jobs = EffectsOf(ticketing.RoundStream(42), 17, ticketing.Event{At: 5, Fact: ticketing.RoundCanceled{}})
	again := slices.Clone(h.store.jobs)
	h.work(6)
	h.store.jobs = again
	h.work(6)
	if len(h.slack.took) != 1 || len(h.mail.took) != roundPage+3 || len(h.store.inbox) != roundPage+3 {
		t.Errorf("%d Slack messages, %d mails, %d in inboxes", len(h.slack.took), len(h.mail.took), len(h.store.inbox))
	}
	if h.store.inbox[0].Amount != 340000 {
		t.Errorf("the refund is %d", h.store.inbox[0].Amount)
	}
}

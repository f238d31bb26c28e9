package notify

import (
	"encoding/json"
	"fmt"

	"ticketblue/ticketing"
)

// Kinds of job of this room.
const (
	JobNotice = "notice"       // ticketing.Notice: into the inbox, and one delivery for each of its channels
	JobRound  = "notice_round" // roundArgs: a notice for each reservation that a canceled round had
	JobMail   = "notice_mail"  // deliveryArgs
	JobSlack  = "notice_slack" // deliveryArgs
)

// Kinds are all the kinds of job of this room.
var Kinds = []string{JobNotice, JobRound, JobMail, JobSlack}

// roundArgs say which of a round's reservations are to be told.
type roundArgs struct {
	Notice ticketing.Notice `json:"notice"`          // about the round
	After  uint32           `json:"after,omitempty"` // reservations up to this number have been seen to
}

// deliveryArgs name a delivery; Try counts from 1.
type deliveryArgs struct {
	Fact string `json:"fact"`
	Try  int    `json:"try"`
}

// EffectsOf lists the jobs that an event demands of this room.
//
//	reservation_confirmed, reservation_canceled, refunded | notice
//	round_canceled                                        | notice_round
//	coupon_given                                          | notice
//
// A hold, its expiry and a claimed coupon demand nothing: the inbox shows them from the read tables, for a crowd makes
// thousands of them in a second. The same event gives the same jobs, with the same keys.
func EffectsOf(s ticketing.Stream, seq uint64, e ticketing.Event) []ticketing.Job {
	notice := ticketing.Notice{Fact: fmt.Sprintf("%s@%d", s, seq), At: e.At}
	if campaign, ok := s.Campaign(); ok {
		if given, is := e.Fact.(ticketing.CouponGiven); is {
			notice.Kind, notice.User = ticketing.NoticeCoupon, given.User
			notice.Coupon = ticketing.CouponID{Campaign: campaign, Number: given.Number}
			return []ticketing.Job{NoticeJob(notice)}
		}
		return nil
	}
	round, ok := s.Round()
	if !ok {
		return nil
	}
	notice.Reservation.Round = round
	switch f := e.Fact.(type) {
	case ticketing.ReservationConfirmed:
		notice.Kind, notice.Reservation.Number, notice.Attempt = ticketing.NoticeConfirmed, f.Number, f.Attempt
	case ticketing.ReservationCanceled:
		notice.Kind, notice.Reservation.Number, notice.Amount = ticketing.NoticeCanceled, f.Number, f.Refund
	case ticketing.Refunded:
		notice.Kind, notice.Reservation.Number, notice.Attempt = ticketing.NoticeRefunded, f.Number, f.Attempt
	case ticketing.RoundCanceled:
		notice.Kind = ticketing.NoticeRoundCanceled
		return []ticketing.Job{roundJob(roundArgs{Notice: notice})}
	default:
		return nil
	}
	return []ticketing.Job{NoticeJob(notice)}
}

// NoticeJob is the job that tells somebody; it may be enqueued in any transaction, by whoever knows the fact. A fact
// that was told before is not told again, even when the job's own key has been forgotten.
func NoticeJob(n ticketing.Notice) ticketing.Job {
	return newJob(JobNotice, n.Fact, n)
}

func roundJob(r roundArgs) ticketing.Job {
	return newJob(JobRound, fmt.Sprintf("%s#%d", r.Notice.Fact, r.After), r)
}

func newJob(kind, key string, args any) ticketing.Job {
	data, err := json.Marshal(args)
	if err != nil {
		panic(fmt.Sprintf("notify: arguments of %s: %v", kind, err)) // ids and numbers only: cannot be
	}
	return ticketing.Job{Kind: kind, Key: key + "/" + kind, Args: data}
}

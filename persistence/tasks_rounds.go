package persistence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

const (
	// OverdueGrace is how far the freeing of seats, and the read tables that tell of it, may be behind the clock.
	OverdueGrace = time.Minute
	// OverdueWindow is how long after a sale's end its reservations are still looked through, every day.
	OverdueWindow = 7 * 24 * time.Hour
	// ReviewWindow is how long after a showing its audience is asked: a run that was missed is made good by the next.
	ReviewWindow = 48 * time.Hour

	reservationsPerPortion = 1000
)

// reservationPlace is a place in the reservations of rounds: in Round, those up to Number are done.
type reservationPlace struct{ Round, Number int64 }

// nextRound is the first round from a place on that a condition lets through; 0 when there is none. A round that is
// not the place's own is begun at its beginning.
func (p *portion) nextRound(ctx context.Context, from reservationPlace, where string, args ...any) (reservationPlace, error) {
	var round int64
	err := p.QueryRow(ctx, `
		SELECT o.id FROM rounds o JOIN performances p ON p.id = o.performance_id
		 WHERE o.deleted_at IS NULL AND o.id >= $1 AND `+where+` ORDER BY o.id LIMIT 1`, append([]any{from.Round}, args...)...).Scan(&round)
	if errors.Is(err, pgx.ErrNoRows) {
		return reservationPlace{}, nil
	}
	if round != from.Round {
		from = reservationPlace{Round: round}
	}
	return from, err
}

// tellRound tells the next of a round's customers, those that the condition lets through, and moves on.
func (p *portion) tellRound(ctx context.Context, at reservationPlace, where string, notice func(user int64, id ticketing.ReservationID) ticketing.Notice) error {
	rows, err := p.Query(ctx, `
		SELECT r.number, r.user_id FROM reservations r
		 WHERE r.round = $1 AND r.number > $2 AND r.status = 'confirmed'`+where+` ORDER BY r.number LIMIT $3`, at.Round, at.Number, reservationsPerPortion)
	if err != nil {
		return err
	}
	var notices []ticketing.Notice
	var user int64
	_, err = pgx.ForEachRow(rows, []any{&at.Number, &user}, func() error {
		notices = append(notices, notice(user, ticketing.ReservationID{Round: ticketing.RoundID(at.Round), Number: uint32(at.Number)}))
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.tellOnce(ctx, notices); err != nil {
		return err
	}
	if len(notices) < reservationsPerPortion {
		at = reservationPlace{Round: at.Round + 1}
	}
	return p.moveTo(at)
}

// tellOnce tells what nobody was told before, and counts that as done.
func (p *portion) tellOnce(ctx context.Context, notices []ticketing.Notice) error {
	facts := make([]string, len(notices))
	for i, n := range notices {
		facts[i] = n.Fact
	}
	rows, err := p.Query(ctx, `SELECT fact FROM notices WHERE fact = ANY($1) UNION SELECT fact FROM inbox WHERE fact = ANY($1)`, facts)
	if err != nil {
		return err
	}
	told, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(told))
	for _, fact := range told {
		known[fact] = true
	}
	for _, n := range notices {
		p.run.Count.Looked++
		if !known[n.Fact] {
			p.run.Count.Done++
			p.tell(n)
		}
	}
	return nil
}

// remind tells whoever has a ticket for the day after the run's that his show is tomorrow.
func remind(ctx context.Context, p *portion) (more bool, err error) {
	var at reservationPlace
	if err := p.at(&at); err != nil {
		return false, err
	}
	begins := ticketing.DayOf(ticketing.MillisOf(p.run.Due)).Start().Time().Add(24 * time.Hour)
	at, err = p.nextRound(ctx, at, `o.starts_at >= $2 AND o.starts_at < $3 AND o.starts_at > $4`, begins, begins.Add(24*time.Hour), p.asOf())
	if err != nil || at.Round == 0 {
		return false, err
	}
	return true, p.tellRound(ctx, at, "", func(user int64, id ticketing.ReservationID) ticketing.Notice {
		return ticketing.Notice{Fact: "reminder:" + id.String(), Kind: ticketing.NoticeReminder, User: ticketing.UserID(user), Reservation: id}
	})
}

// promptReviews asks those who have seen a showing that is over by now, and have not reviewed its performance. A show
// that ends after the hour of the run is asked about the next day; nobody is asked twice about a performance.
func promptReviews(ctx context.Context, p *portion) (more bool, err error) {
	var at reservationPlace
	if err := p.at(&at); err != nil {
		return false, err
	}
	const ends = `o.starts_at + make_interval(mins => p.duration_minutes)`
	since := p.asOf().Add(-ReviewWindow)
	at, err = p.nextRound(ctx, at, ends+` <= $2 AND `+ends+` > $3 AND o.starts_at <= $2 AND o.starts_at > $4`,
		p.asOf(), since, since.Add(-ticketing.MaxDuration*time.Minute))
	if err != nil || at.Round == 0 {
		return false, err
	}
	var performance int64
	if err := p.QueryRow(ctx, `SELECT performance_id FROM rounds WHERE id = $1`, at.Round).Scan(&performance); err != nil {
		return false, err
	}
	const unreviewed = ` AND NOT EXISTS (SELECT FROM rounds o JOIN reviews v ON v.performance_id = o.performance_id WHERE o.id = r.round AND v.user_id = r.user_id)`
	return true, p.tellRound(ctx, at, unreviewed, func(user int64, id ticketing.ReservationID) ticketing.Notice {
		return ticketing.Notice{
			Fact: fmt.Sprintf("review:%d/%d", performance, user), Kind: ticketing.NoticeReview, User: ticketing.UserID(user), Reservation: id,
		}
	})
}

// timedOut frees nothing: the machines do, each at its moment. It proves, by the read tables, that none is left, and
// says so where some are.
func timedOut(ctx context.Context, p *portion) (more bool, err error) {
	defer func() {
		if n := p.run.Count.Done; n > 0 {
			p.run.Problem = fmt.Sprintf("%d unpaid reservations have outlived their time", n)
		}
	}()
	var at reservationPlace
	if err := p.at(&at); err != nil {
		return false, err
	}
	at, err = p.nextRound(ctx, at, `o.opens_at <= $2 AND o.closes_at > $3`, p.asOf(), p.asOf().Add(-OverdueWindow))
	if err != nil || at.Round == 0 {
		return false, err
	}
	var looked, overdue int64
	err = p.QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE expires_at < $2) FROM reservations WHERE round = $1 AND status IN ('held', 'paying')`,
		at.Round, p.asOf().Add(-OverdueGrace)).Scan(&looked, &overdue)
	if err != nil {
		return false, err
	}
	if overdue > 0 {
		p.db.log.Error("unpaid reservations have outlived their time and hold their seats: a person must look", "round", at.Round, "reservations", overdue)
	}
	p.run.Count.Looked, p.run.Count.Done = p.run.Count.Looked+looked, p.run.Count.Done+overdue
	return true, p.moveTo(reservationPlace{Round: at.Round + 1})
}

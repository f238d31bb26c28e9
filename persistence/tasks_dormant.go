package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// When an account is dormant. Nobody's is closed who was not warned in time.
const (
	DormantYears = 3                   // since the last log-in: it is closed
	WarnYears    = 2                   // since the last log-in: its owner is warned
	WarnedBefore = 30 * 24 * time.Hour // at least so long before it is closed

	accountsPerPortion = 1000
)

// lastSeen is when somebody logged in last, or signed up.
const lastSeen = `coalesce(u.last_login_at, u.created_at)`

// slice is a part of all accounts, in the order of their ids: what a portion looks at is bounded, whatever it finds.
type slice struct{ After, Until int64 }

// nextSlice moves the run to the next accounts; none when there are no more.
func (p *portion) nextSlice(ctx context.Context) (s slice, found bool, err error) {
	if err := p.at(&s); err != nil {
		return s, false, err
	}
	s.After = s.Until
	var n int64
	err = p.QueryRow(ctx, `SELECT coalesce(max(id), 0), count(*) FROM (SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2) page`,
		s.After, accountsPerPortion).Scan(&s.Until, &n)
	if err != nil || n == 0 {
		return s, false, err
	}
	p.run.Count.Looked += n
	return s, true, p.moveTo(s)
}

// dormantAlert warns, once since they logged in last, those who have not for WarnYears.
func dormantAlert(ctx context.Context, p *portion) (more bool, err error) {
	s, more, err := p.nextSlice(ctx)
	if err != nil || !more {
		return false, err
	}
	rows, err := p.Query(ctx, `
		SELECT u.id, `+lastSeen+` FROM users u
		 WHERE u.id > $1 AND u.id <= $2 AND u.role = 'customer' AND u.withdrawn_at IS NULL AND `+lastSeen+` <= $3
		   AND (u.dormancy_warned_at IS NULL OR u.dormancy_warned_at < `+lastSeen+`)
		 ORDER BY u.id FOR UPDATE`, s.After, s.Until, p.asOf().AddDate(-WarnYears, 0, 0))
	if err != nil {
		return false, err
	}
	var warned []int64
	var id int64
	var seen time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &seen}, func() error {
		closes := seen.AddDate(DormantYears, 0, 0)
		if earliest := p.asOf().Add(WarnedBefore); closes.Before(earliest) {
			closes = earliest
		}
		warned = append(warned, id)
		p.tell(ticketing.Notice{
			Fact: fmt.Sprintf("dormancy:%d@%d", id, seen.UnixMilli()), Kind: ticketing.NoticeDormancy,
			User: ticketing.UserID(id), Until: ticketing.MillisOf(closes),
		})
		return nil
	})
	p.run.Count.Done += int64(len(warned))
	if err != nil || p.run.DryRun || len(warned) == 0 {
		return true, err
	}
	_, err = p.Exec(ctx, `UPDATE users SET dormancy_warned_at = $2 WHERE id = ANY ($1)`, warned, p.asOf())
	return true, err
}

// dormantUsers closes accounts that nobody has used for DormantYears, unless they have live tickets or money under way.
// The rows are locked before they are judged: whoever logs in at this moment comes before or finds no account.
func dormantUsers(ctx context.Context, p *portion) (more bool, err error) {
	s, more, err := p.nextSlice(ctx)
	if err != nil || !more {
		return false, err
	}
	rows, err := p.Query(ctx, `
		SELECT u.id, coalesce(u.email, ''), EXISTS (SELECT FROM reservations r JOIN rounds o ON o.id = r.round
		        WHERE r.user_id = u.id AND (r.status IN ('held', 'paying') OR r.refund_due > 0 OR r.status = 'confirmed' AND o.starts_at > $4))
		  FROM users u
		 WHERE u.id > $1 AND u.id <= $2 AND u.role = 'customer' AND u.withdrawn_at IS NULL AND `+lastSeen+` <= $3
		   AND u.dormancy_warned_at >= `+lastSeen+` AND u.dormancy_warned_at <= $5
		 ORDER BY u.id FOR UPDATE`,
		s.After, s.Until, p.asOf().AddDate(-DormantYears, 0, 0), p.asOf(), p.asOf().Add(-WarnedBefore))
	if err != nil {
		return false, err
	}
	var ids []int64
	var emails []string
	var id int64
	var email string
	var live bool
	_, err = pgx.ForEachRow(rows, []any{&id, &email, &live}, func() error {
		if live {
			p.run.Count.Kept++
			return nil
		}
		ids, emails = append(ids, id), append(emails, email)
		return nil
	})
	p.run.Count.Done += int64(len(ids))
	if err != nil || p.run.DryRun || len(ids) == 0 {
		return true, err
	}
	return true, p.db.endAccounts(ctx, p, ids, emails, p.asOf())
}

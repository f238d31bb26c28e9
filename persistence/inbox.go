package persistence

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// inboxSQL reads a user's items before or after a place ($2, $3), at most $4, in the order of the direction. Held and
// expired seats and coupons have no rows of their own in the inbox: a rush makes too many of them.
const inboxSQL = `
WITH items AS (
  (SELECT at, fact COLLATE "C" AS fact, kind, round, number, 0::bigint AS campaign, amount, until
     FROM inbox WHERE user_id = $1 AND (at, fact COLLATE "C") < ($2, $3) ORDER BY at DESC, fact COLLATE "C" DESC LIMIT $4)
  UNION ALL
  (SELECT held_at, ('held:' || round || '-' || number) COLLATE "C", 'held', round, number, 0, amount, expires_at
     FROM reservations WHERE user_id = $1 AND held_at <= $2 AND (held_at, ('held:' || round || '-' || number) COLLATE "C") < ($2, $3)
    ORDER BY held_at DESC, 2 DESC LIMIT $4)
  UNION ALL
  (SELECT ended_at, ('expired:' || round || '-' || number) COLLATE "C", 'expired', round, number, 0, amount, NULL
     FROM reservations WHERE user_id = $1 AND status = 'expired' AND (ended_at, ('expired:' || round || '-' || number) COLLATE "C") < ($2, $3)
    ORDER BY ended_at DESC, 2 DESC LIMIT $4)
  UNION ALL
  (SELECT issued_at, ('coupon:' || campaign || '-' || number) COLLATE "C", 'coupon', 0, number, campaign, 0, expires_at
     FROM coupons WHERE user_id = $1 AND issued_at <= $2 AND (issued_at, ('coupon:' || campaign || '-' || number) COLLATE "C") < ($2, $3)
    ORDER BY issued_at DESC, 2 DESC LIMIT $4)
)
SELECT i.at, i.fact, i.kind, i.round, i.number, i.campaign, i.amount, i.until, coalesce(p.id, 0), coalesce(p.title, ''), n.starts_at
  FROM (SELECT * FROM items ORDER BY at DESC, fact COLLATE "C" DESC LIMIT $4) i
  LEFT JOIN rounds n ON n.id = i.round AND i.round <> 0
  LEFT JOIN performances p ON p.id = n.performance_id
 ORDER BY i.at DESC, i.fact COLLATE "C" DESC`

// inboxAfterSQL goes the other way.
var inboxAfterSQL = strings.NewReplacer("DESC", "ASC", "<= $2", ">= $2", "< ($2", "> ($2").Replace(inboxSQL)

func scanInboxItem(row pgx.CollectableRow) (i ticketing.InboxItem, err error) {
	var at time.Time
	var until, starts *time.Time
	var round, number, campaign int64
	if err := row.Scan(&at, &i.Place.Fact, &i.Kind, &round, &number, &campaign, &i.Amount, &until, &i.Performance, &i.Title, &starts); err != nil {
		return i, err
	}
	i.Place.At, i.Until, i.StartsAt = ticketing.MillisOf(at), millis(until), millis(starts)
	if campaign != 0 {
		i.Coupon = ticketing.CouponID{Campaign: ticketing.CampaignID(campaign), Number: uint32(number)}
	} else {
		i.Reservation = ticketing.ReservationID{Round: ticketing.RoundID(round), Number: uint32(number)}
	}
	return i, nil
}

// InboxBefore lists at most limit of a customer's items before a place, newest first; from the newest on for the zero
// place.
func (db *DB) InboxBefore(ctx context.Context, user ticketing.UserID, place ticketing.InboxPlace, limit int) ([]ticketing.InboxItem, error) {
	if place == (ticketing.InboxPlace{}) {
		place.At = farFuture
	}
	return db.inbox(ctx, inboxSQL, user, place, limit)
}

// InboxAfter lists at most limit of a customer's items after a place, oldest first.
func (db *DB) InboxAfter(ctx context.Context, user ticketing.UserID, place ticketing.InboxPlace, limit int) ([]ticketing.InboxItem, error) {
	return db.inbox(ctx, inboxAfterSQL, user, place, limit)
}

func (db *DB) inbox(ctx context.Context, sql string, user ticketing.UserID, place ticketing.InboxPlace, limit int) ([]ticketing.InboxItem, error) {
	list, err := many(ctx, db, scanInboxItem, sql, int64(user), place.At.Time(), place.Fact, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("the inbox of user %d: %w", user, err)
	}
	return list, nil
}

// InboxRead is up to where a customer has read: the zero place when nothing.
func (db *DB) InboxRead(ctx context.Context, user ticketing.UserID) (ticketing.InboxPlace, error) {
	places, err := many(ctx, db, func(row pgx.CollectableRow) (p ticketing.InboxPlace, err error) {
		var at time.Time
		err = row.Scan(&at, &p.Fact)
		p.At = ticketing.MillisOf(at)
		return p, err
	}, `SELECT at, fact FROM inbox_read WHERE user_id = $1`, int64(user))
	if err != nil {
		return ticketing.InboxPlace{}, fmt.Errorf("what user %d has read: %w", user, err)
	}
	if len(places) == 0 {
		return ticketing.InboxPlace{}, nil
	}
	return places[0], nil
}

// ReadInbox marks everything up to a place as read; what was marked stays so.
func (db *DB) ReadInbox(ctx context.Context, user ticketing.UserID, place ticketing.InboxPlace) error {
	_, err := db.pool.Exec(ctx, `
		INSERT INTO inbox_read AS r (user_id, at, fact) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET at = excluded.at, fact = excluded.fact
		 WHERE (r.at, r.fact COLLATE "C") < (excluded.at, excluded.fact)`,
		int64(user), place.At.Time(), place.Fact)
	if err != nil {
		return fmt.Errorf("marking what user %d has read: %w", user, err)
	}
	return nil
}

package persistence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ticketblue/ticketing"
)

// bulkTimeout is for statements that carry a hundred thousand rows.
const bulkTimeout = 60 * time.Second

// CreateUser adds an account; ID and CreatedAt of u are not looked at. It returns ticketing.ErrEmailTaken when
// there is or was one with this e-mail, which must be in lower case; an empty one is none. A customer's welcome coupon
// follows by a job of the same transaction.
func (db *DB) CreateUser(ctx context.Context, u ticketing.User) (id ticketing.UserID, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		id, err = db.insertUser(ctx, tx, u)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("creating an account: %w", err)
	}
	return id, nil
}

func (db *DB) insertUser(ctx context.Context, tx pgx.Tx, u ticketing.User) (id ticketing.UserID, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO users (email, email_hash, email_verified_at, name, password_hash, role)
		VALUES ($1, $2, CASE WHEN $3 THEN clock_timestamp() END, $4, $5, $6) RETURNING id`,
		nullable(u.Email), emailHash(u.Email), u.EmailVerified, u.Name, u.PasswordHash, string(u.Role)).Scan(&id)
	if err == nil && u.Role == ticketing.Customer {
		err = db.enqueueWelcome(ctx, tx, id)
	}
	return id, taken(err)
}

// nullable keeps an empty text as NULL, of which a unique column may have many.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// emailHash is what is left of a withdrawn account's e-mail. It has no salt: two accounts must meet in it, and who
// could try e-mails against it has this database, where those of the living stand in clear.
func emailHash(email string) []byte {
	if email == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(email))
	return sum[:]
}

// CreateUsers adds many accounts at once, all or none, and returns their ids in the same order. A zero CreatedAt
// means now. They did not sign up, so nobody welcomes them with a coupon. Unless it is nil, sent is told of rows as they leave;
// they are there when all are.
func (db *DB) CreateUsers(ctx context.Context, users []ticketing.User, sent func(rows int)) ([]ticketing.UserID, error) {
	ids := make([]ticketing.UserID, 0, len(users))
	now := time.Now()
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = `+milliseconds(bulkTimeout)); err != nil {
			return err
		}
		// COPY returns nothing, so the ids are drawn first.
		rows, err := tx.Query(ctx, `
			SELECT nextval(pg_get_serial_sequence('users', 'id')) FROM generate_series(1, $1)`, len(users))
		if err != nil {
			return err
		}
		if ids, err = pgx.AppendRows(ids, rows, pgx.RowTo[ticketing.UserID]); err != nil {
			return err
		}
		columns := []string{"id", "email", "email_hash", "name", "password_hash", "role", "created_at"}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"users"}, columns, pgx.CopyFromSlice(len(users), func(i int) ([]any, error) {
			u := users[i]
			if sent != nil {
				sent(1)
			}
			if u.CreatedAt.IsZero() {
				u.CreatedAt = now
			}
			return []any{int64(ids[i]), nullable(u.Email), emailHash(u.Email), u.Name, u.PasswordHash, string(u.Role), u.CreatedAt}, nil
		}))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating %d accounts: %w", len(users), taken(err))
	}
	return ids, nil
}

// taken names what a unique index found.
func taken(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "23505" { // unique
		return err
	}
	if pg.TableName == "identities" {
		return ticketing.ErrIdentityTaken
	}
	return ticketing.ErrEmailTaken
}

const selectUser = `
	SELECT u.id, coalesce(u.email, ''), u.email_verified_at IS NOT NULL, u.name, coalesce(u.slack_id, ''), u.language, u.password_hash,
	       u.role, u.created_at, u.withdrawn_at IS NOT NULL
	  FROM users u `

func scanUser(r pgx.CollectableRow) (ticketing.User, error) {
	var u ticketing.User
	err := r.Scan(&u.ID, &u.Email, &u.EmailVerified, &u.Name, &u.SlackID, &u.Language, &u.PasswordHash, &u.Role, &u.CreatedAt, &u.Withdrawn)
	return u, err
}

// UserByEmail finds an account by its e-mail in lower case; ticketing.ErrNotFound when there is none.
func (db *DB) UserByEmail(ctx context.Context, email string) (ticketing.User, error) {
	u, err := one(ctx, db, scanUser, selectUser+`WHERE u.email = $1`, email)
	if err != nil {
		return ticketing.User{}, fmt.Errorf("looking for an account: %w", err)
	}
	return u, nil
}

// User is an account that is not withdrawn; ticketing.ErrNotFound when there is none.
func (db *DB) User(ctx context.Context, id ticketing.UserID) (ticketing.User, error) {
	u, err := one(ctx, db, scanUser, selectUser+`WHERE u.id = $1 AND u.withdrawn_at IS NULL`, int64(id))
	if err != nil {
		return ticketing.User{}, fmt.Errorf("account %d: %w", id, err)
	}
	return u, nil
}

// SetProfile changes what people may change of their accounts (an empty language: stays); ticketing.ErrNotFound when there is none.
func (db *DB) SetProfile(ctx context.Context, id ticketing.UserID, p ticketing.Profile) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `UPDATE users SET name = $2, slack_id = $3, language = coalesce(nullif($4, ''), language) WHERE id = $1 AND withdrawn_at IS NULL`,
			int64(id), p.Name, nullable(p.SlackID), p.Language)
		if err == nil && done.RowsAffected() == 0 {
			return ticketing.ErrNotFound
		}
		if err != nil {
			return err
		}
		return db.reindex(ctx, tx, ticketing.ReservationChoice{Users: []ticketing.UserID{id}})
	})
	if err != nil {
		return fmt.Errorf("changing account %d: %w", id, err)
	}
	return nil
}

// Withdraw ends an account: its sessions, identities and everything personal go, the row and the hash of the e-mail
// stay. ticketing.ErrLiveTickets as long as it holds seats, pays for some, or has a ticket for a show after now;
// ticketing.ErrNotFound when there is no such customer.
func (db *DB) Withdraw(ctx context.Context, id ticketing.UserID, now time.Time) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var email string
		err := tx.QueryRow(ctx, `
			SELECT coalesce(email, '') FROM users WHERE id = $1 AND withdrawn_at IS NULL AND role = 'customer' FOR UPDATE`,
			int64(id)).Scan(&email)
		if errors.Is(err, pgx.ErrNoRows) {
			return ticketing.ErrNotFound
		}
		if err != nil {
			return err
		}
		live := false
		err = tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM reservations r JOIN rounds o ON o.id = r.round
			 WHERE r.user_id = $1 AND (r.status IN ('held', 'paying') OR r.status = 'confirmed' AND o.starts_at > $2))`,
			int64(id), now).Scan(&live)
		if err != nil {
			return err
		}
		if live {
			return ticketing.ErrLiveTickets
		}
		return db.endAccounts(ctx, tx, []int64{int64(id)}, []string{email}, now)
	})
	if err != nil {
		return fmt.Errorf("withdrawing account %d: %w", id, err)
	}
	return nil
}

// endAccounts takes everything personal from accounts whose rows the caller has locked. What speaks of money stays: it
// names people by their ids, behind which there is nobody then.
func (db *DB) endAccounts(ctx context.Context, tx pgx.Tx, ids []int64, emails []string, now time.Time) error {
	batch := &pgx.Batch{}
	batch.Queue(`
		UPDATE users SET email = NULL, email_verified_at = NULL, name = '', slack_id = NULL, password_hash = '', withdrawn_at = $2
		 WHERE id = ANY ($1)`, ids, now)
	batch.Queue(`DELETE FROM sessions WHERE user_id = ANY ($1)`, ids)
	batch.Queue(`DELETE FROM identities WHERE user_id = ANY ($1)`, ids)
	batch.Queue(`DELETE FROM password_resets WHERE user_id = ANY ($1)`, ids)
	batch.Queue(`DELETE FROM outbox WHERE recipient = ANY ($1)`, emails)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	for part := range slices.Chunk(ids, indexedTogether) {
		which := ticketing.ReservationChoice{}
		for _, id := range part {
			which.Users = append(which.Users, ticketing.UserID(id))
		}
		if err := db.reindex(ctx, tx, which); err != nil {
			return err
		}
	}
	return nil
}

// WithdrawnSince lists the accounts that were withdrawn after then.
func (db *DB) WithdrawnSince(ctx context.Context, then time.Time) ([]ticketing.UserID, error) {
	ids, err := many(ctx, db, pgx.RowTo[ticketing.UserID], `SELECT id FROM users WHERE withdrawn_at > $1`, then)
	if err != nil {
		return nil, fmt.Errorf("listing withdrawn accounts: %w", err)
	}
	return ids, nil
}

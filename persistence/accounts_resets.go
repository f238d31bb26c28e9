package persistence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// MailPasswordReset is the kind of job that mails the token of a password reset.
const MailPasswordReset = "mail_password_reset"

// RequestReset keeps the wish for a new password until it expires, and enqueues the mail with its token. For an
// e-mail that no account has it does exactly the same work, and the job finds nobody to write to.
func (db *DB) RequestReset(ctx context.Context, email string, now, expires time.Time) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM password_resets WHERE expires_at < $1`, now); err != nil {
			return err
		}
		return db.requestReset(ctx, tx, email, expires)
	})
	if err != nil {
		return fmt.Errorf("requesting a password reset: %w", err)
	}
	return nil
}

func (db *DB) requestReset(ctx context.Context, tx pgx.Tx, email string, expires time.Time) error {
	var id int64
	err := tx.QueryRow(ctx, `
		INSERT INTO password_resets (user_id, expires_at) VALUES ((SELECT id FROM users WHERE email = $1), $2) RETURNING id`,
		email, expires).Scan(&id)
	if err != nil {
		return err
	}
	// The token is not in the job, which River keeps for days: the worker makes it.
	return db.enqueue(ctx, tx, []ticketing.Job{{
		Kind: MailPasswordReset, Key: fmt.Sprintf("password_reset:%d", id), Args: fmt.Appendf(nil, `{"reset":%d}`, id),
	}})
}

// PrepareReset sets the hash of the token that is about to be mailed, in place of an earlier one, and returns to
// whom and until when it is good. ticketing.ErrNotFound when there is nobody to write to, or it is too late.
func (db *DB) PrepareReset(ctx context.Context, id int64, token ticketing.Hash, now time.Time) (u ticketing.User, expires time.Time, err error) {
	row := db.pool.QueryRow(ctx, `
		UPDATE password_resets p SET token_hash = $2 FROM users u
		 WHERE p.id = $1 AND p.expires_at > $3 AND u.id = p.user_id AND u.email IS NOT NULL
		RETURNING u.id, u.email, u.name, p.expires_at`, id, token[:], now)
	err = row.Scan(&u.ID, &u.Email, &u.Name, &expires)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return u, expires, fmt.Errorf("preparing password reset %d: %w", id, err)
	}
	return u, expires, nil
}

// ResetKnown tells whether a reset with this token waits; ticketing.ErrNotFound when none does.
func (db *DB) ResetKnown(ctx context.Context, token ticketing.Hash, now time.Time) error {
	_, err := one(ctx, db, pgx.RowTo[int64], `SELECT id FROM password_resets WHERE token_hash = $1 AND expires_at > $2`, token[:], now)
	if err != nil {
		return fmt.Errorf("looking for a password reset: %w", err)
	}
	return nil
}

// ResetPassword uses a token up: the account gets the password's hash, every session of it ends, other resets are
// void, and the e-mail counts as verified, for the token came by it. ticketing.ErrNotFound when no such token waits.
func (db *DB) ResetPassword(ctx context.Context, token ticketing.Hash, hash string, now time.Time) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var user int64
		err := tx.QueryRow(ctx, `DELETE FROM password_resets WHERE token_hash = $1 AND expires_at > $2 RETURNING user_id`,
			token[:], now).Scan(&user)
		if errors.Is(err, pgx.ErrNoRows) {
			return ticketing.ErrNotFound
		}
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(`
			UPDATE users SET password_hash = $2, email_verified_at = coalesce(email_verified_at, $3)
			 WHERE id = $1 AND withdrawn_at IS NULL`, user, hash, now)
		batch.Queue(`DELETE FROM password_resets WHERE user_id = $1`, user)
		batch.Queue(`DELETE FROM sessions WHERE user_id = $1`, user)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("resetting a password: %w", err)
	}
	return nil
}

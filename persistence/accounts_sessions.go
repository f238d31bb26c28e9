package persistence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// MaxSessions of one account; a log-in beyond ends the oldest.
const MaxSessions = 20

// OpenSession keeps a new log-in of an account; ticketing.ErrNotFound when there is none.
func (db *DB) OpenSession(ctx context.Context, s ticketing.Session) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error { return openSession(ctx, tx, s) })
	if err != nil {
		return fmt.Errorf("opening a session: %w", err)
	}
	return nil
}

// openSession stamps the account first: whoever withdraws it meanwhile has the row, and is waited for.
func openSession(ctx context.Context, tx pgx.Tx, s ticketing.Session) error {
	done, err := tx.Exec(ctx, `UPDATE users SET last_login_at = $2 WHERE id = $1 AND withdrawn_at IS NULL`, int64(s.User), s.CreatedAt)
	if err != nil {
		return err
	}
	if done.RowsAffected() == 0 {
		return ticketing.ErrNotFound
	}
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO sessions (family, user_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		s.Family[:], int64(s.User), s.TokenHash[:], s.CreatedAt, s.ExpiresAt)
	batch.Queue(`
		DELETE FROM sessions WHERE user_id = $1 AND (expires_at <= $2 OR family IN (
			SELECT family FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, family OFFSET $3))`,
		int64(s.User), s.CreatedAt, MaxSessions)
	return tx.SendBatch(ctx, batch).Close()
}

// RotateSession replaces a session's refresh token. A token that was replaced less than the grace ago leads to the
// rotation that replaced it. Any other token of the family ends the session: somebody has used one that was used up,
// and nobody can tell who of the two is the thief; ticketing.ErrSessionReused. ticketing.ErrNotFound when there is no
// such session.
func (db *DB) RotateSession(ctx context.Context, r ticketing.Rotation) (ticketing.Rotated, error) {
	var out ticketing.Rotated
	reused := false
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var current, previous, nonce []byte
		var rotatedAt *time.Time
		err := tx.QueryRow(ctx, `
			SELECT s.token_hash, s.previous_hash, s.nonce, s.rotated_at, s.created_at, s.expires_at, u.id, u.role
			  FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.family = $1 AND s.expires_at > $2 FOR UPDATE OF s`,
			r.Family[:], r.At).Scan(&current, &previous, &nonce, &rotatedAt, &out.CreatedAt, &out.ExpiresAt, &out.User, &out.Role)
		if errors.Is(err, pgx.ErrNoRows) {
			return ticketing.ErrNotFound
		}
		if err != nil {
			return err
		}
		switch {
		case bytes.Equal(current, r.Presented[:]):
			out.Nonce = r.Nonce
			_, err = tx.Exec(ctx, `
				UPDATE sessions SET previous_hash = token_hash, token_hash = $2, nonce = $3, rotated_at = $4 WHERE family = $1`,
				r.Family[:], r.Next[:], r.Nonce[:], r.At)
		case bytes.Equal(previous, r.Presented[:]) && r.At.Sub(*rotatedAt) < r.Grace:
			copy(out.Nonce[:], nonce)
		default:
			reused = true
			_, err = tx.Exec(ctx, `DELETE FROM sessions WHERE family = $1`, r.Family[:])
		}
		return err
	})
	if err == nil && reused {
		db.log.Warn("a used refresh token came again: its session is ended", "user", out.User)
		err = ticketing.ErrSessionReused
	}
	if err != nil {
		return ticketing.Rotated{}, fmt.Errorf("refreshing a session: %w", err)
	}
	return out, nil
}

// CloseSession ends a session for whoever has a token of it, the newest or the one before; nothing when there is
// none.
func (db *DB) CloseSession(ctx context.Context, family ticketing.SessionFamily, token ticketing.Hash) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM sessions WHERE family = $1 AND $2 IN (token_hash, previous_hash)`, family[:], token[:])
	if err != nil {
		return fmt.Errorf("closing a session: %w", err)
	}
	return nil
}

// CloseSessions ends all sessions of an account.
func (db *DB) CloseSessions(ctx context.Context, id ticketing.UserID) error {
	if _, err := db.pool.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1`, int64(id)); err != nil {
		return fmt.Errorf("closing the sessions of account %d: %w", id, err)
	}
	return nil
}

// ChangePassword replaces the password's hash from to another, ends every session and opens one, all or nothing.
// ticketing.ErrChanged when the hash is another one by now, or the account gone.
func (db *DB) ChangePassword(ctx context.Context, id ticketing.UserID, from, to string, s ticketing.Session) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `
			UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 AND withdrawn_at IS NULL`, int64(id), from, to)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return ticketing.ErrChanged
		}
		if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1`, int64(id)); err != nil {
			return err
		}
		return openSession(ctx, tx, s)
	})
	if err != nil {
		return fmt.Errorf("changing the password of account %d: %w", id, err)
	}
	return nil
}

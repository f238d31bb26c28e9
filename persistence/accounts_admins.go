package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// CreateAdmin adds an admin without a password and has a mail sent by which he sets one until expires.
// ticketing.ErrEmailTaken.
func (db *DB) CreateAdmin(ctx context.Context, u ticketing.User, expires time.Time) (id ticketing.UserID, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		u.Role, u.PasswordHash = ticketing.Admin, ""
		if id, err = db.insertUser(ctx, tx, u); err != nil {
			return err
		}
		return db.requestReset(ctx, tx, u.Email, expires)
	})
	if err != nil {
		return 0, fmt.Errorf("creating an admin: %w", err)
	}
	return id, nil
}

// Admins lists up to limit admins with ids above after, by id.
func (db *DB) Admins(ctx context.Context, after ticketing.UserID, limit int) ([]ticketing.User, error) {
	list, err := many(ctx, db, scanUser, selectUser+`WHERE u.role = 'admin' AND u.id > $1 ORDER BY u.id LIMIT $2`,
		int64(after), pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("listing admins: %w", err)
	}
	return list, nil
}

// DropAdmin makes an admin a customer and ends his sessions; ticketing.ErrNotFound when he is no admin.
func (db *DB) DropAdmin(ctx context.Context, id ticketing.UserID) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `UPDATE users SET role = 'customer' WHERE id = $1 AND role = 'admin'`, int64(id))
		if err == nil && done.RowsAffected() == 0 {
			err = ticketing.ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1`, int64(id))
		return err
	})
	if err != nil {
		return fmt.Errorf("making admin %d a customer: %w", id, err)
	}
	return nil
}

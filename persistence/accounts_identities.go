package persistence

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// UserByIdentity finds the account of somebody another service knows; ticketing.ErrNotFound when there is none.
func (db *DB) UserByIdentity(ctx context.Context, who ticketing.Identity) (ticketing.User, error) {
	u, err := one(ctx, db, scanUser, selectUser+`JOIN identities i ON i.user_id = u.id WHERE i.provider = $1 AND i.subject = $2`,
		who.Provider, who.Subject)
	if err != nil {
		return ticketing.User{}, fmt.Errorf("looking for an identity of %s: %w", who.Provider, err)
	}
	return u, nil
}

// CreateUserWith is CreateUser for somebody with an identity, both or neither. ticketing.ErrEmailTaken, ErrIdentityTaken.
func (db *DB) CreateUserWith(ctx context.Context, u ticketing.User, who ticketing.Identity) (id ticketing.UserID, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if id, err = db.insertUser(ctx, tx, u); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertIdentity, who.Provider, who.Subject, int64(id))
		return taken(err)
	})
	if err != nil {
		return 0, fmt.Errorf("creating an account for an identity of %s: %w", who.Provider, err)
	}
	return id, nil
}

const insertIdentity = `INSERT INTO identities (provider, subject, user_id) VALUES ($1, $2, $3)`

// LinkIdentity gives an account an identity; again is nothing. ticketing.ErrIdentityTaken when it is another
// account's, or the account has another of this provider; ticketing.ErrNotFound when there is no such account.
func (db *DB) LinkIdentity(ctx context.Context, id ticketing.UserID, who ticketing.Identity) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		known, err := tx.Exec(ctx, `SELECT FROM users WHERE id = $1 AND withdrawn_at IS NULL FOR UPDATE`, int64(id))
		if err == nil && known.RowsAffected() == 0 {
			err = ticketing.ErrNotFound
		}
		if err != nil {
			return err
		}
		same, err := tx.Exec(ctx, `SELECT FROM identities WHERE provider = $1 AND subject = $2 AND user_id = $3`,
			who.Provider, who.Subject, int64(id))
		if err != nil || same.RowsAffected() > 0 {
			return err
		}
		_, err = tx.Exec(ctx, insertIdentity, who.Provider, who.Subject, int64(id))
		return taken(err)
	})
	if err != nil {
		return fmt.Errorf("linking account %d with %s: %w", id, who.Provider, err)
	}
	return nil
}

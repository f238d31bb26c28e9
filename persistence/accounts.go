package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// bulkTimeout is for statements that carry a hundred thousand rows.
const bulkTimeout = 60 * time.Second

// CreateUser adds an account; ID and CreatedAt of u are not looked at. It returns ticketing.ErrEmailTaken when
// there is one with this e-mail, which must be in lower case.
func (db *DB) CreateUser(ctx context.Context, u ticketing.User) (ticketing.UserID, error) {
	var id ticketing.UserID
	err := db.pool.QueryRow(ctx, `
		INSERT INTO users (email, name, password_hash, role) VALUES ($1, $2, $3, $4) RETURNING id`,
		u.Email, u.Name, u.PasswordHash, string(u.Role)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("creating an account: %w", emailTaken(err))
	}
	return id, nil
}

// CreateUsers adds many accounts at once, all or none, and returns their ids in the same order. A zero CreatedAt
// means now.
func (db *DB) CreateUsers(ctx context.Context, users []ticketing.User) ([]ticketing.UserID, error) {
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
		columns := []string{"id", "email", "name", "password_hash", "role", "created_at"}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"users"}, columns, pgx.CopyFromSlice(len(users), func(i int) ([]any, error) {
			u := users[i]
			if u.CreatedAt.IsZero() {
				u.CreatedAt = now
			}
			return []any{int64(ids[i]), u.Email, u.Name, u.PasswordHash, string(u.Role), u.CreatedAt}, nil
		}))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating %d accounts: %w", len(users), emailTaken(err))
	}
	return ids, nil
}

func emailTaken(err error) error {
	if hasCode(err, "23505") { // unique
		return ticketing.ErrEmailTaken
	}
	return err
}

// UserByEmail finds an account by its e-mail in lower case; ticketing.ErrNotFound when there is none.
func (db *DB) UserByEmail(ctx context.Context, email string) (ticketing.User, error) {
	u, err := one(ctx, db, scanUser, `
		SELECT id, email, name, password_hash, role, created_at FROM users WHERE email = $1`, email)
	if err != nil {
		return ticketing.User{}, fmt.Errorf("looking for an account: %w", err)
	}
	return u, nil
}

func scanUser(r pgx.CollectableRow) (ticketing.User, error) {
	var u ticketing.User
	err := r.Scan(&u.ID, &u.Email, &u.Name, &u.PasswordHash, &u.Role, &u.CreatedAt)
	return u, err
}

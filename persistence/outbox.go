package persistence

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// MaxOutbox is how many messages the outbox keeps; older ones go.
const MaxOutbox = 200

// KeepMessage puts a message into the outbox; ID and At of m are not looked at.
func (db *DB) KeepMessage(ctx context.Context, m ticketing.Message) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var id int64
		err := tx.QueryRow(ctx, `INSERT INTO outbox (recipient, subject, body) VALUES ($1, $2, $3) RETURNING id`,
			m.To, m.Subject, m.Body).Scan(&id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM outbox WHERE id <= $1`, id-MaxOutbox)
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping a message: %w", err)
	}
	return nil
}

// Outbox lists all messages there are, at most MaxOutbox, newest first.
func (db *DB) Outbox(ctx context.Context) ([]ticketing.Message, error) {
	list, err := many(ctx, db, func(r pgx.CollectableRow) (ticketing.Message, error) {
		var m ticketing.Message
		err := r.Scan(&m.ID, &m.At, &m.To, &m.Subject, &m.Body)
		return m, err
	}, `SELECT id, at, recipient, subject, body FROM outbox ORDER BY id DESC LIMIT $1`, MaxOutbox)
	if err != nil {
		return nil, fmt.Errorf("listing the outbox: %w", err)
	}
	return list, nil
}

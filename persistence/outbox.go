package persistence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// MaxOutbox is how many messages the outbox keeps; older ones go.
const MaxOutbox = 200

// KeepMessage puts a message into the outbox, once for each name; ID and At of m are not looked at.
func (db *DB) KeepMessage(ctx context.Context, m ticketing.Message) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var id int64
		err := tx.QueryRow(ctx, `
			INSERT INTO outbox (channel, name, recipient, subject, body, html) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (name) DO NOTHING RETURNING id`,
			string(m.Channel), nullable(m.Name), m.To, m.Subject, m.Body, m.HTML).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for i, f := range m.Files {
			batch.Queue(`INSERT INTO outbox_files (message, number, name, type, body) VALUES ($1, $2, $3, $4, $5)`, id, i, f.Name, f.Type, f.Body)
		}
		batch.Queue(`DELETE FROM outbox WHERE id <= $1`, id-MaxOutbox)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("keeping a message: %w", err)
	}
	return nil
}

// Outbox lists all messages there are, at most MaxOutbox, newest first. Their files come without bodies.
func (db *DB) Outbox(ctx context.Context) ([]ticketing.Message, error) {
	list, err := many(ctx, db, func(r pgx.CollectableRow) (ticketing.Message, error) {
		var m ticketing.Message
		var names, types []string
		err := r.Scan(&m.ID, &m.At, &m.Channel, &m.Name, &m.To, &m.Subject, &m.Body, &m.HTML, &names, &types)
		for i := range names {
			m.Files = append(m.Files, ticketing.File{Name: names[i], Type: types[i]})
		}
		return m, err
	}, `SELECT o.id, o.at, o.channel, coalesce(o.name, ''), o.recipient, o.subject, o.body, o.html,
	           coalesce(array_agg(f.name ORDER BY f.number) FILTER (WHERE f.name IS NOT NULL), '{}'),
	           coalesce(array_agg(f.type ORDER BY f.number) FILTER (WHERE f.name IS NOT NULL), '{}')
	      FROM (SELECT * FROM outbox ORDER BY id DESC LIMIT $1) o LEFT JOIN outbox_files f ON f.message = o.id
	     GROUP BY o.id, o.at, o.channel, o.name, o.recipient, o.subject, o.body, o.html ORDER BY o.id DESC`, MaxOutbox)
	if err != nil {
		return nil, fmt.Errorf("listing the outbox: %w", err)
	}
	return list, nil
}

// OutboxFile is a file of a message in the outbox, counted from 0; ticketing.ErrNotFound when there is none.
func (db *DB) OutboxFile(ctx context.Context, message int64, number int) (ticketing.File, error) {
	f, err := one(ctx, db, pgx.RowToStructByPos[ticketing.File], `SELECT name, type, body FROM outbox_files WHERE message = $1 AND number = $2`, message, number)
	if err != nil {
		return f, fmt.Errorf("file %d of message %d: %w", number, message, err)
	}
	return f, nil
}

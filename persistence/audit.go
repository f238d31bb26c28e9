package persistence

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// Audit adds a line about what an admin does, durable when it returns, and names it. ID and At of e are not looked
// at. The line of an ended act names the one it began with; 0: it begins, or it only looked.
func (db *DB) Audit(ctx context.Context, e ticketing.AuditEntry, begun int64) (id int64, err error) {
	err = db.pool.QueryRow(ctx, `
		INSERT INTO audit_log (begun, user_id, operation, targets, status, request_id)
		VALUES (nullif($1::bigint, 0), $2, $3, coalesce($4::jsonb, '{}'), nullif($5::integer, 0), $6) RETURNING id`,
		begun, int64(e.User), e.Operation, e.Targets, e.Status, e.RequestID).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("writing the audit log: %w", err)
	}
	return id, nil
}

// AuditLog lists up to limit entries with ids below before (0: from the newest), newest first; those of one user
// when it is not 0. An act is one entry, with the targets of both its lines and the status it ended with.
func (db *DB) AuditLog(ctx context.Context, user ticketing.UserID, before int64, limit int) ([]ticketing.AuditEntry, error) {
	list, err := many(ctx, db, scanAuditEntry, `
		SELECT a.id, a.at, a.user_id, a.operation, a.targets || coalesce(e.targets, '{}'), coalesce(a.status, e.status, 0), a.request_id
		  FROM audit_log a LEFT JOIN audit_log e ON e.begun = a.id
		 WHERE a.begun IS NULL AND ($1::bigint = 0 OR a.user_id = $1) AND ($2::bigint = 0 OR a.id < $2)
		 ORDER BY a.id DESC LIMIT $3`, int64(user), before, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("listing the audit log: %w", err)
	}
	return list, nil
}

func scanAuditEntry(r pgx.CollectableRow) (ticketing.AuditEntry, error) {
	var e ticketing.AuditEntry
	err := r.Scan(&e.ID, &e.At, &e.User, &e.Operation, &e.Targets, &e.Status, &e.RequestID)
	return e, err
}

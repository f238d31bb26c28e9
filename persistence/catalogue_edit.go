package persistence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/ticketing"
)

// edit is one change of the catalogue: rows, and an event in the stream of each thing they are about, all of it or
// nothing. An event is appended under the lock of its row, so its stream has one writer at a time without an actor.
type edit struct {
	pgx.Tx
	now   ticketing.Millis
	heads map[ticketing.Stream]ticketing.Head // appended
}

// edit runs do in a transaction. Afterwards it tells whoever follows the journal.
func (db *DB) edit(ctx context.Context, do func(*edit) error) error {
	e := &edit{now: ticketing.MillisOf(db.clock()), heads: map[ticketing.Stream]ticketing.Head{}}
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		e.Tx = tx
		return do(e)
	})
	if hasCode(err, "55P03", "40P01") { // somebody else holds a row for too long, or waits for one of ours
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	if err != nil {
		return err
	}
	if told := db.onEdit.Load(); told != nil {
		for s, head := range e.heads {
			(*told)(s, head)
		}
	}
	return nil
}

// OnEdit names who is told of every event that the catalogue has appended, as JournalOptions.OnCommit is of the
// machines': a hint, which must not block.
func (db *DB) OnEdit(told func(ticketing.Stream, ticketing.Head)) { db.onEdit.Store(&told) }

// lockSQL takes a row until the edit is over, and reads its version.
var lockSQL = map[ticketing.Noun]string{
	ticketing.NounHall:        `SELECT version FROM halls WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`,
	ticketing.NounPerformer:   `SELECT version FROM performers WHERE id = $1 FOR UPDATE`,
	ticketing.NounPerformance: `SELECT version FROM performances WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`,
	ticketing.NounRound:       `SELECT version FROM rounds WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`,
	ticketing.NounReview:      `SELECT version FROM reviews WHERE id = $1 FOR UPDATE`,
}

// lock takes the thing's row. It returns ticketing.ErrNotFound when there is none, and refuses another version than
// the one expected. Who needs several rows takes them in this order: performance, review, hall, round.
func (e *edit) lock(ctx context.Context, noun ticketing.Noun, id, expected int64) error {
	var version int64
	err := e.QueryRow(ctx, lockSQL[noun], id).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return ticketing.ErrNotFound
	}
	if err == nil && expected != ticketing.AnyVersion && expected != version {
		return &ticketing.Refusal{Code: ticketing.CodeChangedMeanwhile, Detail: fmt.Sprintf("Version %d has become version %d.", expected, version)}
	}
	return err
}

func (e *edit) saved(ctx context.Context, noun ticketing.Noun, id int64) error {
	return e.append(ctx, ticketing.CatalogueStream(noun, id), ticketing.CatalogueSaved{})
}

func (e *edit) deleted(ctx context.Context, noun ticketing.Noun, id int64) error {
	return e.append(ctx, ticketing.CatalogueStream(noun, id), ticketing.CatalogueDeleted{})
}

// append writes one event to the stream; the caller has the lock of its row, or has just made it.
func (e *edit) append(ctx context.Context, s ticketing.Stream, fact ticketing.Fact) error {
	last, at, err := e.head(ctx, s)
	if err != nil {
		return err
	}
	return e.chunk(ctx, s, last, []ticketing.Event{{At: max(e.now, at), Fact: fact}})
}

// chunk appends events to a stream after its last chunk.
func (e *edit) chunk(ctx context.Context, s ticketing.Stream, last ticketing.Head, events []ticketing.Event) error {
	head := ticketing.Head{From: last.To + 1, To: last.To + uint64(len(events))}
	rand.Read(head.Writer[:]) // never fails
	payload := ticketing.ChunkPayload(len(events), ticketing.EncodeEvents(nil, events))
	_, err := e.Exec(ctx, `
		INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(s), int64(head.From), int64(head.To), int64(last.From), uuidOf(last.Writer), uuidOf(head.Writer), payload)
	if err != nil {
		return fmt.Errorf("appending to %s: %w", s, err)
	}
	e.heads[s] = head
	return nil
}

// head is the stream's last chunk and the time of its last event. A stream that is new gets its row.
func (e *edit) head(ctx context.Context, s ticketing.Stream) (head ticketing.Head, at ticketing.Millis, err error) {
	var writer pgtype.UUID
	var payload []byte
	err = e.QueryRow(ctx, `SELECT from_seq, to_seq, writer, payload FROM journal WHERE stream = $1 ORDER BY from_seq DESC LIMIT 1`,
		string(s)).Scan(&head.From, &head.To, &writer, &payload)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = e.Exec(ctx, `INSERT INTO streams (stream) VALUES ($1)`, string(s))
		return ticketing.Head{}, 0, err
	}
	if err != nil {
		return head, 0, err
	}
	head.Writer = writer.Bytes
	events, err := ticketing.DecodeChunk(payload)
	if err == nil && len(events) > 0 {
		at = events[len(events)-1].At
	}
	return head, at, err
}

// existsSQL asks for a row that has not been deleted.
var existsSQL = map[ticketing.Noun]string{
	ticketing.NounHall:        `SELECT EXISTS (SELECT FROM halls WHERE id = $1 AND deleted_at IS NULL)`,
	ticketing.NounPerformer:   `SELECT EXISTS (SELECT FROM performers WHERE id = $1)`,
	ticketing.NounPerformance: `SELECT EXISTS (SELECT FROM performances WHERE id = $1 AND deleted_at IS NULL)`,
	ticketing.NounRound:       `SELECT EXISTS (SELECT FROM rounds WHERE id = $1 AND deleted_at IS NULL)`,
	ticketing.NounReview:      `SELECT EXISTS (SELECT FROM reviews WHERE id = $1)`,
}

// InCatalogue tells whether the thing is there and not deleted.
func (db *DB) InCatalogue(ctx context.Context, noun ticketing.Noun, id int64) (bool, error) {
	found, err := one(ctx, db, pgx.RowTo[bool], existsSQL[noun], id)
	if err != nil {
		return false, fmt.Errorf("looking for %s: %w", ticketing.CatalogueStream(noun, id), err)
	}
	return found, nil
}

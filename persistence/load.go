package persistence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/ticketing"
)

// loadPage is how many events, and so at most how many chunks, are read per query, so that a long history cannot run into
// the statement timeout. The query names both ends: with LIMIT instead, Postgres sorted all that is left of the stream for
// each page whenever it had no statistics yet.
const loadPage = 32_768

// Load is all that is needed to bring a stream's machine back: the snapshot if it is sound, else nothing, and the
// chunks after it. It returns ticketing.ErrNotFound for a stream that is unknown, retired or of the catalogue, ticketing.ErrFrozen for one that an
// auditor has stopped, and an error when chunks are missing.
func (db *DB) Load(ctx context.Context, s ticketing.Stream) (ticketing.History, error) {
	if _, _, ok := s.Catalogue(); ok { // no machine may be woken on it: it would write where the catalogue does
		return ticketing.History{}, fmt.Errorf("loading %s: %w", s, ticketing.ErrNotFound)
	}
	if err := db.alive(ctx, s); err != nil {
		return ticketing.History{}, fmt.Errorf("loading %s: %w", s, err)
	}
	snapshot, err := db.soundSnapshot(ctx, s)
	if err != nil {
		return ticketing.History{}, err
	}
	return db.loadFrom(ctx, s, snapshot)
}

// alive returns why a stream's machine must not be woken, if it must not. Of an unknown stream the journal will tell.
func (db *DB) alive(ctx context.Context, s ticketing.Stream) error {
	var frozen *string
	retired := false
	err := db.pool.QueryRow(ctx, `SELECT CASE WHEN frozen_at IS NOT NULL THEN coalesce(frozen_reason, '') END, retired_at IS NOT NULL
		FROM streams WHERE stream = $1`, string(s)).Scan(&frozen, &retired)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	case retired:
		return ticketing.ErrNotFound
	case frozen != nil:
		return fmt.Errorf("%w: %s", ticketing.ErrFrozen, *frozen)
	}
	return nil
}

// LoadAll is Load that believes no snapshot: the tail starts at seq 1.
func (db *DB) LoadAll(ctx context.Context, s ticketing.Stream) (ticketing.History, error) {
	return db.loadFrom(ctx, s, nil)
}

func (db *DB) loadFrom(ctx context.Context, s ticketing.Stream, snapshot *ticketing.Snapshot) (ticketing.History, error) {
	h := ticketing.History{Snapshot: snapshot}
	var pages [][]ticketing.Chunk // joined once: a million chunks are too many to be moved whenever a slice grows
	if snapshot != nil {
		h.Head = snapshot.Head
	}
	for more := true; more; {
		after := h.Head.To
		page, err := db.chunks(ctx, s, &h.Head)
		if err != nil {
			return ticketing.History{}, fmt.Errorf("loading %s: %w", s, err)
		}
		pages = append(pages, page)
		more = h.Head.To >= after+loadPage // else the next chunk would have begun within the page
	}
	h.Tail = slices.Concat(pages...)
	if h.Head.To == 0 {
		return ticketing.History{}, fmt.Errorf("loading %s: %w", s, ticketing.ErrNotFound)
	}
	var err error
	h.Plan, err = db.planOfStream(ctx, s)
	return h, err
}

// linkedChunk is a chunk with what its row says of its predecessor.
type linkedChunk struct {
	ticketing.Chunk
	prevFrom   uint64
	prevWriter ticketing.WriterID
}

// follows checks that nothing is missing or doubled between head and the chunk.
func (c linkedChunk) follows(head ticketing.Head) error {
	if c.From != head.To+1 || c.prevFrom != head.From || c.prevWriter != head.Writer {
		return fmt.Errorf("the journal has a gap: chunk %d..%d names a predecessor from %d by %x, but %d..%d by %x comes before it",
			c.From, c.To, c.prevFrom, c.prevWriter, head.From, head.To, head.Writer)
	}
	return nil
}

// chunks is the page of the stream after head, and moves head to its end.
func (db *DB) chunks(ctx context.Context, s ticketing.Stream, head *ticketing.Head) ([]ticketing.Chunk, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT from_seq, to_seq, writer, payload, prev_from, prev_writer FROM journal
		 WHERE stream = $1 AND from_seq > $2 AND from_seq <= $3 ORDER BY from_seq`,
		string(s), int64(head.To), int64(head.To+loadPage))
	if err != nil {
		return nil, err
	}
	var page []ticketing.Chunk
	var payloads arena
	var c linkedChunk
	var writer, prevWriter pgtype.UUID
	var payload pgtype.DriverBytes // the connection's own memory, good until the next row
	_, err = pgx.ForEachRow(rows, []any{&c.From, &c.To, &writer, &payload, &c.prevFrom, &prevWriter}, func() error {
		c.Writer, c.prevWriter, c.Payload = writer.Bytes, prevWriter.Bytes, payloads.keep(payload)
		if err := c.follows(*head); err != nil {
			return err
		}
		page = append(page, c.Chunk)
		*head = ticketing.Head{From: c.From, To: c.To, Writer: c.Writer}
		return nil
	})
	return page, err
}

// arena keeps many small byte slices in few large ones.
type arena struct{ free []byte }

const arenaBlock = 64 << 10 // bytes

func (a *arena) keep(b []byte) []byte {
	if len(b) > cap(a.free)-len(a.free) {
		a.free = make([]byte, 0, max(arenaBlock, len(b)))
	}
	at := len(a.free)
	a.free = append(a.free, b...)
	return a.free[at:len(a.free):len(a.free)]
}

// planOfStream is the seat layout a round's machine needs; nil for other streams.
func (db *DB) planOfStream(ctx context.Context, s ticketing.Stream) (*ticketing.Plan, error) {
	id, ok := s.Round()
	if !ok {
		return nil, nil
	}
	var hash []byte
	err := db.pool.QueryRow(ctx, `SELECT plan_hash FROM rounds WHERE id = $1`, int64(id)).Scan(&hash)
	if errors.Is(err, pgx.ErrNoRows) { // not ErrNotFound: the stream is there, its round is not
		return nil, fmt.Errorf("loading %s: the journal has a stream whose round is not in the catalogue", s)
	}
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", s, err)
	}
	return db.Plan(ctx, ticketing.Hash(hash))
}

// soundSnapshot is the stream's snapshot if it can be trusted. One that cannot is reported in the log and nil is
// returned: the journal has everything.
func (db *DB) soundSnapshot(ctx context.Context, s ticketing.Stream) (*ticketing.Snapshot, error) {
	stored, err := db.Snapshots(ctx, s)
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	snapshot := stored[0]
	var flaw string
	switch {
	case snapshot.Version != ticketing.SnapshotVersion:
		flaw = "written by another version"
	case sha256.Sum256(snapshot.State) != snapshot.Hash:
		flaw = "damaged"
	default:
		known, err := db.hasChunk(ctx, s, snapshot.Head)
		if err != nil {
			return nil, err
		}
		if known {
			return &snapshot, nil
		}
		flaw = "of a state the journal does not know"
	}
	db.log.Warn("snapshot ignored, replaying the whole stream", "stream", s, "seq", snapshot.Seq, "flaw", flaw)
	return nil, nil
}

func (db *DB) hasChunk(ctx context.Context, s ticketing.Stream, h ticketing.Head) (bool, error) {
	var found bool
	err := db.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM journal WHERE stream = $1 AND from_seq = $2 AND to_seq = $3 AND writer = $4)`,
		string(s), int64(h.From), int64(h.To), uuidOf(h.Writer)).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("checking the snapshot of %s: %w", s, err)
	}
	return found, nil
}

// SaveSnapshot keeps the snapshot unless a newer one of the stream is kept. The caller answers for its being of
// durable state only.
func (db *DB) SaveSnapshot(ctx context.Context, s ticketing.Snapshot) error {
	if s.Seq == 0 || s.Seq != s.Head.To {
		return fmt.Errorf("saving a snapshot of %s: seq %d is not the end of chunk %d..%d", s.Stream, s.Seq, s.Head.From, s.Head.To)
	}
	_, err := db.pool.Exec(ctx, `
		INSERT INTO snapshots AS kept (stream, seq, head_from, head_writer, version, hash, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (stream) DO UPDATE
		   SET seq = excluded.seq, head_from = excluded.head_from, head_writer = excluded.head_writer,
		       version = excluded.version, hash = excluded.hash, state = excluded.state, at = clock_timestamp()
		 WHERE excluded.seq > kept.seq`,
		string(s.Stream), int64(s.Seq), int64(s.Head.From), uuidOf(s.Head.Writer), s.Version, s.Hash[:], s.State)
	if err != nil {
		return fmt.Errorf("saving a snapshot of %s: %w", s.Stream, err)
	}
	return nil
}

// Snapshots are the stream's kept snapshots as they are stored, sound or not, newest first. Today there is at most
// one.
func (db *DB) Snapshots(ctx context.Context, s ticketing.Stream) ([]ticketing.Snapshot, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT seq, head_from, head_writer, version, hash, state FROM snapshots WHERE stream = $1 ORDER BY seq DESC`, string(s))
	if err != nil {
		return nil, fmt.Errorf("reading snapshots of %s: %w", s, err)
	}
	found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (ticketing.Snapshot, error) {
		snapshot := ticketing.Snapshot{Stream: s}
		var writer pgtype.UUID
		var hash []byte
		err := r.Scan(&snapshot.Seq, &snapshot.Head.From, &writer, &snapshot.Version, &hash, &snapshot.State)
		snapshot.Head.To, snapshot.Head.Writer = snapshot.Seq, writer.Bytes
		copy(snapshot.Hash[:], hash)
		return snapshot, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading snapshots of %s: %w", s, err)
	}
	return found, nil
}

package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/ticketing"
)

// maxChunksRead bounds what is read of one stream at once, besides bytes.
const maxChunksRead = 1024

// nextChunksSQL reads of each stream the chunks that hold events after a seq, until they have $3 bytes together.
// There is always one, if it exists, however large it is.
const nextChunksSQL = `
SELECT s.stream, c.from_seq, c.to_seq, c.writer, c.payload
  FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS s (stream, after, place)
 CROSS JOIN LATERAL (
    SELECT from_seq, to_seq, writer, payload,
           sum(octet_length(payload)) OVER (ORDER BY from_seq) - octet_length(payload) AS bytes_before
      FROM (SELECT from_seq, to_seq, writer, payload FROM journal
             WHERE stream = s.stream AND to_seq > s.after
               AND from_seq >= coalesce((SELECT p.from_seq FROM journal p WHERE p.stream = s.stream AND p.from_seq <= s.after
                                          ORDER BY p.from_seq DESC LIMIT 1), 1)
             ORDER BY from_seq LIMIT $4) page
    ) c
 WHERE c.bytes_before < $3
 ORDER BY s.place, c.from_seq`

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// nextChunks reads on in several streams, about maxBytes in each. Each stream's chunks follow each other.
func nextChunks(ctx context.Context, q querier, streams []ticketing.Stream, after []uint64, maxBytes int) (map[ticketing.Stream][]ticketing.Chunk, error) {
	names, seqs := make(pgtype.FlatArray[string], len(streams)), make(pgtype.FlatArray[int64], len(streams))
	for i, s := range streams {
		names[i], seqs[i] = string(s), int64(after[i])
	}
	rows, err := q.Query(ctx, nextChunksSQL, names, seqs, maxBytes, maxChunksRead)
	if err != nil {
		return nil, err
	}
	found := make(map[ticketing.Stream][]ticketing.Chunk, len(streams))
	var s ticketing.Stream
	var c ticketing.Chunk
	var writer pgtype.UUID
	_, err = pgx.ForEachRow(rows, []any{&s, &c.From, &c.To, &writer, &c.Payload}, func() error {
		c.Writer = writer.Bytes
		found[s] = append(found[s], c)
		c.Payload = nil // the next row's is scanned into memory of its own
		return nil
	})
	return found, err
}

// ChunksAfter reads on in a stream after a seq: some chunks in order, of about maxBytes together but always at
// least one; none when the stream ends there. When the seq lies inside a chunk, that chunk is the first.
func (db *DB) ChunksAfter(ctx context.Context, s ticketing.Stream, after uint64, maxBytes int) ([]ticketing.Chunk, error) {
	found, err := nextChunks(ctx, db.pool, []ticketing.Stream{s}, []uint64{after}, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s after %d: %w", s, after, err)
	}
	return found[s], nil
}

// aheadOf lists streams whose journal is ahead of a mark. The head is asked stream by stream, by the index: given
// the choice the planner reads the whole journal.
const aheadOf = `
SELECT s.stream FROM streams s
 WHERE (SELECT j.to_seq FROM journal j WHERE j.stream = s.stream ORDER BY j.from_seq DESC LIMIT 1) > s.`

// Behind are streams of which something committed has not been relayed, at most limit of them.
func (db *DB) Behind(ctx context.Context, limit int) ([]ticketing.Stream, error) {
	found, err := db.streams(ctx, aheadOf+`relayed_seq ORDER BY s.stream LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("listing streams to be relayed: %w", err)
	}
	return found, nil
}

// Relayed is the last seq of the stream that was noted as relayed. It returns ticketing.ErrNotFound for an unknown
// stream.
func (db *DB) Relayed(ctx context.Context, s ticketing.Stream) (uint64, error) {
	seq, err := one(ctx, db, pgx.RowTo[uint64], `SELECT relayed_seq FROM streams WHERE stream = $1`, string(s))
	if err != nil {
		return 0, fmt.Errorf("how far %s is relayed: %w", s, err)
	}
	return seq, nil
}

// RewindRelayed takes every stream's note of SetRelayed back to the last event older than age, to 0 where there is none
// or when age is 0. No note goes forward: what is older and was never relayed still will be.
func (db *DB) RewindRelayed(ctx context.Context, age time.Duration) error {
	_, err := db.pool.Exec(ctx, `
		UPDATE streams s SET relayed_seq = back.seq
		  FROM (SELECT m.stream, coalesce((SELECT j.to_seq FROM journal j
		                                    WHERE j.stream = m.stream AND $1 > interval '0' AND j.at < now() - $1
		                                    ORDER BY j.from_seq DESC LIMIT 1), 0) AS seq
		          FROM (SELECT stream FROM streams WHERE relayed_seq > 0 ORDER BY stream FOR UPDATE) m) back
		 WHERE s.stream = back.stream AND s.relayed_seq > back.seq`, age)
	if err != nil {
		return fmt.Errorf("taking back what is noted as relayed: %w", err)
	}
	return nil
}

// SetRelayed notes that the stream is relayed up to seq; it never takes a note back. It returns
// ticketing.ErrNotFound for an unknown stream.
func (db *DB) SetRelayed(ctx context.Context, s ticketing.Stream, seq uint64) error {
	tag, err := db.pool.Exec(ctx, `UPDATE streams SET relayed_seq = greatest(relayed_seq, $2) WHERE stream = $1`, string(s), int64(seq))
	if err == nil && tag.RowsAffected() == 0 {
		err = ticketing.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("noting %s as relayed up to %d: %w", s, seq, err)
	}
	return nil
}

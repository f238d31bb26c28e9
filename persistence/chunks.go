package persistence

import (
	"context"
	"fmt"
	"maps"
	"slices"
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

// nextChunks reads on in several streams, about maxBytes in each. Each stream's chunks follow each other. What this
// process has committed a moment ago is still in memory.
func (db *DB) nextChunks(ctx context.Context, q querier, streams []ticketing.Stream, after []uint64, maxBytes int) (map[ticketing.Stream][]ticketing.Chunk, error) {
	found := make(map[ticketing.Stream][]ticketing.Chunk, len(streams))
	var names pgtype.FlatArray[string]
	var seqs pgtype.FlatArray[int64]
	now := time.Now()
	for i, s := range streams {
		chunks, known := db.tail.after(s, after[i], maxBytes, now)
		if len(chunks) > 0 {
			found[s] = chunks
		}
		if !known {
			names, seqs = append(names, string(s)), append(seqs, int64(after[i]))
		}
	}
	if len(names) == 0 {
		return found, nil
	}
	rows, err := q.Query(ctx, nextChunksSQL, names, seqs, maxBytes, maxChunksRead)
	if err != nil {
		return nil, err
	}
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

// ChunksAfter reads on in several streams, in each after a seq: some chunks in order, of about maxBytes together but
// always at least one; none where the stream ends there. When the seq lies inside a chunk, that chunk is the first.
func (db *DB) ChunksAfter(ctx context.Context, after map[ticketing.Stream]uint64, maxBytes int) (map[ticketing.Stream][]ticketing.Chunk, error) {
	streams, seqs := columns(after)
	found, err := db.nextChunks(ctx, db.pool, streams, seqs, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("reading on in %d streams: %w", len(streams), err)
	}
	return found, nil
}

// columns are a map's keys in order, and its values.
func columns(seqs map[ticketing.Stream]uint64) (streams []ticketing.Stream, values []uint64) {
	streams = slices.Sorted(maps.Keys(seqs))
	for _, s := range streams {
		values = append(values, seqs[s])
	}
	return streams, values
}

// aheadOf lists streams whose journal is ahead of a mark. The head is asked stream by stream, by the index: given
// the choice the planner reads the whole journal.
const aheadOf = `
SELECT s.stream FROM streams s
 WHERE (SELECT j.to_seq FROM journal j WHERE j.stream = s.stream ORDER BY j.from_seq DESC LIMIT 1) > s.`

const behindSQL = `
SELECT s.stream, coalesce((SELECT j.to_seq FROM journal j WHERE j.stream = s.stream ORDER BY j.from_seq DESC LIMIT 1) > s.relayed_seq, false)
  FROM streams s WHERE s.stream > $1 ORDER BY s.stream LIMIT $2`

// Behind looks at up to limit streams, those after the given one in the order of their names; "" is before the first. It
// returns those of which something committed has not been relayed, and after which stream to go on; "" when all have been
// looked at.
func (db *DB) Behind(ctx context.Context, after ticketing.Stream, limit int) (behind []ticketing.Stream, next ticketing.Stream, err error) {
	looked := 0
	rows, err := db.pool.Query(ctx, behindSQL, string(after), limit)
	if err == nil {
		var s ticketing.Stream
		var is bool
		_, err = pgx.ForEachRow(rows, []any{&s, &is}, func() error {
			if looked++; looked == limit {
				next = s
			}
			if is {
				behind = append(behind, s)
			}
			return nil
		})
	}
	if err != nil {
		return nil, "", fmt.Errorf("looking for streams to be relayed: %w", err)
	}
	return behind, next, nil
}

// Relayed are the last seqs of streams that were noted as relayed; streams that are not known are left out.
func (db *DB) Relayed(ctx context.Context, streams []ticketing.Stream) (map[ticketing.Stream]uint64, error) {
	marks := make(map[ticketing.Stream]uint64, len(streams))
	rows, err := db.pool.Query(ctx, `SELECT stream, relayed_seq FROM streams WHERE stream = ANY ($1)`, streams)
	if err == nil {
		var s ticketing.Stream
		var seq int64
		_, err = pgx.ForEachRow(rows, []any{&s, &seq}, func() error {
			marks[s] = uint64(seq)
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("how far %d streams are relayed: %w", len(streams), err)
	}
	return marks, nil
}

// rewindPage is how many streams' notes are taken back by one statement.
const rewindPage = 4096

// RewindRelayed takes every stream's note of SetRelayed back to the last event older than age, to 0 where there is none
// or when age is 0. No note goes forward: what is older and was never relayed still will be.
func (db *DB) RewindRelayed(ctx context.Context, age time.Duration) error {
	for after := ""; ; {
		var last string
		var looked int
		err := db.pool.QueryRow(ctx, `
			SELECT coalesce(max(p.stream), ''), count(*)
			  FROM (SELECT stream FROM streams WHERE stream > $1 ORDER BY stream LIMIT $2) p`, after, rewindPage).Scan(&last, &looked)
		if err == nil {
			_, err = db.pool.Exec(ctx, rewindSQL, age, after, last)
		}
		if err != nil {
			return fmt.Errorf("taking back what is noted as relayed: %w", err)
		}
		if looked < rewindPage {
			return nil
		}
		after = last
	}
}

const rewindSQL = `
UPDATE streams s SET relayed_seq = back.seq
  FROM (SELECT m.stream, coalesce((SELECT j.to_seq FROM journal j
                                    WHERE j.stream = m.stream AND $1 > interval '0' AND j.at < now() - $1
                                    ORDER BY j.from_seq DESC LIMIT 1), 0) AS seq
          FROM (SELECT stream FROM streams WHERE stream > $2 AND stream <= $3 AND relayed_seq > 0 ORDER BY stream FOR UPDATE) m) back
 WHERE s.stream = back.stream AND s.relayed_seq > back.seq`

// SetRelayed notes how far streams are relayed; it never takes a note back and passes over streams that are not known. It
// does not wait for the disk: that would cost the buyers' commits, and a note that is lost is made again.
func (db *DB) SetRelayed(ctx context.Context, marks map[ticketing.Stream]uint64) error {
	streams, seqs := columns(marks)
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			UPDATE streams s SET relayed_seq = w.seq
			  FROM (SELECT w.stream, w.seq FROM unnest($1::text[], $2::bigint[]) w (stream, seq) JOIN streams k USING (stream)
			         WHERE k.relayed_seq < w.seq ORDER BY w.stream FOR UPDATE OF k) w
			 WHERE s.stream = w.stream AND s.relayed_seq < w.seq`, streams, seqs)
		return err
	})
	if err != nil {
		return fmt.Errorf("noting %d streams as relayed: %w", len(streams), err)
	}
	return nil
}

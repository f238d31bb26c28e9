package persistence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/ticketing"
)

// fence lets a chunk in only when the writer's last chunk is the stream's last chunk. Not only its bounds are
// compared but its writer: a rival's chunk of equal size has the same bounds.
const fence = `(w.prev_from = 0 AND w.from_seq = 1) OR EXISTS (
    SELECT 1 FROM journal p
     WHERE p.stream = w.stream AND p.from_seq = w.prev_from AND p.to_seq = w.from_seq - 1 AND p.writer = w.prev_writer)`

// flushSQL writes all chunks of a flush. Streams that are not returned are fenced. Rows go in sorted by stream, so
// that two writers of the same streams cannot deadlock.
const flushSQL = `
INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload, at)
SELECT w.stream, w.from_seq, w.to_seq, w.prev_from, w.prev_writer, w.writer, w.payload, clock_timestamp()
  FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::uuid[], $7::bytea[])
       AS w (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload)
 WHERE ` + fence + `
 ORDER BY w.stream COLLATE "C"
ON CONFLICT DO NOTHING
RETURNING stream`

const flushStatement = "flush"

func journalConn(ctx context.Context, db *DB, sql string) (*pgx.Conn, error) {
	conn, err := dedicated(ctx, db.dsn, "ticketblue-journal", map[string]string{
		// On a young table the planner takes reading the whole journal into a hash for cheap, and its cached plan
		// would still do so when the table has grown.
		"enable_seqscan": "off",
		"lock_timeout":   milliseconds(journalLockTimeout),
		"jit":            "off",
		// Arrays of a known length make a plan of their own look cheaper each time, and making it costs more than running it.
		"plan_cache_mode": "force_generic_plan",
	}, db.log)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Prepare(ctx, flushStatement, sql); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

// row is a chunk on its way to the journal.
type row struct {
	a       *activation
	chunk   chunk
	head    ticketing.Head // what the stream's head becomes
	prev    ticketing.Head
	payload []byte // once it has been sent
	written bool
}

// run is the writer's goroutine: the only one that flushes and the only one that notifies.
func (j *Journal) run(ctx context.Context) {
	defer close(j.done)
	var backoff time.Duration
	conn := j.reconnect(ctx, &backoff) // before the first event, which then need not wait for it
	for j.awaitWork(ctx) {
		j.tellOverfull()
		if conn == nil {
			conn = j.reconnect(ctx, &backoff)
		}
		if conn == nil {
			j.dropAll()
			continue
		}
		batch := j.take()
		if len(batch) == 0 {
			continue
		}
		if err := j.flush(ctx, conn, batch); err != nil {
			j.log.Error("journal: flush failed, the outcome is unknown", "streams", len(batch), "err", err)
			j.disconnect(conn)
			conn = nil
			j.dropAll()
			continue
		}
		backoff = 0
	}
	j.retire()
	j.tellOverfull()
	j.dropAll()
	if conn != nil {
		j.disconnect(conn)
	}
}

// awaitWork waits until there is something to do. It returns false when there never will be.
func (j *Journal) awaitWork(ctx context.Context) bool {
	for {
		j.mu.Lock()
		busy, closing := len(j.dirty)+len(j.overfull) > 0, j.closing
		j.mu.Unlock()
		if ctx.Err() != nil || closing && !busy {
			return false
		}
		if busy {
			return true
		}
		select {
		case <-j.work:
		case <-ctx.Done():
		}
	}
}

// reconnect tries once, after the back-off that earlier failures have earned.
func (j *Journal) reconnect(ctx context.Context, backoff *time.Duration) *pgx.Conn {
	if *backoff > 0 {
		pause := time.NewTimer(*backoff)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil
		}
	}
	*backoff = min(max(2**backoff, minBackoff), maxBackoff)
	conn, err := j.connect(ctx, j.sql)
	if err != nil {
		j.log.Error("journal: cannot connect", "retry_in", *backoff, "err", err)
		return nil
	}
	return conn
}

func (j *Journal) disconnect(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	j.mu.Lock()
	if !j.closing {
		j.stats.Lost++
	}
	j.mu.Unlock()
	if err := conn.Close(ctx); err != nil {
		j.log.Debug("journal: closing the connection", "err", err)
	}
}

// take builds the next flush: one chunk of each dirty stream, first come, first served, within the limits. What
// does not fit keeps its place.
func (j *Journal) take() []row {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch := make([]row, 0, min(len(j.dirty), j.opts.MaxFlushChunks))
	var left []*activation
	inBatch := make(map[ticketing.Stream]bool, len(j.dirty))
	bytes, full := 0, false
	for _, a := range j.dirty {
		if a.gone {
			continue
		}
		size := len(a.waiting[0].records)
		full = full || len(batch) > 0 && (bytes+size > j.opts.MaxFlushBytes || len(batch) >= j.opts.MaxFlushChunks)
		if full || inBatch[a.stream] { // two activations of one stream: what is returned must name one of them
			left = append(left, a)
			continue
		}
		inBatch[a.stream] = true
		bytes += size
		batch = append(batch, a.launch())
	}
	j.dirty = left
	return batch
}

func (a *activation) launch() row {
	c := a.waiting[0]
	a.waiting = a.waiting[1:]
	a.inFlight = true
	from := a.head.To + 1
	return row{a: a, chunk: c, prev: a.head, head: ticketing.Head{From: from, To: a.head.To + uint64(c.count), Writer: a.writer}}
}

// flush writes a batch and tells everybody in it. An error means that the connection must go and that the outcome
// of whatever is still in flight is unknown.
func (j *Journal) flush(ctx context.Context, conn *pgx.Conn, batch []row) error {
	ctx, cancel := context.WithTimeout(ctx, j.opts.FlushDeadline)
	defer cancel()
	err := j.write(ctx, conn, batch)
	if isDeadlock(err) { // rolled back for certain: once more
		j.count(func(s *JournalStats) { s.Deadlocks++ })
		err = j.write(ctx, conn, batch)
	}
	if isDeadlock(err) || isDataError(err) {
		return j.flushAlone(ctx, conn, batch, err)
	}
	if err != nil {
		return err
	}
	j.settle(batch)
	return nil
}

// flushAlone writes each stream by itself, so that a bad one fails nobody else.
func (j *Journal) flushAlone(ctx context.Context, conn *pgx.Conn, batch []row, cause error) error {
	j.count(func(s *JournalStats) { s.Split++ })
	j.log.Error("journal: flush refused, writing stream by stream", "streams", len(batch), "err", cause)
	for i := range batch {
		one := batch[i : i+1]
		switch err := j.write(ctx, conn, one); {
		case err == nil:
			j.settle(one)
		case isDeadlock(err) || isDataError(err):
			j.log.Error("journal: chunk refused", "stream", one[0].a.stream, "from", one[0].head.From, "err", err)
			j.drop(one[0].a)
		default:
			return err
		}
	}
	return nil
}

// write runs the statement and marks the rows it wrote.
func (j *Journal) write(ctx context.Context, conn *pgx.Conn, batch []row) error {
	byStream := make(map[ticketing.Stream]*row, len(batch))
	for i := range batch {
		batch[i].written = false
		byStream[batch[i].a.stream] = &batch[i]
	}
	sent := time.Now()
	rows, err := conn.Query(ctx, flushStatement, flushArgs(batch)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		name := rows.RawValues()[0]
		r := byStream[ticketing.Stream(name)]
		if r == nil {
			return fmt.Errorf("postgres returned stream %q, which was not sent", name)
		}
		r.written = true
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	took := time.Since(sent)
	j.count(func(s *JournalStats) { s.Flushes++; s.LastFlush = took })
	return nil
}

// flushArgs are the columns of the rows. FlatArray spares pgx the reflection.
func flushArgs(batch []row) []any {
	n := len(batch)
	streams := make(pgtype.FlatArray[string], n)
	from, to, prevFrom := make(pgtype.FlatArray[int64], n), make(pgtype.FlatArray[int64], n), make(pgtype.FlatArray[int64], n)
	prevWriter, writer := make(pgtype.FlatArray[pgtype.UUID], n), make(pgtype.FlatArray[pgtype.UUID], n)
	payload := make(pgtype.FlatArray[[]byte], n)
	for i := range batch {
		r := &batch[i]
		r.payload = ticketing.ChunkPayload(r.chunk.count, r.chunk.records)
		streams[i] = string(r.a.stream)
		from[i], to[i], prevFrom[i] = int64(r.head.From), int64(r.head.To), int64(r.prev.From)
		prevWriter[i], writer[i] = uuidOf(r.prev.Writer), uuidOf(r.head.Writer)
		payload[i] = r.payload
	}
	return []any{streams, from, to, prevFrom, prevWriter, writer, payload}
}

func uuidOf(w ticketing.WriterID) pgtype.UUID { return pgtype.UUID{Bytes: w, Valid: true} }

func isDeadlock(err error) bool { return hasCode(err, "40P01") }

// isDataError: Postgres will never take these rows (data exception, constraint, size), whatever else is in the
// statement.
func isDataError(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	class := pg.Code[:min(2, len(pg.Code))]
	return class == "22" || class == "23" || class == "54"
}

package persistence

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/ticketing"
)

// The statement with parts of the fence taken out, to see that the tests would notice.
var (
	noFenceSQL    = strings.Replace(flushSQL, fence, "TRUE", 1)
	boundsOnlySQL = strings.Replace(flushSQL, " AND p.writer = w.prev_writer", "", 1)
)

// Which rows the statement lets in, one case after the other on one stream.
func TestFenceStatement(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	conn, err := journalConn(t.Context(), db, flushSQL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	j, s := NewJournal(db, JournalOptions{}), newStream("statement")
	a, b := newWriter(), newWriter()
	none := ticketing.Head{}
	first := ticketing.Head{From: 1, To: 3, Writer: a}
	second := ticketing.Head{From: 4, To: 6, Writer: a}
	for _, c := range []struct {
		name       string
		prev, next ticketing.Head
		want       bool
	}{
		{"no birth but at seq 1", none, ticketing.Head{From: 2, To: 2, Writer: a}, false},
		{"successor of what is not there", first, second, false},
		{"birth", none, first, true},
		{"second birth", none, ticketing.Head{From: 1, To: 3, Writer: b}, false},
		{"second birth, other size", none, ticketing.Head{From: 1, To: 1, Writer: b}, false},
		{"gap", first, ticketing.Head{From: 5, To: 5, Writer: a}, false},
		{"overlap", first, ticketing.Head{From: 3, To: 5, Writer: a}, false},
		{"predecessor begins elsewhere", ticketing.Head{From: 2, To: 3, Writer: a}, second, false},
		{"predecessor of equal size by a rival", ticketing.Head{From: 1, To: 3, Writer: b}, second, false},
		{"successor", first, second, true},
		{"second successor", first, ticketing.Head{From: 4, To: 4, Writer: b}, false},
		{"successor by the next activation", second, ticketing.Head{From: 7, To: 7, Writer: b}, true},
	} {
		batch := []row{{a: &activation{stream: s}, prev: c.prev, head: c.next, chunk: chunk{1, []byte("x")}}}
		if err := j.write(t.Context(), conn, batch); err != nil || batch[0].written != c.want {
			t.Errorf("%s: written %t, want %t (%v)", c.name, batch[0].written, c.want, err)
		}
	}
}

// A deaf owner goes on from the chunk it sent, though a rival's chunk of equal size stands there instead. Only the
// comparison of writers stops it.
func TestDeafOwnerWithARivalOfEqualSize(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		want ticketing.Outcome
	}{
		"fence":               {flushSQL, ticketing.Fenced},
		"bounds without name": {boundsOnlySQL, ticketing.Committed}, // the control: seats sold twice
		"no fence":            {noFenceSQL, ticketing.Committed},    // the control
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, sharedDSN(t))
			swap := func(j *Journal) { j.sql = c.sql }
			ja, jb := startJournal(t, db, JournalOptions{}, swap), startJournal(t, db, JournalOptions{}, swap)
			s, a, b := newStream("deaf"), newWriter(), newWriter()
			la := begin(t, ja, s, a, ticketing.Head{})
			ja.Append(a, 1, []byte("born"))
			born := la.committed(1)

			lb := begin(t, jb, s, b, born)
			ja.Append(a, 2, []byte("aa"))
			la.committed(3)
			jb.Append(b, 2, []byte("bb"))
			lb.expect(ticketing.Fenced)

			lb = begin(t, jb, s, b, ticketing.Head{From: 2, To: 3, Writer: b})
			jb.Append(b, 2, []byte("bb"))
			lb.expect(c.want)
			if broken := violations(t, db, s); (broken > 0) != (c.want == ticketing.Committed) {
				t.Errorf("%d violations", broken)
			}
		})
	}
}

// Two owners of one stream race with chunks of equal size, each going on deaf for one chunk before it reloads.
// Nothing is written on top of what never was, and nothing told is lost. Without the fence it is.
func TestTwoOwners(t *testing.T) {
	for name, c := range map[string]struct {
		sql    string
		broken bool
	}{
		"fence":               {flushSQL, false},
		"bounds without name": {boundsOnlySQL, true}, // the control
		"no fence":            {noFenceSQL, true},    // the control
	} {
		t.Run(name, func(t *testing.T) {
			db, s := openDB(t, sharedDSN(t)), newStream("owners")
			writeStream(t, db, s, 1)
			swap := func(j *Journal) { j.sql = c.sql }
			owners := []*deafOwner{
				{db: db, stream: s, journal: startJournal(t, db, JournalOptions{}, swap), reload: true},
				{db: db, stream: s, journal: startJournal(t, db, JournalOptions{}, swap), reload: true},
			}
			rounds := 150
			if c.broken {
				rounds = 5000 // the first few do, but for the whims of the scheduler
			}
			for round := 0; round < rounds && (!c.broken || violations(t, db, s) == 0); round++ {
				var both sync.WaitGroup
				for _, o := range owners {
					both.Go(func() { o.step(t) })
				}
				both.Wait()
			}
			if n := violations(t, db, s); (n > 0) != c.broken {
				t.Fatalf("%d violations, want some: %t", n, c.broken)
			}
			if !c.broken {
				compareWithJournal(t, db, s, owners)
			}
		})
	}
}

// deafOwner writes chunks of two events. After Fenced it tries once more on top of the chunk that was refused;
// then it reloads.
type deafOwner struct {
	db           *DB
	stream       ticketing.Stream
	journal      *Journal
	writer       ticketing.WriterID
	head         ticketing.Head
	deaf, reload bool
	told         []ticketing.Head // durable, it was told
	fenced       int
}

func (o *deafOwner) step(t *testing.T) {
	if o.reload {
		o.head, o.writer, o.reload = lastHead(t, o.db, o.stream), newWriter(), false
	}
	l := begin(t, o.journal, o.stream, o.writer, o.head)
	o.journal.Append(o.writer, 2, []byte("xx"))
	c := <-l.commits
	switch {
	case c.Outcome == ticketing.Committed:
		o.told = append(o.told, c.Head)
		o.head, o.deaf = c.Head, false
	case o.deaf:
		o.deaf, o.reload = false, true
		o.fenced++
	default:
		o.deaf = true
		o.head = ticketing.Head{From: o.head.To + 1, To: o.head.To + 2, Writer: o.writer}
		o.fenced++
	}
}

// compareWithJournal: all that owners were told is there, and nothing else but the birth.
func compareWithJournal(t *testing.T, db *DB, s ticketing.Stream, owners []*deafOwner) {
	t.Helper()
	written := map[ticketing.Head]bool{}
	for _, c := range history(t, db, s).Tail {
		written[ticketing.Head{From: c.From, To: c.To, Writer: c.Writer}] = true
	}
	told, fenced := 0, 0
	for _, o := range owners {
		told, fenced = told+len(o.told), fenced+o.fenced
		for _, h := range o.told {
			if !written[h] {
				t.Errorf("told %+v, which is not in the journal", h)
			}
		}
	}
	if len(written) != 1+told || fenced == 0 {
		t.Errorf("%d chunks written, %d told, %d fenced", len(written), told, fenced)
	}
}

// lastHead reads the end of a stream that may be broken.
func lastHead(t *testing.T, db *DB, s ticketing.Stream) (h ticketing.Head) {
	var writer pgtype.UUID
	err := db.pool.QueryRow(context.Background(), `
		SELECT from_seq, to_seq, writer FROM journal WHERE stream = $1 ORDER BY from_seq DESC LIMIT 1`, string(s)).Scan(&h.From, &h.To, &writer)
	if err != nil {
		t.Error(err)
	}
	h.Writer = writer.Bytes
	return h
}

// violations counts chunks that rest on something else than the chunk before them.
func violations(t *testing.T, db *DB, s ticketing.Stream) (n int) {
	t.Helper()
	rows, err := db.pool.Query(t.Context(), `
		SELECT from_seq, to_seq, writer, prev_from, prev_writer FROM journal WHERE stream = $1 ORDER BY from_seq`, string(s))
	if err != nil {
		t.Fatal(err)
	}
	var head ticketing.Head
	var c linkedChunk
	var writer, prevWriter pgtype.UUID
	_, err = pgx.ForEachRow(rows, []any{&c.From, &c.To, &writer, &c.prevFrom, &prevWriter}, func() error {
		c.Writer, c.prevWriter = writer.Bytes, prevWriter.Bytes
		if c.follows(head) != nil {
			n++
		}
		head = ticketing.Head{From: c.From, To: c.To, Writer: c.Writer}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What a fenced activation had appended meanwhile rests on events that never were: it is gone before anything else
// is written.
func TestFencedActivationLosesItsOpenChunk(t *testing.T) {
	dsn := sharedDSN(t)
	db, rival, watcher := openDB(t, dsn), superuser(t, dsn), superuser(t, dsn)
	j := startJournal(t, db, JournalOptions{}, nil)
	s, w, other := newStream("open"), newWriter(), newWriter()
	l := begin(t, j, s, w, ticketing.Head{})
	j.Append(w, 1, []byte("born"))
	l.committed(1)

	tx, err := rival.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, `INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload) VALUES ($1, 2, 3, 1, $2, $3, 'rr')`,
		string(s), uuidOf(w), uuidOf(other))
	j.Append(w, 2, []byte("xx")) // waits for the rival's row
	eventually(t, "the flush waits for the rival", func() bool { return flushWaits(t, watcher) })
	j.Append(w, 2, []byte("yy")) // the open chunk
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.expect(ticketing.Fenced)
	j.Append(w, 2, []byte("zz"))
	closeJournal(t, j)
	l.silent()
	if h := history(t, db, s); len(h.Tail) != 2 || h.Head.Writer != other {
		t.Errorf("history %+v", h)
	}
}

// Rows go in sorted by stream: with one in the middle held up by a rival, those before it are in and those after it
// are not.
func TestRowsGoInSorted(t *testing.T) {
	dsn := freshDSN(t)
	db, rival, third, watcher := openDB(t, dsn), superuser(t, dsn), superuser(t, dsn), superuser(t, dsn)
	const insert = `INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload) VALUES ($1, 1, 1, 0, $2, $2, 'r')`
	tx, err := rival.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, insert, "m", uuidOf(newWriter()))
	j := newJournal(db, JournalOptions{})
	var listeners []listener
	for _, s := range []ticketing.Stream{"z", "m", "a"} {
		w := newWriter()
		listeners = append(listeners, begin(t, j, s, w, ticketing.Head{}))
		j.Append(w, 1, []byte("x"))
	}
	j.Start()
	defer closeJournal(t, j)
	eventually(t, "the flush waits for m", func() bool { return flushWaits(t, watcher) })

	exec(t, third, "SET lock_timeout = '100ms'")
	for stream, taken := range map[string]bool{"a": true, "z": false} {
		probe, err := third.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := probe.Exec(t.Context(), insert, stream, uuidOf(newWriter())); hasCode(err, "55P03") != taken {
			t.Errorf("%s is in: %t, want %t (%v)", stream, !taken, taken, err)
		}
		rollback(t, probe)
	}
	rollback(t, tx)
	for _, l := range listeners {
		l.committed(1)
	}
}

// Two writers over the same streams, in opposite order: rows go in sorted, so they never deadlock, and of each
// pair one wins.
func TestSortedRowsDoNotDeadlock(t *testing.T) {
	const streams, rounds = 100, 20
	db := openDB(t, sharedDSN(t))
	journals := []*Journal{startJournal(t, db, JournalOptions{}, nil), startJournal(t, db, JournalOptions{}, nil)}
	for range rounds {
		names := make([]ticketing.Stream, streams)
		for i := range names {
			names[i] = newStream("sorted")
		}
		outcomes := make([][]listener, len(journals))
		var both sync.WaitGroup
		for n, j := range journals {
			outcomes[n] = make([]listener, streams)
			both.Go(func() {
				for i := range names {
					if n == 1 {
						i = streams - 1 - i
					}
					w := newWriter()
					outcomes[n][i] = begin(t, j, names[i], w, ticketing.Head{})
					j.Append(w, 1, []byte("x"))
				}
			})
		}
		both.Wait()
		for i := range names {
			a, b := outcomes[0][i].next().Outcome, outcomes[1][i].next().Outcome
			if a+b != ticketing.Committed+ticketing.Fenced {
				t.Fatalf("outcomes %d and %d", a, b)
			}
		}
	}
	for _, j := range journals {
		if s := j.Stats(); s.Deadlocks != 0 || s.Unknown != 0 {
			t.Errorf("stats %+v", s)
		}
	}
}

// On a young table the planner takes reading the whole journal for cheap, and would still do so when it is not.
// The control comes first: left to itself it does, and stays with it.
func TestFlushPlanHasNoScan(t *testing.T) {
	dsn := freshDSN(t)
	db, plain := openDB(t, dsn), superuser(t, dsn)
	if _, err := plain.Prepare(t.Context(), flushStatement, flushSQL); err != nil {
		t.Fatal(err)
	}
	exec(t, plain, "SET plan_cache_mode = force_generic_plan")
	if plan := explainFlush(t, plain); !strings.Contains(plan, "Seq Scan on journal") {
		t.Errorf("no control:\n%s", plan)
	}
	conn, err := journalConn(t.Context(), db, flushSQL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, rows := range []int{0, 50, 5000} { // never analyzed
		exec(t, conn, `
			INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload)
			SELECT 'plan:' || $1::int || ':' || n, 1, 1, 0, gen_random_uuid(), gen_random_uuid(), 'x' FROM generate_series(1, $2) n`,
			rows, rows)
		for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
			exec(t, conn, "SET plan_cache_mode = "+mode)
			plan := explainFlush(t, conn)
			if strings.Contains(plan, "Seq Scan on journal") || strings.Contains(plan, "hashed SubPlan") ||
				!strings.Contains(plan, "Index Cond: ((stream = w.stream)") {
				t.Errorf("%d rows, %s:\n%s", rows, mode, plan)
			}
		}
	}
}

func explainFlush(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	// EXPLAIN EXECUTE of the very statement the writer has prepared.
	const uuids = "ARRAY['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000']::uuid[]"
	rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE `+flushStatement+` (ARRAY['a', 'b'], ARRAY[1, 2], ARRAY[1, 2], ARRAY[0, 1], `+
		uuids+`, `+uuids+`, ARRAY['x', 'y']::bytea[])`, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

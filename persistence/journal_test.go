package persistence

import (
	"bytes"
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

func TestAppendIsDurableWhenTold(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	j := startJournal(t, db, JournalOptions{}, nil)
	s, w := newStream("durable"), newWriter()
	l := begin(t, j, s, w, ticketing.Head{})
	j.Append(w, 2, []byte("ab"))
	first := l.committed(2)
	if want := (ticketing.Head{From: 1, To: 2, Writer: w}); first != want {
		t.Fatalf("head %+v, want %+v", first, want)
	}
	j.Append(w, 3, []byte("cde"))
	second := l.committed(5)

	h := history(t, db, s)
	if len(h.Tail) != 2 || h.Head != second || h.Head.From != 3 {
		t.Fatalf("history %+v", h)
	}
	for i, want := range [][]byte{ticketing.ChunkPayload(2, []byte("ab")), ticketing.ChunkPayload(3, []byte("cde"))} {
		if !bytes.Equal(h.Tail[i].Payload, want) {
			t.Errorf("payload %d is %q, want %q", i, h.Tail[i].Payload, want)
		}
	}
	stats := j.Stats()
	if stats.Chunks != 2 || stats.Events != 5 || stats.Bytes != 5 || stats.Flushes != 2 || stats.LastFlush <= 0 {
		t.Errorf("stats %+v", stats)
	}
}

// What is appended while a flush runs goes to disk together, one row per stream.
func TestGroupCommit(t *testing.T) {
	dsn := sharedDSN(t)
	db, blocker, watcher := openDB(t, dsn), superuser(t, dsn), superuser(t, dsn)
	j := startJournal(t, db, JournalOptions{}, nil)
	streams := []ticketing.Stream{newStream("group"), newStream("group"), newStream("group")}
	writers := make([]ticketing.WriterID, len(streams))
	listeners := make([]listener, len(streams))
	for i, s := range streams {
		writers[i] = newWriter()
		listeners[i] = begin(t, j, s, writers[i], ticketing.Head{})
	}
	j.Append(writers[0], 1, []byte("w")) // so that it is connected
	listeners[0].committed(1)

	tx, err := blocker.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "LOCK TABLE journal IN SHARE MODE")
	j.Append(writers[0], 1, []byte("x"))
	eventually(t, "the first flush waits for the lock", func() bool { return flushWaits(t, watcher) })
	const each = 500
	for range each {
		for _, w := range writers {
			j.Append(w, 1, []byte("y"))
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}

	listeners[0].committed(each + 2)
	for i := range streams[1:] {
		listeners[i+1].committed(each)
	}
	for i, s := range streams {
		if rows := len(history(t, db, s).Tail); rows > 3 || i > 0 && rows != 1 {
			t.Errorf("%s has %d rows", s, rows)
		}
	}
	if n := j.Stats().Flushes; n != 3 {
		t.Errorf("%d flushes, want 3", n)
	}
}

// flushWaits tells whether a journal's statement waits for a lock in this database.
func flushWaits(t testing.TB, watcher *pgx.Conn) bool {
	t.Helper()
	var waits bool
	err := watcher.QueryRow(t.Context(), `
		SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'ticketblue-journal'
		                  AND datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
	if err != nil {
		t.Fatal(err)
	}
	return waits
}

// Chunks are cut between entries, never inside one, and leave in order.
func TestChunkIsCutAtTheByteCap(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	j := newJournal(db, JournalOptions{MaxChunkBytes: 10, MaxFlushBytes: 15})
	s, w := newStream("cut"), newWriter()
	l := begin(t, j, s, w, ticketing.Head{})
	for _, entry := range []string{"aaaa", "bbbb", "cccc", "dddddddddddddddd", "e"} {
		j.Append(w, 2, []byte(entry))
	}
	j.Start()
	defer closeJournal(t, j)
	l.committed(10)

	want := []struct {
		from    uint64
		count   int
		records string
	}{{1, 4, "aaaabbbb"}, {5, 2, "cccc"}, {7, 2, "dddddddddddddddd"}, {9, 2, "e"}}
	tail := history(t, db, s).Tail
	if len(tail) != len(want) {
		t.Fatalf("%d chunks, want %d", len(tail), len(want))
	}
	for i, c := range tail {
		if c.From != want[i].from || !bytes.Equal(c.Payload, ticketing.ChunkPayload(want[i].count, []byte(want[i].records))) {
			t.Errorf("chunk %d: from %d, %q", i, c.From, c.Payload)
		}
	}
}

// A flush is capped in rows and bytes; who does not fit goes next.
func TestFlushIsCapped(t *testing.T) {
	for name, o := range map[string]JournalOptions{
		"rows":  {MaxFlushChunks: 4},
		"bytes": {MaxFlushBytes: 40},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, sharedDSN(t))
			j := newJournal(db, o)
			var listeners []listener
			for range 10 {
				w := newWriter()
				listeners = append(listeners, begin(t, j, newStream("capped"), w, ticketing.Head{}))
				j.Append(w, 1, []byte("0123456789"))
			}
			j.Start()
			defer closeJournal(t, j)
			for _, l := range listeners {
				l.committed(1)
			}
			if n := j.Stats().Flushes; n != 3 { // 4 + 4 + 2
				t.Errorf("%d flushes, want 3", n)
			}
		})
	}
}

// Two activations of one stream in one journal: never in one statement, where the answer could not tell which of
// them was let in.
func TestTwoActivationsOfAStreamInOneJournal(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	j := newJournal(db, JournalOptions{})
	s, a, b := newStream("twice"), newWriter(), newWriter()
	first, second := begin(t, j, s, a, ticketing.Head{}), begin(t, j, s, b, ticketing.Head{})
	j.Append(a, 1, []byte("a"))
	j.Append(b, 1, []byte("b"))
	j.Start()
	defer closeJournal(t, j)
	first.committed(1)
	second.expect(ticketing.Fenced)
	if h := history(t, db, s); h.Head.Writer != a {
		t.Errorf("head %+v", h.Head)
	}
}

func TestUnknownWritersAreDropped(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	j := newJournal(db, JournalOptions{})
	ended, never, alive := newWriter(), newWriter(), newWriter()
	silent := begin(t, j, newStream("ended"), ended, ticketing.Head{})
	j.Append(ended, 1, []byte("x"))
	j.End(ended)
	j.Append(ended, 1, []byte("x"))
	j.Append(never, 1, []byte("x"))
	l := begin(t, j, newStream("alive"), alive, ticketing.Head{})
	j.Append(alive, 1, []byte("x"))
	j.Start()
	defer closeJournal(t, j)
	l.committed(1)
	silent.silent()
	if n := j.Stats().Chunks; n != 1 {
		t.Errorf("%d chunks written, want 1", n)
	}
}

// An activation that appends without end is a bug of the gate; it must not take the others with it.
func TestOverfullActivationIsAnsweredUnknown(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	j := newJournal(db, JournalOptions{MaxQueuedBytes: 10})
	greedy, modest := newWriter(), newWriter()
	s := newStream("greedy")
	g := begin(t, j, s, greedy, ticketing.Head{})
	m := begin(t, j, newStream("modest"), modest, ticketing.Head{})
	for range 3 {
		j.Append(greedy, 1, []byte("01234"))
	}
	j.Append(modest, 1, []byte("01234"))
	j.Start()
	defer closeJournal(t, j)
	m.committed(1)
	g.expect(ticketing.Unknown)
	g.silent()
	if _, err := db.LoadAll(t.Context(), s); err == nil {
		t.Error("something of the greedy activation was written")
	}
}

func TestCloseWritesWhatIsOpen(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	j := newJournal(db, JournalOptions{MaxChunkBytes: 4})
	s, w := newStream("close"), newWriter()
	l := begin(t, j, s, w, ticketing.Head{})
	for range 10 {
		j.Append(w, 1, []byte("xxxx"))
	}
	closeJournal(t, j)
	l.committed(10)
	j.Append(w, 1, []byte("late"))
	if h := history(t, db, s); h.Head.To != 10 {
		t.Errorf("head %+v", h.Head)
	}
	if n := j.Stats(); n.Activations != 0 || n.Waiting != 0 {
		t.Errorf("left over: %+v", n)
	}
}

// With Postgres stuck, Close gives up when told and leaves nobody without an answer.
func TestCloseGivesUp(t *testing.T) {
	dsn := freshDSN(t)
	db, blocker, watcher := openDB(t, dsn), superuser(t, dsn), superuser(t, dsn)
	j := newJournal(db, JournalOptions{})
	w := newWriter()
	l := begin(t, j, newStream("stuck"), w, ticketing.Head{})
	j.Append(w, 1, []byte("x"))
	j.Start()
	l.committed(1)
	tx, err := blocker.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rollback(t, tx)
	exec(t, tx, "LOCK TABLE journal IN SHARE MODE")
	j.Append(w, 1, []byte("x"))
	eventually(t, "the flush waits for the lock", func() bool { return flushWaits(t, watcher) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Close(ctx); err == nil {
		t.Error("Close says that all is written")
	}
	l.expect(ticketing.Unknown)
}

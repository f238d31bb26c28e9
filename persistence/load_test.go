package persistence

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"

	"ticketblue/ticketing"
)

// writeStream makes a stream of chunks with that many events each.
func writeStream(t *testing.T, db *DB, s ticketing.Stream, sizes ...int) (heads []ticketing.Head) {
	t.Helper()
	j := newJournal(db, JournalOptions{})
	j.Start()
	defer closeJournal(t, j)
	w := newWriter()
	l := begin(t, j, s, w, ticketing.Head{})
	for _, n := range sizes {
		j.Append(w, n, make([]byte, n))
		heads = append(heads, l.next().Head)
	}
	return heads
}

func snapshotAt(s ticketing.Stream, head ticketing.Head, state string) ticketing.Snapshot {
	return ticketing.Snapshot{Stream: s, Seq: head.To, Head: head, Version: ticketing.SnapshotVersion,
		Hash: sha256.Sum256([]byte(state)), State: []byte(state)}
}

func TestLoadUnknownStream(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	for _, load := range []func() error{
		func() error { _, err := db.Load(t.Context(), "test:nowhere"); return err },
		func() error { _, err := db.LoadAll(t.Context(), "test:nowhere"); return err },
		func() error { return db.Park(t.Context(), "test:nowhere", 1) },
	} {
		if err := load(); !errors.Is(err, ticketing.ErrNotFound) {
			t.Error(err)
		}
	}
}

// A snapshot is used only when everything about it fits; else the stream is replayed from its birth.
func TestLoadBelievesOnlySoundSnapshots(t *testing.T) {
	dsn := sharedDSN(t)
	db, vandal := openDB(t, dsn), superuser(t, dsn)
	for name, c := range map[string]struct {
		change string
		sound  bool
	}{
		"sound":                      {`UPDATE snapshots SET state = state WHERE stream = $1`, true},
		"damaged":                    {`UPDATE snapshots SET state = set_byte(state, 0, get_byte(state, 0) # 1) WHERE stream = $1`, false},
		"cut off":                    {`UPDATE snapshots SET state = '' WHERE stream = $1`, false},
		"newer version":              {`UPDATE snapshots SET version = version + 1 WHERE stream = $1`, false},
		"older version":              {`UPDATE snapshots SET version = version - 1 WHERE stream = $1`, false},
		"head of another writer":     {`UPDATE snapshots SET head_writer = gen_random_uuid() WHERE stream = $1`, false},
		"head begins elsewhere":      {`UPDATE snapshots SET head_from = head_from - 1 WHERE stream = $1`, false},
		"head ends elsewhere":        {`UPDATE snapshots SET seq = seq + 1 WHERE stream = $1`, false},
		"of a state that was undone": {`UPDATE snapshots SET seq = 100, head_from = 90 WHERE stream = $1`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStream("snapshot")
			heads := writeStream(t, db, s, 1, 2, 3, 4)
			if err := db.SaveSnapshot(t.Context(), snapshotAt(s, heads[1], "state at 3")); err != nil {
				t.Fatal(err)
			}
			exec(t, vandal, c.change, string(s))
			h, err := db.Load(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if h.Head != heads[3] {
				t.Errorf("head %+v, want %+v", h.Head, heads[3])
			}
			if c.sound {
				if h.Snapshot == nil || string(h.Snapshot.State) != "state at 3" || h.Snapshot.Head != heads[1] || len(h.Tail) != 2 || h.Tail[0].From != 4 {
					t.Errorf("history %+v", h)
				}
			} else if h.Snapshot != nil || len(h.Tail) != 4 || h.Tail[0].From != 1 {
				t.Errorf("history %+v", h)
			}
			if all := history(t, db, s); all.Snapshot != nil || len(all.Tail) != 4 {
				t.Errorf("LoadAll: %+v", all)
			}
		})
	}
}

func TestSnapshotAtTheEnd(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	s := newStream("snapshot")
	heads := writeStream(t, db, s, 1, 2)
	if err := db.SaveSnapshot(t.Context(), snapshotAt(s, heads[1], "x")); err != nil {
		t.Fatal(err)
	}
	h, err := db.Load(t.Context(), s)
	if err != nil || h.Snapshot == nil || len(h.Tail) != 0 || h.Head != heads[1] {
		t.Errorf("history %+v, %v", h, err)
	}
}

// The newest snapshot stays, whatever the order in which they arrive.
func TestSaveSnapshotKeepsTheNewest(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	s := newStream("snapshot")
	heads := writeStream(t, db, s, 1, 1, 1)
	for _, i := range []int{1, 0, 2, 1} {
		if err := db.SaveSnapshot(t.Context(), snapshotAt(s, heads[i], string(rune('a'+i)))); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := db.Snapshots(t.Context(), s)
	if err != nil || len(kept) != 1 || kept[0].Seq != 3 || string(kept[0].State) != "c" || kept[0].Hash != sha256.Sum256([]byte("c")) {
		t.Errorf("kept %+v, %v", kept, err)
	}
	wrong := snapshotAt(s, heads[2], "d")
	wrong.Seq = 2
	if err := db.SaveSnapshot(t.Context(), wrong); err == nil {
		t.Error("saved a snapshot in the middle of a chunk")
	}
}

// A stream with a piece missing must not be served as if it were whole.
func TestLoadFindsGaps(t *testing.T) {
	dsn := sharedDSN(t)
	db, vandal := openDB(t, dsn), superuser(t, dsn)
	for name, change := range map[string]string{
		"chunk gone":          `DELETE FROM journal WHERE stream = $1 AND from_seq = 2`,
		"birth gone":          `DELETE FROM journal WHERE stream = $1 AND from_seq = 1`,
		"cut short":           `UPDATE journal SET to_seq = 2 WHERE stream = $1 AND from_seq = 2`,
		"too long":            `UPDATE journal SET to_seq = 4 WHERE stream = $1 AND from_seq = 2`,
		"another writer's":    `UPDATE journal SET writer = gen_random_uuid() WHERE stream = $1 AND from_seq = 2`,
		"predecessor differs": `UPDATE journal SET prev_from = 1 WHERE stream = $1 AND from_seq = 4`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStream("gap")
			writeStream(t, db, s, 1, 2, 3)
			exec(t, vandal, change, string(s))
			if h, err := db.Load(t.Context(), s); err == nil || errors.Is(err, ticketing.ErrNotFound) || !strings.Contains(err.Error(), "gap") {
				t.Errorf("loaded %+v, %v", h, err)
			}
		})
	}
}

// A history longer than a page.
func TestLoadInPages(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	s, w := newStream("long"), newWriter()
	for _, chunks := range []int{loadPage, 2*loadPage + 7} { // the second run adds to the first
		exec(t, db.pool, `
			INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload)
			SELECT $1, n, n, n - 1, CASE WHEN n = 1 THEN $2::uuid ELSE $3::uuid END, $3, 'x' FROM generate_series(1, $4) n
			ON CONFLICT DO NOTHING`, string(s), uuidOf(ticketing.WriterID{}), uuidOf(w), chunks)
		if h := history(t, db, s); len(h.Tail) != chunks || h.Head != (ticketing.Head{From: uint64(chunks), To: uint64(chunks), Writer: w}) {
			t.Errorf("%d chunks, head %+v", len(h.Tail), h.Head)
		}
	}
}

// Whoever froze a stream, it is not loaded any more, and the first reason stays.
func TestFrozenStreamsAreNotLoaded(t *testing.T) {
	db := openDB(t, freshDSN(t))
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	b.commit(t.Context(), 0)
	for _, reason := range []string{"does not fold", "again"} {
		if err := db.Freeze(t.Context(), b.stream, reason); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Load(t.Context(), b.stream); !errors.Is(err, ticketing.ErrFrozen) || !strings.Contains(err.Error(), "does not fold") {
		t.Errorf("loading: %v", err)
	}
	if found, err := db.Frozen(t.Context()); err != nil || len(found) != 1 || found[0].Reason != "does not fold" {
		t.Errorf("frozen: %v, %v", found, err)
	}
}

func TestStreamsParkAndDue(t *testing.T) {
	db := openDB(t, freshDSN(t))
	exec(t, db.pool, `INSERT INTO streams (stream, retired_at) VALUES ('c', NULL), ('a', NULL), ('b', NULL), ('old', now()), ('d', NULL)`)
	for s, at := range map[ticketing.Stream]ticketing.Millis{"a": 3000, "b": 1000, "c": 2000, "d": 0, "old": 1} {
		if err := db.Park(t.Context(), s, at); err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.Streams(t.Context())
	if err != nil || !slices.Equal(all, []ticketing.Stream{"a", "b", "c", "d"}) {
		t.Errorf("streams %v, %v", all, err)
	}
	for _, c := range []struct {
		before ticketing.Millis
		limit  int
		want   []ticketing.Stream
	}{
		{999, 10, nil},
		{1000, 10, []ticketing.Stream{"b"}},
		{5000, 2, []ticketing.Stream{"b", "c"}},
		{5000, 10, []ticketing.Stream{"b", "c", "a"}},
	} {
		if due, err := db.Due(t.Context(), c.before, c.limit); err != nil || !slices.Equal(due, c.want) {
			t.Errorf("due before %d: %v, %v", c.before, due, err)
		}
	}
	// A late note neither takes a time away nor puts it off.
	for s, at := range map[ticketing.Stream]ticketing.Millis{"b": 0, "c": 9000, "a": 500} {
		if err := db.Park(t.Context(), s, at); err != nil {
			t.Fatal(err)
		}
	}
	if due, err := db.Due(t.Context(), 5000, 10); err != nil || !slices.Equal(due, []ticketing.Stream{"a", "b", "c"}) {
		t.Errorf("due %v, %v", due, err)
	}
}

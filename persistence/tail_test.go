package persistence

import (
	"reflect"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// What is still in memory is what Postgres would have said.
func TestTailIsTheJournal(t *testing.T) {
	db, other := openDB(t, sharedDSN(t)), openDB(t, sharedDSN(t))
	j := startJournal(t, db, JournalOptions{}, nil)
	s, w := newStream("tail"), newWriter()
	l := begin(t, j, s, w, ticketing.Head{})
	var head ticketing.Head
	for i, entry := range []string{"abc", "de", "f", "ghij"} {
		j.Append(w, len(entry), []byte(entry))
		head = l.committed(uint64([]int{3, 5, 6, 10}[i]))
	}
	for seq := range uint64(11) {
		for _, maxBytes := range []int{1, 8, 1 << 20} {
			after := map[ticketing.Stream]uint64{s: seq}
			got, err := db.ChunksAfter(t.Context(), after, maxBytes)
			want, errWant := other.ChunksAfter(t.Context(), after, maxBytes)
			if err != nil || errWant != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("after %d, %d bytes: %v, Postgres says %v", seq, maxBytes, got, want)
			}
		}
	}
	if _, known := db.tail.after(s, 0, 1, time.Now()); !known {
		t.Error("nothing was kept")
	}

	// A rival goes on. Once our word that there is no more is old, nobody takes it.
	rival := startJournal(t, other, JournalOptions{}, nil)
	next := newWriter()
	theirs := begin(t, rival, s, next, head)
	rival.Append(next, 2, []byte("xy"))
	theirs.committed(12)
	if _, known := db.tail.after(s, 10, 1, time.Now().Add(tailFresh)); known {
		t.Error("an old tail says that there is no more")
	}
	// Our next chunk comes after theirs: what lies before is not in memory any more.
	mine := newWriter()
	again := begin(t, j, s, mine, ticketing.Head{From: 11, To: 12, Writer: next})
	j.Append(mine, 1, []byte("z"))
	again.committed(13)
	found, err := db.ChunksAfter(t.Context(), map[ticketing.Stream]uint64{s: 10}, 100)
	if got := found[s]; err != nil || len(got) != 2 || got[0].From != 11 {
		t.Errorf("across the rival's chunk: %v, %v", got, err)
	}
}

func TestTailIsBounded(t *testing.T) {
	var kept tail
	now := time.Now()
	payload := make([]byte, 1000)
	streams := []ticketing.Stream{"round:1", "round:2", "round:3"}
	var seq uint64
	for range 2 * tailBytes / len(payload) / len(streams) {
		seq++
		var batch []row
		for _, s := range streams {
			batch = append(batch, row{a: &activation{stream: s}, head: ticketing.Head{From: seq, To: seq}, payload: payload, written: s != "round:3" || seq%2 == 0})
		}
		kept.add(batch, now)
	}
	held := 0
	for _, s := range kept.streams {
		held += len(s.chunks) * (len(payload) + tailOverhead)
	}
	if kept.bytes > tailBytes || held > kept.bytes {
		t.Errorf("%d bytes held, %d counted, of %d", held, kept.bytes, tailBytes)
	}
	if _, known := kept.after("round:1", 0, 1, now); known {
		t.Error("the oldest chunks are still there")
	}
	if got, known := kept.after("round:2", seq-10, 1<<20, now); !known || len(got) != 10 || got[0].From != seq-9 {
		t.Errorf("the newest ten are %d, %v", len(got), known)
	}
}

package persistence

import (
	"sync"
	"time"

	"ticketblue/ticketing"
)

const (
	tailBytes    = 16 << 20        // kept in memory, some seconds of a rush
	tailOverhead = 128             // bytes of a chunk besides its payload
	tailFresh    = 1 * time.Second // after its last chunk a stream's tail is asked whether there is more
)

// tail is the newest chunks that this process has committed: who follows the journal a moment later need not have
// Postgres find, and send back, what was sent there. It is a cache of what is durable and never changes, and knows
// nothing of what others commit. So its word that a stream has no more counts only shortly after a chunk of ours: a
// rival's chunk would fence our next one, the tail would grow no more, and a sweep finds what it lacks.
type tail struct {
	mu      sync.Mutex
	streams map[ticketing.Stream]*streamTail
	oldest  []tailEntry // in order of commits; those before first are gone
	first   int
	bytes   int
}

// streamTail is consecutive chunks of one stream.
type streamTail struct {
	chunks []ticketing.Chunk
	at     time.Time // of the last one's commit
}

type tailEntry struct {
	stream ticketing.Stream
	from   uint64
	bytes  int
}

// add takes in the chunks of a flush that became durable, and lets go of the oldest.
func (t *tail) add(batch []row, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.streams == nil {
		t.streams = map[ticketing.Stream]*streamTail{}
	}
	for _, r := range batch {
		if !r.written {
			continue
		}
		s := t.streams[r.a.stream]
		if s == nil {
			s = &streamTail{}
			t.streams[r.a.stream] = s
		}
		if n := len(s.chunks); n > 0 && s.chunks[n-1].To+1 != r.head.From {
			s.chunks = nil // somebody else's chunks lie between
		}
		s.chunks, s.at = append(s.chunks, ticketing.Chunk{From: r.head.From, To: r.head.To, Writer: r.head.Writer, Payload: r.payload}), now
		size := len(r.payload) + tailOverhead
		t.oldest = append(t.oldest, tailEntry{r.a.stream, r.head.From, size})
		t.bytes += size
	}
	for t.bytes > tailBytes {
		t.drop(t.oldest[t.first])
		t.oldest[t.first] = tailEntry{}
		t.first++
	}
	if t.first > len(t.oldest)/2 {
		t.oldest = append(t.oldest[:0], t.oldest[t.first:]...)
		t.first = 0
	}
}

func (t *tail) drop(e tailEntry) {
	t.bytes -= e.bytes
	s := t.streams[e.stream]
	if s == nil || s.chunks[0].From != e.from {
		return // it went when others' chunks came between
	}
	if s.chunks = s.chunks[1:]; len(s.chunks) == 0 {
		delete(t.streams, e.stream)
	}
}

// after are a stream's chunks that hold events after a seq, as nextChunksSQL finds them. Known is false when only
// Postgres can tell.
func (t *tail) after(s ticketing.Stream, seq uint64, maxBytes int, now time.Time) (found []ticketing.Chunk, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.streams[s]
	if own == nil || own.chunks[0].From > seq+1 {
		return nil, false
	}
	last := own.chunks[len(own.chunks)-1]
	if last.To <= seq {
		return nil, last.To == seq && now.Sub(own.at) < tailFresh
	}
	first := len(own.chunks) - 1
	for first > 0 && own.chunks[first].From > seq+1 {
		first--
	}
	size, end := 0, first
	for end < len(own.chunks) && end-first < maxChunksRead && (size < maxBytes || end == first) {
		size += len(own.chunks[end].Payload)
		end++
	}
	return append(found, own.chunks[first:end]...), true
}

package persistence

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// Limits of the journal writer.
const (
	MaxChunkBytes  = 1 << 20         // of one chunk; a single entry may be larger and is then a chunk of its own
	MaxFlushBytes  = 8 << 20         // of one statement
	MaxFlushChunks = 2048            // rows of one statement
	MaxQueuedBytes = 32 << 20        // of one activation; the gate keeps far below it
	FlushDeadline  = 5 * time.Second // after it the outcome is unknown
	minBackoff     = 50 * time.Millisecond
	maxBackoff     = 1 * time.Second

	// Longer than Postgres takes to look for a deadlock (1 s), so that a deadlock is named as one.
	journalLockTimeout = 3 * time.Second
)

// JournalOptions sets the journal writer's limits; zero values mean the constants above.
type JournalOptions struct {
	MaxChunkBytes  int
	MaxFlushBytes  int
	MaxFlushChunks int
	MaxQueuedBytes int
	FlushDeadline  time.Duration

	// OnCommit is told of every chunk that became durable, by the writer's goroutine after the activation was: it
	// must not block. It is a hint to look into the journal, not to be relied on. Optional.
	OnCommit func(ticketing.Stream, ticketing.Head)
}

func (o *JournalOptions) setDefaults() {
	setDefault(&o.MaxChunkBytes, MaxChunkBytes)
	setDefault(&o.MaxFlushBytes, MaxFlushBytes)
	setDefault(&o.MaxFlushChunks, MaxFlushChunks)
	setDefault(&o.MaxQueuedBytes, MaxQueuedBytes)
	setDefault(&o.FlushDeadline, FlushDeadline)
	if o.OnCommit == nil {
		o.OnCommit = func(ticketing.Stream, ticketing.Head) {}
	}
}

func setDefault[T ~int | ~int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Journal writes every activation's events, one statement at a time. See doc.go for what it promises.
type Journal struct {
	opts    JournalOptions
	log     *slog.Logger
	tail    *tail
	sql     string // a field, so that a test can show what happens without the fence
	connect func(ctx context.Context, sql string) (*pgx.Conn, error)

	work    chan struct{} // capacity 1: there may be something to do
	started sync.Once
	abort   context.CancelFunc // ends the current flush with an unknown outcome
	done    chan struct{}      // closed when the writer goroutine has ended

	mu       sync.Mutex
	writers  map[ticketing.WriterID]*activation
	dirty    []*activation // have a chunk waiting and none in flight; first come, first served
	overfull []*activation // have broken MaxQueuedBytes and are to be told
	closing  bool          // Close has been called: write what there is
	closed   bool          // the goroutine has ended or is about to: nobody would write any more
	stats    JournalStats
}

// activation is one writer of one stream, from Begin until it ends, is fenced, or its outcome is unknown.
type activation struct {
	stream   ticketing.Stream
	writer   ticketing.WriterID
	notify   func(ticketing.Commit)
	head     ticketing.Head // the last durable chunk
	waiting  []chunk        // oldest first; new entries join the last one
	queued   int            // bytes, waiting and in flight
	inFlight bool
	gone     bool // nothing of it is written or told any more
}

// chunk is a row to be: the entries of one stream that go to disk together.
type chunk struct {
	count   int // events
	records []byte
}

// JournalStats counts since the start. Only LastFlush, Activations and Waiting go down again.
type JournalStats struct {
	Flushes     uint64        // statements that were answered
	Chunks      uint64        // rows written
	Events      uint64        // events written
	Bytes       uint64        // payload bytes written
	Fenced      uint64        // activations told so
	Unknown     uint64        // activations told so
	Deadlocks   uint64        // flushes Postgres ended for a deadlock
	Split       uint64        // flushes repeated stream by stream
	Lost        uint64        // connections lost
	LastFlush   time.Duration // from sending the last statement to its answer
	Activations int           // registered now
	Waiting     int           // streams that wait for the next flush now
}

// NewJournal makes a journal writer with a connection of its own. It does nothing before Start.
func NewJournal(db *DB, o JournalOptions) *Journal {
	o.setDefaults()
	return &Journal{
		opts:    o,
		log:     db.log,
		tail:    &db.tail,
		sql:     flushSQL,
		connect: func(ctx context.Context, sql string) (*pgx.Conn, error) { return journalConn(ctx, db, sql) },
		work:    make(chan struct{}, 1),
		abort:   func() {},
		done:    make(chan struct{}),
		writers: map[ticketing.WriterID]*activation{},
	}
}

// Start begins to write. Further calls do nothing.
func (j *Journal) Start() {
	j.started.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		j.abort = cancel
		go j.run(ctx)
	})
}

// Begin registers an activation of stream s whose state ends at head; the zero head means that the stream is new.
// notify is called once per chunk, in order, by the writer's goroutine, which waits for it: it must not block.
// After an outcome other than Committed, and after End, it is not called again.
func (j *Journal) Begin(s ticketing.Stream, w ticketing.WriterID, head ticketing.Head, notify func(ticketing.Commit)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	if old := j.writers[w]; old != nil {
		j.forget(old)
	}
	j.writers[w] = &activation{stream: s, writer: w, head: head, notify: notify}
}

// Append hands over the records of count events that must become durable together. It never blocks and keeps no
// reference to records. What is appended for a writer that is not registered (never begun, ended, fenced), or after Close, is dropped.
func (j *Journal) Append(w ticketing.WriterID, count int, records []byte) {
	j.mu.Lock()
	a := j.writers[w]
	if a == nil || count == 0 {
		j.mu.Unlock()
		return
	}
	if a.queued+len(records) > j.opts.MaxQueuedBytes {
		j.forget(a)
		j.overfull = append(j.overfull, a)
	} else {
		if len(a.waiting) == 0 && !a.inFlight {
			j.dirty = append(j.dirty, a)
		}
		a.join(count, records, j.opts.MaxChunkBytes)
	}
	j.mu.Unlock()
	j.wake()
}

// join adds an entry to the open chunk, or to a new one when it would grow over the limit. Entries are never cut.
func (a *activation) join(count int, records []byte, limit int) {
	a.queued += len(records)
	if n := len(a.waiting); n > 0 && len(a.waiting[n-1].records)+len(records) <= limit {
		open := &a.waiting[n-1]
		open.count += count
		open.records = append(open.records, records...)
		return
	}
	a.waiting = append(a.waiting, chunk{count: count, records: append([]byte(nil), records...)})
}

// End forgets an activation and what it appended that is not on its way yet. Without a word to it.
func (j *Journal) End(w ticketing.WriterID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if a := j.writers[w]; a != nil {
		j.forget(a)
	}
}

// Close writes what has been appended, then stops. When ctx ends first, the rest is answered Unknown.
func (j *Journal) Close(ctx context.Context) error {
	j.Start() // whoever waits for an answer gets one
	j.mu.Lock()
	j.closing = true
	j.mu.Unlock()
	j.wake()
	select {
	case <-j.done:
		j.abort()
		return nil
	case <-ctx.Done():
		j.abort()
		<-j.done
		return ctx.Err()
	}
}

// Stats is a copy of the counters.
func (j *Journal) Stats() JournalStats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Activations, s.Waiting = len(j.writers), len(j.dirty)
	return s
}

func (j *Journal) wake() {
	select {
	case j.work <- struct{}{}:
	default: // the writer has been woken and will look at everything there is
	}
}

// forget takes an activation out of all books; j.mu is held. In dirty it is passed over.
func (j *Journal) forget(a *activation) {
	a.gone = true
	a.waiting = nil
	delete(j.writers, a.writer)
}

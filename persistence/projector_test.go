package persistence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// dump is all that the projector keeps, row by row.
func dump(t testing.TB, db *DB) map[string]string {
	t.Helper()
	tables := map[string]string{}
	for name, sql := range map[string]string{
		"reservations": `SELECT to_jsonb(r) FROM reservations r ORDER BY round, number`,
		"seats":        `SELECT to_jsonb(r) FROM reservation_seats r ORDER BY round, seat`,
		"orders":       `SELECT to_jsonb(r) FROM orders r ORDER BY round, number, attempt`,
		"rounds":       `SELECT to_jsonb(r) FROM round_states r ORDER BY round`,
		"streams":      `SELECT jsonb_build_array(stream, wake_at, projected_seq, effects_seq, frozen_at) FROM streams ORDER BY stream`,
	} {
		rows, err := many(t.Context(), db, pgx.RowTo[json.RawMessage], sql)
		if err != nil {
			t.Fatal(err)
		}
		tables[name] = fmt.Sprintf("%s", rows)
	}
	return tables
}

func sameTables(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s are\n%.2000s, want\n%.2000s", name, got[name], want[name])
		}
	}
}

// busy makes some history: holds, moves, payments, cancellations.
func (b *boxOffice) busy(rounds int) {
	b.t.Helper()
	for i := range rounds {
		user := ticketing.UserID(1 + i%3)
		b.now += 1000
		result := b.tryReserve(user, i%14, i%14+1)
		if result.Code != ticketing.OK {
			b.now += 300_000
			b.act(nil)
			continue
		}
		number := result.Reservation.ID.Number
		if i%4 == 0 {
			b.pay(number)
			b.must(ticketing.CancelReservation{User: user, Number: number})
		} else if i%4 == 1 {
			b.must(ticketing.ReleaseReservation{User: user, Number: number})
		}
	}
}

// ledger is a jobs room: it keeps what was enqueued, in a table, so that a rollback takes it back.
const ledger = `CREATE TABLE ledger (key text NOT NULL)`

func withLedger(db *DB, o ProjectorOptions) ProjectorOptions {
	o.EffectsOf = func(s ticketing.Stream, seq uint64, e ticketing.Event) []ticketing.Job {
		return []ticketing.Job{{Kind: e.Name(), Key: fmt.Sprintf("%s@%d", s, seq), Args: []byte(`{}`)}}
	}
	db.enqueue = func(ctx context.Context, tx pgx.Tx, jobs []ticketing.Job) error {
		for _, j := range jobs {
			if _, err := tx.Exec(ctx, `INSERT INTO ledger (key) VALUES ($1)`, j.Key); err != nil {
				return err
			}
		}
		return nil
	}
	return o
}

// onceEach checks that the job of every event of the rounds is in the ledger, once.
func onceEach(t *testing.T, db *DB, offices []*boxOffice) {
	t.Helper()
	events := 0
	for _, b := range offices {
		events += int(b.head.To)
	}
	var all, different int
	if err := db.pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT key) FROM ledger WHERE key LIKE 'round:%'`).Scan(&all, &different); err != nil {
		t.Fatal(err)
	}
	if all != events || different != events {
		t.Errorf("%d jobs with %d keys for %d events", all, different, events)
	}
}

// Rebuilding gives the same tables and no job twice, also while another projector works.
func TestRebuild(t *testing.T) {
	dsn := freshDSN(t)
	exec(t, superuser(t, dsn), ledger)
	db := openDB(t, dsn)
	var offices []*boxOffice
	for range 3 {
		b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
		b.busy(40)
		b.commit(t.Context(), 0)
		offices = append(offices, b)
	}
	p := startProjector(t, db, withLedger(db, ProjectorOptions{PassBytes: 2000}))
	for _, b := range offices {
		awaitHead(t, p, b)
	}
	want := dump(t, db)
	for range 2 {
		if err := p.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameTables(t, dump(t, db), want)
	}
	for _, b := range offices {
		b.compare(t.Context())
	}
	onceEach(t, db, offices)
}

// Two projectors at once, their sessions terminated again and again while the journal grows: in the end the tables
// are what the journal says, and every job is there once.
func TestRivalsAndTerminatedSessions(t *testing.T) {
	dsn := freshDSN(t)
	exec(t, superuser(t, dsn), ledger)
	db, killer := openDB(t, dsn), superuser(t, dsn)
	o := withLedger(db, ProjectorOptions{PassBytes: 700, PassStreams: 2, PassPause: time.Millisecond, SweepEvery: 5 * time.Millisecond})
	rivals := []*Projector{startProjector(t, db, o), startProjector(t, db, o)}
	var offices []*boxOffice
	for range 4 {
		offices = append(offices, openBoxOffice(t.Context(), t, db, gradedPlan(t)))
	}
	const kills = 20
	var killed atomic.Int64
	var all sync.WaitGroup
	for _, b := range offices {
		all.Go(func() {
			for killed.Load() < kills {
				b.busy(4)
				for len(b.pending) > 0 {
					b.commit(context.Background(), 1+rand.N(5))
				}
				rivals[rand.N(2)].Hint(b.stream)
			}
		})
	}
	all.Go(func() {
		for killed.Load() < kills {
			progress := func() uint64 { return rivals[0].Stats().Events + rivals[1].Stats().Events }
			until := progress() + uint64(rand.N(40))
			eventually(t, "some progress between the kills", func() bool { return progress() >= until })
			tag, err := killer.Exec(context.Background(), `
				SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ticketblue-projector' AND datname = current_database()`)
			if err != nil {
				t.Error(err)
			}
			killed.Add(max(tag.RowsAffected(), 1))
		}
	})
	all.Wait()
	for _, b := range offices {
		awaitHead(t, rivals[0], b)
		b.compare(t.Context())
	}
	onceEach(t, db, offices)
	if s := rivals[0].Stats(); s.Failed == 0 {
		t.Errorf("nothing failed: %+v", s)
	}
}

// Postgres dies and comes back. A pass does not wait for the disk, so some are lost: whole, with marks and jobs.
func TestPostgresDiesUnderTheProjector(t *testing.T) {
	cluster := pgtest.Server(t)
	if err := Migrate(t.Context(), cluster.DSN()); err != nil {
		t.Fatal(err)
	}
	exec(t, superuser(t, cluster.DSN()), ledger)
	db := openDB(t, cluster.DSN())
	p := startProjector(t, db, withLedger(db, ProjectorOptions{PassBytes: 500, PassPause: time.Millisecond}))
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	for range 2 {
		before := p.Stats().Events
		for range 20 {
			b.busy(4)
			b.commit(t.Context(), 0)
			p.Hint(b.stream)
		}
		eventually(t, "it projects", func() bool { return p.Stats().Events > before })
		cluster.Kill()
		cluster.AwaitBack()
		db.pool.Reset()
	}
	p.Hint(b.stream) // what it remembers may have been lost with the server: the table counts
	eventually(t, "all is in the tables again", func() bool {
		at, err := db.Projected(t.Context(), b.stream)
		return err == nil && at == b.head.To
	})
	b.compare(t.Context())
	onceEach(t, db, []*boxOffice{b})
}

// However young the tables are, nothing is read whole: with the planner's first choice a pass over the tables of a
// year would take minutes.
func TestNoTableIsReadWhole(t *testing.T) {
	db := openDB(t, freshDSN(t))
	b := openBoxOffice(t.Context(), t, db, plainPlan(t, 1000))
	p := newHandDriven(t, db, ProjectorOptions{PassBytes: 20_000})
	scans := func() string {
		t.Helper()
		exec(t, p.conn, `SELECT pg_stat_force_next_flush()`)
		counts, err := many(t.Context(), db, pgx.RowTo[string], `
			SELECT relname || ' ' || seq_scan FROM pg_stat_user_tables
			 WHERE relname IN ('journal', 'reservations', 'reservation_seats', 'orders', 'round_states') ORDER BY relname`)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(counts)
	}
	before := scans()
	b.rush(t.Context(), 1000, true)
	p.moveAll(t.Context(), b.stream) // more passes than it takes until plans are kept
	b.write(t.Context(), []ticketing.Event{{At: b.now, Fact: ticketing.RoundCanceled{}}})
	if _, err := p.behind(t.Context(), p.conn); err != nil {
		t.Fatal(err)
	}
	p.moveAll(t.Context(), b.stream)
	if after := scans(); after != before {
		t.Errorf("whole tables were read: %s before, %s after", before, after)
	}
}

// With hints alone, and with sweeps alone.
func TestHintsAndSweeps(t *testing.T) {
	for name, c := range map[string]struct {
		sweep time.Duration
		hints bool
	}{"hints": {time.Hour, true}, "sweeps": {5 * time.Millisecond, false}} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, freshDSN(t))
			b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
			p := startProjector(t, db, ProjectorOptions{SweepEvery: c.sweep})
			o := JournalOptions{}
			if c.hints {
				o.OnCommit = p.OnCommit
			}
			j := startJournal(t, db, o, nil)
			b.writer = newWriter()
			l := begin(t, j, b.stream, b.writer, b.head)
			for i := range 5 {
				b.reserve(ticketing.UserID(1+i), i)
				j.Append(b.writer, len(b.pending), ticketing.EncodeEvents(nil, b.pending))
				b.pending = nil
				b.head = l.committed(b.round.Seq())
				eventually(t, "the tables follow", func() bool {
					at, err := db.Projected(t.Context(), b.stream)
					return err == nil && at == b.head.To
				})
				b.compare(t.Context())
			}
		})
	}
}

func TestAwaitProjected(t *testing.T) {
	db := openDB(t, freshDSN(t))
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	p := startProjector(t, db, ProjectorOptions{SweepEvery: time.Hour, PassPause: time.Hour}) // only who waits makes it move
	b.commit(t.Context(), 0)
	awaitHead(t, p, b)
	for range 3 {
		b.reserve(ticketing.UserID(len(b.users)+1), len(b.users))
		b.commit(t.Context(), 0)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { awaitHead(t, p, b) })
		}
		all.Wait()
		b.compare(t.Context())
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.AwaitProjected(short, b.stream, b.head.To+1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what never comes: %v", err)
	}
	notFound(t, "waiting for an unknown stream", p.AwaitProjected(t.Context(), "round:999999", 1))
	if s := p.Stats(); s.Waiting != 0 || len(p.waiters) != 0 {
		t.Errorf("%d still wait, %v", s.Waiting, p.waiters)
	}
}

// What was committed in any stream is in the tables afterwards, though nobody has named a stream.
func TestAwaitCommitted(t *testing.T) {
	db := openDB(t, freshDSN(t))
	boxes := []*boxOffice{openBoxOffice(t.Context(), t, db, gradedPlan(t)), openBoxOffice(t.Context(), t, db, gradedPlan(t))}
	p := startProjector(t, db, ProjectorOptions{SweepEvery: time.Hour, PassPause: time.Hour}) // only who waits makes it move
	for turn := range 3 {
		for _, b := range boxes {
			b.reserve(ticketing.UserID(turn+1), turn)
			b.commit(t.Context(), 0)
		}
		if err := p.AwaitCommitted(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, b := range boxes {
			if at, err := db.Projected(t.Context(), b.stream); err != nil || at != b.head.To {
				t.Errorf("%s is projected up to %d of %d, %v", b.stream, at, b.head.To, err)
			}
		}
	}
	if s := p.Stats(); s.Waiting != 0 {
		t.Errorf("%d still wait", s.Waiting)
	}
}

// A jobs room that refuses holds its stream up, and only that; nothing is frozen, and nothing is written without
// its jobs.
func TestRefusedJobs(t *testing.T) {
	dsn := freshDSN(t)
	exec(t, superuser(t, dsn), ledger)
	db := openDB(t, dsn)
	bad, good := openBoxOffice(t.Context(), t, db, gradedPlan(t)), openBoxOffice(t.Context(), t, db, gradedPlan(t))
	bad.commit(t.Context(), 0)
	good.commit(t.Context(), 0)
	var refuse atomic.Bool
	refuse.Store(true)
	o := withLedger(db, ProjectorOptions{SweepEvery: 10 * time.Millisecond, Freeze: func(s ticketing.Stream, _ error) { t.Errorf("%s frozen", s) }})
	inner := db.enqueue
	db.enqueue = func(ctx context.Context, tx pgx.Tx, jobs []ticketing.Job) error {
		for _, j := range jobs {
			if refuse.Load() && j.Key == string(bad.stream)+"@2" {
				_, err := tx.Exec(ctx, `INSERT INTO ledger (key) VALUES (NULL)`) // a data error, but not of the stream
				return err
			}
		}
		return inner(ctx, tx, jobs)
	}
	p := startProjector(t, db, o)
	awaitHead(t, p, good)
	eventually(t, "the refusal is noticed", func() bool { return p.Stats().Failed > 1 })
	if at, err := db.Projected(t.Context(), bad.stream); err != nil || at != 0 {
		t.Errorf("projected up to %d, %v", at, err)
	}
	refuse.Store(false)
	awaitHead(t, p, bad)
	onceEach(t, db, []*boxOffice{bad, good})
}

// What cannot be decoded stays where it is and freezes nothing: a newer program may read it.
func TestUnknownEvents(t *testing.T) {
	db := openDB(t, freshDSN(t))
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	p := newHandDriven(t, db, ProjectorOptions{Freeze: func(s ticketing.Stream, _ error) { t.Errorf("%s frozen", s) }})
	p.moveAll(t.Context(), b.stream)
	exec(t, db.pool, `INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload) VALUES ($1, 2, 2, 1, $2, $2, $3)`,
		string(b.stream), uuidOf(b.writer), []byte{1, 1, 0xff, 0x7f})
	p.moveAll(t.Context(), b.stream)
	if at, err := db.Projected(t.Context(), b.stream); err != nil || at != 1 {
		t.Errorf("projected up to %d, %v", at, err)
	}
	if err := p.Rebuild(t.Context()); err == nil {
		t.Error("rebuilding did not name the stream that cannot be read")
	}
}

// More hints than are remembered, and a journal that says it is busy all the time: the tables follow all the same.
func TestManyHintsAndBusy(t *testing.T) {
	db := openDB(t, freshDSN(t))
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	b.busy(20)
	b.commit(t.Context(), 0)
	p := NewProjector(db, ProjectorOptions{Busy: func() bool { return true }, SweepEvery: time.Hour})
	for i := range MaxHints + 10 {
		p.Hint(ticketing.RoundStream(ticketing.RoundID(1_000_000 + i)))
	}
	p.Hint(b.stream) // forgotten
	if s := p.Stats(); s.Hinted != MaxHints || !p.sweep {
		t.Fatalf("stats %+v, sweep %t", s, p.sweep)
	}
	p.opts.PassStreams = MaxHints + 100 // all in one pass, for a busy one rests long
	p.Start()
	awaitHead(t, p, b)
	b.compare(t.Context())
	closeProjector(t, p)
	closeProjector(t, p) // again is no harm
}

// Marks of the relay and of the waker do not wait for a pass.
func TestPassHoldsUpNoOtherMarks(t *testing.T) {
	dsn := freshDSN(t)
	exec(t, superuser(t, dsn), ledger)
	db := openDB(t, dsn)
	b := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	b.commit(t.Context(), 0)
	o := withLedger(db, ProjectorOptions{})
	inside, goOn := make(chan struct{}), make(chan struct{})
	db.enqueue = func(context.Context, pgx.Tx, []ticketing.Job) error {
		close(inside)
		<-goOn
		return nil
	}
	p := startProjector(t, db, o)
	<-inside
	if err := db.SetRelayed(t.Context(), map[ticketing.Stream]uint64{b.stream: 1}); err != nil {
		t.Error(err)
	}
	if err := db.Park(t.Context(), b.stream, saleDay); err != nil {
		t.Error(err)
	}
	close(goOn)
	awaitHead(t, p, b)
	b.compare(t.Context())
}

// A projector that was never started does nothing when it is closed, and nothing after.
func TestCloseBeforeStart(t *testing.T) {
	db := openDB(t, freshDSN(t))
	openBoxOffice(t.Context(), t, db, gradedPlan(t))
	p := NewProjector(db, ProjectorOptions{})
	closeProjector(t, p)
	p.Start()
	closeProjector(t, p)
	if s := p.Stats(); s.Passes != 0 {
		t.Errorf("stats %+v", s)
	}
}

// What is committed while a pass is at work is no backlog: the projector rests before it takes that in, else every
// pass of a rush would be followed by the next at once. A stream of which a pass leaves something is one.
func TestHintsDuringPassAreNoBacklog(t *testing.T) {
	db := openDB(t, freshDSN(t))
	office := openBoxOffice(t.Context(), t, db, gradedPlan(t))
	var h *handDriven
	o := ProjectorOptions{
		EffectsOf: func(s ticketing.Stream, _ uint64, _ ticketing.Event) []ticketing.Job { h.Hint(s); return nil },
	}
	for _, c := range []struct {
		passBytes int
		more      bool
	}{{0, false}, {1, true}} {
		o.PassBytes = c.passBytes
		h = newHandDriven(t, db, o)
		office.busy(10)
		for len(office.pending) > 0 {
			office.commit(t.Context(), 2)
		}
		h.Hint(office.stream)
		_, more, err := h.step(t.Context(), h.conn)
		if err != nil {
			t.Fatal(err)
		}
		if more != c.more || h.Stats().Hinted == 0 {
			t.Errorf("passes of %d bytes: more %v, %d hinted, want %v and some", c.passBytes, more, h.Stats().Hinted, c.more)
		}
	}
}

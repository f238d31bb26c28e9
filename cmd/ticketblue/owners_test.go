package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/actors"
	"ticketblue/persistence"
	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// Two processes believe that they own the same round. Ownership is for liveness only: the fence in the journal's
// INSERT must keep them apart, and the control without it must not.

const (
	rivalSeats   = 1000
	rivalClients = 24
	rivalTries   = 100 // per client
)

type always struct{}

func (always) Valid() bool { return true }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newStore(t *testing.T) *store {
	t.Helper()
	dsn := pgtest.DSN(t)
	if err := persistence.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	db, err := persistence.Open(t.Context(), persistence.Options{DSN: dsn, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return &store{DB: db, dsn: dsn}
}

func newSystem(t *testing.T, journal actors.Journal, own actors.Ownership) *actors.System {
	t.Helper()
	return actors.New(actors.Config{
		Journal: journal, Ownership: own, Log: quiet(), Clock: time.Now, Random: rand.Reader, Metrics: prometheus.NewRegistry(),
	})
}

func fenced(t *testing.T, s *store) journalSide {
	t.Helper()
	j := persistence.NewJournal(s.DB, persistence.JournalOptions{})
	j.Start()
	t.Cleanup(func() {
		if err := j.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return journalSide{j, s.DB}
}

// promise is an acknowledged reservation.
type promise struct {
	id    ticketing.ReservationID
	user  ticketing.UserID
	seats []string
}

// rivalry lets a crowd ask two systems for the same seats and returns what it was promised. Every command makes
// one event, so the rivals' chunks are of equal size again and again.
func rivalry(ctx context.Context, round ticketing.RoundID, labels []string, rivals ...*actors.System) []promise {
	var mu sync.Mutex
	var promises []promise
	var crowd sync.WaitGroup
	for n := range rivalClients {
		crowd.Go(func() {
			random := mathrand.New(mathrand.NewPCG(1, uint64(n)))
			for try := range rivalTries {
				user := ticketing.UserID(n*rivalTries + try + 1)
				key := ticketing.DigestOf(fmt.Sprint(user))
				seats := labels[random.IntN(len(labels)):][:1]
				r := rivals[random.IntN(len(rivals))].Do(ctx, ticketing.RoundStream(round),
					ticketing.ReserveSeats{User: user, Seats: seats, Key: key, Body: key})
				if r.Code != ticketing.OK {
					continue
				}
				mu.Lock()
				promises = append(promises, promise{r.Reservation.ID, user, r.Reservation.Seats})
				mu.Unlock()
			}
		})
	}
	crowd.Wait()
	return promises
}

// duel asks the owners by turns, each until it says yes or that the seat is taken: whoever spoke last has to be
// fenced out first.
func duel(t *testing.T, round ticketing.RoundID, labels []string, rivals ...*actors.System) []promise {
	t.Helper()
	var promises []promise
	again, limit := time.NewTicker(time.Millisecond), time.After(startLimit)
	defer again.Stop()
	for turn := range 20 {
		user := ticketing.UserID(1_000_000 + turn)
		key := ticketing.DigestOf(fmt.Sprint(user))
		cmd := ticketing.ReserveSeats{User: user, Seats: labels[len(labels)-1-turn:][:1], Key: key, Body: key}
		for {
			r := rivals[turn%len(rivals)].Do(t.Context(), ticketing.RoundStream(round), cmd)
			if r.Code == ticketing.OK {
				promises = append(promises, promise{r.Reservation.ID, user, r.Reservation.Seats})
			}
			if r.Code == ticketing.OK || r.Code == ticketing.CodeSeatTaken {
				break
			}
			select {
			case <-again.C:
			case <-limit:
				t.Fatalf("turn %d: still %s", turn, r.Code)
			}
		}
	}
	return promises
}

// violations holds promises against each other and against the journal.
func violations(t *testing.T, s *store, round ticketing.RoundID, promises []promise) int {
	t.Helper()
	found := 0
	bySeat := map[string]ticketing.ReservationID{}
	for _, p := range promises {
		for _, seat := range p.seats {
			if other, twice := bySeat[seat]; twice && other != p.id {
				found++
			}
			bySeat[seat] = p.id
		}
	}
	history, err := s.LoadAll(t.Context(), ticketing.RoundStream(round))
	if err != nil {
		t.Logf("the journal does not load: %v", err)
		return found + 1
	}
	x := refold(ticketing.RoundStream(round), history, nil, readTables{})
	found += len(x.problems)
	live := map[string]reservationReport{}
	for _, v := range x.round.Reservations {
		live[v.ID] = v
	}
	for _, p := range promises {
		if v := live[p.id.String()]; v.User != int64(p.user) || !slices.Equal(v.Seats, p.seats) {
			found++
		}
	}
	return found
}

func TestTwoOwnersAreFenced(t *testing.T) {
	s := newStore(t)
	round, labels := planRound(t, s, rivalSeats)
	one, other := fenced(t, s), fenced(t, s)
	a, b := newSystem(t, one, always{}), newSystem(t, other, always{})
	promises := rivalry(t.Context(), round, labels, a, b)
	promises = append(promises, duel(t, round, labels, a, b)...)
	for _, j := range []journalSide{one, other} {
		if got := j.Stats(); got.Fenced == 0 || got.Events == 0 {
			t.Fatalf("an owner wrote %d events and was fenced %d times: the two have not met", got.Events, got.Fenced)
		}
	}
	if n := violations(t, s, round, promises); n != 0 {
		t.Fatalf("%d violations in %d promises", n, len(promises))
	}
	t.Logf("%d promises by two owners, 0 violations", len(promises))
}

// TestTwoOwnersWithoutTheFence is the control: the same crowd, the same two owners, a journal that takes what it
// is given. If it finds nothing, the test above proves nothing.
func TestTwoOwnersWithoutTheFence(t *testing.T) {
	s := newStore(t)
	round, labels := planRound(t, s, rivalSeats)
	a, b := newSystem(t, newUnfenced(t, s), always{}), newSystem(t, newUnfenced(t, s), always{})
	awaitSpeech(t, a, round) // both have the round in memory before the crowd comes
	awaitSpeech(t, b, round)
	promises := rivalry(t.Context(), round, labels, a, b)
	n := violations(t, s, round, promises)
	if n < 2 { // one is the journal that does not load
		t.Fatalf("no seat sold twice in %d promises: the test for the fence cannot fail", len(promises))
	}
	t.Logf("%d promises by two owners without a fence, %d violations", len(promises), n)
}

// unfenced is a journal without the fence: no predecessor is checked and rows may stand beside each other.
type unfenced struct {
	*persistence.DB
	conn   *pgx.Conn
	mu     sync.Mutex
	head   map[ticketing.WriterID]ticketing.Head
	notify map[ticketing.WriterID]func(ticketing.Commit)
	stream map[ticketing.WriterID]ticketing.Stream
}

func newUnfenced(t *testing.T, s *store) *unfenced {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if _, err := conn.Exec(ctx, `ALTER TABLE journal DROP CONSTRAINT IF EXISTS journal_pkey`); err != nil {
		t.Fatal(err)
	}
	return &unfenced{
		DB: s.DB, conn: conn, head: map[ticketing.WriterID]ticketing.Head{},
		notify: map[ticketing.WriterID]func(ticketing.Commit){}, stream: map[ticketing.WriterID]ticketing.Stream{},
	}
}

func (u *unfenced) Begin(s ticketing.Stream, w ticketing.WriterID, head ticketing.Head, notify func(ticketing.Commit)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.head[w], u.notify[w], u.stream[w] = head, notify, s
}

func (u *unfenced) Append(w ticketing.WriterID, count int, records []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	prev := u.head[w]
	next := ticketing.Head{From: prev.To + 1, To: prev.To + uint64(count), Writer: w}
	u.head[w] = next
	_, err := u.conn.Exec(context.Background(), `
		INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(u.stream[w]), int64(next.From), int64(next.To), int64(prev.From), [16]byte(prev.Writer), [16]byte(w),
		ticketing.ChunkPayload(count, records))
	outcome := ticketing.Committed
	if err != nil {
		outcome = ticketing.Unknown
	}
	u.notify[w](ticketing.Commit{Writer: w, Outcome: outcome, Head: next})
}

func (u *unfenced) End(ticketing.WriterID) {}

// TestOldOwnerIsSilentBeforeTheNextSpeaks ends the session that holds the lock, again and again, until the other
// process has it. From the first answer of the successor on, the old owner must not say anything.
func TestOldOwnerIsSilentBeforeTheNextSpeaks(t *testing.T) {
	s := newStore(t)
	round, _ := planRound(t, s, 10)
	systems := make([]*actors.System, 2)
	var spoke atomic.Int64 // when the old owner was asked what it answered last; ns since begin
	for i := range systems {
		own, err := persistence.Acquire(t.Context(), persistence.OwnershipOptions{DSN: s.dsn, Node: fmt.Sprint("node-", i), Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := own.Release(context.Background()); err != nil && !errors.Is(err, context.Canceled) {
				t.Log(err)
			}
		})
		systems[i] = newSystem(t, fenced(t, s), own)
		if i == 0 {
			awaitSpeech(t, systems[0], round) // it has the lock before the other strives for it
		}
	}
	begin, ctx := time.Now(), t.Context()
	successor := make(chan int64, 1)
	quit := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() { // the old owner, without a break
		for !isClosed(quit) {
			asked := int64(time.Since(begin)) // not when the answer is here: a machine that stalls lets that wait
			if systems[0].Do(ctx, ticketing.RoundStream(round), ticketing.ReadStatus{}).Code == ticketing.OK {
				spoke.Store(asked)
			}
		}
	})
	asking.Go(func() {
		for !isClosed(quit) {
			asked := int64(time.Since(begin))
			if systems[1].Do(ctx, ticketing.RoundStream(round), ticketing.ReadStatus{}).Code == ticketing.OK {
				successor <- asked
				return
			}
		}
	})
	first := endSessionsUntil(t, s.dsn, successor)
	// The old owner goes on being asked for a while after the successor has spoken.
	for range 2000 {
		if systems[0].Do(ctx, ticketing.RoundStream(round), ticketing.ReadStatus{}).Code == ticketing.OK {
			t.Fatal("the old owner answers although the successor has spoken")
		}
	}
	close(quit)
	asking.Wait()
	if last := spoke.Load(); last >= first {
		t.Fatalf("the old owner answered what it was asked at %s, the successor spoke at %s", time.Duration(last), time.Duration(first))
	}
	t.Logf("the old owner's last answer %s before the successor's first", time.Duration(first-spoke.Load()).Round(time.Millisecond))
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func awaitSpeech(t *testing.T, s *actors.System, round ticketing.RoundID) {
	t.Helper()
	again, limit := time.NewTicker(10*time.Millisecond), time.After(startLimit)
	defer again.Stop()
	for s.Do(t.Context(), ticketing.RoundStream(round), ticketing.ReadStatus{}).Code != ticketing.OK {
		select {
		case <-again.C:
		case <-limit:
			t.Fatal("nobody speaks")
		}
	}
}

// endSessionsUntil terminates node 0's lock session as often as it comes back, until the successor has spoken.
func endSessionsUntil(t *testing.T, dsn string, successor chan int64) int64 {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	again, limit := time.NewTicker(20*time.Millisecond), time.After(startLimit)
	defer again.Stop()
	for {
		if _, err := conn.Exec(t.Context(), `
			SELECT pg_terminate_backend(l.pid) FROM pg_locks l, node_owner o
			 WHERE l.locktype = 'advisory' AND l.granted AND o.node = 'node-0'
			   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`); err != nil {
			t.Fatal(err)
		}
		select {
		case at := <-successor:
			return at
		case <-again.C:
		case <-limit:
			t.Fatal("the successor never speaks")
		}
	}
}

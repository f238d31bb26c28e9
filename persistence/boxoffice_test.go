package persistence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// failer is a test, or one run of rapid's.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// saleDay is when the rounds of these tests open.
const saleDay ticketing.Millis = 1_800_000_000_000

// boxOffice is a real round whose events go to the journal, and what it said of every reservation.
type boxOffice struct {
	t       failer
	db      *DB
	round   *ticketing.Round
	id      ticketing.RoundID
	stream  ticketing.Stream
	plan    *ticketing.Plan
	head    ticketing.Head
	writer  ticketing.WriterID
	pending []ticketing.Event // not in the journal yet
	now     ticketing.Millis
	users   map[uint32]ticketing.UserID
	views   map[uint32]ticketing.Reservation // as the machine last showed them: it forgets, the tables do not
	keys    int
}

func gradedPlan(t failer) *ticketing.Plan {
	t.Helper()
	var seats []ticketing.Seat
	for i := range 16 {
		seats = append(seats, ticketing.Seat{Section: "A", Row: "1", Number: i + 1, Grade: i / 8, X: i * 60, Y: 300})
	}
	plan, err := ticketing.NewPlan([]string{"R", "S"}, seats)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func terms(plan *ticketing.Plan) ticketing.Terms {
	const day = 24 * 60 * 60 * 1000
	prices := make([]ticketing.KRW, len(plan.Grades))
	for g := range prices {
		prices[g] = ticketing.KRW(1000 * (g + 1))
	}
	return ticketing.Terms{
		Prices: prices, OpensAt: saleDay, ClosesAt: saleDay + 30*day, StartsAt: saleDay + 31*day,
		HoldMillis: 300_000, PayMillis: 600_000, MaxPerUser: 6, CancelUntil: saleDay + 30*day, CancelFee: 10,
	}
}

// openBoxOffice plans a round and opens its sale.
func openBoxOffice(ctx context.Context, t failer, db *DB, plan *ticketing.Plan) *boxOffice {
	t.Helper()
	hall, err := db.CreateHall(ctx, ticketing.Hall{Name: "Blue Hall"}, plan)
	if err != nil {
		t.Fatal(err)
	}
	performance, err := db.CreatePerformance(ctx, ticketing.Performance{Title: "Hamlet", Category: "play", HallID: hall.ID, DurationMinutes: 90, Prices: map[string]ticketing.KRW{}, From: "2027-01-01", To: "2027-12-31"})
	if err != nil {
		t.Fatal(err)
	}
	b := &boxOffice{t: t, db: db, plan: plan, writer: newWriter(), now: saleDay - 1000,
		users: map[uint32]ticketing.UserID{}, views: map[uint32]ticketing.Reservation{}}
	planned := ticketing.Event{At: b.now, Fact: ticketing.RoundPlanned{Plan: plan.Hash(), Terms: terms(plan)}}
	info, err := db.CreateRound(ctx, ticketing.RoundInfo{PerformanceID: performance.ID, PlanHash: plan.Hash(), StartsAt: terms(plan).StartsAt, Terms: terms(plan)},
		ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, []ticketing.Event{planned})), b.writer)
	if err != nil {
		t.Fatal(err)
	}
	b.id, b.stream = info.ID, ticketing.RoundStream(info.ID)
	b.round = ticketing.NewRound(b.id, plan)
	b.round.Apply(planned)
	b.head = ticketing.Head{From: 1, To: 1, Writer: b.writer}
	b.now = saleDay
	b.act(nil)
	return b
}

// act carries out a command, or only what is due for nil, and remembers what the machine shows.
func (b *boxOffice) act(cmd ticketing.Command) ticketing.Result {
	b.t.Helper()
	if cmd == nil {
		cmd = ticketing.ReadStatus{}
	}
	events, result := ticketing.Act(b.round, cmd, b.now)
	for _, e := range events {
		if held, ok := e.Fact.(ticketing.SeatsHeld); ok {
			b.users[held.Number] = held.User
		}
	}
	b.pending = append(b.pending, events...)
	for number := range b.users {
		if v, ok := b.ask(number); ok {
			b.views[number] = v
		}
	}
	return result
}

// ask shows a reservation, while the machine remembers it.
func (b *boxOffice) ask(number uint32) (ticketing.Reservation, bool) {
	_, result := b.round.Decide(ticketing.ReadReservation{User: b.users[number], Number: number}, b.now)
	if result.Code != ticketing.OK {
		return ticketing.Reservation{}, false
	}
	b.round.Complete(&result)
	return result.Reservation, true
}

// reserve claims seats by their index and returns the reservation's number.
func (b *boxOffice) reserve(user ticketing.UserID, seats ...int) uint32 {
	b.t.Helper()
	result := b.tryReserve(user, seats...)
	if result.Code != ticketing.OK {
		b.t.Fatalf("user %d, seats %v: %s %v", user, seats, result.Code, result.Seats)
	}
	return result.Reservation.ID.Number
}

func (b *boxOffice) tryReserve(user ticketing.UserID, seats ...int) ticketing.Result {
	b.t.Helper()
	b.keys++
	cmd := ticketing.ReserveSeats{User: user, Key: ticketing.DigestOf(fmt.Sprint(b.keys))}
	for _, i := range seats {
		cmd.Seats = append(cmd.Seats, b.plan.Label(ticketing.SeatIndex(i)))
	}
	return b.act(cmd)
}

// must carries out a command that is granted.
func (b *boxOffice) must(cmd ticketing.Command) {
	b.t.Helper()
	if result := b.act(cmd); result.Code != ticketing.OK {
		b.t.Fatalf("%#v: %s", cmd, result.Code)
	}
}

// pay brings a reservation to confirmed.
func (b *boxOffice) pay(number uint32) {
	b.t.Helper()
	user := b.users[number]
	b.must(ticketing.StartPayment{User: user, Number: number})
	v := b.views[number]
	b.must(ticketing.ConfirmPayment{User: user, Number: number, Attempt: v.Attempt, Amount: v.Due, PaymentKey: "pk"})
	b.must(ticketing.ApprovePayment{Number: number, Attempt: v.Attempt})
}

// commit writes the first n pending events as one chunk, as the journal would; all of them for 0.
func (b *boxOffice) commit(ctx context.Context, n int) {
	b.t.Helper()
	if n == 0 || n > len(b.pending) {
		n = len(b.pending)
	}
	if n > 0 {
		b.write(ctx, b.pending[:n])
		b.pending = b.pending[n:]
	}
}

func (b *boxOffice) write(ctx context.Context, events []ticketing.Event) {
	b.t.Helper()
	head := ticketing.Head{From: b.head.To + 1, To: b.head.To + uint64(len(events)), Writer: b.writer}
	_, err := b.db.pool.Exec(ctx, `
		INSERT INTO journal (stream, from_seq, to_seq, prev_from, prev_writer, writer, payload) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(b.stream), int64(head.From), int64(head.To), int64(b.head.From), uuidOf(b.head.Writer), uuidOf(head.Writer),
		ticketing.ChunkPayload(len(events), ticketing.EncodeEvents(nil, events)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.head = head
}

// compare holds the tables against what the round says. Everything must have been committed and projected.
func (b *boxOffice) compare(ctx context.Context) {
	b.t.Helper()
	live, projected, err := b.db.ReadTables(ctx, b.stream)
	if err != nil || projected != b.round.Seq() {
		b.t.Fatalf("projected up to %d of %d: %v", projected, b.round.Seq(), err)
	}
	want := map[uint32]ticketing.ReservationStatus{}
	for _, number := range slices.Sorted(maps.Keys(b.views)) {
		view := b.views[number]
		got, err := b.db.Reservation(ctx, view.User, view.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		if fmt.Sprintf("%+v", got.Reservation) != fmt.Sprintf("%+v", view) {
			b.t.Fatalf("the tables say\n%+v, the round\n%+v", got.Reservation, view)
		}
		if view.Status.Live() {
			want[number] = view.Status
		}
	}
	_, answer := b.round.Decide(ticketing.ReadView{}, b.now)
	b.round.Complete(&answer)
	owners := make([]uint32, len(b.plan.Seats))
	for _, r := range live {
		if want[r.Number] != r.Status || b.users[r.Number] != r.User {
			b.t.Errorf("the tables say %+v, the round %s of %d", r, want[r.Number], b.users[r.Number])
		}
		delete(want, r.Number)
		for _, s := range r.Seats {
			owners[s] = r.Number
		}
	}
	if len(want) > 0 || !slices.Equal(owners, answer.Owners) {
		b.t.Fatalf("missing %v; owners by the tables %v, by the round %v", want, owners, answer.Owners)
	}
	b.compareState(ctx, answer.Status)
}

func (b *boxOffice) compareState(ctx context.Context, status ticketing.Status) {
	b.t.Helper()
	var phase string
	var canceled bool
	var prices []ticketing.KRW
	var wakeAt *time.Time
	err := b.db.pool.QueryRow(ctx, `SELECT phase, canceled, prices, wake_at FROM round_states r JOIN streams ON stream = $2 WHERE round = $1`,
		int64(b.id), string(b.stream)).Scan(&phase, &canceled, &prices, &wakeAt)
	if err != nil || phase != status.Phase.String() || canceled != status.Canceled || !slices.Equal(prices, status.Prices) {
		b.t.Fatalf("the tables say %s %t %v, the round %+v (%v)", phase, canceled, prices, status, err)
	}
	if next := b.round.NextDeadline(); millis(wakeAt) != next {
		b.t.Fatalf("wakes at %d, the round's deadline is %d", millis(wakeAt), next)
	}
}

// handDriven is a projector that moves only when told, and its connection.
type handDriven struct {
	*Projector
	t    failer
	conn *pgx.Conn
}

func driveByHand(ctx context.Context, t failer, db *DB, o ProjectorOptions) *handDriven {
	t.Helper()
	p := NewProjector(db, o)
	conn, err := p.connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &handDriven{p, t, conn}
}

// move makes one pass over the streams and says whether there may be more.
func (h *handDriven) move(ctx context.Context, streams ...ticketing.Stream) bool {
	h.t.Helper()
	if err := h.pass(ctx, h.conn, streams); err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	more := len(h.hinted) > 0
	clear(h.hinted)
	return more
}

func (h *handDriven) moveAll(ctx context.Context, streams ...ticketing.Stream) {
	h.t.Helper()
	for h.move(ctx, streams...) {
	}
}

func newHandDriven(t *testing.T, db *DB, o ProjectorOptions) *handDriven {
	h := driveByHand(t.Context(), t, db, o)
	t.Cleanup(func() { h.disconnect(h.conn) })
	return h
}

func startProjector(t testing.TB, db *DB, o ProjectorOptions) *Projector {
	t.Helper()
	p := NewProjector(db, o)
	p.Start()
	t.Cleanup(func() { closeProjector(t, p) })
	return p
}

func closeProjector(t testing.TB, p *Projector) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Error(err)
	}
}

// awaitHead waits until everything of the box office is projected.
func awaitHead(t testing.TB, p *Projector, b *boxOffice) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.AwaitProjected(ctx, b.stream, b.head.To); err != nil {
		t.Fatal(err)
	}
}

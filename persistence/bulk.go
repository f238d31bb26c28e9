package persistence

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// Bulk adds much to the catalogue by COPY, and otherwise as the catalogue's own methods do: each thing with an event
// in its stream, each round with the birth of its machine's. Records must be valid and rounds clear of each other:
// that is checked row by row there and not here. Records get their ids in place. Each call carries as many rows as
// its caller has in memory.
type Bulk struct{ e *edit }

// InBulk runs do in one transaction: all that it adds is there afterwards, or nothing of it.
func (db *DB) InBulk(ctx context.Context, do func(*Bulk) error) error {
	err := db.edit(ctx, func(e *edit) error {
		if _, err := e.Exec(ctx, `SET LOCAL statement_timeout = `+milliseconds(bulkTimeout)); err != nil {
			return err
		}
		return do(&Bulk{e})
	})
	if err != nil {
		return fmt.Errorf("adding to the catalogue in bulk: %w", err)
	}
	return nil
}

// Halls adds halls whose PlanHash is that of plans added before.
func (b *Bulk) Halls(ctx context.Context, halls []ticketing.Hall) error {
	return add(ctx, b, ticketing.NounHall, "halls", []string{"id", "name", "address", "plan_hash"}, halls,
		func(h *ticketing.Hall, id int64) []any {
			h.ID, h.PlanVersion, h.Version = id, 1, 1
			return []any{id, h.Name, h.Address, h.PlanHash[:]}
		})
}

// Plan adds a layout unless it is there already.
func (b *Bulk) Plan(ctx context.Context, plan *ticketing.Plan) error {
	return storePlan(ctx, b.e, plan)
}

// Performers adds performers.
func (b *Bulk) Performers(ctx context.Context, performers []ticketing.Performer) error {
	return add(ctx, b, ticketing.NounPerformer, "performers", []string{"id", "name", "nation", "birth"}, performers,
		func(p *ticketing.Performer, id int64) []any {
			p.ID, p.Version = id, 1
			return []any{id, p.Name, p.Nation, date(p.Birth)}
		})
}

// Performances adds performances, which have days and are in halls that exist.
func (b *Bulk) Performances(ctx context.Context, shows []ticketing.Performance) error {
	columns := []string{"id", "title", "category", "hall_id", "duration_minutes", "prices", "description", "from_day", "to_day"}
	return add(ctx, b, ticketing.NounPerformance, "performances", columns, shows, func(p *ticketing.Performance, id int64) []any {
		p.ID, p.Version = id, 1
		return []any{id, p.Title, p.Category, p.HallID, p.DurationMinutes, p.Prices, p.Description, date(p.From), date(p.To)}
	})
}

// Links puts performers into performances that were added in the same transaction, whose events are those of the
// links too: pairs of a performance and a performer.
func (b *Bulk) Links(ctx context.Context, pairs [][2]int64) error {
	return b.copy(ctx, "performance_performers", []string{"performance_id", "performer_id"}, len(pairs), func(i int) []any {
		return []any{pairs[i][0], pairs[i][1]}
	})
}

// Rounds adds rounds and gives birth to their streams, as CreateRound does. first makes the journal payload of the
// event that plans a round, and a fresh random id.
func (b *Bulk) Rounds(ctx context.Context, rounds []ticketing.RoundInfo, first func(ticketing.RoundInfo) ([]byte, ticketing.WriterID, error)) error {
	columns := []string{"id", "performance_id", "plan_hash", "starts_at", "opens_at", "closes_at", "cancel_until", "cancel_fee",
		"prices", "hold_ms", "pay_ms", "max_per_user"}
	err := add(ctx, b, ticketing.NounRound, "rounds", columns, rounds, func(r *ticketing.RoundInfo, id int64) []any {
		r.ID, r.Version = ticketing.RoundID(id), 1
		t := r.Terms
		return []any{id, r.PerformanceID, r.PlanHash[:], t.StartsAt.Time(), t.OpensAt.Time(), t.ClosesAt.Time(), moment(t.CancelUntil),
			t.CancelFee, t.Prices, int64(t.HoldMillis), int64(t.PayMillis), t.MaxPerUser}
	})
	if err != nil {
		return err
	}
	births := make([]birth, len(rounds))
	for i, r := range rounds {
		births[i] = birth{stream: ticketing.RoundStream(r.ID), wakeAt: r.Terms.OpensAt}
		if births[i].payload, births[i].writer, err = first(r); err != nil {
			return err
		}
	}
	return b.bear(ctx, births)
}

// History continues the stream of a round added in the same transaction by what its machine has decided.
func (b *Bulk) History(ctx context.Context, round ticketing.RoundID, events []ticketing.Event) error {
	s := ticketing.RoundStream(round)
	last, born := b.e.heads[s]
	if !born {
		return fmt.Errorf("%s was not born here", s)
	}
	return b.e.chunk(ctx, s, last, events)
}

// add copies records into their table under new ids, and an event of each into its stream.
func add[T any](ctx context.Context, b *Bulk, noun ticketing.Noun, table string, columns []string, records []T, row func(*T, int64) []any) error {
	ids, err := b.draw(ctx, table, len(records))
	if err != nil {
		return err
	}
	err = b.copy(ctx, table, columns, len(records), func(i int) []any { return row(&records[i], ids[i]) })
	if err != nil {
		return err
	}
	saved := ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, []ticketing.Event{{At: b.e.now, Fact: ticketing.CatalogueSaved{}}}))
	births := make([]birth, len(ids))
	for i, id := range ids {
		births[i] = birth{stream: ticketing.CatalogueStream(noun, id), payload: saved}
		rand.Read(births[i].writer[:]) // never fails
	}
	return b.bear(ctx, births)
}

// draw takes ids first, for COPY returns nothing.
func (b *Bulk) draw(ctx context.Context, table string, n int) ([]int64, error) {
	rows, err := b.e.Query(ctx, `SELECT nextval(pg_get_serial_sequence($1, 'id')) FROM generate_series(1, $2)`, table, n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// birth is a stream with its first event.
type birth struct {
	stream  ticketing.Stream
	wakeAt  ticketing.Millis // 0: never by itself
	payload []byte
	writer  ticketing.WriterID
}

func (b *Bulk) bear(ctx context.Context, births []birth) error {
	err := b.copy(ctx, "streams", []string{"stream", "wake_at"}, len(births), func(i int) []any {
		return []any{string(births[i].stream), moment(births[i].wakeAt)}
	})
	if err != nil {
		return err
	}
	columns := []string{"stream", "from_seq", "to_seq", "prev_from", "prev_writer", "writer", "payload"}
	nobody := uuidOf(ticketing.WriterID{})
	err = b.copy(ctx, "journal", columns, len(births), func(i int) []any {
		return []any{string(births[i].stream), int64(1), int64(1), int64(0), nobody, uuidOf(births[i].writer), births[i].payload}
	})
	for _, x := range births {
		b.e.heads[x.stream] = ticketing.Head{From: 1, To: 1, Writer: x.writer}
	}
	return err
}

func (b *Bulk) copy(ctx context.Context, table string, columns []string, n int, row func(int) []any) error {
	_, err := b.e.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) { return row(i), nil }))
	if err != nil {
		return fmt.Errorf("copying %d rows into %s: %w", n, table, err)
	}
	return nil
}

// date is a day as a column has it; NULL for none.
func date(d ticketing.Day) *time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return nil
	}
	return &t
}

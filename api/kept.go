package api

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/maypok86/otter/v2"

	"ticketblue/ticketing"
)

// Reads of the catalogue that everybody gets the same answer to are kept in memory as they go over the wire. An edit does
// not search for what it has made stale: it is counted, and the counts that an answer rests on are part of the name under
// which it is kept. What was being read while something changed is therefore kept under a name that nobody asks for any
// more, and nobody who asks after the change waits for it.

const (
	keepFor    = 10 * time.Second // after an edit that this process was not told of
	keptMemory = 32 << 20         // bytes of answers, those asked for most
	keptExtra  = 256              // bytes of an answer besides its body, about
	stripes    = 1 << 10          // of a noun's things that are counted apart
)

// edits counts the changes of a noun's things.
type edits struct {
	all  atomic.Uint64
	some [stripes]atomic.Uint64 // things that share one are asked for once too often
}

func (e *edits) of(id int64) *atomic.Uint64 { return &e.some[uint64(id)%stripes] }

func newEdits() map[ticketing.Noun]*edits {
	return map[ticketing.Noun]*edits{
		ticketing.NounHall: {}, ticketing.NounPerformer: {}, ticketing.NounPerformance: {}, ticketing.NounRound: {},
		nothing: {},
	}
}

// nothing never changes.
const nothing ticketing.Noun = ""

// Forget says that the thing a stream is about has changed: no request that arrives from now on is answered from before.
// Streams that no kept answer rests on are welcome. A review's is one: its performance has an event with each of its own.
func (s *Server) Forget(stream ticketing.Stream) {
	noun, id, _ := stream.Catalogue()
	if e := s.edits[noun]; e != nil {
		e.of(id).Add(1)
		e.all.Add(1)
	}
}

// ForgetPhases says that the phase of some round, as the read tables have it, has changed: lists of rounds show it.
func (s *Server) ForgetPhases() { s.edits[ticketing.NounRound].all.Add(1) }

// rests says what the answers of an operation rest on: the thing that is asked about, and all things of another noun.
type rests struct{ on, all ticketing.Noun }

// question names an answer.
type question struct {
	operation string
	id, after int64
	limit     int
	edition   uint64 // sum of the counts it rests on: each only grows
}

// list is what the answer is a page of.
func (q question) list() list { return listOf(q.operation, q.id) }

// wire is a body with its ETag.
type wire struct {
	etag string
	body []byte
}

func (s *Server) newKept() *otter.Cache[question, wire] {
	return otter.Must(&otter.Options[question, wire]{
		MaximumWeight:    keptMemory,
		Weigher:          func(_ question, w wire) uint32 { return uint32(len(w.body) + keptExtra) },
		ExpiryCalculator: otter.ExpiryWriting[question, wire](keepFor),
		Clock:            keptClock{s.Clock},
	})
}

// keptClock is the server's, for the cache. It does not tick: what is too old goes when something else comes.
type keptClock struct{ now func() time.Time }

func (c keptClock) NowNano() int64                    { return c.now().UnixNano() }
func (keptClock) Tick(time.Duration) <-chan time.Time { return nil }

// keep adds an operation that answers everybody alike. The handler is plain, as with hot; load is asked once for all who
// want the same thing at the same time. Its errors, "not found" among them, are not kept.
func keep[I, B any](s *Server, op operation, r rests, load func(ctx context.Context, q question) (version int64, body B, err error)) {
	on, all := s.edits[r.on], s.edits[r.all]
	asked, loaded := s.keptReads.WithLabelValues(op.id, "asked"), s.keptReads.WithLabelValues(op.id, "loaded")
	ask := otter.LoaderFunc[question, wire](func(ctx context.Context, q question) (wire, error) {
		loaded.Inc()
		version, body, err := load(ctx, q)
		if err != nil {
			return wire{}, err
		}
		return wireOf(version, body)
	})
	_, paged := any((*I)(nil)).(interface{ inPages() })
	hot[I, tagged[B]](s, op, func(c *fiber.Ctx) error {
		q, err := readQuestion(c, op.id, paged)
		if err != nil {
			return err
		}
		asked.Inc()
		q.edition = on.of(q.id).Load() + all.all.Load()
		w, err := s.kept.Get(c.UserContext(), q, ask)
		if err != nil {
			return err
		}
		return w.send(c)
	})
}

func (w wire) send(c *fiber.Ctx) error {
	c.Set(fiber.HeaderETag, w.etag)
	c.Set(fiber.HeaderCacheControl, mustAsk)
	if matches(c.Get(fiber.HeaderIfNoneMatch), w.etag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(w.body)
}

const (
	defaultPageSize = 20
	maxIfNoneMatch  = 1000 // characters
)

// readQuestion checks by hand what the document shows.
func readQuestion(c *fiber.Ctx, operation string, paged bool) (q question, err error) {
	q.operation = operation
	if q.id, err = strconv.ParseInt(c.Params("id"), 10, 64); err != nil || q.id < 1 {
		return q, ticketing.ErrNotFound
	}
	if len(c.Request().Header.Peek(fiber.HeaderIfNoneMatch)) > maxIfNoneMatch {
		return q, invalid(fiber.HeaderIfNoneMatch, "at most "+strconv.Itoa(maxIfNoneMatch)+" characters")
	}
	if !paged {
		return q, nil
	}
	q.limit = defaultPageSize
	if text := c.Query("limit"); text != "" {
		if q.limit, err = strconv.Atoi(text); err != nil || q.limit < 1 || q.limit > MaxPageSize {
			return q, invalid("limit", "from 1 to "+strconv.Itoa(MaxPageSize))
		}
	}
	q.after, err = q.list().afterID(c.Query("after"))
	return q, err
}

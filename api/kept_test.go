package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ticketblue/ticketing"
)

// witnessed is a catalogue that counts the reads whose answers are kept. hold, if set, is called between the read and
// its answer.
type witnessed struct {
	*fakeCatalogue
	asked atomic.Int64
	hold  atomic.Pointer[func()]
}

func (w *witnessed) seen() {
	w.asked.Add(1)
	if hold := w.hold.Load(); hold != nil {
		(*hold)()
	}
}

func (w *witnessed) Hall(ctx context.Context, id int64) (ticketing.Hall, error) {
	defer w.seen()
	return w.fakeCatalogue.Hall(ctx, id)
}

func (w *witnessed) Performer(ctx context.Context, id int64) (ticketing.Performer, error) {
	defer w.seen()
	return w.fakeCatalogue.Performer(ctx, id)
}

func (w *witnessed) Performance(ctx context.Context, id int64) (ticketing.Performance, error) {
	defer w.seen()
	return w.fakeCatalogue.Performance(ctx, id)
}

func (w *witnessed) PerformersOf(ctx context.Context, performance, after int64, limit int) ([]ticketing.Performer, error) {
	defer w.seen()
	return w.fakeCatalogue.PerformersOf(ctx, performance, after, limit)
}

func (w *witnessed) RoundsOf(ctx context.Context, performance int64) ([]ticketing.RoundInfo, error) {
	defer w.seen()
	return w.fakeCatalogue.RoundsOf(ctx, performance)
}

func (w *witnessed) ReviewsOf(ctx context.Context, performance, before int64, limit int) ([]ticketing.Review, error) {
	defer w.seen()
	return w.fakeCatalogue.ReviewsOf(ctx, performance, before, limit)
}

// withWitness is a house with one of everything in its catalogue.
func withWitness(t *testing.T) (*house, *witnessed) {
	t.Helper()
	w := &witnessed{}
	h := withRound(t, func(c *Config) {
		w.fakeCatalogue = c.Catalogue.(*fakeCatalogue)
		c.Catalogue = w
	})
	w.performers = []ticketing.Performer{{ID: 1, Name: "IU", Version: 1}}
	w.links = [][2]int64{{1, 1}}
	w.reviews = []ticketing.Review{{ID: 1, PerformanceID: 1, Rate: 5, Text: "before", Version: 1}}
	w.performances[0].HallName = "Dream Park"
	w.asked.Store(0)
	return h, w
}

func (w *witnessed) edit(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// sixReads are those of which answers are kept, and what changes them: every answer before an edit lacks the edit's
// text, and every answer after it has it.
var sixReads = []struct {
	path  string
	edits []edited
}{
	{"/v1/halls/1", []edited{{"catalogue:hall:1", func(w *witnessed) { w.halls[0].Name = "new" }, `"new"`}}},
	{"/v1/performers/1", []edited{{"catalogue:performer:1", func(w *witnessed) { w.performers[0].Name = "new" }, `"new"`}}},
	{"/v1/performances/1", []edited{
		{"catalogue:performance:1", func(w *witnessed) { w.performances[0].Title = "new" }, `"new"`},
		{"catalogue:hall:1", func(w *witnessed) { w.performances[0].HallName = "moved" }, `"moved"`},
		{"catalogue:performance:1", func(w *witnessed) { w.performances[0].Ratings = 77 }, `"count":77`}, // of a review
	}},
	{"/v1/performances/1/rounds", []edited{
		{"catalogue:round:1", func(w *witnessed) { w.rounds[0].Version = 77 }, `"version":77`},
		{"catalogue:round:2", func(w *witnessed) { w.rounds = append(w.rounds, ticketing.RoundInfo{ID: 2, PerformanceID: 1}) }, `"id":2`},
	}},
	{"/v1/performances/1/performers", []edited{
		{"catalogue:performer:1", func(w *witnessed) { w.performers[0].Name = "new" }, `"new"`},
		{"catalogue:performance:1", func(w *witnessed) { w.links = nil }, `"items":[]`},
	}},
	{"/v1/performances/1/reviews", []edited{
		{"catalogue:performance:1", func(w *witnessed) { w.reviews[0].Text = "new" }, `"new"`},
	}},
}

type edited struct {
	stream ticketing.Stream
	change func(*witnessed)
	shows  string
}

func TestReadsAreKept(t *testing.T) {
	for _, read := range sixReads {
		t.Run(read.path, func(t *testing.T) {
			h, w := withWitness(t)
			config := h.server.Config
			config.Metrics = nil
			node := New(config) // another one, on the same database
			there := func() string {
				answered, err := node.App().Test(httptest.NewRequest(http.MethodGet, read.path, http.NoBody), -1)
				if err != nil {
					t.Fatal(err)
				}
				defer answered.Body.Close()
				body, err := io.ReadAll(answered.Body)
				if err != nil {
					t.Fatal(err)
				}
				return string(body)
			}
			get := func(header map[string]string) answer { return h.do(call{"GET", read.path, "", "", header}) }
			asks := func(want int64, what string) {
				t.Helper()
				if got := w.asked.Swap(0); got != want {
					t.Errorf("%s: the database was asked %d times, want %d", what, got, want)
				}
			}
			first := get(nil).wantStatus(http.StatusOK)
			asks(1, "at first")
			second := get(nil).wantStatus(http.StatusOK)
			tag := map[string]string{"If-None-Match": first.header.Get("ETag")}
			if string(second.body) != string(first.body) || second.header.Get("ETag") != first.header.Get("ETag") ||
				second.header.Get("Cache-Control") != "no-cache" {
				t.Errorf("first %s %s, then %s %s", first.header, first.body, second.header, second.body)
			}
			if a := get(tag).wantStatus(http.StatusNotModified); len(a.body) > 0 || a.header.Get("ETag") != first.header.Get("ETag") {
				t.Errorf("not modified: %s %s", a.header, a.body)
			}
			asks(0, "again")
			there()
			asks(1, "by the other node")

			for _, e := range read.edits {
				w.edit(func() { e.change(w) })
				if strings.Contains(string(get(nil).body), e.shows) || strings.Contains(there(), e.shows) {
					t.Fatalf("%s is seen before anybody was told", e.shows)
				}
				asks(0, "before anybody was told")
				h.server.Forget(e.stream)
				if a := get(tag).wantStatus(http.StatusOK); !strings.Contains(string(a.body), e.shows) {
					t.Errorf("after an edit of %s: %s", e.stream, a.body)
				}
				asks(1, "after an edit")
				if strings.Contains(there(), e.shows) {
					t.Error("the other node was not told and knows")
				}
				node.Forget(e.stream)
				if body := there(); !strings.Contains(body, e.shows) {
					t.Errorf("the other node was told of %s and says %s", e.stream, body)
				}
				asks(1, "by the other node, after an edit")
			}
			get(nil)
			h.clock.advance(keepFor)
			get(nil)
			asks(1, "when its time was over")
		})
	}
}

func TestPhasesOfListedRounds(t *testing.T) {
	h, w := withWitness(t)
	get := func() string {
		return string(h.do(call{method: "GET", path: "/v1/performances/1/rounds"}).wantStatus(http.StatusOK).body)
	}
	get()
	w.edit(func() { w.rounds[0].Phase = ticketing.Paused })
	h.server.ForgetPhases()
	if got := get(); !strings.Contains(got, `"paused"`) {
		t.Error(got)
	}
	h.do(call{method: "GET", path: "/v1/rounds/1"}).wantStatus(http.StatusOK)
	w.asked.Store(0)
	h.server.ForgetPhases() // is no news of what stays
	h.do(call{method: "GET", path: "/v1/rounds/1"}).wantStatus(http.StatusOK)
	if n := w.asked.Load(); n != 0 {
		t.Errorf("facts of a round were read %d times", n)
	}
}

// The title in a round's status follows the same events.
func TestTitlesOfRounds(t *testing.T) {
	h, w := withWitness(t)
	title := func() string {
		var status statusBody
		h.do(call{method: "GET", path: "/v1/rounds/1"}).wantStatus(http.StatusOK).decode(&status)
		return status.Title
	}
	before := title()
	w.edit(func() { w.performances[0].Title = "new" })
	if kept := title(); kept != before || before != "TWENTY" {
		t.Errorf("title %q, then %q", before, kept)
	}
	h.server.Forget("catalogue:performance:1")
	if now := title(); now != "new" {
		t.Errorf("title %q", now)
	}
}

// What was being read while something changed is not kept, and nobody who comes after the change waits for it.
func TestStaleReadsAreNotKept(t *testing.T) {
	h, w := withWitness(t)
	reading, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	hold := func() {
		if first.CompareAndSwap(false, true) {
			close(reading)
			<-goOn
		}
	}
	w.hold.Store(&hold)
	get := func() string { return string(h.do(call{method: "GET", path: "/v1/performances/1"}).body) }
	slow := make(chan string, 1)
	go func() { slow <- get() }()
	<-reading
	w.edit(func() { w.performances[0].Title = "new" })
	h.server.Forget("catalogue:performance:1")
	if got := get(); !strings.Contains(got, `"new"`) {
		t.Errorf("after the edit: %s", got)
	}
	close(goOn)
	if got := <-slow; !strings.Contains(got, `"TWENTY"`) {
		t.Errorf("who came before: %s", got)
	}
	if got := get(); !strings.Contains(got, `"new"`) || w.asked.Load() != 2 {
		t.Errorf("what was read meanwhile is kept: %s; the database was asked %d times", got, w.asked.Load())
	}
}

func TestReadersShareOneQuestion(t *testing.T) {
	const readers = 100
	for _, read := range sixReads {
		h, w := withWitness(t)
		var sent, all sync.WaitGroup
		sent.Add(readers)
		hold := func() { sent.Wait() } // until everybody is on his way
		w.hold.Store(&hold)
		var wrong atomic.Int64
		for range readers {
			all.Go(func() {
				sent.Done()
				resp, err := h.client.Get(h.url + read.path)
				if err != nil || resp.StatusCode != http.StatusOK {
					wrong.Add(1)
				}
				if err == nil {
					resp.Body.Close()
				}
			})
		}
		all.Wait()
		if asked := w.asked.Load(); asked != 1 || wrong.Load() > 0 {
			t.Errorf("%s: the database was asked %d times; %d readers went without", read.path, asked, wrong.Load())
		}
		if got := h.keptReads(); got["asked"] != readers || got["loaded"] != 1 {
			t.Errorf("%s: counted %v", read.path, got)
		}
	}
}

// keptReads is what the metrics say of all operations together.
func (h *house) keptReads() map[string]float64 {
	h.t.Helper()
	families, err := h.metrics.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "ticketblue_kept_reads_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "what" {
					sums[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return sums
}

func TestFailuresAreNotKept(t *testing.T) {
	h, w := withWitness(t)
	for range 2 {
		h.do(call{method: "GET", path: "/v1/halls/2"}).wantStatus(http.StatusNotFound)
	}
	if n := w.asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
	w.edit(func() { w.halls = append(w.halls, ticketing.Hall{ID: 2, Name: "second"}) })
	h.do(call{method: "GET", path: "/v1/halls/2"}).wantStatus(http.StatusOK) // of another process, which nobody told of
}

// What the handlers check by hand is what the document shows.
func TestKeptReadsCheckTheirInput(t *testing.T) {
	h, w := withWitness(t)
	for _, list := range []string{"reviews", "performers"} {
		path := "/v1/performances/1/" + list
		for _, p := range readDocument().Paths["/v1/performances/{id}/"+list]["get"].Parameters {
			if p.Name == "limit" && p.Schema.Maximum != MaxPageSize || p.Name == "If-None-Match" && p.Schema.MaxLength != maxIfNoneMatch {
				t.Errorf("%s is documented as %+v", p.Name, p.Schema)
			}
		}
		for query, field := range map[string]string{
			"limit=0": "limit", "limit=101": "limit", "limit=x": "limit", "limit=1.5": "limit", "after=-1": "after", "after=x": "after", "after=99999999999999999999": "after",
		} {
			p := h.do(call{method: "GET", path: path + "?" + query}).wantStatus(http.StatusUnprocessableEntity).problem()
			if len(p.Errors) != 1 || p.Errors[0].Field != field {
				t.Errorf("%s?%s: %+v", path, query, p)
			}
		}
		h.do(call{method: "GET", path: path + "?limit=&after="}).wantStatus(http.StatusOK)
		h.do(call{method: "GET", path: path + "?limit=100&after=" + listOf("list-"+map[string]string{"reviews": "reviews", "performers": "performers-of"}[list], int64(1)).cursorOfID(7)}).wantStatus(http.StatusOK)
	}
	for _, read := range sixReads {
		for _, id := range []string{"0", "-1", "x", "99999999999999999999"} {
			h.do(call{method: "GET", path: strings.Replace(read.path, "/1", "/"+id, 1)}).wantStatus(http.StatusNotFound)
		}
		long := map[string]string{"If-None-Match": strings.Repeat("x", maxIfNoneMatch+1)}
		h.do(call{"GET", read.path, "", "", long}).wantStatus(http.StatusUnprocessableEntity)
	}
	if n := w.asked.Load(); n != 4 {
		t.Errorf("asked %d times", n)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	api "ticketblue/api/client"
	"ticketblue/bench/client"
	"ticketblue/bench/report"
)

// Search is the command's flags.
type Search struct {
	Repeat     int    `default:"200" help:"Requests of each query to the index, one after the other."`
	SQL        int    `default:"10" name:"sql" help:"Of them, so many are asked of the SQL twin too, by turns: it is slow."`
	Edits      int    `default:"100" help:"Performers made one after the other, to see how long until they are found."`
	Data       string `required:"" placeholder:"DIR" type:"path" help:"A data directory with a large catalogue: 'ticketblue seed --size catalogue', with as many --seed as wanted, then 'ticketblue rebuild --search'."`
	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
}

// searched is the report.
type searched struct {
	Documents int             `json:"documents"`
	CatchUp   *caughtUp       `json:"catch_up,omitempty"` // with what the catalogue had that nobody had followed yet
	Queries   []*searchedFor  `json:"queries"`
	Lag       searchLatencies `json:"lag"` // from the answer to an edit to its being found, ms
}

// caughtUp is what it was like while the index's follower had a mass of events before it.
type caughtUp struct {
	Messages float64         `json:"messages"` // sent to JetStream, from where the follower takes them
	Seconds  float64         `json:"seconds"`
	Lag      searchLatencies `json:"lag"` // of edits made meanwhile
}

// searchedFor is one query and what came of it.
type searchedFor struct {
	Name  string          `json:"name"`
	Query string          `json:"query"`
	Found int             `json:"found"` // by the index
	Twin  int             `json:"found_by_sql"`
	Index searchLatencies `json:"index"`
	SQL   searchLatencies `json:"sql"`
}

// searchLatencies are in milliseconds. Of fewer than a hundred, P99 is the worst.
type searchLatencies struct {
	P50 float64   `json:"p50_ms"`
	P99 float64   `json:"p99_ms"`
	Max float64   `json:"max_ms"`
	All []float64 `json:"all_ms"`
}

func (l *searchLatencies) sum() {
	sorted := slices.Sorted(slices.Values(l.All))
	n := len(sorted)
	l.P50, l.P99, l.Max = sorted[(n-1)/2], sorted[(99*n+99)/100-1], sorted[n-1]
}

// sections are the parts of an answer that are counted.
type sections struct {
	Performances, Halls, Performers struct {
		Count int
		Items []struct{ Title, Name string }
	}
}

func (s sections) count() int { return s.Performances.Count + s.Halls.Count + s.Performers.Count }

// run measures, writes the report, and tells whether the run finished.
func (r *Search) run(ctx context.Context, out io.Writer) bool {
	var found searched
	var kept string
	err := binary{path: r.Ticketblue, data: r.Data}.onServer(ctx, "", &kept, func(target string, b binary) error {
		return r.measure(ctx, target, b, &found)
	})
	if err == nil && r.JSON != "" {
		err = report.WriteJSON(r.JSON, found)
	}
	if err != nil {
		fmt.Fprintln(out, "FAIL  the run did not finish:", err)
		return false
	}
	fmt.Fprintf(out, "PASS  %d documents, %d requests of each query by the index, %d by SQL\n\n%-18s %9s %9s %9s %9s %9s %9s %9s\n", found.Documents,
		r.Repeat, r.SQL, "ms", "index p50", "p99", "worst", "SQL p50", "worst", "found", "by SQL")
	for _, q := range found.Queries {
		fmt.Fprintf(out, "%-18s %9.2f %9.2f %9.2f %9.2f %9.2f %9d %9d   %s\n", q.Name, q.Index.P50, q.Index.P99, q.Index.Max, q.SQL.P50, q.SQL.Max, q.Found, q.Twin, q.Query)
	}
	fmt.Fprintf(out, "\n%d edits, each is found after: p50 %.0f ms, p99 %.0f ms, worst %.0f ms\n", r.Edits, found.Lag.P50, found.Lag.P99, found.Lag.Max)
	if c := found.CatchUp; c != nil {
		fmt.Fprintf(out, "Before that %.0f messages about the new catalogue were relayed and followed in %.0f s, %.0f/s; %d edits made beside them are found after: p50 %.0f ms, p99 %.0f ms, worst %.0f ms\n",
			c.Messages, c.Seconds, c.Messages/c.Seconds, len(c.Lag.All), c.Lag.P50, c.Lag.P99, c.Lag.Max)
	}
	return true
}

func (r *Search) measure(ctx context.Context, target string, b binary, found *searched) error {
	c, err := client.New(target, 1, dialWithin)
	if err != nil {
		return err
	}
	defer c.Close()
	var all sections
	if err := c.Call(client.Request{Method: "GET", Path: "/v1/search?from=1900-01-01&kind=performance&limit=100"}, nil, 200, &all); err != nil {
		return err
	}
	var others sections
	if err := c.Call(client.Request{Method: "GET", Path: "/v1/search?limit=1"}, nil, 200, &others); err != nil {
		return err
	}
	admin, err := r.logIn(ctx, c, b)
	if err != nil {
		return err
	}
	if found.CatchUp, err = r.catchUp(ctx, c, admin, b); err != nil {
		return err
	}
	found.Documents = all.Performances.Count + others.Halls.Count + others.Performers.Count
	if found.Queries, err = queriesOf(all, others); err != nil {
		return err
	}
	for _, q := range found.Queries {
		if err := r.ask(ctx, c, q); err != nil {
			return err
		}
	}
	return r.edits(ctx, c, admin, r.Edits, &found.Lag)
}

const (
	catchUpWithin = 20 * time.Minute
	catchUpLook   = time.Second
	stillFor      = 12 // looks: the relay looks for news every five seconds
	behindBy      = 10 // looks: who needs fewer is not behind
)

// indexBacklogs are 0 when nothing is left to be relayed and followed.
var indexBacklogs = []string{"ticketblue_broadcast_relay_busy_streams", `ticketblue_broadcast_follower_lag_messages{follower="search"}`}

// catchUp waits until the relay and the index's follower have nothing left to do. When they had much, it makes edits
// meanwhile and tells how that went, else nil.
func (r *Search) catchUp(ctx context.Context, c *client.Client, admin *api.ClientWithResponses, b binary) (*caughtUp, error) {
	server, err := readServerFile(b.data)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpWithin)
	defer cancel()
	found, began, busy := &caughtUp{}, time.Now(), 0
	for still := 0; still < stillFor; still++ {
		left, err := backlog(ctx, server.OpsURL, indexBacklogs)
		if err == nil && left > 0 {
			if still, busy = -1, busy+1; busy >= behindBy {
				err = r.edits(ctx, c, admin, 1, &found.Lag)
			}
			found.Seconds = time.Since(began).Seconds()
		}
		if err = errors.Join(err, rest(ctx, catchUpLook)); err != nil {
			return nil, fmt.Errorf("the index does not catch up: %w", err)
		}
	}
	if len(found.Lag.All) == 0 {
		return nil, nil
	}
	found.Messages, err = backlog(ctx, server.OpsURL, []string{"ticketblue_broadcast_relay_messages_total"})
	return found, err
}

// queriesOf makes queries of a title that is there: its beginning, its middle, its parts, and it with an error.
func queriesOf(all, others sections) ([]*searchedFor, error) {
	i := slices.IndexFunc(all.Performances.Items, func(p struct{ Title, Name string }) bool {
		words := strings.Fields(p.Title)
		return len(words) >= 2 && len([]rune(words[0])) >= 2 && len([]rune(strings.Join(words, ""))) >= 5
	})
	if i < 0 || len(others.Performers.Items) == 0 {
		return nil, errors.New("the catalogue has no title of two words, or no performer")
	}
	title := all.Performances.Items[i].Title
	words := strings.Fields(title)
	joined := []rune(strings.Join(words, ""))
	wrong := slices.Clone(joined)
	wrong[len(wrong)/2] = '쀍'
	wrong = wrong[:min(len(wrong), 20)]
	q := url.QueryEscape
	return []*searchedFor{
		{Name: "beginning", Query: "q=" + q(string(joined[:2]))},
		{Name: "middle", Query: "q=" + q(string(joined[1:3]))},
		{Name: "one character", Query: "q=" + q(string(joined[:1]))},
		{Name: "two words", Query: "q=" + q(words[1]+" "+words[0])},
		{Name: "typing error", Query: "q=" + q(string(wrong))},
		{Name: "nothing there", Query: "q=" + q("쀍쀍")},
		{Name: "performer", Query: "q=" + q(others.Performers.Items[0].Name)},
		{Name: "filtered, sorted", Query: "kind=performance&category=musical&min_price=50000&sort=ending&q=" + q(string(joined[:2]))},
		{Name: "on sale, cheapest", Query: "kind=performance&on_sale=true&sort=cheapest"},
		{Name: "everything", Query: "kind=performance"},
	}, nil
}

// ask gives the engines their turns, SQL every few of the index's. The first turn is a rehearsal.
func (r *Search) ask(ctx context.Context, c *client.Client, q *searchedFor) error {
	every := max(1, r.Repeat/max(1, r.SQL))
	for turn := range r.Repeat + 1 {
		for _, by := range []struct {
			engine string
			times  *searchLatencies
			found  *int
		}{{"index", &q.Index, &q.Found}, {"sql", &q.SQL, &q.Twin}} {
			if by.engine == "sql" && turn%every != 0 {
				continue
			}
			var answer sections
			began := time.Now()
			err := c.Call(client.Request{Method: "GET", Path: "/v1/search?engine=" + by.engine + "&" + q.Query}, nil, 200, &answer)
			took := time.Since(began)
			if err := errors.Join(err, ctx.Err()); err != nil {
				return fmt.Errorf("%s by %s: %w", q.Name, by.engine, err)
			}
			*by.found = answer.count()
			if turn > 0 {
				by.times.All = append(by.times.All, float64(took.Microseconds())/1000)
			}
		}
	}
	q.Index.sum()
	q.SQL.sum()
	return nil
}

// foundWithin is how long an edit may take to be found before the run fails.
const foundWithin = 30 * time.Second

// logIn makes an administrator of the server's.
func (r *Search) logIn(ctx context.Context, c *client.Client, b binary) (*api.ClientWithResponses, error) {
	email := fmt.Sprintf("search-%d@example.com", time.Now().UnixNano())
	password, err := b.admin(ctx, email)
	if err != nil {
		return nil, err
	}
	token, err := logIn(ctx, c, email, password)
	if err != nil {
		return nil, err
	}
	return c.Typed(token)
}

// edits makes performers one after the other, and looks for each until it is found.
func (r *Search) edits(ctx context.Context, c *client.Client, admin *api.ClientWithResponses, times int, lag *searchLatencies) error {
	for i := range times {
		name := fmt.Sprintf("늦깎이%d번%d", time.Now().UnixNano(), i)
		made, err := admin.CreatePerformerWithResponse(ctx, api.PerformerFields{Name: name})
		if err := api.Expect(201, made, err); err != nil {
			return err
		}
		for began := time.Now(); ; {
			var answer sections
			if err := c.Call(client.Request{Method: "GET", Path: "/v1/search?kind=performer&q=" + url.QueryEscape(name)}, nil, 200, &answer); err != nil {
				return err
			}
			if took := time.Since(began); answer.Performers.Count == 1 {
				lag.All = append(lag.All, float64(took.Microseconds())/1000)
				break
			} else if took > foundWithin {
				return fmt.Errorf("%s was not found after %s", name, took)
			}
		}
	}
	lag.sum()
	return nil
}

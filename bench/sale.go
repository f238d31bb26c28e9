package main

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"

	"ticketblue/bench/client"
	"ticketblue/bench/judge"
	"ticketblue/bench/load"
)

// sale is a round as its customers see it.
type sale struct {
	*stage
	client *client.Client
	tokens []string         // by customer
	users  []int64          // by customer
	owner  map[int64]string // token by user
	quoted []string         // labels as JSON
	hot    string           // path of the round's reservations
	best   bool             // orders are for the best seats, not for certain ones
	run    string           // makes this run's keys differ from all others'
	acks   *ackLog
	data   string                  // the server's data directory
	stop   context.CancelCauseFunc // ends the run: a yes could not be kept

	mu         sync.Mutex
	unexpected map[string]int
}

func newSale(st *stage, c *client.Client, tokens []string, run string, acks *ackLog) (*sale, error) {
	s := &sale{stage: st, client: c, tokens: tokens, run: run, acks: acks, hot: st.path() + "/reservations", owner: map[int64]string{}, unexpected: map[string]int{}}
	for _, token := range tokens {
		user, err := client.UserOf(token)
		if err != nil {
			return nil, err
		}
		s.users = append(s.users, user)
		s.owner[user] = token
	}
	for _, label := range st.labels {
		s.quoted = append(s.quoted, strconv.Quote(label))
	}
	return s, nil
}

// of is the sale of another round of the same hall to the same customers.
func (s *sale) of(st *stage, acks *ackLog) *sale {
	return &sale{
		stage: st, client: s.client, tokens: s.tokens, users: s.users, owner: s.owner, quoted: s.quoted,
		hot: st.path() + "/reservations", run: s.run, best: s.best, acks: acks, data: s.data, stop: s.stop, unexpected: map[string]int{},
	}
}

// body is the request for a block, {"seats":["A-1-1","A-1-2"]}, or for as many others.
func (s *sale) body(b load.Block) []byte {
	body := make([]byte, 0, 64)
	if s.best {
		body = strconv.AppendInt(append(body, `{"best_available":{"count":`...), int64(b.Count), 10)
		return append(body, "}}"...)
	}
	body = append(body, `{"seats":[`...)
	for i := range b.Count {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, s.quoted[b.First+i]...)
	}
	return append(body, "]}"...)
}

func (s *sale) key(kind string, i int) string { return s.run + "-" + kind + "-" + strconv.Itoa(i) }

// reserve asks once for a block; the same key is the same attempt.
func (s *sale) reserve(customer int, b load.Block, key string) load.Outcome {
	return s.order(customer, b, key, s.granted)
}

// order is reserve with something else done with a yes.
func (s *sale) order(customer int, b load.Block, key string, granted func(int, load.Block, string, client.Answer) load.Outcome) load.Outcome {
	answer, err := s.client.Do(client.Request{
		Method: "POST", Path: s.hot, Token: s.tokens[customer], Key: key, Body: s.body(b),
	})
	switch {
	case err != nil:
		return load.Outcome{Code: "connection", Again: true}
	case answer.Again():
		return load.Outcome{Code: answer.QuickCode(), Again: true, After: answer.RetryAfter}
	case answer.Status == 201:
		return granted(customer, b, key, answer)
	case answer.Status == 409:
		return load.Outcome{Code: answer.QuickCode()}
	}
	return s.surprise(answer.Code())
}

func (s *sale) granted(customer int, b load.Block, key string, answer client.Answer) load.Outcome {
	var got judge.Reservation
	if err := json.Unmarshal(answer.Body, &got); err != nil || got.ID == "" {
		return s.surprise("unreadable_201")
	}
	asked := s.labels[b.First : b.First+b.Count]
	if s.best && len(got.Seats) == b.Count {
		asked = got.Seats
	}
	err := s.acks.add(judge.Ack{Key: key, ID: got.ID, User: s.users[customer], Asked: asked, Seats: got.Seats})
	if err != nil {
		s.stop(err)
	}
	return load.Outcome{}
}

// surprise notes an answer that no correct server gives here.
func (s *sale) surprise(code string) load.Outcome {
	s.mu.Lock()
	s.unexpected[code]++
	s.mu.Unlock()
	return load.Outcome{Code: code}
}

// surprises is a copy of the unexpected answers so far.
func (s *sale) surprises() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.unexpected)
}

// look reads the seat map as a customer's page does.
func (s *sale) look() load.Outcome {
	answer, err := s.client.Do(client.Request{Method: "GET", Path: s.path() + "/seats"})
	switch {
	case err != nil:
		return load.Outcome{Code: "connection"}
	case answer.Status == 200:
		return load.Outcome{}
	case answer.Again():
		return load.Outcome{Code: answer.QuickCode()}
	}
	return s.surprise(answer.Code())
}

// sweepPasses bounds how often the map is read for seats that are left.
const sweepPasses = 20

// swept is what became of the sweep.
type swept struct {
	passes, asked, granted int
	unanswered             []string
}

// sweep buys what the crowd has left over, as people do, until the map shows no free seat. Every customer is asked
// at most once per pass and only within the limit, so refusals are not expected; seats that stay are for the judge.
func (s *sale) sweep(ctx context.Context, workers int, rng *rand.Rand) (swept, error) {
	var done swept
	for done.passes < sweepPasses && ctx.Err() == nil {
		seats, err := s.seats(s.client)
		if err != nil {
			return done, err
		}
		free := make([]bool, len(s.labels))
		for i := range min(len(seats), len(free)) { // a map of another size is for the judge
			free[i] = seats[i] == '.'
		}
		blocks := load.Cut(free, s.joins, rng)
		if len(blocks) == 0 {
			return done, nil
		}
		buyers := s.buyers(blocks)
		done.passes++
		first, before := done.asked, len(s.acks.all())
		left := load.Insist(ctx, workers, len(buyers), load.DefaultRetry, func(i int) load.Outcome {
			return s.reserve(buyers[i], blocks[i], s.key("sweep", first+i))
		})
		done.asked += len(buyers)
		done.granted += len(s.acks.all()) - before
		for _, i := range left {
			done.unanswered = append(done.unanswered, s.key("sweep", first+i))
		}
	}
	return done, nil
}

// buyers finds a customer with enough allowance for each block; fewer when there are no more.
func (s *sale) buyers(blocks []load.Block) []int {
	var found []int
	next := 0
	for _, b := range blocks {
		for next < len(s.users) && s.acks.heldBy(s.users[next])+b.Count > maxPerUser {
			next++
		}
		if next == len(s.users) {
			return found
		}
		found = append(found, next)
		next++
	}
	return found
}

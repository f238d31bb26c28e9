package typesense

import (
	"context"
	"errors"
	"sync"
	"time"

	client "github.com/typesense/typesense-go/v3/typesense"

	"ticketblue/ticketing"
)

// patience keeps people from waiting, one after the other, for a server that takes their searches and says nothing: after
// a few that got no answer the next are refused at once, while the server's health is asked for now and then. When it is well,
// one search tries, and the others are refused until that one has been answered.
type patience struct {
	mu     sync.Mutex
	unsaid int       // searches in a row without an answer
	until  time.Time // before it nobody asks whether there is one now
	asking bool      // for the health, or by the one search that tries
	well   bool      // the health was; the next search tries
}

const (
	searchLimit = 2 * time.Second // of one search
	silentAfter = 3               // searches in a row without an answer
)

// errSilent: nothing was sent. It is no news for the log, which has heard of those that were not answered.
var errSilent = &ticketing.Refusal{Code: ticketing.CodeUnavailable, Detail: "The search server leaves searches without an answer."}

// spent tells that no search is worth sending now, or that this one tries whether they are again.
func (e *Engine) spent() (spent, tries bool) {
	p := &e.patience
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.unsaid < silentAfter:
		return false, false
	case p.well:
		p.well = false
		return false, true
	case !p.asking && time.Now().After(p.until):
		p.asking = true
		go e.askHealth()
	}
	return true, false
}

// askHealth lets one search through when the server is well: what that finds decides.
func (e *Engine) askHealth() {
	ctx, cancel := context.WithTimeout(context.Background(), e.searchLimit)
	defer cancel()
	err := e.Ready(ctx)
	p := &e.patience
	p.mu.Lock()
	defer p.mu.Unlock()
	p.well = err == nil && p.unsaid >= silentAfter
	p.asking, p.until = p.well, time.Now().Add(restLimit) // while one may try, nobody asks
}

// heard takes in what became of a search. A refusal is an answer; who did not wait for one says nothing of the server.
func (p *patience) heard(asked context.Context, tried bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if tried {
		p.asking = false
	}
	var answered *client.HTTPError
	switch {
	case err == nil || errors.As(err, &answered):
		p.unsaid, p.well, p.asking = 0, false, false
	case !errors.Is(asked.Err(), context.Canceled):
		p.unsaid++
		p.until = time.Now().Add(restLimit)
	}
}

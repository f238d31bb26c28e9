package typesense

import (
	"context"
	"errors"
	"sync"
	"time"

	client "github.com/typesense/typesense-go/v3/typesense"
)

// patience keeps people from waiting, one after the other, for a server that takes their searches and says nothing: after
// a few that got no answer the next are refused at once, while the server's health is asked for now and then.
type patience struct {
	mu     sync.Mutex
	unsaid int       // searches in a row without an answer
	until  time.Time // before it nobody asks whether there is one now
	asking bool
}

const (
	searchLimit = 2 * time.Second // of one search
	silentAfter = 3               // searches in a row without an answer
)

// errSilent: nothing was sent.
var errSilent = errors.New("the Typesense server has left several searches without an answer; it is asked again in a moment")

// spent tells that no search is worth sending now.
func (e *Engine) spent() bool {
	p := &e.patience
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unsaid < silentAfter {
		return false
	}
	if !p.asking && time.Now().After(p.until) {
		p.asking = true
		go e.askAgain()
	}
	return true
}

// askAgain lets one search through when the server is well: what that finds decides.
func (e *Engine) askAgain() {
	ctx, cancel := context.WithTimeout(context.Background(), e.searchLimit)
	defer cancel()
	err := e.Ready(ctx)
	p := &e.patience
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking, p.until = false, time.Now().Add(restLimit)
	if err == nil && p.unsaid >= silentAfter {
		p.unsaid = silentAfter - 1
	}
}

// heard takes in what became of a search. A refusal is an answer; who did not wait for one says nothing of the server.
func (p *patience) heard(asked context.Context, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var answered *client.HTTPError
	switch {
	case err == nil || errors.As(err, &answered):
		p.unsaid = 0
	case !errors.Is(asked.Err(), context.Canceled):
		p.unsaid++
		p.until = time.Now().Add(restLimit)
	}
}

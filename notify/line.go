package notify

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"time"

	"ticketblue/ticketing"
)

// Pace of a channel. An attempt is over well before the time that a job has.
const (
	sendLimit    = 15 * time.Second // one attempt
	lineLimit    = 10 * time.Second // for a channel that is resting; then the job comes back later
	firstRest    = 1 * time.Second  // after the first failure of a channel; it doubles with each
	lastRest     = 60 * time.Second // up to this
	maxSlackRest = time.Hour        // that we do for Slack, whatever it asks for
)

// Sender hands a message to whoever carries it. It has not taken it for sure when it returns an error, a *Trouble if
// it knows more.
type Sender interface {
	Send(ctx context.Context, m ticketing.Message) error
}

// Outbox keeps what would have been sent, where nothing is configured.
type Outbox func(ctx context.Context, m ticketing.Message) error

// Send keeps the message.
func (o Outbox) Send(ctx context.Context, m ticketing.Message) error { return o(ctx, m) }

// Trouble is why a message was not taken. It holds no personal data.
type Trouble struct {
	Reason     string
	Final      bool          // this message will never be taken
	Channel    bool          // no message would have been taken now
	RetryAfter time.Duration // the other side wants to be left alone for so long; 0: it did not say
}

func (t *Trouble) Error() string { return t.Reason }

// address: servers repeat them in what they say.
var address = regexp.MustCompile(`[^\s<>"'()\[\],;:]+@[^\s<>"'()\[\],;:]+`)

// trouble is an error of a channel without the addresses in it.
func trouble(err error) *Trouble {
	return &Trouble{Reason: address.ReplaceAllString(err.Error(), "(address)"), Channel: true}
}

// later asks for a job to be worked again after a while; it has not failed.
type later struct{ after time.Duration }

func (l later) Error() string        { return "the channel is resting" }
func (l later) Later() time.Duration { return l.after }

// line is one channel as seen from our side. After a failure it rests, longer each time, and one message at a time
// finds out whether it is well again; so a dead channel costs next to nothing however much it owes.
type line struct {
	first, patience time.Duration // firstRest, lineLimit
	closing         <-chan struct{}

	mu      sync.Mutex
	pause   time.Duration // of the last rest; 0: the channel is well
	until   time.Time     // it rests
	probing bool          // somebody is finding out
	changed chan struct{} // closed and replaced after every attempt that others waited for
}

func newLine(closing <-chan struct{}) *line {
	return &line{first: firstRest, patience: lineLimit, closing: closing, changed: make(chan struct{})}
}

// run attempts something by the channel, or returns a later when it is not to be tried now.
func (l *line) run(ctx context.Context, attempt func(ctx context.Context) error) error {
	probe, err := l.admit(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	go func() {
		select {
		case <-l.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	err = attempt(ctx)
	select {
	case <-l.closing:
		l.settle(probe, nil, true)
	default:
		l.settle(probe, err, false)
	}
	return err
}

// admit waits for the channel, but not longer than its patience.
func (l *line) admit(ctx context.Context) (probe bool, err error) {
	patience := time.NewTimer(l.patience)
	defer patience.Stop()
	for {
		l.mu.Lock()
		rest := time.Until(l.until)
		if l.pause == 0 || rest <= 0 && !l.probing {
			probe = l.pause != 0
			l.probing = l.probing || probe
			l.mu.Unlock()
			return probe, nil
		}
		changed := l.changed
		l.mu.Unlock()
		if rest <= 0 { // somebody is finding out
			rest = l.patience
		}
		over := time.NewTimer(rest)
		select {
		case <-over.C:
		case <-changed:
		case <-patience.C:
			err = later{max(rest, time.Second)}
		case <-l.closing:
			err = later{time.Second}
		case <-ctx.Done():
			err = ctx.Err()
		}
		over.Stop()
		if err != nil {
			return false, err
		}
	}
}

// settle draws the conclusion of an attempt; one that was broken off by us says nothing.
func (l *line) settle(probe bool, err error, brokenOff bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if probe {
		l.probing = false
		close(l.changed)
		l.changed = make(chan struct{})
	}
	var t *Trouble
	switch {
	case brokenOff:
	case errors.As(err, &t) && t.Channel:
		if probe || l.pause == 0 { // others that failed at the same time have nothing to add
			l.pause = min(max(l.first, 2*l.pause), lastRest)
		}
		l.until = time.Now().Add(max(l.pause, t.RetryAfter))
	default:
		l.pause, l.until = 0, time.Time{}
	}
}

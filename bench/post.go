package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// manner is how a channel behaves.
type manner string

const (
	alive    manner = "alive"
	refusing manner = "refusing" // SMTP greets with 421, Slack answers 500
	hanging  manner = "hanging"  // both take the connection and say nothing
)

const (
	postPatience  = 2 * time.Minute // of whoever waits for what was to be told
	postLook      = 10 * time.Millisecond
	maxPostedText = 1 << 20 // bytes of a mail or Slack message
)

// post is a mail server and a Slack webhook of our own. Both can be dead, and both count what they have taken about
// each reservation.
type post struct {
	mail *smtp.Server
	hook *http.Server
	env  []string // that makes a ticketblue use them

	mu           sync.Mutex
	how          manner
	mended       chan struct{} // closed when they are alive again
	silent       []net.Conn    // connections that hang
	mails, slack map[string]int
}

func openPost() (*post, error) {
	p := &post{how: alive, mended: make(chan struct{}), mails: map[string]int{}, slack: map[string]int{}}
	mail, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	hook, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, mail.Close())
	}
	p.mail = smtp.NewServer(p)
	p.mail.Domain = "localhost"
	p.hook = &http.Server{Handler: p, ReadHeaderTimeout: postPatience}
	// They end when the post is closed; how does not matter.
	go func() { _ = p.mail.Serve(postDoor{mail, p}) }()
	go func() { _ = p.hook.Serve(hook) }()
	p.env = []string{"TB_SMTP_URL=smtp+plain://" + mail.Addr().String(), "TB_SLACK_WEBHOOK_URL=http://" + hook.Addr().String() + "/hook"}
	return p, nil
}

func (p *post) close() {
	p.mend()
	_, _ = p.mail.Close(), p.hook.Close()
}

// kill makes both channels dead.
func (p *post) kill(how manner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.how, p.mended = how, make(chan struct{})
}

// mend brings both back; what hung is cut, as by a server that was started again.
func (p *post) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.how == alive {
		return
	}
	p.how = alive
	close(p.mended)
	for _, c := range p.silent {
		_ = c.Close()
	}
	p.silent = nil
}

// postDoor lets in only when the post is alive.
type postDoor struct {
	net.Listener
	post *post
}

// Accept is the next connection that the mail server is to see.
func (d postDoor) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.post.mu.Lock()
		how := d.post.how
		if how == hanging {
			d.post.silent = append(d.post.silent, c)
		}
		d.post.mu.Unlock()
		switch how {
		case alive:
			return c, nil
		case refusing:
			_, _ = io.WriteString(c, "421 localhost is closed\r\n") // whoever has gone need not know
			_ = c.Close()
		}
	}
}

type postSession struct{ *post }

// NewSession, and what follows, is a mail server that takes everything.
func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return postSession{p}, nil }

// Mail takes any sender.
func (postSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt takes any recipient.
func (postSession) Rcpt(string, *smtp.RcptOptions) error { return nil }

// Reset forgets nothing, for there is nothing yet.
func (postSession) Reset() {}

// Logout ends a session.
func (postSession) Logout() error { return nil }

// Names of reservations in a mail's ticket and in what staff read.
var (
	mailed = regexp.MustCompile(`filename="?ticket-([0-9]+-[0-9]+)\.pdf`)
	posted = regexp.MustCompile(`([0-9]+-[0-9]+) · `) // behind a line break, which JSON writes as \n
)

// Data takes a mail.
func (s postSession) Data(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxPostedText))
	if err != nil {
		return err
	}
	s.count(s.mails, mailed, text)
	return nil
}

// ServeHTTP is Slack's side of the webhook.
func (p *post) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxPostedText))
	p.mu.Lock()
	how, mended := p.how, p.mended
	p.mu.Unlock()
	switch {
	case how == hanging:
		select {
		case <-mended:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler) // never answered
	case how == refusing || err != nil:
		w.WriteHeader(http.StatusInternalServerError)
	default:
		p.count(p.slack, posted, text)
	}
}

// count notes about which reservation a message is; those that are about something else are not what is measured.
func (p *post) count(into map[string]int, name *regexp.Regexp, text []byte) {
	found := name.FindSubmatch(text)
	if found == nil {
		return
	}
	p.mu.Lock()
	into[string(found[1])]++
	p.mu.Unlock()
}

// await waits until every reservation has been told by both channels.
func (p *post) await(ctx context.Context, reservations []string) error {
	ctx, cancel := context.WithTimeout(ctx, postPatience)
	defer cancel()
	for {
		mails, slack := p.missing(reservations)
		if mails == 0 && slack == 0 {
			return nil
		}
		if err := rest(ctx, postLook); err != nil {
			return fmt.Errorf("%d mails and %d Slack messages of %d have not come within %v: %w", mails, slack, len(reservations), postPatience, err)
		}
	}
}

func (p *post) missing(reservations []string) (mails, slack int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range reservations {
		if p.mails[id] == 0 {
			mails++
		}
		if p.slack[id] == 0 {
			slack++
		}
	}
	return mails, slack
}

// check wants every reservation told once by each channel, and nothing else told.
func (p *post) check(reservations []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for name, got := range map[string]map[string]int{"mail": p.mails, "Slack": p.slack} {
		once := 0
		for _, id := range reservations {
			if got[id] == 1 {
				once++
			}
		}
		if once != len(reservations) || once != len(got) {
			err = errors.Join(err, fmt.Errorf("by %s %d of %d confirmed reservations were told exactly once, %d were told of", name, once, len(reservations), len(got)))
		}
	}
	return err
}

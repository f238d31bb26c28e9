package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"ticketblue/payments/faketoss"
	"ticketblue/ticketing"
)

// post is an SMTP server and a Slack webhook of the test's own, both of which can be made to fail.
type post struct {
	mu      sync.Mutex
	broken  bool
	about   string         // mails that it counts have this in them
	mails   map[string]int // by Message-ID
	slack   []string
	smtpURL string
	hookURL string
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{mails: map[string]int{}, broken: true, about: "ticket-"}
	server := smtp.NewServer(p)
	server.Domain = "localhost"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	p.smtpURL = "smtp+plain://" + l.Addr().String()
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.broken {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		p.slack = append(p.slack, string(text))
	}))
	t.Cleanup(hook.Close)
	p.hookURL = hook.URL
	return p
}

type postSession struct{ *post }

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return postSession{p}, nil }

func (postSession) Mail(string, *smtp.MailOptions) error { return nil }
func (postSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (postSession) Reset()                               {}
func (postSession) Logout() error                        { return nil }

var messageID = regexp.MustCompile(`(?mi)^Message-ID: <(\S+)>`)

func (p postSession) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken {
		return &smtp.SMTPError{Code: 421, Message: "closing"}
	}
	if id := messageID.FindSubmatch(body); id != nil && bytes.Contains(body, []byte(p.about)) {
		p.mails[string(id[1])]++
	}
	return nil
}

func (p *post) got() (mails, most, slack int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.mails {
		most = max(most, n)
	}
	return len(p.mails), most, len(p.slack)
}

func (p *post) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = false
}

// enroll gives the first customer an account.
func (o *office) enroll(t *testing.T, u ticketing.User) {
	t.Helper()
	flags := storeFlags{Data: o.data, LogLevel: "error"}
	s, err := flags.openOwn(t.Context(), flags.logger())
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.CreateUser(t.Context(), u)
	if err := errors.Join(err, s.Close()); err != nil || id != 1 {
		t.Fatalf("account %d, %v", id, err)
	}
}

// Mail server and Slack are dead while tickets are sold; the program is killed; then they are well again. Every
// confirmation is told once by each channel, and nobody's name is told to staff.
func TestNoticesSurviveDeadChannelsAndAKill(t *testing.T) {
	const tickets = 6
	o, b, p := newOffice(t, 20, 1), newBank(t, faketoss.Webhooks{}), newPost(t)
	o.enroll(t, ticketing.User{Email: "kim@example.com", Name: "김하늘", Role: ticketing.Customer})
	t.Setenv("TB_SMTP_URL", p.smtpURL)
	t.Setenv("TB_SLACK_WEBHOOK_URL", p.hookURL)
	s := b.serve(t, o.data)
	c := &shopper{t: t, url: s.url, token: o.tokens[0], round: int64(o.round)}
	for i := range tickets {
		c.confirm(200, c.start(b, c.reserve(o.labels[i]), faketoss.Approve))
	}
	s.kill()
	p.mend()
	s = b.serve(t, o.data)
	poll(t, "all mails and Slack messages", func() bool {
		mails, _, slack := p.got()
		return mails >= tickets && slack >= tickets
	})
	items := func() int {
		return len(mustAsk(t, 200, "GET", s.url+"/v1/inbox", o.tokens[0], nil).body["items"].([]any))
	}
	poll(t, "the inbox", func() bool { return items() >= 2*tickets })
	if n := items(); n != 2*tickets { // each held and confirmed
		t.Errorf("%d items in the inbox", n)
	}
	s.stop() // what is under way comes to its end
	mails, most, slack := p.got()
	if mails != tickets || most != 1 || slack != tickets {
		t.Errorf("%d mails, one of them %d times; %d Slack messages", mails, most, slack)
	}
	for _, text := range p.slack {
		if strings.Contains(text, "@") {
			t.Errorf("Slack was told %s", text)
		}
	}
}

package notify

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"ticketblue/ticketing"
)

// mailServer is a real SMTP server in this process, which does what a test wants.
type mailServer struct {
	mu    sync.Mutex
	took  [][]byte
	rcpts []string
	rcpt  error         // what a recipient is answered
	data  error         // what a text is answered, after it was read
	hang  chan struct{} // not nil: it says nothing more until this is closed
	port  string
	roots *x509.CertPool
}

type mailSession struct{ *mailServer }

func (s *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) { return mailSession{s}, nil }

func (s mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "tickets" || password != "a password" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
func (s mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcpts = append(s.rcpts, to)
	return s.rcpt
}
func (s mailSession) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	hang, answer := s.hang, s.data
	if answer == nil {
		s.took = append(s.took, body)
	}
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return answer
}
func (mailSession) Reset()        {}
func (mailSession) Logout() error { return nil }

func serveMail(t *testing.T, encrypts bool) *mailServer {
	t.Helper()
	s := &mailServer{}
	server := smtp.NewServer(s)
	server.Domain = "localhost"
	server.AllowInsecureAuth = true // so that only our own care keeps a password from being sent in clear
	if encrypts {
		server.TLSConfig, s.roots = certificate(t)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	return s
}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}, MinVersion: tls.VersionTLS12}, roots
}

func (s *mailServer) sender(t *testing.T, address string) *SMTP {
	t.Helper()
	sender, err := NewSMTP(address+s.port, "Ticket Blue <tickets@house.example>")
	if err != nil {
		t.Fatal(err)
	}
	sender.tls = &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	return sender
}

var aMail = ticketing.Message{
	Name: "round:42@17/mail", To: "kim@example.com", Subject: "[Ticket Blue] 예매가 확정되었습니다", Body: "글\n", HTML: "<p>글</p>",
	Files: []ticketing.File{{Name: "ticket-42-7.pdf", Type: "application/pdf", Body: []byte("%PDF-")}},
}

func TestMailGoesByStartTLS(t *testing.T) {
	s := serveMail(t, true)
	sender := s.sender(t, "smtp://tickets:a%20password@localhost:")
	if err := sender.Send(t.Context(), aMail); err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(s.took[0]))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Header.Get("Message-Id"); got != "<"+messageID(aMail.Name, "tickets@house.example")+">" {
		t.Errorf("Message-ID %s", got)
	}
	if to, from := m.Header.Get("To"), m.Header.Get("From"); !strings.Contains(to, "kim@example.com") || !strings.Contains(from, "tickets@house.example") {
		t.Errorf("from %s to %s", from, to)
	}
	if s.rcpts[0] != "kim@example.com" {
		t.Errorf("recipients %v", s.rcpts)
	}
	for _, want := range []string{"multipart/mixed", "multipart/alternative", "text/plain", "text/html", `filename="ticket-42-7.pdf"`} {
		if !bytes.Contains(s.took[0], []byte(want)) {
			t.Errorf("lacks %s:\n%s", want, s.took[0])
		}
	}
}

// What may go wrong with a server, and what it says about the mail and about the channel.
func TestTroubleWithAServer(t *testing.T) {
	refusing := func(rcpt, data error) func(*testing.T) *SMTP {
		return func(t *testing.T) *SMTP {
			s := serveMail(t, true)
			s.rcpt, s.data = rcpt, data
			return s.sender(t, "smtp://localhost:")
		}
	}
	says := func(code int) error {
		return &smtp.SMTPError{Code: code, Message: "<kim@example.com>: no"}
	}
	for name, row := range map[string]struct {
		sender         func(*testing.T) *SMTP
		final, channel bool
	}{
		"no such user":      {refusing(says(550), nil), true, false},
		"mailbox full":      {refusing(says(452), nil), false, false},
		"closing":           {refusing(says(421), nil), false, true},
		"text refused":      {refusing(nil, says(554)), true, false},
		"text put off":      {refusing(nil, says(451)), false, false},
		"no STARTTLS there": {func(t *testing.T) *SMTP { return serveMail(t, false).sender(t, "smtp://localhost:") }, false, true},
		"wrong password":    {func(t *testing.T) *SMTP { return serveMail(t, true).sender(t, "smtp://tickets:x@localhost:") }, false, true},
		"nobody there":      {func(t *testing.T) *SMTP { return closed(t).sender(t, "smtp://localhost:") }, false, true},
		"someone else there": {func(t *testing.T) *SMTP {
			s := serveMail(t, true)
			s.roots = nil
			return s.sender(t, "smtp://localhost:")
		}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := row.sender(t).Send(t.Context(), aMail)
			var of *Trouble
			if !errors.As(err, &of) || of.Final != row.final || of.Channel != row.channel {
				t.Errorf("%#v, want final %t, channel %t", err, row.final, row.channel)
			}
			if err != nil && strings.Contains(err.Error(), "kim@example.com") {
				t.Errorf("the error names the customer: %v", err)
			}
		})
	}
	bad := aMail
	bad.To = "not an address"
	err := serveMail(t, true).sender(t, "smtp://localhost:").Send(t.Context(), bad)
	if of, is := errors.AsType[*Trouble](err); !is || !of.Final {
		t.Errorf("a bad address: %v", err)
	}
}

// closed is a server that was there a moment ago.
func closed(t *testing.T) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	return &mailServer{port: port}
}

// A server that says nothing more is left when the time is over, wherever it stopped.
func TestSilentServerIsLeft(t *testing.T) {
	s := serveMail(t, true)
	s.hang = make(chan struct{})
	defer close(s.hang)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never greets
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	_, port, _ := net.SplitHostPort(mute.Addr().String())
	for name, sender := range map[string]*SMTP{
		"after the text": s.sender(t, "smtp://localhost:"), "at once": (&mailServer{port: port}).sender(t, "smtp://localhost:"),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		err := sender.Send(ctx, aMail)
		if of, is := errors.AsType[*Trouble](err); !is || !of.Channel || time.Since(began) > patience {
			t.Errorf("%s: %v after %s", name, err, time.Since(began))
		}
		cancel()
	}
}

func TestMailServersAddress(t *testing.T) {
	const from = "Ticket Blue <t@example.com>"
	for address, ok := range map[string]bool{
		"smtp://mail.example.com": true, "smtps://u:p@mail.example.com": true, "smtp+plain://127.0.0.1:1025": true, "smtp://mail.example.com:2525/": true,
		"mail.example.com": false, "http://mail.example.com": false, "smtp://": false, "smtp://h/path": false, "smtp+plain://u:p@h": false, "smtp://h:x": false,
	} {
		_, err := NewSMTP(address, from)
		if (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: the error repeats the password: %v", address, err)
		}
	}
	if _, err := NewSMTP("smtp://h", "nobody"); err == nil {
		t.Error("mail may come from nobody")
	}
}

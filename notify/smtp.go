package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"

	"github.com/wneessen/go-mail"

	"ticketblue/ticketing"
)

// SMTP sends mail by a server. Every mail has a connection of its own, which is encrypted unless the address says
// otherwise.
type SMTP struct {
	host     string
	port     int
	scheme   string
	user     string
	password string
	from     netmail.Address
	tls      *tls.Config // tests have authorities of their own
}

const (
	schemeSTARTTLS = "smtp"
	schemeTLS      = "smtps"
	schemePlain    = "smtp+plain"
)

var smtpPorts = map[string]int{schemeSTARTTLS: 587, schemeTLS: 465, schemePlain: 25}

// NewSMTP reads where the server is: smtp://user:password@host:587 (STARTTLS, which the server must offer), smtps://
// (TLS from the start) or smtp+plain:// (no encryption, for a relay on this machine). From is what mails come from:
// "Ticket Blue <tickets@example.com>".
func NewSMTP(address, from string) (*SMTP, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("--smtp-url must be smtp://user:password@host:port") // the error would repeat the password
	}
	port, known := smtpPorts[u.Scheme]
	if !known || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return nil, errors.New("--smtp-url must be smtp://user:password@host:port (STARTTLS), or the same with smtps or smtp+plain")
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil {
			return nil, errors.New("--smtp-url has a port that is no number")
		}
	}
	sender, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, errors.New("--mail-from must be an address such as Ticket Blue <tickets@example.com>")
	}
	password, _ := u.User.Password()
	s := &SMTP{host: u.Hostname(), port: port, scheme: u.Scheme, user: u.User.Username(), password: password, from: *sender}
	if s.scheme == schemePlain && s.user != "" {
		return nil, errors.New("--smtp-url smtp+plain:// would send the password in clear: leave it out, or use smtp://")
	}
	return s, nil
}

// Send hands a mail to the server. The error is a *Trouble.
func (s *SMTP) Send(ctx context.Context, m ticketing.Message) error {
	msg, err := s.message(m)
	if err != nil {
		t := trouble(err)
		t.Final, t.Channel = true, false
		return t
	}
	ctx, done := context.WithCancel(ctx)
	defer done()
	var conn net.Conn
	client, err := mail.NewClient(s.host, s.options(ctx, &conn)...)
	if err != nil {
		return trouble(err)
	}
	dialed, err := client.DialToSMTPClientWithContext(ctx)
	if conn != nil {
		defer conn.Close() // the library leaves it open when the greeting fails
	}
	if err != nil {
		return trouble(err)
	}
	if err := client.SendWithSMTPClient(dialed, msg); err != nil {
		return judged(err)
	}
	_ = client.CloseWithSMTPClient(dialed) // the mail has been taken, whatever becomes of the good-bye
	return nil
}

func (s *SMTP) options(ctx context.Context, conn *net.Conn) []mail.Option {
	config := s.tls.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.ServerName = s.host
	options := []mail.Option{
		mail.WithPort(s.port), mail.WithTimeout(sendLimit), mail.WithTLSConfig(config), mail.WithoutNoop(),
		mail.WithoutRset(), // its failure, after the mail was taken, would look like the mail's
		mail.WithDialContextFunc(func(dialing context.Context, network, address string) (_ net.Conn, err error) {
			if s.scheme == schemeTLS {
				*conn, err = (&tls.Dialer{Config: config}).DialContext(dialing, network, address)
			} else {
				*conn, err = (&net.Dialer{}).DialContext(dialing, network, address)
			}
			if err == nil { // else a server that says nothing would be waited for until the library's own time is over
				open := *conn
				context.AfterFunc(ctx, func() { _ = open.Close() })
			}
			return *conn, err
		}),
	}
	switch s.scheme {
	case schemePlain:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case schemeTLS:
		options = append(options, mail.WithSSL())
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.user != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.user), mail.WithPassword(s.password))
	}
	return options
}

// message writes the mail. Its id follows from its name, so that a mail that was sent twice can be known by it.
func (s *SMTP) message(m ticketing.Message) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.From(s.from.String()); err != nil {
		return nil, fmt.Errorf("the sender's address: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("the recipient's address: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(messageID(m.Name, s.from.Address))
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office notes in return
	msg.SetBodyString(mail.TypeTextPlain, m.Body)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	for _, f := range m.Files {
		err := msg.AttachReader(f.Name, bytes.NewReader(f.Body), mail.WithFileContentType(mail.ContentType(f.Type)))
		if err != nil {
			return nil, fmt.Errorf("attaching %s: %w", f.Name, err)
		}
	}
	return msg, nil
}

// judged tells a mail that is refused from a server that is in trouble. Who is refused as a recipient, or a text that is
// refused, is this mail's matter; a refused sender or a broken connection is everybody's.
func judged(err error) *Trouble {
	t := trouble(err)
	var sent *mail.SendError
	if !errors.As(err, &sent) {
		return t
	}
	switch sent.Reason {
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose:
		code := sent.ErrorCode()
		const closing = 421 // "service not available": the server's trouble, whatever it was asked
		t.Channel = code == 0 || code == closing
		t.Final = code >= 500 && code < 600
	case mail.ErrGetSender, mail.ErrGetRcpts, mail.ErrNoUnencoded:
		t.Channel, t.Final = false, true
	}
	return t
}

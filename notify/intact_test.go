package notify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// parsedMail is a mail as somebody else's parser reads it.
type parsedMail struct {
	Subject, From, To, ID, Sender string
	Recipients, Defects           []string
	Encrypted                     bool
	Parts                         []parsedPart
}

type parsedPart struct{ Type, Name, SHA256, Text string }

// receiver is a mail server that demands STARTTLS and a password.
type receiver interface {
	sender(t *testing.T, address string) *SMTP
	received(t *testing.T) parsedMail // the next
}

// newReceiver is the server that TB_TEST_SMTPD names, a command that is given a certificate and its key (`make smtp`),
// or the one in this process.
func newReceiver(t *testing.T) receiver {
	t.Helper()
	command := os.Getenv("TB_TEST_SMTPD")
	if command == "" {
		return serveMail(t, true)
	}
	config, roots := certificate(t)
	s := &otherServer{mailServer: mailServer{roots: roots}, lines: make(chan string, 10)}
	words := append(strings.Fields(command), writeCertificate(t, config)...)
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.lines)
		for lines := bufio.NewScanner(io.LimitReader(stdout, 16<<20)); lines.Scan(); {
			s.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() { _, _ = stdin.Close(), cmd.Wait() })
	s.port = s.line(t)
	return s
}

func writeCertificate(t *testing.T, config *tls.Config) (files []string) {
	t.Helper()
	made := config.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{"CERTIFICATE": made.Certificate[0], "PRIVATE KEY": key} {
		file := filepath.Join(t.TempDir(), strings.ToLower(name)+".pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return files
}

// otherServer is a process that prints what it has received.
type otherServer struct {
	mailServer
	lines chan string
}

func (s *otherServer) line(t *testing.T) string {
	t.Helper()
	select {
	case line, open := <-s.lines:
		if !open {
			t.Fatal("the server has ended")
		}
		return line
	case <-time.After(patience):
		t.Fatal("the server says nothing")
	}
	return ""
}

func (s *otherServer) received(t *testing.T) (m parsedMail) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.line(t)), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// received reads the first mail with Go's own parsers, which go-mail has no part in.
func (s *mailServer) received(t *testing.T) parsedMail {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(s.took[0]))
	if err != nil {
		t.Fatal(err)
	}
	var words mime.WordDecoder
	header := func(name string) string {
		text, err := words.DecodeHeader(m.Header.Get(name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	p := parsedMail{
		Subject: header("Subject"), From: header("From"), To: header("To"), ID: header("Message-Id"),
		Sender: "tickets@house.example", Recipients: s.rcpts, Encrypted: true, // nothing else is let in
	}
	p.read(t, m.Header.Get("Content-Type"), "", "", m.Body)
	return p
}

// read adds a part and those in it.
func (p *parsedMail) read(t *testing.T, contentType, encoding, name string, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			p.read(t, part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part.FileName(), part)
		}
	}
	switch encoding {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	sum, part := sha256.Sum256(content), parsedPart{Type: kind, Name: name}
	part.SHA256 = hex.EncodeToString(sum[:])
	if strings.HasPrefix(kind, "text/") {
		part.Text = strings.ReplaceAll(string(content), "\r\n", "\n")
	}
	p.Parts = append(p.Parts, part)
}

// A confirmation arrives as it was written: Korean subject and texts, the ticket and the calendar to the byte; by
// whatever server, read by whatever parser.
func TestMailArrivesIntact(t *testing.T) {
	r, message := newReceiver(t), newHouse(t).compose(noticeOf(ticketing.NoticeConfirmed), ticketing.Mail)
	for address, why := range map[string]string{"smtp://tickets:wrong@localhost:": "a wrong password", "smtp+plain://localhost:": "no encryption"} {
		if _, is := r.(*otherServer); !is && why == "no encryption" {
			continue // the one in this process leaves that to us
		}
		err := r.sender(t, address).Send(t.Context(), message)
		if of, is := errors.AsType[*Trouble](err); !is || !of.Channel && why == "a wrong password" {
			t.Errorf("with %s: %v", why, err)
		}
	}
	if err := r.sender(t, "smtp://tickets:a%20password@localhost:").Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	got := r.received(t)
	got.Subject = strings.TrimSpace(got.Subject) // a header that begins on its second line has a blank before it, to Python
	if got.Subject != message.Subject || !strings.Contains(got.From, "tickets@house.example") || !strings.Contains(got.To, message.To) ||
		got.ID != "<"+messageID(message.Name, "tickets@house.example")+">" || len(got.Defects) > 0 || !got.Encrypted {
		t.Errorf("%q from %q to %q as %s, want %q to %q as %s; encrypted %t, defects %q", got.Subject, got.From, got.To, got.ID, message.Subject, message.To, messageID(message.Name, "tickets@house.example"), got.Encrypted, got.Defects)
	}
	if got.Sender != "tickets@house.example" || !slices.Equal(got.Recipients, []string{message.To}) {
		t.Errorf("from %s to %v", got.Sender, got.Recipients)
	}
	if len(got.Parts) != 2+len(message.Files) || len(message.Files) != 2 {
		t.Fatalf("%d parts", len(got.Parts))
	}
	for i, want := range []struct{ kind, text string }{{"text/plain", message.Body}, {"text/html", message.HTML}} {
		if p := got.Parts[i]; p.Type != want.kind || strings.TrimRight(p.Text, "\n") != strings.TrimRight(want.text, "\n") || !strings.Contains(p.Text, "예매") {
			t.Errorf("%s: %q, want %q", p.Type, p.Text, want.text)
		}
	}
	for i, file := range message.Files {
		sum := sha256.Sum256(file.Body)
		if p := got.Parts[2+i]; p.Name != file.Name || !strings.HasPrefix(file.Type, p.Type) || p.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%+v, want %s, %s, %x", p, file.Name, file.Type, sum)
		}
	}
}

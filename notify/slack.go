package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ticketblue/ticketing"
)

// Webhook posts to a Slack channel.
type Webhook struct {
	url    string
	client http.Client
}

// NewWebhook posts to an incoming webhook's address, which is a secret: whoever has it can post.
func NewWebhook(address string) (*Webhook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("--slack-webhook-url must be the https address of an incoming webhook")
	}
	return &Webhook{url: address, client: http.Client{
		// A webhook is asked where it is, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// slackEscaper is all that Slack asks to be escaped.
var slackEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

const maxSlackAnswer = 200 // bytes that are read of it

// Send posts the message's subject and body. The error is a *Trouble.
func (w *Webhook) Send(ctx context.Context, m ticketing.Message) error {
	text := "*" + slackEscaper.Replace(m.Subject) + "*"
	if m.Body != "" {
		text += "\n" + slackEscaper.Replace(m.Body)
	}
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return &Trouble{Reason: err.Error(), Final: true}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return &Trouble{Reason: "the webhook's address is unusable", Channel: true}
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := w.client.Do(request)
	if err != nil {
		return &Trouble{Reason: withoutAddress(err), Channel: true}
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxSlackAnswer))
	if answer.StatusCode/100 == 2 {
		return nil // it has been taken, whether or not we could read what it said
	}
	reason := "Slack answered " + strconv.Itoa(answer.StatusCode)
	if err == nil {
		reason += ": " + strings.ToValidUTF8(string(said), "?")
	}
	return &Trouble{
		Reason: reason,
		// What is malformed stays so. Anything else (no such webhook, too many, broken) is not this message's fault.
		Final:      answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusRequestEntityTooLarge,
		Channel:    answer.StatusCode != http.StatusBadRequest && answer.StatusCode != http.StatusRequestEntityTooLarge,
		RetryAfter: retryAfter(answer.Header.Get("Retry-After")),
	}
}

// withoutAddress is what went wrong, without the address, which is a secret.
func withoutAddress(err error) string {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	return "asking Slack: " + err.Error()
}

func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxSlackRest)
}

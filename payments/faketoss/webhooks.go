package faketoss

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Webhooks say who is told when a payment's status changes, and how badly.
type Webhooks struct {
	URL       string            // nobody is told when empty
	Copies    int               // of each message; 0: one
	Forged    bool              // before each true message comes one that says DONE, whatever happened
	Transport http.RoundTripper // default http.DefaultTransport
}

const (
	maxMessages  = 1000 // that wait to be sent; the rest is not sent, as happens
	messageLimit = 5 * time.Second
	messageTries = 3
	messagePause = time.Second // before the second try, then four times as long
)

// messenger sends webhooks, one after the other.
type messenger struct {
	o      Options
	client *http.Client
	queue  chan []byte
	sender sync.WaitGroup
}

func newMessenger(life context.Context, o Options) *messenger {
	m := &messenger{o: o, client: &http.Client{Timeout: messageLimit, Transport: o.Webhooks.Transport}, queue: make(chan []byte, maxMessages)}
	if o.Webhooks.URL != "" {
		m.sender.Go(func() { m.run(life) })
	}
	return m
}

func (m *messenger) close() { m.sender.Wait() }

type eventBody struct {
	EventType string    `json:"eventType"`
	CreatedAt time.Time `json:"createdAt"`
	Data      any       `json:"data"`
}

// tell never waits: who listens must be able to do without.
func (m *messenger) tell(p *payment) {
	if m.o.Webhooks.URL == "" {
		return
	}
	if m.o.Webhooks.Forged {
		lie := p.copy()
		lie.Status, lie.Balance = done, lie.Total
		m.enqueue(lie)
	}
	for range max(1, m.o.Webhooks.Copies) {
		m.enqueue(p)
	}
}

func (m *messenger) enqueue(p *payment) {
	body, err := json.Marshal(eventBody{"PAYMENT_STATUS_CHANGED", m.o.Clock().In(seoul), shown(p)})
	if err != nil {
		return // cannot be: it is made of strings and numbers
	}
	select {
	case m.queue <- body:
	default:
	}
}

func (m *messenger) run(life context.Context) {
	for {
		select {
		case body := <-m.queue:
			m.deliver(life, body)
		case <-life.Done():
			return
		}
	}
}

func (m *messenger) deliver(life context.Context, body []byte) {
	pause := messagePause
	for range messageTries {
		if m.post(life, body) || m.o.Wait(life, pause) != nil {
			return
		}
		pause *= 4
	}
	m.o.Log.Warn("fake Toss: a webhook was not taken", "url", m.o.Webhooks.URL)
}

func (m *messenger) post(life context.Context, body []byte) bool {
	request, err := http.NewRequestWithContext(life, http.MethodPost, m.o.Webhooks.URL, bytes.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := m.client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close() // what it says does not matter
	return response.StatusCode == http.StatusOK
}

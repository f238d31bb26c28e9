package broadcast

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"ticketblue/ticketing"
)

// Headers of every message. Its id, in Nats-Msg-Id and ce-id, is "<stream>:<from>-<to>".
const (
	HeaderFrom = "TB-From" // seq of the first event
	HeaderTo   = "TB-To"   // seq of the last event

	ceType    = "ticketblue.facts"
	ceSource  = "ticketblue"
	ceVersion = "1.0"
)

// Sizes of a message's payload, in bytes.
const (
	joinBytes   = 512 << 10 // joining stops here; one larger chunk still goes whole
	headerBytes = 4 << 10   // left free below the server's limit
)

// message is consecutive events of one stream on their way.
type message struct {
	stream  ticketing.Stream
	from    uint64
	to      uint64
	payload []byte // as of one chunk
}

func (m message) id() string {
	return string(m.stream) + ":" + strconv.FormatUint(m.from, 10) + "-" + strconv.FormatUint(m.to, 10)
}

// join makes one message of the events after a seq, as many whole chunks as fit joinBytes. A chunk that is larger than
// limit, the server's, is sent in pieces.
func join(s ticketing.Stream, after uint64, chunks []ticketing.Chunk, limit int) (message, error) {
	first := chunks[0]
	if first.From > after+1 || first.To <= after {
		return message{}, fmt.Errorf("chunk %d-%d was given as what comes after %d", first.From, first.To, after)
	}
	if first.From <= after || len(first.Payload) > limit {
		return piece(s, after, first, limit)
	}
	m := message{stream: s, from: first.From, to: after}
	var records []byte
	for _, c := range chunks {
		if c.From != m.to+1 {
			return message{}, fmt.Errorf("chunk %d-%d follows event %d", c.From, c.To, m.to)
		}
		if m.to > after && len(records)+len(c.Payload) > min(joinBytes, limit) {
			break
		}
		own, ok := bytes.CutPrefix(c.Payload, ticketing.ChunkPayload(count(c), nil))
		if !ok {
			return message{}, fmt.Errorf("chunk %d-%d does not say that it holds %d events", c.From, c.To, count(c))
		}
		records = append(records, own...)
		m.to = c.To
	}
	m.payload = ticketing.ChunkPayload(int(m.to-m.from+1), records)
	return m, nil
}

func count(c ticketing.Chunk) int { return int(c.To - c.From + 1) }

// piece is as many events of one chunk after a seq as fit the server's limit.
func piece(s ticketing.Stream, after uint64, c ticketing.Chunk, limit int) (message, error) {
	events, err := eventsAfter(after, c.From, c.To, c.Payload)
	if err != nil {
		return message{}, err
	}
	var records []byte
	m := message{stream: s, from: after + 1, to: after}
	for _, e := range events {
		longer := ticketing.EncodeEvents(records, []ticketing.Event{e})
		if m.to > after && len(longer) > limit {
			break
		}
		records = longer
		m.to++
	}
	m.payload = ticketing.ChunkPayload(int(m.to-after), records)
	return m, nil
}

// eventsAfter decodes a payload that holds from..to and drops what is not after a seq.
func eventsAfter(after, from, to uint64, payload []byte) ([]ticketing.Event, error) {
	events, err := ticketing.DecodeChunk(payload)
	if err != nil {
		return nil, fmt.Errorf("events %d-%d: %w", from, to, err)
	}
	if to < from || uint64(len(events)) != to-from+1 {
		return nil, fmt.Errorf("events %d-%d are %d", from, to, len(events))
	}
	if after >= from {
		events = events[min(after-from+1, uint64(len(events))):]
	}
	return events, nil
}

// encode makes the NATS message. A different nonce makes a repeat a new message within the duplicate window.
func (m message) encode(now time.Time, nonce string) (*nats.Msg, error) {
	subject, err := Subject(m.stream)
	if err != nil {
		return nil, err
	}
	id := m.id()
	headers := [...][2]string{
		{HeaderFrom, strconv.FormatUint(m.from, 10)},
		{HeaderTo, strconv.FormatUint(m.to, 10)},
		{nats.MsgIdHdr, id + nonce},
		{"ce-specversion", ceVersion},
		{"ce-id", id},
		{"ce-type", ceType},
		{"ce-source", ceSource},
		{"ce-time", now.UTC().Format(time.RFC3339Nano)}, // of the sending; every event has its own time
	}
	msg := &nats.Msg{Subject: subject, Data: m.payload, Header: make(nats.Header, len(headers))}
	for i := range headers {
		msg.Header[headers[i][0]] = headers[i][1:2]
	}
	return msg, nil
}

// decode reads a message back; its payload stays encoded.
func decode(subject string, header nats.Header, payload []byte) (message, error) {
	s, err := streamOf(subject)
	if err != nil {
		return message{}, err
	}
	from, errFrom := strconv.ParseUint(header.Get(HeaderFrom), 10, 64)
	to, errTo := strconv.ParseUint(header.Get(HeaderTo), 10, 64)
	if errFrom != nil || errTo != nil || from == 0 || to < from {
		return message{}, fmt.Errorf("broadcast: a message on %s holds events %q to %q", subject, header.Get(HeaderFrom), header.Get(HeaderTo))
	}
	return message{stream: s, from: from, to: to, payload: payload}, nil
}

// after are the message's events after a seq.
func (m message) after(seq uint64) ([]ticketing.Event, error) {
	return eventsAfter(seq, m.from, m.to, m.payload)
}

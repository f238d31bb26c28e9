package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	dialWithin  = 10 * time.Second
	comeBackIn  = time.Second // at most, after a stream has ended
	lineBuffer  = 4 << 10     // bytes per viewer
	longestLine = 1 << 20     // bytes; the snapshot of 100,000 seats needs a tenth
)

// watcher is one viewer of a round's live map, with as little work per event as possible: what thousands see at the
// same time is read once. It comes back when its stream ends, as browsers do.
type watcher struct {
	addr   string
	path   string
	shared *sharedEvents
	began  time.Time // of all times

	mu    sync.Mutex
	seats []byte // nil before the first snapshot
	seq   uint64
	seen  []sighting
	bytes int64 // of all events
	opens int   // streams, the first included
	fault error // why the last stream ended
}

// sighting is when an event arrived.
type sighting struct {
	seq uint64
	at  time.Duration
}

// run watches until ctx ends.
func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.watch(ctx)
		w.mu.Lock()
		w.fault = err
		w.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(comeBackIn)):
		}
	}
}

// watch is one stream.
func (w *watcher) watch(ctx context.Context) error {
	dialer := net.Dialer{Timeout: dialWithin}
	conn, err := dialer.DialContext(ctx, "tcp", w.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	request := "GET " + w.path + " HTTP/1.1\r\nHost: " + w.addr + "\r\nAccept: text/event-stream\r\n"
	if w.seq > 0 {
		request += "Last-Event-ID: " + strconv.FormatUint(w.seq, 10) + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, lineBuffer), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	w.mu.Lock()
	w.opens++
	w.mu.Unlock()
	return w.read(bufio.NewReaderSize(resp.Body, lineBuffer))
}

// read takes events in until the stream ends.
func (w *watcher) read(r *bufio.Reader) error {
	var id, name string
	var data []byte
	for {
		line, err := readLine(r)
		if err != nil {
			return err
		}
		field, value, _ := bytes.Cut(line, []byte(": "))
		switch string(field) {
		case "id":
			id = string(value)
		case "event":
			name = string(value)
		case "data":
			data = append(data[:0], value...)
		case "": // the end of an event, or a comment
			if len(line) == 0 && name != "" {
				if err := w.take(id, name, data); err != nil {
					return err
				}
				if name = ""; cap(data) > lineBuffer {
					data = nil // a snapshot is not needed twice
				}
			}
		}
	}
}

// readLine is the next line without its end, valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) < longestLine {
			line, err = r.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	return bytes.TrimSuffix(line, []byte("\n")), err
}

func (w *watcher) take(id, name string, data []byte) error {
	at := time.Since(w.began)
	e, err := w.shared.of(name+id, data)
	if err != nil {
		return err
	}
	if id != strconv.FormatUint(e.Seq, 10) {
		return fmt.Errorf("event %s says that it is %d", id, e.Seq)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes += int64(len(data))
	if e.Seats != "" {
		w.seats = append(w.seats[:0], e.Seats...)
	}
	for _, c := range e.changes {
		if c.seat >= len(w.seats) {
			return fmt.Errorf("event %s changes seat %d of %d", id, c.seat, len(w.seats))
		}
		w.seats[c.seat] = c.state
	}
	w.seq = e.Seq
	w.seen = append(w.seen, sighting{e.Seq, at})
	return nil
}

// sharedEvents are the events that somebody has read already.
type sharedEvents struct {
	mu   sync.RWMutex
	read map[string]*liveEvent // by name and id
}

func newSharedEvents() *sharedEvents { return &sharedEvents{read: map[string]*liveEvent{}} }

type liveEvent struct {
	Seq     uint64
	Seats   string
	Changes [][2]any

	changes []seatChange
	raw     []byte
}

type seatChange struct {
	seat  int
	state byte
}

// of is the event with this data. Two events of one name may differ: then each is read by itself.
func (s *sharedEvents) of(name string, data []byte) (*liveEvent, error) {
	s.mu.RLock()
	known := s.read[name]
	s.mu.RUnlock()
	if known != nil && bytes.Equal(known.raw, data) {
		return known, nil
	}
	e := &liveEvent{raw: bytes.Clone(data)}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("reading event %s: %w", name, err)
	}
	for _, c := range e.Changes {
		seat, isNumber := c[0].(float64)
		state, isText := c[1].(string)
		if !isNumber || !isText || len(state) != 1 || seat < 0 {
			return nil, fmt.Errorf("event %s has the change %v", name, c)
		}
		e.changes = append(e.changes, seatChange{int(seat), state[0]})
	}
	s.mu.Lock()
	s.read[name] = e
	s.mu.Unlock()
	return e, nil
}

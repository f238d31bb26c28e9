package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

const eventsPath = "/v1/rounds/1/events"

// fakeLive shows round 1 to whoever watches.
type fakeLive struct {
	mu       sync.Mutex
	watching map[chan ticketing.Frame]bool
	brief    bool     // a watch ends after its first frames
	afters   []uint64 // of every watch so far
	broken   error
	hang     bool
	ended    chan struct{} // one for each watch that has ended
}

func newFakeLive() *fakeLive {
	return &fakeLive{watching: map[chan ticketing.Frame]bool{}, ended: make(chan struct{}, 100)}
}

func (f *fakeLive) leaveSoon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.brief = true
}

func frameOf(seq uint64, seat ticketing.SeatIndex) ticketing.Frame {
	return ticketing.Frame{Seq: seq, Data: EncodeDelta(ticketing.Delta{
		Seq: seq, Phase: ticketing.Open, Changes: []ticketing.SeatChange{{Seat: seat, State: ticketing.SeatHeld}},
	})}
}

func (f *fakeLive) Watch(ctx context.Context, round ticketing.RoundID, after uint64) (<-chan ticketing.Frame, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if round != 1 {
		return nil, fmt.Errorf("asking the owner: %w", ticketing.ErrNotFound)
	}
	if f.broken != nil {
		return nil, f.broken
	}
	f.afters = append(f.afters, after)
	frames := make(chan ticketing.Frame, 64)
	if after == 0 {
		frames <- ticketing.Frame{Seq: 2, Snapshot: true, Data: EncodeSnapshot(1, 2, []byte(".h........"), ticketing.Open)}
	}
	frames <- frameOf(3, 0)
	if f.brief {
		close(frames)
		return frames, nil
	}
	f.watching[frames] = true
	context.AfterFunc(ctx, func() {
		f.end(frames)
		f.ended <- struct{}{}
	})
	return frames, nil
}

func (f *fakeLive) end(frames chan ticketing.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watching[frames] {
		delete(f.watching, frames)
		close(frames)
	}
}

// send gives a frame to all who have room for it.
func (f *fakeLive) send(frame ticketing.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for frames := range f.watching {
		select {
		case frames <- frame:
		default:
		}
	}
}

// stream is a viewer's end of a live map.
type stream struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	resp *http.Response
}

func (h *house) watch(header string) *stream {
	h.t.Helper()
	conn, r := h.dial()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", eventsPath, header); err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &stream{h.t, conn, bufio.NewReader(resp.Body), resp}
	if resp.StatusCode == http.StatusOK {
		if line := s.line(); !strings.HasPrefix(line, "retry: ") || s.line() != "" {
			h.t.Fatalf("the stream begins with %q", line)
		}
	}
	return s
}

func (s *stream) line() string {
	s.t.Helper()
	line, err := s.r.ReadString('\n')
	if err != nil {
		s.t.Fatalf("reading the stream: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

// next is the next event, or "" for a comment.
func (s *stream) next() (event string) {
	s.t.Helper()
	for line := s.line(); line != ""; line = s.line() {
		if line != ":" {
			event += line + "\n"
		}
	}
	return event
}

func (s *stream) want(events ...string) {
	s.t.Helper()
	for _, want := range events {
		if got := s.next(); got != want {
			s.t.Fatalf("event %q, want %q", got, want)
		}
	}
}

func eventText(seq uint64, name, rest string) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: {\"seq\":%d,\"status\":\"open\",%s}\n", seq, name, seq, rest)
}

// eventsOf reads a whole stream as the list that the document describes.
func eventsOf(t *testing.T, body []byte) []any {
	t.Helper()
	var events []any
	for block := range strings.SplitSeq(strings.TrimSuffix(string(body), "\n\n"), "\n\n") {
		fields := map[string]any{}
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			var decoded any = value
			if name != "event" {
				if err := json.Unmarshal([]byte(value), &decoded); err != nil {
					t.Fatalf("%v in %q", err, line)
				}
			}
			fields[name] = decoded
		}
		delete(fields, "retry")
		if len(fields) > 0 {
			events = append(events, fields)
		}
	}
	return events
}

// measured is a metric's value.
func (h *house) measured(name string) float64 {
	h.t.Helper()
	families, err := h.metrics.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	h.t.Fatalf("%s is not measured", name)
	return 0
}

func TestWatchRound(t *testing.T) {
	h := open(t, nil)
	s := h.watch("")
	for name, want := range map[string]string{
		"Content-Type": mimeEvents, "Cache-Control": "no-store", headerBuffering: "no", "X-Content-Type-Options": "nosniff",
		"Content-Length": "", "Transfer-Encoding": "",
	} {
		if got := s.resp.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !s.resp.Close || s.resp.Header.Get(headerRequestID) == "" {
		t.Errorf("headers %v", s.resp.Header)
	}
	s.want(eventText(2, "snapshot", `"seats":".h........"`), eventText(3, "delta", `"changes":[[0,"h"]]`))
	h.live.send(frameOf(4, 7))
	s.want(eventText(4, "delta", `"changes":[[7,"h"]]`))

	again := h.watch("Last-Event-ID: 2\r\n")
	again.want(eventText(3, "delta", `"changes":[[0,"h"]]`))
	if want := []uint64{0, 2}; fmt.Sprint(h.live.afters) != fmt.Sprint(want) {
		t.Errorf("watched after %v, want %v", h.live.afters, want)
	}
	if n := h.measured("ticketblue_live_streams"); n != 2 {
		t.Errorf("%v streams are counted", n)
	}
}

func TestWatchAfterTheIDInTheAddress(t *testing.T) {
	h := open(t, nil)
	h.live.leaveSoon()
	h.do(call{method: "GET", path: eventsPath + "?last_event_id=2"}).wantStatus(http.StatusOK)
	h.do(call{method: "GET", path: eventsPath + "?last_event_id=2", header: map[string]string{headerLastEventID: "5"}}).wantStatus(http.StatusOK)
	if want := []uint64{2, 5}; fmt.Sprint(h.live.afters) != fmt.Sprint(want) {
		t.Errorf("watched after %v, want %v", h.live.afters, want)
	}
}

func TestWatchCannotBegin(t *testing.T) {
	h := open(t, nil)
	h.live.broken = errors.New("s3cret hub")
	a := h.do(call{method: "GET", path: eventsPath}).wantStatus(http.StatusServiceUnavailable)
	if p := a.problem(); p.Code != "unavailable" || !p.Retryable || a.header.Get("Retry-After") == "" || strings.Contains(string(a.body), "s3cret") {
		t.Errorf("answer %s", a.body)
	}
	if !strings.Contains(h.log.String(), "s3cret hub") {
		t.Error("the log does not say why")
	}
	h.live.broken, h.live.hang = nil, true
	request, cancel := context.WithCancel(t.Context())
	cancel()
	v, err := h.server.viewers.enter(mustNetwork(t, "127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.server.watch(request, v, 1, 0); err == nil || problemOf(err).Code != "unavailable" {
		t.Errorf("after the request's deadline: %v", err)
	}
	h.server.viewers.leave(v)

	without := open(t, func(c *Config) { c.Live = nil })
	without.do(call{method: "GET", path: eventsPath}).wantStatus(http.StatusServiceUnavailable)
}

// tuned is a house whose streams have little patience, and whose ordinary answers have even less.
func tuned(t *testing.T) *house {
	t.Helper()
	return openTuned(t, nil, func(s *Server) {
		s.viewers.deadline, s.viewers.beat = 300*time.Millisecond, 20*time.Millisecond
		s.app.Server().WriteTimeout = 100 * time.Millisecond
	})
}

func TestStreamsOutliveTheWriteTimeout(t *testing.T) {
	h := tuned(t)
	s := h.watch("")
	s.want(eventText(2, "snapshot", `"seats":".h........"`), eventText(3, "delta", `"changes":[[0,"h"]]`))
	for began := time.Now(); time.Since(began) < 500*time.Millisecond; {
		s.want("") // heartbeats
	}
	h.live.send(frameOf(4, 7))
	for event := s.next(); event != eventText(4, "delta", `"changes":[[7,"h"]]`); event = s.next() {
		if event != "" {
			t.Fatalf("event %q", event)
		}
	}
}

func TestViewerWhoNeverReadsIsCutAndHarmsNobody(t *testing.T) {
	h := tuned(t)
	dead, good := h.watch(""), h.watch("")
	large := ticketing.Frame{Seq: 4, Data: EncodeSnapshot(1, 4, bytes.Repeat([]byte("."), 1<<20), ticketing.Open)}
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		n, err := io.Copy(io.Discard, good.r)
		if n < 1<<20 {
			t.Errorf("the good viewer was cut after %d bytes: %v", n, err)
		}
		close(stop)
	})
	for range 32 { // more than fits between the dead one and us
		h.live.send(large)
	}
	<-h.live.ended
	if n := h.measured("ticketblue_live_streams_cut_total"); n != 1 {
		t.Errorf("%v streams were cut", n)
	}
	select {
	case <-stop:
		t.Error("the good viewer is gone as well")
	default:
	}
	h.live.send(large)
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	reading.Wait()
	_ = dead
}

func TestLeavingViewerIsNoticed(t *testing.T) {
	h := open(t, nil)
	s := h.watch("")
	s.conn.Close()
	<-h.live.ended
	rude := h.watch("")
	if _, err := io.WriteString(rude.conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-h.live.ended
	if rest, err := io.ReadAll(rude.r); strings.Contains(string(rest), "HTTP/1.1") {
		t.Errorf("a request inside a stream was served: %q, %v", rest, err)
	}
}

func TestStreamsAreCapped(t *testing.T) {
	h := open(t, func(c *Config) { c.Limits.Streams, c.Limits.StreamsPerAddress = 3, 2 })
	var open []*stream
	for range 2 {
		open = append(open, h.watch(""))
	}
	if p := h.do(call{method: "GET", path: eventsPath}).wantStatus(http.StatusTooManyRequests).problem(); p.Code != "rate_limited" {
		t.Errorf("a third from one address: %+v", p)
	}
	other, err := h.server.viewers.enter(mustNetwork(t, "192.0.2.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.server.viewers.enter(mustNetwork(t, "192.0.2.2:1")); problemOf(err).Code != "busy" {
		t.Errorf("a fourth in all: %v", err)
	}
	h.server.viewers.leave(other)
	open[0].conn.Close()
	<-h.live.ended
	for h.do(call{method: "HEAD", path: "/nothing"}).status == 0 || h.measured("ticketblue_live_streams") > 1 {
		continue // the place is free a moment after the watch has ended
	}
	h.watch("")
}

func TestShutdownEndsStreams(t *testing.T) {
	h := open(t, nil)
	dead, s := h.watch(""), h.watch("")
	for range 32 {
		h.live.send(ticketing.Frame{Seq: 4, Data: EncodeSnapshot(1, 4, bytes.Repeat([]byte("."), 1<<20), ticketing.Open)})
	}
	_ = dead
	began := time.Now()
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := io.Copy(io.Discard, s.r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !isReset(err) {
		t.Error(err)
	}
	if _, err := h.server.viewers.enter(mustNetwork(t, "192.0.2.2:1")); problemOf(err).Code != "unavailable" {
		t.Errorf("afterwards: %v", err)
	}
}

func isReset(err error) bool {
	var broken *net.OpError
	return errors.As(err, &broken)
}

func mustNetwork(t *testing.T, remote string) (p netip.Prefix) {
	t.Helper()
	p, err := network(remote)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The bytes are what encoding/json would make of the documented types.
func TestFramesAreAsDocumented(t *testing.T) {
	states := []byte("..hsb")
	r := ticketing.Result{Seq: 7, SeatStates: states, Status: ticketing.Status{PlanHash: ticketing.Hash{1, 0xab}}}
	want, err := json.Marshal(seatsBody{Plan: r.Status.PlanHash.String(), Seq: r.Seq, Seats: string(states)})
	if got := appendSeats(nil, r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("seats %s, want %s", got, want)
	}
	for phase := ticketing.Scheduled; phase <= ticketing.Closed; phase++ {
		want, err := json.Marshal(snapshotBody{Seq: 1 << 63, Status: phase.String(), Seats: string(states)})
		if err != nil {
			t.Fatal(err)
		}
		got := string(EncodeSnapshot(42, 1<<63, states, phase))
		if got != "id: "+strconv.FormatUint(1<<63, 10)+"\nevent: snapshot\ndata: "+string(want)+"\n\n" {
			t.Errorf("snapshot %q", got)
		}
	}
	for _, changes := range [][]ticketing.SeatChange{
		{}, {{Seat: 0, State: ticketing.SeatFree}}, {{Seat: 7, State: ticketing.SeatSold}, {Seat: 99_999, State: ticketing.SeatOff}},
	} {
		body := deltaBody{Seq: 7, Status: "paused", Changes: []changeBody{}}
		for _, c := range changes {
			body.Changes = append(body.Changes, changeBody{int(c.Seat), string(rune(c.State))})
		}
		want, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		got := string(EncodeDelta(ticketing.Delta{Seq: 7, Phase: ticketing.Paused, Changes: changes}))
		if got != "id: 7\nevent: delta\ndata: "+string(want)+"\n\n" {
			t.Errorf("delta %q, want %s", got, want)
		}
	}
}

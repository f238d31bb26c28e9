package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/ticketing"
)

// The pace of a live map's stream.
const (
	frameDeadline = 5 * time.Second  // for one write: who has not taken it by then is cut
	heartbeat     = 15 * time.Second // keeps proxies from thinking that nobody is there
	minRetry      = time.Second      // before a browser comes back, at random up to maxRetry: they must not
	maxRetry      = 3 * time.Second  // all come back at once

	// In the kernel, for what a viewer has not taken yet: the largest map there is. Left to itself Linux gives each up
	// to 4 MiB: ten thousand who do not read could have 40 GiB, and would be cut much later.
	streamBuffer = 128 << 10
)

var comment = []byte(":\n\n")

// viewer is one connection that a live map is written to. The connection is no longer the HTTP server's, whose
// buffers would cost each viewer 16 KiB and more.
type viewer struct {
	from   netip.Prefix
	frames <-chan ticketing.Frame
	ctx    context.Context // ends with the viewer, and ends the watch
	cancel context.CancelFunc
	conn   net.Conn // nil until the viewer runs; written under viewers.mu
}

// viewers are all who watch, counted by address, so that they can be capped, and ended at shutdown.
type viewers struct {
	limits   Limits
	deadline time.Duration // frameDeadline
	beat     time.Duration // heartbeat
	shown    prometheus.Gauge
	cut      prometheus.Counter

	mu      sync.Mutex
	all     map[*viewer]struct{}
	by      map[netip.Prefix]int
	closing bool
	gone    chan struct{} // closed when closing and nobody is left
}

func newViewers(limits Limits, to prometheus.Registerer) *viewers {
	v := &viewers{
		limits: limits, deadline: frameDeadline, beat: heartbeat,
		all: map[*viewer]struct{}{}, by: map[netip.Prefix]int{}, gone: make(chan struct{}),
		shown: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ticketblue_live_streams", Help: "Open streams of live maps.",
		}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ticketblue_live_streams_cut_total", Help: "Streams of live maps cut because nobody read them.",
		}),
	}
	to.MustRegister(v.shown, v.cut)
	return v
}

// enter counts somebody in, or says why not. Every enter needs its leave.
func (s *viewers) enter(from netip.Prefix) (*viewer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return nil, problem(ticketing.CodeUnavailable, "This server is going away; ask again.")
	case s.by[from] >= s.limits.StreamsPerAddress:
		return nil, problem(codeRateLimited, "Too many live maps are open at your address.")
	case len(s.all) >= s.limits.Streams:
		return nil, problem(ticketing.CodeBusy, "Too many live maps are open.")
	}
	v := &viewer{from: from}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	s.all[v] = struct{}{}
	s.by[from]++
	s.shown.Inc()
	return v, nil
}

func (s *viewers) leave(v *viewer) {
	v.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, v)
	if s.by[v.from]--; s.by[v.from] == 0 {
		delete(s.by, v.from)
	}
	s.shown.Dec()
	if s.closing && len(s.all) == 0 {
		close(s.gone)
	}
}

// run serves a viewer on its connection until either side ends it.
func (s *viewers) run(v *viewer, conn net.Conn, head []byte) {
	defer s.leave(v)
	defer conn.Close()
	s.mu.Lock()
	v.conn = conn
	closing := s.closing
	s.mu.Unlock()
	if closing {
		return
	}
	limitBuffer(conn)
	go v.listen()
	if err := s.write(v, head); errors.Is(err, os.ErrDeadlineExceeded) {
		s.cut.Inc()
	}
}

// limitBuffer bounds what the kernel keeps; without it the stream works all the same.
func limitBuffer(c net.Conn) {
	if ours, ok := c.(*conn); ok {
		c = ours.Conn
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(streamBuffer)
	}
}

// listen waits for the other side to go away. It has nothing to say either.
func (v *viewer) listen() {
	var b [1]byte
	_, _ = v.conn.Read(b[:]) // whatever it is, it is the end
	v.cancel()
}

// write writes frames as they come. Every write has a deadline of its own: one for the whole answer would cut those
// who read, and none would wait for ever for those who do not.
func (s *viewers) write(v *viewer, head []byte) error {
	send := func(data []byte) error {
		if err := v.conn.SetWriteDeadline(time.Now().Add(s.deadline)); err != nil {
			return err
		}
		_, err := v.conn.Write(data)
		return err
	}
	if err := send(head); err != nil {
		return err
	}
	beats := time.NewTicker(s.beat)
	defer beats.Stop()
	for {
		var data []byte
		select {
		case <-v.ctx.Done():
			return nil
		case <-beats.C:
			data = comment
		case frame, watching := <-v.frames:
			if !watching {
				return nil
			}
			data = frame.Data
		}
		if err := send(data); err != nil {
			return err
		}
	}
}

// retryLine tells the browser how long to wait before it comes back.
func retryLine() string {
	return "retry: " + strconv.FormatInt((minRetry+rand.N(maxRetry-minRetry)).Milliseconds(), 10) + "\n\n"
}

// close ends every stream, lets nobody in any more, and waits until all have gone or ctx ends.
func (s *viewers) close(ctx context.Context) {
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		if len(s.all) == 0 {
			close(s.gone)
		}
	}
	for v := range s.all {
		v.cancel()
		if v.conn != nil {
			_ = v.conn.Close() // a write that nobody reads would last for frameDeadline
		}
	}
	s.mu.Unlock()
	select {
	case <-s.gone:
	case <-ctx.Done():
	}
}

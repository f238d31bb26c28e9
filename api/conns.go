package api

import (
	"net"
	"sync"
	"sync/atomic"
)

// conns is a listener that remembers its connections. At shutdown the server waits for each connection's next
// request or its time-out; browsers open some that never say anything, and slow ones take their time.
type conns struct {
	net.Listener
	mu      sync.Mutex
	all     map[*conn]struct{}
	closing bool
}

type conn struct {
	net.Conn
	of    *conns
	heard atomic.Bool // has sent a byte
}

func newConns(ln net.Listener) *conns { return &conns{Listener: ln, all: map[*conn]struct{}{}} }

// Accept is the listener's, remembered.
func (s *conns) Accept() (net.Conn, error) {
	raw, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, of: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = raw.Close() // the server finds out by itself
	} else {
		s.all[c] = struct{}{}
	}
	return c, nil
}

// Read notes that somebody is there.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.heard.Load() {
		c.heard.Store(true)
	}
	return n, err
}

// Close forgets the connection.
func (c *conn) Close() error {
	c.of.mu.Lock()
	delete(c.of.all, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// closeSilent cuts the connections that have never sent anything, now and from now on.
func (s *conns) closeSilent() { s.cut(func(c *conn) bool { return !c.heard.Load() }) }

// closeAll cuts every connection.
func (s *conns) closeAll() { s.cut(func(*conn) bool { return true }) }

func (s *conns) cut(which func(*conn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for c := range s.all {
		if which(c) {
			_ = c.Conn.Close() // its own Close follows from the server
		}
	}
}

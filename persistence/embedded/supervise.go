package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

const (
	// firstDelay and maxDelay bound the wait before another restart; the very first one comes at once.
	firstDelay = 50 * time.Millisecond
	maxDelay   = 2 * time.Second
	// stable is how long a server must have lived for its death to count as a first one again.
	stable = 2 * time.Second
)

// Server is a running private PostgreSQL and whoever looks after it. Its methods may be called from any goroutine.
type Server struct {
	opts  Options
	log   *slog.Logger
	paths layout
	own   *lock
	bin   Binaries
	as    account
	out   *output

	life    context.Context // ends when Stop is called
	endLife context.CancelFunc
	done    chan struct{} // closed when nothing of ours runs any more
	stopErr error         // how it ended; read it only after done is closed

	mu       sync.Mutex
	stopCtx  context.Context // of the first Stop
	pid      int
	restarts int
	changed  chan struct{} // closed and replaced at each restart
}

func newServer(o Options, l layout, own *lock) *Server {
	s := &Server{opts: o, log: o.Log, paths: l, own: own, out: &output{log: o.Log},
		done: make(chan struct{}), changed: make(chan struct{})}
	s.life, s.endLife = context.WithCancel(context.Background())
	return s
}

// DSN is the URL of the superuser's connection to the database postgres by the unix socket. It stays the same for the
// life of the Server, restarts included.
func (s *Server) DSN() string { return dsnFor(s.paths.socket) }

// Binaries tells which installation runs.
func (s *Server) Binaries() Binaries { return s.bin }

// PID is the process number of the postmaster, or of the last one while it is being restarted.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

// Restarts counts how often the server died and answered again since Start.
func (s *Server) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// AwaitRestart waits until Restarts is at least n; it returns an error when ctx ends or the server is stopped before.
func (s *Server) AwaitRestart(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		restarts, changed := s.restarts, s.changed
		s.mu.Unlock()
		if restarts >= n {
			return nil
		}
		select {
		case <-changed:
		case <-s.done:
			return fmt.Errorf("embedded: stopped after %d restarts", restarts)
		case <-ctx.Done():
			return fmt.Errorf("embedded: waiting for restart %d: %w", n, ctx.Err())
		}
	}
}

// Stop ends the server by a fast shutdown: connections are terminated, everything is written, the directory is given
// up. When ctx ends first the shutdown becomes an immediate one. It returns nil only after a clean shutdown; after any
// other nothing is left running, and the next start recovers. Further calls wait for the first and return the same.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	if s.stopCtx == nil {
		s.stopCtx = ctx
	}
	s.mu.Unlock()
	s.endLife()
	<-s.done // Bounded: each step of shutdown is.
	return s.stopErr
}

// supervise owns the child: it alone restarts and stops it.
func (s *Server) supervise(c *child) {
	defer close(s.done)
	delay, since := time.Duration(0), time.Now()
	for {
		select {
		case <-s.life.Done():
			s.stopErr = s.end(c)
			return
		case <-c.exited:
		}
		if time.Since(since) >= stable {
			delay = 0
		}
		s.log.Error("PostgreSQL died; starting it again", "exit", c.err, "last", s.out.tail(), "delay", delay)
		died := time.Now()
		if c, delay = s.revive(delay); c == nil {
			s.stopErr = s.end(nil)
			return
		}
		since = time.Now()
		s.restarted(c)
		s.log.Info("PostgreSQL is back", "after", since.Sub(died).Round(time.Millisecond))
	}
}

// revive tries until the server answers, and returns the delay for its next death; nil means Stop came first.
func (s *Server) revive(delay time.Duration) (*child, time.Duration) {
	for {
		if pause(s.life, delay) != nil {
			return nil, 0
		}
		delay = min(max(2*delay, firstDelay), maxDelay)
		c, err := s.bringUp(s.life)
		if err == nil {
			return c, delay
		}
		if s.life.Err() != nil {
			return nil, 0
		}
		s.log.Error("PostgreSQL does not start", "err", err, "again_in", delay)
	}
}

// up notes a server that answers.
func (s *Server) up(c *child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid = c.pid()
}

func (s *Server) restarted(c *child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid = c.pid()
	s.restarts++
	close(s.changed)
	s.changed = make(chan struct{})
}

// end stops the child, if there is one, and gives the directory up.
func (s *Server) end(c *child) error {
	if c == nil {
		err := evict(context.Background(), s.paths.pgdata)
		return errors.Join(errors.New("embedded: stopped while PostgreSQL was down"), err, s.close())
	}
	s.mu.Lock()
	ctx := s.stopCtx
	s.mu.Unlock()
	return errors.Join(s.shutdown(ctx, c), s.close())
}

// close gives the directory up; no server may run any more.
func (s *Server) close() error {
	s.endLife()
	return errors.Join(s.paths.closeSocketDir(s.paths.socket), s.own.release())
}

// shutdown stops the child, ever more rudely, and returns nil when it ended cleanly.
func (s *Server) shutdown(ctx context.Context, c *child) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, stopGrace}, {syscall.SIGQUIT, quitGrace}} {
		c.signal(step.signal)
		if exitedWithin(ctx, c, step.wait) {
			return s.exit(c)
		}
		ctx = context.WithoutCancel(ctx) // Once the caller's patience is over, our own bounds remain.
	}
	c.signal(syscall.SIGKILL)
	<-c.exited
	return s.exit(c)
}

func exitedWithin(ctx context.Context, c *child, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.exited:
		return true
	case <-ctx.Done():
	case <-t.C:
	}
	return false
}

// exit waits for a dead server's backends, which may outlive it, and tells whether it ended cleanly.
func (s *Server) exit(c *child) error {
	err := evict(context.Background(), s.paths.pgdata)
	if c.err != nil {
		err = errors.Join(fmt.Errorf("embedded: PostgreSQL did not stop cleanly: %w: %s", c.err, s.out.tail()), err)
	}
	return err
}

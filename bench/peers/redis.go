package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
)

// redis is a client that sends what many ask at the same time in one write, over few connections.
type redis struct {
	conns []*redisConn
	next  atomic.Uint64
}

const redisConns = 2

// startRedis runs a Redis with nothing on disk on a free port.
func startRedis(ctx context.Context, log *os.File) (*child, *redis, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	addr := free.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	if err := free.Close(); err != nil {
		return nil, nil, err
	}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, nil, err
	}
	server, err := launch(log, false, program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no")
	if err != nil {
		return nil, nil, fmt.Errorf("starting redis-server: %w", err)
	}
	r := &redis{}
	err = server.await(ctx, func() error {
		for len(r.conns) < redisConns {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				return err
			}
			r.conns = append(r.conns, newRedisConn(conn))
		}
		_, err := r.do("PING")
		return err
	})
	if err != nil {
		return nil, nil, errors.Join(err, server.stop())
	}
	return server, r, nil
}

// do sends one command. The answer is nil, int64, []byte or []any.
func (r *redis) do(args ...string) (any, error) {
	return r.conns[r.next.Add(1)%uint64(len(r.conns))].do(args)
}

type redisAnswer struct {
	value any
	err   error
}

type redisConn struct {
	conn net.Conn
	wake chan struct{}

	mu      sync.Mutex
	out     []byte
	waiting []chan redisAnswer
	failed  error
}

func newRedisConn(conn net.Conn) *redisConn {
	c := &redisConn{conn: conn, wake: make(chan struct{}, 1)}
	go c.write()
	go c.read()
	return c
}

func (c *redisConn) do(args []string) (any, error) {
	done := make(chan redisAnswer, 1)
	c.mu.Lock()
	if c.failed != nil {
		c.mu.Unlock()
		return nil, c.failed
	}
	c.out = append(strconv.AppendInt(append(c.out, '*'), int64(len(args)), 10), "\r\n"...)
	for _, arg := range args {
		c.out = append(strconv.AppendInt(append(c.out, '$'), int64(len(arg)), 10), "\r\n"...)
		c.out = append(append(c.out, arg...), "\r\n"...)
	}
	c.waiting = append(c.waiting, done)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	a := <-done
	return a.value, a.err
}

func (c *redisConn) write() {
	var spare []byte
	for range c.wake {
		c.mu.Lock()
		out := c.out
		c.out = spare[:0]
		c.mu.Unlock()
		if _, err := c.conn.Write(out); err != nil {
			c.fail(err)
			return
		}
		spare = out
	}
}

func (c *redisConn) read() {
	in := bufio.NewReaderSize(c.conn, 64<<10)
	for {
		value, err := readAnswer(in)
		var refused redisError
		if err != nil && !errors.As(err, &refused) {
			c.fail(err)
			return
		}
		c.mu.Lock()
		done := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.mu.Unlock()
		done <- redisAnswer{value, err}
	}
}

func (c *redisConn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = fmt.Errorf("redis: %w", err)
	for _, done := range c.waiting {
		done <- redisAnswer{nil, c.failed}
	}
	c.waiting = nil
}

// redisError is Redis' own word that something is wrong.
type redisError string

func (e redisError) Error() string { return "redis: " + string(e) }

func readAnswer(in *bufio.Reader) (any, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if line = bytes.TrimSuffix(line, []byte("\r\n")); len(line) == 0 {
		return nil, errors.New("an empty answer")
	}
	text := string(line[1:])
	switch line[0] {
	case '+':
		return []byte(text), nil
	case '-':
		return nil, redisError(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, err
	}
	switch {
	case line[0] == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case line[0] == '$':
		body := make([]byte, n+2)
		_, err := io.ReadFull(in, body)
		return body[:n], err
	case line[0] == '*':
		list := make([]any, n)
		for i := range list {
			if list[i], err = readAnswer(in); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("an answer of kind %q", line[0])
}

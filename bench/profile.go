package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"ticketblue/bench/split"
)

// A profile runs until it is finished, and at most profileAtMost; profileWithin is for starting it and for its arrival.
const (
	profileAtMost = 20 * time.Minute
	profileWithin = 30 * time.Second
)

// profiling is a CPU profile of the server under way.
type profiling struct {
	conn *net.TCPConn
}

// startProfile starts to profile the CPU of the server whose operations port is at the URL.
func startProfile(ctx context.Context, ops string) (*profiling, error) {
	address, err := url.Parse(ops)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: profileWithin}
	conn, err := dialer.DialContext(ctx, "tcp", address.Host)
	if err != nil {
		return nil, fmt.Errorf("profiling the server: %w", err)
	}
	_, err = fmt.Fprintf(conn, "GET /debug/pprof/profile?seconds=%.0f HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
		profileAtMost.Seconds(), address.Host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &profiling{conn.(*net.TCPConn)}, nil
}

// finish ends the profile and returns it. Closing our half of the connection is what tells the server that it is enough:
// a number of seconds would have to be known before.
func (p *profiling) finish() (profile []byte, err error) {
	defer func() {
		if err = errors.Join(err, p.conn.Close()); err != nil {
			err = fmt.Errorf("profiling the server: %w", err)
		}
	}()
	if err := errors.Join(p.conn.CloseWrite(), p.conn.SetReadDeadline(time.Now().Add(profileWithin))); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(p.conn), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	profile, err = io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200s", resp.StatusCode, profile)
	}
	return profile, err
}

// profileInto starts a profile of the server on a data directory, and finish writes it to a file; neither does anything
// when file is empty.
func profileInto(ctx context.Context, file, data string) (finish func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	server, err := readServerFile(data)
	if err != nil {
		return nil, err
	}
	p, err := startProfile(ctx, server.OpsURL)
	if err != nil {
		return nil, err
	}
	return func() error {
		profile, err := p.finish()
		if err != nil {
			return err
		}
		return os.WriteFile(file, profile, 0o644)
	}, nil
}

// profiled profiles the server during a slice and what follows it, if that is asked for. finish adds what it shows to the
// split; one of the profiles is kept.
func (m *measuring) profiled(ctx context.Context, keep bool) (finish func() error, err error) {
	if !m.Split && m.Profile == "" {
		return func() error { return nil }, nil
	}
	p, err := startProfile(ctx, m.server.OpsURL)
	if err != nil {
		return nil, err
	}
	return func() error {
		profile, err := p.finish()
		if err != nil {
			return err
		}
		parts, err := split.Of(profile)
		if err != nil {
			return err
		}
		if m.into.Sampled == nil {
			m.into.Sampled = map[string]float64{}
		}
		for part, seconds := range parts {
			m.into.Sampled[part] += seconds
		}
		if !keep || m.Profile == "" {
			return nil
		}
		return os.WriteFile(m.Profile, profile, 0o644)
	}, nil
}

// cpuSeconds is the CPU time this process has used so far, without its children.
func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0 // a figure for the reader only
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

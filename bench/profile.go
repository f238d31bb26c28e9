package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
)

// profileFor is how long the server is profiled, and profileWithin how much longer that may take.
const (
	profileFor    = 5 * time.Second
	profileWithin = 30 * time.Second
)

// profile starts to profile the server's CPU if that is asked for. The channel gives one value when it is done.
func (r *Rush) profile(ctx context.Context, data string) <-chan error {
	done := make(chan error, 1)
	if r.Profile == "" {
		done <- nil
		return done
	}
	go func() {
		if err := saveProfile(ctx, data, r.Profile, profileFor); err != nil {
			done <- fmt.Errorf("profiling the server: %w", err)
		}
		close(done)
	}()
	return done
}

// saveProfile profiles the server's CPU for d and writes what it found to a file.
func saveProfile(ctx context.Context, data, path string, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d+profileWithin)
	defer cancel()
	ready, err := readServerFile(data)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%.0f", ready.OpsURL, max(1, d.Seconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %.200s", resp.StatusCode, body)
	}
	return os.WriteFile(path, body, 0o644)
}

// cpuSeconds is the CPU time this process has used so far, without its children.
func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0 // a figure for the reader only
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// leaveAlone is how long orphaned backends may take to notice by themselves that their server is gone.
	leaveAlone = 500 * time.Millisecond
	// stopGrace is how long a fast shutdown may take; its checkpoint has to write what is dirty.
	stopGrace = 20 * time.Second
	// quitGrace is how long an immediate shutdown may take.
	quitGrace = 3 * time.Second
)

// clearStale makes the cluster startable after any end of its last server. It may act so boldly only because we hold
// the lock of the directory: nobody else has a right to a server in it.
func clearStale(ctx context.Context, l layout) error {
	pidFile := filepath.Join(l.pgdata, "postmaster.pid")
	// A server without its owner: the owner died where there is no death signal, or the server is still about to stop.
	if pid := firstNumber(pidFile); pid > 0 && occupies(pid, l.pgdata) {
		_ = syscall.Kill(pid, syscall.SIGINT) // Gone already is as good.
		gone := func() bool { return !occupies(pid, l.pgdata) }
		// When it does not stop in time, evict is less polite.
		if err := until(ctx, stopGrace, gone); err != nil && ctx.Err() != nil {
			return fmt.Errorf("embedded: stopping a server without an owner: %w", err)
		}
	}
	if err := evict(ctx, l.pgdata); err != nil {
		return err
	}
	// Postgres would believe these for ever when they are empty, or when their number now belongs to another process.
	if err := remove(pidFile); err != nil {
		return err
	}
	return removeSockets(l.socket)
}

// evict waits until no process lives in dir, and ends those that do not leave: orphaned backends still hold the old
// shared memory, and a server started beside them would refuse, or worse.
func evict(ctx context.Context, dir string) error {
	var pids []int
	var err error
	empty := func() bool {
		pids, err = occupants(dir)
		return err != nil || len(pids) == 0
	}
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{0, leaveAlone}, {syscall.SIGQUIT, quitGrace}, {syscall.SIGKILL, quitGrace}} {
		for _, pid := range pids {
			if occupies(pid, dir) {
				_ = syscall.Kill(pid, step.signal) // Gone already is as good.
			}
		}
		if until(ctx, step.wait, empty) == nil {
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("embedded: looking for processes in %s: %w", dir, err)
	case ctx.Err() != nil:
		return fmt.Errorf("embedded: waiting for processes in %s to end: %w", dir, ctx.Err())
	case len(pids) > 0:
		return fmt.Errorf("embedded: processes %v of an earlier server in %s cannot be ended", pids, dir)
	}
	return nil
}

// until polls done for at most d; it returns nil once done is true.
func until(ctx context.Context, d time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for !done() {
		if err := pause(ctx, pollEvery); err != nil {
			return err
		}
	}
	return nil
}

func occupies(pid int, dir string) bool {
	pids, err := occupants(dir)
	return err == nil && slices.Contains(pids, pid)
}

// firstNumber returns the number in the first line of a file, or 0 when there is none.
func firstNumber(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	return n
}

// removeSockets removes a dead server's socket and its lock file, which alone would stop the next server.
func removeSockets(dir string) error {
	if err := remove(filepath.Join(dir, socketName)); err != nil {
		return err
	}
	return remove(filepath.Join(dir, socketName+".lock"))
}

// remove removes a file that may not exist.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("embedded: %w", err)
	}
	return nil
}

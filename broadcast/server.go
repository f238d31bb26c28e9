package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Limits of the NATS server in our own process. The stream's own limits stand in stream.go.
const (
	maxStoreBytes   = 8 << 30  // on disk, all streams
	maxMemoryBytes  = 64 << 20 // of memory streams and the consumers of live maps
	maxPayloadBytes = 8 << 20  // of one message: more than any chunk of the journal, so that none needs to be split
	startPatience   = 30 * time.Second
	lockPatience    = 300 * time.Millisecond // a killed owner lets go a moment after its death
	lockPoll        = 10 * time.Millisecond
)

// ErrLocked is what errors.Is finds in the error of Start when a live process, this one included, has the directory.
var ErrLocked = errors.New("another process uses the broadcast directory")

// startServer runs a NATS server without any socket in this process.
func startServer(ctx context.Context, dir string, log *slog.Logger) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName:         "ticketblue",
		DontListen:         true,
		JetStream:          true,
		StoreDir:           dir,
		JetStreamMaxStore:  maxStoreBytes,
		JetStreamMaxMemory: maxMemoryBytes,
		MaxPayload:         maxPayloadBytes,
		MaxPending:         8 * maxPayloadBytes,
		NoSigs:             true,
	})
	if err != nil {
		return nil, fmt.Errorf("configuring NATS: %w", err)
	}
	var fatal atomic.Bool
	s.SetLoggerV2(serverLog{log, &fatal}, false, false, false)
	s.Start()
	if fatal.Load() { // it has given up, and would never be ready
		s.Shutdown()
		return nil, fmt.Errorf("NATS did not start in %s; its log says why", dir)
	}
	patience := startPatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline))
	}
	if !s.ReadyForConnections(patience) || !s.JetStreamEnabled() {
		s.Shutdown()
		return nil, fmt.Errorf("NATS did not start in %s within %v; its log says why", dir, patience)
	}
	return s, nil
}

// lockDir makes the directory ours until the file is closed: two servers on one directory start happily and ruin it.
// The kernel drops the lock when we die, however we die.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the broadcast directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the broadcast directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
		}
		if pause(ctx, lockPoll) != nil {
			return nil, errors.Join(fmt.Errorf("%w: %s (choose another, or stop that process)", ErrLocked, dir), f.Close())
		}
	}
}

// pause waits for d or until ctx ends, and then returns why it ended.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// serverLog passes the server's warnings and errors on; its notices tell of nothing but starting and stopping.
type serverLog struct {
	log   *slog.Logger
	fatal *atomic.Bool // the server would have ended the process
}

func (serverLog) Noticef(string, ...any) {}
func (serverLog) Debugf(string, ...any)  {}
func (serverLog) Tracef(string, ...any)  {}

func (l serverLog) Warnf(format string, args ...any) {
	l.log.Warn("NATS: " + fmt.Sprintf(format, args...))
}
func (l serverLog) Errorf(format string, args ...any) {
	l.log.Error("NATS: " + fmt.Sprintf(format, args...))
}
func (l serverLog) Fatalf(format string, args ...any) {
	l.fatal.Store(true)
	l.log.Error("NATS: " + fmt.Sprintf(format, args...))
}

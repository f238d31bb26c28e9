package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// lockPatience is how long Start asks again for a held lock: a killed owner lets go a moment after its death, and
	// Attach holds it for an instant to see whether it is free.
	lockPatience = 300 * time.Millisecond
	// attachPatience is how long Attach waits for an owner that is starting, or restarting, its server.
	attachPatience = 15 * time.Second
	// pollEvery is the pace of every wait for something that cannot notify us.
	pollEvery = 10 * time.Millisecond
)

// ErrLocked is what errors.Is finds in the error of Start when a live process, this one included, owns the directory.
var ErrLocked = errors.New("another process owns")

// lock is the ownership of a directory. The kernel drops it when we die, however we die.
type lock struct {
	file *os.File
	prev record // what the owner before us wrote
}

// record is the content of the lock file: for Attach, and for the next owner to clean up after this one.
type record struct {
	PID    int    `json:"pid"`
	Socket string `json:"socket,omitempty"` // directory of the unix socket; empty until it is known
}

// acquire takes the lock of dir or returns ErrLocked.
func acquire(ctx context.Context, dir string) (*lock, error) {
	f, err := os.OpenFile(lockPath(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("embedded: opening the lock of %s as uid %d "+
			"(run as the user the directory belongs to, or choose another directory): %w", dir, os.Geteuid(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		err := flock(f)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("embedded: locking %s: %w", dir, err)
		}
		if pause(ctx, pollEvery) != nil {
			owner, _ := readRecord(f)
			_ = f.Close()
			return nil, fmt.Errorf("embedded: %w %s (pid %d)", ErrLocked, dir, owner.PID)
		}
	}
	l := &lock{file: f}
	l.prev, _ = readRecord(f) // Damaged or absent: then there is nothing to clean up.
	if err := l.write(record{PID: os.Getpid()}); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

// write replaces the record.
func (l *lock) write(r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("embedded: encoding the lock record: %w", err)
	}
	if _, err := l.file.WriteAt(b, 0); err != nil {
		return fmt.Errorf("embedded: writing %s: %w", l.file.Name(), err)
	}
	if err := l.file.Truncate(int64(len(b))); err != nil {
		return fmt.Errorf("embedded: writing %s: %w", l.file.Name(), err)
	}
	return nil
}

// release gives the directory up. Closing is what unlocks: the descriptor is never inherited by a child.
func (l *lock) release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close()) // Nothing is left for the next owner to clean up.
}

// Attach returns the DSN of the Postgres that a live owner runs in dir, waiting up to 15 s for it to answer while the
// owner starts or restarts it. held is false when nobody owns dir, which may not even exist: then the caller may Start.
// With an error, held tells whether an owner was seen.
func Attach(dir string) (dsn string, held bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), attachPatience)
	defer cancel()
	if dir, err = filepath.Abs(dir); err != nil {
		return "", false, fmt.Errorf("embedded: %w", err)
	}
	f, err := os.Open(lockPath(dir))
	if errors.Is(err, os.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("embedded: opening the lock of %s: %w", dir, err)
	}
	defer f.Close()
	var last error
	for {
		err := flock(f)
		if err == nil {
			return "", false, nil // Closing the file gives the lock back.
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return "", false, fmt.Errorf("embedded: asking for the lock of %s: %w", dir, err)
		}
		owner, err := readRecord(f)
		if err == nil && owner.Socket != "" {
			dsn = dsnFor(owner.Socket)
			if last = ping(ctx, dsn); last == nil {
				return dsn, true, nil
			}
		}
		if pause(ctx, pollEvery) != nil {
			return "", true, fmt.Errorf("embedded: process %d owns %s but its Postgres did not answer within %v: %w",
				owner.PID, dir, attachPatience, cmp.Or(last, ctx.Err()))
		}
	}
}

func lockPath(dir string) string { return filepath.Join(dir, "lock") }

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// maxRecord is the longest lock record read, in bytes.
const maxRecord = 8 << 10

func readRecord(f *os.File) (r record, err error) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxRecord))
	if err != nil {
		return record{}, err
	}
	err = json.Unmarshal(b, &r)
	return r, err
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

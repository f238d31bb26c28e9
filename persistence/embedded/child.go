package embedded

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// child is one run of a server program.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it ended and was reaped
	err    error         // how it ended; read it only after exited is closed
}

// launch starts program as the account. The child gets the signal death when this process dies.
func launch(program string, args []string, as account, death syscall.Signal, out *output) (*child, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	cmd := exec.Command(program, args...)
	// A directory every account can enter, and none of our environment: PGDATA or LC_MESSAGES would leak in.
	cmd.Dir = "/"
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + filepath.Dir(program) + ":/usr/bin:/bin"}
	// A pipe of our own: with any other writer, Wait would also wait for orphaned backends that keep it open.
	cmd.Stdout, cmd.Stderr = write, write
	cmd.SysProcAttr = as.attr(death)

	c := &child{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal fires when the thread that forked ends, not the process. So the thread stays with this
		// goroutine, which outlives the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.exited)
	}()
	err = <-started
	_ = write.Close() // The child has its own copy.
	if err != nil {
		_ = read.Close()
		return nil, fmt.Errorf("embedded: starting %s: %w", program, err)
	}
	go out.drain(read)
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// signal never hits a stranger: after Wait it does nothing.
func (c *child) signal(sig syscall.Signal) { _ = c.cmd.Process.Signal(sig) }

const (
	// tailLines is how many of the last lines are kept for error texts.
	tailLines = 12
	// maxLine is the longest line of output taken as one, in bytes.
	maxLine = 64 << 10
)

// output hands what the server programs print to the log and keeps the last lines.
type output struct {
	log   *slog.Logger
	mu    sync.Mutex
	lines []string
}

// drain reads until every process that holds the pipe is gone. It must never stop early: a full pipe stops a server.
func (o *output) drain(r io.ReadCloser) {
	defer r.Close()
	br := bufio.NewReaderSize(r, maxLine)
	for {
		line, _, err := br.ReadLine()
		if err != nil {
			return
		}
		if text := strings.TrimSpace(string(line)); text != "" {
			o.add(text)
		}
	}
}

func (o *output) add(line string) {
	o.mu.Lock()
	if len(o.lines) == tailLines {
		o.lines = o.lines[:copy(o.lines, o.lines[1:])]
	}
	o.lines = append(o.lines, line)
	o.mu.Unlock()
	o.log.Log(context.Background(), severity(line), "postgres: "+line)
}

// severity keeps what is only conversation (a client's mistake, a start in progress) out of the ordinary log.
func severity(line string) slog.Level {
	switch {
	case strings.HasPrefix(line, "PANIC:"):
		return slog.LevelError
	case strings.HasPrefix(line, "WARNING:"):
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// tail returns the last lines in one.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, " | ")
}

package embedded

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStaleFilesDoNotStopAStart plants what crashes leave. Postgres alone refuses to start over most of it, for ever.
func TestStaleFilesDoNotStopAStart(t *testing.T) {
	dir := cluster(t)
	pgdata, run := filepath.Join(dir, "pgdata"), filepath.Join(dir, "run")
	// A living process of the same user: numbers are soon used again, above all in containers.
	stranger := exec.Command("cat")
	stdin, err := stranger.StdinPipe()
	check(t, err)
	check(t, stranger.Start())
	defer func() { _ = stdin.Close(); _ = stranger.Wait() }()
	pidFile := fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n\n  5432001    262144\nready   \n", stranger.Process.Pid, pgdata, run)

	for name, plant := range map[string]map[string]string{
		"an empty pid file":         {filepath.Join(pgdata, "postmaster.pid"): ""},
		"a pid file of a stranger":  {filepath.Join(pgdata, "postmaster.pid"): pidFile},
		"a pid file with nonsense":  {filepath.Join(pgdata, "postmaster.pid"): "\x00\x00\x00"},
		"a socket without a server": {filepath.Join(run, socketName): ""},
		"a socket lock of a stranger": {
			filepath.Join(run, socketName): "", filepath.Join(run, socketName+".lock"): pidFile},
		"an empty socket lock":     {filepath.Join(run, socketName+".lock"): ""},
		"a damaged record of ours": {lockPath(dir): `{"pid": 12, "sock`},
	} {
		t.Run(name, func(t *testing.T) {
			for path, text := range plant {
				check(t, os.MkdirAll(filepath.Dir(path), 0o700))
				check(t, os.WriteFile(path, []byte(text), 0o600))
			}
			s := start(t, Options{Dir: dir})
			if n := count(t, s.DSN(), "select 1"); n != 1 {
				t.Fatal("no answer")
			}
			stop(t, s)
		})
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Fatalf("the stranger was harmed: %v", err)
	}
}

func TestServerWithoutOwnerIsStopped(t *testing.T) {
	dir := cluster(t)
	l, err := openLayout(dir)
	check(t, err)
	own, err := acquire(limited(t), dir)
	check(t, err)
	s := newServer(Options{Log: slog.Default(), MaxConnections: 10}, l, own)
	c, err := s.open(limited(t)) // And nobody supervises it.
	check(t, err)
	exec1(t, s.DSN(), "create table kept (n int)")
	// The server outlives its lock, as where no death signal exists.
	check(t, own.release())
	old := c.pid()
	began := time.Now()
	next := start(t, Options{Dir: dir})
	if took := time.Since(began); took > stopGrace {
		t.Errorf("it took %v: the old server was waited for, not stopped", took)
	}
	count(t, next.DSN(), "select count(*) from kept")
	if next.PID() == old || occupies(old, next.paths.pgdata) {
		t.Errorf("the old server %d still runs", old)
	}
	stop(t, next)
}

func TestKilledInitdbIsNeverTakenForACluster(t *testing.T) {
	dir := filepath.Join(scratch(t), "db")
	// Once as the bootstrap begins to write, once when it has written most.
	for _, sign := range []string{"PG_VERSION", filepath.Join("base", "1", "PG_VERSION")} {
		for tries := 1; !killedInitdb(t, dir, sign); tries++ {
			if tries == 5 {
				t.Fatalf("initdb is always over when %s is seen: the kill proves nothing", sign)
			}
		}
	}
	s := start(t, Options{Dir: dir})
	if n := count(t, s.DSN(), "select 1"); n != 1 {
		t.Fatal("no answer")
	}
	if left := unfinishedWith(dir, ""); len(left) != 0 {
		t.Errorf("%v are left behind", left)
	}
}

// killedInitdb kills the owner of a directory when initdb has written a file, and says whether that was in time: if not, the
// cluster is removed.
func killedInitdb(t *testing.T, dir, sign string) bool {
	t.Helper()
	before := unfinishedWith(dir, "") // What the last one left, until this one removes it.
	pgdata := filepath.Join(dir, "pgdata")
	h := startHelper(t, self(t), dir, nil)
	eventually(t, "initdb to write "+sign, func() bool {
		return exists(pgdata) || slices.ContainsFunc(unfinishedWith(dir, sign), func(d string) bool { return !slices.Contains(before, d) })
	})
	h.kill()
	if !exists(pgdata) {
		return true
	}
	eventually(t, "the server to end", func() bool {
		pids, err := occupants(pgdata)
		return err == nil && len(pids) == 0
	})
	check(t, os.RemoveAll(pgdata))
	return false
}

// unfinishedWith returns the unfinished clusters in dir in which name exists.
func unfinishedWith(dir, name string) (found []string) {
	entries, _ := os.ReadDir(dir) // Not there yet is empty too.
	for _, e := range entries {
		if making := filepath.Join(dir, e.Name()); strings.HasPrefix(e.Name(), unfinished) && exists(filepath.Join(making, name)) {
			found = append(found, making)
		}
	}
	return found
}

func TestEvictEndsWhoeverWillNotLeave(t *testing.T) {
	dir := scratch(t)
	stubborn := exec.Command("sh", "-c", "trap '' INT QUIT TERM; echo set; while :; do read -r _; done")
	stubborn.Dir = dir
	stdin, err := stubborn.StdinPipe()
	check(t, err)
	defer stdin.Close()
	stdout, err := stubborn.StdoutPipe()
	check(t, err)
	check(t, stubborn.Start())
	_, err = stdout.Read(make([]byte, 16)) // It ignores signals from here on.
	check(t, err)
	ended := make(chan error, 1)
	go func() { ended <- stubborn.Wait() }()
	began := time.Now()
	check(t, evict(limited(t), dir))
	if err := <-ended; err == nil {
		t.Error("it left by itself: this test proves nothing")
	}
	if took := time.Since(began); took < leaveAlone {
		t.Errorf("it was given only %v to leave by itself", took)
	}
}

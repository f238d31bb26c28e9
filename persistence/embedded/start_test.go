package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestColdStartWarmStartAndQuickStop(t *testing.T) {
	dir := cluster(t)
	t.Logf("cold start %v, first stop %v", template.cold, template.stop)

	began := time.Now()
	s := start(t, Options{Dir: dir})
	warm := time.Since(began)
	exec1(t, s.DSN(), "create table kept (n int)")
	exec1(t, s.DSN(), "insert into kept values (1)")
	conn := connect(t, s.DSN()) // Idle customers must not hold up a stop.
	check(t, conn.Ping(limited(t)))

	began = time.Now()
	stop(t, s)
	took := time.Since(began)
	t.Logf("warm start %v, stop with a connection %v", warm, took)
	if took > stopGrace/2 { // who waits for customers waits for all of it
		t.Errorf("stopping took %v", took)
	}
	again := start(t, Options{Dir: dir})
	if n := count(t, again.DSN(), "select count(*) from kept"); n != 1 {
		t.Errorf("%d rows survived the restart, want 1", n)
	}
}

func TestServerIsSetUpForDurabilityAndHangul(t *testing.T) {
	s := start(t, Options{Dir: cluster(t), MaxConnections: 42})
	conn := connect(t, s.DSN())
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
		"listen_addresses": "", "server_encoding": "UTF8", "lc_ctype": "C.UTF-8", "max_connections": "42",
	} {
		var got string
		check(t, conn.QueryRow(limited(t), "select current_setting($1)", setting).Scan(&got))
		if got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	info, err := os.Stat(s.paths.socket)
	check(t, err)
	if mode := info.Mode().Perm(); mode != 0o700 {
		t.Errorf("the socket's directory has mode %o: anybody may enter", mode)
	}
}

func TestSecondOwnerIsRefused(t *testing.T) {
	dir := cluster(t)
	if _, held, err := Attach(dir); held || err != nil {
		t.Fatalf("a free directory: held %v, err %v", held, err)
	}
	first := startHelper(t, self(t), dir, nil)
	dsn := first.ready(t)

	_, err := Start(limited(t), Options{Dir: dir})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(first.cmd.Process.Pid)) {
		t.Fatalf("a second owner in this process got %v", err)
	}
	second := startHelper(t, self(t), dir, nil)
	if line := second.said(t); !strings.Contains(line, "another process owns "+dir) {
		t.Fatalf("a second owner process said %q", line)
	}
	attached, held, err := Attach(dir)
	if attached != dsn || !held || err != nil {
		t.Fatalf("attached to %q, held %v, err %v; want %q", attached, held, err, dsn)
	}
	if n := count(t, attached, "select 1"); n != 1 {
		t.Fatal("the attached server does not answer")
	}
	check(t, first.stdin.Close()) // Asks it to stop.
	check(t, first.cmd.Wait())
	if _, held, err := Attach(dir); held || err != nil {
		t.Fatalf("after a clean stop: held %v, err %v", held, err)
	}
}

func TestAttachToNothingMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "absent")
	if _, held, err := Attach(dir); held || err != nil {
		t.Fatalf("held %v, err %v", held, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("Attach made %s: %v", dir, err)
	}
}

func TestLongDirectory(t *testing.T) {
	long := filepath.Join(filepath.Dir(cluster(t)), strings.Repeat("공연장/", 20))
	check(t, os.MkdirAll(filepath.Dir(long), 0o755))
	check(t, os.Rename(cluster(t), long))
	s := start(t, Options{Dir: long})
	socket := s.paths.socket
	if strings.HasPrefix(socket, long) {
		t.Fatalf("the socket is in %s: this test proves nothing", socket)
	}
	if dsn, held, err := Attach(long); dsn != s.DSN() || !held || err != nil {
		t.Fatalf("attached to %q, held %v, err %v", dsn, held, err)
	}
	stop(t, s)
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind: %v", socket, err)
	}
}

func TestSocketDirectoryOfAKilledOwnerIsRemoved(t *testing.T) {
	long := filepath.Join(filepath.Dir(cluster(t)), strings.Repeat("x", 120))
	check(t, os.Rename(cluster(t), long))
	h := startHelper(t, self(t), long, nil)
	h.ready(t)
	l := layout{dir: long, pgdata: filepath.Join(long, "pgdata")}
	f, err := os.Open(lockPath(long))
	check(t, err)
	defer f.Close()
	before, err := readRecord(f)
	check(t, err)
	h.kill()
	s := start(t, Options{Dir: l.dir})
	if s.paths.socket == before.Socket {
		t.Fatalf("the same socket directory %s again", before.Socket)
	}
	if _, err := os.Stat(before.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind: %v", before.Socket, err)
	}
}

func TestOddDirectoryNames(t *testing.T) {
	odd := filepath.Join(filepath.Dir(cluster(t)), `a, "b" & 50%?#`)
	check(t, os.Rename(cluster(t), odd))
	s := start(t, Options{Dir: odd})
	if n := count(t, s.DSN(), "select 1"); n != 1 {
		t.Fatal("no answer")
	}
}

func TestOtherVersionIsRefusedAndNotTouched(t *testing.T) {
	dir := cluster(t)
	version := filepath.Join(dir, "pgdata", "PG_VERSION")
	check(t, os.WriteFile(version, []byte("9\n"), 0o600))
	stale := filepath.Join(dir, "pgdata", "postmaster.pid")
	check(t, os.WriteFile(stale, nil, 0o600))
	_, err := Start(limited(t), Options{Dir: dir})
	if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "postgresql-9") {
		t.Fatalf("err = %v", err)
	}
	if _, err := os.Stat(stale); err != nil {
		t.Errorf("a refused cluster was touched: %v", err)
	}
	if _, held, err := Attach(dir); held || err != nil {
		t.Errorf("a refused start keeps the directory: held %v, err %v", held, err)
	}
}

func TestForeignDataIsRefused(t *testing.T) {
	dir := scratch(t)
	check(t, os.Mkdir(filepath.Join(dir, "pgdata"), 0o700))
	precious := filepath.Join(dir, "pgdata", "thesis.txt")
	check(t, os.WriteFile(precious, []byte("x"), 0o600))
	if _, err := Start(limited(t), Options{Dir: dir}); err == nil {
		t.Fatal("a directory with other data was taken")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Fatal(err)
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	bin := fakeInstallation(t, "99.1", "echo 'FATAL:  out of seats' >&2; exit 1")
	dir := cluster(t)
	check(t, os.WriteFile(filepath.Join(dir, "pgdata", "PG_VERSION"), []byte("99\n"), 0o600))
	b, err := probe(limited(t), bin)
	check(t, err)
	_, err = Start(limited(t), Options{Dir: dir, Binaries: &b})
	if err == nil || !strings.Contains(err.Error(), "out of seats") {
		t.Fatalf("err = %v", err)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	dir := scratch(t)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel() // In the middle of initdb.
		_ = until(ctx, testLimit, func() bool { return len(unfinishedWith(dir, "base")) > 0 })
	}()
	if _, err := Start(ctx, Options{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	if _, held, err := Attach(dir); held || err != nil {
		t.Errorf("it keeps the directory: held %v, err %v", held, err)
	}
}

func TestServerOfADirectoryStopsOnce(t *testing.T) {
	s := start(t, Options{Dir: cluster(t)})
	for range 3 {
		stop(t, s)
	}
	if err := syscall.Kill(s.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", s.PID(), err)
	}
	if err := s.AwaitRestart(limited(t), 1); err == nil {
		t.Error("a stopped server promises a restart")
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

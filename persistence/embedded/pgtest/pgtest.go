// Package pgtest gives tests a real PostgreSQL: one cluster per test process, one empty database per call of DSN.
//
// A package that uses it says so once:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
// The cluster starts with the first DSN, lives in a temporary directory (in memory where there is room: a cold start
// then takes 0.6 s instead of 2 to 3) with the same settings as in production, and is gone when the tests end. A machine without PostgreSQL fails the tests: it never skips them.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/persistence/embedded"
)

const (
	// startLimit bounds the start of one cluster on a busy machine.
	startLimit = 3 * time.Minute
	// createLimit bounds the creation of one database.
	createLimit = time.Minute
	// maxConnections is shared by all tests of a process that run at the same time.
	maxConnections = 300
	// abandoned is the age from which a cluster directory without an owner is taken to be left by a killed test.
	abandoned = 10 * time.Minute
	dirPrefix = "ticketblue-pgtest-"
	// memoryDir is used when it has at least memoryFree bytes left. A test that measures the disk must not use pgtest.
	memoryDir  = "/dev/shm"
	memoryFree = 4 << 30
)

// shared is the one cluster of this test process.
var shared struct {
	inMain atomic.Bool
	start  sync.Once
	server *embedded.Server
	dir    string
	err    error
	count  atomic.Int64 // databases made

	createMu sync.Mutex
}

// Main runs the tests of a package and stops the cluster they started. It returns the exit code for os.Exit.
func Main(m *testing.M) int {
	shared.inMain.Store(true)
	code := m.Run()
	if shared.server == nil {
		return code
	}
	if err := stop(shared.server, shared.dir); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest: stopping PostgreSQL:", err)
		return max(code, 1)
	}
	return code
}

// DSN returns the URL of an empty database of its own, as superuser, on the cluster of this process. The database
// lives as long as the process.
func DSN(t testing.TB) string {
	t.Helper()
	if !shared.inMain.Load() {
		t.Fatal("pgtest: this package needs func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }")
	}
	shared.start.Do(func() {
		sweep()
		shared.server, shared.dir, shared.err = start()
	})
	if shared.err != nil {
		t.Fatalf("pgtest: %v", shared.err)
	}
	dsn, err := createDatabase(shared.server.DSN(), fmt.Sprintf("test_%d", shared.count.Add(1)))
	if err != nil {
		t.Fatalf("pgtest: making a database: %v", err)
	}
	return dsn
}

// createDatabase makes a database and returns its URL.
func createDatabase(dsn, name string) (string, error) {
	// One at a time: two copies of the template at once would wait for each other, and can fail.
	shared.createMu.Lock()
	defer shared.createMu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), createLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// base is the directory in which clusters are made.
func base() string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(memoryDir, &st); err != nil || st.Bavail*uint64(st.Bsize) < memoryFree {
		return os.TempDir()
	}
	return memoryDir
}

// start runs a cluster in a fresh temporary directory.
func start() (*embedded.Server, string, error) {
	dir, err := os.MkdirTemp(base(), dirPrefix)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	server, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: quiet(), MaxConnections: maxConnections})
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
	return server, dir, nil
}

// stop ends a cluster and removes it. It is thrown away, so nothing is written first: the checkpoint of a clean stop, with
// the files of every test's database, takes a slow disk longer than anybody waits.
func stop(server *embedded.Server, dir string) error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = server.Stop(now) // not clean, as was wanted
	return os.RemoveAll(dir)
}

// quiet drops the server's conversation; what breaks a start is in its error.
func quiet() *slog.Logger {
	if os.Getenv("TB_PGTEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

// sweep removes the clusters of test processes that were killed. Their servers stopped with them.
func sweep() {
	var dirs []string
	for _, base := range []string{os.TempDir(), memoryDir} {
		found, _ := filepath.Glob(filepath.Join(base, dirPrefix+"*")) // The pattern is well formed.
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < abandoned {
			continue
		}
		if _, held, err := embedded.Attach(dir); err == nil && !held {
			_ = os.RemoveAll(dir) // Only tidying: what cannot go now goes another time.
		}
	}
}

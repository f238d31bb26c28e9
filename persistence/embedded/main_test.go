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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// helperDir, when set in the environment, turns this test binary into a program that owns a directory.
const helperDir = "TB_EMBEDDED_TEST_DIR"

// testLimit bounds every wait of these tests.
const testLimit = 3 * time.Minute

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(own(dir))
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	code := m.Run()
	if template.dir != "" {
		_ = os.RemoveAll(template.dir)
	}
	os.Exit(code)
}

// own is the helper program: it prints "ready DSN" or "error ...", and stops when its standard input ends.
func own(dir string) int {
	s, err := Start(context.Background(), Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("ready", s.DSN())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Stop(context.Background()); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// helper is a running helper program.
type helper struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

// startHelper runs the program for dir, as another account when credential is not nil.
func startHelper(t *testing.T, program, dir string, credential *syscall.Credential) *helper {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	stdin, err := cmd.StdinPipe()
	check(t, err)
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	h := &helper{cmd: cmd, stdin: stdin, out: bufio.NewReader(stdout)}
	t.Cleanup(h.kill)
	return h
}

// said returns the next line the program printed.
func (h *helper) said(t *testing.T) string {
	t.Helper()
	line, err := h.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the helper said %q and ended: %v", line, err)
	}
	return strings.TrimSpace(line)
}

// ready waits until the program owns a running server and returns its DSN.
func (h *helper) ready(t *testing.T) string {
	t.Helper()
	line := h.said(t)
	dsn, ok := strings.CutPrefix(line, "ready ")
	if !ok {
		t.Fatal(line)
	}
	return dsn
}

func (h *helper) kill() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}

// self is the path of this test binary.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	check(t, err)
	return path
}

// template is one cluster made by initdb; most tests start from a copy of it, which is much cheaper.
var template struct {
	once sync.Once
	dir  string
	cold time.Duration // from nothing to the first answer
	stop time.Duration // of the idle server
	err  error
}

func makeTemplate() {
	template.dir, template.err = os.MkdirTemp("", "ticketblue-embedded-")
	if template.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), testLimit)
	defer cancel()
	began := time.Now()
	var s *Server
	s, template.err = Start(ctx, Options{Dir: filepath.Join(template.dir, "db"), Log: slog.New(slog.DiscardHandler)})
	if template.err != nil {
		return
	}
	template.cold = time.Since(began)
	began = time.Now()
	template.err = s.Stop(ctx)
	template.stop = time.Since(began)
}

// cluster returns a directory of its own that holds a cluster, stopped cleanly.
func cluster(t *testing.T) string {
	t.Helper()
	template.once.Do(makeTemplate)
	check(t, template.err)
	dir := filepath.Join(scratchIn(t, memoryDir()), "db")
	check(t, exec.Command("cp", "-a", filepath.Join(template.dir, "db"), dir).Run())
	return dir
}

// memoryDir is where copies are made: kills do not need a real disk, and the tests are much quicker.
func memoryDir() string {
	if exists("/dev/shm") {
		return "/dev/shm"
	}
	return os.TempDir()
}

// scratch returns an empty directory that any account may enter, unlike t.TempDir, on the real disk.
func scratch(t *testing.T) string { t.Helper(); return scratchIn(t, os.TempDir()) }

func scratchIn(t *testing.T, base string) string {
	t.Helper()
	dir, err := os.MkdirTemp(base, "ticketblue-embedded-")
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	check(t, os.Chmod(dir, 0o755))
	return dir
}

// start runs a server that is stopped when the test ends.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(limited(t), o)
	check(t, err)
	t.Cleanup(func() { check(t, s.Stop(context.Background())) })
	return s
}

// stop stops a server within the test.
func stop(t *testing.T, s *Server) {
	t.Helper()
	check(t, s.Stop(limited(t)))
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testLimit)
	t.Cleanup(cancel)
	return ctx
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(limited(t), dsn)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec1(t *testing.T, dsn, sql string, args ...any) {
	t.Helper()
	_, err := connect(t, dsn).Exec(limited(t), sql, args...)
	check(t, err)
}

// count returns the one number a query yields.
func count(t *testing.T, dsn, sql string) (n int) {
	t.Helper()
	check(t, connect(t, dsn).QueryRow(limited(t), sql).Scan(&n))
	return n
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition of the world outside.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if until(limited(t), testLimit, done) != nil {
		t.Fatalf("waited %v: %s", testLimit, what)
	}
}

func isRoot() bool { return os.Geteuid() == 0 }

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	startWithin = 2 * time.Minute
	stopWithin  = 20 * time.Second
	lookEvery   = 20 * time.Millisecond
	nobody      = 65534 // what root is inside the server's namespace: PostgreSQL refuses to be root
)

// child is a program that this one has started and stops again.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error  // read it after exited is closed
	dir    string // removed when it has stopped; empty: none
}

// launch starts a program that dies with this one.
func launch(log *os.File, mapRoot bool, program string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(program, args...), exited: make(chan struct{})}
	c.cmd.Dir, c.cmd.Env = "/", []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	if mapRoot && os.Getuid() == 0 {
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}}
	}
	c.cmd.SysProcAttr = attr
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the death signal comes when the thread that forked ends
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
			close(c.exited)
		}
	}()
	return c, <-started
}

func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-c.exited:
		if c.dir == "" {
			return nil
		}
		return os.RemoveAll(c.dir)
	case <-time.After(stopWithin):
		_ = c.cmd.Process.Kill()
		<-c.exited
		return fmt.Errorf("%s did not stop within %v", c.cmd.Path, stopWithin)
	}
}

// await asks until it is ready, or the program has ended.
func (c *child) await(ctx context.Context, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("%s ended: %w", c.cmd.Path, c.err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-ticks.C:
		}
	}
}

// findPostgres is the directory of initdb and postgres.
func findPostgres() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Sort(dirs)
	if set := os.Getenv("TB_POSTGRES_BIN"); set != "" {
		dirs = []string{set}
	} else if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, dir := range slices.Backward(dirs) {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no PostgreSQL found: install it, or set TB_POSTGRES_BIN to the directory of initdb and postgres")
}

// startPostgres makes a cluster and runs it with the settings of Ticket Blue's private one. It returns its address.
func startPostgres(ctx context.Context, data string, log *os.File) (*child, string, error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, "", err
	}
	cluster := filepath.Join(data, "pgdata")
	made, err := launch(log, true, filepath.Join(bin, "initdb"), "--pgdata="+cluster, "--username=postgres", "--encoding=UTF8",
		"--locale=C.UTF-8", "--data-checksums", "--auth-local=trust", "--auth-host=scram-sha-256")
	if err != nil {
		return nil, "", err
	}
	if <-made.exited; made.err != nil {
		return nil, "", fmt.Errorf("initdb: %w", made.err)
	}
	// The socket's path must be short.
	socket, err := os.MkdirTemp("/tmp", "ticketblue-peer-")
	if err != nil {
		return nil, "", err
	}
	args := []string{"-D", cluster}
	for _, setting := range []string{
		"listen_addresses=", "port=5432", "unix_socket_directories=" + strconv.Quote(socket), "max_connections=100",
		"fsync=on", "synchronous_commit=on", "full_page_writes=on", "wal_level=replica", "logging_collector=off", "timezone=UTC",
		"shared_buffers=512MB", "max_wal_size=2GB", "min_wal_size=1GB",
	} {
		args = append(args, "-c", setting)
	}
	server, err := launch(log, true, filepath.Join(bin, "postgres"), args...)
	if err != nil {
		return nil, "", err
	}
	server.dir = socket
	q := url.Values{"host": {socket}, "port": {"5432"}, "sslmode": {"disable"}}
	dsn := (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: q.Encode()}).String()
	err = server.await(ctx, func() error {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			err = conn.Close(ctx)
		}
		return err
	})
	if err != nil {
		return nil, "", errors.Join(err, server.stop())
	}
	return server, dsn, nil
}

// openPool connects as every peer does: prepared statements, and no plan for a table that was still empty.
func openPool(ctx context.Context, dsn string, connections int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns, cfg.MinConns = int32(connections), int32(connections)
	cfg.ConnConfig.RuntimeParams["enable_seqscan"] = "off"
	cfg.ConnConfig.RuntimeParams["jit"] = "off" // what a sequential scan then "costs" would be worth compiling
	return pgxpool.NewWithConfig(ctx, cfg)
}

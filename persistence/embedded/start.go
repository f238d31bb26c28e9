package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// DefaultMaxConnections is PostgreSQL's max_connections when Options does not say.
	DefaultMaxConnections = 100
	// readyLimit bounds one start of the server, recovery after a crash included.
	readyLimit = 2 * time.Minute
	// launchAttempts is how often a server that exits while starting is tried before its words are believed: memory
	// still held by a dying backend, for one, passes.
	launchAttempts = 5
	// launchPause is the wait before the second attempt; it grows by itself with each.
	launchPause = 50 * time.Millisecond
	// pingTimeout bounds one question whether the server answers.
	pingTimeout = 5 * time.Second
)

// Options say where and how to run the server.
type Options struct {
	Dir            string       // required; made when missing, but its data is never removed
	Log            *slog.Logger // nil: slog.Default(). The server's own lines are mostly at debug level
	Binaries       *Binaries    // only Dir is read; nil: Find, preferring the version of an existing cluster
	MaxConnections int          // 0: DefaultMaxConnections

	noNamespace bool // tests: as on a machine that forbids user namespaces
}

// Start runs the cluster in o.Dir, making it when there is none, and returns when it answers queries. ctx bounds the
// start only; after it the server runs, and is started again whenever it dies, until Stop. When this process dies
// without Stop, the server shuts itself down in good order.
//
// Errors: ErrLocked, ErrNoPostgres and ErrVersion by errors.Is; others carry the last lines the server printed.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	l, err := openLayout(o.Dir)
	if err != nil {
		return nil, err
	}
	own, err := acquire(ctx, l.dir)
	if err != nil {
		return nil, err
	}
	s := newServer(o, l, own)
	c, err := s.open(ctx)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.up(c)
	go s.supervise(c)
	return s, nil
}

// open goes from a locked directory to a server that answers.
func (s *Server) open(ctx context.Context) (*child, error) {
	major, err := clusterMajor(s.paths)
	if err != nil {
		return nil, err
	}
	if s.opts.Binaries == nil {
		s.bin, err = find(ctx, major)
	} else if s.bin, err = probe(ctx, s.opts.Binaries.Dir); err != nil {
		err = fmt.Errorf("embedded: %w", err)
	}
	if err != nil {
		return nil, err
	}
	if major != 0 {
		if err := checkVersion(s.paths, s.bin, major); err != nil {
			return nil, err
		}
	}
	if s.as, err = chooseAccount(ctx, s.paths, s.opts.noNamespace); err != nil {
		return nil, err
	}
	if err := s.as.reaches(s.paths.dir); err != nil {
		return nil, err
	}
	if err := s.paths.openSocketDir(); err != nil {
		return nil, err
	}
	// The lock file stays ours; the account gets what the server has to enter and write.
	if err := s.as.giveOnly(s.paths.dir); err != nil {
		return nil, err
	}
	if err := s.as.give(s.paths.socket, s.paths.pgdata); err != nil {
		return nil, err
	}
	if major == 0 {
		s.log.Info("making a new PostgreSQL cluster", "dir", s.paths.pgdata, "version", s.bin.Version)
		if err := initCluster(ctx, s.paths, s.bin, s.as, s.out); err != nil {
			return nil, err
		}
	}
	if err := s.own.write(record{PID: os.Getpid(), Socket: s.paths.socket}); err != nil {
		return nil, err
	}
	c, err := s.bringUp(ctx)
	if err != nil {
		return nil, err
	}
	if old := s.own.prev.Socket; old != s.paths.socket {
		if err := s.paths.closeSocketDir(old); err != nil {
			s.log.Warn("cannot remove the socket directory of an earlier run", "dir", old, "err", err)
		}
	}
	return c, nil
}

// bringUp clears what the last run left, starts the server and returns when it answers.
func (s *Server) bringUp(ctx context.Context) (*child, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for attempt := 1; ; attempt++ {
		if err := clearStale(ctx, s.paths); err != nil {
			return nil, err
		}
		c, err := launch(s.bin.postgres(), s.arguments(), s.as, syscall.SIGINT, s.out)
		if err != nil {
			return nil, err
		}
		switch err := s.awaitReady(ctx, c); {
		case err == nil:
			return c, nil
		case !errors.Is(err, errExited):
			return nil, errors.Join(err, s.shutdown(ctx, c))
		case attempt == launchAttempts:
			return nil, fmt.Errorf("%w %d times: %w: %s", errExited, attempt, c.err, s.out.tail())
		}
		if err := pause(ctx, time.Duration(attempt)*launchPause); err != nil {
			return nil, fmt.Errorf("embedded: starting PostgreSQL: %w", err)
		}
	}
}

var errExited = errors.New("embedded: PostgreSQL exited while starting")

// awaitReady returns nil when the server answers a query, or errExited when it ended.
func (s *Server) awaitReady(ctx context.Context, c *child) error {
	for {
		last := ping(ctx, s.DSN())
		if last == nil {
			return nil
		}
		select {
		case <-c.exited:
			return errExited
		default:
		}
		if err := pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("embedded: waiting for PostgreSQL to answer: %w (%w): %s", err, last, s.out.tail())
		}
	}
}

const (
	sharedBuffers = "512MB" // taken as it is used
	maxLog        = "2GB"   // of write-ahead log between two checkpoints, about
	keptLog       = "1GB"   // of its files, once there were so many, are used again
)

// arguments are the settings that must hold whatever postgresql.conf says.
func (s *Server) arguments() []string {
	args := []string{"-D", s.paths.pgdata}
	for _, setting := range []string{
		"listen_addresses=", // No TCP: no port to collide with, nobody from outside.
		"port=" + port,
		"unix_socket_directories=" + `"` + strings.ReplaceAll(s.paths.socket, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"max_connections=" + strconv.Itoa(s.opts.MaxConnections),
		// A commit that was answered is on disk.
		"fsync=on", "synchronous_commit=on", "full_page_writes=on", "wal_level=replica",
		// A sale writes a gigabyte of log in a minute. With the defaults, made for the smallest machines, a checkpoint begins
		// each time, after which every page is written whole once more, and new files of the log wait for the disk.
		"shared_buffers=" + sharedBuffers, "max_wal_size=" + maxLog, "min_wal_size=" + keptLog,
		// Our log is the log.
		"logging_collector=off", "log_destination=stderr", "log_line_prefix=", "log_timezone=UTC", "timezone=UTC",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

// dsnFor is the URL of the superuser on the socket in dir.
func dsnFor(dir string) string {
	q := url.Values{"host": {dir}, "port": {port}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database, RawQuery: q.Encode()}
	return u.String()
}

// ping asks for one answer from the server.
func ping(ctx context.Context, dsn string) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "select 1")
	return err
}

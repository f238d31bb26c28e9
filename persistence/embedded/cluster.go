package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// initLimit bounds one initdb. It is long because initdb ends in a sync of the whole disk's backlog.
	initLimit = 5 * time.Minute
	// maxSocketPath is the longest path of a socket's lock file, in bytes; the system allows the socket itself 103 to 107.
	maxSocketPath = 100
	// port only names the socket file: there is no TCP.
	port       = "5432"
	runPrefix  = "ticketblue-run-"
	unfinished = "pgdata.init-" // clusters being made
	socketName = ".s.PGSQL." + port
	superuser  = "postgres"
	database   = "postgres"
)

// layout is the paths of one directory.
type layout struct {
	dir    string // absolute, symlinks resolved
	pgdata string
	socket string // directory of the unix socket
}

// openLayout makes dir when it is missing and resolves its paths; the socket's directory comes later.
func openLayout(dir string) (layout, error) {
	if dir == "" {
		return layout{}, errors.New("embedded: Options.Dir is empty")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, fmt.Errorf("embedded: %w", err)
	}
	// The parents stay open to the account the server may have to run as; the directory itself does not.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return layout{}, fmt.Errorf("embedded: making the parents of %s: %w", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return layout{}, fmt.Errorf("embedded: making %s: %w", dir, err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return layout{}, fmt.Errorf("embedded: %w", err)
	}
	return layout{dir: dir, pgdata: filepath.Join(dir, "pgdata")}, nil
}

// openSocketDir makes the directory of the socket, elsewhere when the path below dir cannot be a socket's.
func (l *layout) openSocketDir() error {
	l.socket = filepath.Join(l.dir, "run")
	if !unfit(l.socket) {
		if err := os.Mkdir(l.socket, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("embedded: making %s: %w", l.socket, err)
		}
		return nil
	}
	base := os.TempDir()
	if unfit(filepath.Join(base, runPrefix+"0123456789")) {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, runPrefix)
	if err != nil {
		return fmt.Errorf("embedded: making a directory for the socket: %w", err)
	}
	l.socket = dir
	return nil
}

// unfit tells that a path is too long for a socket, or has a comma, at which drivers split it into two hosts.
func unfit(socketDir string) bool {
	return len(filepath.Join(socketDir, socketName+".lock")) > maxSocketPath || strings.Contains(socketDir, ",")
}

// closeSocketDir removes a socket directory that lies elsewhere and the files of a dead server in it.
func (l *layout) closeSocketDir(dir string) error {
	if !strings.HasPrefix(filepath.Base(dir), runPrefix) {
		return nil
	}
	if err := removeSockets(dir); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("embedded: %w", err)
	}
	return nil
}

// clusterMajor returns the major version of the cluster in l, or 0 when there is none yet.
func clusterMajor(l layout) (int, error) {
	entries, err := os.ReadDir(l.pgdata)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("embedded: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(l.pgdata, "PG_VERSION"))
	if err != nil {
		return 0, fmt.Errorf("embedded: %s is not empty but holds no PostgreSQL cluster: %w", l.pgdata, err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("embedded: the version of the cluster in %s: %w", l.pgdata, err)
	}
	return major, nil
}

// ErrVersion is what errors.Is finds in the error of Start when the cluster was made by another major version.
var ErrVersion = errors.New("PostgreSQL of another major version")

// checkVersion refuses to open a cluster with programs of another major version. The data is left as it is.
func checkVersion(l layout, b Binaries, major int) error {
	if major == b.Major {
		return nil
	}
	return fmt.Errorf("embedded: %w: the cluster in %s was made by version %d and %s is version %s: install "+
		"postgresql-%d, or move the data with pg_dump or pg_upgrade", ErrVersion, l.pgdata, major, b.Dir, b.Version, major)
}

// initCluster makes the cluster beside its final name and renames it into place, so that pgdata is whole or absent.
func initCluster(ctx context.Context, l layout, b Binaries, as account, out *output) error {
	ctx, cancel := context.WithTimeout(ctx, initLimit)
	defer cancel()
	if err := removeUnfinished(ctx, l); err != nil {
		return err
	}
	// A new name each time: the bootstrap process of a killed initdb may not even have entered its directory yet, and
	// must not enter this one.
	making, err := os.MkdirTemp(l.dir, unfinished)
	if err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	if err := as.give(making); err != nil {
		return err
	}
	// The locale is C.UTF-8 and never C: under C, pg_trgm drops all Hangul. No password exists: the only way in is the
	// socket, guarded by its directory, and scram without a password lets nobody in by TCP, should someone open it.
	c, err := launch(b.initdb(), []string{
		"--pgdata=" + making, "--username=" + superuser, "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
		"--auth-local=trust", "--auth-host=scram-sha-256",
	}, as, syscall.SIGKILL, out)
	if err != nil {
		return err
	}
	select {
	case <-c.exited:
	case <-ctx.Done():
		c.signal(syscall.SIGKILL)
		<-c.exited
		return fmt.Errorf("embedded: initdb was stopped: %w", ctx.Err())
	}
	if c.err != nil {
		return fmt.Errorf("embedded: initdb failed: %w: %s", c.err, out.tail())
	}
	if err := os.Rename(making, l.pgdata); err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	return syncDir(l.dir)
}

// removeUnfinished removes what killed initdbs left, once their processes are gone.
func removeUnfinished(ctx context.Context, l layout) error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), unfinished) {
			continue
		}
		dir := filepath.Join(l.dir, e.Name())
		if err := evict(ctx, dir); err != nil {
			return err
		}
		// An initdb killed in the middle of a write can still add a file, once, behind the back of RemoveAll.
		var last error
		removed := func() bool { last = os.RemoveAll(dir); return last == nil }
		if err := until(ctx, quitGrace, removed); err != nil {
			return fmt.Errorf("embedded: removing an unfinished cluster: %w", cmp.Or(last, err))
		}
	}
	return nil
}

// syncDir makes a rename inside dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("embedded: syncing %s: %w", dir, err)
	}
	return nil
}

package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EnvBin names the environment variable that points to the directory of initdb and postgres. When it is set, no other
// place is searched.
const EnvBin = "TB_POSTGRES_BIN"

// probeTimeout bounds one run of `postgres --version` or `pg_config --bindir`.
const probeTimeout = 10 * time.Second

// ErrNoPostgres is what errors.Is finds in the error of Find when no usable installation exists.
var ErrNoPostgres = errors.New("no PostgreSQL server programs found")

// Binaries is one installation of the PostgreSQL server programs.
type Binaries struct {
	Dir     string // directory that holds both initdb and postgres, symlinks resolved
	Version string // as postgres prints it, such as "15.18"
	Major   int    // the part that decides whether a cluster can be opened, such as 15
}

func (b Binaries) postgres() string { return filepath.Join(b.Dir, "postgres") }
func (b Binaries) initdb() string   { return filepath.Join(b.Dir, "initdb") }

// Find returns the server programs to use: those of TB_POSTGRES_BIN when it is set, else the first of PATH (followed
// through symlinks), `pg_config --bindir` and the usual places of packages, newest version first. The error, in one
// sentence, lists where it looked and what to do.
func Find(ctx context.Context) (Binaries, error) { return find(ctx, 0) }

// find prefers an installation of the given major version (0: any), because a machine that was upgraded often has
// both, and an existing cluster can be opened by its own version only.
func find(ctx context.Context, major int) (Binaries, error) {
	var looked []string
	var first *Binaries
	for dir := range candidates(ctx) {
		if slices.Contains(looked, dir) {
			continue
		}
		looked = append(looked, dir)
		b, err := probe(ctx, dir)
		if err != nil {
			continue
		}
		if major == 0 || b.Major == major {
			return b, nil
		}
		if first == nil {
			first = &b
		}
	}
	if first != nil {
		return *first, nil
	}
	if err := ctx.Err(); err != nil {
		return Binaries{}, fmt.Errorf("embedded: looking for PostgreSQL: %w", err)
	}
	if os.Getenv(EnvBin) == "" {
		looked = append(looked, searched...)
	}
	return Binaries{}, fmt.Errorf("embedded: %w (looked in %s): run `apt-get install postgresql-15`, "+
		"set %s to the directory of initdb and postgres, or set TB_DATABASE_URL to a running server",
		ErrNoPostgres, strings.Join(looked, ", "), EnvBin)
}

// packagePlaces are where packages put the programs; the star stands for a version.
var packagePlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/lib/postgresql*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// searched names, for the error text, the places that are patterns or commands rather than directories.
var searched = append([]string{"PATH", "pg_config --bindir"}, packagePlaces...)

// candidates yields directories in order of preference; they need not exist.
func candidates(ctx context.Context) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if dir := os.Getenv(EnvBin); dir != "" {
			yield(dir)
			return
		}
		for _, program := range []string{"postgres", "initdb"} {
			path, err := exec.LookPath(program)
			if err != nil {
				continue
			}
			// A link in PATH often stands alone: its sibling lies beside what it points to.
			if real, err := filepath.EvalSymlinks(path); err == nil && !yield(filepath.Dir(real)) {
				return
			}
		}
		if dir := pgConfigDir(ctx); dir != "" && !yield(dir) {
			return
		}
		for _, pattern := range packagePlaces {
			for _, dir := range newestFirst(pattern) {
				if !yield(dir) {
					return
				}
			}
		}
	}
}

func pgConfigDir(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

var digits = regexp.MustCompile(`\d+`)

// newestFirst expands a pattern and sorts by the version number in the path: 15 before 9.
func newestFirst(pattern string) []string {
	dirs, _ := filepath.Glob(pattern) // The only error is a malformed pattern, and ours are constants.
	fixed, _, _ := strings.Cut(pattern, "*")
	number := func(dir string) int {
		n, _ := strconv.Atoi(digits.FindString(strings.TrimPrefix(dir, fixed))) // No number counts as 0: last.
		return n
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
	return dirs
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// probe accepts a directory only if both programs are there and postgres runs: client packages leave directories
// with neither, and a broken library path shows only when the program starts.
func probe(ctx context.Context, dir string) (Binaries, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return Binaries{}, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return Binaries{}, err
	}
	b := Binaries{Dir: dir}
	for _, program := range []string{b.initdb(), b.postgres()} {
		if _, err := exec.LookPath(program); err != nil {
			return Binaries{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.postgres(), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("running %s --version: %w", b.postgres(), err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return Binaries{}, fmt.Errorf("%s --version printed %q", b.postgres(), out)
	}
	b.Version = string(m[1])
	b.Major, err = strconv.Atoi(string(m[2]))
	return b, err
}

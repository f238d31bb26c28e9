package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"ticketblue/persistence"
	"ticketblue/persistence/embedded"
)

type doctorCmd struct {
	Store     storeFlags `embed:""`
	Listen    string     `default:"127.0.0.1:8080" env:"TB_LISTEN" placeholder:"HOST:PORT" help:"Public address that serve would use (${default})."`
	OpsListen string     `default:"127.0.0.1:8081" env:"TB_OPS_LISTEN" placeholder:"HOST:PORT" help:"Operations address that serve would use (${default})."`
}

// What doctor takes for healthy.
const (
	roomWanted     = 1 << 30               // bytes free on the data directory's disk
	syncWanted     = 10 * time.Millisecond // median of one write and fsync; every answer of a quiet round waits for one
	filesWanted    = 20_000                // open files: one per customer connected
	syncSamples    = 25
	doctorDeadline = 30 * time.Second
)

var errUnwell = errors.New("something would keep the service from working")

// symptom is one line of the report.
type symptom struct {
	what   string
	said   string
	advice string // what to do; "" when all is well
	fatal  bool   // serve would not work
}

// Run looks at everything serve needs and says what to do about what is missing. It changes nothing.
func (c doctorCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, doctorDeadline)
	defer cancel()
	symptoms := []symptom{c.directory(), c.disk(), c.files(), c.postgres(ctx)}
	if server, ok := readServerFile(c.Store.Data); ok && alive(server.PID) {
		symptoms = append(symptoms, symptom{what: "server", said: fmt.Sprintf("running as process %d at %s", server.PID, server.URL)})
		symptoms = append(symptoms, readiness(ctx, server))
		symptoms = append(symptoms, c.database(ctx)...)
	} else {
		symptoms = append(symptoms, port("public port", c.Listen), port("operations port", c.OpsListen))
	}
	unwell := false
	for _, f := range symptoms {
		mark := "ok  "
		switch {
		case f.fatal:
			mark, unwell = "FAIL", true
		case f.advice != "":
			mark = "warn"
		}
		fmt.Printf("%s  %-16s %s\n", mark, f.what, f.said)
		if f.advice != "" {
			fmt.Printf("      %-16s %s\n", "", f.advice)
		}
	}
	if unwell {
		return errUnwell
	}
	return nil
}

func alive(pid int) bool { return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// nearest is the data directory, or what it would be made in.
func (c doctorCmd) nearest() string {
	dir, err := filepath.Abs(c.Store.Data)
	if err != nil {
		return c.Store.Data
	}
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (c doctorCmd) directory() symptom {
	f := symptom{what: "data directory", said: c.Store.Data}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(c.nearest(), &stat); err != nil {
		f.said, f.advice, f.fatal = err.Error(), "Choose another --data.", true
		return f
	}
	free := stat.Bavail * uint64(stat.Bsize)
	f.said = fmt.Sprintf("%s, %.1f GB free", c.Store.Data, float64(free)/1e9)
	if free < roomWanted {
		f.advice = "Make room: when the disk is full, nothing is sold (and nothing is lost)."
	}
	return f
}

// disk measures what every answer waits for.
func (c doctorCmd) disk() symptom {
	f := symptom{what: "disk"}
	median, err := syncTime(c.nearest())
	if err != nil {
		f.said, f.advice, f.fatal = err.Error(), "The data directory must be writable.", true
		return f
	}
	f.said = fmt.Sprintf("a write is durable after %s (median of %d)", median.Round(10*time.Microsecond), syncSamples)
	if median > syncWanted {
		f.advice = "Slow: every answer of a quiet round waits for one of these."
	}
	return f
}

func syncTime(dir string) (_ time.Duration, err error) {
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	block, times := make([]byte, 8192), make([]time.Duration, syncSamples)
	for i := range times {
		begin := time.Now()
		if _, err := file.Write(block); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(begin)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func (c doctorCmd) files() symptom {
	f := symptom{what: "open files"}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		f.said, f.advice = err.Error(), "The limit is not known."
		return f
	}
	f.said = fmt.Sprintf("at most %d", limit.Max) // Go raises the soft limit to it
	if limit.Max < filesWanted {
		f.advice = fmt.Sprintf("Raise the limit to %d or more (ulimit -Hn): each connected customer takes one.", filesWanted)
	}
	return f
}

func (c doctorCmd) postgres(ctx context.Context) symptom {
	f := symptom{what: "postgres"}
	if c.Store.DatabaseURL != "" {
		f.said = "TB_DATABASE_URL"
		db, err := persistence.Open(ctx, persistence.Options{DSN: c.Store.DatabaseURL, Log: c.Store.logger()})
		if err != nil {
			f.said, f.advice, f.fatal = err.Error(), "Check TB_DATABASE_URL.", true
			return f
		}
		db.Close()
		return f
	}
	found, err := embedded.Find(ctx)
	if err != nil {
		f.said, f.advice, f.fatal = "not found", err.Error(), true
		return f
	}
	f.said = fmt.Sprintf("%s in %s", found.Version, found.Dir)
	return f
}

func port(what, address string) symptom {
	f := symptom{what: what, said: address + " is free"}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		f.said, f.advice, f.fatal = err.Error(), "Stop what listens there, or choose another address.", true
		return f
	}
	if err := listener.Close(); err != nil {
		f.said = err.Error()
	}
	return f
}

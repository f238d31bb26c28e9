package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"ticketblue/bench/judge"
)

const (
	startWithin   = 2 * time.Minute       // a first start makes a database
	stopWithin    = 40 * time.Second      // a drain takes at most 30 s
	lookEvery     = 20 * time.Millisecond // at server.json while the server starts
	commandWithin = 5 * time.Minute       // seed and verify of large rounds
)

// binary is the ticketblue program.
type binary struct {
	path string
	data string   // the data directory its commands work on
	args []string // before every command's name
	env  []string // more of the environment, for serve
}

// run runs one command and returns what it printed. On failure the error has the end of what it complained.
func (b binary) run(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, b.path, slices.Concat(b.args, args, []string{"--data", b.data})...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.Bytes(), fmt.Errorf("%s %s: %w: %s", b.path, args[0], err, tail(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

func tail(b []byte) []byte {
	const keep = 600
	return bytes.TrimSpace(b[max(0, len(b)-keep):])
}

// admin makes an administrator and returns the password.
func (b binary) admin(ctx context.Context, email string) (string, error) {
	out, err := b.run(ctx, "admin", "create", "--email", email, "--json")
	if err != nil {
		return "", err
	}
	var made struct{ Password string }
	if err := json.Unmarshal(out, &made); err != nil {
		return "", fmt.Errorf("reading what admin create printed: %w", err)
	}
	return made.Password, nil
}

// customers makes n customers and returns an access token for each.
func (b binary) customers(ctx context.Context, n int) ([]string, error) {
	file, err := os.CreateTemp("", "ticketblue-bench-tokens-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := b.run(ctx, "seed", "--customers", strconv.Itoa(n), "--tokens", file.Name()); err != nil {
		return nil, err
	}
	// The command may have put a new file in its place.
	written, err := os.Open(file.Name())
	if err != nil {
		return nil, err
	}
	defer written.Close()
	var tokens []string
	lines := bufio.NewScanner(written)
	for lines.Scan() {
		if line := lines.Text(); line != "" {
			tokens = append(tokens, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading tokens: %w", err)
	}
	if len(tokens) != n {
		return nil, fmt.Errorf("seed wrote %d tokens, want %d", len(tokens), n)
	}
	return tokens, nil
}

// verify asks for the server's own audit and picks one round out of it.
func (b binary) verify(ctx context.Context, round int64) (judge.Audit, error) {
	audits, err := b.audits(ctx)
	if err != nil {
		return judge.Audit{}, err
	}
	return audits.of(round), nil
}

// audits is the server's own audit of all its rounds.
type audits struct {
	whole  judge.Audit
	rounds map[int64]judge.Audit
}

func (a audits) of(round int64) judge.Audit {
	audit, known := a.rounds[round]
	audit.OK, audit.Problems = a.whole.OK && known, a.whole.Problems
	if !known {
		audit.Problems = append(slices.Clone(audit.Problems), fmt.Sprintf("round %d is not in the report", round))
	}
	return audit
}

func (b binary) audits(ctx context.Context) (audits, error) {
	// A report that finds problems comes with exit code 1: whether it can be read decides.
	out, runErr := b.run(ctx, "verify", "--json")
	var found struct {
		OK       bool
		Problems []string
		Live     bool
		Rounds   []struct {
			Round int64
			judge.Counts
			Reservations []judge.Reservation
		}
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return audits{}, errors.Join(fmt.Errorf("reading what verify printed: %w", err), runErr)
	}
	if runErr != nil && found.OK {
		return audits{}, runErr
	}
	all := audits{whole: judge.Audit{OK: found.OK, Problems: found.Problems}, rounds: map[int64]judge.Audit{}}
	if !found.Live {
		all.whole.OK = false
		all.whole.Problems = append(all.whole.Problems, "the live state was not compared")
	}
	for _, r := range found.Rounds {
		all.rounds[r.Round] = judge.Audit{Counts: r.Counts, Reservations: r.Reservations}
	}
	return all, nil
}

// errFailed keeps the data of a run that the judge did not like.
var errFailed = errors.New("judged FAIL")

// onServer calls do with the target's address, starting and stopping a server when there is no target. kept is set to
// the directory of such a server's data when that is left behind.
func (b binary) onServer(ctx context.Context, target string, kept *string, do func(target string, b binary) error) (err error) {
	if target != "" {
		err = do(target, b)
	} else {
		err = b.onOwnServer(ctx, kept, do)
	}
	if errors.Is(err, errFailed) {
		return nil // the report says it
	}
	return err
}

func (b binary) onOwnServer(ctx context.Context, kept *string, do func(target string, b binary) error) (err error) {
	if b.data == "" {
		if b.data, err = os.MkdirTemp("", "ticketblue-bench-"); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = os.RemoveAll(b.data)
			} else {
				*kept = b.data
			}
		}()
	} else if err = os.MkdirAll(b.data, 0o755); err != nil {
		return err
	}
	s, err := b.serve(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(s.url, b), s.stop())
}

// serverFile is what a server writes into its data directory once it is ready.
type serverFile struct {
	PID    int    `json:"pid"`
	URL    string `json:"url"`
	OpsURL string `json:"ops_url"`
}

func readServerFile(data string) (serverFile, error) {
	var f serverFile
	body, err := os.ReadFile(filepath.Join(data, "server.json"))
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(body, &f)
}

// server is a ticketblue that this run has started.
type server struct {
	url    string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
	log    string        // file with what it wrote
}

// serve starts a server and returns when it is ready.
func (b binary) serve(ctx context.Context) (*server, error) {
	logFile, err := os.Create(filepath.Join(b.data, "bench-server.log"))
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	s := &server{exited: make(chan struct{}), log: logFile.Name()}
	s.cmd = exec.Command(b.path, slices.Concat(b.args, []string{
		"serve", "--bench", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data", b.data,
	})...)
	s.cmd.Env = append(os.Environ(), b.env...)
	s.cmd.Stdout, s.cmd.Stderr = logFile, logFile
	// A group of its own: Ctrl-C is for us, and the server must live until the judge has asked.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	go func() {
		// How it ended does not matter, only that it did.
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	if err := s.awaitReady(ctx, b); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) awaitReady(ctx context.Context, b binary) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		// A file of another process is a leftover; an unreadable one is being written.
		ready, err := readServerFile(b.data)
		if err == nil && ready.PID == s.cmd.Process.Pid {
			s.url = ready.URL
			return nil
		}
		select {
		case <-ticker.C:
		case <-s.exited:
			log, _ := os.ReadFile(s.log)
			return fmt.Errorf("the server ended before it was ready: %s", tail(log))
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready in time: %w", ctx.Err())
		}
	}
}

// stop ends the process this run started, by force if it does not end in time.
func (s *server) stop() error {
	select {
	case <-s.exited:
		return nil
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the server: %w", err)
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(stopWithin):
	}
	err := s.cmd.Process.Kill()
	<-s.exited
	return errors.Join(fmt.Errorf("the server did not stop within %v", stopWithin), err)
}

package broadcast

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ticketblue/ticketing"
)

func TestStartLocksItsDirectory(t *testing.T) {
	dir := t.TempDir()
	b := start(t, dir)
	_, err := Start(t.Context(), Options{Dir: dir})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second server on the directory: %v", err)
	}
	closeNow(t, b)
	again := start(t, dir)
	if err := again.Healthy(); err != nil {
		t.Errorf("after a clean end: %v", err)
	}
}

func TestWhatIsStoredSurvivesARestart(t *testing.T) {
	dir, l := t.TempDir(), newLedger()
	o := newOwner(t, l, 1, 50)
	o.rush(50)
	b := start(t, dir)
	stop := run(t, quickRelay(b, l))
	eventually(t, "everything relayed", l.allRelayed)
	stop()
	closeNow(t, b)
	b = start(t, dir)
	if before := checkSubject(t, b, l, o.stream); before != 0 {
		t.Errorf("the subject begins after %d", before)
	}
}

// An external NATS that is away is no error: when it comes, everything goes on by itself.
func TestExternalNATSMayComeLater(t *testing.T) {
	port := freePort(t)
	l := newLedger()
	b := startWith(t, Options{URL: "nats://127.0.0.1:" + port, Rewind: l.rewind})
	if b.Healthy() == nil {
		t.Error("healthy without any server")
	}
	seen := follow(t, b, l, "witness")
	o := newOwner(t, l, 1, 50)
	o.rush(20)
	relay := quickRelay(b, l)
	run(t, relay)
	relay.Hint(o.stream)

	dir := t.TempDir()
	for cycle := range 4 { // it goes away again and again, and once loses all it had
		if cycle == 2 {
			dir = t.TempDir()
		}
		external := externalServer(t, dir, port)
		eventually(t, "health", func() bool { return b.Healthy() == nil })
		eventually(t, "everything relayed", l.allRelayed)
		if before := checkSubject(t, b, l, o.stream); before != 0 {
			t.Errorf("cycle %d: the subject begins after %d", cycle, before)
		}
		seen.check(t, l, o.stream)
		external.kill()
		eventually(t, "absence noticed", func() bool { return b.Healthy() != nil })
		o.rush(20)
	}
}

// external is a NATS server in a process of its own, for what a kill does to it and to those connected.
type external struct{ process *exec.Cmd }

const externalEnv = "TICKETBLUE_TEST_NATS" // "port directory": this process is to be such a server

func TestMain(m *testing.M) {
	if place := os.Getenv(externalEnv); place != "" {
		serveNATS(place)
	}
	os.Exit(m.Run())
}

// serveNATS says that it is ready, and ends with its standard input: whoever started it has died then.
func serveNATS(place string) {
	opts := server.Options{Host: "127.0.0.1", JetStream: true, NoSigs: true, NoLog: true}
	if _, err := fmt.Sscanf(place, "%d %s", &opts.Port, &opts.StoreDir); err != nil {
		panic(err)
	}
	s, err := server.NewServer(&opts)
	if err != nil {
		panic(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		panic("the external server does not start")
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func externalServer(t *testing.T, dir, port string) *external {
	t.Helper()
	e := &external{exec.Command(must(os.Executable())(t))}
	e.process.Env = append(os.Environ(), externalEnv+"="+port+" "+dir)
	e.process.Stderr = os.Stderr
	must(e.process.StdinPipe())(t)
	ready := must(e.process.StdoutPipe())(t)
	if err := e.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.kill)
	if line, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		t.Fatalf("the external server does not start: %q, %v", line, err)
	}
	return e
}

// kill returns when the process is gone. It may be called again.
func (e *external) kill() {
	_ = e.process.Process.Kill()
	_ = e.process.Wait()
}

// freePort is one that nobody is given by chance while it is free again: the system chooses from 32768 on.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20_000 + rand.IntN(10_000))
		if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

func TestCloseHasADeadline(t *testing.T) {
	b := must(Start(t.Context(), Options{Dir: t.TempDir()}))(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := time.Now()
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("closing took %v", took)
	}
	if b.Healthy() == nil {
		t.Error("healthy after Close")
	}
}

func TestSubjects(t *testing.T) {
	for s, want := range map[ticketing.Stream]string{
		"round:42": "tb.fact.round.42", "catalogue:hall:7": "tb.fact.catalogue.hall.7",
		"": "", "round:": "", ":42": "", "round::42": "", "round:4.2": "", "round:*": "", "round:>": "", "round: 42": "",
	} {
		got, err := Subject(s)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", s, got, err)
		}
		if back, err := streamOf(got); want != "" && (err != nil || back != s) {
			t.Errorf("%q came back as %q, %v", s, back, err)
		}
	}
}

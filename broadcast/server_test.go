package broadcast

import (
	"context"
	"errors"
	"net"
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
		external.Shutdown()
		external.WaitForShutdown()
		eventually(t, "absence noticed", func() bool { return b.Healthy() != nil })
		o.rush(20)
	}
}

func externalServer(t *testing.T, dir, port string) *server.Server {
	t.Helper()
	s := must(server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: must(net.LookupPort("tcp", port))(t), JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	}))(t)
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the external server does not start")
	}
	t.Cleanup(s.Shutdown)
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
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

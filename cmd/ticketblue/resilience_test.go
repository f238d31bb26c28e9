package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What is not a crash: an ordered stop in the middle of a rush, a Postgres that hangs, a disk that is full. The
// crowd goes on asking throughout.

// TestDrainUnderLoad stops the program in order while the crowd is buying. Nothing acknowledged is lost, and
// nothing is made that nobody was told about.
func TestDrainUnderLoad(t *testing.T) {
	o := newOffice(t, crashSeats, crashClients*100)
	c := newCrowd(t, o, 2)
	s := startServer(t, o.data, "--bench")
	c.serverUp(s.url)
	var stops []time.Duration
	for range 3 {
		c.awaitAcks(150)
		stops = append(stops, s.stop())
		c.serverDown()
		s = startServer(t, o.data, "--bench")
		c.serverUp(s.url)
		c.probe()
		c.pause()
		c.judge(s)
		c.resume()
	}
	wantQuick(t, stops...)
	c.pause()
	c.judgeOneByOne(s)
}

// TestPostgresHangs stops every process of Postgres for a while, as a hanging disk would. Meanwhile there is no yes,
// only 503; afterwards everything goes on by itself.
func TestPostgresHangs(t *testing.T) {
	o := newOffice(t, crashSeats, crashClients*100)
	c := newCrowd(t, o, 3)
	s := startServer(t, o.data, "--bench")
	c.serverUp(s.url)
	c.awaitAcks(50)

	hanging := hang(t, s.postmaster())
	c.hanging.Store(true)
	c.awaitAway(10 * crashClients)
	c.hanging.Store(false)
	if n := c.untrue.Load(); n > 0 {
		t.Errorf("%d times yes to what was asked while Postgres hangs", n)
	}
	if a, err := ask("GET", s.ops+"/readyz", "", nil); err != nil || a.status != 503 {
		t.Errorf("/readyz while Postgres hangs: %d, %v", a.status, err)
	}
	signalAll(hanging, syscall.SIGCONT)
	back := time.Now()
	c.probe()
	t.Logf("first acknowledgement %s after Postgres went on", time.Since(back).Round(time.Millisecond))
	c.awaitAcks(50)
	c.pause()
	c.judge(s)
}

// hang stops every process of Postgres: the one that makes others first, so that there are no more.
func hang(t *testing.T, postmaster int) (all []int) {
	t.Helper()
	t.Cleanup(func() { signalAll(all, syscall.SIGCONT) }) // a stopped process cannot be ended in order
	stop := func(pids []int) {
		signalAll(pids, syscall.SIGSTOP)
		all = append(all, pids...)
		for _, pid := range pids { // one that waits for the disk stops behind that
			poll(t, "a process to hang", func() bool { return !runs(pid) })
		}
	}
	stop([]int{postmaster})
	stop(postgresProcesses(t, postmaster))
	return all
}

// runs says that a process is there and not stopped.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	state := text[bytes.LastIndexByte(text, ')')+1:]
	return err == nil && !bytes.HasPrefix(state, []byte(" T")) && !bytes.HasPrefix(state, []byte(" Z"))
}

// postgresProcesses are those that the postmaster has made.
func postgresProcesses(t *testing.T, postmaster int) (all []int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}

func signalAll(pids []int, sig syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // a backend may have ended by itself
	}
}

// TestDiskFull runs the program on a small disk of its own, fills that in the middle of a rush, and makes room again.
// While it is full, what cannot be kept is 503; afterwards everything goes on by itself and every yes is there.
func TestDiskFull(t *testing.T) {
	o := newOffice(t, crashSeats, crashClients*100)
	s, disk := startOnSmallDisk(t, o.data)
	c := newCrowd(t, o, 4)
	c.serverUp(s.url)
	c.awaitAcks(50)
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	c.awaitAway(crashClients)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	c.probe()
	t.Logf("first acknowledgement %s after there was room again", time.Since(back).Round(time.Millisecond))
	c.awaitAcks(50)
	c.pause()
	c.judge(s)
}

// startOnSmallDisk starts the program in a mount namespace of its own, on a tmpfs with a copy of the data. It returns
// the disk as seen from outside.
func startOnSmallDisk(t *testing.T, data string) (*server, string) {
	t.Helper()
	const size = "160m"
	saved := filepath.Join(t.TempDir(), "saved")
	if out, err := exec.Command("cp", "-a", data, saved).CombinedOutput(); err != nil {
		t.Fatalf("copying the data: %v\n%s", err, out)
	}
	script := fmt.Sprintf(`mount -t tmpfs -o size=%s,mode=700 tmpfs %s && cp -a %s/. %s && exec "$0" "$@"`, size, data, saved, data)
	cmd := program("serve", "--data", data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--bench")
	cmd.Args = append([]string{"unshare", "--mount", "--map-root-user", "sh", "-c", script}, cmd.Args...)
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path = path
	s := awaitServer(t, data, cmd)
	return s, fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, data)
}

// fill takes all the room there is.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	written, err := io.Copy(file, zeros{})
	t.Logf("filled %d MB: %v", written>>20, err)
	if err := file.Close(); err != nil {
		t.Log(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

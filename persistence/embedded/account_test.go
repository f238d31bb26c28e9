package embedded

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asNobody returns this test binary where nobody may run it, and the credential to run it with.
func asNobody(t *testing.T) (program string, credential *syscall.Credential) {
	t.Helper()
	program = filepath.Join(scratch(t), "helper")
	src, err := os.Open(self(t))
	check(t, err)
	defer src.Close()
	dst, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	check(t, err)
	_, err = io.Copy(dst, src)
	check(t, err)
	check(t, dst.Close())
	return program, &syscall.Credential{Uid: nobody, Gid: nobody}
}

// TestEveryAccount runs the same cluster as each account there is. As an ordinary user there is one, and every other
// test runs as it.
func TestEveryAccount(t *testing.T) {
	if !isRoot() {
		s := start(t, Options{Dir: cluster(t)})
		if s.as.mode != asSelf {
			t.Errorf("an ordinary user runs it as %v", s.as.mode)
		}
		return
	}
	t.Run("root, files stay root's", func(t *testing.T) {
		dir := cluster(t)
		s := start(t, Options{Dir: dir})
		if s.as.mode != inNamespace {
			t.Fatalf("mode is %v: are user namespaces forbidden here?", s.as.mode)
		}
		if uid, _, err := ownerOf(filepath.Join(dir, "pgdata")); uid != 0 || err != nil {
			t.Errorf("pgdata belongs to %d, %v", uid, err)
		}
		stop(t, s)
		program, credential := asNobody(t)
		if line := startHelper(t, program, dir, credential).said(t); !strings.Contains(line, "run as the user") {
			t.Errorf("nobody, on root's cluster, said %q", line)
		}
	})
	t.Run("nobody, then root on nobody's cluster", func(t *testing.T) {
		dir := filepath.Join(scratchIn(t, memoryDir()), "db")
		check(t, os.Chown(filepath.Dir(dir), nobody, nobody))
		program, credential := asNobody(t)
		h := startHelper(t, program, dir, credential)
		exec1(t, h.ready(t), "create table kept (n int)")
		check(t, h.stdin.Close())
		check(t, h.cmd.Wait())

		s := start(t, Options{Dir: dir})
		if s.as.mode != asAccount || s.as.uid != nobody {
			t.Errorf("root opens nobody's cluster as %+v", s.as)
		}
		count(t, s.DSN(), "select count(*) from kept")
		stop(t, s)
		exec1(t, startHelper(t, program, dir, credential).ready(t), "drop table kept") // And back again.
	})
	t.Run("root where namespaces are forbidden", func(t *testing.T) {
		dir := filepath.Join(scratchIn(t, memoryDir()), "db")
		s := start(t, Options{Dir: dir, noNamespace: true})
		if s.as.mode != asAccount || s.as.uid == 0 {
			t.Errorf("it runs as %+v", s.as)
		}
		check(t, syscall.Kill(s.PID(), syscall.SIGKILL))
		check(t, s.AwaitRestart(limited(t), 1))
	})
	t.Run("root's cluster where namespaces are forbidden", func(t *testing.T) {
		s := start(t, Options{Dir: cluster(t), noNamespace: true})
		if uid, _, err := ownerOf(s.paths.pgdata); uid == 0 || err != nil {
			t.Errorf("pgdata belongs to %d, %v", uid, err)
		}
	})
	t.Run("a place the account cannot enter", func(t *testing.T) {
		closed := scratch(t)
		check(t, os.Chmod(closed, 0o700))
		_, err := Start(limited(t), Options{Dir: filepath.Join(closed, "db"), noNamespace: true})
		if err == nil || !strings.Contains(err.Error(), "cannot enter "+closed) {
			t.Errorf("err = %v", err)
		}
	})
}

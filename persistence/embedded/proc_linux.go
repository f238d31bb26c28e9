package embedded

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// attr makes a child of the account: in its own process group, so that Ctrl-C in a terminal reaches us alone and we
// stop the server in order; and signalled with death when the thread that forked it ends.
func (a account) attr(death syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
	switch a.mode {
	case asSelf:
	case inNamespace:
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}}
	case asAccount:
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// namespacesWork tries one out: containers often forbid them, and nothing but trying tells.
func namespacesWork(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/true")
	cmd.SysProcAttr = account{mode: inNamespace}.attr(0)
	return cmd.Run() == nil
}

// occupants returns the processes whose working directory is dir. Every process of a PostgreSQL server stays in its
// data directory, so this finds servers and orphaned backends, and never a stranger who was given an old number.
func occupants(dir string) ([]int, error) {
	home, err := os.Stat(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// Processes that end meanwhile, zombies and those of other users have no directory we can see.
		if cwd, err := os.Stat(filepath.Join("/proc", e.Name(), "cwd")); err == nil && os.SameFile(home, cwd) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

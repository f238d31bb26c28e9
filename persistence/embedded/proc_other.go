//go:build unix && !linux

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// attr makes a child of the account in its own process group. There is no parent-death signal here: after a kill -9 of
// the owner the server lives on until the next Start finds and stops it.
func (a account) attr(syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.mode == asAccount {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// namespacesWork is false: user namespaces are Linux's.
func namespacesWork(context.Context) bool { return false }

// occupants returns the processes whose working directory is dir, as lsof sees them.
func occupants(dir string) ([]int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "lsof", "-a", "-d", "cwd", "-t", dir).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // lsof exits with 1 when it finds nobody.
		return nil, fmt.Errorf("asking lsof who is in %s: %w", dir, err)
	}
	var pids []int
	for _, field := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("lsof printed %q: %w", field, err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

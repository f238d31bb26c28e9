package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// mode is the way in which the server programs get a user that is not root.
type mode int

const (
	asSelf      mode = iota // we are not root
	inNamespace             // root, seen as nobody inside a user namespace; files stay root's
	asAccount               // root becomes another account, to which the files are given
)

func (m mode) String() string { return [...]string{"self", "user namespace", "account"}[m] }

// account is as whom the server programs run.
type account struct {
	mode     mode
	uid, gid int
}

// nobody is the number root carries inside its user namespace. initdb wants one that has a name.
const nobody = 65534

// chooseAccount decides for the cluster in l, which may not exist yet. noNamespace forces the way of machines that
// forbid user namespaces.
func chooseAccount(ctx context.Context, l layout, noNamespace bool) (account, error) {
	self := account{mode: asSelf, uid: os.Geteuid(), gid: os.Getegid()}
	uid, gid, err := ownerOf(l.pgdata)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return account{}, fmt.Errorf("embedded: %w", err)
	}
	if self.uid != 0 {
		if exists && uid != self.uid {
			return account{}, fmt.Errorf("embedded: %s belongs to uid %d and this is uid %d: "+
				"run as that user or choose another directory", l.pgdata, uid, self.uid)
		}
		return self, nil
	}
	if exists && uid != 0 {
		return account{mode: asAccount, uid: uid, gid: gid}, nil
	}
	if !noNamespace && namespacesWork(ctx) {
		return account{mode: inNamespace, uid: 0, gid: 0}, nil
	}
	return fallbackAccount()
}

// fallbackAccount is the account root becomes where user namespaces are forbidden.
func fallbackAccount() (account, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return account{}, fmt.Errorf("embedded: the uid of %s: %w", name, err)
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return account{}, fmt.Errorf("embedded: the gid of %s: %w", name, err)
		}
		return account{mode: asAccount, uid: uid, gid: gid}, nil
	}
	return account{}, errors.New("embedded: PostgreSQL refuses to run as root, this machine forbids user namespaces, " +
		"and it has neither an account postgres nor nobody: run as another user")
}

// give hands paths over to the account when it is not the one that made them. Absent paths are skipped.
func (a account) give(paths ...string) error {
	if a.mode != asAccount {
		return nil
	}
	for _, path := range paths {
		err := filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			return os.Lchown(p, a.uid, a.gid)
		})
		if err != nil {
			return fmt.Errorf("embedded: giving %s to uid %d: %w", path, a.uid, err)
		}
	}
	return nil
}

// giveOnly hands over a directory without what is in it.
func (a account) giveOnly(dir string) error {
	if a.mode != asAccount {
		return nil
	}
	if err := os.Lchown(dir, a.uid, a.gid); err != nil {
		return fmt.Errorf("embedded: giving %s to uid %d: %w", dir, a.uid, err)
	}
	return nil
}

// reaches tells, in a sentence, when the account cannot enter the directories above dir (a directory below /root, for
// one). Otherwise Postgres would only say "Permission denied".
func (a account) reaches(dir string) error {
	if a.mode != asAccount {
		return nil
	}
	for up := filepath.Dir(dir); ; up = filepath.Dir(up) {
		info, err := os.Stat(up)
		if err != nil {
			return fmt.Errorf("embedded: %w", err)
		}
		uid, gid := ids(info)
		need := fs.FileMode(0o001)
		switch {
		case uid == a.uid:
			need = 0o100
		case gid == a.gid:
			need = 0o010
		}
		if info.Mode().Perm()&need == 0 {
			return fmt.Errorf("embedded: here PostgreSQL has to run as uid %d, which cannot enter %s: "+
				"choose a data directory elsewhere, such as /var/lib/ticketblue", a.uid, up)
		}
		if up == filepath.Dir(up) {
			return nil
		}
	}
}

func ownerOf(path string) (uid, gid int, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	uid, gid = ids(info)
	return uid, gid, nil
}

func ids(info fs.FileInfo) (uid, gid int) {
	st := info.Sys().(*syscall.Stat_t) // Always so on the systems this package compiles for.
	return int(st.Uid), int(st.Gid)
}

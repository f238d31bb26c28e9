package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeInstallation makes a directory of server programs that print the version and otherwise run the script.
func fakeInstallation(t *testing.T, version, script string) string {
	t.Helper()
	dir := filepath.Join(scratch(t), "bin")
	check(t, os.Mkdir(dir, 0o755))
	for _, program := range []string{"initdb", "postgres"} {
		text := "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '" + program + " (PostgreSQL) " + version + " (Fake 1)'; exit; fi\n" + script + "\n"
		check(t, os.WriteFile(filepath.Join(dir, program), []byte(text), 0o755))
	}
	return dir
}

func TestFindUsesTheOverrideAlone(t *testing.T) {
	dir := fakeInstallation(t, "17.2", "exit 1")
	t.Setenv(EnvBin, dir)
	b, err := Find(limited(t))
	check(t, err)
	if want := (Binaries{Dir: dir, Version: "17.2", Major: 17}); b != want {
		t.Errorf("found %+v, want %+v", b, want)
	}
	t.Setenv(EnvBin, t.TempDir()) // Wrong: better an error than another installation than the one that was asked for.
	if b, err := Find(limited(t)); !errors.Is(err, ErrNoPostgres) {
		t.Errorf("found %+v, err %v", b, err)
	}
}

func TestFindFollowsALinkThatStandsAlone(t *testing.T) {
	real := fakeInstallation(t, "18beta1", "exit 1")
	path := t.TempDir()
	check(t, os.Symlink(filepath.Join(real, "postgres"), filepath.Join(path, "postgres")))
	t.Setenv(EnvBin, "")
	t.Setenv("PATH", path)
	b, err := Find(limited(t))
	check(t, err)
	if want := (Binaries{Dir: real, Version: "18beta1", Major: 18}); b != want {
		t.Errorf("found %+v, want %+v", b, want)
	}
}

func TestFindPassesOverHalfInstallations(t *testing.T) {
	half := fakeInstallation(t, "16.1", "exit 1")
	check(t, os.Remove(filepath.Join(half, "initdb")))
	broken := fakeInstallation(t, "16.1", "exit 1")
	check(t, os.WriteFile(filepath.Join(broken, "postgres"), []byte("#!/bin/sh\nexit 127\n"), 0o755))
	for _, dir := range []string{half, broken} {
		if b, err := probe(limited(t), dir); err == nil {
			t.Errorf("%s was taken for %+v", dir, b)
		}
	}
}

func TestFindAsksPgConfig(t *testing.T) {
	real := fakeInstallation(t, "14.9", "exit 1")
	path := t.TempDir()
	check(t, os.WriteFile(filepath.Join(path, "pg_config"), []byte("#!/bin/sh\necho "+real+"\n"), 0o755))
	t.Setenv(EnvBin, "")
	t.Setenv("PATH", path)
	b, err := Find(limited(t))
	check(t, err)
	if b.Major != 14 {
		t.Errorf("found %+v", b)
	}
}

func TestFindPrefersTheVersionOfTheCluster(t *testing.T) {
	t.Setenv(EnvBin, "")
	installed, err := Find(limited(t))
	check(t, err)
	t.Setenv("PATH", fakeInstallation(t, "99.1", "exit 1")+":"+os.Getenv("PATH"))
	for major, want := range map[int]int{0: 99, installed.Major: installed.Major, 3: 99} {
		if b, err := find(limited(t), major); err != nil || b.Major != want {
			t.Errorf("for a cluster of version %d: %+v, %v; want version %d", major, b, err, want)
		}
	}
}

func TestNewestVersionComesFirst(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{"9.6", "18", "15"} {
		check(t, os.MkdirAll(filepath.Join(dir, v, "bin"), 0o755))
	}
	var got []string
	for _, found := range newestFirst(filepath.Join(dir, "*", "bin")) {
		rel, err := filepath.Rel(dir, found)
		check(t, err)
		got = append(got, rel)
	}
	if s := strings.Join(got, " "); s != "18/bin 15/bin 9.6/bin" {
		t.Errorf("order is %s", s)
	}
}

func TestNothingFoundIsOneHelpfulSentence(t *testing.T) {
	empty := t.TempDir()
	t.Setenv(EnvBin, empty)
	_, err := Find(limited(t))
	if err == nil {
		t.Fatal("found something in an empty directory")
	}
	for _, part := range []string{empty, "apt-get install postgresql-15", EnvBin, "TB_DATABASE_URL"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %v", err)
	}
}

package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestDistIsWhatTheSourcesMake builds again and compares with what is committed.
func TestDistIsWhatTheSourcesMake(t *testing.T) {
	const web = ".."
	want, err := build(web)
	if err != nil {
		t.Fatal(err)
	}
	dist := filepath.Join(web, distDir)
	var committed []string
	err = filepath.WalkDir(dist, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dist, path)
		committed = append(committed, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range want {
		got, err := os.ReadFile(filepath.Join(dist, name))
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("dist/%s is not what the sources make (%v): run go generate ./api/web", name, err)
		}
	}
	for _, name := range committed {
		if _, made := want[name]; !made {
			t.Errorf("dist/%s is left over: run go generate ./api/web", name)
		}
	}
	if !slices.Contains(committed, pageName) {
		t.Error("dist has no page")
	}
}

// Every library we ship has its licence beside it.
func TestVendoredLibrariesHaveLicences(t *testing.T) {
	manifests, err := filepath.Glob("../vendor/*/package.json")
	if err != nil {
		t.Fatal(err)
	}
	scoped, err := filepath.Glob("../vendor/@*/*/package.json")
	if err != nil {
		t.Fatal(err)
	}
	manifests = append(manifests, scoped...)
	if len(manifests) == 0 {
		t.Fatal("no library found in vendor")
	}
	for _, manifest := range manifests {
		if _, err := os.Stat(filepath.Join(filepath.Dir(manifest), "LICENSE")); err != nil {
			t.Error(err)
		}
	}
}
